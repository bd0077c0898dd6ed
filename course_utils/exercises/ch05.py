"""Exercises of chapter 5: training a GAN.

One convention: a discriminator gives logits, D(x) = sigmoid(logit) is its probability that x is real. Losses are to
be minimised, means over the batch, in nats.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import softplus

from course_utils.exercises.comparison import gradients_of
from course_utils.exercises.exercise import Exercise, Question, seeded
from course_utils.networks import mlp

__all__ = [
    "all_exercises",
    "coin",
    "discriminator_loss",
    "discriminator_step",
    "floors",
    "frechet_diagonal",
    "generator_losses",
    "generator_step",
    "held_still",
    "implicit",
    "js_from_loss",
    "losses_tell",
    "nearest_copy",
    "optimal_discriminator",
    "questions",
    "recall_average",
    "recall_copies",
    "recall_estimate",
    "two_judges",
    "which_side",
]

CHAPTER = "ch05"


# --- optimal_discriminator --------------------------------------------------------------------------


def optimal_discriminator_reference(log_p: Tensor, log_q: Tensor) -> Tensor:
    return torch.sigmoid(log_p - log_q)  # p/(p + q) = 1/(1 + q/p), and q/p = exp(log_q - log_p)


def optimal_discriminator_densities(log_p: Tensor, log_q: Tensor) -> Tensor:
    p, q = log_p.exp(), log_q.exp()
    return p / (p + q)


def optimal_discriminator_offset(log_p: Tensor, log_q: Tensor) -> Tensor:
    p, q = log_p.exp(), log_q.exp()
    return p / (p + q + 1e-8)


def optimal_discriminator_overflow(log_p: Tensor, log_q: Tensor) -> Tensor:
    ratio = (log_p - log_q).exp()
    return ratio / (1 + ratio)


def optimal_discriminator_swapped(log_p: Tensor, log_q: Tensor) -> Tensor:
    return torch.sigmoid(log_q - log_p)


def optimal_discriminator_logit(log_p: Tensor, log_q: Tensor) -> Tensor:
    return log_p - log_q


def optimal_discriminator_ratio(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p - log_q).exp()


def optimal_discriminator_log(log_p: Tensor, log_q: Tensor) -> Tensor:
    return functional.logsigmoid(log_p - log_q)


def optimal_discriminator_of_logs(log_p: Tensor, log_q: Tensor) -> Tensor:
    return log_p / (log_p + log_q)


def optimal_discriminator_of_densities(log_p: Tensor, log_q: Tensor) -> Tensor:
    return torch.sigmoid(log_p.exp() - log_q.exp())


def optimal_discriminator_of_ratio(log_p: Tensor, log_q: Tensor) -> Tensor:
    return torch.sigmoid(log_p / log_q)


def optimal_discriminator_hard(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p > log_q).to(log_p)


def optimal_discriminator_cases() -> list[tuple[Tensor, Tensor]]:
    """Densities as on a line, both tiny, and one of them tiny beside the other; float64."""
    near = seeded(6).double() - 1.5, seeded(6, seed=1).double() - 1.5
    tiny = 2 * seeded(2, 3, seed=2).double() - 2_000, 2 * seeded(2, 3, seed=3).double() - 2_000
    apart = torch.tensor([-1.0, -2000.0, -950.0]).double(), torch.tensor([-2000.0, -1.0, -950.5]).double()
    return [near, tiny, apart]


optimal_discriminator = Exercise(
    "optimal_discriminator",
    chapter=CHAPTER,
    task="The best discriminator for data of density p and fakes of density q: D*(x), the probability that x is real, "
    "from log p(x) and log q(x). All three have the same shape, any shape. It has to be right for log-densities "
    "of any size, such as -2,000.",
    reference=optimal_discriminator_reference,
    cases=optimal_discriminator_cases,
    mistakes={
        "densities": (
            optimal_discriminator_densities,
            "Right where the densities are not tiny. exp(-2000) is 0 in the computer, so p/(p + q) becomes 0/0, NaN. "
            "Divide above and below by p: only the difference of the log-densities is left.",
        ),
        "offset": (
            optimal_discriminator_offset,
            "The 1e-8 below the line hides a 0/0, but where both densities are tiny D* is then 0, whatever their "
            "ratio. Work with log p - log q, which needs no such number.",
        ),
        "overflow": (
            optimal_discriminator_overflow,
            "Right until p/q is too large for the computer: then it is infinity divided by infinity, NaN. "
            "torch.sigmoid takes the logarithm of the ratio, and does not overflow.",
        ),
        "swapped": (
            optimal_discriminator_swapped,
            "This is the probability of a fake, q/(p + q). D says how probable *real* is: log p comes first.",
        ),
        "logit": (
            optimal_discriminator_logit,
            "log p - log q is the logit of D*, what a network would give. A probability is asked for: the sigmoid "
            "of it.",
        ),
        "ratio": (
            optimal_discriminator_ratio,
            "This is the ratio p/q, the odds, and may be larger than 1. As a probability it is p/(p + q).",
        ),
        "log": (
            optimal_discriminator_log,
            "This is log D*. The probability itself is asked for: sigmoid, not logsigmoid.",
        ),
        "of_the_logs": (
            optimal_discriminator_of_logs,
            "The log-densities are put where the densities belong: log p/(log p + log q) is no probability. "
            "Rewrite p/(p + q) so that it has log p - log q in it.",
        ),
        "of_the_densities": (
            optimal_discriminator_of_densities,
            "The sigmoid is taken of p - q. It belongs to the logit, which is log(p/q) = log p - log q.",
        ),
        "of_the_ratio_of_logs": (
            optimal_discriminator_of_ratio,
            "log p is divided by log q. The logarithm of a ratio is the difference of the logarithms.",
        ),
        "hard": (
            optimal_discriminator_hard,
            "This decides, 1 or 0. Where both densities are positive no one can be sure: D* is the share of real "
            "examples among all those at x.",
        ),
    },
    hints=[
        "Of real and fake examples in equal number, which share of those at x is real? Divide above and below by p(x).",
        "p/(p + q) = 1/(1 + exp(-(log p - log q))): a function of the difference that PyTorch has.",
    ],
)


# --- discriminator_loss -----------------------------------------------------------------------------


class DiscriminatorLoss(NamedTuple):
    """The loss, and how it moves with each logit."""

    value: Any
    gradient_to_real_logits: Tensor
    gradient_to_fake_logits: Tensor


def discriminator_loss_and_gradients(
    function: Callable[..., Any], real_logits: Tensor, fake_logits: Tensor
) -> DiscriminatorLoss:
    """Zeros for a gradient that the function cuts."""
    logits = real_logits.requires_grad_(), fake_logits.requires_grad_()
    value = function(*logits)
    return DiscriminatorLoss(value, *gradients_of(value, *logits))


def discriminator_loss_reference(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    on_real = functional.softplus(-real_logits).mean()  # -log D = softplus(-logit)
    on_fake = functional.softplus(fake_logits).mean()  # -log(1 - D) = softplus(logit)
    return on_real + on_fake


def discriminator_loss_value(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -discriminator_loss_reference(real_logits, fake_logits)


def discriminator_loss_half(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return discriminator_loss_reference(real_logits, fake_logits) / 2


def discriminator_loss_concatenated(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return torch.cat([softplus(-real_logits), softplus(fake_logits)]).mean()


def discriminator_loss_swapped(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return discriminator_loss_reference(-real_logits, -fake_logits)


def discriminator_loss_all_real(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return discriminator_loss_reference(real_logits, -fake_logits)


def discriminator_loss_only_real(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return softplus(-real_logits).mean()


def discriminator_loss_only_fake(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return softplus(fake_logits).mean()


def discriminator_loss_sum(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return softplus(-real_logits).sum() + softplus(fake_logits).sum()


def discriminator_loss_overflow(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -real_logits.sigmoid().log().mean() - (1 - fake_logits.sigmoid()).log().mean()


def discriminator_loss_exp(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return (1 + (-real_logits).exp()).log().mean() + (1 + fake_logits.exp()).log().mean()


def discriminator_loss_clamped(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    on_real = functional.binary_cross_entropy(real_logits.sigmoid(), torch.ones_like(real_logits))
    return on_real + functional.binary_cross_entropy(fake_logits.sigmoid(), torch.zeros_like(fake_logits))


def discriminator_loss_offset(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    on_real = (real_logits.sigmoid() + 1e-8).log().mean()
    return -on_real - (1 - fake_logits.sigmoid() + 1e-8).log().mean()


def discriminator_loss_two_sigmoids(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return discriminator_loss_reference(real_logits.sigmoid(), fake_logits.sigmoid())


def discriminator_loss_no_sigmoid(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -real_logits.log().mean() - (1 - fake_logits).log().mean()


def discriminator_loss_no_sigmoid_entropy(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    on_real = functional.binary_cross_entropy(real_logits, torch.ones_like(real_logits))
    return on_real + functional.binary_cross_entropy(fake_logits, torch.zeros_like(fake_logits))


def discriminator_loss_log_of_mean(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return -real_logits.sigmoid().mean().log() - (1 - fake_logits.sigmoid().mean()).log()


def discriminator_loss_scores(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return fake_logits.mean() - real_logits.mean()


def discriminator_loss_detached(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return discriminator_loss_reference(real_logits, fake_logits).detach()


def discriminator_loss_cases() -> list[tuple[Tensor, Tensor]]:
    """Batches of different sizes; logits that a sigmoid or an exp rounds; logits between 0 and 1."""
    sure = torch.tensor([[150.0], [-120.0], [30.0], [2.0]]), torch.tensor([[-150.0], [110.0]])
    return [
        (2 * seeded(6), 2 * seeded(4, seed=1)),
        sure,
        (seeded(2, seed=4), torch.tensor([20.0, 25.0, -1.0])),
        (seeded(3, seed=2).sigmoid(), seeded(5, seed=3).sigmoid()),
    ]


discriminator_loss = Exercise(
    "discriminator_loss",
    chapter=CHAPTER,
    task="The discriminator's loss, -E[log D(x)] over real examples minus E[log(1 - D(x))] over fakes, from its "
    "logits: real_logits (n,) or (n, 1) and fake_logits (m,) or (m, 1), to one number in nats. n and m may differ, "
    "and logits may be as large as 150. The check also looks at the gradients.",
    reference=discriminator_loss_reference,
    cases=discriminator_loss_cases,
    observe=discriminator_loss_and_gradients,
    mistakes={
        "value": (
            discriminator_loss_value,
            "This is the value V(D, G), which the discriminator maximises. An optimizer minimises: turn the sign.",
        ),
        "half": (
            discriminator_loss_half,
            "Exactly half of it. Real and fake examples have a mean each, and the two means are added: a D of ½ "
            "has the loss log 4. (Half of it trains as well, but log 2 - loss/2 is then no longer the JS divergence.)",
        ),
        "concatenated": (
            discriminator_loss_concatenated,
            "This is one mean over all examples, so the larger batch weighs more, and the whole is about half. Take "
            "the mean of the real ones and the mean of the fakes, and add them.",
        ),
        "swapped": (
            discriminator_loss_swapped,
            "The labels have changed places: this discriminator learns to call fakes real. Real examples have the "
            "label 1, -log D; fakes the label 0, -log(1 - D).",
        ),
        "all_real": (
            discriminator_loss_all_real,
            "Both batches have the label 1: this rewards D for calling fakes real as well. For fakes take "
            "-log(1 - D). (-log D of fakes is a loss for the generator.)",
        ),
        "only_real": (
            discriminator_loss_only_real,
            "The fakes do not count. A D that says 'real' to everything would have the loss 0: add "
            "-E[log(1 - D(x))] over fakes.",
        ),
        "only_fake": (
            discriminator_loss_only_fake,
            "The real examples do not count. A D that says 'fake' to everything would have the loss 0: add "
            "-E[log D(x)] over real examples.",
        ),
        "sum": (
            discriminator_loss_sum,
            "These are sums, which double with twice the examples. Take the mean over each batch.",
        ),
        "overflow": (
            discriminator_loss_overflow,
            "Right for small logits. For large ones the sigmoid is rounded to 0 or 1, and its logarithm is -inf. "
            "-log sigmoid(a) is softplus(-a), which has no such limit.",
        ),
        "overflow_of_exp": (
            discriminator_loss_exp,
            "Right for small logits. exp(150) is too large for a float32: functional.softplus(a) is log(1 + exp(a)) "
            "without the detour.",
        ),
        "clamped": (
            discriminator_loss_clamped,
            "Right for small logits. binary_cross_entropy cuts logarithms off at -100, and there its gradient is 0: "
            "take binary_cross_entropy_with_logits.",
        ),
        "offset": (
            discriminator_loss_offset,
            "Right for small logits. The 1e-8 in the logarithm is a floor: no example costs more than 18 nats, however "
            "sure and wrong D is, and there it has no gradient. softplus of the logits needs no floor.",
        ),
        "two_sigmoids": (
            discriminator_loss_two_sigmoids,
            "The sigmoid is applied twice: every D ends between 0.5 and 0.73, and the loss cannot get near 0. What "
            "takes logits applies the sigmoid itself.",
        ),
        "no_sigmoid": (
            discriminator_loss_no_sigmoid,
            "The logits are taken for probabilities. A logit may be negative, and its logarithm is then NaN: "
            "D = sigmoid(logit).",
        ),
        "no_sigmoid_in_the_entropy": (
            discriminator_loss_no_sigmoid_entropy,
            "binary_cross_entropy wants probabilities between 0 and 1, and gets logits: take "
            "binary_cross_entropy_with_logits.",
        ),
        "log_of_mean": (
            discriminator_loss_log_of_mean,
            "The logarithm is taken of the mean. Each example has a logarithm of its own; then comes the mean.",
        ),
        "scores": (
            discriminator_loss_scores,
            "This is a critic's loss, from the Wasserstein GAN: it has no logarithm and no bound. Here each logit goes "
            "through softplus first.",
        ),
        "detached": (
            discriminator_loss_detached,
            "The number is right, but no gradient reaches the logits, so that no discriminator can learn from it: "
            "leave out detach(), item() and no_grad().",
        ),
    },
    hints=[
        "It is the cross-entropy of a classifier: label 1 for real, label 0 for fake. One mean for each, then add.",
        "-log sigmoid(a) = softplus(-a), and -log(1 - sigmoid(a)) = softplus(a). Or twice "
        "functional.binary_cross_entropy_with_logits, with torch.ones_like and torch.zeros_like.",
    ],
)


# --- js_from_loss -----------------------------------------------------------------------------------


def js_from_loss_reference(loss: Tensor) -> Tensor:
    return math.log(2) - loss / 2  # the best loss is log 4 - 2·JS


def js_from_loss_no_half(loss: Tensor) -> Tensor:
    return math.log(4) - loss


def js_from_loss_half_forgotten(loss: Tensor) -> Tensor:
    return math.log(2) - loss


def js_from_loss_log_4(loss: Tensor) -> Tensor:
    return math.log(4) - loss / 2


def js_from_loss_sign(loss: Tensor) -> Tensor:
    return loss / 2 - math.log(2)


def js_from_loss_value(loss: Tensor) -> Tensor:
    return math.log(2) + loss / 2


def js_from_loss_bits(loss: Tensor) -> Tensor:
    return 1 - loss / math.log(4)


def js_from_loss_no_constant(loss: Tensor) -> Tensor:
    return -loss / 2


def js_from_loss_loss(loss: Tensor) -> Tensor:
    return loss / 2


def js_from_loss_clamped(loss: Tensor) -> Tensor:
    return torch.as_tensor(math.log(2) - loss / 2).clamp(min=0)


js_from_loss = Exercise(
    "js_from_loss",
    chapter=CHAPTER,
    task="The Jensen-Shannon divergence JS(p, q) in nats, as the loss of `discriminator_loss` estimates it: exact if "
    "D is optimal. loss is one number or a tensor of any shape, in nats; the result has the same shape. A poor D may "
    "give an estimate below 0: leave it so.",
    reference=js_from_loss_reference,
    cases=lambda: [
        (torch.tensor([0.0, 0.3, 0.9, math.log(4), 1.6]),),
        (torch.tensor(0.7),),
        (torch.tensor([[1.1, 0.2], [1.3, 2.0]]),),
    ],
    mistakes={
        "no_half": (
            js_from_loss_no_half,
            "Exactly twice the right value: the loss is log 4 - 2·JS. Solved for JS, all of it is divided by 2, and "
            "½ log 4 = log 2.",
        ),
        "half_of_the_loss_forgotten": (
            js_from_loss_half_forgotten,
            "The log 2 is right, but the loss has to be divided by 2 as well: at a loss of log 4, where p = q, JS is "
            "0.",
        ),
        "log_4": (
            js_from_loss_log_4,
            "Too large by log 2: the log 4 has to be divided by 2 as well. JS is never above log 2.",
        ),
        "sign": (
            js_from_loss_sign,
            "The sign is turned. A small loss means that real and fake are easily told apart, so the divergence is "
            "large.",
        ),
        "value": (
            js_from_loss_value,
            "This would be right for the value V, which is minus the loss. With the loss, subtract: the smaller the "
            "loss, the larger JS.",
        ),
        "bits": (
            js_from_loss_bits,
            "This is in bits, from 0 to 1. In nats it is from 0 to log 2: multiply by log 2.",
        ),
        "no_constant": (
            js_from_loss_no_constant,
            "The constant is missing. At D = ½ the loss is log 4, and the estimate has to be 0 there.",
        ),
        "half_the_loss": (
            js_from_loss_loss,
            "This is half the loss, which falls where the divergence rises. Solve loss = log 4 - 2·JS for JS.",
        ),
        "clamped": (
            js_from_loss_clamped,
            "Right, except that you cut it off at 0. JS is never negative, but this estimate may be, and a negative "
            "one tells that D is worse than a coin: leave it so.",
        ),
    },
    hints=[
        "The value of the game at the optimal D is V = 2·JS - log 4. The loss is -V.",
        "loss = log 4 - 2·JS. Solve for JS; ½ log 4 is log 2.",
    ],
)


# --- generator_losses -------------------------------------------------------------------------------


class GeneratorLosses(NamedTuple):
    """Both losses, and how they move with each logit."""

    minimax: Any
    non_saturating: Any
    gradient_of_minimax: Tensor
    gradient_of_non_saturating: Tensor


def generator_losses_and_gradients(function: Callable[..., Any], fake_logits: Tensor) -> GeneratorLosses:
    """Zeros for a gradient that the function cuts."""
    logits = fake_logits.requires_grad_()
    losses = function(logits)
    if not isinstance(losses, tuple | list) or len(losses) != 2:
        raise ValueError("two numbers are asked for: return minimax, non_saturating")
    return GeneratorLosses(*losses, *(gradients_of(loss, logits)[0] for loss in losses))


def generator_losses_reference(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax = -functional.softplus(fake_logits).mean()  # log(1 - D) = -softplus(logit)
    non_saturating = functional.softplus(-fake_logits).mean()  # -log D = softplus(-logit)
    return minimax, non_saturating


def generator_losses_swapped(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax, non_saturating = generator_losses_reference(fake_logits)
    return non_saturating, minimax


def generator_losses_minimax_sign(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax, non_saturating = generator_losses_reference(fake_logits)
    return -minimax, non_saturating


def generator_losses_log_d(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax, non_saturating = generator_losses_reference(fake_logits)
    return minimax, -non_saturating


def generator_losses_both_signs(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax, non_saturating = generator_losses_reference(fake_logits)
    return -minimax, -non_saturating


def generator_losses_same(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    _, non_saturating = generator_losses_reference(fake_logits)
    return non_saturating, non_saturating


def generator_losses_same_minimax(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax, _ = generator_losses_reference(fake_logits)
    return minimax, minimax


def generator_losses_no_log(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = fake_logits.sigmoid()
    return (1 - d).mean(), -d.mean()


def generator_losses_one_minus_log(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    log_d = functional.logsigmoid(fake_logits)
    return (1 - log_d).mean(), -log_d.mean()


def generator_losses_no_sigmoid(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return (1 - fake_logits).log().mean(), -fake_logits.log().mean()


def generator_losses_two_sigmoids(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return generator_losses_reference(fake_logits.sigmoid())


def generator_losses_overflow(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = fake_logits.sigmoid()
    return (1 - d).log().mean(), -d.log().mean()


def generator_losses_clamped(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = fake_logits.sigmoid()
    minimax = -functional.binary_cross_entropy(d, torch.zeros_like(d))
    return minimax, functional.binary_cross_entropy(d, torch.ones_like(d))


def generator_losses_offset(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = fake_logits.sigmoid()
    return (1 - d + 1e-8).log().mean(), -(d + 1e-8).log().mean()


def generator_losses_sum(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -softplus(fake_logits).sum(), softplus(-fake_logits).sum()


def generator_losses_examples(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -softplus(fake_logits), softplus(-fake_logits)


def generator_losses_log_of_mean(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = fake_logits.sigmoid().mean()
    return (1 - d).log(), -d.log()


def generator_losses_detached(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return generator_losses_reference(fake_logits.detach())


generator_losses = Exercise(
    "generator_losses",
    chapter=CHAPTER,
    task="Two losses of the generator, `minimax, non_saturating`, both to be minimised: its side of the minimax game, "
    "and the one that does not saturate. From the logits of a batch of fakes, (n,) or (n, 1), to two numbers in nats, "
    "means over the batch. Logits may be as large as 150. The check also looks at the gradients.",
    reference=generator_losses_reference,
    cases=lambda: [
        (2 * seeded(6) - 1,),
        (torch.tensor([[150.0], [-120.0], [3.0]]),),
        (seeded(4, seed=2).sigmoid(),),
    ],
    observe=generator_losses_and_gradients,
    mistakes={
        "swapped": (
            generator_losses_swapped,
            "The two have changed places. The minimax loss is log(1 - D), as in V(D, G); it is the one that saturates, "
            "where D is near 0. The other one is -log D.",
        ),
        "minimax_sign": (
            generator_losses_minimax_sign,
            "The second is right. The first, -log(1 - D), is a term of the *discriminator's* loss: a generator that "
            "minimises it helps to expose itself. Its side of the game is to minimise +log(1 - D).",
        ),
        "log_d": (
            generator_losses_log_d,
            "The first is right. The second is log D, which is to be maximised: as a loss it needs a minus, or the "
            "generator makes D surer that its fakes are fake.",
        ),
        "both_signs": (
            generator_losses_both_signs,
            "Both have the sign turned: these are to be maximised. As losses: log(1 - D) and -log D.",
        ),
        "same": (
            generator_losses_same,
            "Both are -log D, which is the non-saturating loss. The minimax loss is log(1 - D): the generator's term "
            "of V(D, G) itself.",
        ),
        "same_minimax": (
            generator_losses_same_minimax,
            "Both are log(1 - D), which is the minimax loss. The non-saturating one is -log D: the same wish, but its "
            "gradient is strong where D is near 0.",
        ),
        "no_log": (
            generator_losses_no_log,
            "The logarithms are missing: these are 1 - D and -D. The losses are log(1 - D) and -log D.",
        ),
        "one_minus_log": (
            generator_losses_one_minus_log,
            "The second is right. The first is 1 - log D: the logarithm is taken before the 1 is. It is log(1 - D), "
            "with logits -softplus(logit).",
        ),
        "no_sigmoid": (
            generator_losses_no_sigmoid,
            "The logits are taken for probabilities. A logit may be negative or above 1, and one of the logarithms is "
            "then NaN: D = sigmoid(logit).",
        ),
        "two_sigmoids": (
            generator_losses_two_sigmoids,
            "The sigmoid is applied twice: every D ends between 0.5 and 0.73. What takes logits applies it itself.",
        ),
        "overflow": (
            generator_losses_overflow,
            "Right for small logits. For large ones the sigmoid is rounded to 0 or 1, and its logarithm is -inf: take "
            "softplus of the logits.",
        ),
        "clamped": (
            generator_losses_clamped,
            "Right for small logits. binary_cross_entropy cuts logarithms off at -100, and where D is rounded to 0 or "
            "1 its gradient is 0: take binary_cross_entropy_with_logits, or softplus.",
        ),
        "offset": (
            generator_losses_offset,
            "Right for small logits. The 1e-8 in the logarithm is a floor, and below it there is no gradient: even the "
            "non-saturating loss saturates. Take softplus of the logits.",
        ),
        "sum": (generator_losses_sum, "These are sums over the batch. Take the mean over the batch."),
        "not_averaged": (
            generator_losses_examples,
            "Right for each fake. Two numbers are asked for: the means over the batch.",
        ),
        "log_of_mean": (
            generator_losses_log_of_mean,
            "The logarithm is taken of the mean. Each fake has a logarithm of its own; then comes the mean.",
        ),
        "detached": (
            generator_losses_detached,
            "The numbers are right, but no gradient reaches the logits, so that no generator can learn from them: "
            "leave out detach(), item() and no_grad().",
        ),
    },
    hints=[
        "V(D, G) = E[log D(real)] + E[log(1 - D(fake))], and the generator minimises V: which term does it touch? The "
        "other loss asks for large D instead of small 1 - D.",
        "minimax is E[log(1 - D)] = -softplus(logit), non_saturating is -E[log D] = softplus(-logit); then the means.",
    ],
)


# --- discriminator_step -----------------------------------------------------------------------------

Optimizer = torch.optim.Optimizer
OLD_GRADIENT = 0.1  # what an earlier step has left in .grad


class AfterDiscriminatorStep(NamedTuple):
    """What a step of the discriminator has done to both players."""

    loss: Any
    change_of_discriminator: Tensor
    change_of_generator: Tensor
    gradient_left_in_generator: Tensor


def optimizers_of(discriminator: nn.Module, generator_network: nn.Module) -> tuple[Optimizer, Optimizer]:
    """Plain gradient descent for each player."""
    return (
        torch.optim.SGD(discriminator.parameters(), lr=0.5),
        torch.optim.SGD(generator_network.parameters(), lr=0.3),
    )


def leave_gradients(network: nn.Module) -> None:
    """Put into every weight's gradient what an earlier step might have left there."""
    for weight in network.parameters():
        weight.grad = torch.full_like(weight, OLD_GRADIENT)


