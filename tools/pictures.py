"""Moving pictures of the widgets, taken from JupyterLab in a browser: `make pictures`."""

import io
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from tools.lab import CHROMIUM, NO_CHROMIUM, ROOT, Lab, OpenNotebook, launch

PICTURES = ROOT / "docs" / "pictures"
WIDTH = 760  # pixels
FRAME = 100  # milliseconds
# A screenshot has no pointer, so that one is drawn where the mouse is.
POINTER = """() => {
  const pointer = document.createElement("div");
  pointer.style = "position:fixed;left:0;top:0;z-index:9999;pointer-events:none";
  pointer.innerHTML = '<svg width="22" height="22"><path d="M2 1L2 17L6.5 13L9.5 20L12.5 18.5L9.5 12L15.5 12Z" ' +
    'fill="black" stroke="white" stroke-width="1.5"/></svg>';
  document.body.appendChild(pointer);
  document.addEventListener("pointermove", (event) => {
    pointer.style.transform = `translate(${event.clientX - 2}px,${event.clientY - 1}px)`;
  }, true);
}"""

# While held, the page's animations go on by so many frames as asked for: a busy machine then leaves none out.
HOLD = """() => {
  const waiting = [], free = window.requestAnimationFrame;
  window.requestAnimationFrame = (step) => waiting.push(step);
  window.passFrames = (n) => { for (; n > 0; n--) waiting.splice(0).forEach((step) => step(performance.now())); };
  window.letGo = () => { window.requestAnimationFrame = free; waiting.splice(0).forEach((step) => free(step)); };
}"""

Action = Callable[[], object]


def em_stepper(page: Page) -> Iterator[Action]:
    """Play to the end, drag a mean away, and see EM go on; one action for each frame."""
    widget = page.locator(".em-stepper")
    play = widget.get_by_label("play or pause")
    yield play.click
    while play.inner_text() == "Pause":
        yield lambda: None
    start, end = (centre(widget.locator(".em-mean").nth(j)) for j in (0, 4))
    yield from move(page, (start[0] + 60, start[1] + 60), start, 5)
    page.mouse.down()
    yield from move(page, start, (end[0] + 12, end[1] + 6), 15)
    page.mouse.up()
    yield from [lambda: None] * 3
    while play.inner_text() == "Pause":
        yield lambda: None
    yield from [lambda: None] * 20


def latent_explorer(page: Page) -> Iterator[Action]:
    """Show the grid, and drag through the map in a loop; one action for each frame."""
    widget = page.locator(".latent-explorer")
    box = widget.locator(".pad").bounding_box()
    assert box
    middle = (box["x"] + 0.55 * box["width"], box["y"] + 0.45 * box["height"])
    turn = [(middle[0] + 120 * math.cos(t / 9), middle[1] + 100 * math.sin(t / 9)) for t in range(57)]
    yield from move(page, (middle[0], middle[1] + 160), turn[0], 6)
    page.mouse.down()
    yield from (partial(page.mouse.move, *place) for place in turn)
    page.mouse.up()
    yield widget.get_by_label("decoded pictures behind the map").click
    yield from [lambda: None] * 8
    yield from move(page, middle, turn[0], 3)
    page.mouse.down()
    yield from (partial(page.mouse.move, *place) for place in turn[:30])
    page.mouse.up()
    yield from [lambda: None] * 10


def elbo_explorer(page: Page) -> Iterator[Action]:
    """Let q climb, carry it to the other hill, let it climb there, and take a decoder without a fold."""
    widget = page.locator(".elbo-explorer")
    optimise = widget.get_by_label("climb to the highest bound, or pause")
    mean = widget.locator(".elbo-mean")
    yield from [lambda: None] * 5

    def climb() -> Iterator[Action]:
        page.evaluate(HOLD)
        yield optimise.click
        while optimise.inner_text() == "Pause":
            yield lambda: page.evaluate("passFrames(6)")
        page.evaluate("letGo()")
        yield from [lambda: None] * 8

    yield from climb()
    box = widget.locator(".elbo-z").bounding_box()
    assert box
    start = centre(mean)
    end = (start[0] + 0.28 * box["width"], start[1])
    yield from move(page, (start[0] + 40, start[1] + 60), start, 5)
    page.mouse.down()
    yield from move(page, start, end, 20)
    page.mouse.up()
    yield from climb()
    decoder = widget.get_by_label("decoder", exact=True)
    yield lambda: decoder.select_option("no fold")
    yield from [lambda: None] * 5
    yield from climb()
    yield from [lambda: None] * 10


