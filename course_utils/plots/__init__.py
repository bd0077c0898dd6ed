"""Pictures: arrays in, Axes out, and `show` to display them with an alt text.

Importing this package sets Matplotlib's defaults to the look of the course; `use_style()` does it again.
"""

from course_utils.plots.basic import plot_curves, plot_history, plot_images, plot_points
from course_utils.plots.mixtures import (
    plane,
    plot_climb,
    plot_density,
    plot_ellipses,
    plot_responsibilities,
    plot_strips,
)
from course_utils.plots.show import show
from course_utils.plots.style import COLORS, LINES, MARKERS, TEN_COLORS, use_style
from course_utils.plots.tree import plot_tree

__all__ = [
    "COLORS",
    "LINES",
    "MARKERS",
    "TEN_COLORS",
    "plane",
    "plot_climb",
    "plot_curves",
    "plot_density",
    "plot_ellipses",
    "plot_history",
    "plot_images",
    "plot_points",
    "plot_responsibilities",
    "plot_strips",
    "plot_tree",
    "show",
    "use_style",
]

use_style()
