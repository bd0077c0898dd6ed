"""DivergenceExplorer in JupyterLab: what is drawn follows the hand, and its numbers are Python's."""

import ast
import math
import re

import numpy as np
import pytest
from scipy import stats

from tests.browser.reading import centre, listen, report_delays, settle

DIVERGENCES = {
    "kl": "kl",
    "reverseKl": "reverse_kl",
    "js": "js",
    "tv": "total_variation",
    "w1": "wasserstein",
}
GRADIENTS = {"saturating": "saturating", "nonSaturating": "non_saturating", "wasserstein": "wasserstein"}
NAMES = ["kind", "centre", "width"]
START = ("Gaussian", -1.0, 0.5)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
TALL = {"width": 1280, "height": 2200}  # both views and all cells, so that nothing scrolls under the mouse
INK = "(node) => getComputedStyle(node).color"


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    first = "from course_utils.widgets import DivergenceExplorer\nwidget = DivergenceExplorer()\nwidget"
    opened = open_notebook(lab.write("divergence_explorer.ipynb", first, "widget", "0"))
    opened.page.set_viewport_size(TALL)
    cells = opened.run_all()
    assert all("error" not in output for cell in cells[:2] for output in cell["outputs"])
    opened.page.locator(".divergence-explorer .div-centre.q").nth(1).wait_for()
    return opened


@pytest.fixture
def show(notebook):
    """A function that sets p and q in Python; in the end the console must not have complained."""

    def set_state(p=START, q=("Gaussian", 1.5, 0.5)):
        traits = dict(zip([f"{name}_{trait}" for name in "pq" for trait in NAMES], (*p, *q), strict=True))
        in_python(
            notebook, "0", first="; ".join(f"widget.{name} = {value!r}" for name, value in traits.items())
        )
        view(notebook.page).scroll_into_view_if_needed()
        settle(notebook.page)
        return notebook.page

    yield set_state
    assert not notebook.complaints


def in_python(notebook, expression, *, first=""):
    """The value of an expression in the notebook's kernel, after a statement."""
    notebook.write_cell(2, f"{first}\nrepr({expression})")
    return ast.literal_eval(ast.literal_eval(notebook.run_last()))


def view(page, index=0):
    return page.locator(".divergence-explorer").nth(index)


def handle(page, name, index=0):
    return view(page, index).locator(f".div-{name}")


def numbers(page, index=0):
    """What is behind the bars and the arrows."""
    return view(page, index).evaluate("(root) => root.numbers")


def state(notebook):
    """Of p and q, in Python."""
    return in_python(notebook, "[tuple(widget.p), tuple(widget.q)]")


def assert_same_numbers(page, notebook):
    """The browser has the numbers that Python has, infinities too; give the browser's."""
    shown = numbers(page)
    text = "{name: str(float(value)) for name, value in widget.%s._asdict().items()}"
    for names, attribute in ((DIVERGENCES, "divergences"), (GRADIENTS, "gradients")):
        computed = in_python(notebook, text % attribute)
        for name, field in names.items():
            expected = float(computed[field])
            small = 1e-300 if attribute == "gradients" else 1e-9
            assert shown[name] == pytest.approx(expected, rel=5e-4, abs=small), name
    return shown


def as_number(text):
    """Of what is written beside a bar or an arrow."""
    if text == "∞":
        return math.inf
    return float(text.replace(" × 10", "e").translate(SUPERSCRIPTS))


def points(page, selector, index=0):
    """Of a drawn line, in pixels of its drawing."""
    drawn = view(page, index).locator(selector).get_attribute("d")
    return np.array(re.findall(r"[ML](\S+) ([^ML]+)", drawn), dtype=float)


def to_data(page, drawn):
    """Points in the panel of densities: x, and the share of the panel's height."""
    width, height = view(page).locator(".div-densities").evaluate("(n) => [n.clientWidth, n.clientHeight]")
    return -6 + 12 * (drawn[:, 0] - 52) / (width - 64), (height - 42 - drawn[:, 1]) / (height - 56)


def unit(page):
    """Pixels per unit of x."""
    return (view(page).locator(".div-densities").bounding_box()["width"] - 64) / 12


def drag(page, place, dx):
    x, y = place
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + 9, steps=6)
    page.mouse.up()
    settle(page)


def pdf(kind, middle, width):
    """The density by SciPy."""
    if kind == "uniform":
        return stats.uniform(middle - width, 2 * width).pdf
    if kind == "Gaussian":
        return stats.norm(middle, width).pdf
    hills = [stats.norm(middle + side * width, width / 3) for side in (-1, 1)]
    return lambda x: sum(hill.pdf(x) for hill in hills) / 2


