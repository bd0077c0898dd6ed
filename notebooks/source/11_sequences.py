# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 11: Sequences
#
# *Two and a half hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# A sequence is a chain of choices. At each one the road forks, and the future turns both ways (chapter 0): a sample takes one of them, and what comes later depends on it. Chapter 9 learned such chains by imitation, one choice at a time. Can a GAN learn them? It would judge the **whole** sequence, as a reader does.
#
# It seems to need nothing new: a generator writes, a discriminator reads, its gradient says what to change. But a word cannot be changed a little. This chapter is about what to do when there is no slope.
#
# **After this chapter you can**
# - say why the gradient stops at a discrete choice, and show it by finite differences;
# - pass it by a soft choice or straight through, and measure bias against variance;
# - derive REINFORCE, test it against an exact gradient, and say what a baseline does;
# - value a half-finished sequence by rollouts, and write down SeqGAN;
# - read a score that rewards collapse, and say what to put beside it.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $x = (x_1, \dots, x_T)$ is a sequence of **tokens**, each one of $K$. $p_\theta$ is the generator, $D$ the discriminator, $r(x)$ a reward. One choice alone is a unit vector $x \in \{e_1, \dots, e_K\}$ with probabilities $p = \text{softmax}(\theta)$, $\theta$ being its logits. Log-probabilities are in nats, per sequence unless a section says per token.

# %% slideshow={"slide_type": "skip"}
import copy

import matplotlib.pyplot as plt
import torch

from course_utils import data, plots, sequences
from course_utils.exercises import ch11
from course_utils.seeding import seed_everything
from course_utils.sequences import LSTMModel, distinct_share, fit_mle, fit_seqgan
from course_utils.studies import seqgan_oracle

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 10. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch11.recall_straight_through

# %% slideshow={"slide_type": "skip"}
ch11.recall_straight_through.answer(...)

# %% slideshow={"slide_type": "skip"}
ch11.recall_codebook

# %% slideshow={"slide_type": "skip"}
ch11.recall_codebook.answer(...)

# %% slideshow={"slide_type": "skip"}
ch11.recall_prior

