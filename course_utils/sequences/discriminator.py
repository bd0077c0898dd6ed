"""Discriminators of sequences: one that looks for short runs of tokens, and one that reads from left to right."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from course_utils.sequences.model import check_tokens
from course_utils.validation import check_count, check_number

__all__ = ["RecurrentDiscriminator", "SequenceDiscriminator"]


class SequenceDiscriminator(nn.Module):
    """Convolutions over tokens, the largest answer of each filter, and a logit: it knows which runs occur, not where.

    NOTE: the paper has twelve widths and up to 200 filters of each, a highway layer, and a weight penalty. This one is
    smaller, so that a processor can pay for it.

    Args:
        n_tokens: size of the vocabulary.
        length: tokens in a sequence.
        embedding_dim: numbers that stand for a token.
        widths: lengths of the runs that are looked at, each at most the length.
        n_filters: for each width.
        dropout: share of the filters' answers that is left out in training.

    Raises:
        ValueError: for a size out of range.

    Source: Yu et al. (2017), SeqGAN, after Kim (2014).
    """

    def __init__(
        self,
        n_tokens: int,
        length: int,
        *,
        embedding_dim: int = 32,
        widths: Sequence[int] = (1, 2, 3, 5),
        n_filters: int = 32,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.n_tokens, self.length = (
            check_count(n_tokens, "n_tokens", minimum=2),
            check_count(length, "length"),
        )
        if max(widths) > length:
            raise ValueError(f"widths must be at most the length, {length}, got {tuple(widths)}")
        self.embedding = nn.Embedding(n_tokens, check_count(embedding_dim, "embedding_dim"))
        nn.init.normal_(self.embedding.weight, std=0.1)  # PyTorch's 1 lets it learn rare tokens by heart
        self.convolutions = nn.ModuleList(
            nn.Conv1d(embedding_dim, n_filters, check_count(width, "widths")) for width in widths
        )
        self.dropout = nn.Dropout(check_number(dropout, "dropout", minimum=0))
        self.output = nn.Linear(n_filters * len(widths), 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits that the sequences are real, (batch,), for tokens (batch, length)."""
        check_tokens(tokens, self.n_tokens, self.length)
        embedded = self.embedding(tokens).transpose(1, 2)  # (batch, embedding_dim, length)
        answers = [relu(convolution(embedded)).amax(2) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(answers, 1)))[:, 0]


class RecurrentDiscriminator(nn.Module):
    """A GRU over tokens; the mean and the largest of its states give the logit. It can count, as brackets need it.

    Args:
        n_tokens: size of the vocabulary.
        length: tokens in a sequence.
        embedding_dim: numbers that stand for a token.
        hidden: size of the state.

    Raises:
        ValueError: for a size below 1.
    """

    def __init__(self, n_tokens: int, length: int, *, embedding_dim: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.n_tokens, self.length = (
            check_count(n_tokens, "n_tokens", minimum=2),
            check_count(length, "length"),
        )
        self.embedding = nn.Embedding(n_tokens, check_count(embedding_dim, "embedding_dim"))
        self.gru = nn.GRU(embedding_dim, check_count(hidden, "hidden"), batch_first=True)
        self.output = nn.Linear(2 * hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits that the sequences are real, (batch,), for tokens (batch, length)."""
        check_tokens(tokens, self.n_tokens, self.length)
        states = self.gru(self.embedding(tokens))[0]  # (batch, length, hidden)
        return self.output(torch.cat([states.mean(1), states.amax(1)], 1))[:, 0]
