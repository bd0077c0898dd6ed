"""What EM needs to know of the data: for each component a weight, a mean and a scatter.

A Gaussian belongs to the exponential family: its log-density is linear in the features
φ(x) = [xᵢxⱼ for i ≤ j, x, 1]. So over a chunk of data

    the E-step is one matrix product, log π_k N(xₙ | μ_k, Σ_k) = θ_k · φ(xₙ), and
    the M-step is another one, the sums Σₙ r_kn φ(xₙ), which hold all that the new parameters need.

The price is cancellation: xᵀPx - 2xᵀPμ + μᵀPμ subtracts numbers far larger than the result when a cluster
is tight and far from the centre. `cancelling_terms` predicts the damage from the parameters. Where float32
would not do the products are made in float64, and where that would not do either the statistics are made from
differences instead, component by component: slower, and right.
"""

import math
import threading
from collections.abc import Callable, Iterable
from functools import reduce
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from course_utils.mixtures.chunks import EMPTY, ROWS_ALIGNED, Spread
from course_utils.mixtures.parameters import COVARIANCE_TYPES, MixtureParameters, posterior
from course_utils.validation import check_choice

__all__ = [
    "FeatureMemory",
    "Statistics",
    "add_up",
    "cancelling_terms",
    "features",
    "features_fit_memory",
    "merge",
    "natural_parameters",
    "product_dtype",
    "rows_per_chunk",
    "statistics_by_differences",
    "statistics_by_product",
    "weighted_statistics",
]

Part = TypeVar("Part")

BYTES_PER_CHUNK = 20 * 2**20
# Features stay in memory from one iteration to the next if those of all the data take at most this much.
BYTES_TO_KEEP = 80 * 2**20
# Log-responsibilities below this count for nothing: subnormal numbers slow `exp` and matrix products down
# tenfold, and e^-60 = 9e-27 is lost in the rounding of the sums, in float64 too.
NEGLIGIBLE = -60.0
# Rounding, in nats of a log-density, up to which the matrix-product form is used.
ROUNDING_ALLOWED = {torch.float32: 1e-3, torch.float64: 1e-8}