STATES = [
    (("Gaussian", -1.0, 0.5), ("Gaussian", 1.5, 0.5)),
    (("Gaussian", -4.0, 0.3), ("Gaussian", 4.0, 0.3)),
    (("two Gaussians", 0.0, 1.8), ("Gaussian", 1.0, 0.6)),
    (("Gaussian", 0.7, 2.0), ("two Gaussians", -1.0, 0.3)),
    (("two Gaussians", -4.0, 0.3), ("two Gaussians", 4.0, 0.3)),
    (("uniform", 0.0, 0.5), ("uniform", 0.25, 2.0)),
    (("uniform", -2.0, 0.5), ("uniform", 2.0, 1.0)),
    (("uniform", 0.0, 1.5), ("Gaussian", 1.0, 0.8)),
    (("two Gaussians", 0.0, 1.0), ("uniform", 0.5, 0.6)),
    (("two Gaussians", 0.0, 0.3), ("uniform", 0.0, 2.0)),  # infinite, though nearly all of p is within q
    (("Gaussian", 0.4, 0.7), ("Gaussian", 0.4, 0.7)),
]


@pytest.mark.parametrize(("p", "q"), STATES)
def test_numbers_are_pythons_and_are_what_is_drawn(show, notebook, p, q):
    page = show(p, q)
    shown = assert_same_numbers(page, notebook)
    assert "NaN" not in view(page).inner_text() + view(page).inner_html()
    for names, area in ((DIVERGENCES, ".div-bars"), (GRADIENTS, ".div-gradients")):
        texts = view(page).locator(f"{area} .div-number").all_text_contents()
        values = [abs(shown[name]) for name in names]
        assert [as_number(text) for text in texts] == pytest.approx(values, rel=0.06, abs=5.1e-4)

    shares = []
    for name in DIVERGENCES:
        bar = view(page).locator(f".div-bars .bar.{name}").get_attribute("d")
        start, end = (float(number) for number in re.findall(r"M(\S+) .*H(\S+)", bar)[0])
        width = view(page).locator(".div-bars").evaluate("(node) => node.clientWidth")
        shares.append((end - start) / (width - 16 - start))
    kls = [1 - 1 / (1 + shown[name]) for name in ("kl", "reverseKl")]
    assert shares == pytest.approx(
        [*kls, shown["js"] / math.log(2), shown["tv"], shown["w1"] / 8.5], abs=0.002
    )

    half = (view(page).locator(".div-gradients").evaluate("(node) => node.clientWidth") - 16 - 276) / 2
    for name in GRADIENTS:
        to = float(view(page).locator(f".arrow.{name}").get_attribute("data-to"))
        size = abs(shown[name])
        decades = np.clip(math.log10(size) + 12, 0, 15) if size else 0
        assert to == pytest.approx(-np.sign(shown[name]) * half * decades / 15, abs=0.1), "where descent goes"

    ceiling = 2 ** math.ceil(
        math.log2(1.05 * max(pdf(*each)(np.linspace(-6, 6, 4001)).max() for each in (p, q)))
    )
    p_pdf, q_pdf = pdf(*p), pdf(*q)
    ends = [middle + side * width for kind, middle, width in (p, q) if kind == "uniform" for side in (-1, 1)]
    for name, density in (("p", p_pdf), ("q", q_pdf)):
        x, drawn = to_data(page, points(page, f".div-curve.{name}"))
        away = np.all([abs(x - end) > 1e-3 for end in ends], axis=0) if ends else np.full(len(x), True)
        np.testing.assert_allclose(drawn[away], density(x[away]) / ceiling, atol=0.02, err_msg=name)
    x, drawn = to_data(page, points(page, ".div-ratio"))
    both = p_pdf(x) + q_pdf(x)
    known = both > 1e-200
    known &= np.all([abs(x - end) > 0.01 for end in ends], axis=0) if ends else True
    expected = p_pdf(x[known]) / both[known]
    assert np.quantile(abs(drawn[known] - expected), 0.98) < 0.03, "D*"


