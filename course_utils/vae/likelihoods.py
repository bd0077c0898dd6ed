"""What a decoder's numbers say about the data: p(x | z) for a given output of the decoder.

A likelihood is any object with these three methods; the two here stand on `distributions`.
"""

import math
from typing import Protocol

import torch
from torch import Generator, Tensor

from course_utils.distributions import bernoulli_log_prob, gaussian_log_prob
from course_utils.validation import check_number

__all__ = ["Bernoulli", "Gaussian", "Likelihood"]


class Likelihood(Protocol):
    """p(x | z), given what the decoder makes of z."""

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Log p(x | z), (batch,) nats per example, for x and output (batch, *shape)."""

    def mean(self, output: Tensor) -> Tensor:
        """E[x | z], of the output's shape."""

    def sample(self, output: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Draw x from p(x | z), of the output's shape."""


class Bernoulli:
    """One coin per pixel, thrown with p = sigmoid(output): the decoder gives logits."""

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Σⱼ xⱼ log pⱼ + (1 - xⱼ) log(1 - pⱼ), (batch,) nats; a likelihood for x of zeros and ones only."""
        return bernoulli_log_prob(x, output)

    def mean(self, output: Tensor) -> Tensor:
        """The probabilities, sigmoid(output)."""
        return torch.sigmoid(output)

    def sample(self, output: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Zeros and ones."""
        return (_uniform_like(output, generator) < torch.sigmoid(output)).to(output)

    def __repr__(self) -> str:
        return "Bernoulli()"


class Gaussian:
    """Independent Gaussians around the decoder's output, all of standard deviation `std`, in units of x.

    With a fixed σ the log-density is -‖x - output‖² / 2σ² and a constant: σ² is the weight of the KL beside
    half the squared error, and β and σ are two names for one choice.
    """

    def __init__(self, std: float = 1.0) -> None:
        self.std = check_number(std, "std", above=0)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Σⱼ log N(xⱼ | outputⱼ, σ²), (batch,) nats."""
        return gaussian_log_prob(x, output, 2 * math.log(self.std))

    def mean(self, output: Tensor) -> Tensor:
        """The output itself."""
        return output

    def sample(self, output: Tensor, *, generator: Generator | None = None) -> Tensor:
        """The output plus noise."""
        device = output.device if generator is None else generator.device
        noise = torch.randn(output.shape, generator=generator, device=device, dtype=output.dtype)
        return output + self.std * noise.to(output.device)

    def __repr__(self) -> str:
        return f"Gaussian(std={self.std:g})"


def _uniform_like(x: Tensor, generator: Generator | None) -> Tensor:
    device = x.device if generator is None else generator.device
    return torch.rand(x.shape, generator=generator, device=device, dtype=x.dtype).to(x.device)
