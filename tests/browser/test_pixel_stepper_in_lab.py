"""PixelStepper in JupyterLab: the image grows as PyTorch says, and a changed pixel changes what comes after it."""

import re

import numpy as np
import pytest
import torch

from course_utils import autoregressive, data
from course_utils.widgets.masked_reading import coins
from tests.browser.reading import cells_for, in_python, listen, report_delays, settle, show_twice

# The same models here and in the kernel: the stored one, others with random weights.
MODELS = """
import torch
from course_utils import autoregressive, pretrained
from course_utils.conditions import OneHot

def random(kind, shape, **sizes):
    model = autoregressive.with_random_weights(kind(shape, **sizes), generator=torch.Generator().manual_seed(0))
    model.last.bias -= model(torch.eye(*shape)[None], *TOLD[: model.condition is not None]).mean()
    return model

TOLD = (torch.tensor([1]),)
gated = pretrained.load("pixelcnn_mnist")
plain = random(autoregressive.PixelCNN, (28, 28), width=16, n_blocks=4, dilations=(1, 2))
wide = random(autoregressive.PixelCNN, (7, 12), width=8, n_blocks=2, first_kernel=5)
linear = random(
    autoregressive.GatedPixelCNN, (7, 12), width=6, n_blocks=3, first_kernel=3, dilations=(1, 2), gate="linear"
)
told = random(autoregressive.GatedPixelCNN, (7, 12), width=6, n_blocks=2, first_kernel=5, condition=OneHot((3,)))
for block in told.blocks:
    block.told.weight *= 5
"""
SHOW = """
from course_utils import data
from course_utils.widgets import PixelStepper
test = data.load_mnist("test")
digits = PixelStepper({"gated": gated, "plain": plain}, (test.images[:3] > 0.5).float())
small = PixelStepper({"wide": wide, "linear": linear, "told": told}, classes=["a", "b", "c"])
"""
CANVAS = ".grid canvas"
HERE = {}
with torch.no_grad():
    exec(MODELS, HERE)


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    cells = cells_for(f"import torch\ntorch.set_grad_enabled(False)\n{MODELS}", SHOW)
    return open_notebook(lab.write("pixel_stepper.ipynb", *cells))


@pytest.fixture
def show(notebook):
    """A function that shows a stepper, as new, in two views; in the end the console must not have complained."""

    def show_one(name):
        return show_twice(notebook, name, ".pixel-stepper", CANVAS, height=1500)

    yield show_one
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".pixel-stepper").nth(index)


def button(page, name, index=0):
    return view(page, index).get_by_role("button", name=name, exact=True)


def choose(page, name, option):
    view(page).get_by_label(name, exact=True).select_option(option)
    settle(page)


def switch(page, name):
    view(page).get_by_label(name).click()
    settle(page)


