"""Judges: small classifiers, trained on true images, that say what a generated image shows.

A measure that depends on a judge is comparable only between images seen by the same judge.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Literal, overload

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from course_utils import training, weights
from course_utils.data import CREATURE_ATTRIBUTES, load_mnist
from course_utils.history import History
from course_utils.networks import apply_in_batches
from course_utils.validation import check_choice, check_finite, check_number, check_tensor

__all__ = [
    "AttributeJudge",
    "Judge",
    "attribute_judge_network",
    "fit_judge",
    "judge",
    "judge_network",
    "real_accuracy_after",
]


class _Reader(nn.Module):
    """What all judges do: check the images, and read them in batches on one thread, without gradients."""

    def __init__(self, hidden: nn.Sequential, output: nn.Linear, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.hidden = hidden
        self.output = output
        self.image_shape = tuple(image_shape)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images, with gradients, for instance to look for adversarial images."""
        return self.output(self.hidden(x))

    def features(self, images: Tensor) -> Tensor:
        """Activations of the hidden layer, (n, n_features)."""
        return self._evaluate(self.hidden, images)

    def _evaluate(self, network: nn.Module, images: Tensor) -> Tensor:
        check_finite(check_tensor(images, "images"), "images")
        if images.shape[1:] != self.image_shape or len(images) == 0:
            expected = ", ".join(map(str, self.image_shape))
            raise ValueError(
                f"images must have shape (n, {expected}), n at least 1, got {tuple(images.shape)}"
            )
        low, high = images.aminmax()
        if low < 0 or high > 1:
            raise ValueError(
                f"images must lie in [0, 1], got values from {low:g} to {high:g}; images.clamp(0, 1) cuts "
                "what a linear output leaves outside; divide pixels of 0..255 by 255"
            )
        with training.threads(1):
            return apply_in_batches(network, images)


class Judge(_Reader):
    """A classifier of images: labels, probabilities, and the hidden layer as features.

    The methods take images (n, *image_shape) in [0, 1], work in batches on one thread and give no gradients.
    Calling the judge gives logits (n, n_classes) with gradients, for instance to look for adversarial images.

    Args:
        hidden: takes images, gives features (n, n_features).
        output: takes features, gives logits (n, n_classes).
        image_shape: of one image.
    """

    def probabilities(self, images: Tensor) -> Tensor:
        """Probability of each class, (n, n_classes), rows summing to 1."""
        return self._evaluate(self, images).softmax(1)

    def predict(self, images: Tensor) -> Tensor:
        """Most probable class, (n,) int64."""
        return self._evaluate(self, images).argmax(1)

    def share_sure(self, images: Tensor, *, above: float = 0.9) -> float:
        """Share of the images whose most probable class has a probability above `above`."""
        above = check_number(above, "above", minimum=0)
        return (self.probabilities(images).amax(1) > above).double().mean().item()


class AttributeJudge(_Reader):
    """A classifier with one head per attribute: which value each attribute of an image has.

    The methods take images and work as those of `Judge`. Calling it gives the logits of all heads side by
    side, (n, n_values of all attributes).

    Args:
        hidden: takes images, gives features (n, n_features).
        output: takes features, gives the logits of all heads.
        image_shape: of one image.
        attributes: the values of each attribute by its name, in the order of the heads.
    """

    def __init__(
        self,
        hidden: nn.Sequential,
        output: nn.Linear,
        image_shape: Sequence[int],
        attributes: Mapping[str, Sequence[str]],
    ) -> None:
        super().__init__(hidden, output, image_shape)
        self.attributes = dict(attributes)

    def heads(self, logits: Tensor) -> tuple[Tensor, ...]:
        """The logits of each attribute, (n, n_values) each, from those of all heads."""
        return logits.split([len(values) for values in self.attributes.values()], dim=1)

    def probabilities(self, images: Tensor) -> dict[str, Tensor]:
        """Probability of each value, (n, n_values), rows summing to 1, by the attribute's name."""
        heads = self.heads(self._evaluate(self, images))
        return {name: head.softmax(1) for name, head in zip(self.attributes, heads, strict=True)}

    def predict(self, images: Tensor) -> Tensor:
        """Most probable value of each attribute, (n, n_attributes) int64."""
        return torch.stack([head.argmax(1) for head in self.heads(self._evaluate(self, images))], dim=1)

    def accuracies(self, images: Tensor, attributes: Tensor) -> dict[str, float]:
        """Share of the images in which the judge sees the value given, by the attribute's name.

        Args:
            images: (n, *image_shape) in [0, 1].
            attributes: (n, n_attributes) integers, what the images were drawn from, or asked for.

        Raises:
            TypeError, ValueError: if the attributes are no integers, or do not fit the images.
        """
        if not isinstance(attributes, Tensor) or attributes.is_floating_point():
            raise TypeError("attributes must be a tensor of integers; attributes.long() makes one")
        seen = self.predict(images)
        if attributes.shape != seen.shape:
            raise ValueError(
                f"attributes must have shape {tuple(seen.shape)}, one row per image and a column each for "
                f"{', '.join(self.attributes)}, got {tuple(attributes.shape)}"
            )
        return dict(zip(self.attributes, (seen == attributes).double().mean(0).tolist(), strict=True))


