"""Exercises of chapter 1: Gaussian mixtures and EM.

The mixtures are in one dimension where that is enough: points x (n,), weights, means and standard deviations (K,).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Normal

from course_utils.exercises.exercise import Exercise, Question

__all__ = [
    "all_exercises",
    "bic",
    "bound",
    "distributed",
    "kl",
    "log_likelihood",
    "m_step",
    "questions",
    "recall_bayes",
    "recall_density",
    "recall_expectation",
    "responsibilities",
    "sample",
    "singularity",
    "zigzag",
]

CHAPTER = "ch01"
MIXTURE = (torch.tensor([0.6, 0.3, 0.1]), torch.tensor([-2.0, 1.0, 3.0]), torch.tensor([0.5, 1.5, 0.3]))


def points() -> Tensor:
    """Points among the components of `MIXTURE`."""
    return torch.linspace(-4, 5, 10)


# --- sample -----------------------------------------------------------------------------------------


def sample_reference(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)  # (n,) who makes each point
    return means[labels] + stds[labels] * torch.randn(n_samples)


def sample_average(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    draws = means + stds * torch.randn(n_samples, len(means))
    return draws @ weights


def sample_uniform(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.randint(len(means), (n_samples,))
    return means[labels] + stds[labels] * torch.randn(n_samples)


def sample_squared(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    return means[labels] + stds[labels] ** 2 * torch.randn(n_samples)


def sample_without_noise(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return means[torch.multinomial(weights, n_samples, replacement=True)]


def sample_flat_noise(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    return means[labels] + stds[labels] * torch.rand(n_samples)


def sample_one_label(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    label = torch.multinomial(weights, 1)
    return means[label] + stds[label] * torch.randn(n_samples)


def sample_one_noise(n_samples: int, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    return means[labels] + stds[labels] * torch.randn(1)


def distribution_function(function, n_samples, weights, means, stds):  # type: ignore[no-untyped-def]
    """Share of the draws below each of a row of thresholds: what can be compared of a random function."""
    draws = torch.as_tensor(function(n_samples, weights, means, stds))
    if draws.shape != (n_samples,):
        raise ValueError(f"the draws must have shape (n_samples,) = ({n_samples},), got {tuple(draws.shape)}")
    return (draws[:, None] < torch.linspace(-4, 5, 19)).double().mean(0)


sample = Exercise(
    "sample",
    chapter=CHAPTER,
    task="Draw `n_samples` points from a mixture in one dimension: first the component, then the point.",
    reference=sample_reference,
    cases=[
        (200_000, *MIXTURE),
        (200_000, torch.tensor([0.2, 0.8]), torch.tensor([0.0, 2.0]), torch.tensor([2.0, 0.5])),
    ],
    observe=distribution_function,
    atol=0.008,  # five standard errors of the difference of two shares, each of 200,000 draws
    rtol=0.0,
    mistakes={
        "average": (
            sample_average,
            "You draw from every component and average with the weights. The average of Gaussians is one "
            "Gaussian in the middle; a mixture picks one component for each point.",
        ),
        "uniform_choice": (
            sample_uniform,
            "Every component is picked equally often: the weights are not used. torch.multinomial picks by "
            "weight.",
        ),
        "variance_for_std": (
            sample_squared,
            "The noise is multiplied by the variance; to give it standard deviation σ, multiply by σ.",
        ),
        "no_noise": (
            sample_without_noise,
            "The components are picked well, but every point sits on its component's mean: the second step, "
            "the noise, is missing.",
        ),
        "flat_noise": (
            sample_flat_noise,
            "The noise is uniform on [0, 1]: torch.rand. A Gaussian draw is torch.randn.",
        ),
        "one_label": (
            sample_one_label,
            "One component is drawn for all the points together. Each point picks its own: n_samples labels.",
        ),
        "one_noise": (
            sample_one_noise,
            "All points share one draw of the noise. Each needs its own: torch.randn(n_samples).",
        ),
    },
    hints=[
        "Two steps: labels first, one for each point, then a Gaussian draw with the label's mean and std.",
        "torch.multinomial(weights, n_samples, replacement=True) gives the labels; means[labels] looks up "
        "one mean for each point.",
    ],
)


# --- responsibilities -------------------------------------------------------------------------------


def responsibilities_reference(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    joint = weights * Normal(means, stds).log_prob(x[:, None]).exp()  # (n, K), p(k) p(x | k)
    return joint / joint.sum(1, keepdim=True)  # divided by p(x)


def responsibilities_no_weights(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    density = Normal(means, stds).log_prob(x[:, None]).exp()
    return density / density.sum(1, keepdim=True)


def responsibilities_over_points(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    joint = weights * Normal(means, stds).log_prob(x[:, None]).exp()
    return joint / joint.sum(0, keepdim=True)


def responsibilities_hard(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    joint = weights * Normal(means, stds).log_prob(x[:, None]).exp()
    return torch.nn.functional.one_hot(joint.argmax(1), len(means)).to(x.dtype)


def responsibilities_no_width(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    bell = weights * torch.exp(-0.5 * ((x[:, None] - means) / stds) ** 2)
    return bell / bell.sum(1, keepdim=True)


def responsibilities_joint(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return weights * Normal(means, stds).log_prob(x[:, None]).exp()


def responsibilities_of_logs(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    joint = weights * Normal(means, stds).log_prob(x[:, None])
    return joint / joint.sum(1, keepdim=True)


def responsibilities_transposed(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return responsibilities_reference(x, weights, means, stds).T


responsibilities = Exercise(
    "responsibilities",
    chapter=CHAPTER,
    task="For each point and component, the probability that this component made it: shape (n, K).",
    reference=responsibilities_reference,
    cases=lambda: [(points(), *MIXTURE), (points()[:1], *MIXTURE)],
    mistakes={
        "no_weights": (
            responsibilities_no_weights,
            "The weights are missing: a rare component needs better evidence than a common one. Bayes' rule "
            "multiplies the density by the weight.",
        ),
        "over_points": (
            responsibilities_over_points,
            "The columns sum to 1, but the rows should: each point asks which component made it, so divide by "
            "the sum over components.",
        ),
        "hard": (
            responsibilities_hard,
            "This gives each point wholly to its most probable component. That is k-means' way; here a point "
            "between two components belongs partly to both.",
        ),
        "no_width": (
            responsibilities_no_width,
            "The factor 1/σ of the density is missing. It does not cancel, because each component has a σ of "
            "its own.",
        ),
        "not_normalised": (
            responsibilities_joint,
            "This is p(k) p(x | k), the numerator of Bayes' rule. Divide by its sum over the components, p(x).",
        ),
        "logs": (
            responsibilities_of_logs,
            "You multiply the weights by log-densities. log_prob gives logarithms: .exp() turns them into densities.",
        ),
        "transposed": (
            responsibilities_transposed,
            "The values are right, but as (K, n). One row for each point is asked for, (n, K): x[:, None].",
        ),
    },
    hints=[
        "Bayes' rule: p(k | x) = p(k) p(x | k) / p(x), and p(x) is the sum of the numerators over k.",
        "x[:, None] has shape (n, 1): Normal(means, stds).log_prob(x[:, None]) gives all (n, K) log-densities.",
    ],
)


# --- log_likelihood ---------------------------------------------------------------------------------


def log_likelihood_reference(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    log_joint = weights.log() + Normal(means, stds).log_prob(x[:, None])  # (n, K)
    return log_joint.logsumexp(1)  # (n,)


def log_likelihood_mean_of_logs(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (weights * Normal(means, stds).log_prob(x[:, None])).sum(1)


def log_likelihood_underflow(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (weights * Normal(means, stds).log_prob(x[:, None]).exp()).sum(1).log()


def log_likelihood_no_weights(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return Normal(means, stds).log_prob(x[:, None]).logsumexp(1)


def log_likelihood_no_constant(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return log_likelihood_reference(x, weights, means, stds) + 0.5 * math.log(2 * math.pi)


def log_likelihood_total(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return log_likelihood_reference(x, weights, means, stds).sum()


def log_likelihood_weights_not_log(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (weights + Normal(means, stds).log_prob(x[:, None])).logsumexp(1)


def log_likelihood_weights_times_log(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return (weights * Normal(means, stds).log_prob(x[:, None])).logsumexp(1)


log_likelihood = Exercise(
    "log_likelihood",
    chapter=CHAPTER,
    task="log p(x) of each point under the mixture, shape (n,), in nats; also for points far from everything.",
    reference=log_likelihood_reference,
    cases=lambda: [(points(), *MIXTURE), (torch.tensor([-80.0, 0.0, 80.0]), *MIXTURE)],
    mistakes={
        "mean_of_logs": (
            log_likelihood_mean_of_logs,
            "This is the weighted mean of the logarithms. The log-likelihood is the logarithm of the weighted "
            "sum; by Jensen's inequality yours is never larger.",
        ),
        "underflow": (
            log_likelihood_underflow,
            "Right near the components, -inf far away: the densities are rounded to 0 before the logarithm. "
            "Stay with logarithms and use torch.logsumexp, with the maximum taken for each point.",
        ),
        "weights_not_log": (
            log_likelihood_weights_not_log,
            "You add the weights to log-densities. Add their logarithms: log(π N) = log π + log N.",
        ),
        "weights_times_log": (
            log_likelihood_weights_times_log,
            "You multiply log-densities by the weights. A factor outside the logarithm becomes a term: log π + log N.",
        ),
        "no_weights": (
            log_likelihood_no_weights,
            "The weights are missing: add their logarithms before the logsumexp.",
        ),
        "no_constant": (
            log_likelihood_no_constant,
            "Too large by ½ log 2π ≈ 0.919 everywhere: the constant of the Gaussian is missing.",
        ),
        "total": (
            log_likelihood_total,
            "This is the sum over all points. Give one value for each point; the caller adds them up.",
        ),
    },
    hints=[
        "log Σₖ exp(aₖ) has a function of its own that never underflows: torch.logsumexp.",
        "aₖ = log πₖ + log N(x | μₖ, σₖ): weights.log() + Normal(means, stds).log_prob(x[:, None]).",
    ],
)


# --- kl ---------------------------------------------------------------------------------------------


def kl_reference(q: Tensor, p: Tensor) -> Tensor:
    return (torch.special.xlogy(q, q) - torch.special.xlogy(q, p)).sum()  # xlogy(0, 0) = 0


def kl_reversed(q: Tensor, p: Tensor) -> Tensor:
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum()


def kl_bits(q: Tensor, p: Tensor) -> Tensor:
    return kl_reference(q, p) / math.log(2)


def kl_cross_entropy(q: Tensor, p: Tensor) -> Tensor:
    return -torch.special.xlogy(q, p).sum()


def kl_nan(q: Tensor, p: Tensor) -> Tensor:
    return (q * (q / p).log()).sum()


def kl_mean(q: Tensor, p: Tensor) -> Tensor:
    return kl_reference(q, p) / len(q)


kl = Exercise(
    "kl",
    chapter=CHAPTER,
    task="KL(q ‖ p) of two distributions over K values, shape (K,) each, in nats; some qₖ may be 0.",
    reference=kl_reference,
    cases=[
        (torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.4, 0.4, 0.2])),
        (torch.tensor([0.0, 0.9, 0.1]), torch.tensor([0.3, 0.3, 0.4])),
        (torch.tensor([0.7, 0.3]), torch.tensor([0.7, 0.3])),
        (torch.tensor([0.6, 0.4]), torch.tensor([1.0, 0.0])),  # q allows what p rules out: infinite
    ],
    mistakes={
        "reversed": (
            kl_reversed,
            "This is KL(p ‖ q). The first argument is the one whose average is taken: Σ q log(q / p).",
        ),
        "bits": (kl_bits, "This is in bits (log base 2). The course counts in nats: the natural logarithm."),
        "cross_entropy": (
            kl_cross_entropy,
            "This is the cross-entropy, -Σ q log p. It is not 0 for q = p: subtract the entropy of q.",
        ),
        "nan_at_zero": (
            kl_nan,
            "Right where all qₖ > 0, NaN where one is 0: 0·log 0 counts as 0 here. torch.special.xlogy(q, q) "
            "knows that.",
        ),
        "mean": (kl_mean, "Too small by the number of values: sum over them, do not average."),
    },
    hints=[
        "KL(q ‖ p) = Σₖ qₖ (log qₖ - log pₖ).",
        "torch.special.xlogy(a, b) is a·log b, and 0 where a is 0.",
    ],
)


# --- bound ------------------------------------------------------------------------------------------


def bound_reference(q: Tensor, log_joint: Tensor) -> Tensor:
    return (q * log_joint - torch.special.xlogy(q, q)).sum(1)


def bound_wrong_sign(q: Tensor, log_joint: Tensor) -> Tensor:
    return (q * log_joint + torch.special.xlogy(q, q)).sum(1)


def bound_no_entropy(q: Tensor, log_joint: Tensor) -> Tensor:
    return (q * log_joint).sum(1)


def bound_log_outside(q: Tensor, log_joint: Tensor) -> Tensor:
    return (q.log() + log_joint).logsumexp(1)


def bound_nan(q: Tensor, log_joint: Tensor) -> Tensor:
    return (q * (log_joint - q.log())).sum(1)


def bound_total(q: Tensor, log_joint: Tensor) -> Tensor:
    return bound_reference(q, log_joint).sum()


def bound_cases() -> list[tuple[Tensor, Tensor]]:
    weights, means, stds = MIXTURE
    log_joint = weights.log() + Normal(means, stds).log_prob(points()[:, None])
    q = torch.softmax(torch.sin(torch.arange(30.0)).view(10, 3), 1)
    hard = torch.nn.functional.one_hot(torch.arange(10) % 3, 3).float()
    return [(q, log_joint), (hard, log_joint)]


def bound_no_factor(q: Tensor, log_joint: Tensor) -> Tensor:
    return (log_joint - torch.special.xlogy(q, q)).sum(1)


bound = Exercise(
    "bound",
    chapter=CHAPTER,
    task="The lower bound on log p(x) for responsibilities q (n, K), given log p(k) p(x | k), (n, K): shape (n,).",
    reference=bound_reference,
    cases=bound_cases,
    mistakes={
        "entropy_sign": (
            bound_wrong_sign,
            "The entropy of q has the wrong sign: it is -Σ q log q, it is positive, and it is added.",
        ),
        "no_entropy": (
            bound_no_entropy,
            "The entropy of q, -Σ q log q, is missing: without it the bound is not tight at the posterior.",
        ),
        "no_factor": (
            bound_no_factor,
            "The first term is a plain sum of log_joint. It is a mean under q: multiply by q before you sum.",
        ),
        "log_outside": (
            bound_log_outside,
            "You multiply by q inside the logarithm. Jensen's inequality takes the logarithm inside: the mean "
            "under q of log(p(k) p(x | k) / q).",
        ),
        "nan_at_zero": (
            bound_nan,
            "Right where q > 0, NaN where q is 0: 0·log 0 counts as 0 here, see torch.special.xlogy.",
        ),
        "total": (bound_total, "This is the sum over all points. Give one value for each point, shape (n,)."),
    },
    hints=[
        "Two terms: the mean of log_joint under q, and the entropy of q.",
        "The entropy of each row is -torch.special.xlogy(q, q).sum(1).",
    ],
)


# --- m_step -----------------------------------------------------------------------------------------


def m_step_reference(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    counts = r.sum(0)  # (K,) how many points each component has
    means, covariances = [], []
    for share, count in zip(r.T, counts, strict=True):  # share: (n,), one component's part of each point
        mean = share @ x / count  # (d,)
        difference = x - mean  # (n, d)
        means.append(mean)
        covariances.append((share[:, None] * difference).T @ difference / count)  # (d, d)
    return counts / len(x), torch.stack(means), torch.stack(covariances)


def m_step_counts(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return r.sum(0), *m_step_reference(x, r)[1:]


def m_step_means_by_n(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    counts, means = r.sum(0), r.T @ x / len(x)
    difference = x[:, None] - means
    return (
        counts / len(x),
        means,
        torch.einsum("nk,nki,nkj->kij", r, difference, difference) / counts[:, None, None],
    )


def m_step_divides_by_n(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights, means, _ = m_step_reference(x, r)
    difference = x[:, None] - means
    return weights, means, torch.einsum("nk,nki,nkj->kij", r, difference, difference) / len(x)


def m_step_about_zero(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights, means, _ = m_step_reference(x, r)
    return weights, means, torch.einsum("nk,ni,nj->kij", r, x, x) / r.sum(0)[:, None, None]


def m_step_overall_mean(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights, means, _ = m_step_reference(x, r)
    difference = x - x.mean(0)
    return weights, means, torch.einsum("nk,ni,nj->kij", r, difference, difference) / r.sum(0)[:, None, None]


def m_step_hard(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return m_step_reference(x, torch.nn.functional.one_hot(r.argmax(1), r.shape[1]).to(x.dtype))


def m_step_unbiased(x: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights, means, covariances = m_step_reference(x, r)
    counts = r.sum(0)[:, None, None]
    return weights, means, covariances * counts / (counts - 1)


def m_step_cases() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 2, generator=generator) + torch.tensor([2.0, -1.0])
    r = torch.softmax(torch.randn(60, 3, generator=generator), 1)
    return [(x, r), (x[:20, :1], r[:20, :2] / r[:20, :2].sum(1, keepdim=True))]


m_step = Exercise(
    "m_step",
    chapter=CHAPTER,
    task="From x (n, d) and responsibilities r (n, K): weights (K,), means (K, d) and covariances (K, d, d).",
    reference=m_step_reference,
    cases=m_step_cases,
    mistakes={
        "divides_by_n": (
            m_step_divides_by_n,
            "Weights and means are right; the covariances are divided by n. Each is an average over the "
            "component's own points: divide by its count Nₖ.",
        ),
        "counts": (
            m_step_counts,
            "Means and covariances are right; the weights are the counts. Divide them by n, so that they sum to 1.",
        ),
        "means_by_n": (
            m_step_means_by_n,
            "The means are divided by n, which pulls them towards 0. Divide each by the component's count Nₖ.",
        ),
        "about_zero": (
            m_step_about_zero,
            "Weights and means are right; the covariances are second moments about 0. Subtract the "
            "component's mean first.",
        ),
        "overall_mean": (
            m_step_overall_mean,
            "Weights and means are right; the covariances are about the mean of all the data. Subtract each "
            "component's own mean.",
        ),
        "hard": (
            m_step_hard,
            "Each point counts wholly for its most probable component (that is k-means). Let it count for "
            "every component, by its responsibility.",
        ),
        "unbiased": (
            m_step_unbiased,
            "The covariances are divided by Nₖ - 1. That makes an unbiased estimate, but the M-step maximises "
            "the bound, which Nₖ does.",
        ),
    },
    hints=[
        "Everything is a weighted average: count = sum of the responsibilities, then divide by it.",
        "Means: r.T @ x / counts[:, None]. Covariances: the same average, of (x - mean)(x - mean)ᵀ; a loop over "
        "the components is fine.",
    ],
)


# --- bic --------------------------------------------------------------------------------------------


def bic_reference(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    k, d = n_components, n_features
    n_parameters = (k - 1) + k * d + k * d * (d + 1) // 2  # weights, means, covariances
    return n_parameters * math.log(n_samples) - 2 * n_samples * mean_log_prob


def bic_all_weights(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    return bic_reference(mean_log_prob, n_samples, n_components, n_features) + math.log(n_samples)


def bic_square_covariances(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    k, d = n_components, n_features
    n_parameters = (k - 1) + k * d + k * d * d
    return n_parameters * math.log(n_samples) - 2 * n_samples * mean_log_prob


def bic_mean(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    return bic_reference(mean_log_prob / n_samples, n_samples, n_components, n_features)


def bic_negative(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    return -bic_reference(mean_log_prob, n_samples, n_components, n_features)


def bic_aic(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    penalty = bic_reference(0.0, n_samples, n_components, n_features) / math.log(n_samples)
    return 2 * penalty - 2 * n_samples * mean_log_prob


def bic_half(mean_log_prob: float, n_samples: int, n_components: int, n_features: int) -> float:
    penalty = bic_reference(0.0, n_samples, n_components, n_features)
    return penalty - n_samples * mean_log_prob


bic = Exercise(
    "bic",
    chapter=CHAPTER,
    task="The BIC of a mixture of K full Gaussians in d dimensions, from its mean log p(x) over n points.",
    reference=bic_reference,
    cases=[(-4.155, 272, 2, 2), (-1.2012, 150, 3, 4), (-2.5, 150, 1, 4)],
    mistakes={
        "all_weights": (
            bic_all_weights,
            "One parameter too many: the weights sum to 1, so only K - 1 of them are free.",
        ),
        "square_covariances": (
            bic_square_covariances,
            "A covariance matrix is symmetric: it has d(d + 1)/2 free entries, not d².",
        ),
        "mean_for_total": (
            bic_mean,
            "The criterion takes the log-likelihood of all the data: multiply the mean by n.",
        ),
        "negative": (
            bic_negative,
            "The sign is turned. Here lower is better: P log n - 2 log-likelihood (some programs print the "
            "negative).",
        ),
        "no_factor_two": (
            bic_half,
            "The log-likelihood has the factor 2: P log n - 2 log-likelihood.",
        ),
        "aic": (
            bic_aic,
            "This is the AIC, whose penalty is 2 for each parameter. The BIC's is log n.",
        ),
    },
    hints=[
        "BIC = P log n - 2 log-likelihood, with P the number of free parameters.",
        "P = (K - 1) weights + K·d means + K·d(d + 1)/2 entries of covariances.",
    ],
)


all_exercises = [sample, responsibilities, log_likelihood, kl, bound, m_step, bic]


# --- questions --------------------------------------------------------------------------------------

recall_bayes = Question(
    "recall_bayes",
    chapter=CHAPTER,
    text="A bag holds 90 fair coins and 10 with two heads. One coin, thrown once, shows heads. How probable is it "
    "that this coin is fair?",
    choices={
        "a": ("0.9", "That is the probability before the throw; the heads is evidence for two heads."),
        "b": ("9/11 ≈ 0.82", "Fair and heads: 0.9 · 0.5 = 0.45. Two heads: 0.1 · 1. So 0.45 / 0.55.", True),
        "c": ("0.5", "That is p(heads | fair). Bayes' rule turns the condition round."),
        "d": ("0.45", "That is p(fair and heads), the numerator. Divide by p(heads) = 0.55."),
    },
)
recall_density = Question(
    "recall_density",
    chapter=CHAPTER,
    text="The density of a Gaussian with standard deviation 0.1 is about 4 at its mean. How can it exceed 1?",
    choices={
        "a": ("It cannot; the formula is wrong", "The formula is right: 1 / (0.1·√(2π)) ≈ 3.99."),
        "b": (
            "A density is probability per unit of x; only areas under it are at most 1",
            "And its logarithm may be positive, which will matter when likelihoods grow without limit.",
            True,
        ),
        "c": ("Probabilities of rare events can exceed 1", "Probabilities never do. A density is not one."),
    },
)
recall_expectation = Question(
    "recall_expectation",
    chapter=CHAPTER,
    text="X is 1 or 3, each with probability ½. Which is larger, log E[X] or E[log X]?",
    choices={
        "a": (
            "log E[X]",
            "log 2 ≈ 0.69 against ½ log 3 ≈ 0.55. It is always so: Jensen's inequality, section 1.4.",
            True,
        ),
        "b": ("E[log X]", "E[log X] = ½ (log 1 + log 3) ≈ 0.55, and log E[X] = log 2 ≈ 0.69."),
        "c": ("They are equal", "Only a straight line lets an average through, and the logarithm is bent."),
    },
)
zigzag = Question(
    "zigzag",
    chapter=CHAPTER,
    text="During the E-step, what changes?",
    choices={
        "a": (
            "The bound rises, the log-likelihood stays",
            "The parameters do not move in the E-step, so log p(x) cannot change. Only q does: the gap closes.",
            True,
        ),
        "b": (
            "The log-likelihood rises, the bound stays",
            "log p(x) depends on the parameters alone, and the E-step does not touch them.",
        ),
        "c": ("Both rise", "That is the M-step: new parameters raise the bound, and the likelihood with it."),
    },
)
singularity = Question(
    "singularity",
    chapter=CHAPTER,
    text="A mixture has found parameters with an enormous log-likelihood on its training data: one component sits on "
    "a single point with a standard deviation near 0. Is that a good model?",
    choices={
        "a": (
            "Yes: the log-likelihood says so",
            "The training likelihood has no maximum there. On new data that component explains nothing.",
        ),
        "b": (
            "No: it explains one point of this data, and nothing else; bound the variances from below",
            "A floor on the variances (reg_covar), a prior, or fewer components cure it.",
            True,
        ),
        "c": (
            "No: EM has a bug, since the bound must not rise so far",
            "EM did its duty, it climbs. The objective is at fault: it is unbounded.",
        ),
    },
)
distributed = Question(
    "distributed",
    chapter=CHAPTER,
    text="Faces differ in 20 yes/no features (glasses, beard, …), in every combination. How many clusters would a "
    "mixture need for one cluster per kind of face, and how many numbers would a code of features need?",
    choices={
        "a": ("20 and 20", "One cluster per feature cannot say 'glasses and beard': a face has one cluster."),
        "b": ("40 and 20", "That would be one cluster per value. A cluster has to fix all features at once."),
        "c": (
            "2²⁰ ≈ a million, and 20",
            "A cluster number is one choice out of K. A distributed code makes 20 choices that combine.",
            True,
        ),
    },
)

questions = [recall_bayes, recall_density, recall_expectation, zigzag, singularity, distributed]
