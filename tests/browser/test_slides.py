"""The lecture in a real browser, from a file and over HTTP: every slide of all chapters, and widgets with no kernel."""

import functools
import http.server
import os
import re
import threading

import nbformat
import numpy as np
import pytest
from nbformat import v4

from tests.browser.reading import centre, settle
from tools import notebooks, slides

CHAPTERS = [pair.notebook for pair in notebooks.pairs(notebooks.NOTEBOOKS) if pair.notebook.exists()]
WITH_EXPLORER = next(path for path in CHAPTERS if path.name.startswith("02_"))
WITH_PAPER = next(path for path in CHAPTERS if path.name.startswith("08_"))
# Each chapter is read from its file, and the first one with a widget over HTTP too.
DECKS = [(path, "file") for path in CHAPTERS] + [(CHAPTERS[1], "http")]
SMALLEST_TEXT, SMALLEST_CODE = 18, 15  # px at 1280 × 720
SMALLEST_FIGURE = 0.8  # of its size in the notebook

# What there is to see on the present slide, read from what the browser has laid out.
INSPECT = r"""() => {
  const slide = Reveal.getCurrentSlide(), found = { raw: [], small: [], outside: [], shrunk: [], boxes: 0 };
  const bottom = document.querySelector(".slide-number").getBoundingClientRect().top;
  const check = (box, words) => {
    found.boxes++;
    const inside = box.left >= 0 && box.right <= 1280 && box.top >= 0 && box.bottom <= bottom;
    if (!inside) found.outside.push(`${words} (right ${box.right.toFixed()}, bottom ${box.bottom.toFixed()})`);
  };
  const texts = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const words = text.textContent.trim(), parent = text.parentElement;
    if (!words || parent.closest("script, style, aside, audio, mjx-container, .jupyter-widgets")) continue;
    const range = document.createRange(), code = parent.closest("pre, code");
    const block = parent.closest("pre, .jp-RenderedMarkdown").getBoundingClientRect();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      check(box, words);
      if (box.right > block.right + 1) found.outside.push(words);
    }
    const size = parseFloat(getComputedStyle(parent).fontSize) * Reveal.getScale();
    if (size < (code ? SMALLEST_CODE : SMALLEST_TEXT) - 0.01) found.small.push(`${size} px: ${words}`);
    if (!code && /\$|\\\(|\\\[|\\begin/.test(words)) found.raw.push(words);
  }
  for (const node of slide.querySelectorAll("img, audio, mjx-container > svg, .jupyter-widgets")) {
    check(node.getBoundingClientRect(), node.tagName);
  }
  for (const image of slide.querySelectorAll("img")) {
    const share = image.getBoundingClientRect().width / parseFloat(image.style.getPropertyValue("--width"));
    if (!(share >= SMALLEST_FIGURE - 0.01)) found.shrunk.push(share);
  }
  found.raw.push(...[...slide.querySelectorAll("[data-mml-node=merror]")].map((node) => node.textContent));
  return found;
}"""
INSPECT = INSPECT.replace("SMALLEST_TEXT", str(SMALLEST_TEXT)).replace("SMALLEST_CODE", str(SMALLEST_CODE))
INSPECT = INSPECT.replace("SMALLEST_FIGURE", str(SMALLEST_FIGURE))
SHOW = """(i) => {
  const { h, v } = Reveal.getIndices(Reveal.getSlides()[i]);
  Reveal.slide(h, v, 99);
}"""


