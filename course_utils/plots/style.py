"""One look for the whole course: colours that colour-blind readers can tell apart, and never colour alone."""

import matplotlib as mpl
from cycler import cycler

__all__ = ["COLORS", "LINES", "MARKERS", "TEN_COLORS", "use_style"]

# Okabe and Ito (2008), without their yellow, which is too pale on white. With 7 colours beside 10 markers and
# 5 kinds of lines, the first 35 series of a figure all differ in the pair.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
TEN_COLORS = (*COLORS, "#999999", "#8C564B", "#6A3D9A")  # for points of ten kinds, such as digits
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))


def use_style() -> None:
    """Set Matplotlib's defaults for the course; importing `course_utils.plots` has done so already.

    A light background that is stored with the picture, so that it is readable on a dark page, and letters
    that are readable when projected.
    """
    lines = [LINES[i % len(LINES)] for i in range(len(COLORS))]
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 4.0),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=lines),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E5E5E5",
            "grid.linewidth": 0.8,
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.labelsize": 12,
            "legend.fontsize": 11,
            "legend.frameon": False,
            "lines.linewidth": 2.0,
            "lines.markersize": 6,
            "scatter.edgecolors": "face",
            "image.cmap": "cividis",
            "image.interpolation": "nearest",
        }
    )
