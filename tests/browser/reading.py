"""What the browser tests read from a page with our widgets."""

import ast
import statistics

# No frame is to come, and none has been drawn for half a second: the page has its layout, and nothing glides.
SETTLED = """() => {
  const views = [...document.querySelectorAll(".course-widget")];
  const drawn = views.map((view) => view.dataset.drawn).join();
  if (window.lastDrawn !== drawn) { window.lastDrawn = drawn; window.since = performance.now(); }
  return drawn && performance.now() - window.since > 500 && !views.some((view) => view.dataset.waiting);
}"""

# For each kind of input: milliseconds from its event to the end of the frame that draws what it changed.
LISTEN = """(selector) => {
  const root = document.querySelector(selector);
  window.delays = {};
  let input = null;
  for (const kind of ["pointerdown", "pointermove", "click", "input"])
    root.addEventListener(kind, (event) => { if (input?.type !== kind) input = event; }, true);
  new MutationObserver(() => {
    if (!input) return;
    const { type, timeStamp } = input, painted = new MessageChannel();
    input = null;
    painted.port1.onmessage = () => (window.delays[type] ??= []).push(performance.now() - timeStamp);
    painted.port2.postMessage(0);
  }).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
}"""


def settle(page):
    """Wait until all widgets have drawn what they have to draw, counted from now: it may not have begun."""
    page.evaluate("() => { window.lastDrawn = null; }")
    page.wait_for_function(SETTLED)


def cells_for(models, widgets):
    """Cells of a notebook for `show_twice` and `in_python`: the code that makes the models, and the widgets."""
    return models, widgets, "0", "widget", "0"


def show_twice(notebook, name, views, element, *, height):
    """Show a widget as new in two views, and give the page when all is drawn.

    Args:
        notebook: of `cells_for`.
        name: the variable that the widget has there.
        views: selector of a view.
        element: selector of what a view has when it is drawn.
        height: of the window, in pixels.
    """
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": height})
    notebook.write_cell(2, f"widget = {name}\nwidget")
    notebook.write_cell(4, "0")
    cells = notebook.run_all()
    assert all("error" not in output for cell in cells[:4] for output in cell["outputs"])
    page.locator(views).nth(1).locator(element).wait_for()
    page.locator(views).first.scroll_into_view_if_needed()
    settle(page)
    return page


def in_python(notebook, expression, *, first=""):
    """The value of an expression in the kernel, after a statement; the notebook is one of `cells_for`."""
    notebook.write_cell(4, f"{first}\nrepr({expression})")
    return ast.literal_eval(ast.literal_eval(notebook.run_last()))


def centre(locator):
    """Of an element, in pixels of the page."""
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def listen(page, selector):
    """From now on, measure the time from each input to the frame that it changes."""
    page.evaluate(LISTEN, selector)


def report_delays(page, capsys, widget, **names):
    """Print the median and the 95th percentile for each kind of input, by a readable name."""
    delays = page.evaluate("() => window.delays")
    lines = []
    for kind, name in names.items():
        assert len(delays[kind]) >= 15
        cuts = statistics.quantiles(delays[kind], n=20, method="inclusive")
        lines.append(f"{name} {statistics.median(delays[kind]):.0f} ms (95 % within {cuts[18]:.0f})")
    with capsys.disabled():
        print(f"\n{widget}, from input to repaint: {', '.join(lines)}")
