"""A tree of names, drawn from left to right: a map of ideas."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from course_utils.plots.basic import axes_or_new
from course_utils.plots.style import COLORS

__all__ = ["plot_tree"]

Tree = Mapping[str, "Tree | Sequence[str]"]


def plot_tree(tree: Tree, *, ax: Axes | None = None) -> Axes:
    """Draw a tree, its root at the left, its leaves at the right from top to bottom.

    Args:
        tree: names to what hangs on them: a tree of the same kind, or a sequence of names, the leaves. It must
            have one root.
        ax: where to draw; none: a new figure.

    Raises:
        ValueError: if the tree has not exactly one root.
    """
    if len(tree) != 1:
        raise ValueError(f"tree must have one root, got {len(tree)}: {', '.join(tree)}")
    ax = axes_or_new(ax)
    n_leaves = 0

    def draw(name: str, below: "Tree | Sequence[str]", depth: int) -> float:
        nonlocal n_leaves
        items = below.items() if isinstance(below, Mapping) else [(leaf, ()) for leaf in below]
        heights = [draw(child, grandchildren, depth + 1) for child, grandchildren in items]
        if not heights:
            n_leaves += 1
        height = (heights[0] + heights[-1]) / 2 if heights else -float(n_leaves)
        for other in heights:
            ax.plot(
                [depth, depth + 0.62, depth + 0.62, depth + 1],
                [height, height, other, other],
                color="#999999",
                linestyle="-",
                linewidth=1.2,
                zorder=1,
            )
        frame = {
            "boxstyle": "round,pad=0.35",
            "facecolor": "white",
            "edgecolor": COLORS[depth % len(COLORS)],
            "linewidth": 1.5,
        }
        ax.text(depth, height, name, ha="left", va="center", bbox=frame, fontsize=11, zorder=2)
        return height

    ((root, below),) = tree.items()
    draw(root, below, 0)
    ax.set(ylim=(-n_leaves - 0.6, -0.4), xlim=(-0.1, _depth(tree) + 0.2))
    ax.axis("off")
    return ax


def _depth(tree: "Tree | Sequence[str]") -> int:
    """How many names lie one behind the other."""
    if isinstance(tree, Mapping):
        return 1 + max((_depth(below) for below in tree.values()), default=0)
    return 1 if len(tree) else 0
