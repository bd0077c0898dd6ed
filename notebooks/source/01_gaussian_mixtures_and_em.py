# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 1: Gaussian mixtures and EM
#
# *Three to four hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# The question of this course is always the same: **what is $p(x)$, and how do I draw from it?** Here is its first
# honest answer. A mixture of Gaussians is small enough to understand completely, and it draws new data, digits
# included. It also hides something: which component made each point. Learning with something hidden needs one
# idea, a **lower bound** on $\log p(x)$. Chapter 3 builds the variational autoencoder on the same bound, and
# chapter 5 shows what it costs to train a generator without any bound.
#
# **After this chapter you can**
# - draw from a mixture in two steps, and say who probably made a point;
# - define the Kullback-Leibler divergence, derive Jensen's inequality and the bound, and check each with numbers;
# - write the EM algorithm in about twenty lines, and say why it can only climb;
# - recognise what goes wrong (singularities, bad starts, too many components), and repair it;
# - draw digits that nobody wrote, and say what a mixture cannot do.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $x$: a data point in $d$ dimensions. $n$: number of points. $K$: number of components.
# $k$: the component that made a point, which we never see (a *latent variable*; later chapters write $z$).
# $\pi_k$: its weight. $\mu_k, \Sigma_k$: its mean and covariance. $\theta$: all parameters together.
# $q$: any guess at who made a point, a distribution over the $K$ components.
# $\mathbb E_q$: the average under $q$. Logarithms are natural, so log-likelihoods are in *nats*.

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
from torch.distributions import Categorical, Normal

from course_utils import data, distributions, mixtures, plots, widgets
from course_utils.exercises import ch01
from course_utils.seeding import seed_everything

generator = seed_everything(0)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# Put your letter in place of the dots, as in `.answer("b")`, and run the cell.

# %% slideshow={"slide_type": "skip"}
ch01.recall_bayes

# %% slideshow={"slide_type": "skip"}
ch01.recall_bayes.answer(...)

# %% slideshow={"slide_type": "skip"}
ch01.recall_density

# %% slideshow={"slide_type": "skip"}
ch01.recall_density.answer(...)

# %% slideshow={"slide_type": "skip"}
ch01.recall_expectation

# %% slideshow={"slide_type": "skip"}
ch01.recall_expectation.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.1 One Gaussian is not enough (core)
#
# *About 10 minutes.* Old Faithful is a geyser in Yellowstone. For 272 eruptions we know how long each lasted and how long the visitors
# waited for the next one. The simplest model with a density is one Gaussian: we give it the mean and the covariance
# of the data, and draw from it.
#
# > **Predict.** We draw 272 new "eruptions" from the fitted Gaussian. Will they look like the real ones? Where not?

# %% slideshow={"slide_type": "subslide"}
faithful = data.load_old_faithful().points  # (272, 2): minutes of eruption, minutes of waiting
one = mixtures.MixtureParameters(
    torch.ones(1).double(), faithful.mean(0, keepdim=True), faithful.T.cov()[None]
)
drawn = mixtures.sample_mixture(one, 272, generator=generator).points

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
for ax, points, title in ((left, faithful, "real"), (right, drawn, "drawn from one Gaussian")):
    plots.plot_points(points, ax=ax, equal=False, xlabel="eruption (min)", ylabel="waiting (min)")
    ax.set_title(title)
