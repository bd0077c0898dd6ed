"""What GANPlayground's generator can imitate: points on a line or in the plane, all of variance about 1."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils import metrics
from course_utils.data import gaussian_grid, gaussian_ring, moons_and_ring, two_moons
from course_utils.validation import check_points

__all__ = ["DATA_SETS", "WINDOW", "DataSet", "check_own", "measure"]

WINDOW = 2.5  # what is drawn of each axis: from -WINDOW to WINDOW
N_REAL = 10_000
MAX_POINTS = 2_000  # of one's own


class DataSet(NamedTuple):
    """Real points (n, d), d 1 or 2, and where they come from: modes (K, d) and their std, if those are known."""

    real: Tensor
    modes: Tensor | None = None
    std: float = 0.0


def _ring(generator: torch.Generator) -> DataSet:
    drawn = gaussian_ring(N_REAL, radius=1.4, std=0.07, generator=generator)
    return DataSet(drawn.points, drawn.modes, 0.07)


def _grid(generator: torch.Generator) -> DataSet:
    drawn = gaussian_grid(N_REAL, spacing=0.7, std=0.05, generator=generator)
    return DataSet(drawn.points, drawn.modes, 0.05)


def _two_moons(generator: torch.Generator) -> DataSet:
    return DataSet(1.3 * (two_moons(N_REAL, generator=generator).points - torch.tensor([0.5, 0.25])))


def _line(*modes: float, std: float) -> Callable[[torch.Generator], DataSet]:
    def draw(generator: torch.Generator) -> DataSet:
        places = torch.tensor(modes)[:, None]
        chosen = places[torch.randint(len(places), (N_REAL,), generator=generator)]
        return DataSet(chosen + std * torch.randn(N_REAL, 1, generator=generator), places, std)

    return draw


DATA_SETS: dict[str, Callable[[torch.Generator], DataSet]] = {
    "ring": _ring,
    "grid": _grid,
    "two moons": _two_moons,
    "moons and ring": lambda generator: DataSet(moons_and_ring(N_REAL, generator=generator).points),
    "line, one hill": _line(0.8, std=0.5),
    "line, two hills": _line(-1.0, 1.0, std=0.3),
    "line, four hills": _line(-1.5, -0.5, 0.5, 1.5, std=0.12),
}


def measure(points: Tensor, data: DataSet) -> metrics.ModeCoverage | None:
    """How generated points (n, d) cover the modes; None where those are not known.

    On a line, exact noise as a second coordinate makes of both the points and the modes what the measure expects.
    """
    if data.modes is None:
        return None
    modes = data.modes
    if points.shape[1] == 1:
        noise = torch.randn(len(points), 1, generator=torch.Generator().manual_seed(0))
        points, modes = torch.cat([points, data.std * noise], 1), torch.nn.functional.pad(modes, (0, 1))
    return metrics.mode_coverage(points, modes, data.std)


def check_own(points: Any) -> Tensor:
    """The learner's points, (n, d) float32."""
    x = check_points(points, "points").float()
    if x.shape[1] > 2 or len(x) > MAX_POINTS or float(x.abs().max()) > WINDOW:
        raise ValueError(
            f"points must be (n, 1) or (n, 2), n at most {MAX_POINTS:,}, all from -{WINDOW:g} to {WINDOW:g}, got "
            f"{tuple(x.shape)} from {float(x.min()):.3g} to {float(x.max()):.3g}; "
            "(points - points.mean(0)) / points.std(0) brings most points there, .clamp(-2.5, 2.5) all"
        )
    return x
