"""The pictures that every chapter draws: arrays or tensors in, Axes out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from course_utils.plots.style import COLORS, LINES, MARKERS, TEN_COLORS

__all__ = ["plot_curves", "plot_history", "plot_images", "plot_points"]


def plot_points(
    points: Any,
    labels: Any = None,
    *,
    ax: Axes | None = None,
    names: Sequence[str] | Mapping[Any, str] | None = None,
    size: float = 14,
    alpha: float = 0.7,
    equal: bool = True,
    xlabel: str = "$x_1$",
    ylabel: str = "$x_2$",
) -> Axes:
    """Draw 2-D points, each label with a colour and a marker of its own.

    Args:
        points: shape (n, 2).
        labels: shape (n,), integers or strings; none: all points alike.
        ax: where to draw; none: a new figure.
        names: what the legend says for the labels, in sorted order or by label; none: the labels themselves.
        size: area of a marker in square points.
        alpha: opacity, from 0 to 1.
        equal: one unit has the same length on both axes.
        xlabel: name and unit of the first coordinate.
        ylabel: name and unit of the second coordinate.
    """
    points = as_array(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"points must have shape (n, 2), got {points.shape}; choose two columns: points[:, :2]"
        )
    ax = axes_or_new(ax)
    if labels is None:
        ax.scatter(
            points[:, 0], points[:, 1], s=size, alpha=alpha, color=COLORS[0], marker=MARKERS[0], linewidths=0
        )
    else:
        labels = as_array(labels)
        if labels.shape != points.shape[:1]:
            raise ValueError(f"labels must have shape ({len(points)},), one per point, got {labels.shape}")
        kinds = np.unique(labels).tolist()
        if names is not None and len(names) < len(kinds):
            raise ValueError(
                f"names must have one entry for each of the {len(kinds)} labels, got {len(names)}"
            )
        colors = TEN_COLORS if len(kinds) <= len(TEN_COLORS) else COLORS
        for i, kind in enumerate(kinds):
            name = kind if names is None else names[kind] if isinstance(names, Mapping) else names[i]
            chosen = points[labels == kind]
            ax.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=size,
                alpha=alpha,
                color=colors[i % len(colors)],
                marker=MARKERS[i % len(MARKERS)],
                linewidths=0,
                label=str(name),
            )
        ax.legend(markerscale=1.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the points
    if equal:
        ax.set_aspect("equal", adjustable="box")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def plot_curves(
    x: Any, curves: Mapping[str, Any], *, ax: Axes | None = None, xlabel: str = "$x$", ylabel: str = ""
) -> Axes:
    """Draw functions of one variable, told apart by colour and by the kind of line.

    Args:
        x: shape (n,).
        curves: name for the legend to values of shape (n,).
        ax: where to draw; none: a new figure.
        xlabel: name and unit of the variable.
        ylabel: name and unit of the values.
    """
    x = as_array(x)
    ax = axes_or_new(ax)
    for i, (name, values) in enumerate(curves.items()):
        y = as_array(values)
        if x.ndim != 1 or y.shape != x.shape:
            raise ValueError(f"x and {name!r} must both have shape (n,), got {x.shape} and {y.shape}")
        ax.plot(x, y, color=COLORS[i % len(COLORS)], linestyle=LINES[i % len(LINES)], label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if curves:
        ax.legend()
    return ax


def plot_history(
    history: Any,
    names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
    xlabel: str = "step",
    ylabel: str = "",
) -> Axes:
    """Draw what was recorded during a training or a fit.

    Args:
        history: has `names`, `history[name]`, the values, and `history.steps(name)`, when they were recorded.
        names: what to draw; none: all of it.
        ax: where to draw; none: a new figure.
        xlabel: what a step is.
        ylabel: name and unit of the values; none: the name, if there is only one.
    """
    names = list(history.names if names is None else [names] if isinstance(names, str) else names)
    if unknown := [name for name in names if name not in history.names]:
        raise ValueError(f"the history has no {unknown[0]!r}; it has {', '.join(map(repr, history.names))}")
    ax = axes_or_new(ax)
    for i, name in enumerate(names):
        values, steps = as_array(history[name]), as_array(history.steps(name))
        # A mark on each value of a short series, so that a single value shows as well.
        marker = MARKERS[i % len(MARKERS)] if len(values) <= 30 else ""
        color, line = COLORS[i % len(COLORS)], LINES[i % len(LINES)]
        ax.plot(steps, values, color=color, linestyle=line, marker=marker, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel or (names[0] if len(names) == 1 else ""))
    if len(names) > 1:
        ax.legend()
    return ax


def plot_images(
    images: Any,
    *,
    n_columns: int | None = None,
    ax: Axes | None = None,
    gap: int = 1,
    title: str = "",
    row_labels: Sequence[str] = (),
) -> Axes:
    """Draw images side by side as one mosaic, row by row.

    Args:
        images: shape (n, height, width) for grey or (n, 3, height, width) for colour, values in [0, 1].
        n_columns: images per row; none: as square as it goes.
        ax: where to draw; none: a new figure of the mosaic's shape.
        gap: pixels between the images.
        title: above the mosaic.
        row_labels: one text per row, to its left.
    """
    pixels = as_array(images)
    if pixels.ndim == 4 and pixels.shape[1] in (1, 3):
        pixels = np.moveaxis(pixels, 1, -1)
    elif pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or 0 in pixels.shape or pixels.shape[-1] not in (1, 3):
        raise ValueError(
            f"images must have shape (n, height, width) or (n, 3, height, width), got {as_array(images).shape}"
        )
    if not (pixels.min() >= -1e-3 and pixels.max() <= 1 + 1e-3):  # false for NaN as well
        raise ValueError(
            f"images must lie in [0, 1], got values from {pixels.min():g} to {pixels.max():g}; "
            "divide by 255, or images.clamp(0, 1)"
        )
    n, height, width, channels = pixels.shape
    n_columns = min(n, n_columns or math.ceil(math.sqrt(n)))
    n_rows = math.ceil(n / n_columns)
    # Grey between the images, so that both black and white ones have an edge; white where none is.
    mosaic = np.ones((n_rows * (height + gap) + gap, n_columns * (width + gap) + gap, channels))
    for i, image in enumerate(pixels):
        top, left = i // n_columns * (height + gap), i % n_columns * (width + gap)
        mosaic[top : top + height + 2 * gap, left : left + width + 2 * gap] = 0.6
        mosaic[top + gap : top + gap + height, left + gap : left + gap + width] = image.clip(0, 1)
    is_new = ax is None
    ax = axes_or_new(ax)
    pixels = mosaic.squeeze(-1) if channels == 1 else mosaic
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")  # no blur that is not in the data
    ax.set(xticks=[], yticks=[], title=title)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    if row_labels:
        ax.set_yticks([gap + height / 2 + row * (height + gap) for row in range(n_rows)], row_labels)
        ax.tick_params(length=0)
    if is_new:
        _fit_around(mosaic, ax)
    return ax


def _fit_around(mosaic: np.ndarray, ax: Axes) -> None:
    """Give a figure with one mosaic, its title and the labels of its rows, the size that leaves no empty bands."""
    figure, margin = ax.figure.figure, 0.1  # inches
    labels, title = ax.yaxis.get_tightbbox(), ax.title.get_window_extent() if ax.get_title() else None
    beside = labels.width / figure.dpi + margin if labels else 0.0
    above = title.height / figure.dpi + margin if title else 0.0
    scale = min((7.9 - beside) / mosaic.shape[1], 6.0 / mosaic.shape[0], 0.08)  # inches per pixel
    width, height = scale * mosaic.shape[1], scale * mosaic.shape[0]
    whole = max(width, 1.4) + beside + margin, max(height, 0.7) + above + margin
    figure.set_layout_engine("none")
    figure.set_size_inches(whole)
    left, bottom = margin / 2 + beside, margin / 2
    ax.set_position((left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]))


def as_array(values: Any) -> np.ndarray:
    """`values`, a tensor, an array or a list of numbers or tensors, as a NumPy array."""
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    if isinstance(values, list | tuple) and any(isinstance(v, torch.Tensor) for v in values):
        return np.array([as_array(v) for v in values])
    return np.asarray(values)


def axes_or_new(ax: Axes | None) -> Axes:
    return plt.subplots()[1] if ax is None else ax
