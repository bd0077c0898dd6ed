"""Exercises of chapter 10: discrete codes.

One convention: vectors are rows, squared distances are summed over their numbers, a loss is a mean over the batch.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils.exercises.comparison import gradients_of
from course_utils.exercises.exercise import Exercise, Question, seeded, with_names

__all__ = [
    "all_exercises",
    "code_bits",
    "code_usage",
    "constant_rate",
    "dead_codes",
    "flat_steps",
    "moved_codes",
    "nearest",
    "not_p_of_x",
    "questions",
    "recall_blind",
    "recall_one_hot",
    "recall_steps",
    "straight",
    "two_levels",
    "vq_terms",
]

CHAPTER = "ch10"


# --- nearest ----------------------------------------------------------------------------------------


def nearest_reference(z: Tensor, codebook: Tensor) -> Tensor:
    # ‖z - e‖² = ‖z‖² - 2 z·e + ‖e‖², and ‖z‖² is the same for all codes
    return (codebook.square().sum(1) - 2 * z @ codebook.T).argmin(1)


def nearest_farthest(z: Tensor, codebook: Tensor) -> Tensor:
    return torch.cdist(z, codebook).argmax(1)


def nearest_product(z: Tensor, codebook: Tensor) -> Tensor:
    return (z @ codebook.T).argmax(1)


def nearest_no_two(z: Tensor, codebook: Tensor) -> Tensor:
    return (codebook.square().sum(1) - z @ codebook.T).argmin(1)


def nearest_vector(z: Tensor, codebook: Tensor) -> Tensor:
    return codebook[nearest_reference(z, codebook)]


def nearest_each_code(z: Tensor, codebook: Tensor) -> Tensor:
    return torch.cdist(z, codebook).argmin(0)


def nearest_cases() -> list[tuple[Tensor, Tensor]]:
    lengths = torch.tensor([0.3, 0.6, 1.0, 2.0, 4.0])[
        :, None
    ]  # codes of several lengths, or all variants agree
    return [(2 * seeded(9, 3), lengths * seeded(5, 3, seed=1)), (seeded(6, 2, seed=2), seeded(4, 2, seed=3))]


nearest = Exercise(
    "nearest",
    chapter=CHAPTER,
    task="z (n, dim) holds vectors, codebook (n_codes, dim) the vectors of the codes. Return for each z the index of "
    "the code whose squared distance is smallest, (n,) int64. Avoid a loop.",
    reference=nearest_reference,
    cases=nearest_cases,
    mistakes={
        "farthest": (
            nearest_farthest,
            "These are the codes farthest away: argmin of the distance, not argmax.",
        ),
        "product": (
            nearest_product,
            "This is the code with the largest product z·e. A long code wins too often: the squared distance has "
            "‖e‖² in it as well.",
        ),
        "no_two": (nearest_no_two, "The middle term of ‖z - e‖² = ‖z‖² - 2 z·e + ‖e‖² has a factor 2."),
        "vector": (nearest_vector, "These are the vectors of the codes. Asked for are their indices."),
        "each_code": (
            nearest_each_code,
            "This is the nearest z of each code. Asked for is the nearest code of each z: one index per row of z.",
        ),
    },
    hints=[
        "Write ‖z - e‖² out. Which of its three terms does not depend on the code?",
        "z @ codebook.T gives all products at once, (n, n_codes). Add what is missing, then .argmin(1).",
    ],
)


# --- straight ---------------------------------------------------------------------------------------


class StraightThrough(NamedTuple):
    """What comes forward, and what goes back."""

    output: Tensor
    gradient_of_z: Tensor
    gradient_of_e: Tensor


def straight_reference(z: Tensor, e: Tensor) -> Tensor:
    return z + (e - z).detach()


def straight_codes(z: Tensor, e: Tensor) -> Tensor:
    return e


def straight_nothing(z: Tensor, e: Tensor) -> Tensor:
    return z


def straight_reversed(z: Tensor, e: Tensor) -> Tensor:
    return e + (z - e).detach()


def straight_detached(z: Tensor, e: Tensor) -> Tensor:
    return (z + (e - z)).detach() + 0 * (z + e)


def straight_both(z: Tensor, e: Tensor) -> Tensor:
    return z - z.detach() + e


def output_and_gradients(function: Any, z: Tensor, e: Tensor) -> Any:
    """What the function returns, and the gradients of a sum of its squares; 0 where there is none."""
    z, e = z.clone().requires_grad_(), e.clone().requires_grad_()
    output = function(z, e)
    if not isinstance(output, Tensor) or output.shape != z.shape:
        return output
    return StraightThrough(output.detach(), *gradients_of(output.square().sum(), z, e))


straight = Exercise(
    "straight",
    chapter=CHAPTER,
    task="z (batch, dim) comes from the encoder, e (batch, dim) holds the vectors of the nearest codes. Return what "
    "the decoder gets: its value is e, and its gradient goes to z as if z had been returned, and not to e. The check "
    "looks at the value and at both gradients.",
    reference=straight_reference,
    cases=lambda: [(seeded(4, 3), seeded(4, 3, seed=1)), (seeded(2, 5, seed=2), 3 * seeded(2, 5, seed=3))],
    observe=output_and_gradients,
    mistakes={
        "codes": (
            straight_codes,
            "The value is right, but all of the gradient goes to e and none to z: the encoder would learn nothing.",
        ),
        "nothing": (straight_nothing, "This is z itself, without codes. The decoder must get the value e."),
        "reversed": (
            straight_reversed,
            "Reversed: the value is z, and the gradient goes to e. Start from z, and add what is missing, detached.",
        ),
        "detached": (
            straight_detached,
            "The value is right, but everything is detached: no gradient reaches z.",
        ),
        "both": (
            straight_both,
            "The value and the gradient of z are right, but e gets the gradient as well. Detach the whole "
            "difference e - z.",
        ),
    },
    hints=[
        "Which number must be added to z to get e? Add it, but as a constant.",
        "`.detach()` makes a constant of what it stands behind: z + (e - z).detach().",
    ],
)


# --- vq_terms ---------------------------------------------------------------------------------------


class Terms(NamedTuple):
    """The loss, and where it pulls."""

    loss: Tensor
    gradient_of_z: Tensor
    gradient_of_e: Tensor


def vq_terms_reference(z: Tensor, e: Tensor, beta: float) -> Tensor:
    codebook = (z.detach() - e).square().sum(1)  # moves the codes to the vectors
    commitment = (z - e.detach()).square().sum(1)  # keeps the vectors near their codes
    return (codebook + beta * commitment).mean()


def vq_terms_swapped(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return ((z - e.detach()).square().sum(1) + beta * (z.detach() - e).square().sum(1)).mean()


def vq_terms_no_stop(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return (1 + beta) * (z - e).square().sum(1).mean()


def vq_terms_no_beta(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return vq_terms_reference(z, e, 1.0)


def vq_terms_codebook_only(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return (z.detach() - e).square().sum(1).mean() + 0 * z.sum()


def vq_terms_commitment_only(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return beta * (z - e.detach()).square().sum(1).mean() + 0 * e.sum()


def vq_terms_mean(z: Tensor, e: Tensor, beta: float) -> Tensor:
    return vq_terms_reference(z, e, beta) / z.shape[1]


def vq_terms_length(z: Tensor, e: Tensor, beta: float) -> Tensor:
    codebook, commitment = (z.detach() - e).norm(dim=1), (z - e.detach()).norm(dim=1)
    return (codebook + beta * commitment).mean()


def loss_and_pulls(function: Any, z: Tensor, e: Tensor, beta: float) -> Any:
    """The loss with its gradients; 0 where there is none."""
    z, e = z.clone().requires_grad_(), e.clone().requires_grad_()
    loss = function(z, e, beta)
    if not isinstance(loss, Tensor) or loss.ndim > 0:
        return loss
    return Terms(loss.detach(), *gradients_of(loss, z, e))


vq_terms = Exercise(
    "vq_terms",
    chapter=CHAPTER,
    task="z (batch, dim) comes from the encoder, e (batch, dim) holds the vectors of the nearest codes. Return the "
    "codebook loss plus beta times the commitment loss, one number: squared distances, summed over dim, mean over the "
    "batch. The first moves only e, the second only z. The check looks at the value and at both gradients.",
    reference=vq_terms_reference,
    cases=lambda: [
        (seeded(4, 3), seeded(4, 3, seed=1), 0.25),
        (2 * seeded(5, 2, seed=2), seeded(5, 2, seed=3), 0.5),
    ],
    observe=loss_and_pulls,
    mistakes={
        "swapped": (
            vq_terms_swapped,
            "beta stands at the wrong term: with beta below 1 the codes should move more readily than the encoder.",
        ),
        "no_stop": (
            vq_terms_no_stop,
            "The value is right, but nothing is stopped: z and e get 1 + beta times the pull. Detach z in the first "
            "term and e in the second.",
        ),
        "no_beta": (vq_terms_no_beta, "beta is missing: this is right for beta = 1."),
        "codebook_only": (
            vq_terms_codebook_only,
            "The commitment loss is missing: nothing pulls z towards its code.",
        ),
        "commitment_only": (
            vq_terms_commitment_only,
            "The codebook loss is missing: the codes stay where they are.",
        ),
        "mean": (
            vq_terms_mean,
            "Too small by a factor of dim: sum over the numbers of a vector, then take the mean over the batch.",
        ),
        "length": (vq_terms_length, "These are distances. Asked for are their squares."),
    },
    hints=[
        "Both terms have the same value, ‖z - e‖². They differ in who may move.",
        "(z.detach() - e) in the first, (z - e.detach()) in the second; .square().sum(1) each, then beta and .mean().",
    ],
)


# --- moved_codes ------------------------------------------------------------------------------------


class Running(NamedTuple):
    """Running counts and sums, and the codebook that they give."""

    counts: Tensor
    sums: Tensor
    codebook: Tensor


def moved_codes_reference(
    z: Tensor, codes: Tensor, counts: Tensor, sums: Tensor, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    chosen = torch.nn.functional.one_hot(codes, len(counts)).to(z)  # (n, n_codes), a 1 at the code
    counts = decay * counts + (1 - decay) * chosen.sum(0)
    sums = decay * sums + (1 - decay) * chosen.T @ z
    return counts, sums, sums / counts[:, None]


def moved_codes_swapped(
    z: Tensor, codes: Tensor, counts: Tensor, sums: Tensor, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    return moved_codes_reference(z, codes, counts, sums, 1 - decay)


def moved_codes_sums(
    z: Tensor, codes: Tensor, counts: Tensor, sums: Tensor, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    counts, sums, _ = moved_codes_reference(z, codes, counts, sums, decay)
    return counts, sums, sums


def moved_codes_adding(
    z: Tensor, codes: Tensor, counts: Tensor, sums: Tensor, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    chosen = torch.nn.functional.one_hot(codes, len(counts)).to(z)
    counts, sums = counts + chosen.sum(0), sums + chosen.T @ z
    return counts, sums, sums / counts[:, None]


def moved_codes_old_counts(
    z: Tensor, codes: Tensor, counts: Tensor, sums: Tensor, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    new_counts, sums, _ = moved_codes_reference(z, codes, counts, sums, decay)
    return new_counts, sums, sums / counts[:, None]


def moved_codes_cases() -> list[tuple[Any, ...]]:
    return [
        (
            seeded(7, 2),
            torch.tensor([0, 2, 1, 0, 0, 2, 1]),
            torch.tensor([2.0, 3.0, 4.0]),
            seeded(3, 2, seed=1),
            0.9,
        ),
        (
            seeded(4, 3, seed=2),
            torch.tensor([1, 1, 1, 0]),
            torch.tensor([1.0, 5.0]),
            seeded(2, 3, seed=3),
            0.7,
        ),
    ]


moved_codes = Exercise(
    "moved_codes",
    chapter=CHAPTER,
    task="One step of codes that follow running means, `counts, sums, codebook`: of vectors z (n, dim) with their "
    "codes (n,), the running counts (n_codes,) and running sums (n_codes, dim) so far. New value = decay · old + "
    "(1 - decay) · what the batch has: how many vectors chose each code, and their sum. Each code becomes the mean "
    "that follows, (n_codes, dim).",
    reference=moved_codes_reference,
    cases=moved_codes_cases,
    observe=with_names(Running),
    mistakes={
        "swapped": (
            moved_codes_swapped,
            "decay and 1 - decay are swapped: the old values should have the weight decay.",
        ),
        "sums": (moved_codes_sums, "A code is a mean: divide the running sums by the running counts."),
        "adding": (
            moved_codes_adding,
            "This adds up without forgetting. The old values fade by the factor decay.",
        ),
        "old_counts": (
            moved_codes_old_counts,
            "The new sums are divided by the old counts. Both must be of the same moment.",
        ),
    },
    hints=[
        "one_hot(codes, n_codes), as numbers, has a 1 at each vector's code. What is its sum over the vectors?",
        "With chosen = one_hot(codes, n_codes).to(z): chosen.sum(0) are the counts and chosen.T @ z the sums.",
    ],
)


# --- code_usage -------------------------------------------------------------------------------------


def code_usage_reference(codes: Tensor, n_codes: int) -> Tensor:
    shares = torch.bincount(codes.flatten(), minlength=n_codes) / codes.numel()
    return torch.special.entr(shares).sum().exp()  # entr(p) = -p log p, and 0 at 0


def code_usage_used(codes: Tensor, n_codes: int) -> Tensor:
    return (torch.bincount(codes.flatten(), minlength=n_codes) > 0).sum().float()


def code_usage_entropy(codes: Tensor, n_codes: int) -> Tensor:
    return code_usage_reference(codes, n_codes).log()


def code_usage_bits(codes: Tensor, n_codes: int) -> Tensor:
    return (code_usage_entropy(codes, n_codes) / math.log(2)).exp()


def code_usage_nan(codes: Tensor, n_codes: int) -> Tensor:
    shares = torch.bincount(codes.flatten(), minlength=n_codes) / codes.numel()
    return (-(shares * shares.log()).sum()).exp()


def code_usage_per_image(codes: Tensor, n_codes: int) -> Tensor:
    return torch.stack([code_usage_reference(image, n_codes) for image in codes]).mean()


def code_usage_cases() -> list[tuple[Tensor, int]]:
    generator = torch.Generator().manual_seed(0)
    uneven = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 60, replacement=True, generator=generator)
    return [(uneven.view(5, 3, 4), 5), (torch.arange(6).view(1, 2, 3).repeat(2, 1, 1), 6)]


code_usage = Exercise(
    "code_usage",
    chapter=CHAPTER,
    task="codes (n, height, width) int64 are the code maps of n images, with codes from 0 to n_codes - 1. Return their "
    "perplexity, exp of the entropy of how often each code occurs in all of them, one number. Some codes may never "
    "occur.",
    reference=code_usage_reference,
    cases=code_usage_cases,
    mistakes={
        "used": (
            code_usage_used,
            "This counts the codes that occur at all. One that occurs once counts in full here.",
        ),
        "entropy": (
            code_usage_entropy,
            "This is the entropy, in nats. The perplexity is its exp: a number of codes.",
        ),
        "bits": (
            code_usage_bits,
            "The entropy is in bits here, but then exp was taken: use the natural logarithm.",
        ),
        "nan": (
            code_usage_nan,
            "0 · log 0 gives NaN where a code never occurs. Its limit is 0: torch.special.entr knows that.",
        ),
        "per_image": (
            code_usage_per_image,
            "This is the mean over the images of a perplexity each. Count over all of them together.",
        ),
    },
    hints=[
        "torch.bincount(codes.flatten(), minlength=n_codes) counts. Shares add up to 1.",
        "Entropy = -Σ p log p over the shares, with 0 for a share of 0 (torch.special.entr); then .exp().",
    ],
)


# --- code_bits --------------------------------------------------------------------------------------


class Bits(NamedTuple):
    """Length of an image's codes without a prior, and with one."""

    without: Tensor
    with_prior: Tensor


