"""LatentExplorer in JupyterLab: the decoded picture follows the hand, and is what PyTorch decodes."""

import ast

import numpy as np
import pytest
import torch

from tests.browser.reading import centre, listen, report_delays, settle

# The same networks here and in the kernel.
NETWORKS = """
import torch
from torch import nn

torch.manual_seed(0)
wide = nn.Sequential(
    nn.Linear(2, 200), nn.SiLU(), nn.Linear(200, 400), nn.GELU(), nn.Linear(400, 784), nn.Sigmoid(),
    nn.Unflatten(1, (28, 28)),
)
deep = nn.Sequential(
    nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 784), nn.Sigmoid(),
    nn.Unflatten(1, (28, 28)),
)
encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 16))
shuffled = nn.Sequential(
    nn.Linear(2, 16 * 6 * 6), nn.SiLU(), nn.Unflatten(1, (16, 6, 6)),
    nn.Conv2d(16, 32, 3, padding=1), nn.PixelShuffle(2), nn.ReLU(),
    nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid(),
)
codes, labels = torch.randn(300, 16), torch.arange(300) % 3
pictures = torch.rand(300, 28, 28)
"""
SHOW = """
from course_utils.widgets import LatentExplorer
flat = LatentExplorer(wide, codes[:, :2], labels, pictures, precision="float32")
many = LatentExplorer(deep, codes, labels, pictures, encoder=encoder)
colour = LatentExplorer(shuffled)
"""
SLOW = """
import time
counts, broken = [], False
def slowly(z):
    if broken:
        raise RuntimeError("no more ink")
    time.sleep(0.15)
    counts.append(len(z))
    return deep(z)
remote = LatentExplorer(slowly, codes)
"""
HERE = {}
exec(NETWORKS, HERE)


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    cells = (NETWORKS, SHOW, SLOW, "widget = NAME\nwidget", "widget", "0")
    return open_notebook(lab.write("latent_explorer.ipynb", *cells))


@pytest.fixture
def show(notebook):
    """A function that shows one of the explorers in two views; in the end the console must not have complained."""

    def show_one(name):
        notebook.page.set_viewport_size({"width": 1280, "height": 1400})
        notebook.write_cell(3, f"widget = {name}\nwidget")
        cells = notebook.run_all()
        assert all("error" not in output for cell in cells[:5] for output in cell["outputs"])
        notebook.page.locator(".latent-explorer .handle").nth(1).wait_for()
        settle(notebook.page)
        notebook.page.wait_for_function("() => document.querySelector('.latent-explorer').decoded")
        return notebook.page

    yield show_one
    assert not notebook.complaints


def view(page, index=0):
    return page.locator(".latent-explorer").nth(index)


def box_of_pad(page):
    """The pad's place on the page, after scrolling to it."""
    pad = view(page).locator(".pad")
    pad.scroll_into_view_if_needed()
    settle(page)
    return pad.bounding_box()


def decoded(page, index=0):
    """The numbers behind the picture that is shown."""
    return np.array(view(page, index).evaluate("(root) => Array.from(root.decoded.data)"))


def grey(canvas):
    """The grey values of a canvas, from 0 to 255."""
    return canvas.evaluate(
        """(canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return Array.from(data).filter((_, i) => i % 4 === 0);
        }"""
    )


def in_python(notebook, expression, *, first=""):
    """The value of an expression in the notebook's kernel, after a statement."""
    notebook.write_cell(5, f"{first}\nrepr({expression})")
    return ast.literal_eval(ast.literal_eval(notebook.run_last()))


def map_pixels(page):
    return view(page).locator(".pad canvas").nth(1).evaluate("(canvas) => canvas.toDataURL()")


def message(page):
    return view(page).locator(".message").inner_text()


@pytest.mark.parametrize(
    ("name", "network", "tolerance"),
    [("flat", "wide", 1e-4), ("many", "deep", 1e-2), ("colour", "shuffled", 1e-2)],
)
def test_the_browser_decodes_as_pytorch_does(show, notebook, name, network, tolerance):
    page = show(name)
    d, picture = HERE[network][0].in_features, view(page).locator(".side > canvas")
    for seed in range(3):
        z = torch.randn(d, generator=torch.Generator().manual_seed(seed)) * 2
        in_python(notebook, "None", first=f"widget.z = {z.tolist()}")
        settle(page)
        expected = HERE[network](z[None]).detach().flatten().numpy()
        np.testing.assert_allclose(decoded(page), expected, atol=tolerance)
        if name != "colour":
            np.testing.assert_allclose(grey(picture), expected * 255, atol=255 * tolerance + 1)
    assert len(set(np.round(expected, 3))) > 20, "a picture, not a blank"


