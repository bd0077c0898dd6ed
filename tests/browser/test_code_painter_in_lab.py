"""CodePainter in JupyterLab: the picture follows the brush, and is what PyTorch makes of the codes."""

import re

import numpy as np
import pytest
import torch

from tests.browser.reading import cells_for, in_python, listen, report_delays, settle, show_twice

# The same models here and in the kernel; untrained, with larger weights, so that codes differ.
MODELS = """
import torch
from course_utils import data
from course_utils.vqvae import VQVAE

def untrained(image_shape, **sizes):
    torch.manual_seed(0)
    model = VQVAE(image_shape, **sizes).eval()
    with torch.no_grad():
        model.quantizer.codebook *= 2
        model.decoder[4][0].weight *= 30
    return model

digits = untrained((1, 28, 28))
colours = untrained((3, 12, 20), n_codes=9, dim=4, width=8)
"""
SHOW = """
from course_utils.widgets import CodePainter
grey = CodePainter(digits, data.load_mnist("test").images[:3])
blank = CodePainter(colours)
"""
CANVAS = ".sheet canvas"
HERE = {}
exec(MODELS, HERE)


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    return open_notebook(lab.write("code_painter.ipynb", *cells_for(MODELS, SHOW)))


@pytest.fixture
def show(notebook):
    """A function that shows a painter, as new, in two views; in the end the console must not have complained."""

    def show_one(name):
        return show_twice(notebook, name, ".code-painter", CANVAS, height=1700)

    yield show_one
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".code-painter").nth(index)


def button(page, name, index=0):
    return view(page, index).get_by_role("button", name=name, exact=True)


