"""One step of each side. They stay apart, so that a loop shows how they alternate."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils.gan.losses import LOSSES, Loss
from course_utils.translation.losses import absolute_error, cycle_loss, identity_loss
from course_utils.translation.networks import joined

__all__ = ["CycleFakes", "cycle_step", "patch_step", "pix2pix_step"]


class CycleFakes(NamedTuple):
    """What the translators of a CycleGAN made, and what each term of their loss was.

    Attributes:
        b: images of A, translated to B, detached.
        a: images of B, translated to A, detached.
        losses: "adversarial_loss", "cycle_loss" and "identity_loss", without their weights, (), detached; only those
            whose weight is not 0.
    """

    b: Tensor
    a: Tensor
    losses: dict[str, Tensor]


def patch_step(
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    fake: Tensor,
    *,
    loss: Loss = LOSSES["non_saturating"],
) -> Tensor:
    """Improve a discriminator once; the fakes are data here, and nothing goes back to what made them.

    Args:
        discriminator: takes images, gives logits of any number of patches.
        optimizer: of the discriminator.
        real: (batch, ...); for pix2pix sources and targets `joined`.
        fake: of the same shape.
        loss: of both players.

    Returns:
        The loss, the mean over batch and patches, (), detached.

    Raises:
        ValueError: if the shapes differ.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real and fake must have one shape, got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    verdicts = discriminator(torch.cat([real, fake.detach()])).split(len(real))
    value = loss.discriminator(*verdicts)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.detach()


def pix2pix_step(
    translator: nn.Module,
    discriminator: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    source: Tensor,
    target: Tensor,
    *,
    l1_weight: float,
    adversarial_weight: float,
    loss: Loss = LOSSES["non_saturating"],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Improve the translator of pix2pix once; the discriminator's weights and gradients stay as they are.

    Args:
        translator: takes sources, gives images like the targets.
        discriminator: judges sources and images `joined`; not needed if its weight is 0.
        optimizer: of the translator.
        source: (batch, ...).
        target: (batch, ...), image by image what the source should become.
        l1_weight: of the absolute error.
        adversarial_weight: of the discriminator's verdict.
        loss: of both players.

    Returns:
        What it made, detached; and "l1_loss" and "adversarial_loss", without their weights, (), detached; only those
        whose weight is not 0.

    Raises:
        ValueError: if the translator gives another shape than the targets'.

    Source: Isola, Zhu, Zhou and Efros (2017), equation 4.
    """
    made = translator(source)
    losses = {}
    if l1_weight:
        losses["l1_loss"] = absolute_error(made, target)
    if adversarial_weight and discriminator is not None:
        losses["adversarial_loss"] = _verdict(
            discriminator, joined(source, target), joined(source, made), loss
        )
    weights = {"l1_loss": l1_weight, "adversarial_loss": adversarial_weight}
    _descend(optimizer, [translator], losses, weights)
    return made.detach(), {name: value.detach() for name, value in losses.items()}


def cycle_step(
    a_to_b: nn.Module,
    b_to_a: nn.Module,
    discriminator_a: nn.Module,
    discriminator_b: nn.Module,
    optimizer: torch.optim.Optimizer,
    a: Tensor,
    b: Tensor,
    *,
    cycle_weight: float,
    identity_weight: float = 0.0,
    loss: Loss = LOSSES["non_saturating"],
) -> CycleFakes:
    """Improve both translators of a CycleGAN once; the discriminators' weights and gradients stay as they are.

    Args:
        a_to_b: the translator from A to B.
        b_to_a: the one back.
        discriminator_a: judges images of domain A.
        discriminator_b: judges images of domain B.
        optimizer: of both translators.
        a: (batch, ...), images of domain A.
        b: of the same shape, images of domain B; not partners of those of A.
        cycle_weight: of the cycle loss.
        identity_weight: of the identity loss.
        loss: of both players.

    Raises:
        ValueError: if the shapes differ.

    Source: Zhu, Park, Isola and Efros (2017), equation 3.
    """
    if a.shape != b.shape:
        raise ValueError(f"a and b must have one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    fake_b, fake_a = a_to_b(a), b_to_a(b)
    losses = {
        "adversarial_loss": _verdict(discriminator_a, a, fake_a, loss)
        + _verdict(discriminator_b, b, fake_b, loss)
    }
    if cycle_weight:
        losses["cycle_loss"] = cycle_loss(a, b_to_a(fake_b), b, a_to_b(fake_a))
    if identity_weight:
        losses["identity_loss"] = identity_loss(a, b_to_a(a), b, a_to_b(b))
    weights = {"adversarial_loss": 1.0, "cycle_loss": cycle_weight, "identity_loss": identity_weight}
    _descend(optimizer, [a_to_b, b_to_a], losses, weights)
    return CycleFakes(
        fake_b.detach(), fake_a.detach(), {name: value.detach() for name, value in losses.items()}
    )


def _verdict(discriminator: nn.Module, real: Tensor, fake: Tensor, loss: Loss) -> Tensor:
    """The generator's loss; a paired one compares with real images."""
    if not loss.paired:
        return loss.generator(discriminator(fake))
    with torch.no_grad():
        real_verdict = discriminator(real)
    return loss.generator(real_verdict, discriminator(fake))


def _descend(
    optimizer: torch.optim.Optimizer,
    networks: list[nn.Module],
    losses: dict[str, Tensor],
    weights: dict[str, float],
) -> None:
    total = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
    own = [weight for network in networks for weight in network.parameters() if weight.requires_grad]
    optimizer.zero_grad()
    total.backward(inputs=own)  # so the discriminators collect nothing
    optimizer.step()
