"""The bound at work: drag q(z | x) over the true posterior, and see what it costs in nats."""

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from course_utils.distributions import gaussian_log_prob, kl_to_standard_normal
from course_utils.plots import COLORS
from course_utils.vae import VAE, ConditionalVAE
from course_utils.validation import as_float_tensor, check_points
from course_utils.widgets.scripts import joined

__all__ = ["ELBOExplorer"]

MEAN_LIMITS = (-4.0, 4.0)  # also the part of the z axis that is drawn
LOGVAR_LIMITS = (-7.8, 1.4)  # standard deviations from 0.02 to 2
REACH = 16.0  # the grid goes from -REACH to REACH: 6 standard deviations beyond any mean
N_GRID = 2049  # a power of 2, and 1: every other point is a grid too
N_CURVE = 161  # points of E[x | z] over MEAN_LIMITS
MAX_X = 60


class ReadModel(NamedTuple):
    """All that is shown of one model, in float64."""

    log_likelihood: Tensor  # (n, N_GRID) log p(x | z), nats
    curve: Tensor  # (N_CURVE, d) E[x | z]
    encoded: list[list[float]]  # for each x the encoder's mean and logvar, none without an encoder


class ELBOExplorer(anywidget.AnyWidget):
    """Drag the mean and the width of q(z | x) = N(mean, σ²); the bound and its gap to log p(x) follow.

    For a VAE whose z is one number, with the prior N(0, 1). Python computes log p(x | z) once, on a grid over z, for
    every x and every model, as the model is now; everything else is integrated in the browser, by the trapezoid rule,
    so that the widget works without Python too.

    Args:
        models: a `VAE` with latent_dim 1, or a mapping from names to such models. Any object will do that has
            `latent_dim`, `output(z)`, `likelihood`, and perhaps `encode(x)`.
        x: the examples to choose from, (n, d), d being 1 or 2; at most 60.
        model: name of the first model to show; none: the first of them.
        index: number of the first x to show.

    Attributes:
        model: name of the present model (one of `models`).
        index: number of the present x, from 0.
        mean: of q, from -4 to 4.
        logvar: log σ² of q, from -7.8 to 1.4.

    Raises:
        TypeError: if a model is none.
        ValueError: if models and x do not fit each other, or p(z | x) is too narrow for the grid.
        TraitError: if a trait is set to what it cannot be.
    """

    _esm = joined("shared.js", "gaussian_bound.js", "nats_bars.js", "elbo_explorer.js")

    model = traitlets.Unicode().tag(sync=True)
    models = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    mean = traitlets.Float(0.0).tag(sync=True)
    logvar = traitlets.Float(0.0).tag(sync=True)
    mean_limits = traitlets.List(list(MEAN_LIMITS), read_only=True).tag(sync=True)
    logvar_limits = traitlets.List(list(LOGVAR_LIMITS), read_only=True).tag(sync=True)
    reach = traitlets.Float(REACH, read_only=True).tag(sync=True)
    colors = traitlets.List(list(COLORS), read_only=True).tag(sync=True)
    _x = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)  # n rows of d
    _encoded: Any = traitlets.List().tag(sync=True)  # for each model, for each x: mean, logvar; or nothing
    _log_likelihood = traitlets.Bytes().tag(sync=True)  # float64 (models, n, N_GRID)
    _curves = traitlets.Bytes().tag(sync=True)  # float32 (models, N_CURVE, d)

    def __init__(
        self, models: Mapping[str, VAE] | VAE, x: Any, *, model: str | None = None, index: int = 0
    ) -> None:
        named = dict(models) if isinstance(models, Mapping) else {"model": models}
        if not named:
            raise ValueError("models must have at least one model, got an empty mapping")
        self._grid = torch.linspace(-REACH, REACH, N_GRID, dtype=torch.float64)
        self._prior = gaussian_log_prob(self._grid, 0.0, 0.0)
        read = self._read = {name: read_model(each, name, x, self._grid) for name, each in named.items()}
        for name, each in read.items():
            check_quadrature(each.log_likelihood + self._prior, name)
        super().__init__(
            models=list(named),
            model=next(iter(named)) if model is None else model,
            index=index,
            _x=as_float_tensor(x, "x").tolist(),
            _encoded=[each.encoded for each in read.values()],
            _log_likelihood=as_bytes([each.log_likelihood for each in read.values()], np.float64),
            _curves=as_bytes([each.curve for each in read.values()], np.float32),
        )
        self.reset()

    @traitlets.validate("model")
    def _valid_model(self, proposal: Any) -> str:
        if proposal.value not in self._read:
            raise traitlets.TraitError(f"model must be one of {list(self._read)}, got {proposal.value!r}")
        return str(proposal.value)

    @traitlets.validate("index")
    def _valid_index(self, proposal: Any) -> int:
        last = len(next(iter(self._read.values())).log_likelihood) - 1
        if not 0 <= proposal.value <= last:
            raise traitlets.TraitError(
                f"index must be the number of an x, from 0 to {last}, got {proposal.value}"
            )
        return int(proposal.value)

    @traitlets.validate("mean", "logvar")
    def _valid_number(self, proposal: Any) -> float:
        name = proposal.trait.name
        low, high = MEAN_LIMITS if name == "mean" else LOGVAR_LIMITS
        if not low <= proposal.value <= high:
            meaning = "" if name == "mean" else " (log σ²)"
            raise traitlets.TraitError(
                f"{name}{meaning} must be from {low:g} to {high:g}, got {proposal.value:g}"
            )
        return float(proposal.value)

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array of one number is as good as the number.
        if name in ("mean", "logvar") and hasattr(value, "item"):
            value = value.item()
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"ELBOExplorer of {self.model}, x no. {self.index}: run this cell in Jupyter to drag q"

    def reset(self) -> None:
        """Make q what the encoder gives for the present x, within the limits; the prior where there is no encoder."""
        encoded = self._read[self.model].encoded
        mean, logvar = encoded[self.index] if encoded else (0.0, 0.0)
        with self.hold_sync():
            self.mean, self.logvar = mean, logvar

    @property
    def reconstruction(self) -> float:
        """E_q[log p(x | z)], nats."""
        return self._expectation(self._table())

    @property
    def kl(self) -> float:
        """KL(q ‖ N(0, 1)), nats, in closed form."""
        return float(kl_to_standard_normal(torch.tensor([self.mean], dtype=torch.float64), self.logvar))

    @property
    def elbo(self) -> float:
        """The bound: reconstruction - kl, nats."""
        return self.reconstruction - self.kl

    @property
    def log_prob(self) -> float:
        """Log p(x), nats."""
        return log_integral(self._table() + self._prior).item()

    @property
    def gap(self) -> float:
        """KL(q ‖ p(z | x)), nats, from the two densities: what is missing from the bound to log p(x)."""
        log_posterior = self._table() + self._prior - self.log_prob
        return self._expectation(gaussian_log_prob(self._grid, self.mean, self.logvar) - log_posterior)

    def _table(self) -> Tensor:
        """Log p(x | z) of the present x and model, (N_GRID,)."""
        return self._read[self.model].log_likelihood[self.index]

    def _expectation(self, values: Tensor) -> float:
        """Of values on the grid, under q."""
        density = gaussian_log_prob(self._grid, self.mean, self.logvar).exp()
        return float(torch.trapezoid(density * values, self._grid))