def pixels(page, selector, index=0):
    """What a canvas shows, from 0 to 1: (3, height, width)."""
    read = """(canvas) => [canvas.height, canvas.width,
      ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    height, width, *values = view(page, index).locator(selector).evaluate(read)
    return np.array(values).reshape(height, width, 4)[..., :3].transpose(2, 0, 1) / 255


def decoded(model, codes):
    """What PyTorch makes of a map of codes, (3, height, width)."""
    with torch.no_grad():
        picture = HERE[model].decode(torch.tensor(np.array(codes))[None])[0]
    return picture.expand(3, -1, -1).numpy()


def shows(page, model, codes, index=0):
    """The picture is that of the codes, and each place of the map is drawn as its code, as in the palette."""
    settle(page)
    picture = decoded(model, codes)
    shown = pixels(page, ".picture canvas >> nth=0", index)
    np.testing.assert_allclose(shown, picture, atol=0.01 + 1 / 255)
    assert picture.std() > 0.02, "a picture, not a blank"
    drawn, cell = pixels(page, CANVAS, index), 40
    button_of = ".palette button:nth-child({}) canvas"
    stamps = {code: pixels(page, button_of.format(code + 1), index) for code in set(np.ravel(codes).tolist())}
    for (row, column), code in np.ndenumerate(np.array(codes)):
        place = drawn[:, row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
        np.testing.assert_allclose(place[:, 2:-2, 2:-2], stamps[code][:, 2:-2, 2:-2], atol=0.03)
    return picture


def follows(page, notebook, model, index=0):
    """The widget shows the codes that Python has."""
    settle(page)
    codes = in_python(notebook, "widget.codes")
    shows(page, model, codes, index)
    return np.array(codes)


def place(page, row, column, index=0):
    """Where a place of the map is on the page."""
    box = view(page, index).locator(CANVAS).bounding_box()
    width, height = (
        view(page, index).locator(CANVAS).evaluate("(canvas) => [canvas.width / 40, canvas.height / 40]")
    )
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


def message(page):
    settle(page)
    return view(page).locator(".message").inner_text()


def test_it_begins_with_the_codes_of_an_image(show, notebook):
    page = show("grey")
    first = follows(page, notebook, "digits")
    button(page, "begin with image 3").click()
    third = follows(page, notebook, "digits")
    assert (third != first).any()
    images = in_python(notebook, "digits.encode(data.load_mnist('test').images[:3, None])[2].tolist()")
    np.testing.assert_array_equal(third, images)
    follows(page, notebook, "digits", index=1)


def test_a_click_and_a_stroke_paint_with_the_chosen_code(show, notebook):
    page = show("grey")
    before = follows(page, notebook, "digits")
    button(page, "code 17").click()
    assert button(page, "code 17").get_attribute("aria-pressed") == "true"
    page.mouse.click(*place(page, 2, 3))
    painted = follows(page, notebook, "digits")
    expected = before.copy()
    expected[2, 3] = 17
    np.testing.assert_array_equal(painted, expected)
    change = pixels(page, ".picture canvas >> nth=1")
    right = 0.5 + (decoded("digits", expected) - decoded("digits", before)) / 2
    np.testing.assert_allclose(change, right, atol=0.01 + 1 / 255)
    page.mouse.move(*place(page, 4, 0))
    page.mouse.down()
    page.mouse.move(*place(page, 4, 4), steps=3)
    settle(page)
    meanwhile = pixels(page, ".picture canvas >> nth=0")
    expected[4, :5] = 17
    np.testing.assert_allclose(meanwhile, decoded("digits", expected), atol=0.01 + 1 / 255)
    shows(page, "digits", painted, index=1)  # the other view waits for the end
    page.mouse.up()
    np.testing.assert_array_equal(follows(page, notebook, "digits"), expected)
    follows(page, notebook, "digits", index=1)
    assert in_python(notebook, "widget.brush") == 17


def test_undo_reset_and_fill(show, notebook):
    page = show("grey")
    first = follows(page, notebook, "digits")
    button(page, "code 5").click()
    page.mouse.click(*place(page, 1, 1))
    second = follows(page, notebook, "digits")
    button(page, "the chosen code everywhere").click()
    assert (follows(page, notebook, "digits") == 5).all()
    button(page, "undo the last stroke", 1).click()  # in the other view, which knows the same changes
    np.testing.assert_array_equal(follows(page, notebook, "digits"), second)
    page.mouse.click(*place(page, 6, 6))
    button(page, "back to where this map began").click()
    np.testing.assert_array_equal(follows(page, notebook, "digits"), first)
    for _ in range(6):
        button(page, "undo the last stroke").click()
    assert message(page) == "There is nothing to undo."


def test_the_reach_is_that_of_the_decoder(show):
    page = show("grey")
    for row, column in ((3, 3), (0, 5), (6, 0)):
        page.mouse.move(*place(page, row, column))
        settle(page)
        d = view(page).locator(".reach").first.get_attribute("d")
        left, top, right, bottom, _ = (int(n) for n in re.findall(r"\d+", d))
        vectors = torch.zeros(1, 16, 7, 7, requires_grad=True)
        touched = torch.zeros(28, 28)
        generator = torch.Generator().manual_seed(0)
        for y in range(28):
            for x in range(28):
                output = HERE["digits"].decoder[:-1](vectors + torch.randn(1, 16, 7, 7, generator=generator))
                (gradient,) = torch.autograd.grad(output[0, 0, y, x], vectors)
                touched[y, x] = gradient[0, :, row, column].abs().sum()
        rows, columns = (touched > 0).any(1).nonzero(), (touched > 0).any(0).nonzero()
        assert (top, bottom) == (rows.min(), rows.max() + 1)
        assert (left, right) == (columns.min(), columns.max() + 1)


def test_everything_is_done_by_keys(show, notebook):
    page, keyboard = show("blank"), notebook.page.keyboard
    cells = page.locator(".jp-Cell").count()
    button(page, "code 0").focus()
    keyboard.press("ArrowRight")
    keyboard.press("Shift+ArrowRight")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "code 2"
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    keyboard.press("Enter")
    assert message(page) == "You paint with code 2."
    view(page).locator(CANVAS).focus()
    keyboard.press("ArrowUp")
    assert message(page).startswith("Column 3, row 1: lifted")
    assert message(page).endswith("Code 0 is there.")
    keyboard.press("Space")
    keyboard.press("ArrowRight")
    keyboard.press("Space")
    codes = follows(page, notebook, "colours")
    assert codes.tolist() == [[0, 0, 2, 2, 0], [0] * 5, [0] * 5]
    view(page).locator(CANVAS).focus()
    keyboard.press("ArrowDown")
    keyboard.press("p")
    assert in_python(notebook, "widget.brush") == 0
    view(page).locator(CANVAS).focus()
    keyboard.press("ArrowUp")
    keyboard.press("p")
    assert in_python(notebook, "widget.brush") == 2
    view(page).locator(CANVAS).focus()
    keyboard.press("Control+z")
    assert (follows(page, notebook, "colours") == 0).all()
    assert page.locator(".jp-Cell").count() == cells, "the Lab took none of the keys"


def test_every_control_has_a_name(show):
    page = show("grey")
    named = "(nodes) => nodes.map((node) => node.getAttribute('aria-label'))"
    names = view(page).locator("button, canvas:not([aria-hidden])").evaluate_all(named)
    assert all(names)
    assert len(set(names)) == len(names) == 3 + 3 + 64 + 3


def test_python_sets_and_reads(show, notebook):
    page = show("blank")
    in_python(notebook, "None", first="widget.codes = torch.arange(15).view(3, 5) % 9; widget.brush = 4")
    assert follows(page, notebook, "colours").flatten().tolist() == [i % 9 for i in range(15)]
    assert button(page, "code 4").get_attribute("aria-pressed") == "true"
    made = np.array(in_python(notebook, "widget.picture().tolist()"))
    np.testing.assert_allclose(pixels(page, ".picture canvas >> nth=0"), made, atol=0.01 + 1 / 255)
    wrong = "try:\n    widget.brush = 9\nexcept Exception as problem:\n    said = str(problem)"
    assert "brush must be a code from 0 to 8, got 9" in in_python(notebook, "said", first=wrong)


def test_narrow_columns_and_the_dark_theme(show, notebook):
    page = show("grey")
    notebook.change_theme("Dark")
    for width in (1280, 720):
        page.set_viewport_size({"width": width, "height": 1700})
        settle(page)
        inside, outside = view(page).evaluate("(root) => [root.scrollWidth, root.clientWidth]")
        assert inside <= outside, "nothing is cut off"
    color = view(page).evaluate("(root) => getComputedStyle(root).color")
    assert min(map(int, re.findall(r"\d+", color)[:3])) > 150, "light letters"
    notebook.change_theme("Light")


def test_the_picture_keeps_up_with_the_hand(show, capsys):
    page = show("grey")
    listen(page, ".code-painter")
    for code in range(20):
        button(page, f"code {code}").click()
        page.mouse.move(*place(page, 0, code % 7))
        page.mouse.down()
        for row in range(1, 7):
            page.mouse.move(*place(page, row, code % 7))
            page.wait_for_timeout(40)
        page.mouse.up()
    report_delays(
        page, capsys, "CodePainter", pointermove="a further place of a stroke", click="a code chosen"
    )


def test_without_a_kernel_it_still_paints(show, notebook):
    page = show("grey")
    before = follows(page, notebook, "digits")
    notebook.restart_kernel()
    button(page, "code 40").click()
    page.mouse.click(*place(page, 3, 3))
    expected = before.copy()
    expected[3, 3] = 40
    shows(page, "digits", expected)
    shows(page, "digits", expected, index=1)
