"""ELBOExplorer in JupyterLab: what is drawn follows the hand, and its numbers are Python's."""

import ast
import re

import numpy as np
import pytest
from scipy import optimize, stats

from tests.browser.reading import centre, listen, report_delays, settle

# The same models here and in the kernel.
MODELS = """
import torch
from torch import nn

from course_utils.vae import VAE, Gaussian
from course_utils.widgets import ELBOExplorer

class Arc(nn.Module):
    def forward(self, z):
        return torch.cat([1.5 * z, z.square() - 1], 1)

torch.manual_seed(1)
linear = VAE(nn.Sequential(nn.Linear(2, 2)), nn.Sequential(nn.Linear(1, 2)), 1, Gaussian(0.5))
curved = VAE(nn.Sequential(nn.Linear(2, 2)), nn.Sequential(Arc()), 1, Gaussian(0.5))
x = torch.tensor([[1.2, 0.3], [0.0, -0.4], [-1.5, 0.5]])
both = ELBOExplorer({"linear": linear, "curved": curved}, x)
single = ELBOExplorer(VAE(nn.Sequential(nn.Linear(1, 2)), nn.Sequential(nn.Linear(1, 1)), 1), [[0.0], [1.0]])
"""
HERE = {}
exec(MODELS, HERE)
TERMS = {"reconstruction": "reconstruction", "kl": "kl", "elbo": "elbo", "gap": "gap", "logProb": "log_prob"}
BACKGROUND = "(node) => getComputedStyle(node).backgroundColor"
INK = "(node) => getComputedStyle(node).stroke"
MARGINS = (52, 12, 14, 42)  # of a panel: left, right, top, bottom, in pixels


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    return open_notebook(lab.write("elbo_explorer.ipynb", MODELS, "widget = both\nwidget", "widget", "0"))


@pytest.fixture
def show(notebook):
    """A function that shows an explorer in two views; in the end the console must not have complained."""

    def show_one(name="both"):
        notebook.page.set_viewport_size({"width": 1280, "height": 1400})
        notebook.write_cell(1, f"widget = {name}\nwidget")
        cells = notebook.run_all()
        assert all("error" not in output for cell in cells[:3] for output in cell["outputs"])
        notebook.page.locator(".elbo-explorer .elbo-mean").nth(1).wait_for()
        view(notebook.page).scroll_into_view_if_needed()
        settle(notebook.page)
        return notebook.page

    yield show_one
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".elbo-explorer").nth(index)


def terms(page, index=0):
    """The numbers behind the bars."""
    return view(page, index).evaluate("(root) => root.terms")


def path(page, selector, index=0):
    """The points of a drawn line, in pixels of its panel."""
    drawn = view(page, index).locator(selector).get_attribute("d")
    return np.array(re.findall(r"[ML](\S+) ([^ML]+)", drawn), dtype=float)


def in_python(notebook, expression, *, first=""):
    """The value of an expression in the notebook's kernel, after a statement."""
    notebook.write_cell(3, f"{first}\nrepr({expression})")
    return ast.literal_eval(ast.literal_eval(notebook.run_last()))


def place_q(page, notebook, mean, logvar, **others):
    """Set the traits in Python, and wait for the drawing."""
    traits = {"mean": mean, "logvar": logvar, **others}
    in_python(
        notebook, "None", first="; ".join(f"widget.{name} = {value!r}" for name, value in traits.items())
    )
    settle(page)


def python_terms(notebook):
    """The state and the numbers, in the kernel."""
    names = ["model", "index", "mean", "logvar", *TERMS.values()]
    return in_python(notebook, f"{{name: getattr(widget, name) for name in {names}}}")


def assert_same_numbers(page, notebook):
    """The browser has the numbers that Python has; give Python's."""
    shown, computed = terms(page), python_terms(notebook)
    for name, attribute in TERMS.items():
        assert shown[name] == pytest.approx(computed[attribute], abs=1e-4), name
    return computed


def to_data(page, points, y_limit):
    """Points in the panel of densities, as z and density."""
    left, right, top, bottom = MARGINS
    panel = view(page).locator(".elbo-z")
    width, height = panel.evaluate("(node) => [node.clientWidth, node.clientHeight]")
    z = -4 + 8 * (points[:, 0] - left) / (width - left - right)
    return z, y_limit * (height - bottom - points[:, 1]) / (height - top - bottom)