def weights_of(network: nn.Module) -> Tensor:
    """All weights in one vector, a copy."""
    return nn.utils.parameters_to_vector(network.parameters()).detach().clone()


def gradient_of(network: nn.Module) -> Tensor:
    """The gradients that lie in the weights, in one vector; zeros where there is none."""
    gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in network.parameters()]
    return nn.utils.parameters_to_vector(gradients)


@contextmanager
def order_explained() -> Iterator[None]:
    """Say what has happened where backward() finds weights that step() has changed."""
    try:
        yield
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        raise RuntimeError(
            "backward() comes after step(), which has changed weights that backward() still needs. In this order: "
            "loss, zero_grad(), backward(), step()"
        ) from error


def after_discriminator_step(
    function: Callable[..., Any], discriminator: nn.Module, generator_network: nn.Module, *inputs: Tensor
) -> AfterDiscriminatorStep:
    """Let the function make a step; the discriminator has gradients from before, the generator has none."""
    optimizers = optimizers_of(discriminator, generator_network)
    leave_gradients(discriminator)
    before = weights_of(discriminator), weights_of(generator_network)
    with order_explained():
        loss = function(discriminator, generator_network, *optimizers, *inputs)
    return AfterDiscriminatorStep(
        loss,
        weights_of(discriminator) - before[0],
        weights_of(generator_network) - before[1],
        gradient_of(generator_network),
    )