# %% slideshow={"slide_type": "skip"}
ch11.recall_prior.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.1 A language of ten tokens (core)
# *About 15 minutes.* You will learn a small language by imitation, and measure three things about what comes out.
#
# Our language: arithmetic expressions of at most 15 tokens, with the digits 1 to 4, `+`, `-`, `*` and brackets. A tenth token means "no more". `data.drawn_expressions` throws a coin at each fork: bracket or digit, another operator or the end. So here $p(x)$ is known, and a parser can say of any text whether it belongs to the language.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
GRAMMAR = {"length": 15, "p_operator": 0.65}
real = data.drawn_expressions(2_000, **GRAMMAR, generator=rng).tokens  # (2000, 15)
new, new_log_prob = data.drawn_expressions(2_000, **GRAMMAR, generator=rng)
print("   ".join(data.expression_texts(real[:9])))

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
for text in ("2*(3+1)", "2*(3+1", "2*+1"):
    print(f"{text:8} is an expression: {data.is_expression(text)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The model is an LSTM. It reads a token, updates its memory, and gives ten logits for the next one. Training is that of chapter 9, **maximum likelihood**: predict each token from the true ones before it. We stop it early, so that something is left to improve.
#
# Three measures. **Valid**: the share of samples that the parser accepts. **Distinct**: the share of different texts among 1,000 samples (noise has 1; good is the value of the language itself). **NLL**: $-\log p_\theta$ of new expressions, per sequence, which suffers if any kind of expression is missing.


# %% slideshow={"slide_type": "fragment"}
def measures(model, generator=None):
    """Valid and distinct share of 1,000 samples, and nats per new expression."""
    samples = model.sample(1_000, generator=generator)
    valid = data.valid_expressions(samples).float().mean().item()
    with torch.no_grad():
        nll = -model.log_prob(new).mean().item()
    return {"valid": valid, "distinct": distinct_share(samples), "nll": nll}


def line(name, found):
    """One row of a table."""
    print(f"{name:24}", "   ".join(f"{key} {value:6.3f}" for key, value in found.items()))


# %% slideshow={"slide_type": "subslide"}
def imitator(n_steps, seed=0):
    """An LSTM after so many steps of maximum likelihood."""
    rng = seed_everything(seed)
    model = LSTMModel(10, 15, embedding_dim=8, hidden=32)
    fit_mle(model, real, n_steps=n_steps, generator=rng)
    return model


start = imitator(120)
line("maximum likelihood", measures(start, rng))
truth = {"valid": 1.0, "distinct": distinct_share(new[:1_000]), "nll": -new_log_prob.mean().item()}
line("the language itself", truth)
print("\n" + "   ".join(data.expression_texts(start.sample(7, generator=rng))))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Each choice looks sensible, and four in ten texts are not expressions: most often a bracket is missing, or there is one too many. During training the model saw true beginnings only, and each token cost the same, wherever it stood. Nobody ever asked it for a *whole* expression. A judge of whole texts would.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.2 A step has no slope (core)
# *About 10 minutes.* You will see where the gradient stops.
#
# Look at one choice among four tokens. Each token brings a reward, and we want to change the logits so that the expected reward $\mathbb E[f(x)]$ rises. To draw, add **Gumbel noise** $g_k = -\log(-\log u_k)$, with $u_k$ uniform on $(0, 1)$, to each logit and take the largest: that is an exact draw from the softmax. With the noise held, the drawn token is a function of the logits. What does it look like?
#
# > **Predict.** Change the first logit from -4 to 4, with the noise held. Draw the reward as a curve.

# %% slideshow={"slide_type": "fragment"}
logits = torch.tensor([0.5, -0.3, 0.1, -1.0], dtype=torch.float64)
heights = torch.tensor([1.0, 2.0, -0.5, 3.0], dtype=torch.float64)


def f(x):
    """The reward of a choice x (n, 4): at the unit vectors 1, 4, 0.25 and 9."""
    return (x @ heights).square()


first = torch.linspace(-4, 4, 400, dtype=torch.float64)
moved = logits.repeat(400, 1)
moved[:, 0] = first  # (400, 4)
noise = sequences.gumbel_noise((4_000, 4), logits, generator=rng)
drawn = (moved[None] + noise[:, None]).argmax(2)  # (4000, 400) tokens

# %% slideshow={"slide_type": "subslide"}
values = heights.square()
curves = {"one draw": values[drawn[0]], "another draw": values[drawn[1]]}
curves |= {"mean of 4,000": values[drawn].mean(0), "exact E f": moved.softmax(1) @ values}
_, ax = plt.subplots(figsize=(7, 3.2))
plots.show(
    plots.plot_curves(first, curves, ax=ax, xlabel="first logit", ylabel="reward"),
    alt="The reward of each single draw is a step: one is flat at 0.25 and jumps up to 1, the other is flat at 4 and drops to 1. "
    "The mean of 4,000 draws falls smoothly from 3 to 1 and lies on the exact expectation.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The expectation has a slope. No single draw has one: it is flat, and then it jumps. A gradient computed through a draw is the derivative of a step, zero almost everywhere. Finite differences say the same.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
change = torch.tensor([1e-6, 0, 0, 0], dtype=torch.float64)
above, below = ((logits + step + noise).argmax(1) for step in (change, -change))
slope = (values[above] - values[below]) / 2e-6
exact = sequences.exact_choice_gradient(logits, f)
print(f"draws with a slope other than 0: {int((slope != 0).sum())} of {len(slope)}")
print(f"slope of the expectation: {exact[0]:.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# For one choice the slope can be written down. With $\partial p_k / \partial\theta_j = p_k (1[j = k] - p_j)$,
#
# $$\frac{\partial}{\partial\theta_j} \sum_k p_k f(e_k) = \sum_k f(e_k)\, p_k (1[j=k] - p_j) = p_j \left( f(e_j) - \mathbb E f \right).$$
#
# A logit should rise if its token brings more than the average. That is what every estimator below tries to say from draws alone, because a sequence has $K^T$ possible values, and nobody can add them up.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 11.1
# Write that gradient: `probs` (K,) and `rewards` (K,) give (K,).


# %% slideshow={"slide_type": "skip"}
def my_choice_gradient(probs, rewards):
    return ...


ch11.choice_gradient.check(my_choice_gradient)

# %% slideshow={"slide_type": "skip"}
ch11.flat_argmax

# %% slideshow={"slide_type": "skip"}
ch11.flat_argmax.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.3 Soft choices, and pretending (core)
# *About 25 minutes.* You will trade bias for variance, and see both in numbers.
#
# **Gumbel-softmax** (2017) replaces the largest by a softmax: $\text{softmax}((\theta + g)/\tau)$. Its largest entry stands where the draw fell, and it has a slope. The **temperature** $\tau$ says how soft it is.

# %% slideshow={"slide_type": "fragment"}
taus = (0.1, 0.5, 1.0, 5.0)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.3), sharey=True)
for ax, tau in zip(axes, taus, strict=True):
    same = torch.Generator().manual_seed(5)
    soft = sequences.gumbel_softmax(logits.expand(6, -1), tau=tau, generator=same)  # (6, 4)
    ax.imshow(soft, cmap="gray", vmin=0, vmax=1)
    ax.set(title=f"tau = {tau:g}", xlabel="token", xticks=range(4), yticks=range(6))
    ax.grid(False)
axes[0].set_ylabel("draw")
plots.show(
    figure,
    alt="Four panels of six rows of four grey squares. At temperature 0.1 each row has one white square and the rest black; with "
    "higher temperatures the rows become grey, until at 5 all squares are nearly the same.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Straight through** (chapter 10) gives the drawn unit vector, and pretends that the gradient of softmax were its own: `soft + (drawn - soft).detach()`.
#
# **REINFORCE** (1992) does not look at $f$ between the unit vectors at all: $(f(x) - b)\,\nabla \log p(x)$. Section 11.4 derives it; here it is a competitor. We know the exact gradient, so we can measure for each way the **bias**, how far the mean of many estimates is off, and the **spread** of a single one.
#
# > **Predict.** Which has no bias? What do bias and spread of Gumbel-softmax do as $\tau$ goes to 0?

# %% slideshow={"slide_type": "fragment"}
N = 100_000
how = {"n_samples": N, "generator": rng}
cool = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
estimates = {
    f"gumbel {tau}": sequences.gumbel_softmax_gradient(logits, f, tau=tau, **how) for tau in cool
}  # (N, 4) each
estimates["straight through"] = sequences.straight_through_gradient(logits, f, **how)
estimates["REINFORCE"] = sequences.reinforce_gradient(logits, f, **how)
estimates["REINFORCE, baseline"] = sequences.reinforce_gradient(logits, f, baseline="mean", **how)
bias = {name: (draws.mean(0) - exact).norm().item() for name, draws in estimates.items()}
spread = {name: draws.var(0).sum().sqrt().item() for name, draws in estimates.items()}
soft_names = [name for name in bias if name.startswith("gumbel")]

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.4, 3.9))
ax.plot([spread[k] for k in soft_names], [bias[k] for k in soft_names], "o-", label="Gumbel-softmax")
for name, tau in zip(soft_names, cool, strict=True):
    ax.annotate(f"{tau:g}", (spread[name], bias[name]), xytext=(4, 6), textcoords="offset points")
