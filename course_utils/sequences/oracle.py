"""A random LSTM whose sequences are the data: then the quality of other sequences can be measured exactly."""

import torch
from torch import Generator, Tensor, nn

from course_utils.sequences.model import LSTMModel

__all__ = ["LSTMOracle"]


class LSTMOracle(LSTMModel):
    """An LSTM with all weights from N(0, 1), which nobody trains. Its draws play the real data.

    Every draw of its weights is another world: figures of different oracles are alike, not equal.

    NOTE: as in the paper, but with a row of its own in the embedding for the start, where the authors' code takes
    token 0; and with one vector of biases for each gate, since PyTorch's second one is set to 0.

    Args:
        n_tokens: size of the vocabulary.
        length: tokens in a sequence.
        hidden: size of embedding and state.
        generator: for the weights; PyTorch's global one if None.

    Source: Yu et al. (2017), SeqGAN, section "Synthetic data experiments".
    """

    def __init__(
        self,
        n_tokens: int = 5_000,
        length: int = 20,
        *,
        hidden: int = 32,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(n_tokens, length, embedding_dim=hidden, hidden=hidden)
        for weights in self.parameters():
            nn.init.normal_(weights, generator=generator)
        self.requires_grad_(False)
        self.lstm.get_parameter("bias_hh_l0").zero_()

    @torch.no_grad()
    def nll(self, tokens: Tensor) -> Tensor:
        """-log p(x) / length for tokens (batch, length): (batch,) **nats per token**, as the benchmark reports it.

        Low for sequences that the oracle itself might have drawn. It does not ask whether they differ.
        """
        parts = [self.log_prob(part) for part in tokens.split(512)]
        return -torch.cat(parts) / self.length
