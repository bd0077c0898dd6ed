"""Exercises of chapter 11: sequences, and gradients through choices.

One convention: log-probabilities in nats; a loss is to be minimised, so that its gradient is minus that of the expected
reward; log-probabilities are summed over the tokens of a sequence, means are taken over the batch.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "baseline_of_others",
    "biased_baseline",
    "choice_gradient",
    "collapse_score",
    "flat_argmax",
    "gumbel_choice",
    "linear_reward",
    "questions",
    "recall_codebook",
    "recall_prior",
    "recall_straight_through",
    "reinforce_surrogate",
    "reward_through_choice",
    "rollout_values",
    "straight_through",
    "warm_or_cool",
]

CHAPTER = "ch11"


# --- choice_gradient --------------------------------------------------------------------------------


def choice_gradient_reference(probs: Tensor, rewards: Tensor) -> Tensor:
    return probs * (rewards - (probs * rewards).sum())


def choice_gradient_raw(probs: Tensor, rewards: Tensor) -> Tensor:
    return probs * rewards


def choice_gradient_rewards(probs: Tensor, rewards: Tensor) -> Tensor:
    return rewards.clone()


def choice_gradient_plain_mean(probs: Tensor, rewards: Tensor) -> Tensor:
    return probs * (rewards - rewards.mean())


def choice_gradient_unweighted(probs: Tensor, rewards: Tensor) -> Tensor:
    return rewards - (probs * rewards).sum()


def choice_gradient_sign(probs: Tensor, rewards: Tensor) -> Tensor:
    return -choice_gradient_reference(probs, rewards)


choice_gradient = Exercise(
    "choice_gradient",
    chapter=CHAPTER,
    task="One of K things is chosen with probabilities probs (K,), a softmax of logits; rewards (K,) says what each "
    "brings. Return the exact gradient of the expected reward with respect to the logits, (K,).",
    reference=choice_gradient_reference,
    cases=lambda: [
        (seeded(4).softmax(0), 3 + seeded(4, seed=1)),
        (seeded(3, seed=2).softmax(0), seeded(3, seed=3)),
    ],
    mistakes={
        "raw": (
            choice_gradient_raw,
            "The sum of the gradient must be 0: adding the same number to all logits changes nothing. The other "
            "part of the derivative of softmax is missing.",
        ),
        "rewards": (
            choice_gradient_rewards,
            "This is the gradient with respect to the probabilities, not the logits.",
        ),
        "plain_mean": (
            choice_gradient_plain_mean,
            "The mean that is taken off is the expected reward, weighted by the probabilities.",
        ),
        "unweighted": (
            choice_gradient_unweighted,
            "Something that is hardly ever chosen can change little: multiply by the probabilities.",
        ),
        "sign": (
            choice_gradient_sign,
            "The sign: this leads downhill. Asked for is the gradient, not the loss's.",
        ),
    },
    hints=[
        "The derivative of p_k with respect to logit j is p_k (1[j = k] - p_j). Multiply by the rewards and add up.",
        "probs * (rewards - expected), where expected is the sum of probs * rewards",
    ],
)


# --- reinforce_surrogate ----------------------------------------------------------------------------


class Slopes(NamedTuple):
    """Derivatives of a loss with respect to the log-probabilities and to the rewards."""

    log_probs: Tensor
    rewards: Tensor


def slopes_of(function: Callable[..., Tensor], token_log_prob: Tensor, reward: Tensor) -> Slopes | Tensor:
    """The gradient of what the function gives; the function's own answer if that has none."""
    log_prob, rewards = (tensor.clone().requires_grad_() for tensor in (token_log_prob, reward))
    loss = function(log_prob, rewards)
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        return loss
    found = torch.autograd.grad(loss, (log_prob, rewards), allow_unused=True)
    zeros = (torch.zeros_like(token_log_prob), torch.zeros_like(reward))
    return Slopes(*(zero if slope is None else slope for slope, zero in zip(found, zeros, strict=True)))


def reinforce_surrogate_reference(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob.sum(1)).mean()