def gan_playground(page: Page) -> Iterator[Action]:
    """Let it train: Python waits for the page to draw, so that it goes as far from one picture to the next."""
    widget = page.locator(".gan-playground")
    start = widget.get_by_label("train, or pause")
    page.set_viewport_size({"width": 1640, "height": 900})  # all beside one another, as on a slide
    page.wait_for_timeout(1000)
    yield from [lambda: None] * 5
    yield from move(page, (centre(start)[0] + 60, centre(start)[1] + 60), centre(start), 4)
    page.evaluate(HOLD)
    yield start.click
    reached = "(n) => (passFrames(1), document.querySelector('.gan-playground').picture.now.rounds >= n)"
    for rounds in range(10, 1510, 20):
        yield lambda n=rounds: page.wait_for_function(reached, arg=n, polling=50, timeout=120_000)
    page.evaluate("letGo()")
    yield start.click
    yield from [lambda: None] * 15


def centre(locator: Locator) -> tuple[float, float]:
    """Of an element, in pixels of the page."""
    box = locator.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def move(page: Page, start: tuple[float, float], end: tuple[float, float], n_frames: int) -> Iterator[Action]:
    """The mouse along a line."""
    for i in range(n_frames + 1):
        x, y = (a + (b - a) * i / n_frames for a, b in zip(start, end, strict=True))
        yield lambda x=x, y=y: page.mouse.move(x, y)


SCENES = {
    "em_stepper": (
        ".em-stepper",
        "from course_utils import widgets\nwidgets.EMStepper(data_set='ring', n_components=8, n_iterations=14)",
        em_stepper,
    ),
    "elbo_explorer": (
        ".elbo-explorer",
        "import torch\nfrom torch import nn\n"
        "from course_utils import vae, widgets\nfrom course_utils.networks import mlp\n"
        "class Fold(nn.Module):\n"
        "    def __init__(self, fold):\n"
        "        super().__init__()\n"
        "        self.fold = fold\n"
        "    def forward(self, z):\n"
        "        sides = (2.5 * (z + 1.2)).tanh() + (2.5 * (z - 1.2)).tanh()\n"
        "        return 1.5 * sides - self.fold * (2.5 * z).tanh()\n"
        "def model(fold):\n"
        "    return vae.VAE(mlp([1, 2]), nn.Sequential(Fold(fold)), 1, vae.Gaussian(0.4))\n"
        "x = torch.tensor([[-2.2], [-1.0], [0.0], [1.0], [1.6], [2.4]])\n"
        "explorer = widgets.ELBOExplorer({'folded': model(1.2), 'no fold': model(0.0)}, x)\n"
        "explorer.index, explorer.mean, explorer.logvar = 3, -2.0, 0.0\n"
        "explorer",
        elbo_explorer,
    ),
    "gan_playground": (
        ".gan-playground",
        "from course_utils import widgets\nwidgets.GANPlayground()",
        gan_playground,
    ),
    "latent_explorer": (
        ".latent-explorer",
        "from course_utils import data, pretrained, widgets\n"
        "model, test = pretrained.load('autoencoder_mnist_2d'), data.load_mnist('test')\n"
        "codes = model.encode(test.images[:3000])\n"
        "widgets.LatentExplorer(model.decoder, codes, test.labels[:3000], test.images[:3000])",
        latent_explorer,
    ),
}


def take(page: Page, widget: Locator, actions: Iterator[Action]) -> list[Image.Image]:
    """A picture of the widget after each action, at an even pace."""
    frames = []
    for action in actions:
        action()
        page.wait_for_timeout(FRAME)
        picture = Image.open(io.BytesIO(widget.screenshot())).convert("RGB")
        frames.append(picture.resize((WIDTH, round(picture.height * WIDTH / picture.width))))
    return frames


def write(frames: list[Image.Image], path: Path) -> None:
    """An animated GIF; pictures that are the same as the one before only prolong it."""
    kept, durations = [frames[0]], [FRAME]
    for frame in frames[1:]:
        if frame.tobytes() == kept[-1].tobytes():
            durations[-1] += FRAME
        else:
            kept.append(frame)
            durations.append(FRAME)
    palette = kept[len(kept) // 2].quantize(128)
    reduced = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in kept]
    path.parent.mkdir(parents=True, exist_ok=True)
    reduced[0].save(path, save_all=True, append_images=reduced[1:], duration=durations, loop=0, optimize=True)
    print(f"{path.relative_to(ROOT)}: {len(kept)} pictures, {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Take the scenes that are named on the command line, or all."""
    chosen = sys.argv[1:] or list(SCENES)
    if not CHROMIUM:
        sys.exit(NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as play:
        folder, private = Path(scratch, "notebooks"), Path(scratch, "private")
        folder.mkdir()
        private.mkdir()
        lab = Lab(folder, private)
        try:
            for name, (selector, cell, scene) in ((name, SCENES[name]) for name in chosen):
                page = launch(play).new_page(viewport={"width": 1280, "height": 1300})
                notebook = OpenNotebook(page, lab.url(lab.write(f"{name}.ipynb", cell)))
                notebook.run_all()
                widget = page.locator(selector)
                widget.scroll_into_view_if_needed()
                page.wait_for_timeout(2000)
                page.evaluate(POINTER)
                write(take(page, widget, scene(page)), PICTURES / f"{name}.gif")
                notebook.close()
        finally:
            lab.stop()


if __name__ == "__main__":
    main()
