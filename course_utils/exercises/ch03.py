"""Exercises of chapter 3: the VAE and the ELBO.

One convention: nats, summed over dimensions, one value per example. `logvar` is log σ².
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "beta_in_disguise",
    "bound_or_estimate",
    "collapse",
    "elbo",
    "gaussian_log_density",
    "grey_pixels",
    "iwae_bound",
    "kl",
    "ladder",
    "monte_carlo",
    "popular_recipe",
    "questions",
    "recall_mean",
    "recall_random_codes",
    "recall_sum",
    "reparameterize",
    "reverse_kl",
    "score_function",
    "which_moves",
]

CHAPTER = "ch03"


def means_and_logvars() -> list[tuple[Tensor, Tensor]]:
    """Parameters of Gaussians: three and one dimensions, no two σ alike."""
    return [
        (seeded(4, 3), 0.7 * seeded(4, 3, seed=1) - 0.6),
        (2 * seeded(5, 1, seed=2), seeded(5, 1, seed=3)),
    ]


# --- gaussian_log_density ---------------------------------------------------------------------------


def gaussian_log_density_reference(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    each = -0.5 * (math.log(2 * math.pi) + logvar + (x - mean) ** 2 / logvar.exp())  # (batch, d)
    return each.sum(1)  # (batch,) a product of densities is a sum of logarithms


def gaussian_log_density_no_constant(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return (-0.5 * (logvar + (x - mean) ** 2 / logvar.exp())).sum(1)


def gaussian_log_density_constant_once(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return gaussian_log_density_no_constant(x, mean, logvar) - 0.5 * math.log(2 * math.pi)


def gaussian_log_density_constant_twice(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    d = x.shape[1]
    constant = -0.5 * d * math.log(2 * math.pi)
    return (-0.5 * (logvar + (x - mean) ** 2 / logvar.exp()) + constant).sum(1)


def gaussian_log_density_log_std(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return gaussian_log_density_reference(x, mean, 2 * logvar)


def gaussian_log_density_variance(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    each = -0.5 * (math.log(2 * math.pi) + logvar + (x - mean) ** 2 / (0.5 * logvar).exp())
    return each.sum(1)


def gaussian_log_density_no_normaliser(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return gaussian_log_density_reference(x, mean, logvar) + 0.5 * logvar.sum(1)


def gaussian_log_density_mean(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return gaussian_log_density_reference(x, mean, logvar) / x.shape[1]


def gaussian_log_density_squared_error(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return -((x - mean) ** 2).sum(1)


def gaussian_log_density_positive(x: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    return -gaussian_log_density_reference(x, mean, logvar)


gaussian_log_density = Exercise(
    "gaussian_log_density",
    chapter=CHAPTER,
    task="log N(x | mean, σ²) of independent dimensions: x, mean, logvar are (batch, d), the result (batch,), in nats.",
    reference=gaussian_log_density_reference,
    cases=lambda: [
        (seeded(*mean.shape, seed=9), mean, logvar)
        for mean, logvar in [*means_and_logvars(), (seeded(2, 10), seeded(2, 10, seed=1))]
    ],
    mistakes={
        "no_constant": (
            gaussian_log_density_no_constant,
            "Too large by ½ log 2π ≈ 0.919 for each dimension: the constant is missing. On 784 pixels that is 720 "
            "nats, and what is left is no log-density.",
        ),
        "constant_once": (
            gaussian_log_density_constant_once,
            "The constant ½ log 2π is subtracted once for each example. It belongs to each dimension.",
        ),
        "constant_twice": (
            gaussian_log_density_constant_twice,
            "The constant is counted d times too often: ½ d log 2π is subtracted in every dimension, and then summed "
            "over the dimensions again.",
        ),
        "log_std": (
            gaussian_log_density_log_std,
            "Here logvar is treated as log σ, so that the variance is exp(2·logvar). It is log σ²: the variance is "
            "exp(logvar).",
        ),
        "std_for_variance": (
            gaussian_log_density_variance,
            "The square is divided by σ. Divide by the variance, exp(logvar).",
        ),
        "no_normaliser": (
            gaussian_log_density_no_normaliser,
            "The term -½ logvar is missing: a wide Gaussian has to be lower, or its area would not be 1.",
        ),
        "mean": (
            gaussian_log_density_mean,
            "Right for one dimension, too small by the factor d elsewhere: sum over the dimensions, do not average.",
        ),
        "squared_error": (
            gaussian_log_density_squared_error,
            "This is the negative squared error. A log-density also has the factor ½, the variance and the constant.",
        ),
        "positive": (
            gaussian_log_density_positive,
            "This is the negative log-density, a loss: turn the sign.",
        ),
    },
    hints=[
        "For one dimension: the log of (2πσ²)^(-½) exp(-½ (x - mean)²/σ²). Write it as three terms.",
        "-½ (log 2π + logvar + (x - mean)² / exp(logvar)) for each dimension, then .sum(1).",
    ],
)


# --- kl ---------------------------------------------------------------------------------------------


def kl_reference(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar.exp() - 1 - logvar + mean**2).sum(1)  # (batch,)


def kl_no_half(mean: Tensor, logvar: Tensor) -> Tensor:
    return (logvar.exp() - 1 - logvar + mean**2).sum(1)


def kl_mean(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar.exp() - 1 - logvar + mean**2).mean(1)


def kl_mean_no_half(mean: Tensor, logvar: Tensor) -> Tensor:
    return (logvar.exp() - 1 - logvar + mean**2).mean(1)


def kl_batch(mean: Tensor, logvar: Tensor) -> Tensor:
    return kl_reference(mean, logvar).mean()


def kl_total(mean: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + logvar - mean**2 - logvar.exp())


def kl_mean_of_all(mean: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * torch.mean(1 + logvar - mean**2 - logvar.exp())


def kl_elements(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar.exp() - 1 - logvar + mean**2)


def kl_log_std(mean: Tensor, logvar: Tensor) -> Tensor:
    return kl_reference(mean, 2 * logvar)


def kl_mixed(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * ((2 * logvar).exp() - 1 - logvar + mean**2).sum(1)


def kl_negative(mean: Tensor, logvar: Tensor) -> Tensor:
    return -kl_reference(mean, logvar)


def kl_no_one(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar.exp() - logvar + mean**2).sum(1)


def kl_reversed(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * ((1 + mean**2) * (-logvar).exp() - 1 + logvar).sum(1)


def kl_no_mean(mean: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (logvar.exp() - 1 - logvar).sum(1)


kl = Exercise(
    "kl",
    chapter=CHAPTER,
    task="KL(N(mean, σ²) ‖ N(0, I)) for mean and logvar of shape (batch, latent_dim): (batch,), in nats.",
    reference=kl_reference,
    cases=lambda: [*means_and_logvars(), (torch.zeros(2, 4), torch.zeros(2, 4))],
    mistakes={
        "no_half": (
            kl_no_half,
            "Exactly twice the right value everywhere: is the factor ½ there? (The recipe of many notes is 2·KL.)",
        ),
        "mean_over_dimensions": (
            kl_mean,
            "Right for latent_dim = 1, too small by the factor latent_dim elsewhere: sum over the dimensions, then "
            "let the caller average over the batch.",
        ),
        "mean_and_no_half": (
            kl_mean_no_half,
            "Two things: the factor ½ is missing, and the dimensions are averaged where they should be summed.",
        ),
        "log_std": (
            kl_log_std,
            "This is right if the second argument is log σ. Here it is log σ², so the variance is exp(logvar), "
            "without a 2.",
        ),
        "mixed": (
            kl_mixed,
            "Two meanings in one formula: exp(2·logvar) reads it as log σ, the linear term as log σ². It is log σ².",
        ),
        "negative": (
            kl_negative,
            "The sign is turned: a KL is never negative. (In the ELBO it is subtracted; the caller does that.)",
        ),
        "no_one": (kl_no_one, "Too large by ½ in every dimension: a KL of N(0, I) with itself has to be 0."),
        "reversed": (
            kl_reversed,
            "This is KL(N(0, I) ‖ q). The average is taken under the first argument, which is q.",
        ),
        "no_mean": (kl_no_mean, "The means do not count in it: a q that is far from 0 has to pay ½ mean²."),
        "batch_mean": (
            kl_batch,
            "This is the mean over the batch. Give one value for each example; the caller averages.",
        ),
        "total": (
            kl_total,
            "One sum for the whole batch: it doubles with twice the examples. Sum over the dimensions only; the caller "
            "averages over the batch.",
        ),
        "mean_of_all": (
            kl_mean_of_all,
            "A mean over examples and dimensions: beside a reconstruction that is summed, it is too small by the "
            "factor latent_dim. Sum over the dimensions; the caller averages over the batch.",
        ),
        "not_summed": (
            kl_elements,
            "Right for each dimension, but they have to be summed: one value for each example, shape (batch,).",
        ),
    },
    hints=[
        "E_q[log q - log p] for one dimension; under q, the average of (z - mean)²/σ² is 1, that of z² is σ² + mean².",
        "½ (exp(logvar) - 1 - logvar + mean²) for each dimension, then .sum(1).",
    ],
)


# --- reparameterize ---------------------------------------------------------------------------------


def reparameterize_reference(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    std = (0.5 * logvar).exp()  # log σ = ½ log σ²
    return mean + std * noise


def reparameterize_variance(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean + logvar.exp() * noise


def reparameterize_logvar(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean + logvar * noise


def reparameterize_half_logvar(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean + 0.5 * logvar * noise


def reparameterize_no_noise(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean


def reparameterize_divided(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return mean + noise / (0.5 * logvar).exp()


def reparameterize_all_scaled(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return (mean + noise) * (0.5 * logvar).exp()


def reparameterize_own_noise(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return reparameterize_reference(mean, logvar, torch.randn_like(mean))


def reparameterize_cut(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return torch.normal(mean, (0.5 * logvar).exp())


class DrawAndGradients(NamedTuple):
    """What the check of `reparameterize` looks at."""

    draw: Tensor
    gradient_to_mean: Tensor
    gradient_to_logvar: Tensor


def draw_and_gradients(function, mean, logvar, noise):  # type: ignore[no-untyped-def]
    """The draw, and how it moves with mean and logvar: zeros where the function cuts the gradient."""
    mean, logvar = mean.requires_grad_(), logvar.requires_grad_()
    z = function(mean, logvar, noise)
    if not isinstance(z, Tensor) or z.shape != mean.shape:
        raise ValueError(f"the result must be a tensor of mean's shape {tuple(mean.shape)}")
    if not z.requires_grad:
        return DrawAndGradients(z, torch.zeros_like(mean), torch.zeros_like(mean))
    gradients = torch.autograd.grad(z.sum(), (mean, logvar), allow_unused=True)
    return DrawAndGradients(z, *(torch.zeros_like(mean) if g is None else g for g in gradients))


def reparameterize_detached(mean: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    return reparameterize_reference(mean, logvar, noise).detach()


reparameterize = Exercise(
    "reparameterize",
    chapter=CHAPTER,
    task="Turn noise from N(0, I) into a draw from N(mean, σ²), with gradients to mean and logvar; all are (batch, d).",
    reference=reparameterize_reference,
    cases=lambda: [(mean, logvar, seeded(*mean.shape, seed=8)) for mean, logvar in means_and_logvars()],
    observe=draw_and_gradients,
    mistakes={
        "variance_for_std": (
            reparameterize_variance,
            "The noise is multiplied by the variance: exp(logvar) is σ². To give it standard deviation σ, multiply by "
            "exp(½ logvar). (With exp(s) as the factor, s would be log σ, and the KL another one.)",
        ),
        "logvar_for_std": (
            reparameterize_logvar,
            "The noise is multiplied by logvar itself, which may be negative: take exp(½ logvar).",
        ),
        "half_logvar": (
            reparameterize_half_logvar,
            "½ logvar is log σ: the exponential is missing.",
        ),
        "no_noise": (
            reparameterize_no_noise,
            "This is the mean, without any noise. It is no draw from q, and an ELBO computed with it is none.",
        ),
        "divided": (
            reparameterize_divided,
            "The noise is divided by σ. That takes the scale out; here it has to come in.",
        ),
        "mean_scaled": (
            reparameterize_all_scaled,
            "The mean is multiplied by σ too: scale the noise first, then add the mean.",
        ),
        "own_noise": (
            reparameterize_own_noise,
            "You draw noise of your own. Use the noise that is given, so that the same noise gives the same draw.",
        ),
        "cut": (
            reparameterize_cut,
            "torch.normal draws noise of its own and lets no gradient through. Use the noise that is given: a sum and "
            "a product, which can be differentiated.",
        ),
        "detached": (
            reparameterize_detached,
            "The draw is right, but no gradient reaches mean and logvar: leave out detach() and no_grad().",
        ),
    },
    hints=[
        "Scale, then shift: z = mean + σ · noise.",
        "σ = exp(½ logvar), because logvar = log σ² = 2 log σ.",
    ],
)


# --- elbo -------------------------------------------------------------------------------------------

Decode = Callable[[Tensor], Tensor]


def elbo_reference(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    z = mean + (0.5 * logvar).exp() * noise  # (batch, latent_dim), one draw from q
    square = ((x - decode(z)) / std) ** 2  # (batch, d)
    reconstruction = -0.5 * (square + math.log(2 * math.pi * std**2)).sum(1)  # log p(x | z)
    kl = 0.5 * (logvar.exp() - 1 - logvar + mean**2).sum(1)
    return reconstruction - kl


def elbo_parts(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> tuple[Tensor, Tensor, float]:
    """Reconstruction, KL, and the constant of the reconstruction."""
    kl = kl_reference(mean, logvar)
    constant = -0.5 * x.shape[1] * math.log(2 * math.pi * std**2)
    return elbo_reference(x, mean, logvar, noise, decode, std) + kl, kl, constant


def elbo_loss(x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float) -> Tensor:
    return -elbo_reference(x, mean, logvar, noise, decode, std)


def elbo_plus(x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float) -> Tensor:
    reconstruction, kl, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    return reconstruction + kl


def elbo_of_loss(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, kl, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    return -reconstruction - kl


def elbo_no_constant(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, kl, constant = elbo_parts(x, mean, logvar, noise, decode, std)
    return reconstruction - constant - kl


def elbo_no_two_pi(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    return elbo_reference(x, mean, logvar, noise, decode, std) + 0.5 * x.shape[1] * math.log(2 * math.pi)


def elbo_no_half(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, kl, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    return reconstruction - 2 * kl


def elbo_kl_mean(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, kl, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    return reconstruction - kl / mean.shape[1]


def elbo_pixel_mean(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, kl, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    return reconstruction / x.shape[1] - kl


def elbo_at_mean(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    return elbo_reference(x, mean, logvar, torch.zeros_like(noise), decode, std)


def elbo_drawn_kl(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    reconstruction, _, _ = elbo_parts(x, mean, logvar, noise, decode, std)
    z = mean + (0.5 * logvar).exp() * noise
    log_prior = gaussian_log_density_reference(z, torch.zeros_like(z), torch.zeros_like(z))
    return reconstruction + log_prior - gaussian_log_density_reference(z, mean, logvar)


def elbo_wide_noise(
    x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float
) -> Tensor:
    return elbo_reference(x, mean, logvar, noise * (0.5 * logvar).exp(), decode, std)


def elbo_no_kl(x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float) -> Tensor:
    return elbo_parts(x, mean, logvar, noise, decode, std)[0]


def elbo_batch(x: Tensor, mean: Tensor, logvar: Tensor, noise: Tensor, decode: Decode, std: float) -> Tensor:
    return elbo_reference(x, mean, logvar, noise, decode, std).mean()


def bend(z: Tensor) -> Tensor:
    """A decoder: (batch, 3) to (batch, 5)."""
    return torch.tanh(z @ seeded(3, 5, seed=7))


def line(z: Tensor) -> Tensor:
    """Another one: (batch, 1) to (batch, 2)."""
    return z * torch.tensor([2.0, -1.0])


elbo = Exercise(
    "elbo",
    chapter=CHAPTER,
    task="An estimate of the ELBO of each example, (batch,) nats, for q = N(mean, σ²) and a Gaussian p(x | z) around "
    "decode(z) of standard deviation std: the reconstruction from one draw of z, the KL in closed form; noise is a "
    "draw from N(0, I), of mean's shape.",
    reference=elbo_reference,
    cases=lambda: [
        (seeded(4, 5, seed=4), *means_and_logvars()[0], seeded(4, 3, seed=5), bend, 0.5),
        (seeded(5, 2, seed=6), *means_and_logvars()[1], seeded(5, 1, seed=5), line, 1.5),
    ],
    mistakes={
        "loss": (
            elbo_loss,
            "This is the negative ELBO: a loss, to be minimised. The ELBO is reconstruction - KL, and it is maximised.",
        ),
        "plus": (
            elbo_plus,
            "The KL is added. It is a price: elbo = reconstruction - KL. (Reconstruction *error* + KL is the negative "
            "of it.)",
        ),
        "reconstruction_loss": (
            elbo_of_loss,
            "Your reconstruction is an error, -log p(x | z). In the ELBO stands log p(x | z) itself, minus the KL.",
        ),
        "no_constant": (
            elbo_no_constant,
            "The constant -½ d log(2π std²) of the likelihood is missing: what is left is no bound on log p(x).",
        ),
        "no_two_pi": (
            elbo_no_two_pi,
            "Too large by ½ log 2π for each number in x: the 2π of the Gaussian is missing.",
        ),
        "no_half": (
            elbo_no_half,
            "The KL counts twice: is its factor ½ there? With 2·KL this is the objective of β = 2.",
        ),
        "kl_mean": (
            elbo_kl_mean,
            "The KL is averaged over the dimensions of z, and the reconstruction is summed over those of x. Sum both.",
        ),
        "pixel_mean": (
            elbo_pixel_mean,
            "The log-likelihood is averaged over the numbers in x: that makes the KL weigh d times too much. Sum.",
        ),
        "at_the_mean": (
            elbo_at_mean,
            "This decodes the mean, without noise. Then the average over q is missing, and the number is no bound: "
            "decode mean + σ·noise.",
        ),
        "drawn_kl": (
            elbo_drawn_kl,
            "An unbiased estimate of the same ELBO, but the KL is estimated from the draw too. Asked for is the KL in "
            "closed form (exercise 3.2): it has no noise of its own.",
        ),
        "variance_for_std": (
            elbo_wide_noise,
            "The noise is multiplied by exp(logvar), the variance. σ is exp(½ logvar).",
        ),
        "no_kl": (elbo_no_kl, "The KL is missing: this is the reconstruction alone."),
        "batch_mean": (
            elbo_batch,
            "This is the mean over the batch. Give one value for each example, shape (batch,).",
        ),
    },
    hints=[
        "Three steps: draw z with the noise; log p(x | z), a Gaussian log-density (exercise 3.1), summed over x's "
        "numbers; minus the KL (exercise 3.2).",
        "log p(x | z) = -½ Σ [((x - decode(z))/std)² + log(2π std²)].",
    ],
)


# --- score_function ---------------------------------------------------------------------------------

Function = Callable[[Tensor], Tensor]


def score_function_reference(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    score = (z - mean) / std**2  # d/dmean of log N(z | mean, std²)
    return f(z) * score


def score_function_no_f(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    return (z - mean) / std**2


def score_function_std(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    return f(z) * (z - mean) / std


def score_function_sign(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    return f(z) * (mean - z) / std**2


def score_function_pathwise(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    z = z.detach().requires_grad_()
    return torch.autograd.grad(f(z).sum(), z)[0]


def score_function_mean(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    return score_function_reference(f, z, mean, std).mean()


def score_function_density(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    density = torch.exp(-0.5 * ((z - mean) / std) ** 2) / (std * math.sqrt(2 * math.pi))
    return f(z) * density * (z - mean) / std**2


def score_function_log_f(f: Function, z: Tensor, mean: float, std: float) -> Tensor:
    return f(z).log() * (z - mean) / std**2


def bowl(z: Tensor) -> Tensor:
    """The function z² + 1."""
    return z**2 + 1


def hill(z: Tensor) -> Tensor:
    """The function 2 + sin z."""
    return 2 + torch.sin(z)


score_function = Exercise(
    "score_function",
    chapter=CHAPTER,
    task="The score-function estimate of d/dmean E[f(z)] for z ~ N(mean, std²): one value for each draw z (n,), (n,). "
    "f gives one value for each draw, and is not differentiated.",
    reference=score_function_reference,
    cases=lambda: [(bowl, 0.5 + 2 * seeded(6), 0.5, 2.0), (hill, 0.4 * seeded(5, seed=1) - 1, -1.0, 0.4)],
    mistakes={
        "no_f": (
            score_function_no_f,
            "This is the score, d log q/d mean; its average is 0. Weight each draw's score by f(z).",
        ),
        "divided_by_std": (
            score_function_std,
            "The score is divided by σ. The derivative of -½ (z - mean)²/σ² with respect to the mean has σ².",
        ),
        "sign": (
            score_function_sign,
            "The sign is turned: moving the mean towards z makes z more probable, so the score is (z - mean)/σ².",
        ),
        "pathwise": (
            score_function_pathwise,
            "This is f'(z), the reparameterised gradient. The score-function estimate never differentiates f.",
        ),
        "mean": (
            score_function_mean,
            "This is the average. Give one value for each draw, so that their variance can be seen.",
        ),
        "density": (
            score_function_density,
            "The density is a factor too much: the draws already come with it. d q = q · d log q, and the average over "
            "draws replaces the q.",
        ),
        "log_f": (
            score_function_log_f,
            "The logarithm belongs to q, not to f: f(z) times the derivative of log q(z).",
        ),
    },
    hints=[
        "d/dmean ∫ q f dz = ∫ (dq/dmean) f dz, and dq/dmean = q · d log q/dmean.",
        "d log q/dmean = (z - mean)/std².",
    ],
)


# --- iwae_bound -------------------------------------------------------------------------------------


def iwae_bound_reference(log_weights: Tensor) -> Tensor:
    k = len(log_weights)
    return log_weights.logsumexp(0) - math.log(k)  # log of the mean of the weights


def iwae_bound_mean_of_logs(log_weights: Tensor) -> Tensor:
    return log_weights.mean(0)


def iwae_bound_no_k(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(0)


def iwae_bound_k(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(0) / len(log_weights)


def iwae_bound_minus_k(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(0) - len(log_weights)


def iwae_bound_underflow(log_weights: Tensor) -> Tensor:
    return log_weights.exp().mean(0).log()


def iwae_bound_axis(log_weights: Tensor) -> Tensor:
    return log_weights.logsumexp(1) - math.log(log_weights.shape[1])


def iwae_bound_max(log_weights: Tensor) -> Tensor:
    return log_weights.amax(0)


def iwae_bound_loss(log_weights: Tensor) -> Tensor:
    return -iwae_bound_reference(log_weights)


iwae_bound = Exercise(
    "iwae_bound",
    chapter=CHAPTER,
    task="log (1/k) Σᵢ wᵢ from log-weights of shape (k, batch): (batch,) nats; also where every weight underflows.",
    reference=iwae_bound_reference,
    cases=lambda: [(2 * seeded(6, 4),), (2 * seeded(5, 3, seed=1) - 900,), (seeded(1, 3),)],
    mistakes={
        "mean_of_logs": (
            iwae_bound_mean_of_logs,
            "This is the mean of the logarithms: an ELBO from k draws, which does not get tighter with k. Take the "
            "logarithm of the mean.",
        ),
        "no_log_k": (
            iwae_bound_no_k,
            "Too large by log k: that is the sum of the weights, not their mean. A sum grows with k for no reason.",
        ),
        "divided_by_k": (
            iwae_bound_k,
            "The logarithm is divided by k. The mean is taken inside it: subtract log k.",
        ),
        "minus_k": (
            iwae_bound_minus_k,
            "You subtract k. Dividing the sum by k subtracts log k from its logarithm.",
        ),
        "underflow": (
            iwae_bound_underflow,
            "Right for weights near 1, -inf where they are small: those of an image are about exp(-90). Stay with "
            "logarithms: torch.logsumexp.",
        ),
        "batch_axis": (
            iwae_bound_axis,
            "The mean is taken over the examples. It belongs over the k draws, dimension 0.",
        ),
        "max": (
            iwae_bound_max,
            "This is the largest log-weight. It is near, but the mean of the weights has all of them.",
        ),
        "loss": (iwae_bound_loss, "This is the negative of the bound: a loss. Turn the sign."),
    },
    hints=[
        "The log of a mean of exponentials: torch.logsumexp over the draws, and then?",
        "log((1/k) Σ w) = logsumexp(log w) - log k.",
    ],
)


all_exercises = [gaussian_log_density, kl, reparameterize, elbo, score_function, iwae_bound]


# --- questions --------------------------------------------------------------------------------------

recall_random_codes = Question(
    "recall_random_codes",
    chapter=CHAPTER,
    text="A plain autoencoder is trained well. Why does decoding z ~ N(0, I) often give no digit?",
    choices={
        "a": (
            "The decoder is too small",
            "It reconstructs well, so it can draw digits. It is the codes that are strange to it.",
        ),
        "b": (
            "Nothing in its objective says where codes may lie, and the decoder was trained on those that occurred",
            "A random code falls into a hole. This chapter adds a term that says where codes have to lie.",
            True,
        ),
        "c": (
            "Random codes need a longer training",
            "A longer training moves the codes wherever it likes; nobody asks for N(0, I).",
        ),
    },
)
recall_mean = Question(
    "recall_mean",
    chapter=CHAPTER,
    text="A network sees x and must predict y by squared error, but two different y are equally right for this x. What "
    "does the best prediction look like?",
    choices={
        "a": (
            "One of the two, at random",
            "A network is a function: it has one answer. That would need a random input.",
        ),
        "b": (
            "Their average",
            "It has the smallest expected squared error, and may itself be nothing that occurs.",
            True,
        ),
        "c": (
            "The one seen more often",
            "They are equally frequent, and even otherwise the mean is weighted, not chosen.",
        ),
    },
)
recall_sum = Question(
    "recall_sum",
    chapter=CHAPTER,
    text="A squared error of an image is averaged over its 784 pixels where another program sums them. Alone, does it "
    "matter?",
    choices={
        "a": (
            "Only for the size of the steps; but beside a second term it decides how the two are weighed",
            "Alone a constant factor moves no minimum. This chapter adds a second term, and then it does.",
            True,
        ),
        "b": (
            "No, never",
            "It never moves the minimum of that term alone. Beside another term the factor 784 is a weight.",
        ),
        "c": (
            "Yes, the minimum is another one",
            "A constant positive factor leaves the minimum where it is.",
        ),
    },
)
monte_carlo = Question(
    "monte_carlo",
    chapter=CHAPTER,
    text="The average of p(x | z) over draws from the prior is unbiased for p(x). Why is it useless for images?",
    choices={
        "a": (
            "Hardly any draw explains x, so that the estimate is nearly always far too small, and once in an age huge",
            "Unbiased says nothing about a single estimate. Draws should come from where p(x | z) is large: from q.",
            True,
        ),
        "b": (
            "It is biased when z has many dimensions",
            "It stays unbiased in any dimension. Its variance explodes.",
        ),
        "c": ("p(x | z) cannot be computed for images", "It can: that is one pass through the decoder."),
    },
)
which_moves = Question(
    "which_moves",
    chapter=CHAPTER,
    text="The decoder is held still; the encoder is trained until the ELBO stops rising. What did log p(x) do?",
    choices={
        "a": (
            "It rose as much as the ELBO",
            "log p(x) is a fact about the decoder and the prior. Neither moved.",
        ),
        "b": (
            "Nothing: only the gap has shrunk",
            "ELBO = log p(x) - KL(q ‖ p(z | x)), and q is only in the last term.",
            True,
        ),
        "c": (
            "It fell, because the gap shrank",
            "The gap lies between the two. What moved is the bound, from below.",
        ),
    },
)
popular_recipe = Question(
    "popular_recipe",
    chapter=CHAPTER,
    text="A program minimises -Σ log p(x | z) (a Bernoulli log-likelihood, summed over pixels) plus "
    "Σ exp(s) - (1 + s) + m², with s = log σ². What does it maximise?",
    choices={
        "a": ("The ELBO", "The second term is 2·KL, and beside a log-likelihood the ELBO has 1·KL."),
        "b": (
            "The objective of β = 2: reconstruction - 2·KL",
            "Codes are pulled to the prior twice as hard, for blurrier pictures.",
            True,
        ),
        "c": (
            "Twice the ELBO, which has the same maximum",
            "That would be so if the reconstruction were doubled too, as a summed squared error ‖x - x̂‖² is.",
        ),
    },
)
beta_in_disguise = Question(
    "beta_in_disguise",
    chapter=CHAPTER,
    text="A loss is 500 · (binary cross-entropy, averaged over 784 pixels) + KL. Which β is that, as the weight of the "
    "KL beside a cross-entropy that is summed?",
    choices={
        "a": ("β = 500", "500 stands before the other term, and that term is a mean, not a sum."),
        "b": ("β = 1/500", "That would be right if the cross-entropy were summed over the pixels."),
        "c": (
            "β = 784/500 ≈ 1.6",
            "500/784 of the sum plus KL; divided by 500/784, the sum plus 1.6 KL.",
            True,
        ),
    },
)
grey_pixels = Question(
    "grey_pixels",
    chapter=CHAPTER,
    text="Pixels are grey, from 0 to 1. A program reports the binary cross-entropy plus KL as '-ELBO in nats'. "
    "What is wrong?",
    choices={
        "a": (
            "A Bernoulli gives probability to 0 and 1 only, so for grey values it is no log-likelihood",
            "As a loss it may work. As a number it is nothing to compare: draw black and white pixels from the grey "
            "values, or use a density for them.",
            True,
        ),
        "b": (
            "Nothing, cross-entropy is the negative log-likelihood",
            "For zeros and ones it is. Between them its exponential does not even integrate to 1.",
        ),
        "c": (
            "It should be averaged over the pixels",
            "That changes the unit, not the fact that no probability is behind it.",
        ),
    },
)
bound_or_estimate = Question(
    "bound_or_estimate",
    chapter=CHAPTER,
    text="A table says 'test NLL: 97.3 nats' (NLL: negative log-likelihood, the mean of -log p(x)), computed as the "
    "mean of -(reconstruction - KL). What should it say?",
    choices={
        "a": (
            "NLL: 97.3, as it does",
            "The negative log-likelihood is smaller than this by the mean gap, which nobody has measured.",
        ),
        "b": (
            "-ELBO: 97.3, an upper bound on the negative log-likelihood",
            "A bound is called a bound; an estimate with k importance samples is called that, with its k.",
            True,
        ),
        "c": ("NLL at least 97.3", "The other way round: log p(x) ≥ ELBO, so that the NLL is at most 97.3."),
    },
)
reverse_kl = Question(
    "reverse_kl",
    chapter=CHAPTER,
    text="p has two separate hills. One Gaussian q is fitted by minimising KL(q ‖ p), the direction of the ELBO's gap. "
    "Where does it go?",
    choices={
        "a": (
            "Over both hills and the valley",
            "In the valley p is tiny, and q pays log(q/p) wherever q is: that is the other direction.",
        ),
        "b": (
            "Onto one of the hills",
            "Leaving a hill out costs it about log 2; lying in the valley costs far more.",
            True,
        ),
        "c": ("Into the valley, narrow", "There p is smallest: the worst place for it."),
    },
)
collapse = Question(
    "collapse",
    chapter=CHAPTER,
    text="During a training the KL falls to 0 and stays there, for every x. What has the model learned?",
    choices={
        "a": (
            "A perfect posterior, since the gap is 0",
            "The KL in the ELBO is to the prior. The gap is the KL to p(z | x).",
        ),
        "b": (
            "To ignore z: q(z | x) is the prior, so that the code says nothing about x",
            "It is called posterior collapse. Once the decoder ignores z too, the gap is 0, and nothing pulls it back.",
            True,
        ),
        "c": ("To encode without noise", "A code without noise has σ → 0, and that makes the KL large."),
    },
)
ladder = Question(
    "ladder",
    chapter=CHAPTER,
    text="For one x you computed the importance-weighted bound, and with k = 100 it is lower than with k = 10. A bug?",
    choices={
        "a": ("Yes: it can only rise with k", "Its expectation does. A single value is random."),
        "b": (
            "No: it rises in expectation, not on every draw",
            "Average over many draws, and state the standard error.",
            True,
        ),
        "c": ("No: it falls with k", "In expectation it rises, towards log p(x)."),
    },
)

questions = [
    recall_random_codes,
    recall_mean,
    recall_sum,
    monte_carlo,
    which_moves,
    reverse_kl,
    popular_recipe,
    collapse,
    beta_in_disguise,
    grey_pixels,
    bound_or_estimate,
    ladder,
]
