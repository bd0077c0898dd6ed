"""Log-densities, KL divergences and the reparameterised draw.

One convention for the whole course: nats, summed over dimensions, one value per example (the first dimension
is the batch); whoever wants a mean over the batch takes it. `logvar` always means log σ².
"""

import math

import torch
from torch import Generator, Tensor, distributions
from torch.nn.functional import logsigmoid

from course_utils.validation import check_finite, check_points, check_tensor

__all__ = [
    "bernoulli_log_prob",
    "categorical_log_prob",
    "full_gaussian_log_prob",
    "gaussian_log_prob",
    "kl_divergence",
    "kl_to_standard_normal",
    "reparameterize",
]


def gaussian_log_prob(x: Tensor, mean: Tensor | float, logvar: Tensor | float) -> Tensor:
    """Log-density of independent Gaussians, Σⱼ -½ [log 2π + logvarⱼ + (xⱼ - meanⱼ)² / exp(logvarⱼ)].

    Args:
        x: (batch, ...) points; (batch,) is taken as one dimension each.
        mean: the same shape, or one that expands to it, or a number.
        logvar: log σ², likewise.

    Returns:
        (batch,) nats per example, summed over all dimensions but the first.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if x has no batch dimension, or a shape does not expand to x's.
    """
    x = _check_batch(x, "x")
    mean = _expand(mean, "mean", x, "x")
    logvar = _expand(logvar, "logvar", x, "x")
    return _sum_dimensions(-0.5 * (math.log(2 * math.pi) + logvar + (x - mean) ** 2 * torch.exp(-logvar)))


