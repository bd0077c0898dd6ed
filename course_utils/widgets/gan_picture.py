"""What there is to draw of a GAN on the line or in the plane."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from course_utils import gan, metrics
from course_utils.widgets.gan_data import WINDOW, DataSet, measure

__all__ = ["Picture", "in_evaluation", "judge", "take_picture"]

N_ARROWS = 120
N_HEAT = 48  # points of a row of the heat map
N_CURVE = 161  # points at which D is drawn on a line
N_WARPED = 21  # lines of the grid over z, in each direction


class Picture(NamedTuple):
    """What there is to draw of the present round, float32."""

    generated: Tensor  # (n, d)
    arrows: Tensor  # (N_ARROWS, d), at the first of them: minus the gradient of G's loss, each as if alone
    judged: Tensor  # (N_HEAT²,) row by row from below, or (N_CURVE,): D(x), or the score, put into [0, 1]
    is_probability: bool  # whether `judged` is D(x)
    warped: Tensor  # (N_WARPED², d), or (N_WARPED, d) if z is one number: G at a regular grid of z
    coverage: metrics.ModeCoverage | None


def take_picture(
    data: DataSet, generator_network: gan.LatentGenerator, discriminator: nn.Module, z: Tensor, loss: gan.Loss
) -> Picture:
    """Look at both players in evaluation mode; nothing about them changes.

    Args:
        data: the real points.
        generator_network: from z to points.
        discriminator: from points to one score each.
        z: (n, latent_dim), of the generated points.
        loss: gives the direction of the arrows.

    Raises:
        ValueError: if the discriminator gives anything but one score per point; and whatever the loss and the
            networks raise.
    """
    real = data.real[torch.arange(N_ARROWS) % len(data.real)]  # a few points come several times
    with in_evaluation(generator_network, discriminator):
        with torch.no_grad():
            generated = generator_network(z)
            warped = generator_network(z_grid(generator_network))
            real_scores = judge(discriminator, real)
            fake_scores = judge(discriminator, generated[:N_ARROWS])
            scores = judge(discriminator, heat_places(generated.shape[1]))
        arrows = arrows_at(generated[:N_ARROWS], discriminator, real, loss)
    is_probability = loss.discriminator is gan.discriminator_loss
    if is_probability:
        judged = torch.sigmoid(scores)
    else:  # scores have no scale of their own: the middle between real and fake becomes a half
        middle = (real_scores.mean() + fake_scores.mean()) / 2
        judged = 0.5 + 0.5 * (scores - middle) / (scores - middle).abs().max().clamp_min(1e-12)
    return Picture(generated, arrows, judged, is_probability, warped, measure(generated, data))


def arrows_at(generated: Tensor, discriminator: nn.Module, real: Tensor, loss: gan.Loss) -> Tensor:
    """Where the generator's loss falls at each of its points (m, d): minus the gradient, of each as if alone."""
    x = generated.detach().requires_grad_()
    with torch.enable_grad():
        fake_scores = discriminator(x)
        value = (
            loss.generator(discriminator(real), fake_scores) if loss.paired else loss.generator(fake_scores)
        )
        (gradient,) = torch.autograd.grad(value, x)
    return -len(x) * gradient  # the loss is a mean


@contextlib.contextmanager
def in_evaluation(*networks: nn.Module) -> Iterator[None]:
    """Within it, the networks do not learn from what they are shown (batch norms, power iterations)."""
    training = [module for network in networks for module in network.modules() if module.training]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def judge(discriminator: nn.Module, x: Tensor) -> Tensor:
    """One score for each row of x (n, d), (n,); where it judges packs, that of a pack of equal rows.

    Raises:
        ValueError: if it gives anything but one score per row or per pack.
    """
    scores = discriminator(x)
    n_scores = scores.numel()
    if n_scores and len(x) > n_scores and len(x) % n_scores == 0:
        scores = discriminator(x.repeat_interleave(len(x) // n_scores, 0))
    if scores.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(
            "discriminator must give one number per point, (batch,) or (batch, 1), "
            f"got {tuple(scores.shape)} for {tuple(x.shape)}"
        )
    return scores.flatten()


def heat_places(d: int) -> Tensor:
    """Where the discriminator is drawn: (N_CURVE, 1), or (N_HEAT², 2), the middles of the cells of the window."""
    if d == 1:
        return torch.linspace(-WINDOW, WINDOW, N_CURVE)[:, None]
    middles = WINDOW * ((2 * torch.arange(N_HEAT) + 1) / N_HEAT - 1)
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)


def z_grid(network: gan.LatentGenerator) -> Tensor:
    """A regular grid of z, with equal mass of the prior in each cell; (N_WARPED², d), or (N_WARPED, 1).

    Of more than two numbers in z, the first two change, and the others are 0.
    """
    if network.prior == "uniform":
        line = torch.linspace(-1, 1, N_WARPED)
    else:
        line = torch.special.ndtri(torch.linspace(0.01, 0.99, N_WARPED))
    if network.latent_dim == 1:
        return line[:, None]
    grid = torch.cartesian_prod(line, line)
    return nn.functional.pad(grid, (0, network.latent_dim - 2))
