"""Sequences of tokens, chosen one after the other: log p(x) = Σₜ log p(xₜ | x₁, ..., xₜ₋₁)."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.distributions import categorical_log_prob
from course_utils.validation import check_count

__all__ = ["BigramModel", "LSTMModel", "SequenceModel", "check_tokens", "draw_tokens"]

ROWS = 512  # drawn at a time: their logits over 5,000 tokens stay in the cache


class SequenceModel(nn.Module):
    """The base of all models here. A subclass gives `begin`, `step`, `head`, and may give a faster `features`.

    Token n_tokens, which no sequence holds, stands before the first one.

    Args:
        n_tokens: size of the vocabulary; tokens are 0 to n_tokens - 1.
        length: tokens in a sequence, always the same. Shorter ones end with a token that means "no more".

    Raises:
        ValueError: for fewer than two tokens, or an empty sequence.
    """

    def __init__(self, n_tokens: int, length: int) -> None:
        super().__init__()
        self.n_tokens = check_count(n_tokens, "n_tokens", minimum=2)
        self.length = check_count(length, "length")

    def begin(self, n: int) -> Any:
        """The memory of n sequences before their first token."""
        raise NotImplementedError

    def step(self, token: Tensor, memory: Any) -> tuple[Tensor, Any]:
        """Read one token of each sequence, (n,): the features (n, dim) for the next one, and the new memory."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Tensor:
        """Logits (..., n_tokens) of the next token from features (..., dim)."""
        raise NotImplementedError

    def features(self, tokens: Tensor) -> Tensor:
        """The features (batch, length, dim) for each place of tokens (batch, length), from those before it."""
        memory, found = self.begin(len(tokens)), []
        for token in self.read(tokens).unbind(1):
            features, memory = self.step(token, memory)
            found.append(features)
        return torch.stack(found, 1)

    def read(self, tokens: Tensor) -> Tensor:
        """What is read at each place, (batch, length): the start, and all tokens but the last."""
        start = torch.full_like(tokens[:, :1], self.n_tokens)
        return torch.cat([start, tokens[:, :-1]], 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch, length, n_tokens) of each token given those before it, for tokens (batch, length).

        Raises:
            TypeError, ValueError: if these are no such tokens.
        """
        return self.head(self.features(check_tokens(tokens, self.n_tokens, self.length)))

    def token_log_prob(self, tokens: Tensor) -> Tensor:
        """Log p(xₜ | x₁, ..., xₜ₋₁) in nats, (batch, length), for tokens (batch, length)."""
        logits = self(tokens)
        each = categorical_log_prob(tokens.flatten(), logits.flatten(0, 1))
        return each.view(tokens.shape)

    def log_prob(self, tokens: Tensor) -> Tensor:
        """Log p(x), exact, for tokens (batch, length): (batch,) nats per sequence."""
        return self.token_log_prob(tokens).sum(1)

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Draw n sequences, token by token: (n, length) int64."""
        n = check_count(n, "n")
        nothing = torch.zeros(n, self.length, dtype=torch.int64, device=next(self.parameters()).device)
        return self.complete(nothing, torch.zeros_like(nothing[:, 0]), generator=generator)

    @torch.no_grad()
    def complete(self, tokens: Tensor, n_known: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Keep the first tokens of each sequence and draw the others from p(rest | first).

        Args:
            tokens: (batch, length); what stands after the known ones does not matter.
            n_known: (batch,), how many of each row stay.
            generator: PyTorch's global one if None.

        Returns:
            (batch, length).

        Raises:
            TypeError, ValueError: for tokens that do not fit, or another number of rows.
        """
        result = check_tokens(tokens, self.n_tokens, self.length).clone()
        if n_known.shape != (len(tokens),):
            raise ValueError(f"n_known must have shape ({len(tokens)},), got {tuple(n_known.shape)}")
        memory, token = self.begin(len(tokens)), torch.full_like(result[:, 0], self.n_tokens)
        for place in range(self.length):
            features, memory = self.step(token, memory)
            rows = (n_known <= place).nonzero()[:, 0]
            for part in rows.split(ROWS):
                result[part, place] = draw_tokens(self.head(features[part]), generator=generator)
            token = result[:, place]
        return result


class LSTMModel(SequenceModel):
    """An LSTM over tokens: embedding, one layer, and a linear map to the logits.

    Args:
        n_tokens: size of the vocabulary.
        length: tokens in a sequence.
        embedding_dim: numbers that stand for a token.
        hidden: size of the LSTM's state.

    Raises:
        ValueError: for a size below 1.
    """

    def __init__(self, n_tokens: int, length: int, *, embedding_dim: int = 32, hidden: int = 32) -> None:
        super().__init__(n_tokens, length)
        self.embedding = nn.Embedding(n_tokens + 1, check_count(embedding_dim, "embedding_dim"))
        self.lstm = nn.LSTM(embedding_dim, check_count(hidden, "hidden"), batch_first=True)
        self.output = nn.Linear(hidden, n_tokens)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def begin(self, n: int) -> tuple[Tensor, Tensor]:
        """Zeros: output and cell, (1, n, hidden) each."""
        zeros = self.output.weight.new_zeros(1, n, self.lstm.hidden_size)
        return zeros, zeros

    def step(self, token: Tensor, memory: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """See `SequenceModel`."""
        features, memory = self.lstm(self.embedding(token)[:, None], memory)
        return features[:, 0], memory

    def head(self, features: Tensor) -> Tensor:
        """See `SequenceModel`."""
        return self.output(features)

    def features(self, tokens: Tensor) -> Tensor:
        """See `SequenceModel`."""
        return self.lstm(self.embedding(self.read(tokens)))[0]


class BigramModel(SequenceModel):
    """The smallest chain: the next token depends on the one before it only, by a table of logits.

    Attributes:
        logits: (n_tokens + 1, n_tokens); row i after token i, the last row at the start.
    """

    def __init__(self, n_tokens: int, length: int) -> None:
        super().__init__(n_tokens, length)
        self.logits = nn.Parameter(torch.zeros(n_tokens + 1, n_tokens))

    def begin(self, n: int) -> None:
        """Nothing to remember."""

    def step(self, token: Tensor, memory: None) -> tuple[Tensor, None]:
        """See `SequenceModel`."""
        return self.logits[token], None

    def head(self, features: Tensor) -> Tensor:
        """See `SequenceModel`."""
        return features


@torch.no_grad()
def draw_tokens(logits: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Draw one token for each row of logits (n, n_tokens): (n,) int64, by one uniform number each."""
    cumulated = torch.exp(logits - logits.amax(1, keepdim=True)).cumsum(1)  # (n, n_tokens), not normalised
    device = logits.device if generator is None else generator.device
    uniform = torch.rand(len(logits), 1, generator=generator, device=device, dtype=logits.dtype)
    threshold = uniform.to(logits.device) * cumulated[:, -1:]
    return torch.searchsorted(cumulated, threshold, right=True)[:, 0].clamp_max(logits.shape[1] - 1)


def check_tokens(tokens: Any, n_tokens: int, length: int) -> Tensor:
    """Return `tokens` if it is an int64 tensor (batch, length) of tokens 0 to n_tokens - 1, else raise."""
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64:
        came = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
        raise TypeError(f"tokens must be an int64 tensor, got {came}; tokens.long() converts a tensor")
    if tokens.ndim != 2 or tokens.shape[1] != length:
        raise ValueError(f"tokens must have shape (batch, {length}), got {tuple(tokens.shape)}")
    if tokens.numel() and (tokens.min() < 0 or tokens.max() >= n_tokens):
        raise ValueError(
            f"tokens must lie in 0 to {n_tokens - 1}, got {int(tokens.min())} to {int(tokens.max())}"
        )
    return tokens
