"""Showing a figure in a notebook, with words for those who cannot see it."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["show"]

_DPI = 90  # pixels per inch, stored and shown: sharp, and a notebook stays under 500 kB
_VISIBLE = 24  # of 255: one pixel in a thousand may be off by this much, unseen
_PALETTES = (  # how many colours, how they are chosen, and rounds of k-means after that; the smallest file first
    (16, Image.Quantize.MAXCOVERAGE, 2),
    (32, Image.Quantize.MAXCOVERAGE, 2),
    (64, Image.Quantize.MAXCOVERAGE, 2),
    (256, Image.Quantize.MEDIANCUT, 0),
    (256, Image.Quantize.MAXCOVERAGE, 2),
)


def show(figure: Figure | Axes | np.ndarray | Sequence[Axes], *, alt: str) -> None:
    """Display a figure as a PNG with its alt text, and close it.

    The alt text is stored with the picture and is also its plain-text twin. The bytes are the same at every
    run: no date, no version, no address. Outside of IPython a window opens instead.

    Args:
        figure: the figure, its axes, or an array of its axes.
        alt: what there is to see, in a sentence: "Two clouds of points; the ellipses of both components fit".

    Raises:
        ValueError: if `alt` has less than 20 characters.
        TypeError: if `figure` is nothing of the kind.
    """
    alt = " ".join(alt.split()) if isinstance(alt, str) else ""
    if len(alt) < 20:
        raise ValueError(f"alt must say what there is to see, in at least 20 characters, got {alt!r}")
    figure = _figure(figure)
    if not _in_notebook():
        plt.show()
        return
    from IPython.display import display

    width, height = (round(inches * _DPI) for inches in figure.get_size_inches())
    metadata = {"image/png": {"alt": alt, "width": width, "height": height}}
    display({"image/png": _png(figure), "text/plain": alt}, metadata=metadata, raw=True)
    plt.close(figure)


def _figure(figure: Any) -> Figure:
    """The figure that all the axes belong to."""
    if isinstance(figure, Figure):
        return figure
    axes = [figure] if isinstance(figure, Axes) else list(np.ravel(np.asarray(figure, dtype=object)))
    if not axes or not all(isinstance(ax, Axes) for ax in axes):
        raise TypeError(f"figure must be a Figure, Axes or an array of Axes, got {type(figure).__name__}")
    figures = {ax.get_figure(root=True) for ax in axes}
    found = figures.pop()
    if figures or not isinstance(found, Figure):
        raise ValueError(f"the axes must belong to one figure, got axes of {len(figures) + 1}")
    return found


def _in_notebook() -> bool:
    """Whether output goes to a front end that can show pictures."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"


def _png(figure: Figure) -> bytes:
    """The picture, in the first palette that looks the same, or else in all its colours: a third of the size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DPI)
    image = stored = Image.open(drawn).convert("RGB")
    for n_colors, method, kmeans in _PALETTES:
        reduced = image.quantize(n_colors, method, kmeans, dither=Image.Dither.NONE)
        error = np.abs(np.asarray(image, dtype=np.int16) - np.asarray(reduced.convert("RGB"), dtype=np.int16))
        if np.quantile(error, 0.999) <= _VISIBLE:
            stored = reduced
            break
    file = io.BytesIO()
    stored.save(file, format="png", optimize=True)
    return file.getvalue()