@pytest.mark.parametrize("name", ["p", "q"])
def test_centre_and_width_follow_the_mouse(show, notebook, name):
    page = show(("Gaussian", -1.0, 1.0), ("Gaussian", 1.5, 1.0))
    k = "pq".index(name)
    before, start = numbers(page), state(notebook)
    x, y = centre(handle(page, f"centre.{name}"))
    drag(page, (x, y), 40)
    now = state(notebook)
    assert now[k][1] == pytest.approx(start[k][1] + 40 / unit(page), abs=0.01)
    assert centre(handle(page, f"centre.{name}")) == pytest.approx((x + 40, y), abs=1)
    assert (now[k][2], now[1 - k]) == (1.0, start[1 - k])
    after = assert_same_numbers(page, notebook)
    assert after["w1"] == pytest.approx(abs(now[1][1] - now[0][1]), rel=1e-4)
    assert after["w1"] != pytest.approx(before["w1"], rel=0.1)
    drag(page, centre(handle(page, f"width.{name}")), 15)
    wider = state(notebook)
    assert wider[k][2] == pytest.approx(1 + 15 / unit(page), abs=0.01)
    assert wider[k][1] == now[k][1]
    drag(page, centre(handle(page, f"left.{name}")), 15)
    assert state(notebook)[k][2] == pytest.approx(1.0, abs=0.01), "the left square is pulled inwards"
    x, y = centre(handle(page, f"centre.{name}"))
    place = x + (-15 if name == "p" else 15), centre(view(page).locator(f".div-area.{name}"))[1] + 15
    drag(page, place, -30)
    assert state(notebook)[k][1] == pytest.approx(now[k][1] - 30 / unit(page), abs=0.01), "by the curve"
    drag(page, centre(handle(page, f"centre.{name}")), 2000)
    drag(page, centre(handle(page, f"width.{name}")), 2000)
    assert state(notebook)[k] == ("Gaussian", 4.0, 2.0), "not beyond the limits"
    assert_same_numbers(page, notebook)


def test_keys_move_centres_and_widths(show, notebook):
    page = show()
    for name, (label, keys) in enumerate(
        [
            ("centre of p", ["ArrowRight", "ArrowRight", "Shift+ArrowLeft"]),
            ("width of p", ["ArrowUp", "Shift+ArrowRight"]),
            ("centre of q", ["Shift+ArrowRight", "ArrowDown"]),
            ("width of q", ["Shift+ArrowUp", "ArrowLeft"]),
        ]
    ):
        slider = view(page).get_by_role("slider", name=label)
        slider.focus()
        if name == 0:
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            assert slider.evaluate("(node) => getComputedStyle(node).strokeWidth") == "5px", "focus is seen"
        for key in keys:
            page.keyboard.press(key)
    settle(page)
    p, q = state(notebook)
    assert p == ("Gaussian", pytest.approx(-1 + 0.1 - 0.5), pytest.approx(0.5 + 0.02 + 0.2))
    assert q == ("Gaussian", pytest.approx(1.5 + 0.5 - 0.05), pytest.approx(0.5 + 0.2 - 0.02))
    now = [
        float(view(page).get_by_role("slider", name=f"{what} of {name}").get_attribute("aria-valuenow"))
        for name in "pq"
        for what in ("centre", "width")
    ]
    assert now == pytest.approx([*p[1:], *q[1:]], abs=1e-3)
    assert_same_numbers(page, notebook)
    assert "distance 3.35" in view(page).locator(".readout").inner_text()


def test_shapes_are_chosen_and_their_notes_are_read(show, notebook):
    page = show(q=("Gaussian", 1.5, 1.0))
    message = view(page).get_by_role("status")
    assert not message.inner_text()
    view(page).get_by_label("shape of p").select_option("uniform")
    settle(page)
    assert "Outside p's segment" in message.inner_text()
    view(page).get_by_label("shape of q").select_option("uniform")
    settle(page)
    assert "Two segments" in message.inner_text()
    assert [each[0] for each in state(notebook)] == ["uniform", "uniform"]
    assert_same_numbers(page, notebook)
    spoken = view(page).locator(".div-bars svg").get_attribute("aria-label")
    assert "KL(q ‖ p) infinite nats" in spoken
    verdicts = view(page).locator(".div-verdict").all_text_contents()
    assert verdicts == ["no gradient at all"] * 2 + ["towards p"]
    view(page).get_by_label("shape of p").select_option("two Gaussians")
    settle(page)
    assert "ends of q's segment" in message.inner_text()


@pytest.mark.parametrize(
    ("p", "q", "words"),
    [
        (("Gaussian", 3.0, 0.3), ("Gaussian", -3.0, 0.3), ["vanishes", "towards p, very large", "towards p"]),
        (("two Gaussians", 0.0, 1.8), ("Gaussian", 1.0, 0.6), ["away from p's centre"] * 2 + ["towards p"]),
        (("Gaussian", 1.0, 0.3), ("Gaussian", 1.0, 1.0), ["none: centres agree"] * 3),
    ],
)
def test_gradients_in_words(show, p, q, words):
    page = show(p, q)
    assert view(page).locator(".div-verdict").all_text_contents() == words


