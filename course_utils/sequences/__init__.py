"""Sequences of tokens: models of them, and ways to train through choices that have no gradient."""

from course_utils.sequences.discriminator import RecurrentDiscriminator, SequenceDiscriminator
from course_utils.sequences.diversity import distinct_share
from course_utils.sequences.fit import fit_mle
from course_utils.sequences.model import BigramModel, LSTMModel, SequenceModel, draw_tokens
from course_utils.sequences.oracle import LSTMOracle
from course_utils.sequences.policy import (
    every_sequence,
    expected_reward,
    reinforce_loss,
    sequence_gradients,
)
from course_utils.sequences.relaxations import (
    exact_choice_gradient,
    gumbel_noise,
    gumbel_softmax,
    gumbel_softmax_gradient,
    reinforce_gradient,
    straight_through_choice,
    straight_through_gradient,
)
from course_utils.sequences.rollouts import action_values
from course_utils.sequences.seqgan import (
    BASELINES,
    discriminator_step,
    fit_seqgan,
    generator_step,
    verdict,
)

__all__ = [
    "BASELINES",
    "BigramModel",
    "LSTMModel",
    "LSTMOracle",
    "RecurrentDiscriminator",
    "SequenceDiscriminator",
    "SequenceModel",
    "action_values",
    "discriminator_step",
    "distinct_share",
    "draw_tokens",
    "every_sequence",
    "exact_choice_gradient",
    "expected_reward",
    "fit_mle",
    "fit_seqgan",
    "generator_step",
    "gumbel_noise",
    "gumbel_softmax",
    "gumbel_softmax_gradient",
    "reinforce_gradient",
    "reinforce_loss",
    "sequence_gradients",
    "straight_through_choice",
    "straight_through_gradient",
    "verdict",
]
