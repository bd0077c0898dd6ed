"""Judges: small classifiers, trained on true images, that say what a generated image shows.

A measure that depends on a judge is comparable only between images seen by the same judge.
"""

from torch import Tensor, nn

from course_utils import training, weights
from course_utils.networks import apply_in_batches
from course_utils.validation import check_choice, check_finite, check_number, check_tensor

__all__ = ["Judge", "judge", "judge_network"]

JUDGES = {"mnist": "judge_mnist"}


class Judge(nn.Module):
    """A classifier of grey images: labels, probabilities, and the hidden layer as features.

    The methods take images (n, height, width) in [0, 1], work in batches on one thread and give no gradients.
    Calling the judge gives logits (n, n_classes) with gradients, for instance to look for adversarial images.

    Args:
        hidden: takes images, gives features (n, n_features).
        output: takes features, gives logits (n, n_classes).
    """

    def __init__(self, hidden: nn.Sequential, output: nn.Linear) -> None:
        super().__init__()
        self.hidden = hidden
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, n_classes) of images."""
        return self.output(self.hidden(x))

    def features(self, images: Tensor) -> Tensor:
        """Activations of the hidden layer, (n, n_features)."""
        return self._evaluate(self.hidden, images)

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

    def _evaluate(self, network: nn.Module, images: Tensor) -> Tensor:
        check_finite(check_tensor(images, "images"), "images")
        if images.ndim != 3 or len(images) == 0:
            raise ValueError(
                f"images must have shape (n, height, width), n at least 1, got {tuple(images.shape)}"
            )
        low, high = images.aminmax()
        if low < 0 or high > 1:
            raise ValueError(
                f"images must lie in [0, 1], got values from {low:g} to {high:g}; images.clamp(0, 1) cuts "
                "what a linear output leaves outside; divide pixels of 0..255 by 255"
            )
        with training.threads(1):
            return apply_in_batches(network, images)


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
    return Judge(hidden, nn.Linear(128, n_classes))


def judge(name: str = "mnist") -> Judge:
    """Load a bundled judge.

    Args:
        name: "mnist", for digits (n, 28, 28), white on black: 10 classes, 128 features. The card of the
            stored weights `judge_mnist` states its accuracy.

    Raises:
        ValueError: if there is no judge of that name.
        WeightsFileError: if its file is missing or damaged.
    """
    return weights.load(JUDGES[check_choice(name, "name", JUDGES)], judge_network)
