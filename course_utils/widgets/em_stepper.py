"""EM step by step: ellipses, responsibilities, and the log-likelihood as it climbs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils.data import gaussian_ring, load_old_faithful, moons_and_ring
from course_utils.mixtures import MixtureParameters, e_step, full_covariances, m_step
from course_utils.plots import COLORS
from course_utils.validation import check_choice, check_count, check_points
from course_utils.widgets.scripts import joined

__all__ = ["EMStepper"]

MAX_POINTS = 2000
MAX_COMPONENTS = 12


class PointSet(NamedTuple):
    """Points to choose, made when they are asked for, and what their two axes mean."""

    load: Callable[[], Tensor]
    axes: Sequence[str]


def bundled() -> dict[str, PointSet]:
    """The course's own sets, by name."""

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    return {
        "Old Faithful": PointSet(
            lambda: load_old_faithful().points, ("length of the eruption (minutes)", "waiting time (minutes)")
        ),
        "ring": PointSet(
            lambda: gaussian_ring(400, std=0.12, generator=seeded()).points.double(), ("x₁", "x₂")
        ),
        "moons and ring": PointSet(
            lambda: moons_and_ring(600, generator=seeded()).points.double(), ("x₁", "x₂")
        ),
    }


class EMStepper(anywidget.AnyWidget):
    """Step through EM on points in the plane; drag a mean, and EM goes on from there.

    Python computes a whole climb when something changes (the data, K, a mean that was dragged); the browser draws
    every frame, the colours of the points included, without asking Python.

    Args:
        points: points (n, 2) with at most 2,000 rows, or a mapping from names to such points; none: the course's own.
        axes: what the two coordinates of `points` are, with units.
        data_set: name of the set to begin with; none: the first.
        n_components: K, from 1 to 12.
        n_iterations: how far EM goes from a start, and from each mean that is dragged.
        seed: of the random start.

    Attributes:
        data_set: name of the present data set (one of `data_sets`).
        n_components: K.
        iteration: the one that is shown, from 0 to the last that is computed.
        bounds: mean log p(x) at each iteration, nats per point; after each E-step the bound equals it.
        parameters: those of the shown iteration, as tensors.

    Raises:
        TraitError: if a trait is set to what it cannot be.
    """

    _esm = joined("shared.js", "em_stepper.js")

    data_set = traitlets.Unicode().tag(sync=True)
    data_sets = traitlets.List(traitlets.Unicode()).tag(sync=True)
    n_components = traitlets.Int().tag(sync=True)
    max_components = traitlets.Int(MAX_COMPONENTS, read_only=True).tag(sync=True)
    iteration = traitlets.Int(0).tag(sync=True)
    bounds = traitlets.List(traitlets.Float()).tag(sync=True)
    axes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colors = traitlets.List(list(COLORS), read_only=True).tag(sync=True)
    moved = traitlets.Dict().tag(sync=True)  # from the browser: component, x, y, iteration
    asked = traitlets.Int(0).tag(sync=True)  # from the browser: number of its last question
    answered = traitlets.Int(0).tag(sync=True)  # number of the last question that is answered
    _points = traitlets.Bytes().tag(sync=True)  # float32 (n, 2)
    _path = traitlets.Bytes().tag(sync=True)  # float32 (iterations, K, 6): weight, mean, covariance

    def __init__(
        self,
        points: Mapping[str, Any] | Any = None,
        *,
        axes: Sequence[str] = ("x₁", "x₂"),
        data_set: str | None = None,
        n_components: int = 2,
        n_iterations: int = 40,
        seed: int = 0,
    ) -> None:
        if points is None:
            self._sets = bundled()
        else:
            named = points if isinstance(points, Mapping) else {"points": points}
            self._sets = {name: PointSet(given(name, values), axes) for name, values in named.items()}
        self.n_iterations = check_count(n_iterations, "n_iterations")
        self.seed = seed
        sets = list(self._sets)
        super().__init__(data_sets=sets, data_set=data_set or sets[0], n_components=n_components)
        self.restart()
        self.observe(lambda change: self.restart(), ["data_set", "n_components"])
        self.observe(lambda change: self._hear_of_a_drag(**change.new), "moved")
        self.observe(lambda change: self.set_trait("answered", change.new), "asked")

    @traitlets.validate("n_components")
    def _valid_n_components(self, proposal: Any) -> int:
        if not 1 <= proposal.value <= MAX_COMPONENTS:
            raise traitlets.TraitError(
                f"n_components must be from 1 to {MAX_COMPONENTS}, got {proposal.value}"
            )
        return int(proposal.value)

    @traitlets.validate("data_set")
    def _valid_data_set(self, proposal: Any) -> str:
        if proposal.value not in self._sets:
            raise traitlets.TraitError(f"data_set must be one of {list(self._sets)}, got {proposal.value!r}")
        return str(proposal.value)

    @traitlets.validate("iteration")
    def _valid_iteration(self, proposal: Any) -> int:
        last = len(self.bounds) - 1
        if not 0 <= proposal.value <= max(last, 0):
            raise traitlets.TraitError(f"iteration must be from 0 to {last}, got {proposal.value}")
        return int(proposal.value)

    def __repr__(self) -> str:
        return f"EMStepper on {self.data_set}, K = {self.n_components}: run this cell in Jupyter to step and drag"

    @property
    def parameters(self) -> MixtureParameters:
        """Parameters of the mixture at the shown iteration."""
        return self._climb[self.iteration]

    def restart(self) -> None:
        """Start anew: K of the points as means, equal weights, and round components of a Kth of the variance."""
        chosen = self._sets[self.data_set]
        x = self._x = chosen.load()
        k = self.n_components
        generator = torch.Generator().manual_seed(self.seed)
        whole = m_step(x, x.new_ones(len(x), 1), reg_covar=self._floor())
        start = MixtureParameters(
            weights=x.new_full((k,), 1 / k),
            means=x[torch.randperm(len(x), generator=generator).repeat(-(-k // len(x)))[:k]],
            covariances=full_covariances(whole).repeat(k, 1, 1) / k,
        )
        with self.hold_sync():
            self.axes = list(chosen.axes)
            self._points = x.numpy().astype(np.float32).tobytes()
            self._continue([], start)

    def move_mean(self, component: int, x: float, y: float) -> None:
        """Put a mean, counted from 0, somewhere else at the shown iteration, and let EM go on from there."""
        check_choice(component, "component", range(self.n_components))
        before = self.parameters
        means = before.means.clone()
        means[component] = torch.tensor([x, y], dtype=means.dtype)
        self._continue(self._climb[: self.iteration], before._replace(means=means))

    def _hear_of_a_drag(self, component: int, x: float, y: float, iteration: int) -> None:
        """A mean was dragged in the browser, perhaps in a climb that is gone."""
        if iteration < len(self._climb) and component < self.n_components:
            self.iteration = iteration
            self.move_mean(component, x, y)

    def _floor(self) -> float:
        """Added to every variance, so that a component on a single point stays a component."""
        return 1e-6 * float(self._x.var(0).max())

    def _continue(self, path: list[MixtureParameters], parameters: MixtureParameters) -> None:
        """Climb on from the end of `path`, first with `parameters`, and send all of it to the browser."""
        climb, bounds = list(path), list(self.bounds[: len(path)])
        for _ in range(self.n_iterations + 1):
            step = e_step(self._x, parameters)
            climb.append(parameters)
            bounds.append(float(step.log_prob.mean()))
            parameters = m_step(self._x, step.responsibilities, reg_covar=self._floor())
        self._climb = climb
        rows = [
            torch.cat([p.weights[:, None], p.means, full_covariances(p).flatten(1)[:, [0, 1, 3]]], 1)
            for p in climb
        ]
        with self.hold_sync():
            self._path = torch.stack(rows).numpy().astype(np.float32).tobytes()
            self.bounds, self.iteration = bounds, len(path)


def given(name: str, values: Any) -> Callable[[], Tensor]:
    """The learner's own points, checked."""
    points = check_points(values, name, n_features=2).double()
    if len(points) > MAX_POINTS:
        raise ValueError(
            f"{name} must have at most {MAX_POINTS} rows, got {len(points)}; take a sample of them"
        )
    if (points == points[:1]).all():
        raise ValueError(f"{name} must have rows that differ, got {len(points)} equal ones")
    return lambda: points