def drag(page, handle, dx, dy=0):
    x, y = centre(handle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()
    settle(page)


def posterior(explorer):
    """The density on the explorer's grid."""
    return (explorer._table() + explorer._prior - explorer.log_prob).exp().numpy()


@pytest.mark.parametrize(
    ("model", "index", "mean", "logvar"),
    [("linear", 0, 0.4, -1.0), ("curved", 1, -1.3, 0.5), ("curved", 2, 3.9, -7.0), ("linear", 1, -4.0, 1.4)],
)
def test_numbers_and_curves_are_pythons(show, notebook, model, index, mean, logvar):
    page = show()
    place_q(page, notebook, mean, logvar, model=model, index=index)
    assert_same_numbers(page, notebook)
    here = HERE["both"]
    here.model, here.index = model, index
    density = posterior(here)
    limit = 1.3 * max(density.max(), 0.4)
    z, drawn = to_data(page, path(page, ".elbo-posterior"), limit)
    np.testing.assert_allclose(
        drawn, np.interp(z, here._grid.numpy(), density), atol=0.01 * limit, err_msg="the posterior"
    )
    z, drawn = to_data(page, path(page, ".elbo-q"), limit)
    expected = stats.norm(mean, np.exp(logvar / 2)).pdf(z)
    np.testing.assert_allclose(drawn, expected, atol=0.02 * max(limit, expected.max()), err_msg="q")


def test_bars_add_up_and_log_p_does_not_move(show, notebook):
    page = show()
    places = []
    for mean, logvar in ((0.0, 0.0), (0.3, -1.0), (2.0, -3.0)):
        place_q(page, notebook, mean, logvar, model="curved", index=0)
        ends = {
            name: np.array(
                [
                    re.findall(r"M(\S+) .*H(\S+)", bar.get_attribute("d"))[0]
                    for bar in view(page).locator(f".bar.{name}").all()
                ],
                float,
            )
            for name in TERMS
        }
        values = terms(page)
        line = float(re.findall(r"M(\S+) ", view(page).locator(".total").get_attribute("d"))[0])
        places.append(line)
        per_nat = (ends["gap"][0, 1] - ends["gap"][0, 0]) / values["gap"]
        for name in ("reconstruction", "elbo"):
            assert ends[name][0, 1] == pytest.approx(
                line + (values[name] - values["logProb"]) * per_nat, abs=0.1
            )
        assert ends["kl"][0] == pytest.approx([ends["elbo"][0, 1], ends["reconstruction"][0, 1]])
        assert ends["gap"][0] == pytest.approx([ends["elbo"][0, 1], line], abs=0.02)
        np.testing.assert_allclose(ends["logProb"], [ends["elbo"][0], ends["gap"][0]], err_msg="the stack")
        texts = view(page).locator(".nats-bars .number").all_text_contents()
        assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(
            [values[name] for name in TERMS], abs=5.1e-4
        )
    assert places == pytest.approx([places[0]] * 3, abs=0.02)


def test_mean_and_width_follow_the_mouse(show, notebook):
    page = show()
    place_q(page, notebook, 0.0, -1.0, model="linear", index=0)
    before, unit = terms(page), (view(page).locator(".elbo-z").bounding_box()["width"] - 64) / 8
    mean, width, left = (view(page).locator(f".elbo-{name}") for name in ("mean", "width", "left"))
    x, y = centre(mean)
    drag(page, mean, 90)
    assert centre(mean) == pytest.approx((x + 90, y), abs=1)
    now = assert_same_numbers(page, notebook)
    assert now["mean"] == pytest.approx(90 / unit, abs=0.01)
    assert now["logvar"] == -1.0
    assert terms(page)["logProb"] == before["logProb"]
    assert terms(page)["gap"] != before["gap"]
    sigma = np.exp(-0.5)
    assert centre(width)[0] - centre(mean)[0] == pytest.approx(sigma * unit, abs=1)
    drag(page, width, 40)
    now = assert_same_numbers(page, notebook)
    assert np.exp(now["logvar"] / 2) == pytest.approx(sigma + 40 / unit, abs=0.01)
    assert now["mean"] == pytest.approx(90 / unit, abs=0.01)
    assert centre(left)[0] - centre(mean)[0] == pytest.approx(-(sigma * unit + 40), abs=1)
    drag(page, left, 60)
    assert np.exp(assert_same_numbers(page, notebook)["logvar"] / 2) == pytest.approx(
        sigma - 20 / unit, abs=0.01
    )
    drag(page, mean, 2000)
    assert assert_same_numbers(page, notebook)["mean"] == 4.0, "not beyond the limit"


def test_keys_move_mean_and_width(show, notebook):
    page = show()
    place_q(page, notebook, 0.5, -1.0)
    mean, width = (
        view(page).get_by_role("slider", name=name) for name in ("mean of q", "standard deviation of q")
    )
    mean.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    width.focus()
    for key in ("ArrowUp", "Shift+ArrowDown"):
        page.keyboard.press(key)
    settle(page)
    now = assert_same_numbers(page, notebook)
    assert (now["mean"], now["logvar"]) == pytest.approx((0.5 + 0.04 - 0.2, -1.0 + 0.04 - 0.4))
    assert float(mean.get_attribute("aria-valuenow")) == pytest.approx(now["mean"], abs=1e-3)
    assert float(width.get_attribute("aria-valuenow")) == pytest.approx(np.exp(now["logvar"] / 2), abs=1e-3)
    mean.focus()
    page.keyboard.press("Shift+ArrowRight")
    settle(page)
    assert "0.540" in view(page).locator(".readout").inner_text()


@pytest.mark.parametrize(("model", "index"), [("linear", 0), ("curved", 1), ("curved", 2)])
def test_optimising_reaches_the_best_gaussian(show, notebook, model, index):
    page = show()
    place_q(page, notebook, 0.6, 0.8, model=model, index=index)
    here, start = HERE["both"], terms(page)
    here.model, here.index = model, index

    def gap(q):
        here.mean, here.logvar = np.clip(q, [-4, -7.8], [4, 1.4])
        return here.gap

    best = min(optimize.minimize(gap, [m, -1.5], method="Nelder-Mead").fun for m in (-1.0, 0.0, 1.0))
    button = view(page).get_by_label("climb to the highest bound, or pause")
    button.click()
    page.wait_for_timeout(150)
    button.click()
    settle(page)
    paused = terms(page)
    assert start["gap"] > paused["gap"] > best + 1e-4, "half way"
    assert button.inner_text() == "Optimise q"
    page.wait_for_timeout(300)
    assert terms(page) == paused
    button.click()
    page.wait_for_function("() => /stands still/.test(document.querySelector('.message').textContent)")
    settle(page)
    assert_same_numbers(page, notebook)
    assert best - 1e-6 <= terms(page)["gap"] <= best + 1e-4
    assert terms(page)["logProb"] == start["logProb"]


def test_choose_x_and_decoder_and_reset(show, notebook):
    page = show()
    place_q(page, notebook, 0.2, -0.5, model="linear", index=0)
    view(page).get_by_label("decoder", exact=True).select_option("curved")
    view(page).get_by_label("number and value of x").select_option(index=1)
    settle(page)
    now = assert_same_numbers(page, notebook)
    assert (now["model"], now["index"], now["mean"]) == ("curved", 1, 0.2), "q stays as it is"
    dots = view(page).locator(".elbo-dot")
    assert centre(view(page).locator(".elbo-chosen")) == pytest.approx(centre(dots.nth(1)), abs=0.5)
    x, y = centre(dots.nth(2))
    page.mouse.click(x + 3, y - 3)
    settle(page)
    assert assert_same_numbers(page, notebook)["index"] == 2
    assert centre(view(page).locator(".elbo-chosen")) == pytest.approx((x, y), abs=0.5)
    assert view(page).get_by_label("number and value of x").input_value() == "2: −1.50, 0.50"
    view(page).get_by_label("the q that the encoder gives for this x").click()
    settle(page)
    posterior = HERE["curved"].encode(HERE["x"][2:])
    now = assert_same_numbers(page, notebook)
    assert (now["mean"], now["logvar"]) == pytest.approx([part.item() for part in posterior], abs=1e-6)


def test_the_decoded_part_of_the_curve_is_that_of_q(show, notebook):
    page = show()
    place_q(page, notebook, 0.5, float(2 * np.log(0.5)), model="linear", index=0)
    covered, curve = path(page, ".elbo-covered"), path(page, ".elbo-x svg svg path:first-child")
    z = np.linspace(-4, 4, len(curve))
    for end, at in ((0, -0.5), (-1, 1.5)):
        expected = [np.interp(at, z, curve[:, k]) for k in (0, 1)]
        np.testing.assert_allclose(covered[end], expected, atol=0.05)


def test_an_x_of_one_number(show, notebook):
    page = show("single")
    place_q(page, notebook, 0.5, -1.0, index=0)
    assert_same_numbers(page, notebook)
    page.mouse.click(*centre(view(page).locator(".elbo-dot").nth(1)))
    settle(page)
    now = assert_same_numbers(page, notebook)
    assert now["index"] == 1
    chosen = centre(view(page).locator(".elbo-chosen"))
    assert chosen == pytest.approx(centre(view(page).locator(".elbo-dot").nth(1)), abs=0.5)


def test_two_views_stay_together_and_the_hand_in_one_stops_the_other(show, notebook):
    page = show()
    place_q(page, notebook, 3.0, -1.0, model="curved", index=1)
    view(page).get_by_label("climb to the highest bound, or pause").click()
    page.wait_for_timeout(100)
    other = view(page, 1).locator(".elbo-mean")
    other.focus()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert view(page).get_by_label("climb to the highest bound, or pause").inner_text() == "Optimise q"
    assert terms(page) == terms(page, 1)
    assert terms(page)["gap"] > 0.5, "it has stopped on its way"
    assert np.array_equal(path(page, ".elbo-q"), path(page, ".elbo-q", 1))
    view(page, 1).get_by_label("decoder", exact=True).select_option("linear")
    settle(page)
    assert view(page).get_by_label("decoder", exact=True).input_value() == "linear"
    assert terms(page) == terms(page, 1)
    assert np.array_equal(path(page, ".elbo-posterior"), path(page, ".elbo-posterior", 1))


def test_it_fits_a_slide_a_new_width_and_the_dark_theme(show, notebook):
    page = show()
    panel, mean = view(page).locator(".elbo-z"), view(page).locator(".elbo-mean")

    def share():
        box = panel.bounding_box()
        return box["width"], (centre(mean)[0] - box["x"] - 52) / (box["width"] - 64)

    place_q(page, notebook, 1.0, -1.0)
    page.set_viewport_size({"width": 1500, "height": 1400})
    settle(page)
    box = view(page).bounding_box()
    assert box["width"] <= 1180
    assert box["height"] <= 560
    wide, at = share()
    assert at == pytest.approx(5 / 8, abs=0.005)
    page.set_viewport_size({"width": 760, "height": 1400})
    settle(page)
    assert share()[0] != pytest.approx(wide, rel=0.05)
    assert share()[1] == pytest.approx(5 / 8, abs=0.005)
    ink = view(page).locator(".elbo-posterior").evaluate(INK)
    notebook.change_theme("Dark")
    settle(page)
    assert panel.evaluate(BACKGROUND) != "rgb(255, 255, 255)"
    assert view(page).locator(".elbo-posterior").evaluate(INK) != ink
    notebook.change_theme("Light")


def test_without_a_kernel_it_does_all_it_did(show, notebook):
    page = show()
    notebook.restart_kernel()
    before = terms(page)
    drag(page, view(page).locator(".elbo-mean"), 50)
    assert terms(page)["gap"] != before["gap"]
    view(page).get_by_label("number and value of x").select_option(index=1)
    settle(page)
    assert terms(page)["logProb"] != before["logProb"]
    view(page).get_by_label("climb to the highest bound, or pause").click()
    page.wait_for_function("() => /stands still/.test(document.querySelector('.message').textContent)")


def test_input_is_drawn_at_once(show, capsys):
    page = show()
    listen(page, ".elbo-explorer")
    for handle in ("mean", "width"):
        x, y = centre(view(page).locator(f".elbo-{handle}"))
        page.mouse.move(x, y)
        page.mouse.down()
        for i in range(50):
            page.mouse.move(x + i, y + i % 7)
            page.wait_for_timeout(20)
        page.mouse.up()
    report_delays(page, capsys, "ELBOExplorer", pointermove="mean and width dragged")