def test_curves_over_the_distance(show):
    page = show(("Gaussian", -1.0, 0.4), ("Gaussian", 1.5, 0.4))
    width = view(page).locator(".div-sweep").evaluate("(node) => node.clientWidth")
    shown = numbers(page)
    per_nat = None
    for name, expected in (("w1", lambda d: d), ("kl", lambda d: d**2 / (2 * 0.16))):
        drawn = points(page, f".curve.{name}")
        d = 8 * (drawn[:, 0] - 52) / (width - 64)
        assert (d[0], d[-1]) == pytest.approx((0, 8), abs=0.01)
        height = drawn[0, 1] - drawn[:, 1]
        np.testing.assert_allclose(height / height[-1], expected(d) / expected(8), atol=0.01, err_msg=name)
    drawn = points(page, ".curve.js")
    d, height = 8 * (drawn[:, 0] - 52) / (width - 64), drawn[0, 1] - drawn[:, 1]
    assert np.ptp(height[d > 3]) < 0.1, "flat at log 2"
    per_nat = height[-1] / math.log(2)
    tv = points(page, ".curve.tv")
    assert (tv[0, 1] - tv[-1, 1]) / per_nat == pytest.approx(1, abs=0.01)
    for name in ("js", "kl", "w1"):
        curve = points(page, f".curve.{name}")
        dot = view(page).locator(f".now.{name}")
        x, y = (float(dot.get_attribute(attribute)) for attribute in ("cx", "cy"))
        assert x == pytest.approx(52 + (width - 64) * 2.5 / 8, abs=0.1)
        assert y == pytest.approx(np.interp(x, curve[:, 0], curve[:, 1]), abs=0.3)
    assert (
        drawn[0, 1] - float(view(page).locator(".now.js").get_attribute("cy"))
    ) / per_nat == pytest.approx(shown["js"], abs=0.01)
    page = show(("uniform", 0.0, 0.5), ("uniform", 1.0, 1.5))
    curve = points(page, ".curve.kl")
    jump = curve[np.flatnonzero(np.diff(curve[:, 1]) < -5)[0]]
    assert 8 * (jump[0] - 52) / (width - 64) == pytest.approx(1.0, abs=0.01), (
        "infinite where q no longer covers p"
    )


def test_two_views_stay_together(show, notebook):
    page = show()
    drag(page, centre(handle(page, "centre.q", 1)), -25)
    assert numbers(page) == numbers(page, 1)
    for selector in (".div-curve.q", ".div-ratio"):
        assert np.array_equal(points(page, selector), points(page, selector, 1))
    view(page, 1).get_by_label("shape of p").select_option("two Gaussians")
    settle(page)
    assert view(page).get_by_label("shape of p").input_value() == "two Gaussians"
    assert numbers(page) == numbers(page, 1)
    assert_same_numbers(page, notebook)


def test_it_fits_a_slide_a_new_width_and_the_dark_theme(show, notebook):
    page = show()
    page.set_viewport_size({**TALL, "width": 1500})
    settle(page)
    box = view(page).bounding_box()
    assert box["width"] <= 1180
    assert box["height"] <= 560
    wide = view(page).locator(".div-densities").bounding_box()["width"]
    for viewport in (1500, 760):
        page.set_viewport_size({**TALL, "width": viewport})
        settle(page)
        box = view(page).locator(".div-densities").bounding_box()
        at = (centre(handle(page, "centre.q"))[0] - box["x"] - 52) / (box["width"] - 64)
        assert at == pytest.approx(7.5 / 12, abs=0.005)
    assert box["width"] != pytest.approx(wide, rel=0.05)
    ink = view(page).evaluate(INK)
    notebook.change_theme("Dark")
    assert view(page).evaluate(INK) != ink
    notebook.change_theme("Light")
    page.set_viewport_size(TALL)


def test_input_is_drawn_at_once(show, capsys):
    page = show()
    listen(page, ".divergence-explorer")
    for name in ("centre.q", "width.p"):
        x, y = centre(handle(page, name))
        page.mouse.move(x, y)
        page.mouse.down()
        for i in range(50):
            page.mouse.move(x + i, y + i % 7)
            page.wait_for_timeout(20)
        page.mouse.up()
    report_delays(page, capsys, "DivergenceExplorer", pointermove="centre and width dragged")


def test_without_a_kernel_it_does_all_it_did(show, notebook):
    page = show()
    notebook.restart_kernel()
    before = numbers(page)
    drag(page, centre(handle(page, "centre.q")), 40)
    moved = numbers(page)
    assert moved["w1"] == pytest.approx(before["w1"] + 40 / unit(page), abs=0.01)
    view(page).get_by_label("shape of q").select_option("uniform")
    settle(page)
    assert numbers(page)["reverseKl"] != moved["reverseKl"]
    assert numbers(page)["kl"] == math.inf
