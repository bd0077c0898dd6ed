"""TranslationExplorer in JupyterLab: translations follow the strokes, and are what PyTorch makes of the outline."""

import re

import numpy as np
import pytest
import torch

from course_utils.data import outlined_creatures
from course_utils.translation import translate
from tests.browser.reading import cells_for, in_python, listen, report_delays, settle, show_twice

# The same models here and in the kernel: the stored one, and an untrained one of other sizes that makes grey pictures.
MODELS = """
import torch
from course_utils import data, pretrained
from course_utils.translation import UNet

def untrained(source, target, **sizes):
    torch.manual_seed(0)
    unet = UNet(source, target, **sizes)
    for _ in range(10):
        unet(torch.rand(20, *source))
    with torch.no_grad():
        unet.output[0].weight *= 10
    return unet.eval()

stored = pretrained.load("outline_to_creature")
other = untrained((24, 24), (3, 24, 24), width=6, depth=2)
wide = untrained((16, 24), (16, 24), width=6, depth=1)
"""
SHOW = """
from course_utils.widgets import TranslationExplorer
alone = TranslationExplorer(stored)
beside = TranslationExplorer({"stored": stored, "other": other}, n_examples=4)
grey = TranslationExplorer(wide, torch.rand(2, 16, 24), pen=3)
"""
PAPER = ".sheet canvas"
HERE = {}
exec(MODELS, HERE)


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    return open_notebook(lab.write("translation_explorer.ipynb", *cells_for(MODELS, SHOW)))


@pytest.fixture
def show(notebook):
    """A function that shows an explorer, as new, in two views; in the end the console must not have complained."""

    def show_one(name):
        return show_twice(notebook, name, ".translation-explorer", PAPER, height=1500)

    yield show_one
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".translation-explorer").nth(index)


def picks(page, index=0):
    """The buttons of the examples."""
    return view(page, index).locator(".examples button")