def test_the_picture_follows_the_mouse(show, notebook):
    page = show("flat")
    box, handle = box_of_pad(page), view(page).locator(".handle")
    page.mouse.move(box["x"] + 150, box["y"] + 120)
    page.mouse.down()
    settle(page)
    before = decoded(page)
    page.mouse.move(box["x"] + 250, box["y"] + 200, steps=5)
    settle(page)
    assert centre(handle) == pytest.approx((box["x"] + 250, box["y"] + 200), abs=1)
    assert np.abs(decoded(page) - before).max() > 1e-3
    page.mouse.up()
    z = in_python(notebook, "widget.z")
    np.testing.assert_allclose(decoded(page), HERE["wide"](torch.tensor([z])).detach().flatten(), atol=1e-4)
    assert decoded(page, 1) == pytest.approx(decoded(page)), "the second view has the same picture"


def test_keys_move_the_code(show, notebook):
    page = show("flat")
    before = in_python(notebook, "widget.z")
    view(page).locator(".handle").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    settle(page)
    after = in_python(notebook, "widget.z")
    inner = np.sort(HERE["codes"][:, :2].numpy(), axis=0)[1:-1]  # 99 of 100 codes are on the map
    span = np.ptp(inner, axis=0) * 1.2
    np.testing.assert_allclose(np.subtract(after, before), span * [0.02, 0.04], rtol=0.01)


def test_points_can_be_hovered_clicked_and_filtered(show, notebook):
    page = show("many")
    view(page).get_by_label("number of a code").fill("7")
    view(page).get_by_label("go to that code").click()
    settle(page)
    assert in_python(notebook, "widget.z") == pytest.approx(HERE["codes"][7].tolist(), abs=1e-6)
    assert view(page).get_by_role("status").first.inner_text() == "code 7, 1"
    box_of_pad(page)
    x, y = centre(view(page).locator(".handle"))
    view(page).get_by_label("back to the mean of the codes").click()
    settle(page)
    page.mouse.move(x + 200, y)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    settle(page)
    z = in_python(notebook, "widget.z")
    nearest = (HERE["codes"] - torch.tensor(z)).norm(dim=1).min()
    assert nearest < 1e-5, "a click on a point goes to its code in all dimensions"
    full = map_pixels(page)
    view(page).get_by_label("show 1").click()
    settle(page)
    assert map_pixels(page) != full
    view(page).get_by_label("show all labels").click()
    settle(page)
    assert map_pixels(page) == full


def test_a_grid_of_pictures_lies_behind_the_map(show):
    page = show("flat")
    grid = view(page).locator(".pad canvas").first
    empty = grid.evaluate("(canvas) => canvas.toDataURL()")
    view(page).get_by_label("decoded pictures behind the map").click()
    page.wait_for_function("() => document.querySelector('.latent-explorer').dataset.tiles === '169'")
    assert grid.evaluate("(canvas) => canvas.toDataURL()") != empty


def test_directions_sliders_and_the_plane_of_three_codes(show, notebook):
    page = show("many")
    sliders = view(page).locator(".sliders input")
    assert sliders.count() == 14
    before = in_python(notebook, "widget.z")
    sliders.nth(4).focus()
    page.keyboard.press("End")
    settle(page)
    after = in_python(notebook, "widget.z")
    assert [i for i in range(16) if abs(after[i] - before[i]) > 1e-6] == [6], (
        "coordinates 0 and 1 are on the pad"
    )
    view(page).get_by_label("kind of directions").select_option("principal directions")
    settle(page)
    assert in_python(notebook, "widget.z") == after, "other directions, same code"
    view(page).get_by_label("kind of directions").select_option("plane through A, B, C")
    settle(page)
    z, (a, b, c) = np.array(in_python(notebook, "widget.z")), HERE["codes"][:3].numpy()
    residual = np.linalg.lstsq(np.stack([b - a, c - a], 1), z - a)[1]
    assert residual < 1e-9, "the code lies in the plane"
    assert sliders.count() == 0