@torch.no_grad()
def read_model(model: Any, name: str, x: Any, grid: Tensor) -> ReadModel:
    """What is shown of a model, from a copy of it in float64 on the CPU."""
    if not all(hasattr(model, part) for part in ("latent_dim", "output", "likelihood")):
        raise TypeError(
            f"{name} must be a VAE, or have latent_dim, output(z) and likelihood, got {type(model).__name__}"
        )
    if isinstance(model, ConditionalVAE):
        raise TypeError(f"{name} must be a VAE without a condition, got a ConditionalVAE")
    if model.latent_dim != 1:
        raise ValueError(
            f"{name} must have latent_dim 1, got {model.latent_dim}; widgets.LatentExplorer shows more dimensions"
        )
    if isinstance(model, nn.Module):
        model = copy.deepcopy(model).cpu().double().eval()
    output = model.output(grid[:, None])
    if output.shape not in ((len(grid), 1), (len(grid), 2)):
        raise ValueError(
            f"{name} must decode z to an x of 1 or 2 numbers, (batch, 1) or (batch, 2), got {tuple(output.shape)}"
        )
    points = check_points(x, "x", n_features=output.shape[1]).detach().cpu().double()
    if len(points) > MAX_X:
        raise ValueError(f"x must have at most {MAX_X} rows, got {len(points)}; take a few of them, x[:12]")
    table = torch.stack([model.likelihood.log_prob(row.expand_as(output), output) for row in points])
    if table.shape != (len(points), len(grid)) or not table.isfinite().all():
        raise ValueError(
            f"{name} must have a finite log p(x | z) for every z from {-REACH:g} to {REACH:g}, got NaN or infinity, "
            f"or not one number for each z: {tuple(table.shape[1:])}"
        )
    curve = model.likelihood.mean(model.output(torch.linspace(*MEAN_LIMITS, N_CURVE).double()[:, None]))
    return ReadModel(table, curve, encoded(model, points))


def encoded(model: Any, x: Tensor) -> list[list[float]]:
    """The encoder's mean and logvar for each x, moved into the limits where they are outside."""
    if not hasattr(model, "encode"):
        return []
    mean, logvar = model.encode(x)
    return torch.cat([mean.clamp(*MEAN_LIMITS), logvar.clamp(*LOGVAR_LIMITS)], 1).tolist()


def check_quadrature(joint: Tensor, name: str) -> None:
    """Raise where the grid is too coarse for log p(x, z), (n, N_GRID).

    The error of the trapezoid rule falls so fast that, where half of the points are within 0.01 nats, all of them are
    within 1e-6.
    """
    error = (log_integral(joint) - log_integral(joint[:, ::2])).abs()
    if error.max() > 0.01:
        raise ValueError(
            f"{name} has a p(z | x) that is too narrow for the grid over z, at x no. {int(error.argmax())}; "
            "use a likelihood with a larger standard deviation"
        )


def log_integral(values: Tensor) -> Tensor:
    """Log ∫ exp(values) dz over the grid from -REACH to REACH, along the last dimension; 0 at its ends."""
    return values.logsumexp(-1) + np.log(2 * REACH / (values.shape[-1] - 1))


def as_bytes(parts: list[Tensor], dtype: type) -> bytes:
    """Tensors of one shape, one after the other."""
    return torch.stack(parts).numpy().astype(dtype).tobytes()
