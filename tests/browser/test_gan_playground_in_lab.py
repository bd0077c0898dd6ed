"""GANPlayground in JupyterLab: it trains and draws while the notebook stays usable."""

import ast
import os
import time

import numpy as np
import pytest

from tests.browser.reading import settle

SHOW = """
import torch
from course_utils import gan
from course_utils.widgets import GANPlayground
playground = GANPlayground(seed=1)
playground
"""
START = "train, or pause"


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    return open_notebook(lab.write("gan_playground.ipynb", SHOW, "playground", "0"))


@pytest.fixture
def page(notebook):
    """The page with a fresh playground in two views; in the end nothing trains, and the console has not complained."""
    notebook.page.set_viewport_size({"width": 1280, "height": 1400})
    for number, text in enumerate((SHOW, "playground", "0")):
        notebook.write_cell(number, text)
    cells = notebook.run_all()
    assert all("error" not in output for cell in cells for output in cell["outputs"])
    notebook.page.locator(".gan-playground canvas").nth(1).wait_for()
    settle(notebook.page)
    yield notebook.page
    in_python(notebook, "playground.close()")
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".gan-playground").nth(index)


def in_python(notebook, expression, *, first=""):
    """The value of an expression in the notebook's kernel, after a statement."""
    notebook.write_cell(2, f"{first}\nrepr({expression})")
    return ast.literal_eval(ast.literal_eval(notebook.run_last()))


def now(page, index=0):
    """The numbers of the picture that is drawn."""
    return view(page, index).evaluate("(root) => root.picture.now")


def points(page, name="generated", index=0):
    return np.array(view(page, index).evaluate("(root, name) => Array.from(root.picture[name])", name))


def pixels(page, index=0):
    return view(page, index).locator(".gan-plane canvas").evaluate("(canvas) => canvas.toDataURL()")


def until(page, condition, argument=None):
    """Wait for a condition on the root of the first view."""
    page.wait_for_function(
        f"(argument) => (({condition}))(document.querySelector('.gan-playground'), argument)",
        arg=argument,
        timeout=90_000,
    )


def trained_to(page, n_rounds):
    until(page, "(root, n) => root.picture.now.rounds >= n", n_rounds)


def paused(page):
    until(page, "(root) => root.dataset.running === 'false'")
    settle(page)


def press(page, label, index=0):
    view(page, index).get_by_label(label, exact=True).click()


def choose(page, label, value):
    view(page).get_by_label(label, exact=True).select_option(value)


def message(page):
    return view(page).get_by_role("status").inner_text()


def test_points_move_pause_stops_and_reset_begins_again(page):
    before, drawn = points(page), pixels(page)
    assert now(page)["rounds"] == 0
    press(page, START)
    trained_to(page, 60)
    assert view(page).get_by_label(START).inner_text() == "Pause"
    assert message(page) == "Training."
    press(page, START)
    paused(page)
    assert np.abs(points(page) - before).max() > 0.3
    assert pixels(page) != drawn
    assert message(page) == "Paused."
    held, rounds = pixels(page), now(page)["rounds"]
    page.wait_for_timeout(1000)
    assert (pixels(page), now(page)["rounds"]) == (held, rounds)
    press(page, "start anew, with untrained networks")
    until(page, "(root) => root.picture.now.rounds === 0")
    settle(page)
    np.testing.assert_array_equal(points(page), before)
    assert pixels(page) == drawn


def test_keys_step_and_start_and_two_views_show_the_same(page, notebook):
    step = view(page).get_by_label("one round", exact=True)
    step.focus()
    for _ in range(3):
        page.keyboard.press("Enter")
    until(page, "(root) => root.picture.now.rounds === 3")
    settle(page)
    assert view(page).locator(".readout").inner_text() == "round 3"
    assert in_python(notebook, "playground.n_rounds") == 3
    np.testing.assert_array_equal(points(page), points(page, index=1))
    assert pixels(page) == pixels(page, 1)
    view(page, 1).get_by_label(START).press("Space")
    trained_to(page, 20)
    assert view(page).get_by_label(START).inner_text() == "Pause"
    view(page).get_by_label(START).press("Space")
    paused(page)


def test_other_cells_run_while_it_trains(page, notebook):
    in_python(notebook, "None", first="playground.start()")
    trained_to(page, 10)
    first = in_python(notebook, "playground.n_rounds")
    trained_to(page, first + 10)
    assert in_python(notebook, "(playground.running, sum(range(100_000)))") == (True, 4999950000)
    done = in_python(notebook, "playground.n_rounds", first="playground.pause()")
    assert done > first
    paused(page)
    assert now(page)["rounds"] == done, "the last picture is of the last round"


