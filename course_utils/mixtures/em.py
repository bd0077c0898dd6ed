"""Expectation maximisation for Gaussian mixtures.

Source: Dempster, Laird and Rubin (1977); as ascent on a bound, Neal and Hinton (1998).
"""

import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from course_utils import training
from course_utils.history import History
from course_utils.mixtures.chunks import Chunks, Spread, is_array, side_by_side
from course_utils.mixtures.parameters import (
    COVARIANCE_TYPES,
    EStep,
    MixtureParameters,
    check_parameters,
    covariance_shape,
    log_joint,
    posterior,
)
from course_utils.mixtures.starts import INIT_PARAMS, initial_responsibilities, rows_to_start_from
from course_utils.mixtures.sufficient_statistics import (
    FeatureMemory,
    Statistics,
    add_up,
    features_fit_memory,
    merge,
    product_dtype,
    rows_per_chunk,
    statistics_by_differences,
    statistics_by_product,
    weighted_statistics,
)
from course_utils.validation import check_choice, check_count, check_number, check_points

ROWS_TO_DESCRIBE = 20_000

__all__ = ["Collapse", "e_step", "fit_em", "has_converged", "initial_parameters", "lower_bound", "m_step"]


class Collapse(ValueError):
    """A component without width: the likelihood grows without limit there."""


def e_step(x: Any, parameters: MixtureParameters) -> EStep:
    """Responsibilities rₙₖ = πₖ N(xₙ | μₖ, Σₖ) / Σⱼ πⱼ N(xₙ | μⱼ, Σⱼ), by Bayes' rule.

    Args:
        x: points (n, d), array or tensor; the result has its dtype and device.
        parameters: of the mixture.

    Returns:
        `responsibilities` (n, K) and `log_prob` (n,), the logarithm of the denominator, in nats.

    Raises:
        ValueError: for NaN, wrong shapes, or parameters that describe no mixture.
    """
    parameters = check_parameters(parameters)
    x = check_points(x, "x", n_features=parameters.means.shape[1])
    return posterior(x, MixtureParameters(*(part.to(x) for part in parameters)))


def m_step(
    x: Any, responsibilities: Any, *, covariance_type: str = "full", reg_covar: float = 1e-6
) -> MixtureParameters:
    """Parameters that maximise the bound for given responsibilities: weighted shares, means, covariances.

    πₖ = Nₖ/n, μₖ = Σₙ rₙₖ xₙ / Nₖ, Σₖ = Σₙ rₙₖ (xₙ - μₖ)(xₙ - μₖ)ᵀ / Nₖ + reg_covar·I, with Nₖ = Σₙ rₙₖ.

    Args:
        x: points (n, d).
        responsibilities: (n, K), non-negative, each row summing to 1.
        covariance_type: "full", "tied" (one matrix for all), "diag" or "spherical".
        reg_covar: added to every variance.

    Returns:
        The parameters, in the dtype of x.

    Raises:
        ValueError: for NaN, wrong shapes, or responsibilities whose rows do not sum to 1.
    """
    x = check_points(x, "x")
    responsibilities = check_responsibilities(responsibilities, len(x), "responsibilities")
    check_choice(covariance_type, "covariance_type", COVARIANCE_TYPES)
    reg_covar = check_number(reg_covar, "reg_covar", minimum=0)
    statistics = weighted_statistics(x, responsibilities.to(x), covariance_type)
    return maximise(statistics, covariance_type, reg_covar, x.dtype)


def check_responsibilities(responsibilities: Any, n_samples: int, name: str) -> Tensor:
    """Return `responsibilities` as a tensor (n_samples, K) if its rows are distributions, else raise."""
    q = check_points(responsibilities, name)
    if len(q) != n_samples:
        raise ValueError(f"{name} must have one row per row of x, {n_samples}, got {len(q)}")
    if (q < 0).any() or not torch.allclose(q.sum(1), q.new_ones(()), atol=1e-4):
        raise ValueError(f"{name} must be non-negative with rows that sum to 1; divide each row by its sum")
    return q