def pixels(page, selector=CANVAS, index=0):
    """What a canvas shows, from 0 to 1, row by row; NaN where nothing is drawn yet."""
    read = """(canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""
    values = np.array(view(page, index).locator(selector).evaluate(read)).reshape(-1, 4)
    assert (values[:, 0] == values[:, 2]).all()
    return np.where(values[:, 3] == 255, values[:, 0] / 255, np.nan)


def probabilities(page, index=0):
    return pixels(page, ".small figure:first-child canvas", index)


def text(page, selector):
    settle(page)
    return view(page).locator(selector).inner_text()


def logits(model, image, label=None):
    """Of all pixels, by PyTorch."""
    told = () if label is None else (torch.tensor([label]),)
    x = torch.tensor(image, dtype=torch.float32).view(1, *HERE[model].image_shape)
    with torch.no_grad():
        return HERE[model](x, *told)[0].flatten().double().numpy()


def follows(page, model, *, count, seed=0, given=(), label=None, index=0):
    """The image is what PyTorch, the coins and what is given make of it, and the map and log p are PyTorch's too."""
    settle(page)
    shown = pixels(page, index=index)
    assert np.isfinite(shown[:count]).all()
    assert np.isnan(shown[count:]).all()
    assert set(shown[:count]) <= {0, 1}
    logit = logits(model, np.nan_to_num(shown), label)
    p = 1 / (1 + np.exp(-logit))
    drawn = coins(seed, len(p)).numpy() < p
    sure = (
        np.abs(coins(seed, len(p)).numpy() - p) > 0.005
    )  # float16 in the browser may decide the others otherwise
    after = np.arange(len(p)) >= len(given)
    np.testing.assert_array_equal(
        shown[:count][(sure & after)[:count]], drawn[:count][(sure & after)[:count]]
    )
    np.testing.assert_array_equal(shown[: min(count, len(given))], given[:count])
    assert sure.mean() > 0.95
    np.testing.assert_allclose(probabilities(page, index)[:count], p[:count], atol=0.005 + 0.6 / 255)
    assert np.isnan(probabilities(page, index)[count:]).all()
    log_p = np.where(shown == 1, -np.logaddexp(0, -logit), -np.logaddexp(0, logit))[:count].sum()
    caption = view(page, index).locator("figure > figcaption").first.inner_text().replace("−", "-")
    assert int(caption.split()[0]) == count
    assert float(re.search(r"= (-?[\d.]+) nats", caption)[1]) == pytest.approx(
        log_p, abs=0.06 + 2e-3 * abs(log_p)
    )
    return shown


def place(page, number, index=0):
    """Where a pixel of the image is on the page."""
    box, (height, width) = view(page, index).locator(CANVAS).bounding_box(), shape(page)
    row, column = divmod(number, width)
    return box["x"] + (column + 0.5) * box["width"] / width, box["y"] + (row + 0.5) * box["height"] / height


def shape(page):
    return view(page).locator(CANVAS).evaluate("(canvas) => [canvas.height, canvas.width]")


def region(page, name, index=0):
    """The places that a path over the image covers, read from its squares."""
    height, width = shape(page)
    d = view(page, index).locator(f".grid .{name}").first.get_attribute("d") or ""
    places = np.zeros((height, width), bool)
    for column, row, run in re.findall(r"M(\d+) (\d+)h(\d+)", d):
        places[int(row), int(column) : int(column) + int(run)] = True
    return places


def test_logits_are_those_of_pytorch(show):
    page = show("small")
    read = """(root, label) => {
      const { networks, size } = root.stepper, image = new Float32Array(size).map((_, i) => (i * i + 3 * i) % 7 < 3);
      return [Array.from(image), networks.map((network) => {
        if (network.told.length) network.choose(label);
        network.restart();
        network.logitAt(image, size - 1);
        return Array.from(network.logits);
      })];
    }"""
    for label in range(3):
        image, found = view(page).evaluate(read, label)
        for model, values in zip(("wide", "linear", "told"), found, strict=True):
            right = logits(model, image, label if model == "told" else None)
            np.testing.assert_allclose(values, right, atol=0.01)  # float16 has 3 digits
            assert right.std() > 0.1
    page = show("digits")
    image, found = view(page).evaluate(read, 0)
    for model, values in zip(("gated", "plain"), found, strict=True):
        right = logits(model, image)
        np.testing.assert_allclose(
            values, right, atol=0.01 if model == "plain" else 1e-4
        )  # stored as float16
    assert np.abs(right).max() > 1


def test_pixels_are_drawn_by_their_coins_step_by_step(show, notebook):
    page = show("small")
    assert np.isnan(pixels(page)).all()
    for count in range(1, 4):
        button(page, "draw one pixel").click()
        follows(page, "wide", count=count)
    assert in_python(notebook, "widget.position") == 3
    next_one = text(page, ".numbers >> nth=0")
    p = 1 / (1 + np.exp(-logits("wide", np.nan_to_num(pixels(page)))[3]))
    assert re.search(r"row 1, column 4\. p\(white \| before\) = ([\d.]+)\.", next_one)[1] == f"{p:.3f}"
    white = view(page).locator(".bar").evaluate("(bar) => bar.children[0].offsetWidth / bar.clientWidth")
    assert white == pytest.approx(p, abs=0.01)
    whole = button(page, "draw all pixels")
    whole.click()
    shown = follows(page, "wide", count=84)
    assert 10 < shown.sum() < 74
    np.testing.assert_array_equal(shown, np.array(in_python(notebook, "widget.image().flatten().tolist()")))
    button(page, "one pixel back").click()
    np.testing.assert_array_equal(
        follows(page, "wide", count=83), np.where(np.arange(84) < 83, shown, np.nan)
    )
    button(page, "draw one pixel").click()
    np.testing.assert_array_equal(follows(page, "wide", count=84), shown)
    np.testing.assert_array_equal(pixels(page, index=1), shown, "the other view shows the same")
    button(page, "an empty image").click()
    follows(page, "wide", count=0)
    assert in_python(notebook, "widget.position") == 0