def test_losses_penalties_rates_and_sets_are_chosen_by_menus(page, notebook):
    choose(page, "loss of both players", "wasserstein")
    choose(page, "penalty on the discriminator", "gradient_penalty")
    choose(page, "weight of the penalty", "10")
    choose(page, "learning rate of the discriminator", "0.002")
    choose(page, "steps of the discriminator in a round", "5")
    choose(page, "rounds from one picture to the next", "2")
    press(page, "one round")
    until(page, "(root) => root.picture.now.rounds === 1 && !root.picture.now.isProbability")
    state = "loss, playground.penalty, playground.penalty_weight, playground.n_critic, playground.speed"
    assert in_python(notebook, f"(playground.{state})") == ("wasserstein", "gradient_penalty", 10, 5, 2)
    assert in_python(notebook, "playground.discriminator_learning_rate") == 0.002
    assert view(page).locator(".gan-layer-heat").inner_text() == "score"
    plane = pixels(page)
    choose(page, "data set", "line, four hills")
    until(page, "(root) => root.picture.real.length === 2000 && root.picture.generated.length === 1000")
    settle(page)
    assert "density" in view(page).locator(".gan-plane").inner_text()
    assert pixels(page) != plane
    choose(page, "data set", "two moons")
    until(page, "(root) => root.picture.generated.length === 2000")
    settle(page)
    assert "no modes are known here" in view(page).locator(".gan-coverage").inner_text()
    choose(page, "units of each hidden layer of the built-in networks", "8")
    until(page, "(root) => root.picture.now.rounds === 0")
    assert in_python(notebook, "playground.export().discriminator[0].weight.shape[0]") == 8


def test_layers_can_be_hidden(page, notebook):
    in_python(notebook, "None", first="playground.step(60)")  # at first all lies in one place
    until(page, "(root) => root.picture.now.rounds === 60")
    settle(page)
    seen = {pixels(page)}
    for name in ("generated", "arrows", "real", "grid", "heat"):
        view(page).locator(f".gan-layer-{name}").click()
        settle(page)
        seen.add(pixels(page))
        assert view(page).locator(f".gan-layer-{name}").get_attribute("aria-pressed") == "false"
    assert len(seen) == 6, "each of them was drawn"


def test_a_loss_from_a_cell_is_edited_while_it_trains_and_its_error_shows(page, notebook):
    press(page, START)
    trained_to(page, 4)
    define = "def my_loss(fake_logits):\n    return {}\nplayground.loss = my_loss"
    in_python(notebook, "None", first=define.format("5 - fake_logits.mean()"))
    menu = view(page).get_by_label("loss of both players")
    until(page, "(root) => root.picture.now.last[1] > 3")
    assert menu.input_value() == "from a cell: my_loss"
    in_python(notebook, "None", first=define.format("fake_logits @ fake_logits"))
    paused(page)
    until(page, "(root) => root.querySelector('.message').textContent.includes('RuntimeError')")
    assert "cell, line 2, in my_loss:  return fake_logits @ fake_logits" in message(page)
    rounds = in_python(notebook, "playground.n_rounds", first=define.format("(fake_logits - 1).log().mean()"))
    press(page, START)
    until(page, "(root) => root.querySelector('.message').textContent.includes('became nan')")
    paused(page)
    assert in_python(notebook, "playground.n_rounds") == rounds, "the round was undone"
    in_python(notebook, "None", first=define.format("-fake_logits.mean()"))
    press(page, START)
    trained_to(page, rounds + 4)
    assert message(page) == "Training."
    choose(page, "loss of both players", "hinge")
    until(page, "(root) => !root.picture.now.isProbability")
    menu.select_option("from a cell: my_loss")
    until(page, "(root) => root.picture.now.isProbability")