def lower_bound(x: Any, responsibilities: Any, parameters: MixtureParameters) -> Tensor:
    """Bound on log p(x) for any responsibilities q: Σₖ qₖ (log πₖ N(x | μₖ, Σₖ) - log qₖ), shape (n,), nats.

    log p(x) minus this is KL(q ‖ p(k | x)), so that the bound is tight after an E-step.

    Raises:
        ValueError: for NaN, wrong shapes, or responsibilities whose rows do not sum to 1.
    """
    x = check_points(x, "x", n_features=parameters.means.shape[1])
    q = check_responsibilities(responsibilities, len(x), "responsibilities").to(x)
    if q.shape[1] != len(parameters.means):
        raise ValueError(f"responsibilities must have {len(parameters.means)} columns, got {q.shape[1]}")
    joint = log_joint(x, parameters)
    return torch.where(q > 0, q * joint, 0).sum(1) - torch.special.xlogy(q, q).sum(1)


def maximise(
    statistics: Statistics, covariance_type: str, reg_covar: float, dtype: torch.dtype
) -> MixtureParameters:
    """M-step from sufficient statistics."""
    # A component without any points keeps a tiny count, so that nothing is divided by 0.
    counts = statistics.counts + 10 * torch.finfo(torch.float64).eps  # (K,)
    scatters = statistics.scatters
    if covariance_type == "tied":
        covariances = scatters / counts.sum()
    elif covariance_type == "spherical":
        covariances = scatters / (counts[:, None] * statistics.means.shape[1])
    else:
        covariances = scatters / counts.view(-1, *[1] * (scatters.ndim - 1))
    if covariances.ndim == 3:
        covariances.diagonal(dim1=1, dim2=2).add_(reg_covar)
        covariances = (covariances + covariances.mT) / 2
    else:
        covariances = covariances + reg_covar
    weights = counts / counts.sum()
    return MixtureParameters(weights.to(dtype), statistics.means.to(dtype), covariances.to(dtype))


def initial_parameters(
    rows: Tensor,
    n_components: int,
    init_params: str,
    covariance_type: str,
    reg_covar: float,
    generator: torch.Generator | None,
) -> MixtureParameters:
    """Parameters to start from: a first M-step on what `initial_responsibilities` makes of the rows."""
    responsibilities = initial_responsibilities(rows, n_components, init_params, generator=generator)
    statistics = weighted_statistics(rows, responsibilities, covariance_type)
    return maximise(statistics, covariance_type, reg_covar, rows.dtype)


def describe(chunks: Iterable[Tensor], covariance_type: str) -> tuple[Statistics, torch.dtype]:
    """Statistics of all the data under one component, in one pass, and its dtype."""
    shape = "tied" if covariance_type == "tied" else "diag"  # the whole scatter matters for tied only
    dtypes = set()

    def statistics_of(x: Tensor) -> Statistics:
        dtypes.add(x.dtype)
        return weighted_statistics(x.double(), torch.ones(len(x), 1).to(x.device, torch.float64), shape)

    whole = add_up(map(statistics_of, chunks), lambda a, b: merge(a, b, shape))
    if len(dtypes) > 1:
        raise ValueError(
            f"x has blocks of {' and '.join(sorted(map(str, dtypes)))}; convert them to one dtype"
        )
    dtype = dtypes.pop()
    if not (whole.scatters <= torch.finfo(dtype).max).all():
        raise ValueError("x holds numbers whose squares overflow; divide it by a constant, or use float64")
    return whole, dtype


def has_converged(history: History, tol: float) -> bool:
    """Whether the last step of an uninterrupted fit changed the bound by less than `tol`, nats per example."""
    bounds = history["bound"] if "bound" in history else []
    return not history.interrupted and len(bounds) > 1 and abs(bounds[-1] - bounds[-2]) < tol


