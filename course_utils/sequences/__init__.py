"""Sequences of tokens: models of them, and ways to train through choices that have no gradient."""

from course_utils.sequences.diversity import distinct_share
from course_utils.sequences.fit import fit_mle
from course_utils.sequences.model import BigramModel, LSTMModel, SequenceModel, draw_tokens
from course_utils.sequences.oracle import LSTMOracle

__all__ = [
    "BigramModel",
    "LSTMModel",
    "LSTMOracle",
    "SequenceModel",
    "distinct_share",
    "draw_tokens",
    "fit_mle",
]