for name, marker in zip(list(bias)[len(cool) :], "sD^", strict=True):
    ax.plot(spread[name], bias[name], marker, markersize=9, label=name)
    ax.plot([spread[name]] * 2, [1e-3, spread[name] / N**0.5], ":", color="gray", lw=1)
ax.plot([], [], ":", color="gray", label="up to what chance alone would make")
ax.loglog()
ax.set(xlabel="spread of one estimate", ylabel="bias", xlim=(0.05, 12), ylim=(1e-3, 4))
ax.legend(loc="lower left")
plots.show(
    ax,
    alt="Bias against spread, both on a logarithmic scale. Gumbel-softmax is a curve: at temperature 5 the largest bias and little spread, at 0.05 little bias "
    "and the largest spread. Straight through has a bias between those of temperatures 2 and 5, and more spread than temperature 1. REINFORCE, with and without baseline, has hardly any bias.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Gumbel-softmax** lies on a curve: cool is right and wild, warm is calm and wrong. It is the exact gradient, on average, of something else: $\mathbb E[f(\text{soft choice})]$.
# - **Straight through** is rather calm, and off by an amount that no number of draws will cure; here Gumbel-softmax at temperature 1 is better in both. For a *linear* $f$ it would be exact.
# - **REINFORCE** has no bias: what is left of it here is chance (each dotted line ends at the bias that chance alone would make: both points of REINFORCE are not far above theirs, straight through is). The baseline costs nothing and takes part of the spread away.
#
# Gumbel-softmax needs a value of $f$ between the tokens, half a `+` and half a `3`; straight through needs at least a slope at them. A discriminator that reads embeddings can offer that. A parser cannot; it is REINFORCE or nothing.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
errors = {k: spread[k] / N**0.5 for k in bias}  # what chance alone would make of the mean
for name in ("straight through", "REINFORCE", "REINFORCE, baseline"):
    print(f"{name}: bias within 4 standard errors: {bias[name] < 4 * errors[name]}")
linear = sequences.straight_through_gradient(logits, lambda x: x @ heights, n_samples=10)
same = torch.allclose(linear, sequences.exact_choice_gradient(logits, lambda x: x @ heights))
print(f"straight through is exact for a linear f, at every draw: {same}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercises 11.2 and 11.3
# `gumbel_choice(logits, noise, tau)`: the soft choice, with noise that is given. `straight_through(logits, drawn)`: something that *is* `drawn`, and passes its gradient on to the softmax of the logits.


# %% slideshow={"slide_type": "skip"}
def my_gumbel_choice(logits, noise, tau):
    return ...


ch11.gumbel_choice.check(my_gumbel_choice)


# %% slideshow={"slide_type": "skip"}
def my_straight_through(logits, drawn):
    return ...


ch11.straight_through.check(my_straight_through)

# %% slideshow={"slide_type": "skip"}
ch11.warm_or_cool

# %% slideshow={"slide_type": "skip"}
ch11.warm_or_cool.answer(...)

# %% slideshow={"slide_type": "skip"}
ch11.linear_reward

# %% slideshow={"slide_type": "skip"}
ch11.linear_reward.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.4 REINFORCE (core)
# *About 25 minutes.* You will derive the estimator that needs no slope, and test it on every sequence there is.
#
# **Derivation.** The reward does not depend on $\theta$; the probabilities do. With $\nabla p = p\, \nabla \log p$,
#
# $$\nabla \sum_x p_\theta(x)\, r(x) = \sum_x p_\theta(x)\, r(x)\, \nabla \log p_\theta(x) = \mathbb E\left[ r(x)\, \nabla \log p_\theta(x) \right].$$
#
# So: draw sequences, and raise the log-probability of each, as much as it was rewarded. And $\mathbb E[\nabla \log p_\theta(x)] = \nabla \sum_x p_\theta(x) = \nabla 1 = 0$. Therefore any constant may be taken off the reward, a **baseline** $b$:
#
# $$\nabla\, \mathbb E[r] = \mathbb E\left[ (r(x) - b)\, \nabla \log p_\theta(x) \right].$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Check.** Three tokens, length 3: 27 sequences. The model is a table of 12 logits, 3 for the first token and 3 × 3 for what follows what. The reward is 5 if the last token repeats the first one, otherwise 4. All sums can be done, so the exact gradient is known.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
seed_everything(3)
table = sequences.BigramModel(3, 3).double()
torch.nn.init.normal_(table.logits)
every = sequences.every_sequence(3, 3)  # (27, 3)


def reward(tokens):
    """5 if the last token repeats the first one, otherwise 4."""
    return 4 + (tokens[:, 0] == tokens[:, 2]).double()


expected = sequences.expected_reward(table, reward)
exact = torch.autograd.grad(expected, table.logits)[0].flatten()  # (12,)
print(f"all probabilities add up to {table.log_prob(every).exp().sum():.6f}")

# %% slideshow={"slide_type": "subslide"}
scores = sequences.sequence_gradients(table, every)  # (27, 12): the gradient of log p of each
N = 2_000
tokens = table.sample(N, generator=rng)
score = scores[tokens @ torch.tensor([9, 3, 1])]  # (N, 12)
draws = {
    "no baseline": reward(tokens)[:, None] * score,
    "baseline": (reward(tokens) - expected.item())[:, None] * score,
}
for name, each in draws.items():
    error = each.std(0) / N**0.5
    away = ((each.mean(0) - exact).abs() / error.clamp_min(1e-12)).max()
    print(f"{name:12} at most {away:.1f} standard errors away;  spread {each.var(0).sum().sqrt():.2f}")
ratio = draws["no baseline"].var(0).sum() / draws["baseline"].var(0).sum()
print(f"the baseline makes the variance {ratio:.0f} times smaller")

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.1), sharey=True)
place = torch.arange(12)
for ax, (name, each) in zip(axes, draws.items(), strict=True):
    ax.bar(place, exact, color="#CCCCCC", label="exact")
    two = 2 * each.std(0) / N**0.5
    ax.errorbar(place, each.mean(0), two, fmt="o", markersize=4, capsize=3, label="mean of 2,000 ± 2 s.e.")
    ax.set(title=name, xlabel="logit", xticks=place)