class FeatureMemory:
    """Room for the features of a fit: for those of all chunks, or for one chunk per thread, used again and again.

    To ask the system for room anew for every chunk would cost a tenth of the time of a fit.

    Args:
        keep: make the features of all chunks once, and keep them for the iterations that follow.
    """

    def __init__(self, keep: bool = False) -> None:
        self.keep = keep
        self.kept: list[Tensor] = []  # (F, n) of each chunk
        self._own = threading.local()

    def reused(self, n_rows: int, n_columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Room (n_rows, n_columns), not emptied, that this thread gets again at its next call."""
        room: Tensor | None = getattr(self._own, "room", None)
        size = n_rows * n_columns
        if room is None or len(room) < size or room.dtype != dtype:
            room = self._own.room = torch.empty(size, dtype=dtype, device=device)
        return room[:size].view(n_rows, n_columns)


class Statistics(NamedTuple):
    """Sums over the data, weighted by responsibilities; all float64, so that chunks add up exactly.

    `scatters` is Σₙ rₙₖ (xₙ - μₖ)(xₙ - μₖ)ᵀ: (K, d, d) for full, summed over k for tied (1, d, d), its
    diagonal for diag (K, d), its trace for spherical (K, 1).
    """

    n_samples: int
    log_likelihood: Tensor  # () Σₙ log p(xₙ), nats
    counts: Tensor  # (K,) Σₙ rₙₖ
    means: Tensor  # (K, d)
    scatters: Tensor


def outer(differences: Tensor, counts: Tensor, covariance_type: str) -> Tensor:
    """counts[k]·δₖδₖᵀ for differences δ (K, d), in the shape that the covariance type keeps."""
    weighted = counts[:, None] * differences  # (K, d)
    if covariance_type == "full":
        return weighted[:, :, None] * differences[:, None, :]
    if covariance_type == "tied":
        return (weighted.T @ differences)[None]
    squares = weighted * differences
    return squares if covariance_type == "diag" else squares.sum(1, keepdim=True)


def merge(a: Statistics, b: Statistics, covariance_type: str) -> Statistics:
    """Statistics of two parts of the data together.

    Source: Chan, Golub and LeVeque (1983), the pairwise update of means and sums of squares.
    """
    counts = a.counts + b.counts
    share = b.counts / counts.clamp_min(torch.finfo(counts.dtype).tiny)  # (K,)
    difference = b.means - a.means
    scatters = a.scatters + b.scatters + outer(difference, a.counts * share, covariance_type)
    means = a.means + share[:, None] * difference
    return Statistics(a.n_samples + b.n_samples, a.log_likelihood + b.log_likelihood, counts, means, scatters)


def add_up(parts: Iterable[Part], add: Callable[[Part, Part], Part]) -> Part:
    """All parts together, added one after the other.

    Raises:
        ValueError: if there is none.
    """
    parts = iter(parts)
    for first in parts:
        return reduce(add, parts, first)
    raise ValueError(EMPTY)


def weighted_statistics(
    x: Tensor, responsibilities: Tensor, covariance_type: str, log_prob: Tensor | None = None
) -> Statistics:
    """Statistics of x (n, d) under responsibilities (n, K), from differences to each mean.

    The mean is refined by the mean of the differences (the corrected two-pass algorithm), so that nothing
    is lost far from the origin.
    """
    counts = responsibilities.sum(0, dtype=torch.float64)
    shares = responsibilities / counts.clamp_min(torch.finfo(x.dtype).tiny).to(x.dtype)  # columns sum to 1
    means, scatters = [], []
    for share, first in zip(shares.T, shares.T @ x, strict=True):
        difference = x - first  # (n, d)
        correction = share @ difference  # (d,), rounding of `first`
        means.append(first.double() + correction.double())
        difference = difference - correction
        weighted = share[:, None] * difference
        if covariance_type in ("full", "tied"):
            scatters.append(weighted.T @ difference)
        else:
            scatters.append((weighted * difference).sum(0))
    scatter = torch.stack(scatters).double() * counts.view(-1, *[1] * scatters[0].ndim)
    if covariance_type == "tied":
        scatter = scatter.sum(0, keepdim=True)
    elif covariance_type == "spherical":
        scatter = scatter.sum(1, keepdim=True)
    total = (
        torch.zeros((), dtype=torch.float64, device=x.device) if log_prob is None else log_prob.double().sum()
    )
    return Statistics(len(x), total, counts, torch.stack(means), scatter)


def n_quadratic_features(n_features: int, covariance_type: str) -> int:
    """Number of quadratic rows of `features`."""
    return {"full": n_features * (n_features + 1) // 2, "diag": n_features}.get(covariance_type, 1)


def feature_pairs(n_features: int) -> tuple[Tensor, Tensor]:
    """Indices i and j of the products xᵢxⱼ in `features`: j is i, then the one after i in a circle, and so on.

    Row by row of the upper triangle would need a product for each i; round the circle it is one for all.
    """
    place = torch.arange(n_quadratic_features(n_features, "full"))
    i = place % n_features
    return i, (i + place // n_features) % n_features


def features(
    x: Tensor, covariance_type: str, shared_precision: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """φ(x) for x (n, d) that is centred: rows of quadratic features, then x, then 1; shape (F, n).

    The quadratic rows are xᵢxⱼ for full, each pair once in the order of `feature_pairs`; xᵢ² for diag, xᵀx
    for spherical. With a tied covariance the quadratic term is the same for all components: one row, xᵀPx.
    `out` (F, n) takes the result, if given.
    """
    check_choice(covariance_type, "covariance_type", COVARIANCE_TYPES)
    n, d = x.shape
    columns = x.T.contiguous()  # (d, n): every feature is a row, contiguous in memory
    n_quadratic = n_quadratic_features(d, covariance_type)
    phi = x.new_empty(n_quadratic + d + 1, n) if out is None else out
    if covariance_type == "full":
        # A view (d + 1, d, n): x itself, x with its features moved on by one in a circle, by two, ...
        moved_on = torch.cat([columns, columns]).unfold(0, d, 1).transpose(1, 2)
        circles, rest = divmod(n_quadratic, d)
        torch.mul(columns, moved_on[:circles], out=phi[: circles * d].view(circles, d, n))
        torch.mul(columns[:rest], moved_on[circles, :rest], out=phi[circles * d : n_quadratic])
    elif covariance_type == "tied":
        if shared_precision is None:
            raise ValueError(
                "shared_precision must be given for a tied covariance: the inverse that all share"
            )
        torch.sum((shared_precision @ columns) * columns, 0, out=phi[0])
    elif covariance_type == "diag":
        torch.mul(columns, columns, out=phi[:d])
    else:
        torch.sum(columns * columns, 0, out=phi[0])
    phi[n_quadratic:-1] = columns
    phi[-1] = 1
    return phi


def precision_matrices(covariances: Tensor) -> Tensor:
    """Inverses of the covariances, in the shape of the covariances: matrices, or 1 / variances."""
    if covariances.ndim == 2:
        return covariances.reciprocal()
    return torch.cholesky_inverse(torch.linalg.cholesky(covariances))


def natural_parameters(parameters: MixtureParameters, precisions: Tensor, centre: Tensor) -> Tensor:
    """θ (K, F) with θₖ·φ(x - centre) = log πₖ + log N(x | μₖ, Σₖ), computed in float64.

    `precisions` are the inverse covariances, in the shape of the covariances.
    """
    k, d = parameters.means.shape
    means = parameters.means.double() - centre
    precisions = precisions.double()
    if precisions.ndim == 3:
        linear = (precisions @ means[:, :, None]).squeeze(2)  # (K, d), Pμ
        logdet = torch.linalg.slogdet(precisions).logabsdet
        if len(precisions) == k:
            i, j = feature_pairs(d)
            quadratic = precisions[:, i, j] * torch.where(i == j, -0.5, -1.0).to(means)  # (K, d(d+1)/2)
        else:
            quadratic = means.new_full((k, 1), -0.5)
    else:
        linear = precisions * means
        logdet = precisions.log().expand_as(means).sum(1)
        quadratic = -0.5 * precisions
    log_2pi = torch.log(means.new_tensor(2 * torch.pi))
    constant = parameters.weights.double().log() - 0.5 * (d * log_2pi - logdet + (linear * means).sum(1))
    # A component of weight 0 has log-weight -inf, which times a feature of 0 would be NaN.
    constant = constant.clamp_min(torch.finfo(parameters.means.dtype).min / 2)
    return torch.cat([quadratic, linear, constant[:, None]], 1)


def cancelling_terms(parameters: MixtureParameters, whole: Statistics) -> float:
    """Size of the terms that cancel in the matrix-product form, Σᵢⱼ |Pᵢⱼ| sᵢ sⱼ, at its largest, in nats.

    s is the reach of the data and of the component's mean from the centre. In one dimension this is
    (distance / width)². The machine's ε times this is the rounding error to expect of a log-density.
    """
    precisions = precision_matrices(parameters.covariances)
    variances = (whole.scatters if whole.scatters.ndim == 2 else whole.scatters.diagonal(dim1=1, dim2=2))[0]
    distance = parameters.means.double() - whole.means
    reach = (variances / whole.n_samples + distance.square()).sqrt()  # (K, d)
    if precisions.ndim == 3:
        size = (reach[:, None] @ precisions.double().abs() @ reach[:, :, None]).amax()
    else:
        size = (precisions.double() * reach.square()).sum(1).amax()
    return float(size)


def product_dtype(parameters: MixtureParameters, whole: Statistics) -> torch.dtype | None:
    """The dtype in which the matrix-product form keeps enough digits for these parameters on this data.

    Their own where that will do, else float64, else None.
    """
    dtype = parameters.means.dtype
    if parameters.covariances.ndim == 3 and torch.linalg.cholesky_ex(parameters.covariances).info.any():
        return None
    size = cancelling_terms(parameters, whole)
    safe = (
        wider for wider in (dtype, torch.float64) if torch.finfo(wider).eps * size <= ROUNDING_ALLOWED[dtype]
    )
    return next(safe, None)


def statistics_by_product(
    chunks: Iterable[Tensor],
    parameters: MixtureParameters,
    whole: Statistics,
    covariance_type: str,
    *,
    dtype: torch.dtype | None = None,
    memory: FeatureMemory | None = None,
    spread: Spread = map,
) -> Statistics:
    """E-step and M-step over all chunks, each as one matrix product, computed in `dtype` (None: the data's).

    `memory` is for all calls with the same data.
    """
    dtype = dtype or parameters.means.dtype
    memory = memory or FeatureMemory()
    parameters = MixtureParameters(*(part.to(dtype) for part in parameters))
    centre = whole.means[0]
    d = len(centre)
    precisions = precision_matrices(parameters.covariances)
    shared = precisions[0] if covariance_type == "tied" else None
    theta = natural_parameters(parameters, precisions, centre).to(dtype)

    def to_features(x: Tensor) -> Tensor:
        room = None if memory.keep else memory.reused(theta.shape[1], len(x), dtype, x.device)
        return features(x.to(dtype) - centre.to(dtype), covariance_type, shared, out=room)

    def sums_of(phi: Tensor) -> tuple[int, Tensor, Tensor]:  # of phi (F, n)
        joint = theta @ phi  # (K, n): the E-step
        highest = joint.amax(0)  # (n,)
        responsibilities = joint.sub_(highest).clamp_(min=NEGLIGIBLE).exp_()  # (K, n), still to be divided by
        evidence = responsibilities.sum(0)  # (n,), p(x) / exp(highest)
        responsibilities /= evidence
        log_likelihood = (highest + evidence.log()).sum(dtype=torch.float64)
        return phi.shape[1], log_likelihood, phi @ responsibilities.T  # (F, K): the M-step

    if memory.keep:
        if not memory.kept or memory.kept[0].dtype != dtype:
            memory.kept = list(spread(to_features, chunks))  # all or nothing, should Ctrl-C come
        parts = spread(sums_of, memory.kept)
    else:
        parts = spread(lambda x: sums_of(to_features(x)), chunks)
    nothing = 0, centre.new_zeros(()), torch.zeros_like(theta.T, dtype=torch.float64)
    n_samples, total, sums = reduce(lambda a, b: (a[0] + b[0], a[1] + b[1], a[2].add_(b[2])), parts, nothing)
    sums = sums.T  # (K, F)
    counts = sums[:, -1]
    means = (
        sums[:, -1 - d : -1] / counts.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
    )  # about the centre
    if covariance_type == "full":
        i, j = feature_pairs(d)
        second = sums.new_empty(len(sums), d, d)
        second[:, i, j] = second[:, j, i] = sums[:, : -1 - d]
    elif covariance_type == "tied":
        second = whole.scatters  # Σₙ xₙxₙᵀ about the centre is the same in every iteration
    else:
        second = sums[:, : -1 - d]
    return Statistics(
        n_samples, total, counts, centre + means, second - outer(means, counts, covariance_type)
    )


def statistics_by_differences(
    chunks: Iterable[Tensor], parameters: MixtureParameters, covariance_type: str, *, spread: Spread = map
) -> Statistics:
    """E-step and M-step over all chunks, component by component, from differences to the means."""

    def statistics_of(x: Tensor) -> Statistics:
        step = posterior(x, parameters)
        responsibilities = torch.threshold_(step.responsibilities, math.exp(NEGLIGIBLE), 0.0)
        return weighted_statistics(x, responsibilities, covariance_type, step.log_prob)

    return add_up(spread(statistics_of, chunks), lambda a, b: merge(a, b, covariance_type))


def features_fit_memory(n_samples: int, n_features: int, covariance_type: str) -> bool:
    """Whether the features of all the data can be kept, in float64: they are few, and no iteration changes them."""
    n_rows = n_quadratic_features(n_features, covariance_type) + n_features + 1
    return covariance_type != "tied" and n_samples * n_rows * torch.float64.itemsize <= BYTES_TO_KEEP


def rows_per_chunk(n_components: int, n_features: int, covariance_type: str, dtype: torch.dtype) -> int:
    """Rows of data whose features and responsibilities make a piece of work that fits a cache."""
    numbers_per_row = n_quadratic_features(n_features, covariance_type) + n_features + 1 + 2 * n_components
    rows = BYTES_PER_CHUNK // (numbers_per_row * dtype.itemsize)
    return max(256, rows // ROWS_ALIGNED * ROWS_ALIGNED)
