"""`show`: the picture with its alt text, the same bytes at every run, and nothing else."""

import io
import struct

import matplotlib.pyplot as plt
import nbclient
import nbformat
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert import HTMLExporter
from PIL import Image

from course_utils import plots

ALT = 'A rising line from (0, 0) to (2, 4), "steep" & straight.'


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def shown(figure, alt=ALT):
    with capture_output() as captured:
        assert plots.show(figure, alt=alt) is None
    assert captured.stdout == captured.stderr == ""
    (output,) = captured.outputs
    return output


def line(**options):
    _, ax = plt.subplots(**options)
    ax.plot([0, 1, 2], [0, 2, 4])
    return ax


def chunks(png: bytes) -> list[bytes]:
    names, position = [], 8
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        names.append(png[position + 4 : position + 8])
        position += 12 + length
    return names


def test_picture_alt_text_and_twin(shell):
    output = shown(line())
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.data["text/plain"] == ALT
    assert output.metadata["image/png"] == {"alt": ALT, "width": 576, "height": 360}
    image = Image.open(io.BytesIO(output.data["image/png"]))
    assert image.size == (576, 360), "stored pixel by pixel as it is shown"
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_the_png_holds_pixels_and_no_dates_or_versions(shell):
    png = shown(line()).data["image/png"]
    assert png.startswith(b"\x89PNG")
    assert set(chunks(png)) <= {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
    assert b"matplotlib" not in png.lower()


def test_same_bytes_at_every_run(shell):
    assert shown(line()).data["image/png"] == shown(line()).data["image/png"]
    points = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    first, second = (shown(plots.plot_points(points, points[:, 0] > 0)).data["image/png"] for _ in range(2))
    assert first == second


def test_the_figure_is_closed_so_that_it_is_not_shown_twice(shell):
    ax = line()
    shown(ax)
    assert not plt.fignum_exists(ax.figure.number)


def test_figures_axes_and_arrays_of_axes(shell):
    figure, axes = plt.subplots(2, 2)
    whole = shown(figure).data["image/png"]
    assert shown(axes).data["image/png"] == whole
    assert shown(axes[0, 1]).data["image/png"] == whole
    assert shown(list(axes[0])).data["image/png"] == whole
    with_inset = line()
    assert shown(with_inset.inset_axes([0.1, 0.6, 0.3, 0.3])).data["image/png"]


def test_what_is_no_figure_is_refused(shell):
    with pytest.raises(TypeError, match="figure must be a Figure, Axes or an array of Axes, got Tensor"):
        plots.show(torch.ones(3), alt=ALT)
    with pytest.raises(TypeError, match="got list"):
        plots.show([], alt=ALT)
    with pytest.raises(ValueError, match="the axes must belong to one figure, got axes of 2"):
        plots.show([line(), line()], alt=ALT)


@pytest.mark.parametrize("alt", ["", "  ", None, "a line", "a" + " " * 30 + "b"])
def test_alt_must_say_something(shell, alt):
    with pytest.raises(ValueError, match="alt must say what there is to see, in at least 20 characters"):
        plots.show(line(), alt=alt)


def test_white_space_in_alt_is_folded(shell):
    output = shown(line(), alt="A line that\n        rises steadily.")
    assert output.data["text/plain"] == "A line that rises steadily."


def test_few_colours_are_stored_in_a_palette_and_many_as_they_are(shell):
    def stored(pixels):
        _, ax = plt.subplots()
        ax.imshow(pixels)
        output = shown(ax).data["image/png"]
        return Image.open(io.BytesIO(output)).mode, len(output)

    mode, size = stored(np.linspace(0, 1, 64).reshape(8, 8))
    assert mode == "P"
    assert size < 15_000
    assert stored(np.random.default_rng(0).random((32, 32, 3)))[0] == "RGB"
    points = torch.randn(2_000, 2, generator=torch.Generator().manual_seed(0))
    assert len(shown(plots.plot_points(points, points[:, 0] > 0)).data["image/png"]) < 60_000


def test_the_stored_colours_are_those_drawn(shell):
    figure = line().figure
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=90)
    expected = np.asarray(Image.open(drawn).convert("RGB"), dtype=int)
    got = np.asarray(Image.open(io.BytesIO(shown(figure).data["image/png"])).convert("RGB"), dtype=int)
    assert np.quantile(np.abs(got - expected), 0.999) <= 24


def test_outside_of_ipython_a_window_opens(monkeypatch):
    InteractiveShell.clear_instance()
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    opened = []
    monkeypatch.setattr(plt, "show", lambda: opened.append(plt.get_fignums()))
    ax = line()
    plots.show(ax, alt=ALT)
    assert opened == [[ax.figure.number]]


def test_in_a_notebook_and_in_its_html():
    code = (
        "import matplotlib.pyplot as plt\nfrom course_utils import plots\n"
        f"ax = plots.plot_curves([0, 1], {{'a': [0, 1]}})\nplots.show(ax, alt={ALT!r})\nax.figure.number"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    pictures = [o for o in notebook.cells[0].outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 1, "the inline backend shows nothing a second time"
    assert pictures[0].metadata["image/png"]["alt"] == ALT
    assert pictures[0].data["text/plain"] == ALT
    # nbconvert's templates "lab" and "reveal" (7.17) drop the alt text that "classic" honours: exports need
    # a template of their own.
    html = HTMLExporter(template_name="classic").from_notebook_node(notebook)[0]
    assert "No description has been provided" not in html
    (image,) = BeautifulSoup(html, "html.parser").find_all("img")
    assert image["alt"] == ALT