def discriminator_step_reference(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    fake = generator_network(z).detach()  # for the discriminator, fakes are data
    real_logits, fake_logits = discriminator(real), discriminator(fake)
    loss = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
    d_optimizer.zero_grad()  # the generator's step has left gradients here
    loss.backward()
    d_optimizer.step()
    return loss.detach()


def d_step_with(
    loss_of: Callable[[Tensor, Tensor], Tensor], *, detach: bool = True, zero: bool = True, step: bool = True
) -> Callable[..., Tensor]:
    """A step of the discriminator with another loss, or with a part left out."""

    def discriminator_step(
        discriminator: nn.Module,
        generator_network: nn.Module,
        d_optimizer: Optimizer,
        g_optimizer: Optimizer,
        real: Tensor,
        z: Tensor,
    ) -> Tensor:
        fake = generator_network(z)
        loss = loss_of(discriminator(real), discriminator(fake.detach() if detach else fake))
        if zero:
            d_optimizer.zero_grad()
        loss.backward()
        if step:
            d_optimizer.step()
        return loss

    return discriminator_step


def d_step_both(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    d_step = d_step_with(discriminator_loss_reference, detach=False)
    loss = d_step(discriminator, generator_network, d_optimizer, g_optimizer, real, z)
    g_optimizer.step()
    return loss


def d_step_stale(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    d_optimizer.step()
    return discriminator_loss_reference(discriminator(real), discriminator(generator_network(z)))


def d_step_late(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    loss = discriminator_loss_reference(discriminator(real), discriminator(generator_network(z).detach()))
    d_optimizer.step()
    return loss


def d_step_own_noise(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    noise = torch.randn_like(z)
    return discriminator_step_reference(
        discriminator, generator_network, d_optimizer, g_optimizer, real, noise
    )


def d_step_noise_as_fake(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    real: Tensor,
    z: Tensor,
) -> Tensor:
    return discriminator_step_reference(discriminator, nn.Identity(), d_optimizer, g_optimizer, real, z)


def two_players(latent_dim: int, seed: int, *, unsure: bool = False) -> tuple[nn.Sequential, nn.Sequential]:
    """A small discriminator of points in the plane and a generator; `unsure`: logits between 0 and 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        discriminator = mlp([2, 6, 1], activation=nn.Tanh)
        generator_network = mlp([latent_dim, 5, 2], activation=nn.Tanh)
    if unsure:
        with torch.no_grad():
            weight, bias = discriminator[-1].parameters()
            weight.mul_(0.2)
            bias.fill_(0.5)
    return discriminator, generator_network


def discriminator_step_cases() -> list[tuple[nn.Module, nn.Module, Tensor, Tensor]]:
    return [
        (*two_players(2, 0), seeded(8, 2) + 1, seeded(8, 2, seed=1)),
        (*two_players(3, 1, unsure=True), 2 * seeded(5, 2, seed=2), seeded(5, 3, seed=3)),
    ]


discriminator_step = Exercise(
    "discriminator_step",
    chapter=CHAPTER,
    task="One step of the discriminator, `(discriminator, generator_network, d_optimizer, g_optimizer, real, z)`: "
    "real is (batch, 2), z is (batch, latent_dim), discriminator(x) gives (batch, 1) logits, and each optimizer holds "
    "one player's weights. Minimise the loss of `discriminator_loss` on real and on the fakes made of z, once, and "
    "return that loss. Gradients may be left from earlier steps. Afterwards the discriminator has moved, and the "
    "generator has neither moved nor collected a gradient.",
    reference=discriminator_step_reference,
    cases=discriminator_step_cases,
    observe=after_discriminator_step,
    rtol=1e-3,
    mistakes={
        "no_detach": (
            d_step_with(discriminator_loss_reference, detach=False),
            "The discriminator moves as it should, but the generator has collected a gradient: one that would make its "
            "fakes *easier* to detect, and that the next step may use. In this step fakes are data: "
            "generator_network(z).detach().",
        ),
        "no_detach_no_zero": (
            d_step_with(discriminator_loss_reference, detach=False, zero=False),
            "Two things. The gradients of an earlier step are still there and are added: d_optimizer.zero_grad() "
            "before backward(). And the generator has collected a gradient: detach the fakes.",
        ),
        "both_step": (
            d_step_both,
            "Both players have moved, and the generator in the wrong direction: it minimised the discriminator's loss, "
            "which exposes its fakes. Detach the fakes, and leave g_optimizer alone in this step.",
        ),
        "no_zero_grad": (
            d_step_with(discriminator_loss_reference, zero=False),
            "backward() adds to the gradients that are there, and here some are left (the generator's step leaves "
            "them): d_optimizer.zero_grad() before loss.backward().",
        ),
        "no_step": (
            d_step_with(discriminator_loss_reference, step=False),
            "The discriminator has not moved. In this order: d_optimizer.zero_grad(), loss.backward(), "
            "d_optimizer.step().",
        ),
        "late_backward": (
            d_step_late,
            "The discriminator has moved, but by gradients from before: step() comes after loss.backward(), and "
            "zero_grad() before it.",
        ),
        "stale": (
            d_step_stale,
            "The discriminator moved before its loss was computed, by gradients from before. In this order: loss, "
            "zero_grad(), backward(), step().",
        ),
        "value": (
            d_step_with(discriminator_loss_value),
            "The discriminator minimises V, so it learns to be wrong. V is to be maximised; the loss is -V, "
            "-E[log D(real)] - E[log(1 - D(fake))].",
        ),
        "swapped": (
            d_step_with(discriminator_loss_swapped),
            "The labels have changed places: it learns to call fakes real. -log D for real examples, -log(1 - D) for "
            "fakes.",
        ),
        "all_real": (
            d_step_with(discriminator_loss_all_real),
            "The fakes have the label 1, as in the generator's step. Here theirs is 0: -log(1 - D).",
        ),
        "half": (
            d_step_with(discriminator_loss_half),
            "The step and the loss are exactly half of the right ones: add the two means, without the ½ and without "
            "one mean over all examples.",
        ),
        "sum": (
            d_step_with(discriminator_loss_sum),
            "The loss is summed over the batch, so the step grows with the number of examples. Take the means.",
        ),
        "only_real": (
            d_step_with(discriminator_loss_only_real),
            "The fakes do not count, so it learns to call everything real: add -E[log(1 - D)] over the fakes.",
        ),
        "only_fake": (
            d_step_with(discriminator_loss_only_fake),
            "The real examples do not count, so it learns to call everything fake: add -E[log D] over them.",
        ),
        "fake_logits_detached": (
            d_step_with(lambda real, fake: discriminator_loss_reference(real, fake.detach())),
            "The loss is right, but the discriminator learns nothing from the fakes: what is detached are its logits. "
            "Detach the fakes before they go into it: discriminator(fake.detach()).",
        ),
        "two_sigmoids": (
            d_step_with(discriminator_loss_two_sigmoids),
            "The sigmoid is applied twice. The discriminator gives logits, and so does the loss expect them.",
        ),
        "no_sigmoid": (
            d_step_with(discriminator_loss_no_sigmoid_entropy),
            "binary_cross_entropy wants probabilities between 0 and 1, and the discriminator gives logits: take "
            "binary_cross_entropy_with_logits.",
        ),
        "own_noise": (
            d_step_own_noise,
            "You draw noise of your own. Make the fakes of the z that is given, so that the step can be repeated.",
        ),
        "noise_as_fake": (
            d_step_noise_as_fake,
            "The discriminator sees z itself. The fakes are generator_network(z).",
        ),
    },
    hints=[
        "Fakes, without a path back into the generator; logits of both batches; the loss; then the three lines of "
        "every training loop.",
        "fake = generator_network(z).detach(); the loss of `discriminator_loss`; d_optimizer.zero_grad(); "
        "loss.backward(); d_optimizer.step(); return loss.",
    ],
)


# --- generator_step ---------------------------------------------------------------------------------


class AfterGeneratorStep(NamedTuple):
    """What a step of the generator has done to both players."""

    loss: Any
    change_of_generator: Tensor
    change_of_discriminator: Tensor
    a_gradient_reaches_the_generator: bool
    discriminator_can_learn: bool


def after_generator_step(
    function: Callable[..., Any], discriminator: nn.Module, generator_network: nn.Module, z: Tensor
) -> AfterGeneratorStep:
    """Let the function make a step; both players have gradients from before."""
    optimizers = optimizers_of(discriminator, generator_network)
    leave_gradients(discriminator)
    leave_gradients(generator_network)
    reached: list[Tensor] = []
    for weight in generator_network.parameters():
        weight.register_hook(lambda gradient: reached.append(gradient))
    before = weights_of(discriminator), weights_of(generator_network)
    with order_explained():
        loss = function(discriminator, generator_network, *optimizers, z)
    return AfterGeneratorStep(
        loss,
        weights_of(generator_network) - before[1],
        weights_of(discriminator) - before[0],
        any(bool(gradient.any()) for gradient in reached),
        all(weight.requires_grad for weight in discriminator.parameters()),
    )


def generator_step_reference(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    z: Tensor,
) -> Tensor:
    fake_logits = discriminator(generator_network(z))  # not detached: the gradient goes through both networks
    loss = functional.softplus(-fake_logits).mean()  # -E[log D], the non-saturating loss
    g_optimizer.zero_grad()
    loss.backward()  # leaves gradients in the discriminator too; its own step zeroes them
    g_optimizer.step()  # moves the generator only
    return loss.detach()


def g_loss(fake_logits: Tensor) -> Tensor:
    """The right loss, to be spoiled."""
    return softplus(-fake_logits).mean()


def g_step_with(
    loss_of: Callable[[Tensor], Tensor],
    *,
    zero: tuple[str, ...] = ("d", "g"),
    step: tuple[str, ...] = ("g",),
    detach: bool = False,
) -> Callable[..., Tensor]:
    """A step of the generator with another loss, or with optimizers left out or added."""

    def generator_step(
        discriminator: nn.Module,
        generator_network: nn.Module,
        d_optimizer: Optimizer,
        g_optimizer: Optimizer,
        z: Tensor,
    ) -> Tensor:
        optimizers = {"d": d_optimizer, "g": g_optimizer}
        fake = generator_network(z)
        loss = loss_of(discriminator(fake.detach() if detach else fake))
        for player in zero:
            optimizers[player].zero_grad()
        loss.backward()
        for player in step:
            optimizers[player].step()
        return loss

    return generator_step


def g_step_frozen(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    z: Tensor,
) -> Tensor:
    discriminator.requires_grad_(False)
    return generator_step_reference(discriminator, generator_network, d_optimizer, g_optimizer, z)


def g_step_own_noise(
    discriminator: nn.Module,
    generator_network: nn.Module,
    d_optimizer: Optimizer,
    g_optimizer: Optimizer,
    z: Tensor,
) -> Tensor:
    noise = torch.randn_like(z)
    return generator_step_reference(discriminator, generator_network, d_optimizer, g_optimizer, noise)


generator_step = Exercise(
    "generator_step",
    chapter=CHAPTER,
    task="One step of the generator, `(discriminator, generator_network, d_optimizer, g_optimizer, z)`: minimise the "
    "non-saturating loss on the fakes made of z, (batch, latent_dim), once, and return that loss. discriminator(x) "
    "gives (batch, 1) logits. Gradients may be left from earlier steps in both players. Afterwards the generator has "
    "moved, and the discriminator's weights are what they were.",
    reference=generator_step_reference,
    cases=lambda: [
        (*two_players(2, 2), seeded(8, 2)),
        (*two_players(3, 3, unsure=True), seeded(5, 3, seed=3)),
    ],
    observe=after_generator_step,
    rtol=1e-3,
    mistakes={
        "both_step": (
            g_step_with(g_loss, step=("g", "d")),
            "The discriminator has moved too, and against itself: the generator's loss pulls it to call fakes real. "
            "The gradient goes *through* it, but only g_optimizer makes a step.",
        ),
        "both_step_old_gradients": (
            g_step_with(g_loss, zero=("g",), step=("g", "d")),
            "The discriminator has moved too, by its gradients of the last step and by the generator's loss. In this "
            "step it is held still: leave d_optimizer.step() out.",
        ),
        "wrong_optimizer": (
            g_step_with(g_loss, step=("d",)),
            "It is the discriminator that has moved, and the generator has not: g_optimizer makes the step here.",
        ),
        "zeroed_the_other": (
            g_step_with(g_loss, zero=("d",)),
            "The generator's own gradients of an earlier step are added: d_optimizer.zero_grad() clears the other "
            "player's. It is g_optimizer.zero_grad() that is needed here, before backward().",
        ),
        "no_zero_grad_both_step": (
            g_step_with(g_loss, zero=(), step=("g", "d")),
            "Two things: the discriminator has moved too, which only its own step should do, and gradients of an "
            "earlier step are added. g_optimizer.zero_grad(), backward(), g_optimizer.step().",
        ),
        "detached": (
            g_step_with(g_loss, detach=True),
            "No gradient reaches the generator, so it has not moved. detach() and no_grad() on the fakes belong to the "
            "discriminator's step; here the gradient has to come back through the discriminator, by loss.backward().",
        ),
        "detached_no_zero": (
            g_step_with(g_loss, zero=(), detach=True),
            "No gradient reaches the generator; it has moved by those of an earlier step. The fakes must not be "
            "detached; then g_optimizer.zero_grad(), loss.backward(), g_optimizer.step(), in this order.",
        ),
        "no_step": (
            g_step_with(g_loss, step=()),
            "The gradient has arrived, but the generator has not moved. In this order: g_optimizer.zero_grad(), "
            "loss.backward(), g_optimizer.step().",
        ),
        "saturating": (
            g_step_with(lambda logits: -softplus(logits).mean()),
            "This minimises log(1 - D), the minimax loss. Where D is near 0, as it is early in a training, it hardly "
            "has a gradient. The non-saturating one is -log D.",
        ),
        "discriminators_loss": (
            g_step_with(lambda logits: softplus(logits).mean()),
            "The fakes have the label 0, as in the discriminator's step, so the generator learns to be caught. It "
            "wants them to be called real: label 1, -log D.",
        ),
        "log_d": (
            g_step_with(lambda logits: -softplus(-logits).mean()),
            "This minimises log D. It is to be maximised: as a loss it needs a minus.",
        ),
        "sum": (
            g_step_with(lambda logits: softplus(-logits).sum()),
            "The loss is summed over the batch, so the step grows with the number of fakes. Take the mean.",
        ),
        "half": (
            g_step_with(lambda logits: softplus(-logits).mean() / 2),
            "The step and the loss are exactly half of the right ones: no ½ belongs before -E[log D].",
        ),
        "score": (
            g_step_with(lambda logits: -logits.mean()),
            "This maximises the logit itself, as the generator of a Wasserstein GAN does. Asked for is -log D, "
            "softplus(-logit).",
        ),
        "two_sigmoids": (
            g_step_with(lambda logits: softplus(-logits.sigmoid()).mean()),
            "The sigmoid is applied twice. The discriminator gives logits, and so does the loss expect them.",
        ),
        "no_sigmoid": (
            g_step_with(lambda logits: functional.binary_cross_entropy(logits, torch.ones_like(logits))),
            "binary_cross_entropy wants probabilities between 0 and 1, and the discriminator gives logits: take "
            "binary_cross_entropy_with_logits.",
        ),
        "frozen": (
            g_step_frozen,
            "The step is right, but the discriminator is left with requires_grad False, and its next step has nothing "
            "to train. Switch it on again, or leave it alone: g_optimizer moves the generator only.",
        ),
        "own_noise": (
            g_step_own_noise,
            "You draw noise of your own. Make the fakes of the z that is given, so that the step can be repeated.",
        ),
    },
    hints=[
        "Like the discriminator's step, with three differences: only fakes, no detach, another loss. Whose optimizer "
        "makes the step?",
        "loss = softplus(-discriminator(generator_network(z))).mean(); g_optimizer.zero_grad(); loss.backward(); "
        "g_optimizer.step(); return loss.",
    ],
)


# --- frechet_diagonal -------------------------------------------------------------------------------


def frechet_diagonal_reference(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + (std_a - std_b) ** 2).sum()


def frechet_diagonal_variances(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + (std_a**2 - std_b**2) ** 2).sum()


def frechet_diagonal_variance_change(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + (std_a**2 - std_b**2).abs()).sum()


def frechet_diagonal_unsquared(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + (std_a - std_b).abs()).sum()


def frechet_diagonal_unsquared_signed(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + std_a - std_b).sum()


def frechet_diagonal_root(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return frechet_diagonal_reference(mean_a, std_a, mean_b, std_b).sqrt()


def frechet_diagonal_norm(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return (mean_a - mean_b).norm() + ((std_a - std_b) ** 2).sum()


def frechet_diagonal_mean(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + (std_a - std_b) ** 2).mean()


def frechet_diagonal_means_only(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2).sum()


def frechet_diagonal_stds_only(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((std_a - std_b) ** 2).sum()


def frechet_diagonal_one_overlap(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + std_a**2 + std_b**2 - std_a * std_b).sum()


def frechet_diagonal_no_overlap(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return ((mean_a - mean_b) ** 2 + std_a**2 + std_b**2).sum()


def frechet_diagonal_stds_as_variances(
    mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor
) -> Tensor:
    return ((mean_a - mean_b) ** 2 + std_a + std_b - 2 * (std_a * std_b).sqrt()).sum()


def frechet_diagonal_product_of_variances(
    mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor
) -> Tensor:
    return ((mean_a - mean_b) ** 2 + std_a**2 + std_b**2 - 2 * std_a**2 * std_b**2).sum()


def frechet_diagonal_dimensions(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    return (mean_a - mean_b) ** 2 + (std_a - std_b) ** 2


def frechet_diagonal_kl(mean_a: Tensor, std_a: Tensor, mean_b: Tensor, std_b: Tensor) -> Tensor:
    ratio = (std_a / std_b) ** 2
    return 0.5 * (ratio - 1 - ratio.log() + ((mean_a - mean_b) / std_b) ** 2).sum()


def frechet_diagonal_cases() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    return [
        (seeded(d, seed=d), seeded(d, seed=d + 1).exp(), seeded(d, seed=d + 2), seeded(d, seed=d + 3).exp())
        for d in (4, 7)
    ]


frechet_diagonal = Exercise(
    "frechet_diagonal",
    chapter=CHAPTER,
    task="The Fréchet distance of two Gaussians with diagonal covariances, as the FID takes it: "
    "‖m - n‖² + tr(A + B - 2 (A B)^½) for means m, n and covariances A, B. From means and standard deviations, "
    "(d,) each, to one number in units of the features, squared.",
    reference=frechet_diagonal_reference,
    cases=frechet_diagonal_cases,
    mistakes={
        "variances": (
            frechet_diagonal_variances,
            "The difference of the variances is squared. In one dimension the trace is s² + t² - 2st = (s - t)²: the "
            "difference of the standard deviations.",
        ),
        "variance_change": (
            frechet_diagonal_variance_change,
            "The difference of the variances is added. In one dimension the trace is s² + t² - 2st, and that is "
            "(s - t)².",
        ),
        "unsquared": (
            frechet_diagonal_unsquared,
            "The difference of the standard deviations has to be squared, as that of the means is.",
        ),
        "unsquared_signed": (
            frechet_diagonal_unsquared_signed,
            "The difference of the standard deviations has to be squared. As it stands, a wider second Gaussian would "
            "make the distance smaller, even negative.",
        ),
        "root": (
            frechet_diagonal_root,
            "This is the square root: the Wasserstein-2 distance. The FID is its square, without the root.",
        ),
        "norm": (
            frechet_diagonal_norm,
            "The distance of the means is not squared: ‖m - n‖² is the sum of the squares, without a root.",
        ),
        "mean": (
            frechet_diagonal_mean,
            "This averages over the dimensions. A squared norm and a trace are sums.",
        ),
        "means_only": (
            frechet_diagonal_means_only,
            "Only the means count here. A generator that makes one average image over and over would score 0: the "
            "widths are missing.",
        ),
        "stds_only": (
            frechet_diagonal_stds_only,
            "Only the widths count here: add the squared distance of the means.",
        ),
        "one_overlap": (
            frechet_diagonal_one_overlap,
            "The factor 2 before (A B)^½ is missing: two equal Gaussians have to have the distance 0.",
        ),
        "no_overlap": (
            frechet_diagonal_no_overlap,
            "The last term of the trace, -2 (A B)^½, is missing: two equal Gaussians have to have the distance 0.",
        ),
        "stds_for_variances": (
            frechet_diagonal_stds_as_variances,
            "The standard deviations are put where the covariances belong: the diagonals of A and B are their squares.",
        ),
        "no_root_of_the_product": (
            frechet_diagonal_product_of_variances,
            "The square root of A B is missing: its diagonal is s·t, not s²·t².",
        ),
        "not_summed": (frechet_diagonal_dimensions, "Right for each dimension; now sum them."),
        "kl": (
            frechet_diagonal_kl,
            "This is the KL divergence of the two. The Fréchet distance has no logarithm, and both arguments count "
            "alike.",
        ),
    },
    hints=[
        "For diagonal matrices the root of A B has the numbers s·t on its diagonal, where s² and t² are the variances. "
        "What is s² + t² - 2st?",
        "The sum over the dimensions of (m - n)² + (s - t)².",
    ],
)


all_exercises = [
    optimal_discriminator,
    discriminator_loss,
    js_from_loss,
    generator_losses,
    discriminator_step,
    generator_step,
    frechet_diagonal,
]


# --- questions --------------------------------------------------------------------------------------

recall_estimate = Question(
    "recall_estimate",
    chapter=CHAPTER,
    text="Two papers report 'log p(x) = -88 nats' and 'log p(x) = -90 nats' for VAEs on MNIST. What do you have to "
    "know before you compare them?",
    choices={
        "a": (
            "Nothing: nats are nats, and the first is better",
            "A difference of 2 nats can come from the way of measuring alone: a bound is further below than an "
            "estimate.",
        ),
        "b": (
            "How large the networks are",
            "A likelihood may be compared across networks of any size. What has to agree is how it was measured, and "
            "on what.",
        ),
        "c": (
            "Whether each is a bound or an estimate, with how many draws, how the pixels were binarised, and which "
            "images it is of",
            "A GAN, in this chapter, has no such number at all, and needs other measures.",
            True,
        ),
    },
)
recall_average = Question(
    "recall_average",
    chapter=CHAPTER,
    text="Given z, a VAE with a Bernoulli likelihood draws each pixel by itself. What does that do to its pictures?",
    choices={
        "a": (
            "Nothing: with a good decoder z determines every pixel",
            "It would have to say so many things that the KL does not pay for. What z leaves open is open for each "
            "pixel by itself.",
        ),
        "b": (
            "Its means are soft and its draws are ragged: that pixels belong together is lost where z leaves it open",
            "A loss that adds up pixels cannot see it. A discriminator looks at the whole picture.",
            True,
        ),
        "c": (
            "They come out too dark",
            "The mean brightness of each pixel is what such a model learns best.",
        ),
    },
)
recall_copies = Question(
    "recall_copies",
    chapter=CHAPTER,
    text="How did chapter 4 find out whether a model's samples are copies of its training images?",
    choices={
        "a": (
            "By the distance to the nearest training image, beside the same distance for unseen test images",
            "Without that yardstick the distance means nothing. The same pair of numbers serves for a GAN.",
            True,
        ),
        "b": (
            "By the training loss: a model that copies has a loss of 0",
            "A VAE's loss is a bound on a likelihood, and 0 has no such meaning. A GAN's loss says even less.",
        ),
        "c": (
            "By looking for a training image at distance 0",
            "A copy with a little noise is at no distance 0 either. The question is whether samples are nearer than "
            "unseen images are.",
        ),
    },
)
held_still = Question(
    "held_still",
    chapter=CHAPTER,
    text="In the generator's step the gradient goes through the discriminator, but its weights stay. Why?",
    choices={
        "a": (
            "Otherwise no gradient would reach the generator",
            "It would: the gradient goes back through a network whether that network moves or not.",
        ),
        "b": (
            "The generator's loss falls when fakes are called real, and a discriminator that helps to lower it gives "
            "up its own task",
            "Two players, two losses: each moves its own weights only. The message of a discriminator that cheats is "
            "worthless to the generator.",
            True,
        ),
        "c": (
            "To save memory: two networks are too many for one step",
            "The memory is needed anyway, since the gradient goes through it.",
        ),
    },
)
coin = Question(
    "coin",
    chapter=CHAPTER,
    text="At the end of a training the discriminator says about ½ for every example, real or fake, and its loss is "
    "log 4 ≈ 1.386. What follows?",
    choices={
        "a": (
            "Either the fakes are distributed as the data are, or this discriminator is too weak to tell",
            "For the *best* discriminator ½ everywhere means p = q. A network that is too small, or not trained at "
            "all, says ½ too. Train a fresh one, or measure otherwise.",
            True,
        ),
        "b": (
            "The generator has found the distribution of the data",
            "That follows only if no discriminator could do better. This one may just not be able to tell.",
        ),
        "c": (
            "The training has failed: a discriminator has to be right more often",
            "At the equilibrium of the game no one can be right more often than a coin. It may be just that.",
        ),
    },
)
which_side = Question(
    "which_side",
    chapter=CHAPTER,
    text="A discriminator that has not finished learning has a loss of 0.9 on many fresh examples: log 2 - 0.9/2 ≈ "
    "0.24 nats. What is JS(p, q)?",
    choices={
        "a": (
            "At most 0.24 nats",
            "The other way round. A better discriminator would have a smaller loss, and the estimate would rise.",
        ),
        "b": (
            "0.24 nats, up to chance",
            "Only if D is optimal. This one has still something to learn.",
        ),
        "c": (
            "At least 0.24 nats, up to chance",
            "No D has a smaller expected loss than the optimal one, log 4 - 2·JS. So the estimate is a lower bound, on "
            "examples that D was not trained on.",
            True,
        ),
    },
)
losses_tell = Question(
    "losses_tell",
    chapter=CHAPTER,
    text="Over 10,000 steps the generator's loss falls from 3 to 1. Are its pictures better now?",
    choices={
        "a": (
            "Yes: a loss that falls means progress",
            "The loss is measured by the discriminator of that moment: it falls as well when that one gets worse. And "
            "against a frozen one it can fall while the pictures get worse (section 5.4).",
        ),
        "b": (
            "No: the discriminator has lost, so the training has broken down",
            "It may be so, or the pictures may be better. The same numbers fit both.",
        ),
        "c": (
            "The losses do not tell; measure the samples, by a Fréchet distance or by looking, against a fixed "
            "yardstick",
            "Each loss says how one player does against the other of the same moment. Neither says how good the "
            "pictures are.",
            True,
        ),
    },
)
floors = Question(
    "floors",
    chapter=CHAPTER,
    text="10,000 generated digits have a Fréchet distance of 1 floor to the test images: the distance that 10,000 "
    "training images have. What has the generator shown?",
    choices={
        "a": (
            "That its distribution is that of the data",
            "The distance compares the mean and the covariance of a judge's features. Distributions that differ in "
            "other ways can have the same two.",
        ),
        "b": (
            "That by this measure it is as good as real images; one that copies the training images would score the "
            "same",
            "The floor *is* the score of copies. So look at nearest training images as well.",
            True,
        ),
        "c": (
            "That it is perfect, because less than 1 floor is impossible",
            "Copies of the test images would have the distance 0. The floor is what two finite samples of one "
            "distribution have between them.",
        ),
    },
)
two_judges = Question(
    "two_judges",
    chapter=CHAPTER,
    text="A paper reports a Fréchet distance of 8, from 50,000 samples and the features of a network trained on "
    "ImageNet. Yours is 30, from 10,000 samples and a small classifier of digits. Who is better?",
    choices={
        "a": (
            "It cannot be told: other features are another unit, and the number of samples matters too",
            "With the same judge, the same data and the same number of samples the two may be compared, best as "
            "multiples of the floor.",
            True,
        ),
        "b": (
            "The paper: 8 is less than 30",
            "The distance is in units of the features, squared. Multiply all features by 2, and it is 4 times as "
            "large.",
        ),
        "c": (
            "The paper, but only after dividing each by the number of its features",
            "That does not make the units equal: features of two networks differ in size and in what they see.",
        ),
    },
)
nearest_copy = Question(
    "nearest_copy",
    chapter=CHAPTER,
    text="The generator of a GAN never sees an image of the data. Can its pictures be copies of training images?",
    choices={
        "a": (
            "No: all that it gets is the discriminator's opinion, one number for each picture",
            "It gets the gradient of that number: for each pixel, which way to go. That is enough to lead it to an "
            "image that the discriminator knows by heart.",
        ),
        "b": (
            "Yes, and all of them are: it can only repeat what the discriminator has seen",
            "The generator is continuous in z: on the way from the z of one copy to that of another it has to make "
            "something in between.",
        ),
        "c": (
            "Yes, if the discriminator has learned the training images by heart; so compare with the nearest ones, and "
            "with the distance of unseen images",
            "What the discriminator knows reaches the generator through the gradient. With few data that is a real "
            "danger.",
            True,
        ),
    },
)
implicit = Question(
    "implicit",
    chapter=CHAPTER,
    text="You show a trained GAN an image x and ask how probable it is. What answers?",
    choices={
        "a": (
            "The discriminator: D(x) is the probability of x",
            "D(x) is the probability that x is real rather than generated. At the equilibrium it is ½ for every x, "
            "probable or not.",
        ),
        "b": (
            "Nothing in it: the generator can draw, but has no density to evaluate",
            "It is an implicit model. With fewer numbers in z than pixels, its images fill so little of the space that "
            "it has no density there at all.",
            True,
        ),
        "c": (
            "The prior: the density of the z that the generator turns into x",
            "For most x there is no such z, and where there is one, how the generator stretches space would count too.",
        ),
    },
)

questions = [
    recall_estimate,
    recall_average,
    recall_copies,
    held_still,
    coin,
    which_side,
    losses_tell,
    floors,
    two_judges,
    nearest_copy,
    implicit,
]
