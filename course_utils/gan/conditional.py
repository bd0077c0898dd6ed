"""Players that are told a condition: a label, attributes, or the words of a caption.

A generator gets the condition's numbers beside z. A discriminator gets them beside the example, or by projection.
"""

import torch
from torch import Generator, Tensor, nn

from course_utils.conditions import Condition
from course_utils.gan.networks import LatentGenerator
from course_utils.validation import check_count

__all__ = ["ConcatDiscriminator", "ConditionalGenerator", "ProjectionDiscriminator"]


class ConditionalGenerator(LatentGenerator):
    """A generator G(z, c) that is told a condition c: its network reads z with the numbers of c joined to it.

    Args:
        network: takes (batch, latent_dim + condition.dim), gives (batch, ...).
        latent_dim: numbers in z, N(0, I).
        condition: turns conditions into numbers; a module of `conditions`.

    Source: Mirza and Osindero (2014), Conditional generative adversarial nets.
    """

    def __init__(self, network: nn.Module, latent_dim: int, condition: Condition) -> None:
        super().__init__(network, latent_dim)
        self.condition = _checked(condition)

    def forward(self, z: Tensor, conditions: Tensor) -> Tensor:  # type: ignore[override]
        """Examples (batch, ...) for z (batch, latent_dim) and conditions, one per example."""
        self.check_z(z)
        return self.from_numbers(z, _rows(self.condition(conditions), z, "z"))

    def from_numbers(self, z: Tensor, numbers: Tensor) -> Tensor:
        """Examples for z and the numbers of conditions (batch, condition.dim), for instance halfway between two."""
        return self.network(torch.cat([z, numbers], 1))

    @torch.no_grad()
    def sample(self, conditions: Tensor, *, generator: Generator | None = None) -> Tensor:  # type: ignore[override]
        """One example for each condition, 250 at a time, in evaluation mode and without gradients."""
        z = self.draw_z(len(conditions), generator=generator)
        was_training = self.training
        self.eval()
        parts = zip(z.split(250), conditions.split(250), strict=True)
        made = torch.cat([self(*part) for part in parts])
        self.train(was_training)
        return made


class ConcatDiscriminator(nn.Module):
    """A discriminator D(x, c) that reads the numbers of c beside x: as further channels of an image, all over it.

    Args:
        network: takes (batch, condition.dim + channels, height, width), the channels of the image first, or
            (batch, n_features + condition.dim) for x (batch, n_features); gives one logit per example.
        condition: turns conditions into numbers; a module of `conditions`.

    Source: Mirza and Osindero (2014), Conditional generative adversarial nets.
    """

    def __init__(self, network: nn.Module, condition: Condition) -> None:
        super().__init__()
        self.network = network
        self.condition = _checked(condition)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Logits (batch, 1) for x (batch, n_features), (batch, height, width) or (batch, channels, height, width)."""
        numbers = _rows(self.condition(conditions), x, "x")
        if x.ndim == 3:
            x = x.unsqueeze(1)
        maps = numbers.reshape(*numbers.shape, *(1,) * (x.ndim - 2))  # (batch, dim, 1, 1) for images
        return self.network(torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], 1))


class ProjectionDiscriminator(nn.Module):
    """A discriminator of logit ψ·φ(x) + e(c)·φ(x): how real x is, and how well it fits c.

    e(c) is a learned linear map of the numbers of c; with a one-hot condition it is one vector per class.

    Args:
        features: takes x, gives φ(x), (batch, n_features).
        n_features: numbers in φ(x).
        condition: turns conditions into numbers; a module of `conditions`.

    Source: Miyato and Koyama (2018), cGANs with projection discriminator, equation 3.
    """

    def __init__(self, features: nn.Module, n_features: int, condition: Condition) -> None:
        super().__init__()
        self.features = features
        self.condition = _checked(condition)
        self.output = nn.Linear(check_count(n_features, "n_features"), 1)
        self.projection = nn.Linear(condition.dim, n_features, bias=False)

    def forward(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Logits (batch, 1) for x (batch, ...) and conditions, one per example."""
        directions = self.projection(_rows(self.condition(conditions), x, "x"))  # (batch, n_features)
        features = self.features(x)  # (batch, n_features)
        return self.output(features) + (directions * features).sum(1, keepdim=True)

    def pair_scores(self, x: Tensor, conditions: Tensor) -> Tensor:
        """e(c)·φ(x) of every example with every condition, (batch of x, batch of conditions)."""
        return self.features(x) @ self.projection(self.condition(conditions).to(x)).T


def _checked(condition: Condition) -> Condition:
    if not isinstance(condition, Condition):
        raise TypeError(
            f"condition must be a module of course_utils.conditions, got {type(condition).__name__}; "
            "OneHot((10,)) is one for ten labels"
        )
    return condition


def _rows(numbers: Tensor, x: Tensor, name: str) -> Tensor:
    if len(numbers) != len(x):
        raise ValueError(f"conditions must have one row per row of {name}, got {len(numbers)} for {len(x)}")
    return numbers.to(x)
