"""Divergences of two densities on a line, and the gradient that each loss of a GAN hands to the generator."""

import math
from typing import Any, NamedTuple

import anywidget
import torch
import traitlets
from torch import Tensor
from torch.nn.functional import logsigmoid

from course_utils.distributions import gaussian_log_prob
from course_utils.metrics import Divergences, grid_divergences
from course_utils.plots import COLORS
from course_utils.widgets.scripts import joined

__all__ = ["DivergenceExplorer", "LossGradients"]

KINDS = ("Gaussian", "uniform", "two Gaussians")
CENTRE_LIMITS = (-4.0, 4.0)
WIDTH_LIMITS = (0.3, 2.0)  # at 0.3 no gradient is too small for float64, whatever the distance
X_LIMITS = (-6.0, 6.0)  # the part of the line that is drawn
N_GRID = 100_000
REACH = 10  # standard deviations from a hill to the end of the grid
SLACK = 1e-9  # by which the ends of two segments may differ and still agree
ROUNDING = 1e-9  # of the sum of absolute values: what is smaller is the rounding of a 0


class LossGradients(NamedTuple):
    """∂L/∂θ for three losses of the generator, where every sample of q moves by θ and D* or f* is held.

    Gradient descent moves q to the right where it is negative.
    """

    saturating: float  # L = E_q[log(1 - D*)]
    non_saturating: float  # L = -E_q[log D*]
    wasserstein: float  # L = -E_q[f*], per unit of x; from -1 to 1


class LineDensity(NamedTuple):
    """One of the densities to choose from."""

    kind: str
    centre: float
    width: float

    @property
    def ends(self) -> list[float]:
        """Of the segment; of hills, where nothing is left of them."""
        reach = {"Gaussian": REACH * self.width, "uniform": self.width}
        half = reach.get(self.kind, self.width + REACH * self.width / 3)
        return [self.centre - half, self.centre + half]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density at x, nats; -inf beyond the ends of a segment."""
        if self.kind == "uniform":
            low, high = self.ends
            return torch.where((x >= low) & (x <= high), 0 * x - math.log(2 * self.width), -math.inf)
        if self.kind == "Gaussian":
            return gaussian_log_prob(x, self.centre, 2 * math.log(self.width))
        logvar = 2 * math.log(self.width / 3)
        hills = [gaussian_log_prob(x, self.centre + side * self.width, logvar) for side in (-1, 1)]
        return torch.logaddexp(*hills) - math.log(2)

    def covers(self, other: "LineDensity") -> bool:
        """Whether this density is above 0 wherever the other one is."""
        if self.kind != "uniform":
            return True
        (low, high), (other_low, other_high) = self.ends, other.ends
        return other.kind == "uniform" and other_low > low - SLACK and other_high < high + SLACK


class DivergenceExplorer(anywidget.AnyWidget):
    """Drag p (the data) and q (the generator); their divergences and the losses' gradients follow.

    Shown are KL both ways, the Jensen-Shannon divergence, total variation and the Wasserstein-1 distance, how
    they change with the distance of the centres, the optimal discriminator D* = p/(p + q), and the gradient
    that each loss hands to the generator when D*, or the optimal critic f*, is held. All of it is computed in
    the browser, so that the widget works without Python too.

    The width is the standard deviation of a Gaussian, half the length of a uniform segment, and half the
    distance between the peaks of two Gaussians, which have equal weights and a third of it as their standard
    deviation.

    Args:
        p_kind: shape of p: "Gaussian", "uniform" or "two Gaussians".
        p_centre: its middle.
        p_width: its width.
        q_kind: shape of q.
        q_centre: its middle.
        q_width: its width.

    Attributes:
        p_kind: shape of p, one of `kinds`; `q_kind` that of q.
        p_centre: middle of p, from -4 to 4; `q_centre` that of q.
        p_width: width of p, from 0.3 to 2; `q_width` that of q.

    Raises:
        TraitError: if a trait is set to what it cannot be.

    Source: Arjovsky and Bottou (2017), "Towards principled methods for training generative adversarial
    networks", theorem 2.5.
    """

    _esm = joined("shared.js", "line_densities.js", "divergence_explorer.js")

    p_kind = traitlets.Unicode(KINDS[0]).tag(sync=True)
    p_centre = traitlets.Float(-1.0).tag(sync=True)
    p_width = traitlets.Float(0.5).tag(sync=True)
    q_kind = traitlets.Unicode(KINDS[0]).tag(sync=True)
    q_centre = traitlets.Float(1.5).tag(sync=True)
    q_width = traitlets.Float(0.5).tag(sync=True)
    kinds = traitlets.List(list(KINDS), read_only=True).tag(sync=True)
    centre_limits = traitlets.List(list(CENTRE_LIMITS), read_only=True).tag(sync=True)
    width_limits = traitlets.List(list(WIDTH_LIMITS), read_only=True).tag(sync=True)
    x_limits = traitlets.List(list(X_LIMITS), read_only=True).tag(sync=True)
    colors = traitlets.List(list(COLORS), read_only=True).tag(sync=True)

    def __init__(
        self,
        *,
        p_kind: str = "Gaussian",
        p_centre: float = -1.0,
        p_width: float = 0.5,
        q_kind: str = "Gaussian",
        q_centre: float = 1.5,
        q_width: float = 0.5,
    ) -> None:
        super().__init__()
        with self.hold_sync():
            self.p_kind, self.p_centre, self.p_width = p_kind, p_centre, p_width
            self.q_kind, self.q_centre, self.q_width = q_kind, q_centre, q_width

    @traitlets.validate("p_kind", "q_kind")
    def _valid_kind(self, proposal: Any) -> str:
        if proposal.value not in KINDS:
            name = proposal.trait.name
            raise traitlets.TraitError(f"{name} must be one of {list(KINDS)}, got {proposal.value!r}")
        return str(proposal.value)

    @traitlets.validate("p_centre", "p_width", "q_centre", "q_width")
    def _valid_number(self, proposal: Any) -> float:
        name = proposal.trait.name
        low, high = CENTRE_LIMITS if name.endswith("centre") else WIDTH_LIMITS
        if not low <= proposal.value <= high:
            raise traitlets.TraitError(f"{name} must be from {low:g} to {high:g}, got {proposal.value:g}")
        return float(proposal.value)

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array of one number is as good as the number.
        if name in ("p_centre", "p_width", "q_centre", "q_width") and hasattr(value, "item"):
            value = value.item()
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        p, q = self.p, self.q
        return f"DivergenceExplorer of {named(p)} and {named(q)}: run this cell in Jupyter to drag them"

    @property
    def p(self) -> LineDensity:
        """The data's density."""
        return LineDensity(self.p_kind, self.p_centre, self.p_width)

    @property
    def q(self) -> LineDensity:
        """The generator's density."""
        return LineDensity(self.q_kind, self.q_centre, self.q_width)

    @property
    def divergences(self) -> Divergences:
        """KL(p ‖ q), KL(q ‖ p), JS, total variation and Wasserstein-1, tensors of no dimension.

        The KL divergences come from the log-densities, which are not rounded to 0, however far apart p and q
        are.
        """
        p, q, x = self.p, self.q, self._grid()
        log_p, log_q = p.log_prob(x), q.log_prob(x)
        found = grid_divergences(log_p.exp(), log_q.exp(), x)
        kl = (
            expected_difference(log_p, log_q, x)
            if q.covers(p)
            else torch.tensor(math.inf, dtype=torch.float64)
        )
        reverse_kl = (
            expected_difference(log_q, log_p, x)
            if p.covers(q)
            else torch.tensor(math.inf, dtype=torch.float64)
        )
        return found._replace(kl=kl, reverse_kl=reverse_kl)

    @property
    def gradients(self) -> LossGradients:
        """∂L/∂θ of the generator's three losses; 0 where D* has no slope, as on a segment."""
        x = self._grid()
        log_p, log_q = self.p.log_prob(x), self.q.log_prob(x)
        both = log_p.isfinite() & log_q.isfinite()  # elsewhere D* is 0, 1 or nowhere
        weights = torch.where(both, log_q.exp(), 0.0)
        at = x.clone().requires_grad_()
        logit = self.p.log_prob(at).where(both, 0.0) - self.q.log_prob(at).where(both, 0.0)
        (saturating,) = torch.autograd.grad(logsigmoid(-logit).sum(), at, retain_graph=True)
        (non_saturating,) = torch.autograd.grad(-logsigmoid(logit).sum(), at)
        return LossGradients(
            integral(weights * saturating, x),
            integral(weights * non_saturating, x),
            wasserstein_gradient(log_p.exp(), log_q.exp(), x),
        )

    def _grid(self) -> Tensor:
        """Points over both densities, with two close together at each jump, float64."""
        ends = torch.tensor(self.p.ends + self.q.ends, dtype=torch.float64)
        jumps = torch.cat([ends - SLACK / 10, ends + SLACK / 10])
        even = torch.linspace(float(ends.min()), float(ends.max()), N_GRID, dtype=torch.float64)
        return torch.cat([even, ends, jumps]).unique()