def full_gaussian_log_prob(x: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Log-density of a Gaussian with any covariance, -½ [d log 2π + log det Σ + (x - μ)ᵀ Σ⁻¹ (x - μ)].

    With the Cholesky factor Σ = L Lᵀ, log det Σ is 2 Σⱼ log Lⱼⱼ, and the quadratic form is the squared length
    of the whitened point L⁻¹(x - μ): no inverse is needed.

    Args:
        x: (n, d) points.
        mean: (d,), μ.
        covariance: (d, d), Σ, symmetric and positive definite.

    Returns:
        (n,) nats per point.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if a shape does not fit, a value is not finite, or the covariance is not symmetric or not
            positive definite.
    """
    x = check_points(x, "x")
    n_features = x.shape[1]
    mean = check_finite(check_tensor(mean, "mean"), "mean")
    covariance = check_points(covariance, "covariance")
    if mean.shape != (n_features,):
        raise ValueError(
            f"mean must have shape ({n_features},), as x has rows of that length, got {_shape(mean)}"
        )
    if covariance.shape != (n_features, n_features):
        raise ValueError(f"covariance must have shape ({n_features}, {n_features}), got {_shape(covariance)}")
    # One rounding in the products that make a covariance may differ between [i, j] and [j, i].
    if not torch.allclose(
        covariance, covariance.T, rtol=1e-4, atol=1e-6 * float(covariance.detach().abs().max())
    ):
        raise ValueError("covariance must be symmetric; (covariance + covariance.T) / 2 makes it so")
    factor, failed = torch.linalg.cholesky_ex(covariance)  # (d, d), lower triangular
    if failed:
        raise ValueError(
            "covariance must be positive definite, but its Cholesky factorisation fails at row "
            f"{int(failed) - 1}; add a small number to the diagonal, such as 1e-6 times its mean"
        )
    whitened = torch.linalg.solve_triangular(factor, (x - mean).T, upper=False)  # (d, n)
    half_log_det = factor.diagonal().log().sum()
    return -0.5 * (n_features * math.log(2 * math.pi) + whitened.square().sum(0)) - half_log_det


def bernoulli_log_prob(x: Tensor, logits: Tensor | float) -> Tensor:
    """Log-probability of independent coins, Σⱼ xⱼ log pⱼ + (1 - xⱼ) log(1 - pⱼ), p = sigmoid(logits).

    Exact for logits of any size, because log p and log(1 - p) come from the logits, never from p. It is a
    log-probability for x of zeros and ones only; for values between it is a cross-entropy, and no likelihood.

    Args:
        x: (batch, ...) floating-point, all values in [0, 1].
        logits: log p/(1 - p), the same shape, or one that expands to it, or a number.

    Returns:
        (batch,) nats per example, summed over all dimensions but the first.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if x leaves [0, 1], has no batch dimension, or the logits' shape does not expand to x's.
    """
    x = _check_batch(x, "x")
    logits = _expand(logits, "logits", x, "x")
    _check_unit_interval(x)
    size = logits.abs()  # log p = (l - |l|)/2 + log σ(|l|), log(1 - p) = log p - l: one logarithm for both
    return _sum_dimensions((x - 0.5) * logits - 0.5 * size + logsigmoid(size))


def categorical_log_prob(labels: Tensor, logits: Tensor) -> Tensor:
    """Log-probability of one of K classes each, logits[label] - log Σₖ exp(logits[k]).

    Args:
        labels: (n,) integers in 0..K-1.
        logits: (n, K), unnormalised log-probabilities.

    Returns:
        (n,) nats per example.

    Raises:
        TypeError: if the labels are no integers, or the logits no floating-point tensor.
        ValueError: if a shape does not fit, or a label is out of range.
    """
    logits = check_tensor(logits, "logits")
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        came = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be a tensor of integers, got {came}; labels.long() converts a tensor")
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"labels must be (n,) and logits (n, n_classes), got {_shape(labels)} and {_shape(logits)}"
        )
    n_classes = logits.shape[1]
    if _known(((labels < 0) | (labels >= n_classes)).any()):
        raise ValueError(
            f"labels must be from 0 to {n_classes - 1}, as logits has {n_classes} columns, "
            f"got values from {int(labels.min())} to {int(labels.max())}"
        )
    return logits.log_softmax(1).gather(1, labels.long().unsqueeze(1)).squeeze(1)


def kl_divergence(q: distributions.Distribution, p: distributions.Distribution) -> Tensor:
    """Kullback-Leibler divergence KL(q ‖ p) = E_q[log q(x) - log p(x)], in closed form.

    Args:
        q: the distribution that the expectation is taken under, of batch shape (batch, ...).
        p: the other one, of the same batch shape or one that broadcasts, such as a prior.

    Returns:
        (batch,) nats, summed over all batch dimensions but the first; a scalar for two scalar distributions.

    Raises:
        TypeError: if an argument is no distribution, or PyTorch knows no closed form for the pair.
        ValueError: if the batch shapes do not fit.
    """
    for argument, name in ((q, "q"), (p, "p")):
        if not isinstance(argument, distributions.Distribution):
            raise TypeError(
                f"{name} must be a torch.distributions.Distribution, got {type(argument).__name__}"
            )
    shapes = (q.batch_shape, p.batch_shape)
    # (n,) beside (n, 1) would broadcast to (n, n): all pairs, and hardly ever what was meant.
    if not _broadcasts_to_one_of(*shapes):
        raise ValueError(
            f"q and p must have the same batch shape, or one that expands to the other, "
            f"got {tuple(shapes[0])} and {tuple(shapes[1])}"
        )
    try:
        divergence = distributions.kl_divergence(q, p)
    except NotImplementedError:
        raise TypeError(
            f"PyTorch has no closed form of KL(q ‖ p) for q {type(q).__name__} and p {type(p).__name__}; "
            "estimate it by sampling: x = q.sample((10_000,)); (q.log_prob(x) - p.log_prob(x)).mean(0)"
        ) from None
    return _sum_dimensions(divergence)


def kl_to_standard_normal(mean: Tensor, logvar: Tensor | float) -> Tensor:
    """KL(N(mean, σ²) ‖ N(0, I)) = Σⱼ ½ [exp(logvarⱼ) - 1 - logvarⱼ + meanⱼ²].

    Args:
        mean: (batch, ...); (batch,) is taken as one dimension each.
        logvar: log σ², the same shape, or one that expands to it, or a number.

    Returns:
        (batch,) nats per example, summed over all dimensions but the first.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if mean has no batch dimension, or logvar's shape does not expand to mean's.

    Source: Kingma and Welling (2013), Auto-Encoding Variational Bayes, appendix B.
    """
    mean = _check_batch(mean, "mean")
    logvar = _expand(logvar, "logvar", mean, "mean")
    # expm1(s) is exp(s) - 1 without the rounding that would make the KL of a near-standard Gaussian negative.
    return _sum_dimensions(0.5 * (torch.expm1(logvar) - logvar + mean**2))


def reparameterize(mean: Tensor, logvar: Tensor | float, *, generator: Generator | None = None) -> Tensor:
    """Draw from N(mean, σ²) as mean + exp(½ logvar)·ε, ε ~ N(0, I), so that gradients reach mean and logvar.

    Args:
        mean: any shape.
        logvar: log σ², the same shape, or one that expands to it, or a number.
        generator: source of ε, PyTorch's global one if None. ε is drawn on the generator's device and moved:
            a CPU generator gives the same ε whatever device the mean is on.

    Returns:
        One draw per entry, in mean's shape, device and dtype.

    Raises:
        TypeError: if an argument is no floating-point tensor.
        ValueError: if logvar's shape does not expand to mean's.

    Source: Kingma and Welling (2013), Auto-Encoding Variational Bayes, section 2.4.
    """
    mean = check_tensor(mean, "mean")
    logvar = _expand(logvar, "logvar", mean, "mean")
    device = mean.device if generator is None else generator.device
    noise = torch.randn(mean.shape, generator=generator, device=device, dtype=mean.dtype).to(mean.device)
    return mean + torch.exp(0.5 * logvar) * noise


def _sum_dimensions(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1) if x.ndim > 1 else x  # (batch, ...) -> (batch,)


def _shape(x: Tensor) -> str:
    return str(tuple(x.shape))


def _check_batch(x: Tensor, name: str) -> Tensor:
    x = check_tensor(x, name)
    if x.ndim == 0:
        raise ValueError(
            f"{name} must have the batch as its first dimension, got a scalar; {name}.unsqueeze(0) adds it"
        )
    return x


def _expand(value: Tensor | float, name: str, like: Tensor, like_name: str) -> Tensor:
    if isinstance(value, (int, float)):
        return like.new_tensor(value)  # a scalar broadcasts by itself, and its exponential is taken once
    value = check_tensor(value, name)
    # (n,) beside (n, 1) would broadcast to (n, n) without a word: allow only what expands to the one shape.
    try:
        return value.expand_as(like)
    except RuntimeError:
        raise ValueError(
            f"{name} must have {like_name}'s shape {_shape(like)}, or expand to it, got {_shape(value)}"
        ) from None


def _broadcasts_to_one_of(first: torch.Size, second: torch.Size) -> bool:
    try:
        return torch.broadcast_shapes(first, second) in (first, second)
    except RuntimeError:
        return False


def _check_unit_interval(x: Tensor) -> None:
    if x.numel() == 0:
        return
    low, high = x.detach().aminmax()  # NaN if there is one
    if _known(~((low >= 0) & (high <= 1))):
        raise ValueError(
            f"x must lie in [0, 1], got values from {low.item():g} to {high.item():g}; "
            "divide pixels of 0..255 by 255 first"
        )


def _known(condition: Tensor) -> bool:
    """Return the condition's value; False inside torch.func.vmap, where values cannot be looked at."""
    try:
        return bool(condition)
    except RuntimeError:
        return False