axes[0].set_ylabel("gradient of E r")
axes[1].legend(fontsize=9, loc="lower left")
plots.show(
    figure,
    alt="Two panels of twelve grey bars, the exact gradient, with estimates as points. Without a baseline the error bars are "
    "longer than most bars; with it they are short, and all points sit at the ends of their bars.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Both are right on average. Without a baseline every sequence is rewarded, with 4 or with 5, and its probability is pushed up; only the tug-of-war between the pushes finds the difference. With the baseline the two kinds are pushed in opposite directions.
#
# The baseline may be anything that does not depend on the draw. A good one is the mean reward of the **other** sequences of the batch.
#
# ### Break it: a baseline that looks at the draw
# > **Predict.** For each sequence, take as baseline the reward of that very sequence: no prediction could be better. What is left of the gradient?

# %% slideshow={"slide_type": "fragment"}
own = (reward(tokens) - reward(tokens))[:, None] * score
print(f"longest gradient left: {own.abs().max():.1f}; exact: {exact.abs().max():.3f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# An extreme case, and a common bug in a mild form: a network that predicts the reward from the *finished* sequence is a fine predictor, and no baseline.
#
# ### Exercises 11.4 and 11.5
# A loss whose gradient is minus the REINFORCE estimate: `token_log_prob` (batch, length) and `reward` (batch,) give one number. And the mean of the others: `reward` (n,) gives (n,). The tasks: `ch11.reinforce_surrogate`, `ch11.baseline_of_others`.


# %% slideshow={"slide_type": "skip"}
def my_reinforce_surrogate(token_log_prob, reward):
    return ...


ch11.reinforce_surrogate.check(my_reinforce_surrogate)


# %% slideshow={"slide_type": "skip"}
def my_baseline_of_others(reward):
    return ...


ch11.baseline_of_others.check(my_baseline_of_others)

# %% slideshow={"slide_type": "skip"}
ch11.biased_baseline

# %% slideshow={"slide_type": "skip"}
ch11.biased_baseline.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.5 SeqGAN: what is half a sequence worth? (core)
# *About 20 minutes.* You will value unfinished sequences, and write down the algorithm.
#
# A discriminator says of a **finished** sequence how probably it is real. As a reward for all its tokens alike that is coarse: the one forgotten bracket is punished no more than the fourteen good tokens. Better: ask for each choice what it is worth. The **action value** of the first $t$ tokens is the mean reward of all the ways to go on:
#
# $$Q(x_1, \dots, x_t) = \mathbb E\left[ r(x) \mid x_1, \dots, x_t \right] \approx \frac1M \sum_{m=1}^{M} r(x_1, \dots, x_t, \tilde x^{(m)}_{t+1}, \dots, \tilde x^{(m)}_T).$$
#
# It may stand in place of the reward:
#
# $$\nabla\, \mathbb E[r] = \mathbb E\Big[\sum_t \big(Q_t - b_t\big)\, \nabla \log p_\theta(x_t \mid x_1, \dots, x_{t-1})\Big], \qquad Q_t = Q(x_1, \dots, x_t).$$
#
# For the gradient of choice $t$ the later tokens are only noise, so the reward may be replaced by its mean over them: the expectation stays, the spread falls.
#
# The $\tilde x$ are drawn by the generator itself: **rollouts**. At a fork, take one road, look $M$ times where it may lead, and come back.

# %% slideshow={"slide_type": "fragment"}
texts = ["(1+2)*3", "(1+2*3", "4"]
watched = data.expression_tokens(texts)


def is_valid(tokens):
    """A reward: 1 for an expression, 0 for anything else."""
    return data.valid_expressions(tokens).float()


values = sequences.action_values(start, watched, is_valid, n_rollouts=300, generator=rng)  # (3, 15)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(9.4, 2.9), sharey=True)
for ax, text, row in zip(axes, texts, values, strict=True):
    n = min(len(text) + 2, 15)
    shown = [*text, *["end"] * 8][:n]
    ax.plot(range(n), row[:n], "o-")
    ax.set(xticks=range(n), ylim=(-0.05, 1.05), xlabel="token chosen")
    ax.set_xticklabels(shown, fontsize=9)
axes[0].set_ylabel("Q: share of valid endings")
plots.show(
    figure,
    alt="Three curves of the action value along an expression. For the closed bracket it stays near 0.45, jumps at the closing "
    "bracket, and is 1 at the end; for the text whose bracket stays open it stays near 0.4 and falls to 0 where the end token "
    "is chosen; for a single digit it rises from two thirds to 1.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The value changes *at the token that did it*: in the left text it jumps up at the closing bracket, in the middle one it falls at the end token, not at the bracket. (After the first `end` it is not quite 1: the model may still write something behind an end.) A good baseline for $Q_t$ is the mean value of the other sequences at the same place.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The algorithm** (Yu and others, 2017), as `sequences.fit_seqgan` has it:
#
# 1. Train the generator by maximum likelihood.
# 2. Train the discriminator on real sequences against drawn ones.
# 3. Repeat: the generator draws a batch; each prefix is valued by $M$ rollouts, judged by the discriminator; one step of REINFORCE with these values. Then some steps of the discriminator on new draws.
#
# One round of the generator, without its bookkeeping:
#
# ```python
# tokens = model.sample(64)
# value = action_values(model, tokens, verdict(discriminator), n_rollouts=4)   # (64, length), no gradient
# baseline = (value.sum(0) - value) / 63                                       # the others, at the same place
# loss = reinforce_loss(model.token_log_prob(tokens), value, baseline)
# ```
#
# No gradient comes out of the discriminator. Its opinion is a number, and the price of that is variance.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 11.6
# From the rewards of rollouts (n, T - 1, n_rollouts) and of the finished sequences (n,) to action values (n, T).


# %% slideshow={"slide_type": "skip"}
def my_rollout_values(rollouts, final):
    return ...


ch11.rollout_values.check(my_rollout_values)

# %% slideshow={"slide_type": "skip"}
ch11.reward_through_choice

# %% slideshow={"slide_type": "skip"}
ch11.reward_through_choice.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.6 SeqGAN on the small language (core)
# *About 20 minutes, one of them computing.* You will train it over three seeds, and say honestly what it brings.
#
# The discriminator is a small GRU, since brackets must be counted. Neither it nor the generator ever sees the parser: validity is something that it has to find out from 2,000 examples.
#
# > **Predict.** After adversarial training: more valid expressions? As many different ones? A better or a worse NLL on new expressions?

# %% slideshow={"slide_type": "fragment"}
HOW = {"n_steps": 50, "n_warm_up": 200, "n_discriminator": 5, "n_rollouts": 2}
HOW |= {"learning_rate": 1e-3, "discriminator_learning_rate": 3e-3, "measure_every": 5}


def adversarial(model, seed, **changes):
    """SeqGAN from a copy of that model: the copy, and its history."""
    rng, model = seed_everything(seed), copy.deepcopy(model)
    discriminator = sequences.RecurrentDiscriminator(10, 15)
    watch = {"measure": lambda player: measures(player, rng), "generator": rng}
    return model, fit_seqgan(model, discriminator, real, **HOW | watch | changes)


begun = [imitator(120, seed) for seed in range(3)]
before = [measures(model, rng) for model in begun]
trained = [adversarial(model, seed) for seed, model in enumerate(begun)]


# %% slideshow={"slide_type": "subslide"}
def compare(runs, before):
    """Valid, distinct and NLL along the rounds, a line for each run."""
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 2.9))
    for ax, name, at in zip(axes, before[0], truth.values(), strict=True):
        ax.axhline(at, color="black", ls=":", lw=1.5)
        for k, (found, (_, history)) in enumerate(zip(before, runs, strict=True)):
            x, y = [0, *(step + 1 for step in history.steps(name))], [found[name], *history[name]]
            ax.plot(x, y, color=plots.COLORS[k], ls=plots.LINES[k], marker=plots.MARKERS[k], markersize=4)
        ax.set(xlabel="round", title=name)
    return figure


plots.show(
    compare(trained, before),
    alt="Three panels over 50 rounds, three seeds each, with the language itself as a dotted line. The share of valid samples "
    "goes from about 0.62 to 0.78 in all seeds, in one after a dip; the share of distinct ones falls, with large swings, below "
    "the dotted line; the NLL of new expressions ends slightly higher, far above it.",
)


# %% slideshow={"slide_type": "subslide"}
def mean_of(rows):
    """The mean of each measure."""
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


after = [{name: history.last(name) for name in truth} for _, history in trained]
line("before", mean_of(before))
line("after 50 rounds", mean_of(after))
line("400 steps of likelihood", measures(imitator(400), rng))
line("the language itself", truth)

for name, players in {"before": begun, "after": [player for player, _ in trained]}.items():
    lengths = [(player.sample(1_000, generator=rng) < 9).sum(1).float().mean() for player in players]
    print(f"tokens in an expression, {name}: {sum(lengths) / 3:.1f}")
print(f"tokens in an expression, the language itself: {(new < 9).sum(1).float().mean():.1f}")
print("   ".join(data.expression_texts(trained[0][0].sample(7, generator=rng))))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The judge of whole texts does what it promised: in all three seeds more of the samples are expressions. The price stands beside it: they are shorter than the language's own, and fewer of them differ than in the language itself. To be safe is easy with short texts. The NLL of new expressions says that something was given up.
#
# And the sober line: 280 more steps of maximum likelihood (here for one seed) give more valid expressions, keep nearly all the variety, and improve the NLL. On this language imitation wins. We had stopped it early.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.7 How noisy is a verdict? And: break it (core)
# *About 15 minutes.* You will measure the variance that the reward brings, and then take parts away.
#
# Section 11.4 measured the spread of REINFORCE in a toy. Here are the generator of section 11.1, a discriminator that has learned against it, and four ways to turn its verdicts into a gradient: one reward for the whole sequence or a value for each choice (two rollouts), each without and with the mean of the others as baseline.
#
# > **Predict.** Order the four by the spread of the gradient of one batch of 64.

# %% slideshow={"slide_type": "fragment"}
rng, judge = seed_everything(0), sequences.RecurrentDiscriminator(10, 15)
optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3)
for k in range(200):
    part = real[64 * (k % 31) : 64 * (k % 31) + 64]
    sequences.discriminator_step(judge, optimizer, part, start.sample(64, generator=rng))