def check_collapse(
    parameters: MixtureParameters, whole: Statistics, reg_covar: float, iteration: int
) -> None:
    """Raise where a component has become narrower than the numbers it is made of."""
    means, covariances = parameters.means, parameters.covariances
    eps = torch.finfo(means.dtype).eps
    if covariances.ndim == 3:
        stds = covariances.diagonal(dim1=1, dim2=2).clamp_min(torch.finfo(means.dtype).tiny).sqrt()
        correlations = covariances / (stds[:, :, None] * stds[:, None, :])
        factors, info = torch.linalg.cholesky_ex(correlations)
        flat = (info > 0) | (factors.diagonal(dim1=1, dim2=2).square().amin(1) <= 10 * eps)
    else:
        stds = covariances.clamp_min(0).sqrt()
        flat = torch.zeros(len(stds), dtype=torch.bool, device=stds.device)
    collapsed = flat | (stds <= 10 * eps * means.abs()).any(1)  # narrower than the rounding of its mean
    if not collapsed.any():
        return
    if len(covariances) == 1 and len(means) > 1:
        who = "the covariance that all components share"
    else:
        k = int(collapsed.nonzero()[0])
        who = f"component {k}, with a weight of {float(parameters.weights[k]):.3g},"
    raise Collapse(
        f"{who} collapsed in iteration {iteration}: it has no width left in some direction, and the "
        f"likelihood grows there without limit. Raise reg_covar (now {reg_covar:g}), take fewer components, "
        "another start (another seed, or n_init), a simpler covariance_type, or scale features that hardly vary"
    )


def one_iteration(
    chunks: Chunks,
    parameters: MixtureParameters,
    whole: Statistics,
    covariance_type: str,
    reg_covar: float,
    form: torch.dtype | None,
    memory: FeatureMemory,
    spread: Spread,
) -> tuple[Statistics, MixtureParameters, torch.dtype | None]:
    """E-step and M-step in one pass: as matrix products in the dtype `form`, or by differences (None).

    The form has to be safe for the parameters after the step, too. Returned with them: the form for the next.
    """
    dtype = parameters.means.dtype
    while form is not None:
        statistics = statistics_by_product(
            chunks, parameters, whole, covariance_type, dtype=form, memory=memory, spread=spread
        )
        after = maximise(statistics, covariance_type, reg_covar, dtype)
        needed = product_dtype(after, whole)
        if needed in (form, dtype):
            return statistics, after, needed
        form = needed
    statistics = statistics_by_differences(chunks, parameters, covariance_type, spread=spread)
    after = maximise(statistics, covariance_type, reg_covar, dtype)
    return statistics, after, product_dtype(after, whole)


def climb(
    chunks: Chunks,
    parameters: MixtureParameters,
    whole: Statistics,
    *,
    covariance_type: str,
    max_iter: int,
    tol: float,
    reg_covar: float,
    memory: FeatureMemory,
    spread: Spread,
) -> tuple[MixtureParameters, History]:
    """EM from one start: E-step and M-step in turn, until the bound changes by less than `tol`."""
    history = History()
    check_collapse(parameters, whole, reg_covar, iteration=0)
    form = product_dtype(parameters, whole)
    try:
        for step in training.steps(max_iter, history, label=f"EM, {len(parameters.means)} components"):
            statistics, after, form = one_iteration(
                chunks, parameters, whole, covariance_type, reg_covar, form, memory, spread
            )
            if statistics.n_samples != whole.n_samples:
                raise ValueError(
                    f"x gave {whole.n_samples} rows at first and {statistics.n_samples} in iteration {step + 1}; "
                    "its __iter__ must start anew each time"
                )
            check_collapse(after, whole, reg_covar, iteration=step + 1)
            parameters = after
            history.record(bound=statistics.log_likelihood / whole.n_samples)
            if has_converged(history, tol):
                break
    except KeyboardInterrupt:  # in the middle of a step: what the last complete one gave stays
        history.interrupted = True
    return parameters, history