def test_playing_draws_and_pauses(show, notebook):
    page = show("digits")
    choose(page, "pixels per second", "40")
    play = button(page, "play or pause")
    play.click()
    page.wait_for_function(
        "() => document.querySelector('.pixel-stepper figcaption').innerText.startsWith('2')"
    )
    assert play.inner_text() == "Pause"
    play.click()
    settle(page)
    count = in_python(notebook, "widget.position")
    assert 2 <= count < 784
    follows(page, "gated", count=count)
    follows(page, "gated", count=count, index=1)
    choose(page, "pixels per second", "3000")
    play.click()
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    shown = follows(page, "gated", count=784)
    assert shown.sum() > 30
    assert in_python(notebook, "(widget.position, widget.speed)") == (784, 3000)


def test_a_click_changes_a_pixel_and_the_rest_is_drawn_anew_with_the_same_coins(show, notebook):
    page = show("digits")
    choose(page, "pixels per second", "3000")
    button(page, "draw all pixels").click()
    settle(page)
    before = follows(page, "gated", count=784)
    changed = int(np.flatnonzero(before == 1)[len(np.flatnonzero(before == 1)) // 2])
    page.mouse.click(*place(page, changed))
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    given = [*before[:changed], 1 - before[changed]]
    shown = follows(page, "gated", count=784, given=given)
    np.testing.assert_array_equal(shown[:changed], before[:changed])
    assert shown[changed] == 0
    assert in_python(notebook, "widget.given") == given
    assert region(page, "hand").flatten().nonzero()[0].tolist() == [changed]
    old = pixels(page, ".small figure:last-child canvas")
    np.testing.assert_array_equal(old, before, "beside it is what was before")
    follows(page, "gated", count=784, given=given, index=1)
    page.mouse.click(*place(page, changed))
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    np.testing.assert_array_equal(follows(page, "gated", count=784, given=before[: changed + 1]), before)


def test_a_click_where_nothing_is_drawn_draws_up_to_there(show, notebook):
    page = show("small")
    page.mouse.click(*place(page, 40))
    follows(page, "wide", count=41)
    assert text(page, ".message") == "Drawn up to Row 4, column 5."
    assert in_python(notebook, "(widget.position, widget.given)") == (41, [])


def test_an_image_to_begin_with_and_new_coins(show, notebook):
    page = show("digits")
    given = (data.load_mnist("test").images[1].flatten() > 0.5).double().numpy()
    button(page, "begin with image 2").click()
    follows(page, "gated", count=784, given=given)
    choose(page, "pixels per second", "3000")
    page.mouse.click(*place(page, 391))
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    settle(page)
    first = pixels(page)
    button(page, "a new seed for the coins that decide the pixels").click()
    seed = in_python(notebook, "widget.seed")
    given = [*given[:391], 1 - given[391]]
    second = follows(page, "gated", count=784, given=given, seed=seed)
    assert seed != 0
    assert (second[392:] != first[392:]).any(), "another way to go on"
    assert text(page, ".seed") == f"seed {seed}"


@pytest.mark.parametrize(("name", "models"), [("small", ("wide", "linear")), ("digits", ("gated", "plain"))])
def test_field_and_blind_spot_are_those_of_the_jacobian(show, name, models):
    page = show(name)
    height, width = shape(page)
    number = (height // 2 + 1) * width + width // 3
    for model in models:
        choose(page, "model", model)
        page.mouse.click(*place(page, number - 1))
        settle(page)
        assert region(page, "next").flatten().nonzero()[0].tolist() == [number]
        row, column = divmod(number, width)
        seen = autoregressive.receptive_field(HERE[model], row, column).numpy()
        np.testing.assert_array_equal(region(page, "field"), seen)
        assert not region(page, "blind").any(), "not switched on"
        switch(page, "blind spot")
        blind = region(page, "blind")
        assert not (blind & seen).any()
        deep = deeper(HERE[model])
        seen_by_deep = autoregressive.receptive_field(deep, row, column).numpy()
        before = np.arange(height * width).reshape(height, width) < number
        np.testing.assert_array_equal(blind, before & ~seen_by_deep)
        assert blind.any() == (type(deep) is autoregressive.PixelCNN)
        said = [int(n) for n in re.findall(r"\d+", text(page, ".numbers >> nth=1"))]
        assert said == [number, seen.sum(), blind.sum(), number - seen.sum() - blind.sum()]
        hatch = view(page).locator(".grid .hatch").get_attribute("d")
        assert hatch.count("M") == blind.sum(), "not by colour alone"
        switch(page, "receptive field")
        assert not region(page, "field").any()
        switch(page, "receptive field")
        switch(page, "blind spot")
        button(page, "an empty image").click()
        settle(page)


def deeper(model):
    """A model of the same kind and kernels, with blocks enough to see all that it ever can."""
    kind, first = type(model), getattr(model, "first", getattr(model, "first_beside", None))
    side = 2 * first.left + 1
    dilations = (1, 2, 4) if model is HERE["gated"] else (1, 2) if len(model.blocks) > 2 else (1,)
    return kind(model.image_shape, width=4, n_blocks=30, first_kernel=side, dilations=dilations)


def test_the_class_and_the_model_are_chosen(show, notebook):
    page = show("small")
    choose(page, "model", "told")
    button(page, "draw all pixels").click()
    images = []
    for label, name in enumerate("abc"):
        choose(page, "class", name)
        images.append(follows(page, "told", count=84, label=label))
        assert in_python(notebook, "(widget.label, widget.model_name)") == (label, "told")
    assert len({tuple(image) for image in images}) > 1
    choose(page, "model", "linear")
    follows(page, "linear", count=84)
    np.testing.assert_array_equal(pixels(page, ".small figure:last-child canvas"), images[-1])


def test_everything_is_done_by_keys(show, notebook):
    page, keyboard = show("small"), notebook.page.keyboard
    cells = page.locator(".jp-Cell").count()
    button(page, "draw all pixels").focus()
    keyboard.press("Enter")
    before = follows(page, "wide", count=84)
    view(page).locator(CANVAS).focus()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp", "ArrowDown"):
        keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell.jp-mod-selected").count() == 1, (
        "the Lab selects no further cell"
    )
    colour, p = ("white" if before[16] else "black"), probabilities(page)[16]
    said = text(page, ".message")
    assert said.startswith(f"Row 2, column 5: {colour}, p(white) was {p:.1f}"[:-2])
    assert region(page, "cursor").flatten().nonzero()[0].tolist() == [16]
    cursor = view(page).locator(".grid .cursor").first
    assert cursor.evaluate("(node) => getComputedStyle(node).visibility") == "visible"
    keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    follows(page, "wide", count=84, given=[*before[:16], 1 - before[16]])
    assert text(page, ".message").startswith("Row 2, column 5 is ")
    view(page).locator(CANVAS).focus()
    keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    np.testing.assert_array_equal(follows(page, "wide", count=84, given=before[:17]), before)
    view(page).locator(CANVAS).focus()
    keyboard.press("Tab")
    keyboard.press("Space")  # the first switch
    settle(page)
    assert not region(page, "field").any()
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.locator(".jp-Cell").count() == cells, "the Lab took none of the keys"


def test_every_control_has_a_name(show):
    page = show("digits")
    named = "(nodes) => nodes.map((node) => node.getAttribute('aria-label') ?? node.closest('label')?.innerText.trim())"
    names = view(page).locator("button, select, input, canvas:not([aria-hidden])").evaluate_all(named)
    assert all(names)
    assert len(set(names)) == len(names) == 5 + 1 + 3 + 2 + 2 + 3


def test_python_sets_and_reads(show, notebook):
    page = show("small")
    in_python(
        notebook, "None", first="widget.given = torch.eye(7, 12); widget.position = 50; widget.seed = 9"
    )
    given = np.eye(7, 12).flatten()
    follows(page, "wide", count=50, given=given, seed=9)
    in_python(
        notebook,
        "None",
        first="widget.given = []; widget.show_blind_spot = True; widget.model_name = 'linear'",
    )
    follows(page, "linear", count=50, seed=9)
    assert view(page).get_by_label("blind spot").is_checked()
    wrong = "try:\n    widget.position = 85\nexcept Exception as problem:\n    said = str(problem)"
    assert "position must be from 0 to 84, got 85" in in_python(notebook, "said", first=wrong)
    follows(page, "linear", count=50, seed=9)


def test_narrow_columns_and_the_dark_theme(show, notebook):
    page = show("digits")
    button(page, "begin with image 1").click()
    page.mouse.click(*place(page, 400))
    page.wait_for_timeout(300)
    switch(page, "blind spot")
    button(page, "play or pause").click()
    notebook.change_theme("Dark")
    for width in (1280, 720):
        page.set_viewport_size({"width": width, "height": 1500})
        settle(page)
        root = view(page)
        inside, outside = root.evaluate("(root) => [root.scrollWidth, root.clientWidth]")
        assert inside <= outside, "nothing is cut off"
        rights = root.locator("canvas, button, select").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().right)"
        )
        assert max(rights) <= root.evaluate("(root) => root.getBoundingClientRect().right") + 1
    color = view(page).evaluate("(root) => getComputedStyle(root).color")
    assert min(map(int, re.findall(r"\d+", color)[:3])) > 150, "light letters"
    notebook.change_theme("Light")