def pixels(page, selector=PAPER, index=0):
    """What a canvas shows, from 0 to 1: (3, height, width)."""
    read = """(canvas) => [canvas.height, canvas.width,
      ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""
    height, width, *values = view(page, index).locator(selector).evaluate(read)
    return np.array(values).reshape(height, width, 4)[..., :3].transpose(2, 0, 1) / 255


def outline(page, index=0):
    """The paper, (height, width)."""
    return pixels(page, index=index)[0]


def result(page, number=0, index=0):
    """The numbers behind a picture: the translations in their order, then the one to compare with."""
    read = "(canvas) => [canvas.picture.shape, Array.from(canvas.picture.data)]"
    shape, data = view(page, index).locator("figure > canvas").nth(number).evaluate(read)
    return np.array(data).reshape(shape)


def captions(page):
    return view(page).locator("figcaption").all_inner_texts()


def message(page):
    settle(page)
    return view(page).locator(".message").inner_text()


def expected(model, drawn):
    """What PyTorch makes of an outline."""
    return translate(HERE[model], torch.tensor(np.array(drawn), dtype=torch.float32)[None])[0].numpy()


def follows(page, notebook, model="stored", number=0, index=0):
    """A translation is that of the outline that Python has, in numbers and in pixels; the paper shows that outline."""
    settle(page)
    drawn = in_python(notebook, "widget.outline")
    right = expected(model, drawn)
    np.testing.assert_allclose(outline(page, index), drawn, atol=0.6 / 255)
    np.testing.assert_allclose(result(page, number, index).reshape(right.shape), right, atol=0.01)
    shown = pixels(page, f"figure:nth-child({number + 2}) canvas", index)
    np.testing.assert_allclose(shown, np.broadcast_to(right, shown.shape), atol=0.01 + 1 / 255)
    assert right.std() > 0.05, "a picture, not a blank"
    return np.array(drawn)


def place(page, x, y, index=0):
    """Where a pixel of the paper is on the page; whole numbers are the middles of pixels."""
    box = view(page, index).locator(PAPER).bounding_box()
    height, width = outline(page, index).shape
    return box["x"] + (x + 0.5) * box["width"] / width, box["y"] + (y + 0.5) * box["height"] / height


def draw(page, *places, index=0):
    """A stroke of the mouse."""
    on_page = [place(page, *each, index) for each in places]
    page.mouse.move(*on_page[0])
    page.mouse.down()
    for each in on_page[1:]:
        page.mouse.move(*each, steps=6)
    page.mouse.up()
    settle(page)


def button(page, name, index=0):
    return view(page, index).get_by_role("button", name=name, exact=True)


def line(from_, to, width=0.75):
    """The share of each pixel, (24, 24), that a line covers, in another way than the widget: from many points on it."""
    y, x = np.mgrid[:24, :24]
    t = np.linspace(0, 1, 2001)[:, None, None]
    distance = np.hypot(x - from_[0] - t * (to[0] - from_[0]), y - from_[1] - t * (to[1] - from_[1])).min(0)
    return (width / 2 + 0.5 - distance).clip(0, 1)


def test_an_example_is_translated_as_by_pytorch_and_stands_beside_its_truth(show, notebook):
    page = show("alone")
    outlines, images, _ = outlined_creatures(12, generator=torch.Generator().manual_seed(0))
    for number in (0, 7):
        if number:
            picks(page).nth(number).click()
        drawn = follows(page, notebook)
        np.testing.assert_allclose(drawn, outlines[number], atol=0.6 / 255)
        np.testing.assert_allclose(result(page, 1), images[number], atol=0.6 / 255)
        assert captions(page) == [f"outline, example {number + 1}", "translation", "the true picture"]
        assert picks(page).nth(number).get_attribute("aria-pressed") == "true"
        assert in_python(notebook, "widget.example") == number
        follows(page, notebook, index=1)


def test_the_mouse_draws_lines_as_wide_as_those_of_the_training(show, notebook):
    page = show("alone")
    button(page, "an empty sheet of paper").click()
    draw(page, (4, 5), (17, 12))
    drawn = follows(page, notebook)
    np.testing.assert_allclose(drawn, 1 - line((4, 5), (17, 12)), atol=0.02)
    assert captions(page) == ["outline, a drawing", "translation", "before the last change"]
    assert in_python(notebook, "widget.example") == -1
    np.testing.assert_allclose(result(page, 1), expected("stored", np.ones((24, 24))), atol=0.01)
    follows(page, notebook, index=1)
    before = result(page)
    draw(page, (17, 12), (17, 20), (6, 20))
    drawn = follows(page, notebook)
    both = np.maximum(line((17, 12), (17, 20)), line((17, 20), (6, 20)))
    np.testing.assert_allclose(drawn, 1 - np.maximum(line((4, 5), (17, 12)), both), atol=0.03)
    np.testing.assert_array_equal(result(page, 1), before)
    assert np.abs(result(page) - before).max() > 0.1


def test_the_translation_follows_while_the_stroke_lasts(show, notebook):
    page = show("alone")
    before, start = result(page), outline(page)
    page.mouse.move(*place(page, 3, 3))
    page.mouse.down()
    page.mouse.move(*place(page, 20, 8), steps=5)
    settle(page)
    meanwhile = outline(page)
    assert np.abs(meanwhile - start).max() > 0.5
    np.testing.assert_allclose(result(page), expected("stored", meanwhile), atol=0.02)
    np.testing.assert_array_equal(result(page, 1), before, "beside it is what was before")
    np.testing.assert_array_equal(outline(page, 1), start, "the other view waits for the end")
    page.mouse.up()
    drawn = follows(page, notebook)
    np.testing.assert_allclose(meanwhile, drawn, atol=0.6 / 255)
    follows(page, notebook, index=1)


def test_a_touch_draws_too(show, notebook):
    page = show("alone")
    start = outline(page)
    view(page).locator(PAPER).evaluate(
        """(canvas) => {
          const box = canvas.getBoundingClientRect();
          canvas.setPointerCapture = () => {};
          [["pointerdown", 0.1], ["pointermove", 0.9], ["pointerup", 0.9]].forEach(([kind, x]) =>
            canvas.dispatchEvent(new PointerEvent(kind, { pointerType: "touch", pointerId: 7, bubbles: true,
              clientX: box.left + x * box.width, clientY: box.top + 0.1 * box.height })));
        }"""
    )
    drawn = follows(page, notebook)
    assert (drawn[:3] < 0.9).sum() > (start[:3] < 0.9).sum() + 10
    touch = view(page).locator(PAPER).evaluate("(canvas) => getComputedStyle(canvas).touchAction")
    assert touch == "none", "the page would scroll instead"


def test_the_eraser_takes_ink_away_and_undo_brings_it_back(show, notebook):
    page = show("alone")
    first, picture = outline(page), result(page)
    button(page, "draw with the eraser").click()
    draw(page, (5, 14), (19, 14))
    erased = follows(page, notebook)
    assert (erased[13:16, 5:19] == 1).all()
    np.testing.assert_allclose(erased, np.maximum(first, line((5, 14), (19, 14), width=3)), atol=0.03)
    draw(page, (5, 18), (19, 18))
    button(page, "undo the last change").click()
    np.testing.assert_allclose(follows(page, notebook), erased, atol=1e-6)
    button(page, "undo the last change", 1).click()  # in the other view, which knows the same changes
    np.testing.assert_allclose(follows(page, notebook), first, atol=0.6 / 255)
    np.testing.assert_array_equal(result(page), picture)
    assert captions(page)[0] == "outline, example 1"
    assert captions(page)[2] == "the true picture"
    assert in_python(notebook, "widget.example") == 0
    button(page, "undo the last change").click()
    assert message(page) == "There is nothing to undo."


def test_the_eraser_on_empty_paper_changes_nothing(show, notebook):
    page = show("alone")
    button(page, "draw with the eraser").click()
    draw(page, (1, 1), (4, 1))
    assert in_python(notebook, "widget.example") == 0
    button(page, "undo the last change").click()
    assert message(page) == "There is nothing to undo."


def test_the_outline_is_moved_and_cleared(show, notebook):
    page = show("alone")
    first = outline(page)
    for where, (dx, dy) in {
        "to the left": (-1, 0),
        "up": (0, -1),
        "to the right": (1, 0),
        "down": (0, 1),
    }.items():
        before = follows(page, notebook)
        button(page, f"move the outline one pixel {where}").click()
        moved = np.ones((24, 24))
        rows, columns = (slice(max(0, by), 24 + min(0, by)) for by in (dy, dx))
        sources = (slice(max(0, -by), 24 + min(0, -by)) for by in (dy, dx))
        moved[rows, columns] = before[tuple(sources)]
        np.testing.assert_allclose(follows(page, notebook), moved, atol=1e-6)
    np.testing.assert_allclose(outline(page)[1:-1, 1:-1], first[1:-1, 1:-1], atol=1e-6)
    button(page, "an empty sheet of paper").click()
    assert (follows(page, notebook) == 1).all()


def test_everything_is_done_by_keys(show, notebook):
    page, keyboard = show("alone"), notebook.page.keyboard
    cells = page.locator(".jp-Cell").count()
    button(page, "an empty sheet of paper").focus()
    keyboard.press("Enter")
    view(page).locator(PAPER).focus()
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowUp")
    assert message(page) == "Column 12, row 12: lifted; Space puts it down."
    assert (outline(page) == 1).all(), "moving does not draw"
    cursor = view(page).locator(".cursor")
    assert cursor.evaluate("(node) => getComputedStyle(node).visibility") == "visible"
    middle = cursor.bounding_box()
    x, y = place(page, 11, 11)
    assert abs(middle["x"] + middle["width"] / 2 - x) < 1.5
    assert abs(middle["y"] + middle["height"] / 2 - y) < 1.5
    keyboard.press("Space")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell.jp-mod-selected").count() == 1, (
        "the Lab selects no further cell"
    )
    assert message(page) == "Column 14, row 16: down, arrows draw; Space lifts."
    keyboard.press("Space")
    drawn = follows(page, notebook)
    right = np.maximum(line((11, 11), (13, 11)), line((13, 11), (13, 15)))
    np.testing.assert_allclose(drawn, 1 - right, atol=0.01)
    view(page).locator(PAPER).focus()
    keyboard.press("e")
    assert message(page) == "You draw with the eraser."
    keyboard.press("Enter")
    keyboard.press("Enter")
    erased = follows(page, notebook)
    np.testing.assert_allclose(erased, np.maximum(drawn, line((13, 15), (13, 15), width=3)), atol=0.01)
    view(page).locator(PAPER).focus()
    keyboard.press("Control+z")
    np.testing.assert_allclose(follows(page, notebook), drawn, atol=1e-6)
    view(page).locator(PAPER).focus()
    keyboard.press("p")
    keyboard.press("Space")
    keyboard.press("ArrowLeft")
    keyboard.press("Tab")  # leaving the paper lifts the pen
    assert follows(page, notebook)[15, 12] == pytest.approx(0.125)
    picks(page).first.focus()
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    settle(page)
    assert in_python(notebook, "widget.example") == 1
    outline_of_focus = "() => getComputedStyle(document.activeElement).outlineStyle"
    picks(page).first.focus()
    keyboard.press("ArrowRight")
    assert page.evaluate(outline_of_focus) == "solid", "the focus is visible"
    assert page.locator(".jp-Cell").count() == cells, "the Lab took none of the keys"


def test_every_control_has_a_name(show):
    page = show("beside")
    named = "(nodes) => nodes.map((node) => node.getAttribute('aria-label'))"
    names = view(page).locator("button, canvas:not([aria-hidden])").evaluate_all(named)
    assert all(names)
    assert len(set(names)) == len(names) == 8 + 4 + 4


def test_python_sets_and_reads_the_outline(show, notebook):
    page = show("alone")
    in_python(notebook, "None", first="widget.example = 3")
    follows(page, notebook)
    assert captions(page)[0] == "outline, example 4"
    in_python(notebook, "None", first="widget.outline = 1 - torch.eye(24)")
    assert (np.diag(follows(page, notebook)) == 0).all()
    assert captions(page)[0] == "outline, a drawing"
    wrong = (
        "try:\n    widget.outline = torch.ones(3, 3)\nexcept Exception as problem:\n    said = str(problem)"
    )
    assert "outline must be 24 rows of 24 numbers" in in_python(notebook, "said", first=wrong)
    draw(page, (2, 4), (12, 2))
    follows(page, notebook)
    button(page, "undo the last change").click()
    button(page, "undo the last change").click()
    follows(page, notebook)
    assert captions(page)[0] == "outline, example 4"
    button(page, "undo the last change").click()
    follows(page, notebook)
    assert captions(page)[0] == "outline, example 1"
    assert in_python(notebook, "widget.example") == 0
    made = np.array(in_python(notebook, "widget.pictures()['translation'].tolist()"))
    np.testing.assert_allclose(result(page), made, atol=0.01)


def test_several_models_side_by_side(show, notebook):
    page = show("beside")
    assert captions(page) == ["outline, example 1", "stored", "other", "the true picture"]
    draw(page, (3, 4), (20, 4), (20, 20))
    for number, model in enumerate(("stored", "other")):
        follows(page, notebook, model, number)
    assert np.abs(result(page) - result(page, 1)).max() > 0.1
    assert captions(page)[3] == "before the last change, stored"


def test_other_sizes_grey_pictures_and_no_truth(show, notebook):
    page = show("grey")
    follows(page, notebook, "wide")
    assert view(page).locator("figure.nothing").count() == 1, "there is nothing yet to compare with"
    button(page, "an empty sheet of paper").click()
    draw(page, (3, 8), (20, 8))
    drawn = follows(page, notebook, "wide")
    np.testing.assert_allclose(drawn[6:11, 12], [1, 0, 0, 0, 1], atol=0.02)
    assert view(page).locator("figure.nothing").count() == 0
    np.testing.assert_allclose(result(page, 1)[0], expected("wide", np.ones((16, 24))), atol=0.01)


def test_narrow_columns_and_the_dark_theme(show, notebook):
    page = show("beside")
    draw(page, (3, 4), (20, 4))
    notebook.change_theme("Dark")
    for width in (1280, 720):
        page.set_viewport_size({"width": width, "height": 1500})
        settle(page)
        wide = view(page).evaluate("(root) => [root.scrollWidth, root.clientWidth]")
        assert wide[0] <= wide[1], "nothing is cut off"
        rights = (
            view(page)
            .locator("canvas")
            .evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().right)")
        )
        assert max(rights) <= view(page).evaluate("(root) => root.getBoundingClientRect().right")
    drawn = in_python(notebook, "widget.outline")
    page.set_viewport_size({"width": 1000, "height": 1500})
    settle(page)
    draw(page, (3, 8), (20, 8))
    np.testing.assert_allclose(
        follows(page, notebook), np.minimum(drawn, 1 - line((3, 8), (20, 8))), atol=0.04
    )
    color = view(page).evaluate("(root) => getComputedStyle(root).color")
    assert min(map(int, re.findall(r"\d+", color)[:3])) > 150, "light letters"
    notebook.change_theme("Light")


def test_nothing_is_translated_twice(show):
    """Both views have the same pictures after an example; and after a stroke those that were made while it lasted."""
    page = show("beside")
    same = """() => {
      const [a, b] = [...document.querySelectorAll(".translation-explorer")].map((root) => root.explorer.now.pictures);
      return [a.length, a.every((picture, k) => picture === b[k])];
    }"""
    picks(page).nth(2).click()
    settle(page)
    assert page.evaluate(same) == [2, True]
    before = result(page)
    page.mouse.move(*place(page, 3, 3))
    page.mouse.down()
    page.mouse.move(*place(page, 9, 12), steps=6)
    settle(page)
    page.evaluate(
        """() => { window.made = document.querySelector(".translation-explorer").explorer.stroke.pictures; }"""
    )
    page.mouse.up()
    settle(page)
    assert page.evaluate(same) == [2, True]
    assert view(page).evaluate("(root) => root.explorer.now.pictures === window.made")
    assert np.abs(result(page) - before).max() > 0.01


def test_the_translation_keeps_up_with_the_hand(show, capsys):
    for name in ("alone", "beside"):
        page = show(name)
        listen(page, ".translation-explorer")
        page.mouse.move(*place(page, 2, 2))
        page.mouse.down()
        for i in range(40):
            page.mouse.move(*place(page, 2 + (i % 20), 2 + i / 2))
            page.wait_for_timeout(60)
        page.mouse.up()
        for i in range(20):
            picks(page).nth(i % 4).click()
            page.wait_for_timeout(60)
        report_delays(
            page,
            capsys,
            f"TranslationExplorer, {name}",
            pointermove="next piece of a stroke",
            click="another example",
        )
    once = view(page).evaluate(
        """(root) => {
          const times = [], input = new Float32Array(root.explorer.now.outline);
          for (let i = 0; i < 60; i++) {
            const start = performance.now();
            root.explorer.networks[0].run(input, [1, 24, 24]);
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b);
        }"""
    )
    with capsys.disabled():
        print(f"TranslationExplorer, one translation: {once[30]:.1f} ms (95 % within {once[56]:.1f})")


def test_without_a_kernel_it_still_draws(show, notebook):
    page = show("alone")
    notebook.restart_kernel()
    button(page, "an empty sheet of paper").click()
    draw(page, (4, 4), (18, 4), (11, 18), (4, 4))
    np.testing.assert_allclose(result(page), expected("stored", outline(page)), atol=0.02)
    button(page, "undo the last change").click()
    button(page, "undo the last change").click()
    settle(page)
    assert captions(page) == ["outline, example 1", "translation", "the true picture"]
    picks(page).nth(5).click()
    settle(page)
    outlines = outlined_creatures(12, generator=torch.Generator().manual_seed(0)).outlines
    np.testing.assert_allclose(outline(page), outlines[5], atol=0.6 / 255)
    np.testing.assert_allclose(result(page), expected("stored", outline(page)), atol=0.02)
    np.testing.assert_array_equal(outline(page, 1), outline(page), "the other view follows without Python")