@torch.no_grad()
def fit_em(
    x: Any,
    n_components: int,
    *,
    covariance_type: str = "full",
    start: MixtureParameters | Callable[[], MixtureParameters] | None = None,
    init_params: str = "kmeans",
    n_init: int = 1,
    max_iter: int = 100,
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    generator: torch.Generator | None = None,
) -> tuple[MixtureParameters, History]:
    """Fit a Gaussian mixture by EM.

    Args:
        x: points (n, d), array or tensor, float32 or float64 (computed in that dtype); or a re-iterable of
            such blocks, which is read once per iteration and never held whole.
        n_components: K, the number of Gaussians.
        covariance_type: "full", "tied", "diag" or "spherical".
        start: parameters to start from, or a function that makes them anew for each of the `n_init` starts;
            None makes them as `init_params` says.
        init_params: "kmeans", "k-means++", "random" or "random_from_data" responsibilities.
        n_init: number of starts; the one that ends highest is kept.
        max_iter: most iterations per start.
        tol: stop when an iteration changes the bound by less, in nats per example.
        reg_covar: added to every variance.
        generator: for the starts.

    Returns:
        The parameters, and a history whose "bound" is the mean of log p(x) over the examples, in nats, at
        each E-step (where the bound is tight). After an interruption, the best so far, and
        `history.interrupted` is True.

    Raises:
        ValueError: for bad input, and when a component collapses.
    """
    k = check_count(n_components, "n_components")
    check_choice(covariance_type, "covariance_type", COVARIANCE_TYPES)
    check_choice(init_params, "init_params", INIT_PARAMS)
    n_init = check_count(n_init, "n_init")
    max_iter = check_count(max_iter, "max_iter")
    tol = check_number(tol, "tol", minimum=0)
    reg_covar = check_number(reg_covar, "reg_covar", minimum=0)
    whole, dtype = describe(Chunks(x, rows=ROWS_TO_DESCRIBE), covariance_type)
    n_features = whole.means.shape[1]
    if whole.n_samples < k:
        raise ValueError(f"n_components must be at most the number of samples, {whole.n_samples}, got {k}")
    rows = rows_to_start_from(x, generator=generator) if start is None else None

    def first_parameters() -> MixtureParameters:
        if rows is not None:
            return initial_parameters(rows, k, init_params, covariance_type, reg_covar, generator)
        given = check_parameters(start() if callable(start) else start, n_features=n_features)  # type: ignore[arg-type]
        if (got := given.covariances.shape) != (wanted := covariance_shape(k, n_features, covariance_type)):
            raise ValueError(
                f"start must have covariances of shape {wanted} for {k} {covariance_type} component(s), "
                f"got {tuple(got)}"
            )
        return MixtureParameters(*(part.to(whole.means.device, dtype, copy=True) for part in given))

    rows_at_once = rows_per_chunk(k, n_features, covariance_type, dtype)
    chunks = Chunks(x, rows=rows_at_once)
    keep = is_array(x) and features_fit_memory(whole.n_samples, n_features, covariance_type)
    settings = {
        "covariance_type": covariance_type,
        "max_iter": max_iter,
        "tol": tol,
        "reg_covar": reg_covar,
        "memory": FeatureMemory(keep),
    }
    runs: list[tuple[MixtureParameters, History]] = []
    collapses: list[Collapse] = []
    interrupted = False
    for _ in range(n_init if start is None or callable(start) else 1):
        try:
            begin = first_parameters()
            with side_by_side() if whole.n_samples > rows_at_once else nullcontext(map) as spread:
                runs.append(climb(chunks, begin, whole, spread=spread, **settings))  # type: ignore[arg-type]
        except Collapse as collapse:
            collapses.append(collapse)
            continue
        except KeyboardInterrupt:  # before the first step of a start: the finished ones stay
            if not runs:
                raise
            interrupted = True
        if interrupted := interrupted or runs[-1][1].interrupted:
            break
    if not runs:
        raise collapses[0]
    if collapses:
        warnings.warn(f"{len(collapses)} of {n_init} starts collapsed and were left out", stacklevel=2)
    best = max(runs, key=lambda run: run[1].last("bound") if "bound" in run[1] else -torch.inf)
    if interrupted:
        best[1].interrupted = True
        warnings.warn("EM was interrupted; the parameters are the best so far, not converged", stacklevel=2)
    return best