plots.show(
    figure,
    alt="Left: the real eruptions form two clouds, short and long. Right: points drawn from one "
    "Gaussian form a single tilted cloud whose middle lies in the gap between the two.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The model has the right mean, the right spread and the right tilt, and it is wrong where it matters: it puts its
# highest density **between** the two clouds. How often does it produce an eruption of 2.5 to 3.5 minutes?


# %% slideshow={"slide_type": "fragment"}
def share_between(points):
    minutes = points[:, 0]
    return ((minutes > 2.5) & (minutes < 3.5)).double().mean().item()


many = mixtures.sample_mixture(one, 100_000, generator=generator).points
print(f"real {share_between(faithful):.0%}   one Gaussian {share_between(many):.0%}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.2 Drawing in two steps (core)
#
# *About 15 minutes.* Two clouds, so two Gaussians. A **mixture** with weights $\pi_k$ (non-negative, summing to 1) draws a point in
# two steps:
#
# 1. pick a component $k$ with probability $\pi_k$;
# 2. draw $x$ from that component, $\mathcal N(\mu_k, \Sigma_k)$.
#
# We never see $k$, only $x$. The density of $x$ therefore adds up all the ways to get there (the *law of total
# probability*):
#
# $$p(x) = \sum_{k=1}^{K} p(k)\, p(x \mid k) = \sum_{k=1}^{K} \pi_k\, \mathcal N(x \mid \mu_k, \Sigma_k).$$
#
# In $d$ dimensions the Gaussian density is, with the determinant $|\Sigma|$,
#
# $$\mathcal N(x \mid \mu, \Sigma) = (2\pi)^{-d/2}\, |\Sigma|^{-1/2}
# \exp\!\big({-\tfrac12} (x - \mu)^\top \Sigma^{-1} (x - \mu)\big).$$
#
# Below, the parameters are set by hand: our eyes did the fitting. In the picture of the density, each shade is half
# as dense as the next darker one, so that faint tails show as well.

# %% slideshow={"slide_type": "subslide"}
by_eye = mixtures.MixtureParameters(
    weights=torch.tensor([0.35, 0.65], dtype=torch.float64),
    means=torch.tensor([[2.0, 54.0], [4.3, 80.0]], dtype=torch.float64),
    covariances=torch.tensor([[[0.1, 0.0], [0.0, 36.0]], [[0.2, 0.0], [0.0, 36.0]]], dtype=torch.float64),
)
labels = torch.multinomial(by_eye.weights, 272, replacement=True, generator=generator)  # step 1
stds = by_eye.covariances.diagonal(dim1=1, dim2=2).sqrt()
noise = torch.randn(272, 2, generator=generator, dtype=torch.float64)
points = by_eye.means[labels] + stds[labels] * noise  # step 2

# %% slideshow={"slide_type": "subslide"}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
x, y, everywhere = plots.plane((1, 6), (35, 105))
plots.plot_density(x, y, mixtures.e_step(everywhere, by_eye).log_prob.exp(), ax=left)
plots.plot_points(points, labels, ax=right, equal=False, names=["component 0", "component 1"])
left.set(title="density", xlabel="eruption (min)", ylabel="waiting (min)")
right.set(title="drawn, with the hidden k", xlabel="eruption (min)", ylabel="")
plots.show(
    figure,
    alt="Left: the density of the mixture has two separate hills. Right: points drawn in two steps, "
    "coloured and shaped by the component that made them, fall on the two hills.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.1
# Write the two steps for a mixture in one dimension. `weights`, `means` and `stds` have shape
# `(K,)`; return `n_samples` numbers. Stuck? `ch01.sample.hint()`, and in the end `ch01.sample.solution()`.


# %% slideshow={"slide_type": "skip"}
def my_sample(n_samples, weights, means, stds):
    return ...


ch01.sample.check(my_sample)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.3 Who made this point? (core)
#
# *About 20 minutes.* The label $k$ was thrown away, but $x$ says a good deal about it. **Bayes' rule** turns the two steps round:
#
# $$r_k(x) = p(k \mid x) = \frac{p(k)\,p(x \mid k)}{p(x)}
# = \frac{\pi_k\,\mathcal N(x \mid \mu_k, \Sigma_k)}{\sum_j \pi_j\,\mathcal N(x \mid \mu_j, \Sigma_j)}.$$
#
# $p(k \mid x)$ is called the **posterior** of $k$: what we believe *after* seeing $x$. For a mixture its values are called
# the **responsibilities**: for each point, $K$ numbers that sum to 1.
#
# > **Predict.** Three eruptions: (2.0 min, 50 min), (3.0 min, 66 min), (4.5 min, 85 min). For which of them is the
# > answer uncertain?

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
three = torch.tensor([[2.0, 50.0], [3.0, 66.0], [4.5, 85.0]], dtype=torch.float64)
for point, shares in zip(three.tolist(), mixtures.e_step(three, by_eye).responsibilities, strict=True):
    print(point, "component 0: {:.3f}   component 1: {:.3f}".format(*shares))

# %% slideshow={"slide_type": "subslide"}
step = mixtures.e_step(faithful, by_eye)
ax = plots.plot_responsibilities(faithful, step.responsibilities)
plots.plot_ellipses(by_eye.means, by_eye.covariances, ax=ax, names=True)
ax.set(xlabel="eruption (min)", ylabel="waiting (min)")
plots.show(
    ax,
    alt="Old Faithful's eruptions with the two components as ellipses of one and two standard deviations. "
    "Nearly every point has the pure colour and marker of one component, also well outside its ellipses.",
)
print(
    "eruptions with less than 99 % for one component:",
    int((step.responsibilities.amax(1) < 0.99).sum()),
    "of 272",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.2
# The responsibilities of a mixture in one dimension: from `x` of shape `(n,)`, a tensor of shape `(n, K)`.


# %% slideshow={"slide_type": "skip"}
def my_responsibilities(x, weights, means, stds):
    return ...


ch01.responsibilities.check(my_responsibilities)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How good is a mixture?
# One number says how well parameters explain the data, the **log-likelihood**: the sum (or the mean) of
# $\log p(x_i)$. It is a score that needs care on a computer. Far from every component the densities are so small
# that they are rounded to 0, and $\log 0 = -\infty$. The cure is to stay with logarithms and to factor out the
# largest term $a = \max_k a_k$ before the exponentials,
#
# $$\log \sum_k e^{a_k} = a + \log \sum_k e^{a_k - a}, \qquad a_k = \log \pi_k + \log \mathcal N(x \mid \mu_k, \Sigma_k),$$
#
# which `torch.logsumexp` does.

# %% slideshow={"slide_type": "fragment"}
log_joint = torch.tensor([-800.0, -801.0])  # log of π N for two components, at a far point

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("naive:", log_joint.exp().sum().log().item())

# %% slideshow={"slide_type": "-"}
print(f"logsumexp: {log_joint.logsumexp(0).item():.2f}")

# %% slideshow={"slide_type": "fragment"}
for name, parameters in (("one Gaussian", one), ("two, by eye", by_eye)):
    log_prob = mixtures.e_step(faithful, parameters).log_prob  # (272,)
    print(f"{name:>13}: {log_prob.sum():9.2f} nats in all, {log_prob.mean():.3f} per eruption")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.3
# $\log p(x)$ for each point, shape `(n,)`, in a way that survives points far from everything.


# %% slideshow={"slide_type": "skip"}
def my_log_likelihood(x, weights, means, stds):
    return ...


ch01.log_likelihood.check(my_log_likelihood)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.4 Two tools for all chapters: Jensen and KL (core)
#
# *About 25 minutes.* Our eyes did the fitting. To let a program do it we must make $\sum_i \log p(x_i)$ large, and the logarithm of a
# *sum* over components does not come apart. Two tools help, here and in every later chapter.
#
# ### Jensen's inequality
# The logarithm is bent downwards: it lies below each of its tangents. Take the tangent at $m > 0$:
#
# $$\log u \;\le\; \log m + \frac{u - m}{m} \qquad \text{for all } u > 0, \text{ with equality at } u = m.$$
#
# Now let $u$ be random, choose $m = \mathbb E[u]$, and take the average of both sides. The last term vanishes,
# because $\mathbb E[u - m] = 0$:
#
# $$\boxed{\;\mathbb E[\log u] \;\le\; \log \mathbb E[u]\;}$$
#
# with equality only if $u$ does not vary. *The log of an average is at least the average of the logs.*

# %% slideshow={"slide_type": "subslide"}
u = torch.linspace(0.15, 4, 200)
mean = torch.tensor(2.0)  # u is 0.5 or 3.5, each with probability one half
ax = plots.plot_curves(
    u, {"log u": u.log(), "tangent at E[u] = 2": mean.log() + (u - mean) / mean}, xlabel="$u$"
)
two = torch.tensor([0.5, 3.5])
ax.plot(two, two.log(), "o:", color=plots.COLORS[3], label="the two values, and their chord")
ax.plot(mean, two.log().mean(), "s", color=plots.COLORS[3], label="E[log u]")
ax.plot(mean, mean.log(), "D", color=plots.COLORS[4], label="log E[u]")
ax.set(ylim=(-1.6, 1.8))
ax.legend(loc="lower right")
plots.show(
    ax,
    alt="The logarithm bends below its tangent at 2. For u equal to 0.5 or 3.5, the average of the "
    "logarithms is the middle of the chord, clearly below the logarithm of the average.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check.** A formula that we cannot test is a rumour. A thousand random distributions: how small does the gap get?

# %% slideshow={"slide_type": "fragment"}
probability = torch.softmax(torch.randn(1000, 5, generator=generator, dtype=torch.float64), 1)
values = torch.rand(1000, 5, generator=generator, dtype=torch.float64) * 10
gap = (probability * values).sum(1).log() - (probability * values.log()).sum(1)

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("log E[u] - E[log u] is never negative:", bool((gap >= 0).all()))

# %% slideshow={"slide_type": "-"}
print(f"smallest {gap.min():.4f}, largest {gap.max():.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The Kullback-Leibler divergence
# How far is a distribution $q$ from $p$? One measure suits everything that follows,
#
# $$\mathrm{KL}(q \,\|\, p) = \mathbb E_q\!\left[\log \frac{q}{p}\right] = \sum_k q_k \log \frac{q_k}{p_k}
# \quad\text{nats.}$$
#
# A term with $q_k = 0$ counts as 0; a term with $q_k > 0$ and $p_k = 0$ makes it infinite.
#
# It is never negative, which is Jensen's inequality for $u = p/q$:
#
# $$-\mathrm{KL}(q\,\|\,p) = \mathbb E_q\!\left[\log \frac pq\right] \;\le\; \log \mathbb E_q\!\left[\frac pq\right]
# = \log \sum_{k:\,q_k>0} q_k \frac{p_k}{q_k} \;\le\; \log 1 = 0,$$
#
# and it is 0 only if $q = p$: equality in the first step needs a constant $p/q$ wherever $q > 0$, and in the last one that
# constant has to be 1. It is **not** a distance: the two directions differ, because each takes its average
# under its own first argument.
#
# > **Predict.** $q$ rules out a value that $p$ allows. Which of the two directions becomes infinite?

# %% slideshow={"slide_type": "subslide"}
q = Categorical(probs=torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64))
p = Categorical(probs=torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64))

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print(f"KL(q || p) = {distributions.kl_divergence(q, p):.4f}")

# %% slideshow={"slide_type": "-"}
print(f"KL(p || q) = {distributions.kl_divergence(p, q):.4f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# $p$ expects the third value in a fifth of the cases, and $q$ calls it impossible: an infinite surprise. Chapter 3
# uses both directions and shows what each does to a fit.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.4
# `KL(q ‖ p)` of two distributions over $K$ values, given as probabilities. Some $q_k$ may be 0.


# %% slideshow={"slide_type": "skip"}
def my_kl(q, p):
    return ...


ch01.kl.check(my_kl)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.5 A bound under the log-likelihood (core)
#
# *About 20 minutes.* For one point $x$, bring in any distribution $q$ over the components. Multiply and divide by it, then use Jensen
# for the average under $q$:
#
# $$\log p(x) = \log \sum_k p(k)\,p(x \mid k)
# = \log \sum_k q_k\, \frac{p(k)\,p(x \mid k)}{q_k}
# \;\ge\; \sum_k q_k \log \frac{p(k)\,p(x \mid k)}{q_k} =: F(q, \theta).$$
#
# (Where some $q_k = 0$, the sums run over the other $k$; leaving terms out makes the right side only smaller.) The
# logarithm now stands **inside** the sum, where it meets one Gaussian at a time. $F$ is the **lower bound**
# (chapter 3 calls it the ELBO, the *evidence lower bound*). Written as two terms,
#
# $$F(q, \theta) = \underbrace{\sum_k q_k \log\big[\pi_k\, \mathcal N(x \mid \mu_k, \Sigma_k)\big]}_{\text{how well } q\text{'s choices explain } x}
# \;+\; \underbrace{\Big(-\sum_k q_k \log q_k\Big)}_{\text{entropy of } q}.$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# **How much is lost?** Put $p(k)\,p(x \mid k) = p(k \mid x)\,p(x)$ into $F$:
#
# $$F(q, \theta) = \sum_k q_k \log \frac{p(k \mid x)\, p(x)}{q_k}
# = \sum_k q_k \log p(x) - \sum_k q_k \log \frac{q_k}{p(k \mid x)},$$
#
# and since the $q_k$ sum to 1,
#
# $$\boxed{\;\log p(x) = F(q, \theta) + \mathrm{KL}\big(q \,\|\, p(k \mid x)\big)\;}$$
#
# The gap is a KL divergence: never negative, and 0 exactly when $q$ is the posterior, the responsibilities.
#
# > **Check**, with random $q$ for all 272 eruptions.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
q = torch.softmax(torch.randn(272, 2, generator=generator, dtype=torch.float64), 1)
step = mixtures.e_step(faithful, by_eye)
bound = mixtures.lower_bound(faithful, q, by_eye)
kl = (q * (q.log() - step.responsibilities.log())).sum(1)
error = (bound + kl - step.log_prob).abs().max()
print("bound + KL = log p(x) to 1e-9:", bool(error < 1e-9))

# %% [markdown] slideshow={"slide_type": "subslide"}
# With two components $q$ is a single number, so we can draw the whole bound. Take the eruption in the gap,
# (3.0 min, 66 min), and let $q_0$ go from 0 to 1.

# %% slideshow={"slide_type": "fragment"}
q0 = torch.linspace(0.001, 0.999, 300, dtype=torch.float64)
middle = three[1:2].expand(300, 2)
bound = mixtures.lower_bound(middle, torch.stack([q0, 1 - q0], 1), by_eye)
step = mixtures.e_step(three[1:2], by_eye)
log_px, posterior = step.log_prob.item(), step.responsibilities[0, 0].item()
# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_curves(
    q0,
    {"bound F(q)": bound, "log p(x)": torch.full((300,), log_px)},
    xlabel="$q_0$, the share given to component 0",
    ylabel="nats",
)
ax.fill_between(q0, bound, log_px, alpha=0.15, color=plots.COLORS[3], label="gap = KL(q ‖ posterior)")
ax.axvline(posterior, color="grey", linestyle=":", label=f"responsibility {posterior:.2f}")
ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=10)
plots.show(
    ax,
    alt="The bound as a function of q is a hill under the constant line log p(x). It touches the line "
    "where q is the responsibility of component 0, and the shaded gap grows to both sides.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.5
# The bound for each point, from `q` and `log_joint` ($\log[\pi_k \mathcal N(x \mid \mu_k, \Sigma_k)]$), both of
# shape `(n, K)`. Some entries of `q` may be 0.


# %% slideshow={"slide_type": "skip"}
def my_bound(q, log_joint):
    return ...


ch01.bound.check(my_bound)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.6 EM: raise the bound, twice (core)
#
# *About 35 minutes.* The bound has two arguments, $q$ (one row for each point) and $\theta$. **Expectation maximisation** raises it in
# one of them at a time:
#
# - **E-step**: $\theta$ stays, $q$ moves. The best $q$ closes the gap: the responsibilities.
# - **M-step**: $q$ stays, $\theta$ moves. The best $\theta$ are weighted averages, derived below.
#
# Why can the log-likelihood never fall? After the E-step the bound **touches** it. The M-step raises the bound, and
# the log-likelihood lies above the bound. With $F$ now summed over all points:
#
# $$\sum_i \log p(x_i \mid \theta_{\text{new}}) \;\ge\; F(q, \theta_{\text{new}}) \;\ge\; F(q, \theta_{\text{old}})
# = \sum_i \log p(x_i \mid \theta_{\text{old}}).$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The M-step, derived.** With $q$ fixed, its entropy is a constant. What is left of the bound, for all points, is
#
# $$\sum_{i,k} q_{ik} \Big[\log \pi_k - \tfrac12 \log |\Sigma_k|
# - \tfrac12 (x_i - \mu_k)^\top \Sigma_k^{-1} (x_i - \mu_k)\Big] + \text{const}.$$
#
# *Means.* The derivative with respect to $\mu_k$ is $\Sigma_k^{-1} \sum_i q_{ik} (x_i - \mu_k)$. It is 0 for
# $\mu_k = \frac{1}{N_k} \sum_i q_{ik} x_i$ with the count $N_k = \sum_i q_{ik}$.
#
# *Covariances.* First in one dimension, with the precision $P = 1/\sigma^2$: the bracket is
# $\frac12 \log P - \frac12 P (x_i - \mu_k)^2$, its derivative $\frac12 \big[1/P - (x_i - \mu_k)^2\big]$, and the weighted
# sum is 0 for $\sigma_k^2 = \frac{1}{N_k} \sum_i q_{ik} (x_i - \mu_k)^2$. In $d$ dimensions the same two steps, entry by
# entry of the matrix $P_k = \Sigma_k^{-1}$, use $\partial \log|P| / \partial P = P^{-1}$ and
# $\partial (v^\top P v) / \partial P = v v^\top$: $\Sigma_k = \frac{1}{N_k} \sum_i q_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top$.
#
# *Weights.* Maximise $\sum_k N_k \log \pi_k$ while $\sum_k \pi_k = 1$. Written with $w_k = N_k / n$, it is
# $n \sum_k w_k \log \pi_k = -n\,\mathrm{KL}(w \,\|\, \pi) + \text{const}$: best is $\pi_k = w_k = N_k/n$.
#
# The objective is concave in each $\mu_k$ and in each $P_k$, so these zeros are maxima. Each is the ordinary estimate,
# with every point counted by its responsibility.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### EM in twenty lines
# Read it against the formulas. Only the logarithm of the Gaussian density comes from the package.


# %% slideshow={"slide_type": "fragment"} tags=["long"]
def expectation(x, weights, means, covariances):
    log_joint = torch.stack(
        [
            weight.log() + distributions.full_gaussian_log_prob(x, mean, covariance)
            for weight, mean, covariance in zip(weights, means, covariances, strict=True)
        ],
        dim=1,
    )  # (n, K)
    log_prob = log_joint.logsumexp(1)  # (n,)
    return (log_joint - log_prob[:, None]).exp(), log_prob


def maximisation(x, r):
    counts = r.sum(0)  # (K,)
    means = r.T @ x / counts[:, None]  # (K, d)
    difference = x[:, None] - means  # (n, K, d)
    covariances = torch.einsum("nk,nki,nkj->kij", r, difference, difference) / counts[:, None, None]
    return counts / len(x), means, covariances


def em(x, parameters, n_steps):
    path = [parameters]
    for _ in range(n_steps):
        r, _ = expectation(x, *path[-1])
        path.append(maximisation(x, r))
    return path


# %% [markdown] slideshow={"slide_type": "subslide"}
# We start from a bad guess on purpose: two wide components, one above the other, in the wrong place.
#
# > **Predict.** How many iterations until the ellipses sit on the two clouds: about 3, 15 or 100?

# %% slideshow={"slide_type": "fragment"}
bad_start = (
    torch.tensor([0.5, 0.5], dtype=torch.float64),
    torch.tensor([[3.8, 62.0], [3.2, 78.0]], dtype=torch.float64),
    torch.tensor([[[1.0, 0.0], [0.0, 150.0]]] * 2, dtype=torch.float64),
)
path = em(faithful, bad_start, 40)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 4, figsize=(10, 3.2), sharex=True, sharey=True)
for ax, iteration in zip(axes, (0, 5, 10, 40), strict=True):
    weights, means, covariances = path[iteration]
    plots.plot_responsibilities(faithful, expectation(faithful, *path[iteration])[0], ax=ax, size=10)
    plots.plot_ellipses(means, covariances, ax=ax)
    ax.set(title=f"iteration {iteration}", xlabel="eruption (min)", ylabel="")
axes[0].set_ylabel("waiting (min)")
plots.show(
    figure,
    alt="Four snapshots of EM. At iteration 0 two wide ellipses overlap between the clouds and all "
    "points have blended colours; step by step each ellipse moves to one cloud and shrinks onto it.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# After 10 iterations little is left to do. Now the climb itself. For each iteration we compute three numbers: the log-likelihood, the bound before the E-step
# (with the responsibilities of the step before), and the bound after it. The figure leaves out iteration 0, whose
# jump would flatten the rest.

# %% slideshow={"slide_type": "fragment"}
q = torch.full((272, 2), 0.5, dtype=torch.float64)  # before the first E-step: no idea
rows = []
for weights, means, covariances in path[:16]:
    parameters = mixtures.MixtureParameters(weights, means, covariances)
    before = mixtures.lower_bound(faithful, q, parameters).mean().item()
    q, log_prob = mixtures.e_step(faithful, parameters)
    after = mixtures.lower_bound(faithful, q, parameters).mean().item()
    rows.append((before, after, log_prob.mean().item()))
before, after, log_likelihood = torch.tensor(rows).T

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
ax = plots.plot_climb(before[1:], after[1:], log_likelihood[1:], first=1, ylabel="nats per eruption")
plots.show(
    ax,
    alt="From iteration 1 to 15 the log-likelihood climbs. Before each E-step the bound lies below it by a gap, "
    "widest at iteration 6; after the E-step the bound touches it. At the end there is no gap left.",
)
print("log-likelihood never falls:", bool((log_likelihood.diff() > -1e-6).all()))
print("bound after the E-step = log-likelihood:", torch.allclose(after, log_likelihood))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### EM in your hands
# *Play* runs EM from a random start, *Step* makes one iteration. Drag a numbered mean: the colours follow your hand,
# and when you let go, EM goes on from there. Try this:
#
# 1. Old Faithful, two components: swap the two means. What do the colours do, and what does the log-likelihood?
# 2. *ring* with $K = 8$: play to the end. Drag a mean onto the cluster next to it and let go. Then drag one to the
#    opposite side.
# 3. *moons and ring*: how large must $K$ be until no ellipse covers empty space?

# %% slideshow={"slide_type": "subslide"}
stepper = widgets.EMStepper()
stepper

# %% [markdown] slideshow={"slide_type": "subslide"}
# The second task without a mouse.
#
# > **Predict.** All eight clusters have their component. We put component 0 on the cluster of another one,
# > on the opposite side, and let EM go on for 40 iterations. Does it find its way back?

# %% slideshow={"slide_type": "fragment"}
by_hand = widgets.EMStepper(data_set="ring", n_components=8)
by_hand.iteration = 40
moments = {"after 40 iterations": by_hand.parameters}
by_hand.move_mean(0, 0.7, -0.7)
moments["component 0 is moved"] = by_hand.parameters
by_hand.iteration = 80
moments["40 iterations later"] = by_hand.parameters

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), sharex=True, sharey=True)
ring = data.gaussian_ring(400, std=0.12, generator=torch.Generator().manual_seed(0)).points.double()
for ax, (moment, fitted) in zip(axes, moments.items(), strict=True):
    responsibilities, log_prob = mixtures.e_step(ring, fitted)
    plots.plot_responsibilities(ring[:160], responsibilities[:160], ax=ax, size=8)
    plots.plot_ellipses(fitted.means, fitted.covariances, ax=ax, n_std=(2,), names=True)
    ax.set_title(f"{moment}:\n{log_prob.mean():.2f} nats per point")
plots.show(
    figure,
    alt="A ring of eight clusters. Left: one ellipse on each. Middle: ellipse 0 has been moved from the upper left onto "
    "number 4 at the lower right. Right: 0 and 4 share that cluster, and number 5 spans the two at the left.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# It does not. At first the points that component 0 left behind are hardly explained by anyone, and the log-likelihood
# falls far: *your hand* may lower it, an iteration of EM cannot. Then EM climbs again, but to a lower top: the neighbour
# 5 takes the lost cluster over, and 0 and 4 share the other. Each step looks only at who explains a point *now*, and
# there no small step helps any more. Where EM ends depends on where it starts; section 1.8 measures how much.

# %% slideshow={"slide_type": "skip"}
ch01.zigzag

# %% slideshow={"slide_type": "skip"}
ch01.zigzag.answer(...)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.6
# The M-step: from points `x` (n, d) and responsibilities `r` (n, K) to `(weights, means, covariances)`. The cell
# above has one with `einsum`. Write your own, with a loop over the components if you like, without looking.


# %% slideshow={"slide_type": "skip"}
def my_m_step(x, r):
    return ...


ch01.m_step.check(my_m_step)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The package does the same
# `mixtures.fit_em` adds what a tool needs: a start, four kinds of covariance, a stopping rule, data in chunks, and
# clear errors. Its usual start is **k-means**: put each point wholly into the cluster with the nearest centre, move
# each centre to the mean of its points, repeat.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
fitted, history = mixtures.fit_em(faithful, 2, tol=1e-10, max_iter=1000, reg_covar=1e-9, generator=generator)
total = mixtures.e_step(faithful, fitted).log_prob.sum()
ours = expectation(faithful, *path[-1])[1].sum()
print(f"package {total:.3f}   twenty lines {ours:.3f}")

# %% slideshow={"slide_type": "fragment"}
many = mixtures.sample_mixture(fitted, 100_000, generator=generator).points
print(f"eruptions of 2.5 to 3.5 min: real {share_between(faithful):.0%}   mixture {share_between(many):.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Break it.** Two classic bugs in the E-step: the weights are forgotten, or each point goes wholly to its best
# > component. Each still runs and still looks plausible. *Predict: what does the log-likelihood do?*


# %% slideshow={"slide_type": "fragment"}
def broken_em(x, parameters, bug, n_steps=40):
    scores = []
    for _ in range(n_steps):
        r, log_prob = expectation(x, *parameters)
        scores.append(log_prob.mean())
        if bug == "no weights":
            r = r / parameters[0]
            r = r / r.sum(1, keepdim=True)
        elif bug == "hard":
            r = torch.nn.functional.one_hot(r.argmax(1), 2).double()
        parameters = maximisation(x, r)
    return torch.stack(scores)


# %% slideshow={"slide_type": "fragment"}
overlapping = torch.randn(2000, 1, generator=generator, dtype=torch.float64)
overlapping[1800:] += 1.5  # one point in ten comes from a second cloud
start = tuple(torch.tensor(part).double() for part in ([0.9, 0.1], [[0.0], [1.5]], [[[1.0]], [[1.0]]]))

# %% slideshow={"slide_type": "subslide"}
curves = {bug: broken_em(overlapping, start, bug) for bug in ("no bug", "no weights", "hard")}
ax = plots.plot_curves(torch.arange(40), curves, xlabel="iteration", ylabel="nats per point")
plots.show(
    ax,
    alt="Log-likelihood over 40 iterations on two overlapping clouds, started at the truth. Without a bug "
    "it rises a little and stays; with either bug it falls sharply at first and then recovers in part or in full.",
)
for bug, scores in curves.items():
    print(f"{bug:>10}: falls somewhere: {bool((scores.diff() < -1e-9).any())}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Comparing the first value with the last would miss the bug: the curves fall, and then recover. Checking **every** step
# catches it. *Record the log-likelihood, and test that it never falls* (with a floor such as `reg_covar`, section 1.8,
# by more than a hair). Hard assignments with equal weights and one fixed round covariance are k-means: it climbs an
# objective of its own, not this one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.7 Two matrix products (deeper)
#
# *About 20 minutes.* Write the log-density of a Gaussian out, with the precision $P = \Sigma^{-1}$:
#
# $$\log \mathcal N(x \mid \mu, \Sigma) = -\tfrac12\, x^\top P x + x^\top P \mu - \tfrac12\, \mu^\top P \mu
# + \tfrac12 \log |P| - \tfrac d2 \log 2\pi.$$
#
# As a function of $x$ it is **linear in the features** $\phi(x)$: all products of two coordinates,
# the coordinates, and 1. So $\log \pi_k \mathcal N(x \mid \mu_k, \Sigma_k) = \eta_k \cdot \phi(x)$. Families of densities like this are called
# *exponential families*, and the coefficients $\eta_k$ are their *natural parameters* (with the
# constant as a last entry). So for all points and components at once,
#
# - the E-step is one matrix product, $\eta\,\Phi$, with one column of $\Phi$ for each point;
# - the M-step is another, $r\,\Phi^\top$: the counts, the sums and the sums of squares, called the **sufficient
#   statistics**, because nothing else of the data enters the new parameters.
#
# Sums can be collected chunk by chunk, so the data need not even fit in memory.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
centre = faithful.mean(0)
phi = mixtures.features(faithful - centre, "full")  # (F, n)
eta = mixtures.natural_parameters(fitted, torch.linalg.inv(fitted.covariances), centre)  # (K, F)
by_product = (eta @ phi).logsumexp(0)
by_differences = mixtures.e_step(faithful, fitted).log_prob
print("features per point:", len(phi))
print("same log p(x) to 1e-9:", torch.allclose(by_product, by_differences, atol=1e-9))

# %% [markdown] slideshow={"slide_type": "subslide"}
# **The price is cancellation.** For a tight cluster far from the centre, $x^\top P x$ and its companions are huge
# numbers whose difference is small. With relative rounding $\varepsilon$, what is left is wrong by up to about
# $\varepsilon \cdot (\text{distance} / \text{width})^2$.
#
# > **Predict.** Means at ±10, width 0.001. In float32, $\varepsilon \approx 10^{-7}$: by how many nats is a
# > log-density wrong?


# %% slideshow={"slide_type": "fragment"}
def errors(distance, width, dtype):
    z = torch.randn(2000, 1, generator=generator, dtype=torch.float64)
    side = torch.where(torch.arange(2000) % 2 == 0, 1.0, -1.0)[:, None]
    x = (side * distance + width * z).to(dtype)
    means = torch.tensor([[distance], [-distance]], dtype=dtype)
    half = torch.full((2,), 0.5, dtype=dtype)
    parameters = mixtures.MixtureParameters(half, means, torch.full((2, 1, 1), width**2, dtype=dtype))
    centre = torch.zeros(1, dtype=torch.float64)
    eta = mixtures.natural_parameters(parameters, 1 / parameters.covariances, centre).to(dtype)
    exact = mixtures.e_step(x.double(), mixtures.MixtureParameters(*(part.double() for part in parameters)))
    product = (eta @ mixtures.features(x, "full")).logsumexp(0)
    direct = mixtures.e_step(x, parameters).log_prob
    return [(value.double() - exact.log_prob).abs().median().item() for value in (product, direct)]


# %% slideshow={"slide_type": "subslide"}
ratios = [10.0**power for power in torch.arange(1, 4.6, 0.5).tolist()]
measured = {
    dtype: [errors(10.0, 10.0 / ratio, dtype) for ratio in ratios] for dtype in (torch.float32, torch.float64)
}
curves = {
    "float32, matrix product": [product for product, _ in measured[torch.float32]],
    "float64, matrix product": [product for product, _ in measured[torch.float64]],
    "float32, differences": [direct for _, direct in measured[torch.float32]],
    "rule for float32": [torch.finfo(torch.float32).eps * ratio**2 for ratio in ratios],
    "rule for float64": [torch.finfo(torch.float64).eps * ratio**2 for ratio in ratios],
}

# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_curves(ratios, curves, xlabel="distance / width of the clusters", ylabel="error (nats)")
ax.set(xscale="log", yscale="log", ylim=(1e-16, 1e8))
ax.legend(loc="upper left", fontsize=9, ncols=2)
plots.show(
    ax,
    alt="Error of the log-density against distance over width, both axes logarithmic. The matrix product's "
    "error runs below and parallel to the rule, epsilon times the square: in float32 it reaches 1 nat at 10,000, in "
    "float64 it stays below a millionth. By differences, in float32, it stays near a ten-millionth.",
)
print(f"means at ±10, width 0.001, float32: {errors(10.0, 1e-3, torch.float32)[0]:.1f} nats")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The rule is an upper estimate; the typical error is about ten times smaller. The package predicts it from the
# parameters, before and after each step. Where it exceeds $10^{-3}$ nats in float32 ($10^{-8}$ in float64), it works
# component by component, from the differences $x - \mu_k$, which keep their digits.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.8 What goes wrong, and what to do (core)
#
# *About 30 minutes.*
#
# ### A likelihood without a maximum
# Waiting times only. Put one component exactly on a value that was measured, 79 minutes, and make it narrower and
# narrower; the other one looks after the rest.
#
# > **Predict.** As the width goes to 0, does the log-likelihood of the data rise, fall, or settle?

# %% slideshow={"slide_type": "fragment"}
waiting = faithful[:, 1]
rest = Normal(waiting.mean(), waiting.std())
widths = torch.logspace(1, -12, 100, dtype=torch.float64)
spike = Normal(waiting[0], widths[:, None])  # sits on 79 minutes
log_weights = torch.tensor([0.01, 0.99]).log()
log_likelihood = torch.logaddexp(
    log_weights[0] + spike.log_prob(waiting), log_weights[1] + rest.log_prob(waiting)
)
log_likelihood = log_likelihood.sum(1)  # one value for each width
print("eruptions that share this value:", int((waiting == waiting[0]).sum()))

# %% slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots()
ax.semilogx(widths, log_likelihood, label="with a spike on one value")
ax.axhline(rest.log_prob(waiting).sum(), color=plots.COLORS[1], linestyle="--", label="one Gaussian alone")
ax.invert_xaxis()
ax.set(xlabel="width of the spike (min), narrower to the right", ylabel="log-likelihood (nats)")
ax.legend()
plots.show(
    ax,
    alt="The log-likelihood against the width of a component that sits on one measured value, narrower to the "
    "right: level at first, then rising along a straight line without end as the width falls by powers of ten.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# It rises without limit. Ten eruptions share this value, so each factor of ten in the width brings
# $10 \cdot \log 10 \approx 23$ nats. (One point alone would do, at a tenth of the slope.) The maximum
# likelihood of a mixture **does not exist**; the useful solutions are local maxima. EM that starts near such a spike
# runs into it, and the package says so instead of returning NaN.

# %% slideshow={"slide_type": "fragment"}
on_a_point = mixtures.MixtureParameters(
    fitted.weights,
    torch.stack([faithful[0], fitted.means[1]]),
    torch.stack([fitted.covariances[0] * 1e-9, fitted.covariances[1]]),
)
try:
    mixtures.fit_em(faithful, 2, start=on_a_point, reg_covar=0.0)
except ValueError as error:
    print(error)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The cure is a floor under the variances: `reg_covar` is added to every variance in each M-step.

# %% slideshow={"slide_type": "fragment"}
cured, history = mixtures.fit_em(faithful, 2, start=on_a_point, reg_covar=1e-2, max_iter=500, tol=1e-6)
print("counts after the cure:", (cured.weights * 272).round().int().tolist())
print(
    f"log-likelihood {mixtures.e_step(faithful, cured).log_prob.sum():.1f} nats, all parameters finite:",
    all(part.isfinite().all() for part in cured),
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The parameters are finite, but look at the counts: a floor stops the spike from growing; it does not move a start
# that was hopeless. That is the next problem.

# %% slideshow={"slide_type": "skip"}
ch01.singularity

# %% slideshow={"slide_type": "skip"}
ch01.singularity.answer(...)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The start decides
# EM climbs the hill that it starts on. A ring of eight narrow Gaussians, eight components, ten seeds for each way
# to start:
#
# - **kmeans**: responsibilities from the clusters of k-means;
# - **k-means++**: centres are single points that are chosen far apart, and each point goes to the nearest;
# - **random_from_data**: the same with points chosen uniformly;
# - **random**: random responsibilities, so that all components start nearly alike.
#
# > **Predict.** Order the four from best to worst.

# %% slideshow={"slide_type": "subslide"}
ring = data.gaussian_ring(800, std=0.1, generator=generator).points.double()
starts, fits = ("kmeans", "k-means++", "random_from_data", "random"), {}
for start in starts:
    for seed in range(10):
        seeded = torch.Generator().manual_seed(seed)
        fits[start, seed] = mixtures.fit_em(
            ring, 8, init_params=start, max_iter=300, tol=1e-5, generator=seeded
        )
ends = {start: [fits[start, seed][1].last("bound") for seed in range(10)] for start in starts}
ax = plots.plot_strips(ends, ylabel="log-likelihood (nats per point)")
plots.show(
    ax,
    alt="Where EM ends from ten seeds for each of four kinds of start. Most dots of kmeans and k-means++ "
    "lie together at the top, random_from_data scatters below, and random lies far below all others.",
)

# %% slideshow={"slide_type": "subslide"}
shown = (("random", "worst", min), ("random_from_data", "worst", min), ("kmeans", "best", max))
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.4), sharex=True, sharey=True)
for ax, (start, which, choose) in zip(axes, shown, strict=True):
    parameters, history = fits[start, ends[start].index(choose(ends[start]))]
    plots.plot_points(ring[:160], ax=ax, size=6, alpha=1)
    plots.plot_ellipses(parameters.means, parameters.covariances, ax=ax)
    ax.set_title(f"{start}, {which}: {history.last('bound'):.2f} nats")
plots.show(
    figure,
    alt="Three fits. The worst from random starts: all eight ellipses lie on each other around the whole ring. The worst "
    "from random_from_data: some ellipses span two or three clusters, and others share one. The best from kmeans: one each.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The best starts spread the components out first: kmeans and k-means++ do, the two random kinds do not. The fit in
# the middle is stuck at a **local maximum**: no small step improves it. On the left, components that start
# alike stay alike: their responsibilities differ so little that EM hardly moves them apart (a saddle, on which it
# stopped because the bound changed by less than `tol`). Practical advice: start from k-means, take several starts
# (`n_init`), keep the highest.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### How many components?
# More components can always fit the *training* data at least as well, so its log-likelihood cannot choose. Two judges can:
#
# - **held-out data**: the log-likelihood of points that EM has not seen;
# - the **Bayesian information criterion**, $\text{BIC} = P \log n - 2 \log \text{likelihood}$, with $P$ free
#   parameters: lower is better. It needs no held-out data.
#
# Iris: 150 flowers of three species, four measurements each. The judges do not see the species.
#
# > **Predict.** Will they choose 3?

# %% slideshow={"slide_type": "subslide"}
iris = data.load_iris().points
folds = torch.arange(150) % 5  # every fifth flower is held out in turn; the file is sorted by species
ks = list(range(1, 7))
bic, held_out, training = [], [], []
for k in ks:
    settings = {"n_init": 5, "reg_covar": 1e-3, "max_iter": 500, "random_state": 0}
    model = mixtures.GaussianMixture(k, **settings).fit(iris)
    bic.append(model.bic(iris))
    training.append(model.score(iris))
    scores = [
        mixtures.GaussianMixture(k, **settings).fit(iris[folds != f]).score(iris[folds == f])
        for f in range(5)
    ]
    held_out.append(sum(scores) / 5)

# %% slideshow={"slide_type": "subslide"}
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
left.plot(ks, bic, "o-", color=plots.COLORS[0])
left.set(xlabel="number of components K", ylabel="BIC (lower is better)")
right.plot(ks, training, "o-", color=plots.COLORS[4], label="training")
right.plot(ks, held_out, "s--", color=plots.COLORS[1], label="held out (5 folds)")
right.set(xlabel="number of components K", ylabel="log-likelihood (nats per flower)")
right.legend()
plots.show(
    figure,
    alt="Iris. Left: the BIC has its lowest point at two components. Right: the training log-likelihood "
    "rises with every component, the held-out one has its peak at two or three and then falls.",
)
print("BIC chooses", ks[bic.index(min(bic))], "and held-out data", ks[held_out.index(max(held_out))])

# %% [markdown] slideshow={"slide_type": "subslide"}
# Held-out data prefer three by a hair, the BIC two. Two of the three species overlap so much that one tilted Gaussian
# explains both nearly as well as two, and under the BIC 15 more parameters do not pay for themselves. **A component is not a class.** It is a piece of density, and
# nobody told the mixture about species.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 1.7
# The BIC of a mixture of $K$ full Gaussians in $d$ dimensions, from its **mean** log-likelihood per point.


# %% slideshow={"slide_type": "skip"}
def my_bic(mean_log_prob, n_samples, n_components, n_features):
    return ...


ch01.bic.check(my_bic)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.9 Digits that nobody wrote (core)
#
# *About 20 minutes.* MNIST: handwritten digits of 28×28 pixels. A full covariance of all 784 pixels would have 307,720 entries for each
# component, and many pixels are always black. So we keep the 30 directions along which the digits vary most
# (*principal components*, the subject of chapter 2), fit the mixture there, and turn its draws back into pixels.

# %% slideshow={"slide_type": "fragment"}
mnist, mnist_test = data.load_mnist(), data.load_mnist("test")
pixels = mnist.images[:10_000].flatten(1).double()
mean = pixels.mean(0)
directions = torch.linalg.eigh(torch.cov(pixels.T)).eigenvectors.flip(1)[:, :30]  # (784, 30)


def to_codes(images):
    return (images.flatten(1).double() - mean) @ directions


def to_images(codes):
    return (mean + codes @ directions.T).clamp(0, 1).view(-1, 28, 28).float()


codes, test_codes = to_codes(mnist.images[:10_000]), to_codes(mnist_test.images)

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** 10,000 digits to learn from. Which number of components gives unseen digits the highest density:
# > 10 (one for each digit), 30, or 100?

# %% slideshow={"slide_type": "fragment"}
ks, runs = (1, 3, 10, 30, 100), {}
for k in ks:
    runs[k], _ = mixtures.fit_em(codes, k, reg_covar=1e-2, max_iter=25, generator=generator)
scores = {}
for name, points in (("training", codes), ("held out", test_codes)):
    scores[name] = [mixtures.e_step(points, runs[k]).log_prob.mean().item() for k in ks]
for k, a, b in zip(ks, *scores.values(), strict=True):
    print(f"K = {k:3}   training {a:.1f}   held out {b:.1f}")

# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_curves(ks, scores, xlabel="number of components K", ylabel="log p(code) (nats per image)")
ax.set_xscale("log")
ax.set_xticks(ks, ks)
plots.show(
    ax,
    alt="Log-likelihood per image against the number of components, from 1 to 100. Training rises all the "
    "way; the held-out curve rises with it to about 30 and then falls behind.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With 100 components there are about 100 digits for the 526 numbers of each: they learn their digits by heart. Now
# draw. Two steps, as in section 1.2: a component, then a point; then back to pixels.

# %% slideshow={"slide_type": "fragment"}
real = to_images(test_codes[:10])
rows = [real] + [
    to_images(mixtures.sample_mixture(runs[k], 10, generator=generator).points) for k in (1, 10, 30)
]
ax = plots.plot_images(torch.cat(rows), n_columns=10, row_labels=["real", "K = 1", "K = 10", "K = 30"])
plots.show(
    ax,
    alt="Four rows of ten images. Real test digits, seen through 30 directions, are soft but legible. Draws "
    "from one Gaussian are smudges; with 10 and 30 components more and more of them look like digits.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Nobody wrote the digits of the lower rows: they are draws. The first row passes through the same 30
# directions, so its softness shows what the *directions* cost; the rest of the difference is the mixture's.
#
# The components found no classes, but they did find shapes. Each mean, as an image, for $K = 30$:

# %% slideshow={"slide_type": "fragment"}
order = runs[30].weights.argsort(descending=True)
ax = plots.plot_images(to_images(runs[30].means[order]), n_columns=10)
plots.show(
    ax,
    alt="The means of the 30 components as images: most are a recognisable digit in a certain style, such as "
    "upright and slanted ones, and several components share a digit.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Grey values need care (deeper)
# A density breaks down on values that never vary. The grey values of the small 8×8 digits are multiples of 1/16, and
# some pixels are always 0. A Gaussian can become as narrow there as it likes, as on the 79 minutes of section 1.8.
#
# > **Break it.** Fit the pixels as they are, with a floor under the variances of 10⁻², 10⁻⁴ and 10⁻⁶.
# > *Predict: which looks best on unseen digits?*

# %% slideshow={"slide_type": "fragment"}
digits = data.load_digits().images.flatten(1).double()  # (1797, 64), multiples of 1/16
shuffled = digits[torch.randperm(len(digits), generator=generator)]
noise = torch.rand(shuffled.shape, generator=generator, dtype=torch.float64)
smooth = shuffled + noise / 16  # each grey level, a multiple of 1/16, becomes an interval of that width


def held_out_score(points, n_components, floor, n_init=1):
    fit, _ = mixtures.fit_em(points[:1437], n_components, reg_covar=floor, n_init=n_init, generator=generator)
    return mixtures.e_step(points[1437:], fit).log_prob.mean().item(), fit


for floor in (1e-2, 1e-4, 1e-6):
    print(f"floor {floor:.0e}: held out {held_out_score(shuffled, 1, floor)[0]:.1f} nats per image")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The floor decides, not the model: those numbers say nothing about digits. **Dequantisation** repairs it. Add
# uniform noise of the width of one grey level (`smooth` above), so that each value becomes an interval that a density
# can fill.

# %% slideshow={"slide_type": "fragment"}
for floor in (1e-2, 1e-4, 1e-6):
    print(f"floor {floor:.0e}: held out {held_out_score(smooth, 1, floor)[0]:.1f} nats per image")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Below the variance of the noise itself, $(1/16)^2/12 \approx 3 \cdot 10^{-4}$, the floor no longer matters for one
# Gaussian. With many components it still does, as a guard against learning by heart: choose it, like $K$, on held-out
# digits. Here with a floor of $10^{-3}$:

# %% slideshow={"slide_type": "fragment"}
ks = (1, 2, 5, 10, 20)
held_out, small = zip(*[held_out_score(smooth, k, 1e-3, n_init=3) for k in ks], strict=True)
for k, score in zip(ks, held_out, strict=True):
    print(f"K = {k:2}   held out {score:.1f} nats per image")

# %% slideshow={"slide_type": "subslide"}
best = small[held_out.index(max(held_out))]
drawn = mixtures.sample_mixture(best, 20, generator=generator).points.clamp(0, 1).view(-1, 8, 8)
ax = plots.plot_images(
    torch.cat([shuffled[1437:1457].view(-1, 8, 8), drawn]), n_columns=10, row_labels=["real", "", "drawn", ""]
)
plots.show(
    ax,
    alt="Two rows of real digits of 8 by 8 pixels above two rows drawn from the mixture that was best on "
    "held-out digits: many drawn ones are legible, some are smudged or mix two digits.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1.10 Why one hidden choice is not enough (core)
#
# *About 15 minutes.* This plane will come back in every chapter: two moons inside a ring of eight Gaussians. Each family of models will
# be fitted to it and drawn in the same way. Here is the mixture's turn.

# %% slideshow={"slide_type": "fragment"}
plane = data.moons_and_ring(3000, generator=generator)
test_plane = data.moons_and_ring(3000, generator=generator).points.double()
fits = [
    mixtures.fit_em(plane.points.double(), k, n_init=3, max_iter=300, generator=generator)[0]
    for k in (4, 10, 30)
]
scores = [mixtures.e_step(test_plane, parameters).log_prob.mean() for parameters in fits]
x, y, everywhere = plots.plane((-2.1, 2.1), (-2.1, 2.1))

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 4, figsize=(10.5, 3.2), sharex=True, sharey=True)
plots.plot_points(plane.points[:1500], ax=axes[0], size=3, alpha=1)
axes[0].set_title("data")
for ax, parameters, score in zip(axes[1:], fits, scores, strict=True):
    plots.plot_density(x, y, mixtures.e_step(everywhere, parameters).log_prob.exp(), ax=ax)
    ax.set_title(f"K = {len(parameters.weights)}: {score:.2f} nats")
for ax in axes:
    ax.set(xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), ylabel="", aspect="equal")
axes[0].set_ylabel("$x_2$")
plots.show(
    figure,
    alt="Two moons inside a ring of eight clusters, and the density of mixtures with 4, 10 and 30 "
    "components: 4 span several clusters each, 10 find the ring's clusters and blur the moons, 30 follow the "
    "moons as chains of small Gaussians.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A moon has one degree of freedom, the angle along it. The mixture has no word for "along": it tiles the moon with
# Gaussians, like a road of paving stones.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A million kinds of face
# The weakness gets worse with every independent feature. Take points with $m$ coordinates, each of which is near
# -1 or near +1, independently. A mixture has **one** hidden choice for each point, so that every combination needs a
# component of its own.
#
# > **Predict.** How many components does the BIC choose for $m = 1, 2, 3, 4$?

# %% slideshow={"slide_type": "fragment"}
for m in (1, 2, 3, 4):
    signs = torch.randint(2, (2000, m), generator=generator) * 2 - 1
    x = signs + 0.3 * torch.randn(2000, m, generator=generator, dtype=torch.float64)
    scores = {}
    for k in (1, 2, 3, 4, 6, 8, 12, 16, 24):
        settings = {"covariance_type": "diag", "n_init": 3, "max_iter": 200, "random_state": 0}
        scores[k] = mixtures.GaussianMixture(k, **settings).fit(x).bic(x)
    print(
        f"m = {m}: the BIC chooses {min(scores, key=scores.get):2} components;  a list of switches has length {m}"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# The number of components doubles with every switch. Writing down the $m$ switches is a **distributed code**:
# several features, each of which says something about $x$, and which combine. Faces have glasses *and* a beard *and*
# an angle of the head; a code of 20 features tells a million kinds of face apart, and one cluster each would need a
# million clusters. The rest of the course is about models with such codes. Chapter 2 learns one.

# %% slideshow={"slide_type": "skip"}
ch01.distributed

# %% slideshow={"slide_type": "skip"}
ch01.distributed.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A mixture draws in two steps; its density adds up all the ways to get to $x$.
# - $\log p(x) = F(q, \theta) + \mathrm{KL}(q \,\|\, p(k \mid x))$. **The bound is tight when $q$ is the posterior.**
# - EM: the E-step closes the gap, the M-step raises the bound. So the log-likelihood never falls.
# - The likelihood has no maximum; a floor, a good start and held-out data keep EM honest.
# - One hidden choice for each point is too few: combinations need a distributed code.
#
# **What comes next.** In a mixture $p(x)$, the denominator of the posterior, is a short sum. When the hidden thing is a
# vector of numbers, the sum becomes an integral that in general has no closed form, and $q$ will have to be *learned*:
# that is the VAE.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. The E-step needs $p(k \mid x)$ exactly. Suppose $q$ could only be *near* it. Which line of the proof in 1.6
#    breaks, and what may the log-likelihood do then?
# 2. Two components of a fitted mixture swap their numbers. What changes in $p(x)$? What does that say about reading
#    meaning into "component 3"?
# 3. You fit $K = 100$ to the digits and every component ends on one digit of one writer. How would you notice
#    without looking at a single image?
#
# ### References
# - A. Dempster, N. Laird, D. Rubin (1977), [Maximum likelihood from incomplete data via the EM
#   algorithm](https://doi.org/10.1111/j.2517-6161.1977.tb01600.x).
# - R. Neal, G. Hinton (1998), [A view of the EM algorithm that justifies incremental, sparse, and other
#   variants](https://doi.org/10.1007/978-94-011-5014-9_12): EM as ascent on the bound.
# - C. Bishop (2006), *Pattern Recognition and Machine Learning*, chapter 9.
# - T. Chan, G. Golub, R. LeVeque (1983), [Algorithms for computing the sample
#   variance](https://doi.org/10.1080/00031305.1983.10483115): cancellation, and how to merge chunks.
# - A. Azzalini, A. Bowman (1990), [A look at some data on the Old Faithful
#   geyser](https://doi.org/10.2307/2347385).
