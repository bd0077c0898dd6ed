"""Losses of the two players, as functions of the discriminator's logits (or a critic's scores), to be minimised.

A discriminator gives logits: D(x) = sigmoid(logit) is its probability that x is real. A critic gives scores that
have no such meaning. Every loss is the mean over the batch, a tensor of shape ().
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from course_utils.validation import check_choice

__all__ = [
    "LOSSES",
    "Loss",
    "discriminator_loss",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "loss_named",
    "minimax_generator_loss",
    "non_saturating_generator_loss",
    "optimal_discriminator",
    "relativistic_discriminator_loss",
    "relativistic_generator_loss",
    "wasserstein_critic_loss",
    "wasserstein_generator_loss",
]


def optimal_discriminator(log_p: Tensor, log_q: Tensor) -> Tensor:
    """D*(x) = p(x) / (p(x) + q(x)), the best probability of "real" for data of density p and fakes of density q.

    Args:
        log_p: log p(x), any shape.
        log_q: log q(x), the same shape.

    Raises:
        ValueError: if the shapes differ.

    Source: Goodfellow et al. (2014), proposition 1.
    """
    if log_p.shape != log_q.shape:
        raise ValueError(
            f"log_p and log_q must be at the same points, got {tuple(log_p.shape)} and {tuple(log_q.shape)}"
        )
    return torch.sigmoid(log_p - log_q)


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E_real[log D(x)] - E_fake[log(1 - D(x))], the cross-entropy of telling real from fake; log 4 at D = ½.

    At the optimal discriminator it is log 4 - 2·JS(p, q).

    Args:
        real_logits: (batch,) or (batch, 1) logits of real examples.
        fake_logits: the same of generated ones; the two batches may differ in size.

    Source: Goodfellow et al. (2014), equation 1, with the sign of a loss.
    """
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def minimax_generator_loss(fake_logits: Tensor) -> Tensor:
    """E_fake[log(1 - D(x))], the generator's side of the original game; saturates where D(x) is near 0.

    Args:
        fake_logits: (batch,) or (batch, 1) logits of generated examples.

    Source: Goodfellow et al. (2014), equation 1.
    """
    return -softplus(fake_logits).mean()


def non_saturating_generator_loss(fake_logits: Tensor) -> Tensor:
    """-E_fake[log D(x)], with the same fixed point and a strong gradient where D(x) is near 0.

    It is not the generator's side of the minimax game, and does not minimise the JS divergence.

    Args:
        fake_logits: (batch,) or (batch, 1) logits of generated examples.

    Source: Goodfellow et al. (2014), section 3.
    """
    return softplus(-fake_logits).mean()


def least_squares_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """½ E_real[(s - 1)²] + ½ E_fake[s²]: regression of the labels 1 and 0.

    Source: Mao et al. (2017), Least squares generative adversarial networks, equation 9.
    """
    return 0.5 * ((real_scores - 1).square().mean() + fake_scores.square().mean())


def least_squares_generator_loss(fake_scores: Tensor) -> Tensor:
    """½ E_fake[(s - 1)²].

    Source: Mao et al. (2017), Least squares generative adversarial networks, equation 9.
    """
    return 0.5 * (fake_scores - 1).square().mean()


def hinge_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E_real[max(0, 1 - s)] + E_fake[max(0, 1 + s)]: nothing more to gain beyond a margin of 1.

    Source: Lim and Ye (2017), Geometric GAN; Miyato et al. (2018), equation 16.
    """
    return (1 - real_scores).relu().mean() + (1 + fake_scores).relu().mean()


def hinge_generator_loss(fake_scores: Tensor) -> Tensor:
    """-E_fake[s].

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks, equation 17.
    """
    return -fake_scores.mean()


def wasserstein_critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E_fake[s] - E_real[s]; for the best critic of slope at most 1, minus the Wasserstein-1 distance.

    The slope has to be held by something else: clipping, a gradient penalty, or spectral normalisation.

    Source: Arjovsky, Chintala and Bottou (2017), Wasserstein GAN, equation 2.
    """
    return fake_scores.mean() - real_scores.mean()


def wasserstein_generator_loss(fake_scores: Tensor) -> Tensor:
    """-E_fake[s].

    Source: Arjovsky, Chintala and Bottou (2017), Wasserstein GAN, algorithm 1.
    """
    return -fake_scores.mean()


def relativistic_discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[softplus(s_fake - s_real)] over pairs: a real example shall score higher than its fake partner.

    Args:
        real_scores: (batch,) or (batch, 1).
        fake_scores: the same shape, row by row the partners.

    Raises:
        ValueError: if the shapes differ.

    Source: Jolicoeur-Martineau (2018), The relativistic discriminator, equation 3 (paired).
    """
    return softplus(-_difference(real_scores, fake_scores)).mean()


def relativistic_generator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[softplus(s_real - s_fake)] over pairs: a fake shall score higher than its real partner.

    Args:
        real_scores: (batch,) or (batch, 1).
        fake_scores: the same shape, row by row the partners.

    Raises:
        ValueError: if the shapes differ.

    Source: Jolicoeur-Martineau (2018), The relativistic discriminator, equation 4 (paired).
    """
    return softplus(_difference(real_scores, fake_scores)).mean()


def _difference(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    if real_scores.shape != fake_scores.shape:
        raise ValueError(
            "real_scores and fake_scores are compared pair by pair and must have one shape, got "
            f"{tuple(real_scores.shape)} and {tuple(fake_scores.shape)}; draw as many fakes as there are real examples"
        )
    return real_scores - fake_scores


class Loss(NamedTuple):
    """The losses of both players.

    Attributes:
        discriminator: takes (real_logits, fake_logits).
        generator: takes (fake_logits), or (real_logits, fake_logits) if `paired`.
        paired: whether the generator's loss compares with real examples.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    paired: bool = False


LOSSES = {
    "minimax": Loss(discriminator_loss, minimax_generator_loss),
    "non_saturating": Loss(discriminator_loss, non_saturating_generator_loss),
    "least_squares": Loss(least_squares_discriminator_loss, least_squares_generator_loss),
    "hinge": Loss(hinge_discriminator_loss, hinge_generator_loss),
    "wasserstein": Loss(wasserstein_critic_loss, wasserstein_generator_loss),
    "relativistic": Loss(relativistic_discriminator_loss, relativistic_generator_loss, paired=True),
}


def loss_named(loss: str | Loss) -> Loss:
    """Return the `Loss` of a name of `LOSSES`; a `Loss` comes back as it is.

    Raises:
        ValueError: if there is none of that name.
    """
    return loss if isinstance(loss, Loss) else LOSSES[check_choice(loss, "loss", LOSSES)]