def test_it_is_fast(show, capsys):
    for model in ("gated", "plain"):
        page = show("digits")
        choose(page, "model", model)
        choose(page, "pixels per second", "3000")
        listen(page, ".pixel-stepper")
        measured = view(page).evaluate(
            """async (root) => {
              const { stepper } = root, start = performance.now();
              let [frames, longest, last] = [0, 0, start];
              stepper.play();
              while (stepper.playing) {
                await new Promise(requestAnimationFrame);
                const now = performance.now();
                [frames, longest, last] = [frames + 1, Math.max(longest, now - last), now];
              }
              return { rate: (1000 * stepper.size) / (performance.now() - start), frames, longest };
            }"""
        )
        with capsys.disabled():
            print(f"\nPixelStepper, {model}: {measured['rate']:.0f} pixels per second on the page, ", end="")
            print(f"{measured['frames']} frames, the longest {measured['longest']:.0f} ms", end="")
        assert measured["rate"] > 100, "at least 30 are asked for"
        choose(page, "pixels per second", "150")
        for i in range(20):
            page.mouse.click(*place(page, 500 - 7 * i))
            page.wait_for_timeout(80)
        report_delays(page, capsys, f"PixelStepper, {model}", click="a changed pixel")


def test_without_a_kernel_it_still_draws(show, notebook):
    page = show("digits")
    notebook.restart_kernel()
    choose(page, "pixels per second", "3000")
    button(page, "draw all pixels").click()
    settle(page)
    before = follows(page, "gated", count=784)
    page.mouse.click(*place(page, 300))
    page.wait_for_function("() => document.querySelector('.pixel-stepper .play').innerText === 'Play'")
    given = [*before[:300], 1 - before[300]]
    shown = follows(page, "gated", count=784, given=given)
    np.testing.assert_array_equal(pixels(page, index=1), shown, "the other view follows without Python")
    choose(page, "model", "plain")
    follows(page, "plain", count=784, given=given)