def named(density: LineDensity) -> str:
    """In a few words."""
    return f"{density.kind} at {density.centre:g}"


def expected_difference(log_p: Tensor, log_q: Tensor, x: Tensor) -> Tensor:
    """E_p[log p - log q] on a grid, where q is above 0 wherever p is."""
    difference = (log_p - log_q).where(log_p.isfinite() & log_q.isfinite(), 0.0)
    return torch.trapezoid(log_p.exp() * difference, x)


def integral(values: Tensor, x: Tensor) -> float:
    """By the trapezoid rule; 0 where all that is left of it is rounding."""
    total, size = torch.trapezoid(values, x), torch.trapezoid(values.abs(), x)
    return 0.0 if total.abs() <= ROUNDING * size else float(total)


def wasserstein_gradient(p: Tensor, q: Tensor, x: Tensor) -> float:
    """E_q[sign(P - Q)]: the critic's slope is sign(Q - P), Q and P being the distribution functions."""
    between = torch.nn.functional.pad(torch.cumulative_trapezoid(p - q, x), (1, 0))  # P - Q at the points
    before, after = between[:-1], between[1:]
    mean_sign = (after.abs() - before.abs()) / (
        after - before
    )  # over a cell, in which P - Q is a straight line
    mean_sign = torch.where(after == before, before.sign(), mean_sign)
    masses = 0.5 * (q[:-1] + q[1:]) * x.diff()
    gradient = float((mean_sign * masses).sum())
    return 0.0 if abs(gradient) <= ROUNDING else gradient
