"""What keeps a discriminator in bounds: penalties on its gradient, clipped weights, normalised layers, whole batches.

Penalties take the discriminator itself, because they differentiate its output with respect to its input.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from course_utils.networks import LinearStack
from course_utils.validation import check_choice, check_count, check_number

__all__ = [
    "PENALTIES",
    "MinibatchDiscrimination",
    "Packed",
    "Penalty",
    "clip_weights",
    "gradient_penalty",
    "input_gradient",
    "r1_penalty",
    "r2_penalty",
    "spectrally_normalized",
]

Discriminator = Callable[[Tensor], Tensor]


def input_gradient(discriminator: Discriminator, x: Tensor) -> Tensor:
    """∇ₓ of the discriminator's output at each example, (batch, n_inputs), itself differentiable.

    Args:
        discriminator: takes (batch, ...), gives one number per example.
        x: (batch, ...).

    Raises:
        ValueError: if the discriminator gives several numbers per example, whose gradients would be added up.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        scores = discriminator(x)
        if scores.numel() > len(x):
            raise ValueError(
                "the discriminator must give one number per example, "
                f"got {tuple(scores.shape)} for {len(x)} examples"
            )
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return gradient.reshape(len(x), -1)


def gradient_penalty(
    critic: Discriminator,
    real: Tensor,
    fake: Tensor,
    *,
    one_sided: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """E[(‖∇ critic(x̂)‖ - 1)²] at x̂ = ε·real + (1 - ε)·fake, ε ~ U[0, 1], one per example.

    Args:
        critic: takes (batch, ...), gives one number per example.
        real: (batch, ...).
        fake: the same shape; no gradient flows into it.
        one_sided: only a gradient above 1 costs.
        generator: of ε; PyTorch's global one if None.

    Returns:
        (), the mean over the batch, without its weight (10 in the paper).

    Raises:
        ValueError: if the shapes differ.

    Source: Gulrajani et al. (2017), Improved training of Wasserstein GANs, equation 3.
    """
    if real.shape != fake.shape:
        raise ValueError(
            "real and fake must have one shape, since points between them are penalised, "
            f"got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    shape = (len(real),) + (1,) * (real.ndim - 1)
    epsilon = torch.rand(shape, generator=generator, device=real.device, dtype=real.dtype)
    gradient = input_gradient(critic, torch.lerp(fake.detach(), real, epsilon))
    # The root has no derivative at 0, where a critic that is flat would give NaN.
    excess = gradient.square().sum(1).clamp_min(1e-12).sqrt() - 1
    return (excess.relu() if one_sided else excess).square().mean()


def r1_penalty(discriminator: Discriminator, real: Tensor) -> Tensor:
    """E_real[‖∇D(x)‖²]: flat at the data. The paper's weight is γ/2.

    Args:
        discriminator: takes (batch, ...), gives one logit per example.
        real: (batch, ...).

    Source: Mescheder, Geiger and Nowozin (2018), Which training methods for GANs do actually converge?, equation 9.
    """
    return input_gradient(discriminator, real).square().sum(1).mean()


def r2_penalty(discriminator: Discriminator, fake: Tensor) -> Tensor:
    """E_fake[‖∇D(x)‖²]: flat at the generated points. The paper's weight is γ/2.

    Args:
        discriminator: takes (batch, ...), gives one logit per example.
        fake: (batch, ...); no gradient flows into it.

    Source: Mescheder, Geiger and Nowozin (2018), Which training methods for GANs do actually converge?, equation 10.
    """
    return input_gradient(discriminator, fake).square().sum(1).mean()


PENALTIES: dict[str, Callable[..., Tensor]] = {
    "gradient_penalty": gradient_penalty,
    "one_sided": partial(gradient_penalty, one_sided=True),
    "r1": lambda d, real, fake, *, generator=None: 0.5 * r1_penalty(d, real),
    "r2": lambda d, real, fake, *, generator=None: 0.5 * r2_penalty(d, fake),
    "r1_and_r2": lambda d, real, fake, *, generator=None: 0.5 * (r1_penalty(d, real) + r2_penalty(d, fake)),
}


class Penalty(NamedTuple):
    """A term that `fit_gan` adds to the discriminator's loss.

    Attributes:
        function: a name of `PENALTIES` (those of R1 and R2 have the paper's ½ in them, so that the weight is its γ),
            or a function of (discriminator, real, fake) that gives ().
        weight: a number, or a function of the share of the training that is done, 0 to 1.
        every: only at each so many steps, with so many times the weight ("lazy").
    """

    function: str | Callable[[Discriminator, Tensor, Tensor], Tensor]
    weight: float | Callable[[float], float] = 1.0
    every: int = 1

    def at(self, step: int, n_steps: int) -> float:
        """Its weight in a step: 0 in those that it leaves out."""
        if step % self.every:
            return 0.0
        return self.every * (self.weight(step / n_steps) if callable(self.weight) else self.weight)

    def bound(self, generator: Generator | None) -> Callable[[Discriminator, Tensor, Tensor], Tensor]:
        """The function of (discriminator, real, fake), with the source of randomness that it needs."""
        if callable(self.function):
            return self.function
        return partial(PENALTIES[check_choice(self.function, "penalty", PENALTIES)], generator=generator)


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float = 0.01) -> None:
    """Put every weight of the critic back into [-limit, limit], in place.

    Raises:
        ValueError: if the limit is not above 0.

    Source: Arjovsky, Chintala and Bottou (2017), Wasserstein GAN, algorithm 1.
    """
    limit = check_number(limit, "limit", above=0)
    for weight in critic.parameters():
        weight.clamp_(-limit, limit)


def spectrally_normalized(discriminator: nn.Module) -> nn.Module:
    """Divide the weight of each linear and convolutional layer by its largest singular value, in place.

    PyTorch's `spectral_norm` estimates it by one power iteration in each forward pass of the training.

    Raises:
        ValueError: if there is no such layer, as in a stack of models.

    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks, equation 8.
    """
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    if not layers:
        raise ValueError("discriminator must have layers of the class nn.Linear or nn.Conv2d, got none")
    for layer in layers:
        spectral_norm(layer)
    return discriminator


class Packed(nn.Module):
    """A discriminator that judges several examples of one kind at once, so that it sees a lack of variety.

    Rows 0 to size - 1 of a batch are the first pack, and so on.

    Args:
        discriminator: takes (batch / size, size·n_inputs), gives one logit per pack; for images (batch / size,
            size·channels, height, width).
        size: examples in a pack.

    Source: Lin et al. (2018), PacGAN, section 2.
    """

    def __init__(self, discriminator: nn.Module, size: int) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.size = check_count(size, "size")

    def forward(self, x: Tensor) -> Tensor:
        """One logit per pack, for x (batch, n_inputs) or (batch, channels, height, width)."""
        if x.ndim < 2 or len(x) % self.size:
            raise ValueError(f"a batch must hold whole packs of {self.size} examples, got {tuple(x.shape)}")
        return self.discriminator(x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:]))