def judge_network(n_classes: int = 10) -> Judge:
    """Return an untrained judge of images (n, 28, 28), after LeNet: convolutions of 32 and 64 channels, 128 units.

    Source: LeCun, Bottou, Bengio and Haffner (1998), figure 2, with ReLU, max pooling and other widths.
    """
    hidden = nn.Sequential(
        nn.Unflatten(1, (1, 28)),
        nn.Conv2d(1, 32, 5),  # (n, 32, 24, 24)
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),  # (n, 64, 8, 8)
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 128),
        nn.ReLU(),
    )
    return Judge(hidden, nn.Linear(128, n_classes), (28, 28))


def fit_judge(
    judge: Judge,
    images: Tensor,
    labels: Tensor,
    *,
    n_steps: int,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    generator: Generator | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    label: str = "judge",
) -> History:
    """Train a judge in place with plain cross-entropy, by Adam, whose rate falls as a cosine; on one thread.

    Args:
        judge: untrained, such as `judge_network()`.
        images: (n, *image_shape) in [0, 1].
        labels: (n,) integers.
        n_steps: mini-batches in all.
        batch_size: images in each.
        learning_rate: at the start.
        generator: of the mini-batches.
        checkpoint: a file; if it exists, the training goes on from there.
        label: name of the training, for the progress bar.

    Returns:
        History of "loss", nats.
    """
    batches = training.batches((images, labels), batch_size, generator=generator)
    optimizer = torch.optim.Adam(judge.parameters(), lr=learning_rate, fused=True)
    saved = None
    if checkpoint is not None:
        saved = training.Checkpoint(checkpoint, 200, model=judge, optimizer=optimizer, batches=batches)
    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label=label):
            optimizer.param_groups[0]["lr"] = learning_rate * training.cosine(step, n_steps)
            pictures, targets = next(batches)
            loss = cross_entropy(judge(pictures), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.record(loss=loss)
    return history


def real_accuracy_after(
    images: Tensor, labels: Tensor, *, n_steps: int = 1_000, generator: Generator | None = None
) -> float:
    """Accuracy on MNIST's 10,000 test images of a classifier that was trained on these images alone.

    Generated images that lack a way of writing a digit, or carry the wrong label, make a classifier that fails on
    real ones. Also called the classification accuracy score. The network is that of `judge("mnist")`.

    Args:
        images: (n, 28, 28) in [0, 1], such as generated ones.
        labels: (n,) integers, 0 to 9, what each was meant to be.
        n_steps: mini-batches of 256 in the training.
        generator: of the mini-batches; the first weights come from PyTorch's global one.

    Returns:
        A share from 0 to 1.

    Source: Ravuri and Vinyals (2019), Classification accuracy score for conditional generative models.
    """
    classifier = judge_network()
    fit_judge(classifier, images, labels, n_steps=n_steps, generator=generator, label="classifier")
    test_images, test_labels = load_mnist("test")
    return (classifier.eval().predict(test_images) == test_labels).double().mean().item()


def attribute_judge_network() -> AttributeJudge:
    """Return an untrained judge of creatures (n, 3, 24, 24): convolutions of 16, 32 and 64 channels, 128 units."""
    hidden = nn.Sequential(
        *_convolution(3, 16, stride=1),  # (n, 16, 24, 24)
        *_convolution(16, 32, stride=2),  # (n, 32, 12, 12)
        *_convolution(32, 64, stride=2),  # (n, 64, 6, 6)
        nn.Flatten(),
        nn.Linear(64 * 6 * 6, 128),
        nn.ReLU(),
    )
    n_logits = sum(len(values) for values in CREATURE_ATTRIBUTES.values())
    return AttributeJudge(hidden, nn.Linear(128, n_logits), (3, 24, 24), CREATURE_ATTRIBUTES)


def _convolution(n_in: int, n_out: int, *, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(n_out), nn.ReLU()]


JUDGES = ("mnist", "creatures")


@overload
def judge(name: Literal["mnist"] = "mnist") -> Judge: ...
@overload
def judge(name: Literal["creatures"]) -> AttributeJudge: ...
def judge(name: str = "mnist") -> Judge | AttributeJudge:
    """Load a bundled judge.

    Args:
        name: "mnist", for digits (n, 28, 28), white on black: 10 classes, 128 features; or "creatures", for
            those of `data.creatures` at their size of 24, (n, 3, 24, 24): one head per attribute, 128
            features. The cards of the stored weights `judge_mnist` and `judge_creatures` state how accurate.

    Raises:
        ValueError: if there is no judge of that name.
        WeightsFileError: if its file is missing or damaged.
    """
    if check_choice(name, "name", JUDGES) == "mnist":
        return weights.load("judge_mnist", judge_network)
    return weights.load("judge_creatures", attribute_judge_network)
