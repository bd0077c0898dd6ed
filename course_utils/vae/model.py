"""Variational autoencoders: an encoder for q(z | x), a decoder for p(x | z), and the prior N(0, I).

Source: Kingma and Welling (2013); Rezende, Mohamed and Wierstra (2014); with a condition, Sohn et al. (2015).
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from course_utils.conditions import OneHot
from course_utils.networks import Activation, mlp
from course_utils.vae.likelihoods import Bernoulli, Likelihood
from course_utils.validation import check_count, check_tensor

__all__ = [
    "VAE",
    "ConditionalVAE",
    "Posterior",
    "mean_encoder",
    "mlp_conditional_vae",
    "mlp_vae",
]


class Posterior(NamedTuple):
    """q(z | x), a Gaussian for each example."""

    mean: Tensor  # (batch, latent_dim)
    logvar: Tensor  # (batch, latent_dim), log σ²


class VAE(nn.Module):
    """A variational autoencoder with a Gaussian q(z | x), independent over dimensions, and the prior N(0, I).

    Args:
        encoder: takes x (batch, *shape), gives (batch, 2·latent_dim): the means, then the log-variances.
        decoder: takes z (batch, latent_dim), gives what the likelihood reads, (batch, *shape).
        latent_dim: numbers in z.
        likelihood: p(x | z) for a given output of the decoder; `Bernoulli()`, `Gaussian(std)`, or any other
            `Likelihood`.

    Raises:
        ValueError: if the decoder ends with a sigmoid and the likelihood takes logits.
    """

    def __init__(
        self,
        encoder: nn.Sequential,
        decoder: nn.Sequential,
        latent_dim: int,
        likelihood: Likelihood | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = check_count(latent_dim, "latent_dim")
        self.likelihood = Bernoulli() if likelihood is None else likelihood
        layers = [layer for layer in decoder.modules() if not isinstance(layer, nn.Sequential | nn.Unflatten)]
        if isinstance(self.likelihood, Bernoulli) and isinstance(layers[-1], nn.Sigmoid):
            raise ValueError(
                "decoder must give logits to a Bernoulli likelihood, which applies the sigmoid itself; "
                "leave out the decoder's last layer, Sigmoid"
            )

    def encode(self, x: Tensor) -> Posterior:
        """q(z | x) for x (batch, *shape): means and log-variances, (batch, latent_dim) each.

        Raises:
            ValueError: if the encoder does not give 2·latent_dim numbers per example.
        """
        return self._posterior(self.encoder(check_tensor(x, "x")))

    def output(self, z: Tensor) -> Tensor:
        """What the decoder gives for z (batch, latent_dim), such as logits: the input of the likelihood."""
        return self.decoder(self._check_codes(z))

    def decode(self, z: Tensor) -> Tensor:
        """E[x | z], (batch, *shape), for z (batch, latent_dim)."""
        return self.likelihood.mean(self.output(z))

    @torch.no_grad()
    def sample(self, n_samples: int, *, draw: bool = False, generator: Generator | None = None) -> Tensor:
        """Draw z from the prior and decode it.

        Args:
            n_samples: number of images.
            draw: also draw x from p(x | z), such as pixels of zeros and ones, instead of giving its mean.
            generator: PyTorch's global one if None.

        Returns:
            (n_samples, *shape).
        """
        output = self.output(self._prior(check_count(n_samples, "n_samples"), generator))
        return self.likelihood.sample(output, generator=generator) if draw else self.likelihood.mean(output)

    def _posterior(self, numbers: Tensor) -> Posterior:
        if numbers.ndim != 2 or numbers.shape[1] != 2 * self.latent_dim:
            raise ValueError(
                f"encoder must give (batch, {2 * self.latent_dim}), a mean and a log-variance for each of the "
                f"{self.latent_dim} numbers of z, got {tuple(numbers.shape)}"
            )
        return Posterior(*numbers.chunk(2, dim=1))

    def _check_codes(self, z: Tensor) -> Tensor:
        if check_tensor(z, "z").ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must have shape (batch, {self.latent_dim}), got {tuple(z.shape)}")
        return z

    def _prior(self, n_samples: int, generator: Generator | None) -> Tensor:
        weight = next(self.parameters())
        device = weight.device if generator is None else generator.device
        z = torch.randn(n_samples, self.latent_dim, generator=generator, device=device, dtype=weight.dtype)
        return z.to(weight.device)


class ConditionalVAE(VAE):
    """A VAE that is told a condition c on both sides: q(z | x, c) and p(x | z, c); the prior of z stays N(0, I).

    Args:
        encoder: takes x flattened beside the condition, (batch, n_features + condition_dim), where
            condition_dim is the sum of `n_values`; gives (batch, 2·latent_dim).
        decoder: takes z beside the condition, (batch, latent_dim + condition_dim), gives (batch, *shape).
        latent_dim: numbers in z.
        n_values: of each attribute, how many values it can have: (10,) for the label of a digit.
        likelihood: as in `VAE`.

    Conditions are integers: (batch,) for one attribute, else (batch, n_attributes).
    """

    def __init__(
        self,
        encoder: nn.Sequential,
        decoder: nn.Sequential,
        latent_dim: int,
        n_values: Sequence[int],
        likelihood: Likelihood | None = None,
    ) -> None:
        super().__init__(encoder, decoder, latent_dim, likelihood)
        self.n_values = tuple(check_count(n, "n_values") for n in n_values)

    def one_hot(self, conditions: Tensor) -> Tensor:
        """The conditions as numbers, (batch, condition_dim): a 1 at the value of each attribute, 0 elsewhere.

        Raises:
            TypeError: if they are no integers.
            ValueError: for another number of attributes, or a value that is out of range.
        """
        return OneHot(self.n_values)(conditions).to(next(self.parameters()))

    def encode(self, x: Tensor, conditions: Tensor) -> Posterior:  # type: ignore[override]
        """q(z | x, c) for x (batch, *shape) and its conditions."""
        features = check_tensor(x, "x").flatten(1)
        return self._posterior(self.encoder(torch.cat([features, self._rows(conditions, len(x), "x")], 1)))

    def output(self, z: Tensor, conditions: Tensor) -> Tensor:  # type: ignore[override]
        """What the decoder gives for z (batch, latent_dim) and conditions."""
        z = self._check_codes(z)
        return self.decoder(torch.cat([z, self._rows(conditions, len(z), "z")], 1))

    def decode(self, z: Tensor, conditions: Tensor) -> Tensor:  # type: ignore[override]
        """E[x | z, c], (batch, *shape)."""
        return self.likelihood.mean(self.output(z, conditions))

    @torch.no_grad()
    def sample(  # type: ignore[override]
        self, conditions: Tensor, *, draw: bool = False, generator: Generator | None = None
    ) -> Tensor:
        """One x for each condition, with z from the prior; `draw` and `generator` as in `VAE.sample`."""
        output = self.output(self._prior(len(conditions), generator), conditions)
        return self.likelihood.sample(output, generator=generator) if draw else self.likelihood.mean(output)

    def _rows(self, conditions: Tensor, n: int, name: str) -> Tensor:
        numbers = self.one_hot(conditions)
        if len(numbers) != n:
            raise ValueError(f"conditions must have one row per row of {name}, {n}, got {len(numbers)}")
        return numbers


@torch.no_grad()
def mean_encoder(model: VAE) -> nn.Sequential:
    """The encoder without its log-variances: from x (batch, *shape) to the means of q(z | x), (batch, latent_dim).

    It holds copies of plain layers, so that a widget can run it in the browser.

    Raises:
        TypeError: if the encoder does not end with a linear layer.
    """
    layers = list(model.encoder) if isinstance(model.encoder, nn.Sequential) else [model.encoder]
    last = layers.pop()
    if not isinstance(last, nn.Linear):
        raise TypeError(f"encoder must end with a linear layer, whose first half gives the means, got {last}")
    means = nn.Linear(last.in_features, model.latent_dim, bias=last.bias is not None).to(last.weight)
    means.weight.copy_(last.weight[: model.latent_dim])
    if last.bias is not None:
        means.bias.copy_(last.bias[: model.latent_dim])
    return copy.deepcopy(nn.Sequential(*layers, means)).requires_grad_(False)


def mlp_vae(
    shape: Sequence[int],
    latent_dim: int,
    *,
    hidden: Sequence[int] = (400,),
    activation: Activation = nn.SiLU,
    output: Activation | None = None,
    likelihood: Likelihood | None = None,
) -> VAE:
    """VAE of linear layers; the decoder mirrors the encoder.

    Args:
        shape: of one example, such as (28, 28) or (2,).
        latent_dim: numbers in z.
        hidden: units of the encoder's hidden layers, those of the decoder in reverse; may be empty.
        activation: makes the layer between two linear ones.
        output: makes the decoder's last layer, such as `nn.Sigmoid` for a Gaussian with means in [0, 1]; none
            if None, as a Bernoulli wants it.
        likelihood: `Bernoulli()` if None.
    """
    n_features = torch.Size(shape).numel()
    encoder = nn.Sequential(nn.Flatten(), *mlp([n_features, *hidden, 2 * latent_dim], activation=activation))
    decoder = mlp([latent_dim, *reversed(hidden), n_features], activation=activation, output=output)
    return VAE(encoder, nn.Sequential(*decoder, nn.Unflatten(1, tuple(shape))), latent_dim, likelihood)


def mlp_conditional_vae(
    shape: Sequence[int],
    latent_dim: int,
    n_values: Sequence[int],
    *,
    hidden: Sequence[int] = (400,),
    activation: Activation = nn.SiLU,
    likelihood: Likelihood | None = None,
) -> ConditionalVAE:
    """Conditional VAE of linear layers; arguments as in `mlp_vae`, and `n_values` as in `ConditionalVAE`."""
    n_features, beside = torch.Size(shape).numel(), sum(n_values)
    encoder = mlp([n_features + beside, *hidden, 2 * latent_dim], activation=activation)
    decoder = mlp([latent_dim + beside, *reversed(hidden), n_features], activation=activation)
    decoder = nn.Sequential(*decoder, nn.Unflatten(1, tuple(shape)))
    return ConditionalVAE(encoder, decoder, latent_dim, n_values, likelihood)
