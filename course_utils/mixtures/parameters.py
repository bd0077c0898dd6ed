"""The parameters of a Gaussian mixture: p(x) = Σₖ πₖ N(x | μₖ, Σₖ)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.distributions import full_gaussian_log_prob, gaussian_log_prob
from course_utils.validation import as_float_tensor, check_choice, check_count, check_finite, check_points

__all__ = [
    "COVARIANCE_TYPES",
    "EStep",
    "MixtureParameters",
    "MixtureSample",
    "check_parameters",
    "covariance_shape",
    "full_covariances",
    "log_joint",
    "n_free_parameters",
    "posterior",
    "sample_mixture",
]

COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")


class MixtureParameters(NamedTuple):
    """Weights, means and covariances of K Gaussians in d dimensions.

    The shape of the covariances says what they share; each broadcasts against K and d:
    full (K, d, d), tied (1, d, d), diag (K, d) of variances, spherical (K, 1) of variances.
    """

    weights: Tensor  # (K,), non-negative, summing to 1
    means: Tensor  # (K, d)
    covariances: Tensor


class EStep(NamedTuple):
    """What the E-step gives: who made each point, and how likely the point is."""

    responsibilities: Tensor  # (n, K), p(component k | xₙ), rows sum to 1
    log_prob: Tensor  # (n,), log p(xₙ) in nats


class MixtureSample(NamedTuple):
    """Points drawn from a mixture, and the component that each was drawn from."""

    points: Tensor  # (n_samples, d)
    labels: Tensor  # (n_samples,) int64


def check_parameters(
    parameters: MixtureParameters, *, n_features: int | None = None, suffix: str = ""
) -> MixtureParameters:
    """Return `parameters`, arrays or tensors, as tensors if they describe a mixture, else name what is wrong.

    Args:
        parameters: weights, means and covariances.
        n_features: the d that is expected, if one is.
        suffix: what the caller's argument names add to the field names, such as "_init".

    Raises:
        TypeError: if a part does not hold real numbers.
        ValueError: for wrong shapes, NaN, weights that are negative or do not sum to 1, and covariances
            that are not symmetric and positive definite.
    """
    parameters = MixtureParameters(
        *(
            check_finite(as_float_tensor(part, name + suffix), name + suffix)
            for part, name in zip(parameters, MixtureParameters._fields, strict=True)
        )
    )
    weights, means, covariances = parameters
    check_points(means, f"means{suffix}", n_features=n_features)
    k, d = means.shape
    if weights.shape != (k,):
        raise ValueError(
            f"weights{suffix} must have shape ({k},), one for each row of means, got {tuple(weights.shape)}"
        )
    if (weights < 0).any() or abs(float(weights.sum()) - 1) > 1e-5:
        raise ValueError(
            f"weights{suffix} must be non-negative and sum to 1, got {weights.tolist()} with sum "
            f"{float(weights.sum()):.6g}; divide them by their sum"
        )
    shapes = {kind: covariance_shape(k, d, kind) for kind in COVARIANCE_TYPES}
    if covariances.shape not in shapes.values():
        listed = ", ".join(f"{kind} {shape}" for kind, shape in shapes.items())
        raise ValueError(
            f"covariances{suffix} must have one of the shapes {listed}; got {tuple(covariances.shape)}"
        )
    if covariances.ndim == 2:
        bad = (covariances <= 0).any(1)
    else:
        scale = covariances.diagonal(dim1=1, dim2=2).abs().amax(1)
        skew = (covariances - covariances.mT).abs().amax((1, 2))
        bad = (torch.linalg.cholesky_ex(covariances).info > 0) | (skew > 1e-4 * scale)
    if bad.any():
        index = int(bad.nonzero()[0])
        raise ValueError(
            f"covariances{suffix}[{index}] must be symmetric and positive definite, got "
            f"{covariances[index].tolist()}; add a small number to its diagonal, or start from other values"
        )
    return parameters


def covariance_shape(n_components: int, n_features: int, covariance_type: str) -> tuple[int, ...]:
    """Shape of `MixtureParameters.covariances` for a covariance type."""
    k, d = n_components, n_features
    return {"full": (k, d, d), "tied": (1, d, d), "diag": (k, d), "spherical": (k, 1)}[covariance_type]


def full_covariances(parameters: MixtureParameters) -> Tensor:
    """Covariance matrices of all components, shape (K, d, d), whatever the covariances share."""
    k, d = parameters.means.shape
    if parameters.covariances.ndim == 3:
        return parameters.covariances.expand(k, d, d)
    return torch.diag_embed(parameters.covariances.expand(k, d))


def log_joint(x: Tensor, parameters: MixtureParameters) -> Tensor:
    """Log πₖ + log N(xᵢ | μₖ, Σₖ) for every point and component, shape (n, K), in nats.

    Component by component, from the differences xᵢ - μₖ: right also for tight clusters far from the
    origin, where the matrix-product form of `sufficient_statistics` loses digits.
    """
    weights, means, covariances = parameters
    if covariances.ndim == 3:
        matrices = full_covariances(parameters)
        each = [full_gaussian_log_prob(x, mean, matrix) for mean, matrix in zip(means, matrices, strict=True)]
    else:
        logvars = covariances.log().expand_as(means)
        each = [gaussian_log_prob(x, mean, logvar) for mean, logvar in zip(means, logvars, strict=True)]
    return weights.log() + torch.stack(each, 1)  # (n, K)


def posterior(x: Tensor, parameters: MixtureParameters) -> EStep:
    """Responsibilities and log p(x) by Bayes' rule, without any check of the input; see `e_step`."""
    joint = log_joint(x, parameters)  # (n, K)
    log_prob = joint.logsumexp(1)
    return EStep((joint - log_prob[:, None]).exp(), log_prob)


def sample_mixture(
    parameters: MixtureParameters, n_samples: int, *, generator: torch.Generator | None = None
) -> MixtureSample:
    """Draw in two steps: a component k with probability πₖ, then a point from N(μₖ, Σₖ).

    Returns:
        `points` (n_samples, d) in the dtype of the means, and `labels` (n_samples,), the components.

    Raises:
        ValueError: if n_samples is below 1, or the parameters describe no mixture.
    """
    check_count(n_samples, "n_samples")
    parameters = check_parameters(parameters)
    means, device = parameters.means, parameters.means.device
    source = generator.device if generator is not None else device  # a CPU generator serves any device
    weights = parameters.weights.to(source)
    labels = torch.multinomial(weights, n_samples, replacement=True, generator=generator).to(device)  # (n,)
    noise = torch.randn(n_samples, means.shape[1], generator=generator, dtype=means.dtype, device=source)
    noise = noise.to(device)
    factors = torch.linalg.cholesky(full_covariances(parameters))  # (K, d, d), Σ = L Lᵀ
    points = torch.empty_like(noise)
    for k, factor in enumerate(factors):
        rows = labels == k
        points[rows] = means[k] + noise[rows] @ factor.T
    return MixtureSample(points, labels)


def n_free_parameters(n_components: int, n_features: int, covariance_type: str = "full") -> int:
    """Number of free parameters: K - 1 weights (they sum to 1), K·d means, and the covariances."""
    k = check_count(n_components, "n_components")
    d = check_count(n_features, "n_features")
    check_choice(covariance_type, "covariance_type", COVARIANCE_TYPES)
    symmetric = math.comb(d + 1, 2)
    covariances = {"full": k * symmetric, "tied": symmetric, "diag": k * d, "spherical": k}
    return (k - 1) + k * d + covariances[covariance_type]
