"""EMStepper in JupyterLab: what is drawn follows the mouse, the keyboard and Python."""

import re

import pytest

from tests.browser.reading import centre, listen, report_delays, settle

CELLS = (
    "from course_utils.widgets import EMStepper\nwidget = EMStepper(n_iterations=20)\nwidget",
    "widget",
    "widget.parameters.means[1, 0].item()",
)

BACKGROUND = "(node) => getComputedStyle(node).backgroundColor"
INK = "(node) => getComputedStyle(node).stroke"


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    return open_notebook(lab.write("em_stepper.ipynb", *CELLS))


@pytest.fixture
def stepper(notebook):
    """A page with a new widget in two views, settled; in the end the console must not have complained."""
    notebook.page.set_viewport_size({"width": 1280, "height": 900})
    cells = notebook.run_all()
    assert all("error" not in output for cell in cells for output in cell["outputs"])
    notebook.page.locator(".em-stepper .em-mean").nth(3).wait_for()
    settle(notebook.page)
    yield notebook.page
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".em-stepper").nth(index)


def ellipses(page, index=0):
    """What is drawn: radii, place and angle of each component's inner ellipse."""
    return (
        view(page, index)
        .locator(".em-component > ellipse:first-child")
        .evaluate_all(
            "(shapes) => shapes.map((s) => ['rx', 'ry', 'transform'].map((name) => s.getAttribute(name)))"
        )
    )


def pixels(page):
    return page.evaluate("() => document.querySelector('.em-stepper canvas').toDataURL()")


def climb(page):
    return view(page).locator(".em-curve svg:last-child path").get_attribute("d")


def iteration(page, index=0):
    return int(re.search(r"\d+", view(page, index).locator(".readout").inner_text())[0])


def press_button(page, label):
    view(page).get_by_label(label).click()
    settle(page)


def test_step_back_reset_slider_and_play(stepper):
    page = stepper
    start, colours, present = ellipses(page), pixels(page), view(page).locator(".em-present")
    assert len(start) == 2
    at_start = centre(present)
    press_button(page, "one iteration on")
    assert iteration(page) == 1
    first = ellipses(page)
    assert all(one != other for one, other in zip(first, start, strict=True))
    assert pixels(page) != colours, "the points have new colours"
    assert centre(present)[1] < at_start[1], "the bound has climbed"
    press_button(page, "one iteration back")
    assert ellipses(page) == start
    assert pixels(page) == colours
    slider = view(page).get_by_label("iteration", exact=True)
    slider.focus()
    page.keyboard.press("End")
    settle(page)
    assert iteration(page) == 20
    assert ellipses(page) != first
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert iteration(page) == 19
    press_button(page, "back to iteration 0")
    assert ellipses(page) == start
    play = view(page).get_by_label("play or pause")
    play.press("Enter")
    page.wait_for_function("() => /iteration [3-9]/.test(document.querySelector('.readout').textContent)")
    play.press("Enter")
    settle(page)
    stopped = iteration(page)
    assert 3 <= stopped < 20
    page.wait_for_timeout(1200)
    assert iteration(page) == stopped


def test_a_mean_dragged_by_mouse_follows_the_hand_and_em_goes_on_from_there(stepper):
    page = stepper
    mean = view(page).locator(".em-mean").first
    mean.scroll_into_view_if_needed()
    settle(page)
    start, colours, curve = ellipses(page), pixels(page), climb(page)
    x, y = centre(mean)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y - 50, steps=8)
    settle(page)
    assert centre(mean) == pytest.approx((x + 80, y - 50), abs=1)
    held = ellipses(page)
    assert held[0][:2] == start[0][:2]
    assert held[0][2] != start[0][2]
    assert held[1] == start[1]
    assert pixels(page) != colours, "the points change their colours while the hand moves"
    assert climb(page) == curve
    page.mouse.up()
    page.wait_for_function("() => /iteration 20/.test(document.querySelector('.readout').textContent)")
    assert climb(page) != curve, "Python has climbed anew"
    press_button(page, "back to iteration 0")
    assert centre(mean) == pytest.approx((x + 80, y - 50), abs=1), "the new climb starts where it was dropped"