class Deck:
    """Slides in a page of their own, with everything that the browser complained about or wanted from a network."""

    def __init__(self, browser, address):
        self.complaints, self.outside = [], []
        self.context = browser.new_context(viewport={"width": 1280, "height": 720})
        self.context.route(re.compile("^(?!file:|data:|blob:|http://127.0.0.1:)"), self._refuse)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.goto(address)
        self.page.wait_for_function("() => window.Reveal?.isReady()")

    def _refuse(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def visit(self):
        """What there is to see on each slide, with all fragments shown."""
        seen = []
        for number in range(self.page.evaluate("Reveal.getTotalSlides()")):
            self.page.evaluate(SHOW, number)
            seen.append(self.page.evaluate(INSPECT))
        return seen


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Build the slides of one notebook; the libraries come from the shared cache."""
    folder = tmp_path_factory.mktemp("slides")
    try:
        slides.vendor(folder / "assets", slides.CACHE)
    except notebooks.Problem as problem:
        pytest.fail(str(problem)) if os.environ.get("CI") else pytest.skip(str(problem))

    @functools.cache
    def build(path, cache):
        slides.build(path, folder, cache)
        return folder / f"{path.stem}.html"

    return build


@pytest.fixture(scope="module")
def open_deck(browser):
    """A function that opens a page from its "file", or over "http"."""
    decks, servers = [], []

    def open_one(path, way):
        address = path.as_uri()
        if way == "http":
            handler = functools.partial(Quiet, directory=path.parent)
            servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{servers[-1].server_port}/{path.name}"
        decks.append(Deck(browser, address))
        return decks[-1]

    yield open_one
    for deck in decks:
        deck.context.close()
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that logs nothing."""

    def log_message(self, *_):
        pass


def visible(notebook):
    hidden = {"skip", "notes"}
    return [cell for cell in notebook.cells if cell.metadata.slideshow.slide_type not in hidden]


# ---- the chapters


@pytest.fixture(scope="module", params=DECKS, ids=lambda deck: f"{deck[0].name[:2]}-{deck[1]}")
def deck(request):
    return request.param


@pytest.fixture(scope="module")
def stored(deck):
    return notebooks.read_notebook(deck[0])


@pytest.fixture(scope="module")
def chapter(deck, make, open_deck):
    path, way = deck
    return open_deck(make(path, slides.CACHE), way)


@pytest.fixture(scope="module")
def seen(chapter):
    return chapter.visit()


def numbered(seen, what):
    return {number: slide[what] for number, slide in enumerate(seen, 1) if slide[what]}


def test_the_slides_are_those_of_the_notebook(chapter, seen, stored):
    kinds = [cell.metadata.slideshow.slide_type for cell in stored.cells]
    assert len(seen) == kinds.count("slide") + kinds.count("subslide")
    assert chapter.page.title() == slides.title(stored)
    assert all(slide["boxes"] for slide in seen), "a slide is empty"


def test_nothing_overflows(seen):
    assert not numbered(seen, "outside"), "split these slides: change a slide_type"


def test_all_of_it_can_be_read_from_the_last_row(seen):
    assert not numbered(seen, "small"), "split these slides: change a slide_type"
    assert not numbered(seen, "shrunk"), "split these slides: change a slide_type"


def test_every_formula_is_drawn(chapter, seen, stored):
    assert not numbered(seen, "raw")
    prose = "\n".join(cell.source for cell in visible(stored) if cell.cell_type == "markdown")
    prose = re.sub(r"`[^`]*`", "", prose)
    n_displayed = len(re.findall(r"\$\$.+?\$\$", prose, re.DOTALL))
    n_inline = len(re.findall(r"\$.+?\$", re.sub(r"\$\$.+?\$\$", "", prose, flags=re.DOTALL), re.DOTALL))
    assert chapter.page.locator("mjx-container[display=true]").count() == n_displayed > 0
    assert chapter.page.locator("mjx-container:not([display=true])").count() == n_inline > 0


def test_every_picture_has_its_stored_words(chapter, stored):
    words = [
        output.metadata["image/png"]["alt"]
        for cell in visible(stored)
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    shown = chapter.page.locator(".slides img").evaluate_all("(all) => all.map((image) => image.alt)")
    assert shown == words
    assert all(shown)


def test_nothing_is_wanted_from_a_network_and_nothing_goes_wrong(chapter, seen):
    assert not chapter.outside
    assert not chapter.complaints


def test_the_space_bar_leads_through_all_slides(chapter, seen):
    chapter.page.evaluate("() => Reveal.slide(0, 0, -1)")
    fragments = chapter.page.locator(".slides .fragment").count()
    for _ in range(len(seen) - 1 + fragments):
        chapter.page.keyboard.press("Space")
    assert chapter.page.evaluate("Reveal.isLastSlide()")
    assert chapter.page.locator(".slide-number").inner_text() == f"{len(seen)} / {len(seen)}"


# ---- widgets and notes, in a notebook of their own

WIDGET = '''import anywidget, ipywidgets, traitlets

class Clicks(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
      const button = document.createElement("button");
      const draw = () => { button.textContent = `clicked ${model.get("n")}`; };
      button.addEventListener("click", () => { model.set("n", model.get("n") + 1); model.save_changes(); });
      model.on("change:n", draw);
      draw();
      el.append(button);
    } }"""
    n = traitlets.Int(3).tag(sync=True)

print("fresh")
Clicks()'''


@pytest.fixture(scope="module", params=["file", "http"])
def widgets(request, make, open_deck, tmp_path_factory):
    folder = tmp_path_factory.mktemp("widgets")

    def cell(new, text, kind, **options):
        return new(text, metadata={"slideshow": {"slide_type": kind}}, **options)

    outputs = [v4.new_output("stream", name="stdout", text="stored")]
    outputs.append(v4.new_output("execute_result", data={"text/plain": "Clicks()"}, execution_count=1))
    cells = [
        cell(v4.new_markdown_cell, "# Widgets", "slide"),
        cell(v4.new_markdown_cell, "Tell a story.", "notes"),
        cell(v4.new_code_cell, WIDGET, "slide", outputs=outputs),
        cell(v4.new_code_cell, "ipywidgets.IntSlider(3, description='$K$')", "subslide"),
        cell(v4.new_markdown_cell, "The end.", "slide"),
    ]
    nbformat.write(v4.new_notebook(cells=cells), folder / "99_widgets.ipynb")
    return open_deck(make(folder / "99_widgets.ipynb", folder), request.param)


def test_widgets_live_without_a_kernel(widgets):
    page = widgets.page
    page.evaluate("() => Reveal.slide(1, 0)")
    button = page.get_by_role("button", name="clicked")
    assert button.inner_text() == "clicked 3"
    button.click()
    assert button.inner_text() == "clicked 4"
    text = page.locator("section.present section.present").inner_text()
    assert "stored" in text
    assert "fresh" not in text.replace('print("fresh")', ""), "only the widgets come from the fresh run"
    page.keyboard.press("Space")
    assert button.inner_text() == "clicked 5", "inside a widget the keys are the widget's"
    assert page.evaluate("Reveal.getIndices().v") == 0
    page.keyboard.press("PageDown")
    assert page.evaluate("Reveal.getIndices().v") == 1, "those of a presenter's remote control are not"
    page.evaluate("() => Reveal.slide(1, 1)")
    assert page.locator(".widget-slider .noUi-handle").is_visible()
    assert page.locator(".widget-slider mjx-container").count() == 1, "the label's formula is drawn"
    assert not numbered(widgets.visit(), "outside")
    assert not widgets.outside
    assert not widgets.complaints


def test_notes_are_for_the_speaker_only(widgets):
    assert not widgets.page.get_by_text("Tell a story.").is_visible()
    widgets.page.evaluate("() => { document.activeElement.blur(); Reveal.slide(0, 0); }")
    with widgets.page.expect_popup() as popup:
        widgets.page.keyboard.press("s")
    notes = popup.value.locator(".speaker-controls-notes .value")
    notes.get_by_text("Tell a story.").wait_for()
    assert not widgets.outside


# ---- the explorer of codes, on its slide


def test_the_explorer_is_within_reach_and_decodes_without_a_kernel(make, open_deck):
    deck = open_deck(make(WITH_EXPLORER, slides.CACHE), "file")
    page, explorer = deck.page, deck.page.locator(".latent-explorer")
    page.evaluate(
        SHOW, page.evaluate("Reveal.getSlides().findIndex((s) => s.querySelector('.latent-explorer'))")
    )
    settle(page)
    for control in explorer.locator("button, select, input").all():
        control.click(trial=True)  # nothing lies over it

    def decoded():
        return np.array(explorer.evaluate("(root) => Array.from(root.decoded.data)"))

    def pixels():
        return explorer.locator(".side > canvas").evaluate("(canvas) => canvas.toDataURL()")

    pad, before, picture = explorer.locator(".pad").bounding_box(), decoded(), pixels()
    page.mouse.move(pad["x"] + 120, pad["y"] + 100)
    page.mouse.down()
    page.mouse.move(pad["x"] + 300, pad["y"] + 300, steps=5)
    page.mouse.up()
    settle(page)
    assert centre(explorer.locator(".handle")) == pytest.approx((pad["x"] + 300, pad["y"] + 300), abs=1)
    assert np.abs(decoded() - before).max() > 0.5, "another digit"
    assert pixels() != picture
    assert not explorer.locator(".message").inner_text(), "Python is not asked"
    assert not deck.complaints
    assert not deck.outside


# ---- paper to draw on, on its slide


def test_a_drawing_is_translated_without_a_kernel(make, open_deck):
    deck = open_deck(make(WITH_PAPER, slides.CACHE), "file")
    page, explorer = deck.page, deck.page.locator(".translation-explorer")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.evaluate(
        SHOW, page.evaluate("Reveal.getSlides().findIndex((s) => s.querySelector('.translation-explorer'))")
    )
    settle(page)
    assert page.evaluate("Reveal.getScale()") > 1.2
    for control in explorer.locator("button").all():
        control.click(trial=True)  # nothing lies over it

    def made():
        read = "(all) => all.map((canvas) => Array.from(canvas.picture.data))"
        return np.array(
            explorer.locator("figure > canvas").evaluate_all(read)
        )  # two models, and what to compare

    explorer.get_by_label("an empty sheet of paper").click()
    settle(page)
    empty = made()
    box = explorer.locator(".sheet canvas").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    settle(page)
    drawn = explorer.evaluate("(root) => root.explorer.now.outline")
    ink = (np.reshape(drawn, (24, 24)) < 0.7).nonzero()
    assert set(ink[0]) <= {11, 12}, "the line is where the pointer was, although the slide is scaled"
    assert (ink[1].min(), ink[1].max()) == (7, 16)
    assert (np.abs(made() - empty).max(1)[:2] > 0.2).all(), "both translations follow"
    np.testing.assert_array_equal(made()[2], empty[0], "beside them is what was before")
    assert not deck.complaints
    assert not deck.outside