opinion = sequences.verdict(judge)


def gradient(tokens, value, baseline):
    """The estimate of one batch, all weights in a row."""
    loss = sequences.reinforce_loss(start.token_log_prob(tokens), value, baseline)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(start.parameters()))])


# %% slideshow={"slide_type": "subslide"}
found = {}
for _ in range(30):
    tokens = start.sample(64, generator=rng)
    values = {"one reward": opinion(tokens)[:, None].expand(-1, 15)}
    values["rollouts"] = sequences.action_values(start, tokens, opinion, n_rollouts=2, generator=rng)
    for name, value in values.items():
        others = (value.sum(0) - value) / 63
        found.setdefault(f"{name}, no baseline", []).append(gradient(tokens, value, 0.0))
        found.setdefault(f"{name}, baseline", []).append(gradient(tokens, value, others))
for name, each in found.items():
    print(f"{name:24} spread of one batch's gradient: {torch.stack(each).var(0).sum().sqrt():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# All four have the same mean. The baseline halves the spread, which is worth as much as four times the batch. Two rollouts alone take off next to nothing here, and with the baseline a little more; and they are not free: 28 sequences are finished for each one that is judged. Where a whole sequence is cheap to draw, a larger batch is the better buy; rollouts pay where few choices decide, late and rarely.
#
# **Break it.** Two parts are taken away, one at a time.
#
# > **Predict.** Without the baseline, same seed: what changes in the curves of section 11.6? And without maximum likelihood before: a generator that draws noise, against a discriminator that sees it at once?

# %% slideshow={"slide_type": "fragment"}
seed_everything(0)
blank = LSTMModel(10, 15, embedding_dim=8, hidden=32)
broken = [
    trained[0],
    adversarial(begun[0], 0, baseline="none"),
    adversarial(blank, 0),
]
at_first = [before[0], before[0], measures(blank, rng)]

# %% slideshow={"slide_type": "subslide"}
names = ("as it was", "no baseline", "no likelihood before")
figure = compare(broken, at_first)
for name, drawn in zip(names, figure.axes[0].lines[1:], strict=True):
    drawn.set_label(name)
figure.legend(loc="outside lower center", ncols=3)
plots.show(
    figure,
    alt="Three panels for three trainings. As it was and without a baseline: nearly the same curves, valid rises, distinct falls. "
    "Without maximum likelihood before, valid stays at 0, distinct at 1, and the NLL far above the others.",
)

# %% slideshow={"slide_type": "fragment"}
for name, (player, history) in zip(names, broken, strict=True):
    loss = sum(history["discriminator_loss"][-50:]) / 50
    text = "   ".join(data.expression_texts(player.sample(3, generator=rng)))
    print(f"{name:22} discriminator's loss {loss:.2f} (0.69: it cannot tell)   {text}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **No baseline.** Did you expect a disaster? So did we. In 50 rounds, for this seed, it hardly matters: the verdicts lie between 0 and 1, Adam takes steps of one size whatever the gradient's length, and a batch of 64 with a clipped gradient averages much of the noise away. The measured spread is real, and it costs steps; but a story of what *must* go wrong is no substitute for a run.
#
# **No likelihood before.** The discriminator is sure of itself, and every draw gets nearly the same low reward. Where all rewards are equal there is nothing to learn from. In pictures a gradient still comes back from such a discriminator (chapter 6); here only a number comes back, the same for every draw.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11.8 The oracle benchmark (core)
# *About 15 minutes.* You will read a famous table, and see what its score does not ask.
#
# How good are sequences, if there is no parser? The SeqGAN paper let a **random LSTM** write the data: 5,000 tokens, length 20, all weights drawn from $\mathcal N(0, 1)$. A second LSTM learns from 10,000 of its sequences. And since the first one is known, it can say how probable it finds what the second one writes: the **NLL under the oracle**, in nats per token, low is good.
#
# The trainings are stored with the course; one command makes them again (`python -m course_utils.studies.seqgan_oracle`). Maximum likelihood follows the published protocol: batches of 64, 120 epochs, Adam with a rate of 0.01. From there three trainings go on, with three seeds each, on a **shorter schedule** than the paper's: 60 rounds with 4 rollouts (the paper: 200 with 16), and a small share of its training of the discriminator.
#
# - **SeqGAN**, like the paper without a baseline.
# - **With a baseline**: the same, with the mean of the others taken off the values (section 11.4).
# - **One reward for all**: no discriminator. Whatever is drawn is rewarded with 0.4.
#
# > **Predict.** Which of the three lower the NLL under the oracle? The third has nothing to learn from: $\mathbb E[0.4\, \nabla \log p_\theta(x)] = 0$.

# %% slideshow={"slide_type": "subslide"}
stored, seeds = seqgan_oracle.results(), seqgan_oracle.SEEDS
reference, mle, cooled = (stored[name] for name in ("reference", "mle", "temperatures"))
runs = {name: [stored[f"{name} | {seed}"] for seed in seeds] for name in seqgan_oracle.VARIANTS}

# %% slideshow={"slide_type": "fragment"}
ours = {name: [reference[name]] for name in ("random", "real")} | {"mle": mle["oracle_nll"][-1:]}
ours["seqgan"] = [run["oracle_nll"][-1] for run in runs["seqgan"]]
rows = {
    "random": "random tokens",
    "mle": "maximum likelihood",
    "seqgan": "SeqGAN",
    "real": "the oracle itself",
}
print(f"{'NLL under the oracle':20} paper   ours")
for key, name in rows.items():
    print(f"{name:20} {seqgan_oracle.PUBLISHED[key]:5.2f}   {'  '.join(f'{nll:.2f}' for nll in ours[key])}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Nats per token; SeqGAN for three seeds. Compare within a column, not across: the paper's oracle was another draw of weights, and each draw is another language. The drop that made SeqGAN known is there, in every seed.
#
# Two things are missing: the other direction, and the controls. First maximum likelihood, from epoch to epoch.

# %% slideshow={"slide_type": "subslide"}
epochs = [step / seqgan_oracle.EPOCH_STEPS for step in mle["steps"]]
_, ax = plt.subplots(figsize=(7.4, 3.5))
ax.plot(epochs, mle["oracle_nll"], "o-", markersize=4, label="its samples, under the oracle")
ax.plot(epochs, mle["data_nll"], "s--", markersize=4, label="the oracle's new data, under it")
ax.plot(epochs, mle["entropy"], "^-.", markersize=4, label="its own entropy")
ax.plot(epochs, mle["train_nll"], "D:", markersize=4, label="its training data, under it")
ax.axhline(reference["real"], color="black", ls=":", lw=1.5)
ax.set(xlabel="epoch of maximum likelihood", ylabel="nats per token")
ax.legend(fontsize=9, loc="center right")
plots.show(
    ax,
    alt="Along 120 epochs of maximum likelihood: the NLL of the samples under the oracle falls to a plateau, while that of new data "
    "under the model rises all the time, and that of training data and the entropy fall.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# After the first epochs, more maximum likelihood makes the model **worse** on new data, by more than a nat per token: it learns its 10,000 sequences by heart. Its score under the oracle meanwhile gets **better**, and then stays: what it knows by heart is good. The score alone sees nothing of the damage.

# %% [markdown] slideshow={"slide_type": "subslide"}
# From the end of that curve all three trainings start. The next picture shows both directions at once; better is lower, and further to the left. Beside the trainings stands something that needs none: the same model, **cooled**, its logits divided by a temperature below 1, so that it draws what is probable more often still.

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.4, 4.2))
ax.plot(cooled["data_nll"], cooled["oracle_nll"], "o-", color="#999999", label="cooled to 0.95, 0.9, ...")
for (name, each), color, marker in zip(runs.items(), plots.COLORS[:3], "s^D", strict=True):
    for run in each:
        x, y = ([mle[key][-1], *run[key]] for key in ("data_nll", "oracle_nll"))
        ax.plot(x, y, "-", color=color, lw=1.2)
        ax.plot(x[-1], y[-1], marker, color=color, label=name if run is each[0] else None)
ax.set(xlim=(8.98, 9.5), ylim=(8.1, 9), xlabel="NLL of new data", ylabel="NLL under the oracle")
ax.legend(fontsize=9)
plots.show(
    ax,
    alt="The plane of both NLLs. From one point on the left, the end of maximum likelihood, three paths each go to the right. SeqGAN goes "
    "down on its way, one reward for all further down and further to the right; with a baseline the paths stay about as high as they began. "
    "The grey curve of lower temperatures falls as well, above those of SeqGAN and of one reward for all.",
)

# %% slideshow={"slide_type": "subslide"}
keys = ("oracle_nll", "data_nll", "entropy", "pairs")
print(f"{'last values':20} under the oracle   new data under it   entropy   distinct pairs")
ends = [("maximum likelihood", mle), *((name, run) for name, each in runs.items() for run in each)]
for name, run in ends:
    score, new_data, entropy, pairs = (run[key][-1] for key in keys)
    print(f"{name:20} {score:16.2f} {new_data:19.2f} {entropy:9.2f} {pairs:16.3f}")
real = reference["real"]
print(f"{'the oracle itself':20} {real:16.2f} {real:19.2f} {real:9.2f} {reference['pairs_real']:16.3f}")

# %% slideshow={"slide_type": "subslide"}
for variant in ("seqgan", "with a baseline"):
    print(f"the discriminator of “{variant}”, three seeds")
    for name, key in (("trained on", "above_training"), ("new", "above_new")):
        shares = "  ".join(f"{run[key]:.2f}" for run in runs[variant])
        print(f"  finds sequences of the oracle ({name}) more real than drawn ones: {shares}")
    told = "  ".join(f"{run['correlation']:.2f}" for run in runs[variant])
    print(f"  correlation of its logits with the oracle's log p, over drawn ones: {told}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# SeqGAN does what its paper reports: the score falls below that of its own maximum likelihood, with every seed. And it is more than cooling: at the same cost on new data, cooling leaves the score higher. (The grey curve and the paths begin with the same model; what lies between their first points is chance, from one set of samples to another.)
#
# Now the controls. **With a baseline** the discriminator is trained in the same way, the estimate is less noisy, and nothing is gained. **With one reward for all** there is no discriminator, and the score falls *furthest*. So it is not the taste of the discriminator that lowers the score here. Look at what it tells: it does find drawn sequences less real than true ones, new ones too. Yet *among the drawn ones* its verdict has next to nothing to do with what the oracle finds of them.
#
# What is it, then? If everything has the same reward, the expected gradient is 0. But a batch is not an expectation. Each round makes more probable what has just been drawn; what is more probable will be drawn again; **the rich get richer**, and the entropy falls. A baseline takes exactly this away. Why it costs less on new data than cooling does, we have not found out.

# %% [markdown] slideshow={"slide_type": "fragment"}
# The paper has no baseline either. These runs cannot say what its discriminator, with far more training, adds to the effect. They do say that a falling score proves nothing about a discriminator, as long as the run without one is missing.

# %% [markdown] slideshow={"slide_type": "subslide"}
# How low can the score go?
#
# > **Predict.** Take, at each step, the token that the oracle finds most probable, and write this one sequence 10,000 times. What is its score? (The oracle's own sequences have 5.88, the dotted line above.)

# %% slideshow={"slide_type": "fragment"}
oracle = sequences.LSTMOracle(generator=torch.Generator().manual_seed(0))
memory, token, chosen = oracle.begin(1), torch.tensor([oracle.n_tokens]), []
for _ in range(20):
    features, memory = oracle.step(token, memory)
    token = oracle.head(features).argmax(1)
    chosen.append(token)
alone = torch.stack(chosen, 1)  # (1, 20)
print(f"one sequence, again and again: {oracle.nll(alone).item():.2f} nats per token under the oracle")
print(f"the oracle's own sequences:    {reference['real']:.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The best score belongs to a generator that has collapsed altogether. The NLL under the oracle is half of the *reverse* KL of chapter 3: $\mathrm{KL}(p_\theta \,\|\, p) = \text{NLL under the oracle} - \text{entropy of } p_\theta$. Without the entropy it asks whether what is drawn is good, never whether all that is good is drawn, and one sequence can win. Always put the entropy or another measure of variety beside it, and the other direction, the NLL of data under the model.

# %% slideshow={"slide_type": "skip"}
ch11.collapse_score

# %% slideshow={"slide_type": "skip"}
ch11.collapse_score.answer(...)

# %% [markdown] slideshow={"slide_type": "skip"}
# > **As popular notes have it:** "SeqGAN reaches 8.74 where maximum likelihood reaches 9.04, so adversarial training writes better sequences." Both figures are under one oracle, in one direction. Caccia and others (2020) looked in both directions, quality and variety, at several such GANs on text: models trained by maximum likelihood alone, with a tuned temperature, did better over the whole range.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# | a gradient through a choice | bias | spread | needs |
# |---|---|---|---|
# | straight through | yes, whatever you do | small | an $f$ with a slope |
# | Gumbel-softmax | less when cool | less when warm | an $f$ between the tokens |
# | REINFORCE | none | large | the value of $f$ only |
# | REINFORCE with a baseline | none | smaller | a number that does not look at the draw |
#
# - A draw is a step function: its slope is 0 almost everywhere, while the expectation has one.
# - The discriminator's verdict on words is a number, not a direction. That is the price, and it is paid in variance.
# - Rollouts say which choice was worth what; a baseline, whether that is more than usual.
# - On the small language SeqGAN gave up variety for validity; on the oracle's it lowered the famous score, and a control without a discriminator lowered it more. It cannot do without maximum likelihood before.
# - A score in one direction rewards collapse. Show both.
#
# **What comes next.** Every family has had its chapter. Chapter 12 puts them on one bench: the same data, the same measures.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. With one rollout for each prefix, is the estimate of the gradient still unbiased? What changes with sixteen?
# 2. The parser of section 11.1 as the reward, in place of a discriminator: which measure rises, which falls, and where does it end? (`fit_seqgan(..., reward=...)`; try it.)
# 3. The codes of a VQ-VAE have no slope either. Why does straight through do well there?
# 4. A language model is trained by REINFORCE on marks that people gave to whole answers. Which of this chapter's troubles would you expect, and which of its remedies?
#
# ### References
# - L. Yu, W. Zhang, J. Wang, Y. Yu (2017), [SeqGAN: sequence generative adversarial nets with policy gradient](https://arxiv.org/abs/1609.05473): rollouts, the oracle benchmark.
# - R. Williams (1992), [Simple statistical gradient-following algorithms for connectionist reinforcement learning](https://doi.org/10.1007/BF00992696): REINFORCE, baselines.
# - E. Jang, S. Gu, B. Poole (2017), [Categorical reparameterization with Gumbel-softmax](https://arxiv.org/abs/1611.01144); C. Maddison, A. Mnih, Y. W. Teh (2017), [The concrete distribution](https://arxiv.org/abs/1611.00712).
# - Y. Bengio, N. Léonard, A. Courville (2013), [Estimating or propagating gradients through stochastic neurons](https://arxiv.org/abs/1308.3432): straight through.
# - J. Guo and others (2018), [Long text generation via adversarial training with leaked information](https://arxiv.org/abs/1709.08624): the figure for real data.
# - M. Caccia and others (2020), [Language GANs falling short](https://arxiv.org/abs/1811.02549): both directions.
