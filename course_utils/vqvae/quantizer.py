"""A table of codes: each vector is replaced by the nearest one of a small set.

Source: van den Oord, Vinyals and Kavukcuoglu (2017), Neural discrete representation learning, section 3.
"""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from course_utils.validation import check_count, check_number

__all__ = [
    "Quantized",
    "VectorQuantizer",
    "codebook_loss",
    "commitment_loss",
    "nearest_codes",
    "perplexity",
    "straight_through",
]


class Quantized(NamedTuple):
    """What a quantizer makes of vectors z (batch, dim, height, width)."""

    values: (
        Tensor  # (batch, dim, height, width), the vectors of the codes; gradients go straight through to z
    )
    codes: Tensor  # (batch, height, width) int64
    loss: Tensor  # (), summed over dimensions and places, mean over the batch


def nearest_codes(z: Tensor, codebook: Tensor) -> Tensor:
    """argminₖ ‖zᵢ - eₖ‖² for vectors z (n, dim) and a codebook (n_codes, dim): (n,) int64.

    ‖z‖² is the same for all codes, so it is left out: the work is one matrix product.
    """
    return (codebook.square().sum(1) - 2 * z @ codebook.T).argmin(1)


def straight_through(z: Tensor, values: Tensor) -> Tensor:
    """`values`, whose gradient is handed to z as if z had been returned: z + stop(values - z).

    Source: Bengio, Léonard and Courville (2013).
    """
    return z + (values - z).detach()


def codebook_loss(z: Tensor, values: Tensor) -> Tensor:
    """‖stop(z) - e‖², which moves the codes to the vectors: (), summed over all but the batch, mean over it."""
    return sum_of_squares(z.detach(), values)


def commitment_loss(z: Tensor, values: Tensor) -> Tensor:
    """‖z - stop(e)‖², which keeps the vectors near their codes: (), summed over all but the batch, mean over it."""
    return sum_of_squares(z, values.detach())


def perplexity(codes: Tensor, n_codes: int) -> Tensor:
    """exp(entropy) of how often each code occurs: (), 1 if one code is used, n_codes if all are used equally."""
    shares = torch.bincount(codes.flatten(), minlength=n_codes).double() / max(codes.numel(), 1)
    return torch.special.entr(shares).sum().exp()