def test_a_mean_moves_by_arrow_keys(stepper, notebook):
    page = stepper
    start, curve = ellipses(page), climb(page)
    mean = view(page).locator(".em-mean").nth(1)
    label = mean.get_attribute("aria-label")
    x, y = centre(mean)
    mean.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        settle(page)
    assert ellipses(page)[0] == start[0]
    now = centre(mean)
    assert now[0] < x - 10
    assert now[1] > y + 5
    assert climb(page) != curve
    assert mean.get_attribute("aria-label") != label
    printed = notebook.run_last()
    assert f"mean {float(printed):#.3g}," in mean.get_attribute("aria-label"), "Python has the same mean"


def test_two_views_and_python_stay_together(stepper):
    page = stepper
    view(page, 1).get_by_label("one iteration on").click()
    settle(page)
    assert iteration(page) == iteration(page, 1) == 1
    assert ellipses(page) == ellipses(page, 1)
    view(page).get_by_label("number of components").select_option("5")
    page.wait_for_function("() => document.querySelectorAll('.em-component').length === 10")
    assert view(page, 1).get_by_label("number of components").input_value() == "5"
    settle(page)
    before = ellipses(page, 1)
    view(page).get_by_label("data set").select_option("ring")
    page.wait_for_function("() => /x₁/.test(document.querySelectorAll('.em-plane')[1].textContent)")
    settle(page)
    assert ellipses(page) == ellipses(page, 1) != before


def test_a_new_width_and_the_dark_theme_are_drawn(stepper, notebook):
    page = stepper
    mean, panel = view(page).locator(".em-mean").first, view(page).locator(".em-plane")

    def place():
        """Of the mean between the ends of the axis: its margins are 52 and 12 pixels."""
        box = panel.bounding_box()
        return box["width"], (centre(mean)[0] - box["x"] - 52) / (box["width"] - 64)

    width, share = place()
    page.set_viewport_size({"width": 700, "height": 900})
    settle(page)
    assert place()[0] != pytest.approx(width, rel=0.05)
    assert place()[1] == pytest.approx(share, abs=0.005)
    assert panel.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    notebook.change_theme("Dark")
    settle(page)
    assert panel.evaluate(BACKGROUND) != "rgb(255, 255, 255)"
    assert view(page).locator(".axis").first.evaluate(INK) == "rgba(255, 255, 255, 0.87)"
    notebook.change_theme("Light")


def test_without_a_kernel_it_still_steps_and_says_what_to_do(stepper, notebook):
    page = stepper
    notebook.restart_kernel()
    start = ellipses(page)
    press_button(page, "one iteration on")
    assert ellipses(page) != start
    view(page).get_by_label("number of components").select_option("5")
    message = view(page).get_by_role("status")
    page.wait_for_function("() => document.querySelector('.message').textContent")
    assert "run the cell again" in message.inner_text()
    assert view(page).get_by_label("number of components").input_value() == "2", "the choice is as it was"
    assert len(ellipses(page)) == 2


def test_input_is_drawn_at_once(stepper, capsys):
    page = stepper
    mean = view(page).locator(".em-mean").first
    mean.scroll_into_view_if_needed()
    settle(page)
    listen(page, ".em-stepper")
    for _ in range(20):
        press_button(page, "one iteration on")
    view(page).get_by_label("iteration", exact=True).focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(50)
    x, y = centre(mean)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(60):
        page.mouse.move(x + i, y + i % 7)
        page.wait_for_timeout(20)
    page.mouse.up()
    report_delays(page, capsys, "EMStepper", pointermove="a mean dragged", click="Step", input="slider")