class MinibatchDiscrimination(nn.Module):
    """A layer that tells each example how close others of its batch are: oₖ(xᵢ) = Σⱼ exp(-‖Mᵢₖ - Mⱼₖ‖₁).

    Args:
        n_inputs: number of features of an example.
        n_kernels: number of such sums, appended to the features.
        kernel_dim: length of each row M.
        group_size: rows of a batch that are compared with one another; the whole batch if None. Rows of different
            models of a stack are never compared.

    Source: Salimans et al. (2016), Improved techniques for training GANs, section 3.2.
    """

    def __init__(
        self, n_inputs: int, n_kernels: int = 16, kernel_dim: int = 4, *, group_size: int | None = None
    ) -> None:
        super().__init__()
        self.n_kernels = check_count(n_kernels, "n_kernels")
        self.project = nn.Linear(n_inputs, n_kernels * check_count(kernel_dim, "kernel_dim"), bias=False)
        self.group_size = group_size if group_size is None else check_count(group_size, "group_size")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_inputs + n_kernels) for x (batch, n_inputs)."""
        n_rows = len(x) // (len(self.project.weight) if isinstance(self.project, LinearStack) else 1)
        size = self.group_size or n_rows
        if n_rows % size:
            raise ValueError(f"a batch must hold whole groups of {size} examples, got {n_rows} rows")
        rows = self.project(x).reshape(len(x) // size, size, self.n_kernels, -1)
        apart = (rows[:, :, None] - rows[:, None]).abs().sum(-1)  # (groups, size, size, n_kernels)
        closeness = torch.exp(-apart).sum(2) - 1  # without itself
        return torch.cat([x, closeness.flatten(0, 1)], dim=1)