def test_path_means_and_samples(show, notebook):
    page = show("many")
    codes, labels = HERE["codes"], HERE["labels"]
    view(page).get_by_label("travel from A to B").click()
    page.wait_for_function(
        "() => document.querySelector('.latent-explorer [title=\"travel from A to B\"]').textContent === 'Play'"
    )
    settle(page)
    assert in_python(notebook, "widget.z") == pytest.approx(codes[1].tolist(), abs=1e-5)
    strip = view(page).locator("canvas.strip")
    straight = strip.evaluate("(canvas) => canvas.toDataURL()")
    view(page).get_by_label("kind of path").select_option("spherical")
    settle(page)
    assert strip.evaluate("(canvas) => canvas.toDataURL()") != straight
    view(page).get_by_label("add the difference of the means").click()
    settle(page)
    expected = codes[1] + codes[labels == 0].mean(0) - codes[labels == 1].mean(0)
    assert in_python(notebook, "widget.z") == pytest.approx(expected.tolist(), abs=1e-5)
    view(page).get_by_label("draw a random code").click()
    settle(page)
    assert in_python(notebook, "widget.z") != pytest.approx(expected.tolist(), abs=0.1)
    view(page).get_by_label("A is the present code").click()
    settle(page)
    assert in_python(notebook, "widget.a == widget.z")


def test_a_drawing_is_encoded_in_the_browser(show, notebook):
    page = show("many")
    canvas = view(page).locator("canvas.draw")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 70, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 70, box["y"] + 110, steps=6)
    page.mouse.up()
    settle(page)
    drawn = torch.tensor(grey(canvas)).view(1, 28, 28) / 255
    assert 20 < int((drawn > 0.5).sum()) < 120
    expected = HERE["encoder"](drawn)[0]
    assert in_python(notebook, "widget.z") == pytest.approx(expected.tolist(), abs=0.02)


def test_a_slow_decoder_in_python_gets_the_latest_position_only(show, notebook):
    page = show("remote")
    box = box_of_pad(page)
    page.mouse.move(box["x"] + 120, box["y"] + 100)
    page.mouse.down()
    in_kernel = "len(counts)"
    for i in range(60):
        page.mouse.move(box["x"] + 120 + 2 * i, box["y"] + 100 + i)
        page.wait_for_timeout(10)
    page.mouse.up()
    page.wait_for_timeout(1500)
    z = in_python(notebook, "widget.z")
    np.testing.assert_allclose(decoded(page), HERE["deep"](torch.tensor([z])).detach().flatten(), atol=1e-5)
    assert 3 <= in_python(notebook, in_kernel) < 40, "60 moves in two views, most of them skipped"


def test_a_decoder_that_raises_is_reported_and_the_widget_stays_alive(show, notebook):
    page = show("remote")
    before = decoded(page)
    in_python(notebook, "broken", first="broken = True")
    view(page).get_by_label("draw a random code").click()
    page.wait_for_function(
        "() => /no more ink/.test(document.querySelector('.latent-explorer .message').textContent)"
    )
    in_python(notebook, "broken", first="broken = False")
    view(page).get_by_label("back to the mean of the codes").click()
    page.wait_for_function("() => !document.querySelector('.latent-explorer .message').textContent")
    view(page).get_by_label("draw a random code").click()
    page.wait_for_timeout(1000)
    assert np.abs(decoded(page) - before).max() > 1e-3


def test_the_picture_is_drawn_at_once(show, capsys):
    page = show("flat")
    box = box_of_pad(page)
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    settle(page)
    listen(page, ".latent-explorer")
    for i in range(100):
        page.mouse.move(box["x"] + 100 + 2 * i, box["y"] + 100 + i)
        page.wait_for_timeout(20)
    page.mouse.up()
    report_delays(page, capsys, "LatentExplorer, 2-200-400-784 in the browser", pointermove="drag")


def test_without_a_kernel_the_browser_still_decodes(show, notebook):
    page = show("flat")
    notebook.restart_kernel()
    before = decoded(page)
    view(page).get_by_label("draw a random code").click()
    settle(page)
    assert np.abs(decoded(page) - before).max() > 1e-4
    page = show("remote")
    notebook.restart_kernel()
    view(page).get_by_label("draw a random code").click()
    page.wait_for_function("() => document.querySelector('.latent-explorer .message').textContent")
    assert "run the cell again" in message(page)
