"""Pictures of mixtures in the plane: ellipses, densities, and points coloured by who made them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Ellipse
from torch import Tensor

from course_utils.plots.basic import as_array, axes_or_new
from course_utils.plots.style import COLORS, LINES, MARKERS

__all__ = ["plane", "plot_climb", "plot_density", "plot_ellipses", "plot_responsibilities", "plot_strips"]


def plane(
    xlim: tuple[float, float], ylim: tuple[float, float], n: int = 120
) -> tuple[Tensor, Tensor, Tensor]:
    """Points that fill a rectangle, to evaluate a density on.

    Returns:
        The n values of each axis, and all their pairs as points (n², 2), float64.
    """
    x, y = (torch.linspace(*limits, n, dtype=torch.float64) for limits in (xlim, ylim))
    return x, y, torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).view(-1, 2)


def plot_climb(
    before: Any,
    after: Any,
    log_likelihood: Any,
    *,
    first: int = 0,
    ax: Axes | None = None,
    ylabel: str = "nats",
) -> Axes:
    """Draw how EM climbs: the log-likelihood, and the bound before and after each E-step.

    Args:
        before: the bound before each E-step, shape (n_iterations,).
        after: the bound after it, shape (n_iterations,).
        log_likelihood: what both bound from below, shape (n_iterations,).
        first: number of the first iteration given.
        ax: where to draw; none: a new figure.
        ylabel: unit of all three.
    """
    before, after = as_array(before), as_array(after)
    ax = axes_or_new(ax)
    steps = np.arange(first, first + len(before))
    ax.plot(steps, as_array(log_likelihood), "-", color=COLORS[4], label="log-likelihood")
    ax.plot(steps, before, "o", color=COLORS[1], markersize=8, label="bound before the E-step")
    ax.plot(steps, after, "s", color=COLORS[0], markersize=5, label="bound after the E-step")
    gap = "gap = KL(q ‖ posterior)"
    ax.vlines(steps, before, after, color=COLORS[1], linewidth=3, alpha=0.5, linestyle="-", label=gap)
    ax.set(xlabel="iteration", ylabel=ylabel)
    ax.legend(loc="lower right")
    return ax


def plot_density(x: Any, y: Any, density: Any, *, ax: Axes | None = None, filled: bool = True) -> Axes:
    """Draw a density over the plane, as shades or as contour lines.

    Args:
        x: the values of the first axis, shape (n,), as `plane` gives them.
        y: the values of the second axis, shape (m,).
        density: one value per pair, shape (m·n,) or (m, n).
        ax: where to draw; none: a new figure.
        filled: shades (darker is denser) instead of lines.
    """
    x, y, density = (as_array(values) for values in (x, y, density))
    ax = axes_or_new(ax)
    values = density.reshape(len(y), len(x))
    # Halvings below the peak, in equal steps of colour, so that narrow and wide components both show.
    halvings = np.log2(np.maximum(values / values.max(), 1e-30))
    if filled:
        ax.contourf(x, y, halvings, levels=np.arange(-10, 0.5), cmap="Blues")
    else:
        ax.contour(x, y, halvings, levels=np.arange(-10, 0), colors=COLORS[0], linewidths=0.8, linestyles="-")
    ax.set(xlabel=ax.get_xlabel() or "$x_1$", ylabel=ax.get_ylabel() or "$x_2$")
    return ax


def plot_ellipses(
    means: Any,
    covariances: Any,
    *,
    ax: Axes | None = None,
    n_std: Sequence[float] = (1, 2),
    names: bool = False,
) -> Axes:
    """Draw each Gaussian as ellipses, with a cross at its mean.

    Args:
        means: shape (K, 2).
        covariances: shape (K, 2, 2).
        ax: where to draw; none: a new figure.
        n_std: how many standard deviations from the mean the ellipses run.
        names: write the number of each component beside its mean.
    """
    means, covariances = as_array(means), as_array(covariances)
    if means.ndim != 2 or means.shape[1] != 2 or covariances.shape != (len(means), 2, 2):
        raise ValueError(
            f"means and covariances must have shapes (K, 2) and (K, 2, 2), got {means.shape} and "
            f"{covariances.shape}; full_covariances(parameters) gives the latter"
        )
    ax = axes_or_new(ax)
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        color, line = COLORS[k % len(COLORS)], LINES[k // len(COLORS) % len(LINES)]
        variances, directions = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
        for factor in n_std:
            height, width = 2 * factor * np.sqrt(variances)
            ax.add_patch(
                Ellipse(
                    mean, width, height, angle=angle, fill=False, edgecolor=color, linewidth=2, linestyle=line
                )
            )
        ax.plot(*mean, marker="X", markersize=11, markeredgecolor="white", markerfacecolor=color)
        if names:
            label = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            ax.annotate(
                str(k), mean, (8, 8), textcoords="offset points", color=color, weight="bold", bbox=label
            )
    ax.autoscale_view()
    return ax


def plot_responsibilities(
    points: Any, responsibilities: Any, *, ax: Axes | None = None, size: float = 22
) -> Axes:
    """Draw points in a blend of the components' colours, and with the marker of the most responsible one.

    Args:
        points: shape (n, 2).
        responsibilities: shape (n, K), rows that sum to 1.
        ax: where to draw; none: a new figure.
        size: area of a marker in square points.
    """
    points, shares = as_array(points), as_array(responsibilities)
    if points.ndim != 2 or points.shape[1] != 2 or shares.ndim != 2 or len(shares) != len(points):
        raise ValueError(
            f"points and responsibilities must have shapes (n, 2) and (n, K), got {points.shape} and {shares.shape}"
        )
    ax = axes_or_new(ax)
    palette = np.array([to_rgb(COLORS[k % len(COLORS)]) for k in range(shares.shape[1])])
    blend, owner = (shares @ palette).clip(0, 1), shares.argmax(1)
    for k in np.unique(owner):
        mine = owner == k
        ax.scatter(
            points[mine, 0],
            points[mine, 1],
            s=size,
            c=blend[mine],
            marker=MARKERS[k % len(MARKERS)],
            linewidths=0,
            alpha=0.85,
        )
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    return ax


def plot_strips(groups: Mapping[str, Any], *, ax: Axes | None = None, ylabel: str = "") -> Axes:
    """Draw every value of several groups as a dot, side by side: for a handful of runs each.

    Args:
        groups: name to values, shape (n,).
        ax: where to draw; none: a new figure.
        ylabel: name and unit of the values.
    """
    ax = axes_or_new(ax)
    for i, (name, values) in enumerate(groups.items()):
        array = as_array(values)
        place = i + np.linspace(-0.22, 0.22, len(array)) if len(array) > 1 else np.array([i])
        ax.scatter(
            place,
            array,
            s=45,
            alpha=0.8,
            color=COLORS[i % len(COLORS)],
            marker=MARKERS[i % len(MARKERS)],
            label=name,
        )
    ax.set_xticks(range(len(groups)), list(groups))
    ax.set(ylabel=ylabel)
    ax.grid(axis="x", visible=False)
    return ax