def reinforce_surrogate_sign(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -reinforce_surrogate_reference(token_log_prob, reward)


def reinforce_surrogate_through(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward * token_log_prob.sum(1)).mean()


def reinforce_surrogate_mean(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob.mean(1)).mean()


def reinforce_surrogate_probs(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob.sum(1).exp()).mean()


def reinforce_surrogate_last(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob[:, -1]).mean()


def reinforce_surrogate_batch(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob.sum(1)).sum()


def reinforce_surrogate_broadcast(token_log_prob: Tensor, reward: Tensor) -> Tensor:
    return -(reward.detach() * token_log_prob.sum(1, keepdim=True)).mean()


reinforce_surrogate = Exercise(
    "reinforce_surrogate",
    chapter=CHAPTER,
    task="token_log_prob (batch, length) holds log p of each token of drawn sequences, reward (batch,) what each "
    "sequence brought. Return a loss, one number, whose gradient is the REINFORCE estimate of minus the gradient of "
    "the expected reward. The reward may hang on a graph of its own; nothing must flow into it.",
    reference=reinforce_surrogate_reference,
    cases=lambda: [
        (-seeded(4, 3).abs(), seeded(4, seed=1)),
        (-seeded(2, 5, seed=2).abs(), 2 + seeded(2, seed=3)),
    ],
    observe=slopes_of,
    mistakes={
        "sign": (
            reinforce_surrogate_sign,
            "The sign: an optimizer that minimises this makes rewarded sequences rarer.",
        ),
        "through": (
            reinforce_surrogate_through,
            "A gradient flows into the reward. It is a number that came from outside: reward.detach().",
        ),
        "mean": (
            reinforce_surrogate_mean,
            "This is the mean over tokens. The log of a product of probabilities is the sum of their logs.",
        ),
        "probs": (
            reinforce_surrogate_probs,
            "These are probabilities. The sequences were drawn, so that p is there already: what is needed is log p.",
        ),
        "broadcast": (
            reinforce_surrogate_broadcast,
            "(batch,) times (batch, 1) is (batch, batch): each reward meets every sequence.",
        ),
        "last": (
            reinforce_surrogate_last,
            "Only the last choice is rewarded. All choices of the sequence had their part in it.",
        ),
        "batch": (
            reinforce_surrogate_batch,
            "Sum over the batch instead of the mean: the step grows with the batch.",
        ),
    },
    hints=[
        "∇ E[r] = E[r ∇ log p(x)], and log p(x) is a sum over tokens.",
        "Minus the mean over the batch of reward.detach() times token_log_prob.sum(1).",
    ],
)


# --- baseline_of_others -----------------------------------------------------------------------------


def baseline_of_others_reference(reward: Tensor) -> Tensor:
    return (reward.sum() - reward) / (len(reward) - 1)


def baseline_of_others_all(reward: Tensor) -> Tensor:
    return reward.mean().expand_as(reward).clone()


def baseline_of_others_count(reward: Tensor) -> Tensor:
    return (reward.sum() - reward) / len(reward)


def baseline_of_others_advantage(reward: Tensor) -> Tensor:
    return reward - baseline_of_others_reference(reward)


def baseline_of_others_itself(reward: Tensor) -> Tensor:
    return reward.clone()


baseline_of_others = Exercise(
    "baseline_of_others",
    chapter=CHAPTER,
    task="reward (n,) holds the rewards of n drawn sequences, n at least 2. Return a baseline for each, (n,): the mean "
    "reward of all the *other* sequences, which does not depend on this one.",
    reference=baseline_of_others_reference,
    cases=lambda: [(seeded(5),), (3 + seeded(2, seed=1),)],
    mistakes={
        "all": (
            baseline_of_others_all,
            "The mean of all, the sequence itself included: the baseline then depends on what it is subtracted from, "
            "and the gradient is too short by 1/n.",
        ),
        "count": (
            baseline_of_others_count,
            "One reward was taken out of the sum, so there are n - 1 left to divide by.",
        ),
        "advantage": (
            baseline_of_others_advantage,
            "This is the reward minus the baseline. Return the baseline itself.",
        ),
        "itself": (
            baseline_of_others_itself,
            "With the reward itself as baseline nothing is left to learn from.",
        ),
    },
    hints=["Take each reward out of the sum of all.", "(reward.sum() - reward) / (len(reward) - 1)"],
)


# --- gumbel_choice ----------------------------------------------------------------------------------


def gumbel_choice_reference(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return ((logits + noise) / tau).softmax(-1)


def gumbel_choice_noise_outside(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return (logits / tau + noise).softmax(-1)


def gumbel_choice_times(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return ((logits + noise) * tau).softmax(-1)


def gumbel_choice_probs(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return ((logits.softmax(-1) + noise) / tau).softmax(-1)


def gumbel_choice_none(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return (logits / tau).softmax(-1)


def gumbel_choice_hard(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return torch.nn.functional.one_hot((logits + noise).argmax(-1), logits.shape[-1]).float()


def gumbel_choice_batch(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    return ((logits + noise) / tau).softmax(0)


gumbel_choice = Exercise(
    "gumbel_choice",
    chapter=CHAPTER,
    task="Return the Gumbel-softmax choice (batch, K) for logits (batch, K), Gumbel noise of the same shape, which is "
    "given, and a temperature tau.",
    reference=gumbel_choice_reference,
    cases=lambda: [
        (seeded(3, 4), seeded(3, 4, seed=1), 0.5),
        (seeded(2, 5, seed=2), seeded(2, 5, seed=3), 2.0),
    ],
    mistakes={
        "noise_outside": (
            gumbel_choice_noise_outside,
            "The noise is not divided by tau: then a small tau no longer draws, it takes the largest logit.",
        ),
        "times": (
            gumbel_choice_times,
            "Multiplied by tau: a low temperature would make it flat instead of sharp.",
        ),
        "probs": (
            gumbel_choice_probs,
            "The noise belongs to the logits (or to log p), not to the probabilities.",
        ),
        "batch": (gumbel_choice_batch, "The softmax goes over the batch. Each row is one choice: dim -1."),
        "none": (gumbel_choice_none, "Nothing random is in it: the same choice every time. Add the noise."),
        "hard": (
            gumbel_choice_hard,
            "This is the hard choice, whose gradient is 0. Take softmax in place of argmax.",
        ),
    },
    hints=[
        "logits + noise has its largest entry at an exact draw. What is a soft version of the largest?",
        "softmax of (logits + noise) / tau along the last dimension",
    ],
)


# --- straight_through -------------------------------------------------------------------------------


class Through(NamedTuple):
    """What comes out, and the gradient that goes back to the logits."""

    value: Tensor
    gradient: Tensor


def through(function: Callable[..., Tensor], logits: Tensor, drawn: Tensor) -> Through | Tensor:
    """Value, and the gradient of a weighted sum of it."""
    leaf = logits.clone().requires_grad_()
    value = function(leaf, drawn)
    if not isinstance(value, Tensor) or value.shape != drawn.shape:
        return value
    weights = seeded(*drawn.shape, seed=9)
    if not value.requires_grad:
        return Through(value, torch.zeros_like(logits))
    return Through(value.detach(), torch.autograd.grad((value * weights).sum(), leaf)[0])


def straight_through_reference(logits: Tensor, drawn: Tensor) -> Tensor:
    soft = logits.softmax(-1)
    return soft + (drawn - soft).detach()


def straight_through_hard(logits: Tensor, drawn: Tensor) -> Tensor:
    return drawn.clone()


def straight_through_soft(logits: Tensor, drawn: Tensor) -> Tensor:
    return logits.softmax(-1)


def straight_through_sum(logits: Tensor, drawn: Tensor) -> Tensor:
    return drawn + logits.softmax(-1)


def straight_through_logits(logits: Tensor, drawn: Tensor) -> Tensor:
    return logits + (drawn - logits).detach()


straight_through = Exercise(
    "straight_through",
    chapter=CHAPTER,
    task="drawn (batch, K) holds unit vectors that were drawn from softmax(logits), logits (batch, K). Return "
    "something that *is* drawn, but passes its gradient on to softmax(logits).",
    reference=straight_through_reference,
    cases=lambda: [(seeded(3, 4), torch.eye(4)[[2, 0, 3]]), (seeded(2, 3, seed=1), torch.eye(3)[[1, 1]])],
    observe=through,
    mistakes={
        "hard": (
            straight_through_hard,
            "The value is right, but no gradient goes back: drawn knows nothing of the logits, and two softmaxes that "
            "cancel in the value cancel in the gradient too, unless one of them is detached.",
        ),
        "soft": (straight_through_soft, "This is the softmax itself: a gradient, but not the drawn value."),
        "sum": (straight_through_sum, "The softmax is still in the value. Subtract it again, detached."),
        "logits": (
            straight_through_logits,
            "The gradient goes to the logits as if they were the probabilities: the softmax is skipped.",
        ),
    },
    hints=[
        "As in chapter 10: the value of one thing, the gradient of another. x.detach() has the value of x and "
        "no gradient.",
        "soft + (drawn - soft).detach(), with soft = logits.softmax(-1)",
    ],
)


# --- rollout_values ---------------------------------------------------------------------------------


def rollout_values_reference(rollouts: Tensor, final: Tensor) -> Tensor:
    return torch.cat([rollouts.mean(2), final[:, None]], 1)


def rollout_values_best(rollouts: Tensor, final: Tensor) -> Tensor:
    return torch.cat([rollouts.amax(2), final[:, None]], 1)


def rollout_values_first(rollouts: Tensor, final: Tensor) -> Tensor:
    return torch.cat([final[:, None], rollouts.mean(2)], 1)


def rollout_values_whole(rollouts: Tensor, final: Tensor) -> Tensor:
    return final[:, None].repeat(1, rollouts.shape[1] + 1)


def rollout_values_sum(rollouts: Tensor, final: Tensor) -> Tensor:
    return torch.cat([rollouts.sum(2), final[:, None]], 1)


def rollout_values_places(rollouts: Tensor, final: Tensor) -> Tensor:
    n, before, _ = rollouts.shape
    return torch.cat([rollouts.mean((1, 2))[:, None].expand(n, before), final[:, None]], 1)


rollout_values = Exercise(
    "rollout_values",
    chapter=CHAPTER,
    task="Each of n sequences of length T was cut after 1, 2, ..., T - 1 tokens and finished several times. rollouts "
    "(n, T - 1, n_rollouts) holds the rewards of what came out, final (n,) those of the sequences themselves. Return "
    "the action values (n, T): column t - 1 for the first t tokens.",
    reference=rollout_values_reference,
    cases=lambda: [(seeded(3, 4, 5), seeded(3, seed=1)), (seeded(2, 2, 3, seed=2), seeded(2, seed=3))],
    mistakes={
        "best": (
            rollout_values_best,
            "The best of the rollouts is what luck brings, not what the choice is worth. Take their mean.",
        ),
        "first": (
            rollout_values_first,
            "The finished sequence belongs to the last choice, so it comes last.",
        ),
        "whole": (
            rollout_values_whole,
            "Every choice gets the reward of the whole sequence. That is unbiased too, but it uses no rollouts.",
        ),
        "sum": (rollout_values_sum, "A sum over the rollouts grows with their number. Take the mean."),
        "places": (
            rollout_values_places,
            "The mean goes over places as well: each prefix has a value of its own.",
        ),
    },
    hints=[
        "The value of a prefix is the mean reward of its rollouts.",
        "torch.cat([rollouts.mean(2), final[:, None]], 1)",
    ],
)


# --- questions --------------------------------------------------------------------------------------

recall_straight_through = Question(
    "recall_straight_through",
    chapter=CHAPTER,
    text="A VQ-VAE replaces each vector by its nearest code. How does the encoder learn, though the choice of a code "
    "has no gradient?",
    choices={
        "a": (
            "The gradient of the choice is computed by finite differences",
            "They are 0 almost everywhere.",
        ),
        "b": (
            "The decoder's gradient is copied to the encoder's output, as if nothing had been replaced",
            "Straight through: a biased estimate that works while vector and code are close.",
            True,
        ),
        "c": (
            "It does not; only codes and decoder learn",
            "Then the vectors would never come to fit the codes.",
        ),
    },
)
recall_codebook = Question(
    "recall_codebook",
    chapter=CHAPTER,
    text="A codebook of 64 codes has a perplexity of 3. What does that mean?",
    choices={
        "a": ("The images are easy to reconstruct", "The perplexity says nothing about the reconstruction."),
        "b": (
            "Every code is used, three times per image",
            "A perplexity is an effective number of codes, not a count of uses.",
        ),
        "c": (
            "Hardly more than three codes are in use",
            "It is exp(entropy) of how often each code is chosen; the others are dead, or nearly so.",
            True,
        ),
    },
)
recall_prior = Question(
    "recall_prior",
    chapter=CHAPTER,
    text="Why does a VQ-VAE need a PixelCNN, or something like it, before it can draw new images?",
    choices={
        "a": (
            "The decoder is not sharp enough without one",
            "It is as sharp as it is; the question is what to decode.",
        ),
        "b": (
            "Maps of independent random codes are not maps that images have",
            "Codes depend on each other: their joint "
            "distribution has to be learned, token by token. So it is in this chapter.",
            True,
        ),
        "c": (
            "The codes are not normal",
            "Nobody said that they should be; the trouble is that they depend on each other.",
        ),
    },
)
flat_argmax = Question(
    "flat_argmax",
    chapter=CHAPTER,
    text="The generator of chapter 5 gave pixels, and the gradient of the discriminator told it how to change them. "
    "Why does that fail for words?",
    choices={
        "a": ("A discriminator cannot read words", "It can: an embedding turns each into numbers."),
        "b": (
            "A small change of the logits changes no word, or suddenly a whole one",
            "So the derivative of the drawn word is 0 almost everywhere, and tells nothing.",
            True,
        ),
        "c": ("There are too many words", "The same happens with two of them."),
    },
)
linear_reward = Question(
    "linear_reward",
    chapter=CHAPTER,
    text="For which f is the straight-through gradient of E[f(x)] exact, x a drawn unit vector?",
    choices={
        "a": (
            "For every differentiable f",
            "It takes the slope at the corner for the difference between corners.",
        ),
        "b": ("For a linear f", "Then the slope at one corner does tell what the other corners bring.", True),
        "c": ("For none", "There is a simple case in which slope and difference agree."),
    },
)
warm_or_cool = Question(
    "warm_or_cool",
    chapter=CHAPTER,
    text="You lower the temperature of a Gumbel-softmax from 1 to 0.05. What happens to its gradient?",
    choices={
        "a": (
            "Less bias, more variance",
            "The soft choice comes close to a real one, and its slope becomes 0 nearly "
            "everywhere and huge in between.",
            True,
        ),
        "b": ("More bias, less variance", "That is what a higher temperature brings."),
        "c": ("Less of both", "It would be too good: somewhere the step of the argmax has to show."),
    },
)
biased_baseline = Question(
    "biased_baseline",
    chapter=CHAPTER,
    text="Which of these must NOT be subtracted from the reward in REINFORCE, if the gradient is to stay unbiased?",
    choices={
        "a": (
            "The mean reward of earlier batches",
            "It is a constant for the present draws, and E[∇ log p] = 0.",
        ),
        "b": (
            "A value that a network predicts from the tokens before the choice",
            "It may depend on the past: given the past, E[∇ log p] of the next choice is still 0.",
        ),
        "c": (
            "A value that a network predicts from the choice itself",
            "Then it takes part in the expectation, and what is subtracted is no longer 0 in the mean.",
            True,
        ),
    },
)
reward_through_choice = Question(
    "reward_through_choice",
    chapter=CHAPTER,
    text="In SeqGAN the discriminator is a differentiable network. Does its gradient reach the generator?",
    choices={
        "a": ("Yes, that is why it is a GAN", "Between the two stands a draw, and no gradient passes it."),
        "b": (
            "No, its verdicts enter as rewards, plain numbers, through REINFORCE",
            "Therefore the variance: a number says how good a choice was, not in which direction another would be "
            "better. Baseline and rollouts make up for some of it.",
            True,
        ),
        "c": (
            "Yes, by the rollouts",
            "Rollouts are drawn too. They only tell which prefix was worth how much.",
        ),
    },
)
collapse_score = Question(
    "collapse_score",
    chapter=CHAPTER,
    text="A generator draws one and the same sequence, the most probable one under the oracle. How does it score in "
    "the oracle benchmark?",
    choices={
        "a": (
            "Very badly, since it has collapsed",
            "The oracle is asked about each sequence alone, and finds it probable.",
        ),
        "b": (
            "Better than the real data, in NLL under the oracle",
            "The score asks for quality, never for variety. Its NLL on "
            "the oracle's data would be infinite: look at both.",
            True,
        ),
        "c": (
            "As well as the real data",
            "Real data holds improbable sequences too; this one sequence is the best there is.",
        ),
    },
)

all_exercises = [
    choice_gradient,
    reinforce_surrogate,
    baseline_of_others,
    gumbel_choice,
    straight_through,
    rollout_values,
]
questions = [
    recall_straight_through,
    recall_codebook,
    recall_prior,
    flat_argmax,
    linear_reward,
    warm_or_cool,
    biased_baseline,
    reward_through_choice,
    collapse_score,
]
