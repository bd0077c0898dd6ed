"""Exercises of chapter 7: conditional generation.

One convention: a condition is a label (n,), or the words of a caption (n, length); a discriminator gives logits, high
for real pairs of an example and its condition. Losses are to be minimised, means over the batch, in nats.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import cross_entropy, softplus

from course_utils.exercises.comparison import gradients_of
from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "encoded",
    "held_out",
    "ignored_condition",
    "joined",
    "matching_aware_loss",
    "matching_loss",
    "mismatched_price",
    "one_per_class",
    "overlaps",
    "projection_logit",
    "questions",
    "recall_collapse",
    "recall_js",
    "recall_r1",
]

CHAPTER = "ch07"


# --- joined -----------------------------------------------------------------------------------------


def joined_reference(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    own = functional.one_hot(labels, n_classes).to(images)  # (n, n_classes): 1 for its own class
    maps = own[:, :, None, None].expand(-1, -1, *images.shape[1:])  # (n, n_classes, height, width)
    return torch.cat([images[:, None], maps], 1)


def joined_with(numbers: Callable[[Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """The image, then one constant channel for each column of `numbers(labels, n_classes)`."""

    def joined(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
        maps = numbers(labels, n_classes).to(images)[:, :, None, None]
        return torch.cat([images[:, None], maps.expand(-1, -1, *images.shape[1:])], 1)

    return joined


def joined_of(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The right answer, changed."""

    def joined(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
        return change(joined_reference(images, labels, n_classes))

    return joined


def joined_scrambled(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    n, height, width = images.shape
    own = functional.one_hot(labels, n_classes).to(images)
    maps = own.repeat(1, height * width).reshape(n, n_classes, height, width)
    return torch.cat([images[:, None], maps], 1)


def joined_shifted(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    n, height, width = images.shape
    channels = torch.zeros(n, 1 + n_classes, height, width)
    channels[:, 0] = images
    channels[torch.arange(n), labels] = 1
    return channels


def joined_all_labels(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    n, height, width = images.shape
    maps = torch.zeros(n, n_classes, height, width)
    maps[:, labels] = 1
    return torch.cat([images[:, None], maps], 1)


def joined_corner(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    n, height, width = images.shape
    maps = torch.zeros(n, n_classes, height, width)
    maps[torch.arange(n), labels, 0, 0] = 1
    return torch.cat([images[:, None], maps], 1)


def joined_image_in_channel(images: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    right = joined_reference(images, labels, n_classes)
    return torch.cat([right[:, :1], right[:, 1:] * right[:, :1]], 1)


joined = Exercise(
    "joined",
    chapter=CHAPTER,
    task="Tell a convolutional discriminator which class an image shall be of: images (n, height, width) and labels "
    "(n,), from 0 to n_classes - 1, to (n, 1 + n_classes, height, width). The image is the first channel. Then comes "
    "one constant channel for each class: ones all over the channel of its own class, zeros in the others.",
    reference=joined_reference,
    cases=lambda: [
        (seeded(5, 3, 4).sigmoid(), torch.tensor([2, 0, 2, 1, 0]), 4),
        (seeded(4, 2, 3, seed=1).sigmoid(), torch.tensor([2, 0, 3, 0]), 4),
        (seeded(2, 5, 2, seed=2).sigmoid(), torch.tensor([4, 9]), 10),
    ],
    mistakes={
        "classes_first": (
            joined_of(lambda channels: torch.cat([channels[:, 1:], channels[:, :1]], 1)),
            "All channels are there, but the classes stand before the image. A network whose weights expect the image "
            "in channel 0 would read a class there: the image first.",
        ),
        "numbers": (
            joined_with(lambda labels, n_classes: labels[:, None]),
            "The label is one channel that holds its number. Then class 8 counts as four times class 2, and class 1 "
            "lies between 0 and 2, though classes have no order: give each class a channel of its own.",
        ),
        "shifted": (
            joined_shifted,
            "Channel 0 is the image, so class k belongs in channel k + 1. Here it goes into channel k, and class 0 "
            "overwrites the image.",
        ),
        "all_labels": (
            joined_all_labels,
            "Every example has ones in the channels of all labels of the batch, as maps[:, labels] = 1 would give. "
            "Each row has a label of its own: maps[torch.arange(n), labels] = 1.",
        ),
        "transposed": (
            joined_with(lambda labels, n_classes: functional.one_hot(labels, n_classes).T),
            "The one-hot numbers are transposed: (n_classes, n), and n examples are joined to n_classes rows. It only "
            "runs where the two are equal, and is wrong there too: row i has to be that of example i.",
        ),
        "transposed_and_reshaped": (
            joined_with(
                lambda labels, n_classes: functional.one_hot(labels, n_classes).T.reshape(-1, n_classes)
            ),
            "The one-hot numbers are transposed and reshaped back to (n, n_classes). That has the right shape, but "
            "reshape does not undo a transpose: the classes go to the wrong examples.",
        ),
        "scrambled": (
            joined_scrambled,
            "The shape is right, but the one-hot row is repeated pixel by pixel and then cut into channels, so no "
            "channel is constant. First give the numbers the shape (n, n_classes, 1, 1), then expand.",
        ),
        "channels_last": (
            joined_of(lambda channels: channels.permute(0, 2, 3, 1)),
            "The channels stand last, (n, height, width, 1 + n_classes). PyTorch's convolutions want them right after "
            "the batch.",
        ),
        "corner": (
            joined_corner,
            "The class is marked in one corner pixel. A convolution sees a few pixels at a time, so most of its "
            "windows would not know the class: fill the whole channel.",
        ),
        "image_in_channel": (
            joined_image_in_channel,
            "The channel of the class holds the image once more, so where the image is black the class is not to be "
            "seen. It shall hold ones.",
        ),
        "no_image": (
            joined_of(lambda channels: channels[:, 1:]),
            "These are the class channels, and they are right. The image is missing before them.",
        ),
        "classes_of_the_batch": (
            joined_with(lambda labels, n_classes: functional.one_hot(labels)),
            "The number of channels depends on the largest label of the batch. A network has a fixed number of input "
            "channels: functional.one_hot(labels, n_classes).",
        ),
    },
    hints=[
        "One-hot numbers (n, n_classes), with a height and a width of 1, expand to those of the image. Then torch.cat "
        "along the channels.",
        "functional.one_hot(labels, n_classes).to(images)[:, :, None, None].expand(-1, -1, height, width), after "
        "images[:, None].",
    ],
)


# --- projection_logit -------------------------------------------------------------------------------


def projection_logit_reference(features: Tensor, labels: Tensor, psi: Tensor, classes: Tensor) -> Tensor:
    own = classes[labels]  # (n, d): e of each example's own label
    return features @ psi + (own * features).sum(1)


def logit_of(combine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A logit of the features (n, d), psi (d,), and the vectors of the examples' own labels (n, d)."""

    def projection_logit(features: Tensor, labels: Tensor, psi: Tensor, classes: Tensor) -> Tensor:
        return combine(features, psi, classes[labels])

    return projection_logit


def projection_logit_all_added(features: Tensor, labels: Tensor, psi: Tensor, classes: Tensor) -> Tensor:
    return features @ psi + (features @ classes.T).sum(1)


def projection_logit_all_classes(features: Tensor, labels: Tensor, psi: Tensor, classes: Tensor) -> Tensor:
    return (features @ psi)[:, None] + features @ classes.T


def projection_logit_by_place(features: Tensor, labels: Tensor, psi: Tensor, classes: Tensor) -> Tensor:
    return features @ psi + (classes[torch.arange(len(features))] * features).sum(1)


projection_logit = Exercise(
    "projection_logit",
    chapter=CHAPTER,
    task="The logit of a projection discriminator, ψ·φ(x) + e(y)·φ(x): how real x is, and how well it fits its label "
    "y. features (n, d) are φ(x), labels (n,) integers, psi (d,), and classes (n_classes, d) has e(y) in row y. The "
    "result is one logit for each example, (n,).",
    reference=projection_logit_reference,
    cases=lambda: [
        (seeded(5, 4), torch.tensor([2, 0, 6, 2, 1]), seeded(4, seed=1), seeded(7, 4, seed=2)),
        (seeded(3, 2, seed=3), torch.tensor([5, 1, 0]), seeded(2, seed=4), seeded(6, 2, seed=5)),
    ],
    mistakes={
        "only_class": (
            logit_of(lambda phi, psi, own: (own * phi).sum(1)),
            "This is e(y)·φ alone, how well x fits its label. ψ·φ is missing, which says how real x is under any "
            "label.",
        ),
        "only_psi": (
            logit_of(lambda phi, psi, own: phi @ psi),
            "This is ψ·φ alone, and the label has no part in it: such a discriminator cannot tell a right label from a "
            "wrong one. Add e(y)·φ.",
        ),
        "mean": (
            logit_of(lambda phi, psi, own: ((psi + own) * phi).mean(1)),
            "These are means over the d features. A dot product is a sum.",
        ),
        "mean_of_one": (
            logit_of(lambda phi, psi, own: phi @ psi + (own * phi).mean(1)),
            "ψ·φ is right, but in the class term the mean over the d features is taken. A dot product is a sum.",
        ),
        "not_summed": (
            logit_of(lambda phi, psi, own: (psi + own) * phi),
            "These are the products, feature by feature, (n, d). Sum them over the features: one logit for each "
            "example.",
        ),
        "all_classes_added": (
            projection_logit_all_added,
            "The vectors of all classes are added, so the label has no part in the logit. Pick the row of each "
            "example's own label: classes[labels].",
        ),
        "all_classes": (
            projection_logit_all_classes,
            "This is one logit for each class, (n, n_classes), as a classifier has. Only that of the example's own "
            "label is asked for: classes[labels], one row for each example.",
        ),
        "all_pairs": (
            logit_of(lambda phi, psi, own: (phi @ psi)[:, None] + phi @ own.T),
            "These are the logits of each example with each label of the batch, (n, n): a matrix product takes all "
            "pairs. Multiply row by row and sum over the features: (own * features).sum(1).",
        ),
        "by_place": (
            projection_logit_by_place,
            "Example i gets row i of `classes`, whatever its label is. Pick the row of its label: classes[labels].",
        ),
        "class_with_psi": (
            logit_of(lambda phi, psi, own: phi @ psi + own @ psi),
            "The class term is e(y)·ψ, which does not depend on x: it cannot say whether x fits its label. It is "
            "e(y)·φ(x).",
        ),
        "class_alone": (
            logit_of(lambda phi, psi, own: phi @ psi + own.sum(1)),
            "The class term adds up the numbers of e(y) without φ(x), so it is the same for every x. Multiply with the "
            "features first.",
        ),
        "product": (
            logit_of(lambda phi, psi, own: (phi @ psi) * (own * phi).sum(1)),
            "The two terms are multiplied. They are logits, and are added.",
        ),
        "probability": (
            logit_of(lambda phi, psi, own: ((psi + own) * phi).sum(1).sigmoid()),
            "This is the probability. The logit is asked for, without the sigmoid: the losses apply it themselves.",
        ),
        "broadcast": (
            logit_of(lambda phi, psi, own: (phi @ psi)[:, None] + (own * phi).sum(1)),
            "The shape is (n, n): ψ·φ is a column (n, 1) and the class term (n,), so that each is added to each. Let "
            "both be (n,).",
        ),
    },
    hints=[
        "classes[labels] has one row for each example, (n, d). A dot product for each row: multiply, then sum over d.",
        "features @ psi + (classes[labels] * features).sum(1).",
    ],
)


# --- matching_aware_loss ----------------------------------------------------------------------------


class MatchingAwareLoss(NamedTuple):
    """The loss, and how it moves with each logit."""

    value: Any
    gradient_to_real_logits: Tensor
    gradient_to_fake_logits: Tensor
    gradient_to_mismatched_logits: Tensor


def matching_aware_loss_and_gradients(function: Callable[..., Any], *logits: Tensor) -> MatchingAwareLoss:
    """Zeros for a gradient that the function cuts."""
    logits = tuple(x.requires_grad_() for x in logits)
    value = function(*logits)
    return MatchingAwareLoss(value, *gradients_of(value, *logits))


def matching_aware_loss_reference(
    real_logits: Tensor, fake_logits: Tensor, mismatched_logits: Tensor
) -> Tensor:
    on_real = functional.softplus(-real_logits).mean()  # -log D = softplus(-logit)
    on_fake = functional.softplus(fake_logits).mean()  # -log(1 - D) = softplus(logit)
    on_mismatched = functional.softplus(mismatched_logits).mean()
    return on_real + (on_fake + on_mismatched) / 2


def weighted(
    real: float,
    fake: float,
    mismatched: float,
    *,
    fake_is_real: bool = False,
    mismatched_is_real: bool = False,
) -> Callable[..., Tensor]:
    """The three means with other weights, and other pairs called real."""

    def matching_aware_loss(real_logits: Tensor, fake_logits: Tensor, mismatched_logits: Tensor) -> Tensor:
        on_fake = softplus(-fake_logits if fake_is_real else fake_logits).mean()
        on_mismatched = softplus(-mismatched_logits if mismatched_is_real else mismatched_logits).mean()
        return real * softplus(-real_logits).mean() + fake * on_fake + mismatched * on_mismatched

    return matching_aware_loss


def from_terms(
    on_real: Callable[[Tensor], Tensor], on_fake: Callable[[Tensor], Tensor]
) -> Callable[..., Tensor]:
    """The loss by other terms, functions of the logits of what is called real and of what is called fake."""

    def matching_aware_loss(real_logits: Tensor, fake_logits: Tensor, mismatched_logits: Tensor) -> Tensor:
        return on_real(real_logits) + (on_fake(fake_logits) + on_fake(mismatched_logits)) / 2

    return matching_aware_loss


def matching_aware_loss_log_of_mean(
    real_logits: Tensor, fake_logits: Tensor, mismatched_logits: Tensor
) -> Tensor:
    called_fake = (fake_logits.sigmoid().mean() + mismatched_logits.sigmoid().mean()) / 2
    return -real_logits.sigmoid().mean().log() - (1 - called_fake).log()


def matching_aware_loss_cases() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Logits as in training, logits that a sigmoid or an exp rounds, logits between 0 and 1."""
    sure = (
        torch.tensor([[150.0], [-120.0], [30.0], [2.0]]),
        torch.tensor([[-150.0], [110.0], [20.0], [1.0]]),
        torch.tensor([[130.0], [-40.0], [25.0], [-100.0]]),
    )
    return [
        (2 * seeded(6), 2 * seeded(6, seed=1), 2 * seeded(6, seed=2) - 0.5),
        sure,
        (seeded(3, seed=3).sigmoid(), seeded(3, seed=4).sigmoid(), seeded(3, seed=5).sigmoid()),
    ]


matching_aware_loss = Exercise(
    "matching_aware_loss",
    chapter=CHAPTER,
    task="The loss of a discriminator that also learns to refuse a real example under a wrong condition: "
    "-E[log D(real, right)] - ½(E[log(1 - D(fake, right))] + E[log(1 - D(real, wrong))]). From the logits of the three "
    "kinds of pairs, n of each, (n,) or (n, 1), to one number in nats. Logits may be as large as 150. The check also "
    "looks at the gradients.",
    reference=matching_aware_loss_reference,
    cases=matching_aware_loss_cases,
    observe=matching_aware_loss_and_gradients,
    mistakes={
        "mismatched_is_real": (
            weighted(1, 0.5, 0.5, mismatched_is_real=True),
            "The mismatched pairs count as real. Their examples are, but the pair is not: a wrong condition makes it a "
            "fake, -log(1 - D).",
        ),
        "mismatched_beside_real": (
            weighted(0.5, 1, 0.5, mismatched_is_real=True),
            "The mismatched pairs stand beside the real ones, half of what is called real. This D is told to accept "
            "any condition. They belong to the fakes: -log(1 - D), and half of those.",
        ),
        "mismatched_is_real_too": (
            weighted(1, 1, 1, mismatched_is_real=True),
            "Three means are added, and the mismatched pairs count as real. They are fakes, -log(1 - D), and both "
            "kinds of fakes count half.",
        ),
        "no_half": (
            weighted(1, 1, 1),
            "The ½ is missing, so what is called fake weighs twice as much as what is called real. The best D for that "
            "is too small everywhere.",
        ),
        "half_on_fakes_only": (
            weighted(1, 0.5, 1),
            "The ½ stands only before the fakes. It belongs to the sum of both: the mismatched pairs count half too.",
        ),
        "half_on_mismatched_only": (
            weighted(1, 1, 0.5),
            "The ½ stands only before the mismatched pairs. It belongs to the sum of both: the fakes count half too.",
        ),
        "half_of_all": (
            weighted(0.5, 0.5, 0.5),
            "The real pairs count half as well. They are alone on their side: they count in full, and the two kinds of "
            "fakes half each.",
        ),
        "all_in_one_mean": (
            weighted(1 / 3, 1 / 3, 1 / 3),
            "This is one mean over all pairs: real ones have a third of the weight, fakes of both kinds two thirds. "
            "Take the mean of what is called real, and the mean of what is called fake, and add them.",
        ),
        "mismatched_forgotten": (
            weighted(1, 1, 0),
            "The mismatched pairs have no part in it. This is the loss of chapter 5, and a D that never looks at the "
            "condition can make it small.",
        ),
        "mismatched_lost": (
            weighted(1, 0.5, 0),
            "The fakes count half, and the other half is empty: add ½ of -log(1 - D) of the mismatched pairs.",
        ),
        "fakes_forgotten": (
            weighted(1, 0, 1),
            "The generator's fakes have no part in it: this D learns which condition fits, and not which examples are "
            "generated.",
        ),
        "fakes_lost": (
            weighted(1, 0, 0.5),
            "The mismatched pairs count half, and the other half is empty: add ½ of -log(1 - D) of the fakes.",
        ),
        "real_forgotten": (
            weighted(0, 0.5, 0.5),
            "The real pairs have no part in it: a D that calls everything fake would have the loss 0. Add -log D of "
            "the real pairs.",
        ),
        "fake_is_real": (
            weighted(1, 0.5, 0.5, fake_is_real=True),
            "The generator's fakes count as real: -log D of fakes is the generator's own loss. For D they are fakes, "
            "-log(1 - D).",
        ),
        "value": (
            weighted(-1, -0.5, -0.5),
            "The sign is turned: this is what D maximises. An optimizer minimises.",
        ),
        "swapped": (
            from_terms(lambda s: softplus(s).mean(), lambda s: softplus(-s).mean()),
            "The labels have changed places: this D learns to call fakes and mismatched pairs real, and real pairs "
            "fake.",
        ),
        "overflow": (
            from_terms(lambda s: -s.sigmoid().log().mean(), lambda s: -(1 - s.sigmoid()).log().mean()),
            "Right for small logits. For large ones the probability is rounded to 0 or 1, and its logarithm is -inf. "
            "-log D = softplus(-logit) has no such limit.",
        ),
        "overflow_of_exp": (
            from_terms(
                lambda s: (1 + (-s).exp()).log().mean(),
                lambda s: (1 + s.exp()).log().mean(),
            ),
            "Right for small logits. exp(150) is too large for a float32: functional.softplus(a) is log(1 + exp(a)) "
            "without the detour.",
        ),
        "clamped": (
            from_terms(
                lambda s: functional.binary_cross_entropy(s.sigmoid(), torch.ones_like(s)),
                lambda s: functional.binary_cross_entropy(s.sigmoid(), torch.zeros_like(s)),
            ),
            "Right for small logits. binary_cross_entropy takes probabilities and cuts their logarithms off at -100: "
            "take binary_cross_entropy_with_logits.",
        ),
        "offset": (
            from_terms(
                lambda s: -(s.sigmoid() + 1e-8).log().mean(),
                lambda s: -(1 - s.sigmoid() + 1e-8).log().mean(),
            ),
            "Right for small logits. The 1e-8 in the logarithm is a floor: a D that is sure and wrong pays no more "
            "than 18 nats, and has no gradient there. softplus needs no floor.",
        ),
        "two_sigmoids": (
            from_terms(lambda s: softplus(-s.sigmoid()).mean(), lambda s: softplus(s.sigmoid()).mean()),
            "The sigmoid is applied twice. What takes logits applies it itself.",
        ),
        "sum": (
            from_terms(lambda s: softplus(-s).sum(), lambda s: softplus(s).sum()),
            "These are sums over the batch, which double with twice the pairs. Take means.",
        ),
        "not_averaged": (
            from_terms(lambda s: softplus(-s), softplus),
            "Right for each place of the batch. One number is asked for: the mean over the batch.",
        ),
        "log_of_mean": (
            matching_aware_loss_log_of_mean,
            "The probabilities are averaged before the logarithm. E[log D] is the mean of the logarithms.",
        ),
        "detached": (
            from_terms(lambda s: softplus(-s.detach()).mean(), lambda s: softplus(s.detach()).mean()),
            "The value is right, but it has no gradient, so D cannot learn from it: no detach(), and no item().",
        ),
    },
    hints=[
        "Three means. Which of the three kinds of pairs is D to call real? From a logit, -log D is softplus(-logit), "
        "and -log(1 - D) is softplus(logit).",
        "softplus(-real_logits).mean() + (softplus(fake_logits).mean() + softplus(mismatched_logits).mean()) / 2, with "
        "softplus = torch.nn.functional.softplus.",
    ],
)


# --- encoded ----------------------------------------------------------------------------------------


class Encoded(NamedTuple):
    """The numbers, and what kind of numbers they are."""

    numbers: Any
    kind: str


def encoded_and_kind(
    function: Callable[..., Any], captions: list[str], words: tuple[str, ...], length: int
) -> Encoded:
    """The kind counts only where the numbers are right, so that a mistake in them has its own message."""
    numbers = function(captions, words, length)
    right = encoded_reference(captions, words, length)
    kind = "integers"
    if isinstance(numbers, Tensor | np.ndarray):
        found = torch.as_tensor(numbers)
        if found.is_floating_point() and torch.equal(found, right.to(found)):
            kind = "floating-point numbers"
    return Encoded(numbers, kind)


def encoded_reference(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
    numbers = torch.zeros(len(captions), length, dtype=torch.int64)  # 0 is padding
    for row, caption in enumerate(captions):
        for place, word in enumerate(re.findall("[a-z]+", caption.lower())):
            numbers[row, place] = words.index(word) + 1
    return numbers


Split = Callable[[str], list[str]]  # a caption to its words
LookUp = Callable[[str, tuple[str, ...]], list[int]]  # a word to its number, or to none


def letters(caption: str) -> list[str]:
    """The words of a caption, in lower case."""
    return re.findall("[a-z]+", caption.lower())


def number_of(word: str, words: tuple[str, ...]) -> list[int]:
    """The number of a word; a ValueError if it is unknown."""
    return [words.index(word) + 1]


def encoded_with(split: Split = letters, look_up: LookUp = number_of) -> Callable[..., Tensor]:
    """Words and their numbers found in another way."""

    def encoded(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
        rows = [[k for word in split(caption) for k in look_up(word, words)] for caption in captions]
        return torch.tensor([row + [0] * (length - len(row)) for row in rows])

    return encoded


def rows_of(
    arrange: Callable[[list[int], int], list[int]],
) -> Callable[[list[str], tuple[str, ...], int], Tensor]:
    """The right numbers of each caption's words, arranged in a row in another way."""

    def encoded(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
        rows = [[words.index(word) + 1 for word in letters(caption)] for caption in captions]
        return torch.tensor([arrange(row, length) for row in rows])

    return encoded


def encoded_own_length(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
    return encoded_reference(captions, words, max(len(letters(caption)) for caption in captions))


def encoded_alphabetical(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
    return encoded_reference(captions, tuple(sorted(words)), length)


def encoded_own_words(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
    found = tuple(dict.fromkeys(word for caption in captions for word in letters(caption)))
    return encoded_reference(captions, found, length)


def encoded_floats(captions: list[str], words: tuple[str, ...], length: int) -> Tensor:
    return encoded_reference(captions, words, length).float()


SPLITS: dict[str, tuple[Split, str]] = {
    "case": (
        lambda caption: re.findall("[A-Za-z]+", caption),
        "Upper and lower case count as different here, so a word such as 'Red' is not found",
    ),
    "punctuation": (
        lambda caption: caption.lower().split(),
        "Punctuation stays at some words here, so that 'night,' or 'creature;' is not found",
    ),
    "glued": (
        lambda caption: re.sub("[^a-z ]", "", caption.lower()).split(),
        "Punctuation separates here only with a blank beside it: 'red,round' stays one word, and is not found",
    ),
    "case_and_punctuation": (
        lambda caption: caption.split(),
        "Captions are only cut at blanks here, so that neither 'Red' nor 'creature;' is found",
    ),
}
LOOK_UPS: dict[str, tuple[LookUp, str]] = {
    "index": (number_of, "and a ValueError is raised"),
    "key": (
        lambda word, words: [{w: k for k, w in enumerate(words, 1)}[word]],
        "and a KeyError is raised",
    ),
    "left_out": (
        lambda word, words: [words.index(word) + 1] if word in words else [],
        "and left out",
    ),
    "zero": (
        lambda word, words: [words.index(word) + 1 if word in words else 0],
        "and 0 stands for it, as if it were padding",
    ),
}


encoded = Exercise(
    "encoded",
    chapter=CHAPTER,
    task="Captions as numbers: a list of n captions, to (n, length) int64. The number of a word is its place in the "
    "tuple `words` plus 1; a row has the numbers of the caption's words in their order, and 0 after the last one. A "
    "word is a run of letters a to z: upper and lower case are the same, and everything else only separates. All words "
    "are known (`words` has them in lower case), and no caption has more than `length`.",
    reference=encoded_reference,
    cases=lambda: [
        (["a red creature", "red at night"], ("red", "creature", "a", "night", "at"), 4),
        (
            ["A red creature at night", "Red", "a small creature"],
            ("night", "creature", "red", "a", "small", "at"),
            5,
        ),
        (
            ["at night, a red creature; it has a horn."],
            ("has", "at", "red", "creature", "night", "it", "horn", "a"),
            10,
        ),
        (
            ["A red,round creature; at night.", "Night:a creature!", "round, red"],
            ("at", "creature", "night", "a", "round", "red"),
            6,
        ),
    ],
    observe=encoded_and_kind,
    mistakes={
        "from_0": (
            rows_of(lambda row, length: [k - 1 for k in row] + [0] * (length - len(row))),
            "The words are numbered from 0, so the first word of `words` cannot be told from padding. Add 1.",
        ),
        "padding_first": (
            rows_of(lambda row, length: [0] * (length - len(row)) + row),
            "The zeros stand before the words. They come after the last word, so that every caption begins in the "
            "first column.",
        ),
        "padded_with_minus_1": (
            rows_of(lambda row, length: row + [-1] * (length - len(row))),
            "The padding is -1. It is 0, which is why the words are numbered from 1.",
        ),
        "padded_with_last": (
            rows_of(lambda row, length: row + row[-1:] * (length - len(row))),
            "The last word is repeated up to the end of the row. After the last word come zeros.",
        ),
        "cut": (
            rows_of(lambda row, length: [*(row + [0] * length)[: length - 1], 0]),
            "The last column is always 0: a caption of `length` words loses its last one.",
        ),
        "reversed": (
            rows_of(lambda row, length: row[::-1] + [0] * (length - len(row))),
            "The words stand in reverse. Their order is that of the caption.",
        ),
        "sorted": (
            rows_of(lambda row, length: sorted(row) + [0] * (length - len(row))),
            "The words of a caption are sorted by number. Their order is that of the caption: what reads them word by "
            "word may need it.",
        ),
        "not_padded": (
            rows_of(lambda row, length: row),
            "The rows are not padded: each has as many numbers as its caption has words, and rows of different lengths "
            "make no tensor. Fill them up with zeros to `length`.",
        ),
        "own_length": (
            encoded_own_length,
            "The rows are as long as the longest caption of the list. They shall have `length` columns, whatever the "
            "captions are.",
        ),
        "alphabetical": (
            encoded_alphabetical,
            "The words are numbered in alphabetical order. Their numbers are their places in `words`, plus 1: here "
            "`words` is in another order.",
        ),
        "own_words": (
            encoded_own_words,
            "The words are numbered as they first appear in the captions, so other captions give the same word another "
            "number. Look them up in `words`.",
        ),
        "floats": (
            encoded_floats,
            "The numbers are right, but they are floating-point numbers. An embedding takes its row numbers as "
            "integers: dtype=torch.int64.",
        ),
        **{
            f"{how}_{what}": (encoded_with(split, look_up), f"{why}, {effect}. {cure}")
            for cure in ["re.findall('[a-z]+', caption.lower()) gives the words."]
            for how, (split, why) in SPLITS.items()
            for what, (look_up, effect) in LOOK_UPS.items()
        },
    },
    hints=[
        "Start with zeros (n, length), int64. Then caption by caption and word by word: which word, and which place?",
        "After import re, re.findall('[a-z]+', caption.lower()) gives the words of a caption; words.index(word) + 1 is "
        "the number of one.",
    ],
)


# --- overlaps ---------------------------------------------------------------------------------------


def overlaps_reference(side: int, kernel: int, stride: int) -> Tensor:
    counts = torch.zeros((side - 1) * stride + kernel)
    for i in range(side):
        counts[i * stride : i * stride + kernel] += 1  # the output pixels that input pixel i reaches
    return counts


def spread(inputs: Sequence[int], kernel: int, stride: int, length: int) -> Tensor:
    """Counts of `length` output pixels, of which each input i reaches `kernel`, from i·stride on."""
    counts = torch.zeros(length)
    for i in inputs:
        counts[i * stride : i * stride + kernel] += 1
    return counts


def overlaps_of(change: Callable[[Tensor, int, int], Tensor]) -> Callable[[int, int, int], Tensor]:
    """A change of the right counts, by kernel and stride."""

    def overlaps(side: int, kernel: int, stride: int) -> Tensor:
        return change(overlaps_reference(side, kernel, stride), kernel, stride)

    return overlaps


def overlaps_side_times_stride(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), kernel, stride, side * stride)


def overlaps_one_step_longer(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), kernel, stride, side * stride + kernel)


def overlaps_stride_1(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), kernel, 1, side + kernel - 1)


def overlaps_swapped(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), stride, kernel, (side - 1) * kernel + stride)


def overlaps_kernel_less_1(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), kernel - 1, stride, (side - 1) * stride + kernel)


def overlaps_kernel_plus_1(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side), kernel + 1, stride, (side - 1) * stride + kernel)


def overlaps_last_left_out(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(side - 1), kernel, stride, (side - 1) * stride + kernel)


def overlaps_first_left_out(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(1, side), kernel, stride, (side - 1) * stride + kernel)


def overlaps_ordinary(side: int, kernel: int, stride: int) -> Tensor:
    return torch.full(((side - kernel) // stride + 1,), float(kernel))


def overlaps_ordinary_inputs(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range((side - kernel) // stride + 1), kernel, stride, side)


def overlaps_endless(side: int, kernel: int, stride: int) -> Tensor:
    return spread(range(kernel), kernel, stride, kernel * stride)[
        (torch.arange((side - 1) * stride + kernel) % stride) + (kernel - 1) * stride
    ]


overlaps = Exercise(
    "overlaps",
    chapter=CHAPTER,
    task="Where checkerboards come from: in a transposed convolution on a line, without padding, input pixel i (from 0 "
    "to side - 1) reaches the `kernel` output pixels from i·stride on. How many input pixels reach each output pixel? "
    "The result is a tensor of counts, one for each of the (side - 1)·stride + kernel output pixels. All three "
    "arguments are ints.",
    reference=overlaps_reference,
    cases=[(5, 4, 2), (6, 3, 2), (3, 2, 3), (5, 3, 1), (6, 5, 3)],
    mistakes={
        "side_times_stride": (
            overlaps_side_times_stride,
            "The output has side·stride pixels here, for which layers need padding. Without it the last input pixel "
            "starts at (side - 1)·stride and reaches `kernel` pixels from there.",
        ),
        "one_step_longer": (
            overlaps_one_step_longer,
            "The output is one stride too long, with zeros at its end: the first input pixel starts at 0, so the last "
            "one starts at (side - 1)·stride, not at side·stride.",
        ),
        "one_pixel_shorter": (
            overlaps_of(lambda counts, kernel, stride: counts[:-1]),
            "The last output pixel is missing: the last input pixel reaches those from (side - 1)·stride to "
            "(side - 1)·stride + kernel - 1, so there are (side - 1)·stride + kernel.",
        ),
        "stride_1": (
            overlaps_stride_1,
            "This is right for a stride of 1. With a larger one, neighbouring input pixels start `stride` output "
            "pixels apart.",
        ),
        "swapped": (
            overlaps_swapped,
            "Kernel and stride have changed places. Each input pixel reaches `kernel` output pixels, and the next one "
            "starts `stride` further.",
        ),
        "kernel_less_1": (
            overlaps_kernel_less_1,
            "Each input pixel reaches only kernel - 1 output pixels here. A slice excludes its end: "
            "i·stride to i·stride + kernel.",
        ),
        "kernel_plus_1": (
            overlaps_kernel_plus_1,
            "Each input pixel reaches kernel + 1 output pixels here, one too many. The last one that it reaches is "
            "i·stride + kernel - 1.",
        ),
        "last_left_out": (
            overlaps_last_left_out,
            "The last input pixel reaches nothing here. There are `side` of them: range(side).",
        ),
        "first_left_out": (
            overlaps_first_left_out,
            "The first input pixel reaches nothing here. The input pixels are numbered from 0: range(side).",
        ),
        "ordinary": (
            overlaps_ordinary,
            "This is the ordinary convolution: its output is smaller than the input, and each output pixel sees "
            "`kernel` input pixels. The transposed one goes the other way: each input pixel reaches `kernel` output "
            "pixels.",
        ),
        "ordinary_inputs": (
            overlaps_ordinary_inputs,
            "This counts, in an ordinary convolution, how many windows see each input pixel. In the transposed one the "
            "counts are of the output, with (side - 1)·stride + kernel pixels.",
        ),
        "constant": (
            overlaps_of(lambda counts, kernel, stride: torch.full_like(counts, kernel / stride)),
            "kernel/stride is the mean far from the ends. The counts themselves are whole numbers: they are all equal "
            "inside only if stride divides kernel, and may be smaller at the ends.",
        ),
        "constant_whole": (
            overlaps_of(lambda counts, kernel, stride: torch.full_like(counts, kernel // stride)),
            "This is kernel // stride everywhere. The counts may be smaller at the ends, and where stride does not "
            "divide kernel some are larger: count pixel by pixel.",
        ),
        "kernel_everywhere": (
            overlaps_of(lambda counts, kernel, stride: torch.full_like(counts, kernel)),
            "`kernel` is how many output pixels one input pixel reaches. Asked for is the other way round: how many "
            "input pixels reach one output pixel.",
        ),
        "endless": (
            overlaps_endless,
            "Right inside, wrong at the ends: it counts input pixels before the first and after the last one, which do "
            "not exist.",
        ),
        "reached": (
            overlaps_of(lambda counts, kernel, stride: counts.clamp(max=1)),
            "This says whether an output pixel is reached. Count how often: += 1, not = 1.",
        ),
    },
    hints=[
        "Start with zeros. Each input pixel adds 1 to all the output pixels that it reaches.",
        "for i in range(side): counts[i * stride : i * stride + kernel] += 1.",
    ],
)


# --- matching_loss ----------------------------------------------------------------------------------


class MatchingLoss(NamedTuple):
    """The loss, and how it moves with each score."""

    value: Any
    gradient_to_scores: Tensor


def matching_loss_and_gradient(function: Callable[..., Any], scores: Tensor) -> MatchingLoss:
    """Zeros for a gradient that the function cuts."""
    scores = scores.requires_grad_()
    value = function(scores)
    return MatchingLoss(value, *gradients_of(value, scores))


def matching_loss_reference(scores: Tensor) -> Tensor:
    own = torch.arange(len(scores))  # the right condition of example i is number i
    of_rows = functional.cross_entropy(scores, own)  # which condition belongs to this example?
    of_columns = functional.cross_entropy(scores.T, own)  # which example belongs to this condition?
    return (of_rows + of_columns) / 2


def in_both(one_way: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The mean of another loss of the rows, and the same one of the columns."""

    def matching_loss(scores: Tensor) -> Tensor:
        return (one_way(scores) + one_way(scores.T)) / 2

    return matching_loss


def of_own(scores: Tensor) -> Tensor:
    """Cross-entropy of the diagonal, row by row."""
    return cross_entropy(scores, torch.arange(len(scores)))


def matching_loss_whole_matrix(scores: Tensor) -> Tensor:
    return -scores.flatten().log_softmax(0).reshape(scores.shape).diagonal().mean()


def matching_loss_averaged(scores: Tensor) -> Tensor:
    return -((scores.softmax(0) + scores.softmax(1)) / 2).diagonal().log().mean()


def matching_loss_without_own(scores: Tensor) -> Tensor:
    others = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), -torch.inf)
    return (others.logsumexp(1) - scores.diagonal()).mean()


def matching_loss_first(scores: Tensor) -> Tensor:
    return cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64))


matching_loss = Exercise(
    "matching_loss",
    chapter=CHAPTER,
    task="What teaches a network which caption belongs to which picture. scores (n, n) has the score of picture i with "
    "caption j in row i and column j, so the right pairs are on the diagonal. Give the mean of two cross-entropies: "
    "that of finding each picture's caption among all n, and that of finding each caption's picture. One number, in "
    "nats; both are means over the batch. Scores may be as large as 150. The check also looks at the gradient.",
    reference=matching_loss_reference,
    cases=lambda: [
        (2 * seeded(4, 4),),
        (torch.tensor([[150.0, -20.0, 10.0], [130.0, 5.0, 20.0], [3.0, 150.0, -40.0]]),),
        (seeded(6, 6, seed=1) + 2 * torch.eye(6),),
    ],
    observe=matching_loss_and_gradient,
    mistakes={
        "only_rows": (
            of_own,
            "These are the rows only: each picture finds its caption. A caption that scores high with every picture "
            "is never asked for its own one: add the columns, and take the mean of both.",
        ),
        "only_columns": (
            lambda scores: of_own(scores.T),
            "These are the columns only: each caption finds its picture. Add the rows, each picture's caption, and "
            "take the mean of both.",
        ),
        "sum_of_both": (
            lambda scores: of_own(scores) + of_own(scores.T),
            "Exactly twice the right value: both directions are there, but added. Take their mean.",
        ),
        "sum_over_batch": (
            in_both(lambda scores: cross_entropy(scores, torch.arange(len(scores)), reduction="sum")),
            "Both directions are there, but summed over the batch. Take means, so that the loss does not grow with n "
            "by the number of terms alone.",
        ),
        "whole_matrix": (
            matching_loss_whole_matrix,
            "The softmax goes over the whole matrix, as if there were one right pair among all n². Each picture "
            "chooses among n captions: a softmax for each row, and one for each column.",
        ),
        "sign": (
            lambda scores: -matching_loss_reference(scores),
            "The sign is turned: this is the mean log-probability of the right pairs, which is to be large. The loss "
            "is minus that.",
        ),
        "overflow": (
            in_both(lambda scores: (scores.exp().sum(1).log() - scores.diagonal().exp().log()).mean()),
            "Right for small scores. exp(150) is too large for a float32: cross_entropy, log_softmax and logsumexp do "
            "without the detour.",
        ),
        "overflow_of_quotient": (
            in_both(lambda scores: -(scores.exp().diagonal() / scores.exp().sum(1)).log().mean()),
            "Right for small scores. exp(150) is too large for a float32, and infinity divided by infinity is NaN: "
            "cross_entropy takes the scores themselves.",
        ),
        "log_of_softmax": (
            in_both(lambda scores: -scores.softmax(1).diagonal().log().mean()),
            "Right for small scores. A probability such as exp(-190) is rounded to 0, and its logarithm is -inf: "
            "log_softmax and cross_entropy never form it.",
        ),
        "two_softmaxes": (
            in_both(lambda scores: of_own(scores.softmax(1))),
            "The softmax is applied twice: cross_entropy takes scores, and applies it itself.",
        ),
        "probabilities": (
            in_both(lambda scores: 1 - scores.softmax(1).diagonal().mean()),
            "The logarithm is missing: this is 1 minus the mean probability of the right pairs. Cross-entropy is minus "
            "the mean of its logarithm.",
        ),
        "averaged_probabilities": (
            matching_loss_averaged,
            "The probabilities of the two directions are averaged before the logarithm. Take the cross-entropy of "
            "each, then the mean.",
        ),
        "all_entries": (
            in_both(lambda scores: -scores.log_softmax(1).mean()),
            "This is the mean over all n² pairs, as if every caption belonged to every picture. Only the diagonal is "
            "right.",
        ),
        "without_own": (
            in_both(matching_loss_without_own),
            "In the sum of the softmax the right pair itself is left out. It belongs to the n that are chosen among.",
        ),
        "yes_or_no": (
            lambda scores: functional.binary_cross_entropy_with_logits(scores, torch.eye(len(scores))),
            "This asks for each of the n² pairs by itself whether it is right, yes or no. Here each picture chooses "
            "one of n captions: a softmax, not a sigmoid.",
        ),
        "only_diagonal": (
            lambda scores: -scores.diagonal().mean(),
            "This raises the scores of the right pairs, and nothing lowers those of the wrong ones: all scores could "
            "grow together. Compare them by a softmax.",
        ),
        "first": (
            in_both(matching_loss_first),
            "The right caption of every picture is said to be number 0. That of picture i is number i: "
            "torch.arange(n).",
        ),
        "detached": (
            lambda scores: matching_loss_reference(scores.detach()),
            "The value is right, but it has no gradient, so nothing can learn from it: no detach(), and no item().",
        ),
    },
    hints=[
        "It is twice a classification into n classes, in which the right class of row i is i. For the columns, turn "
        "the matrix.",
        "own = torch.arange(len(scores)); the mean of functional.cross_entropy(scores, own) and that of scores.T.",
    ],
)


all_exercises = [
    joined,
    projection_logit,
    matching_aware_loss,
    encoded,
    overlaps,
    matching_loss,
]


# --- questions --------------------------------------------------------------------------------------

recall_js = Question(
    "recall_js",
    chapter=CHAPTER,
    text="Data and fakes do not overlap anywhere, and the discriminator is optimal. What is their Jensen-Shannon "
    "divergence, and which gradient does the saturating loss log(1 - D) give to the generator?",
    choices={
        "a": (
            "It is large if they are far apart and small if they are near; the gradient points to the data",
            "So does the Wasserstein distance. JS does not see how far apart they are.",
        ),
        "b": (
            "log 2 at any distance; the gradient is 0, since D is 0 wherever the fakes are",
            "Where a divergence is constant there is no way down. A condition does not change that: it holds for "
            "each one.",
            True,
        ),
        "c": (
            "log 2 at any distance; the gradient is as strong as ever, since D is so sure",
            "The slope in the logit is -D, which is 0 here. It is -log D whose slope, -(1 - D), is strong when D is "
            "sure of a fake.",
        ),
    },
)
recall_collapse = Question(
    "recall_collapse",
    chapter=CHAPTER,
    text="A ring of 8 Gaussians. Which numbers show mode collapse: modes reached, and the share of points of high "
    "quality (within 3 standard deviations of a mode; 98.9 % of true samples)?",
    choices={
        "a": (
            "1 of 8 modes, 99 % of high quality",
            "Each point alone looks right; it is the variety that is missing. So quality has to stand beside a "
            "measure of variety: this chapter's pair is agreement and the distance within a class.",
            True,
        ),
        "b": (
            "8 of 8 modes, 60 % of high quality",
            "Nothing is missing here. But many points lie between or far from the modes: bad quality, not collapse.",
        ),
        "c": (
            "8 of 8 modes, 98.9 % of high quality",
            "By these two numbers this is as good as true samples. They do not see the widths within the modes.",
        ),
    },
)
recall_r1 = Question(
    "recall_r1",
    chapter=CHAPTER,
    text="Without a penalty the two players of the Dirac GAN circle around the equilibrium, or spiral away from it. "
    "What does R1 change?",
    choices={
        "a": (
            "It pulls the critic's slope to 1 between real and fake, so that the circles become regular",
            "That is the gradient penalty of a WGAN. A slope that stays 1 would push the generator on even when it has "
            "arrived.",
        ),
        "b": (
            "It makes the generator's steps smaller, so that the circles become smaller",
            "R1 is a part of the discriminator's loss only. Smaller steps alone still circle.",
        ),
        "c": (
            "It pulls the discriminator's slope at real data to 0, so that with small enough steps the circles become "
            "spirals inwards",
            "At the equilibrium nothing shall push the generator any more. And the slope is held where the data are, "
            "not at the fakes or between the two.",
            True,
        ),
    },
)
ignored_condition = Question(
    "ignored_condition",
    chapter=CHAPTER,
    text="The generator of a conditional GAN of digits is told which digit to draw; its discriminator sees only the "
    "picture. What comes of it?",
    choices={
        "a": (
            "Digits that may look good, but have nothing to do with the one asked for: a judge agrees in about one of "
            "ten",
            "A 7 under the label 3 is as good to this discriminator as a 3: nothing in the loss rewards obeying. The "
            "label is only some more noise.",
            True,
        ),
        "b": (
            "The digits that are asked for, since the generator gets the label with every z",
            "To get the label is not yet a reason to use it. The reason would have to come from the loss, and the loss "
            "knows only the discriminator's opinion of the picture.",
        ),
        "c": (
            "No digits at all: the two players work on different tasks",
            "Both work on the task of chapter 5, to tell real pictures from generated ones. That works without labels.",
        ),
    },
)
one_per_class = Question(
    "one_per_class",
    chapter=CHAPTER,
    text="A generator draws one perfect picture for each digit, the same for every z. Three measures: a judge's "
    "agreement with the digit asked for, the distance of two samples of one digit, and the accuracy on real digits of "
    "a classifier that is trained on its samples. Which of them look good?",
    choices={
        "a": (
            "All three: each picture is perfect, and of the right digit",
            "The distance is 0, where real digits are far from each other. And ten pictures, however often repeated, "
            "do not show a classifier how else the digits can be written.",
        ),
        "b": (
            "Agreement and the classifier; only the distance is bad",
            "The classifier learns from ten different pictures. Most ways of writing a digit are new to it.",
        ),
        "c": (
            "Only the agreement; the distance is 0, and the classifier does poorly on real digits",
            "Agreement asks whether each picture is right, the other two also whether there are enough of them. So "
            "this chapter gives agreement never alone.",
            True,
        ),
    },
)
held_out = Question(
    "held_out",
    chapter=CHAPTER,
    text="In training, some pairs of attributes were left out. Asked for a left-out pair of colour and horns, a model "
    "draws both right nearly always; asked for one of body and time of day, much less often. What may be said?",
    choices={
        "a": (
            "The model has understood what captions mean; the second pair must be a mistake in the test",
            "One pair that works says nothing about another one. Without a sign of a mistake, both results count.",
        ),
        "b": (
            "This model combines these colours and horns as never seen before, and that body and time less well: a new "
            "combination is not guaranteed, measure each one",
            "Nothing in the loss asks for pairs that never occur. Whether they come out right depends on the model, "
            "the training and the pair: so it is reported for each, beside the seen ones.",
            True,
        ),
        "c": (
            "It has learned its training pictures by heart, or the second pair would work as well",
            "Then the first pair would not work either: it was left out too. A copy has no new combination in it.",
        ),
    },
)
mismatched_price = Question(
    "mismatched_price",
    chapter=CHAPTER,
    text="In training from text, real pictures with wrong captions count as fakes too. What does that add, and what "
    "may it cost?",
    choices={
        "a": (
            "It adds pictures from which the generator learns what not to draw; it costs memory",
            "The generator sees no picture, neither right nor wrong. These pairs teach the discriminator, and reach "
            "the generator through its gradient only.",
        ),
        "b": (
            "It adds more fakes, so the discriminator gets stronger in telling generated pictures; it costs nothing",
            "These pictures are real, so they show nothing of what generated ones look like. They can be told only by "
            "their captions.",
        ),
        "c": (
            "The discriminator has to check the caption, which looking real cannot replace; it may cost variety among "
            "the pictures of one caption",
            "To look real is no longer enough. But now even for perfect fakes the best D is not ½ everywhere: it is "
            "higher where fewer other captions fit the picture. A generator gains by drawing more of those, so "
            "measure the variety.",
            True,
        ),
    },
)

questions = [
    recall_js,
    recall_collapse,
    recall_r1,
    ignored_condition,
    one_per_class,
    held_out,
    mismatched_price,
]