def code_bits_reference(codes: Tensor, log_prior: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    without = codes[0].numel() * math.log2(n_codes)
    return torch.full_like(log_prior, without), -log_prior / math.log(2)


def code_bits_nats(codes: Tensor, log_prior: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    return torch.full_like(log_prior, codes[0].numel() * math.log(n_codes)), -log_prior


def code_bits_one(codes: Tensor, log_prior: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    return torch.full_like(log_prior, math.log2(n_codes)), -log_prior / math.log(2)


def code_bits_times(codes: Tensor, log_prior: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    return code_bits_reference(codes, log_prior, n_codes)[0], -log_prior * math.log(2)


def code_bits_power(codes: Tensor, log_prior: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    return torch.full_like(log_prior, codes[0].numel() * n_codes), -log_prior / math.log(2)


def code_bits_cases() -> list[tuple[Tensor, Tensor, int]]:
    def maps(n: int, side: int, n_codes: int) -> Tensor:
        return torch.randint(n_codes, (n, side, side), generator=torch.Generator().manual_seed(n))

    return [(maps(3, 7, 64), -90 + 10 * seeded(3), 64), (maps(4, 2, 10), -6 + seeded(4, seed=1), 10)]


code_bits = Exercise(
    "code_bits",
    chapter=CHAPTER,
    task="codes (n, height, width) are code maps with codes from 0 to n_codes - 1, log_prior (n,) is log p(codes) in "
    "nats under a prior. Return `without, with_prior`, (n,) both: how many bits it takes to write the codes of each "
    "image down if all codes are taken for equally likely, and -log₂ p(codes), what an ideal compressor takes that "
    "knows the prior.",
    reference=code_bits_reference,
    cases=code_bits_cases,
    observe=with_names(Bits),
    mistakes={
        "nats": (code_bits_nats, "Both are in nats. One bit is log 2 nats."),
        "one": (
            code_bits_one,
            "Without a prior this is the length of one code. An image has height · width of them.",
        ),
        "times": (code_bits_times, "The second is multiplied by log 2. One bit is log 2 nats: divide."),
        "power": (
            code_bits_power,
            "One of n_codes equally likely codes takes log₂(n_codes) bits, not n_codes.",
        ),
    },
    hints=[
        "One of 64 equally likely codes takes 6 bits, as 2⁶ = 64. How many codes has an image?",
        "height · width · log₂(n_codes), the same for each image; and -log_prior / log 2.",
    ],
)


# --- questions --------------------------------------------------------------------------------------

recall_steps = Question(
    "recall_steps",
    chapter=CHAPTER,
    text="A PixelCNN draws a digit of 28×28 pixels. How many draws does it take, one after the other?",
    choices={
        "a": ("1", "All pixels at once is what a VAE's decoder does, given z."),
        "b": ("784", "Each pixel needs those drawn before it. If only there were fewer of them.", True),
        "c": ("28", "Pixels of one row depend on one another as well."),
    },
)
recall_blind = Question(
    "recall_blind",
    chapter=CHAPTER,
    text="Why has the gated PixelCNN two stacks?",
    choices={
        "a": ("One for black and one for white", "Both serve every pixel."),
        "b": ("For twice as many weights", "One wider stack has as many, and still its blind spot."),
        "c": (
            "The vertical one sees the rows above in full width, the horizontal one the own row",
            "Together they see all that comes before, without the blind spot.",
            True,
        ),
    },
)
recall_one_hot = Question(
    "recall_one_hot",
    chapter=CHAPTER,
    text="An autoregressive model predicts one of 64 codes whose numbers have no order. What should it read?",
    choices={
        "a": (
            "The code's number, divided by 63",
            "Then code 12 would lie between 11 and 13, which means nothing here.",
        ),
        "b": (
            "64 numbers per place, a 1 at the code",
            "Each code has its own weights, and no order is assumed.",
            True,
        ),
        "c": (
            "The code's number in binary, 6 bits",
            "It would take codes with equal bits for relatives. They are not.",
        ),
    },
)
flat_steps = Question(
    "flat_steps",
    chapter=CHAPTER,
    text="The encoder's output moves a little, and the nearest code stays the same. What is the derivative of the "
    "reconstruction error with respect to the encoder's output?",
    choices={
        "a": ("What the straight-through estimator gives", "That is a stand-in, not the derivative."),
        "b": (
            "0",
            "The decoder gets the same vector as before. Only a jump to another code would change that.",
            True,
        ),
        "c": ("Infinite", "Only at the border between two codes, where it is not defined."),
    },
)
dead_codes = Question(
    "dead_codes",
    chapter=CHAPTER,
    text="Of 512 codes, 30 are in use, and the perplexity is 19. Which remedy gets at the cause?",
    choices={
        "a": (
            "More codes",
            "They would be as far from all vectors as the others that nothing chooses, and stay there.",
        ),
        "b": (
            "Start unused codes anew at vectors of the present batch",
            "A code that nothing chooses gets no pull at all. Put where vectors are, it is chosen.",
            True,
        ),
        "c": (
            "A larger weight of the commitment loss",
            "That pulls the vectors towards the codes in use: the others are left alone even more.",
        ),
    },
)
constant_rate = Question(
    "constant_rate",
    chapter=CHAPTER,
    text="Chapter 4 had codes that fell silent, because a KL of 0 was the cheapest. With one sure code per place and a "
    "uniform prior over K codes, what is the KL of a place?",
    choices={
        "a": ("0, as the encoder is sure", "A sure answer is as far from a uniform prior as can be."),
        "b": (
            "log K, whatever the encoder does",
            "Then nothing is gained by silence: the rate is fixed beforehand, by K and the number of places.",
            True,
        ),
        "c": ("It depends on the image", "Each image has one sure code per place: 1 · log(1 / (1/K))."),
    },
)
not_p_of_x = Question(
    "not_p_of_x",
    chapter=CHAPTER,
    text="The prior gives the codes of the test digits a mean log p(codes) of -91 nats, the PixelCNN of chapter 9 "
    "gives the binarised digits -83 nats. Which is the better model of digits?",
    choices={
        "a": ("The PixelCNN, by 8 nats", "The two numbers are of different things: codes, and pixels."),
        "b": (
            "The prior, as codes are harder",
            "Harder is not better, and there are fewer places. The numbers are of different things.",
        ),
        "c": (
            "That does not follow from these numbers",
            "p(codes) is not p(x): a code map leaves the pixels open, and the pixels here are grey, there binarised. "
            "Compare samples instead.",
            True,
        ),
    },
)
two_levels = Question(
    "two_levels",
    chapter=CHAPTER,
    text="In a model of two levels, one top code stands for 8×8 pixels, one bottom code for 4×4. You exchange the top "
    "maps of two creatures. How do you find out what the top level holds?",
    choices={
        "a": (
            "It is the coarse one, so it holds what is large",
            "That is the hope. Which features it got, training decided.",
        ),
        "b": (
            "See which attributes a judge now reads from the one, and which from the other",
            "Measured on many pairs: what goes along with the top map is held there.",
            True,
        ),
        "c": ("Look at the top codes' numbers", "Numbers of codes have no meaning of their own."),
    },
)

all_exercises = [nearest, straight, vq_terms, moved_codes, code_usage, code_bits]
questions = [
    recall_steps,
    recall_blind,
    recall_one_hot,
    flat_steps,
    dead_codes,
    constant_rate,
    not_p_of_x,
    two_levels,
]