class VectorQuantizer(nn.Module):
    """A codebook, the nearest code for each vector, and how the codes learn.

    With `decay` the codes follow running means of the vectors that chose them, in training mode at each call;
    without it they are parameters, and the loss has the codebook loss in it. A code that hardly anything chooses
    would never move again: where its running count falls below `revive_below` times its fair share, it starts anew
    at a random vector of the batch.

    NOTE: the paper neither revives codes nor says how they start. Here they start at random vectors of the
    first batch.

    Args:
        n_codes: size of the codebook.
        dim: numbers in a vector.
        commitment: weight of the commitment loss.
        decay: of the running means, in [0, 1); None for codes that learn by gradient.
        revive_below: share of the fair share; 0 revives none.

    Attributes:
        codebook: (n_codes, dim).
        counts: (n_codes,), the running number of vectors of a batch that choose each code.

    Raises:
        ValueError: for a number out of range.

    Source: van den Oord et al. (2017), equation 3, and appendix A.1 for the running means.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        n_codes: int,
        dim: int,
        *,
        commitment: float = 0.25,
        decay: float | None = 0.95,
        revive_below: float = 0.1,
    ) -> None:
        super().__init__()
        self.n_codes, self.dim = check_count(n_codes, "n_codes"), check_count(dim, "dim")
        self.commitment = check_number(commitment, "commitment", minimum=0)
        self.decay = decay if decay is None else check_number(decay, "decay", minimum=0)
        if self.decay is not None and self.decay >= 1:
            raise ValueError(f"decay must be below 1, got {decay}: with 1 the codes would never move")
        self.revive_below = check_number(revive_below, "revive_below", minimum=0)
        codebook = torch.randn(n_codes, dim) / math.sqrt(dim)
        if decay is None:
            self.codebook = nn.Parameter(codebook)
        else:
            self.register_buffer("codebook", codebook)
        self.register_buffer("counts", torch.zeros(n_codes))
        self.register_buffer("sums", torch.zeros(n_codes, dim))
        self.register_buffer("started", torch.tensor(False))

    def encode(self, z: Tensor) -> Tensor:
        """The nearest codes (batch, height, width) of vectors z (batch, dim, height, width)."""
        if z.ndim != 4 or z.shape[1] != self.dim:
            raise ValueError(f"z must have shape (batch, {self.dim}, height, width), got {tuple(z.shape)}")
        return nearest_codes(_as_rows(z), self.codebook).view(len(z), *z.shape[2:])

    def decode(self, codes: Tensor) -> Tensor:
        """The vectors (batch, dim, height, width) of codes (batch, height, width)."""
        if codes.ndim != 3 or codes.dtype != torch.int64:
            raise ValueError(
                f"codes must be int64 of shape (batch, height, width), got {codes.dtype} of {tuple(codes.shape)}"
            )
        if codes.numel() and (codes.min() < 0 or codes.max() >= self.n_codes):
            raise ValueError(
                f"codes must lie in 0 to {self.n_codes - 1}, got {int(codes.min())} to {int(codes.max())}"
            )
        return self.codebook[codes].permute(0, 3, 1, 2)

    def forward(self, z: Tensor, *, generator: Generator | None = None) -> Quantized:
        """Quantise z (batch, dim, height, width); in training mode the codes learn too.

        `generator` is for the start and the revival of codes.
        """
        if self.training:
            self._start(z, generator)
        codes = self.encode(z)
        values = self.decode(codes)
        loss = self.commitment * commitment_loss(z, values)
        if self.decay is None:
            loss = loss + codebook_loss(z, values)
        if self.training:
            self._learn(z, codes, generator)
        return Quantized(straight_through(z, values), codes, loss)

    @torch.no_grad()
    def _start(self, z: Tensor, generator: Generator | None) -> None:
        if self.started:
            return
        rows = _as_rows(z)
        fair = len(rows) / self.n_codes
        self.codebook.copy_(_random_rows(rows, self.n_codes, generator))
        self.counts.fill_(fair)
        self.sums.copy_(fair * self.codebook)
        self.started.fill_(True)

    @torch.no_grad()
    def _learn(self, z: Tensor, codes: Tensor, generator: Generator | None) -> None:
        rows, chosen = _as_rows(z), codes.flatten()
        keep = 0.95 if self.decay is None else self.decay  # the counts run in any case, to find dead codes
        self.counts.lerp_(torch.bincount(chosen, minlength=self.n_codes).to(self.counts), 1 - keep)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, chosen, rows), 1 - keep)
        fair = len(rows) / self.n_codes
        dead = self.counts < self.revive_below * fair
        if dead.any():
            fresh = _random_rows(rows, int(dead.sum()), generator)
            self.counts[dead], self.sums[dead] = fair, fair * fresh
            self.codebook[dead] = fresh
        if self.decay is not None:
            tiny = torch.finfo(self.counts.dtype).tiny
            self.codebook.copy_(self.sums / self.counts.clamp_min(tiny)[:, None])


def _as_rows(z: Tensor) -> Tensor:
    """(batch·height·width, dim) of z (batch, dim, height, width)."""
    return z.permute(0, 2, 3, 1).flatten(0, 2)


def _random_rows(rows: Tensor, number: int, generator: Generator | None) -> Tensor:
    """So many rows, without repetition while there are enough."""
    device = rows.device if generator is None else generator.device
    order = torch.randperm(len(rows), generator=generator, device=device).to(rows.device)
    return rows[order.repeat(math.ceil(number / len(rows)))[:number]]


def sum_of_squares(a: Tensor, b: Tensor) -> Tensor:
    """‖a - b‖², (), summed over all but the batch, mean over it."""
    return (a - b).square().flatten(1).sum(1).mean()