def test_points_are_drawn_with_the_pointer_and_with_keys(page, notebook):
    plane = view(page).locator(".gan-plane")
    press(page, "draw your own points with the pointer, or with the arrow keys and Enter")
    until(page, "(root) => root.picture.real.length === 0")
    settle(page)
    press(page, START)
    until(page, "(root) => root.querySelector('.message').textContent.includes('there are no points yet')")
    plane.scroll_into_view_if_needed()
    settle(page)
    box = plane.bounding_box()
    x, y = box["x"] + 52 + 0.75 * (box["width"] - 64), box["y"] + 14 + 0.5 * (box["height"] - 56)
    page.mouse.move(x, y - 60)
    page.mouse.down()
    page.mouse.move(x, y + 60, steps=12)
    page.mouse.up()
    until(page, "(root) => root.picture.real.length > 60")
    settle(page)
    real = np.reshape(points(page, "real"), (-1, 2))
    drawn = np.array(in_python(notebook, "playground.points.tolist()"))
    np.testing.assert_allclose(drawn, real, atol=1e-6)
    assert abs(drawn[:, 0].mean() - 1.25) < 0.1, "three quarters from the left of the window"
    assert drawn[:, 1].std() > 0.2
    plane.focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    until(page, "(root, n) => root.picture.real.length === n", 2 * len(real) + 16)
    settle(page)
    assert in_python(notebook, "len(playground.points)") == len(real) + 8
    before = points(page)
    press(page, START)
    trained_to(page, 80)
    press(page, START)
    paused(page)
    assert points(page)[::2].mean() > before[::2].mean() + 0.3, "the generator went where the points are"
    press(page, "remove your points")
    until(page, "(root) => root.picture.real.length === 0")
    assert in_python(notebook, "playground.points is None")


def test_a_closed_or_lost_view_ends_the_training(page, notebook):
    in_python(notebook, "None", first="playground.start()")
    trained_to(page, 4)
    notebook.command("editmenu:clear-all")
    page.locator(".gan-playground").first.wait_for(state="detached")
    page.wait_for_timeout(8000)
    assert in_python(notebook, "playground.running") is False


def test_updates_per_second(page, notebook, capsys):
    """Of the default playground in one view, and what a cell waits beside it; printed, as they are the machine's."""
    notebook.write_cell(1, "0")
    notebook.run_all()
    view(page).locator("canvas").wait_for()
    press(page, START)
    trained_to(page, 30)
    read = "(root) => [performance.now() / 1000, Number(root.dataset.drawn), root.picture.now]"
    used = in_python(notebook, "time.process_time()", first="import time")
    start, drawn, first = view(page).evaluate(read)
    page.wait_for_timeout(6000)
    end, drawn_then, last = view(page).evaluate(read)
    asked = time.perf_counter()
    used = in_python(notebook, "time.process_time()") - used
    waited, made = time.perf_counter() - asked, last["number"] - first["number"]
    with capsys.disabled():
        print(
            f"\nGANPlayground: {(drawn_then - drawn) / (end - start):.1f} drawn updates/s, "
            f"{(last['rounds'] - first['rounds']) / (end - start):.0f} rounds/s, "
            f"{1000 * used / made:.0f} ms of the kernel's processor time per update, "
            f"{1000 * waited:.0f} ms for another cell, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
        )
    assert made > 6
    assert 0 < drawn_then - drawn <= made + 4, "nothing is drawn twice"


def test_a_new_width_and_the_dark_theme_are_drawn(page, notebook):
    box, light = view(page).locator(".gan-plane").bounding_box(), pixels(page)
    page.set_viewport_size({"width": 620, "height": 1400})
    settle(page)
    narrow = view(page).locator(".gan-plane").bounding_box()
    assert narrow["width"] == pytest.approx(narrow["height"], abs=1)
    assert narrow["width"] < box["width"]
    root = view(page).bounding_box()
    assert narrow["x"] + narrow["width"] <= root["x"] + root["width"] + 1
    page.set_viewport_size({"width": 1280, "height": 1400})
    settle(page)
    notebook.change_theme("Dark")
    page.wait_for_timeout(500)
    settle(page)
    dark = pixels(page)
    notebook.change_theme("Light")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'true'")
    page.wait_for_timeout(500)
    settle(page)
    assert pixels(page) == light != dark


def test_every_control_has_a_name_and_it_fits_a_slide(page):
    unnamed = view(page).evaluate(
        """(root) => [...root.querySelectorAll("button, select, input, [role=img]")]
          .filter((node) => !node.getAttribute("aria-label")).map((node) => node.outerHTML)"""
    )
    assert unnamed == []
    view(page).evaluate("(root) => (root.parentElement.style.width = '1180px')")
    settle(page)
    size = view(page).bounding_box()
    assert size["width"] <= 1180
    assert size["height"] <= 560


def test_without_a_kernel_it_shows_the_last_picture_and_says_what_is_missing(page, notebook):
    press(page, "one round")
    until(page, "(root) => root.picture.now.rounds === 1")
    settle(page)
    drawn = pixels(page)
    notebook.restart_kernel()
    press(page, START)
    until(page, "(root) => root.querySelector('.message').textContent.includes('Training needs Python')")
    assert pixels(page) == drawn
    view(page).locator(".gan-layer-heat").click()
    settle(page)
    assert pixels(page) != drawn, "what the browser can do alone still works"
    notebook.run_all()
