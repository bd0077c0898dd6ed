# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 6: How a GAN fails
#
# *Three to four hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# Chapter 5 ended well: two networks played against each other, and digits came out. It could have ended otherwise. A GAN fails in more ways than any model before it in this course, and its
# losses seldom say so.
#
# This chapter makes it fail on purpose. Each failure has a **switch** that turns it on with nothing else changed, a **number** that shows it, and several **seeds**, because one lucky seed is not a
# result. Then come the remedies, and each has to prove itself on the same bench.
#
# **After this chapter you can**
# - say which losses stop giving a gradient when data and fakes lie far apart;
# - recognise the common failures by a number, and tell them apart;
# - explain why two players circle around each other, and what stops them;
# - choose a remedy for what is wrong, and read a table of remedies without believing it too quickly.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** As in chapter 5: $p$ the density of the data, $q$ that of the fakes, $D(x)$ the probability of "real", $a(x)$ its logit. A **critic** $f$ gives scores instead of logits. **Seeds**: the same training from
# other first weights, with other mini-batches. Small networks of five seeds train together here, as one *stack* (`networks.stack_models`): five times the answer in less than five times the time.

# %% slideshow={"slide_type": "skip"}
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Normal

from course_utils import data, gan, metrics, plots, pretrained, training, widgets
from course_utils.exercises import ch06
from course_utils.networks import mlp, stack_models
from course_utils.seeding import seed_everything
from course_utils.studies import collapse, mode_bench

# %% slideshow={"slide_type": "skip"}
SEEDS = 5
BATCH = 64 * SEEDS  # a batch of 64 for each seed
rng = seed_everything(0)  # source of random numbers; the network is always G
ring = data.gaussian_ring(100_000, std=0.05, generator=rng)  # points (100000, 2), modes (8, 2)


def players(n_seeds=SEEDS):
    """A stack of small untrained generators and one of discriminators, a model of each for every seed."""
    Gs = [gan.LatentGenerator(mlp([2, 64, 64, 2], activation=nn.ReLU), 2) for _ in range(n_seeds)]
    return stack_models(Gs), stack_models([mlp([2, 64, 64, 1], activation=nn.ReLU) for _ in range(n_seeds)])


def samples_of(G, n_seeds=SEEDS, n_samples=2_500):
    """Samples (n_seeds, n_samples, 2) of a stack."""
    with torch.no_grad():
        return G(G.draw_z(n_seeds * n_samples, generator=rng)).view(n_seeds, n_samples, 2)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 5. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch06.recall_js

# %% slideshow={"slide_type": "skip"}
ch06.recall_js.answer(...)

# %% slideshow={"slide_type": "skip"}
ch06.recall_detach

# %% slideshow={"slide_type": "skip"}
ch06.recall_detach.answer(...)

# %% slideshow={"slide_type": "skip"}
ch06.recall_coin

# %% slideshow={"slide_type": "skip"}
ch06.recall_coin.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.1 Supports that do not meet (core)
# *About 25 minutes.* You will see which divergences notice that two densities come closer, and which gradients reach the generator.
#
# At the start of a training data and fakes often lie apart. Let $p = \mathcal N(0, \sigma^2)$ and $q = \mathcal N(d, \sigma^2)$ with $\sigma = 0.1$. The generator has one parameter, $d$, and should make it smaller.
#
# > **Predict.** Which of these notices a step from $d = 4$ to $d = 3$: KL, JS, total variation, or the Wasserstein-1 distance (how far the mass has to be carried)?

# %% slideshow={"slide_type": "subslide"}
sigma = 0.1
distances = torch.tensor([0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0])
far = metrics.gaussian_divergences(Normal(0.0, sigma), Normal(distances, sigma))
print("   d         KL       JS/log 2   total variation   Wasserstein-1")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
for d, kl, js, tv, w in zip(
    distances, far.kl, far.js / math.log(2), far.total_variation, far.wasserstein, strict=True
):
    print(f"{d:5.2f} {kl:10.1f} {js:12.6f} {tv:15.6f} {w:15.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# JS and total variation have reached their ceilings: to six digits nothing changes from 2 on. (For Gaussians the supports do overlap, by probabilities too small to matter. With uniform segments, JS is
# exactly $\log 2$ from the moment when they part.) KL keeps growing, and is infinite for segments. Wasserstein-1 is a straight line: it is the distance.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In your hands
# Drag one density away from the other. Watch the bars, and below them the gradients that each loss hands to the generator.
#
# 1. Two Gaussians: from which distance on does JS stand still? And Wasserstein-1?
# 2. Make one of them wide. Does the flat part begin earlier or later?
# 3. Two uniform segments of equal width: from which shift on is KL infinite? And JS at its ceiling?

# %% slideshow={"slide_type": "subslide"}
widgets.DivergenceExplorer(p_centre=-1.0, p_width=0.5, q_centre=1.5, q_width=0.5)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What reaches the generator
# The generator never sees a divergence. It sees slopes of a discriminator that has been trained for a while. So train discriminators at several distances, three seeds for each, hold them, and ask: with what
# gradient does each loss pull at $d$?
#
# Two kinds of $D$ are trained. One has the loss of chapter 5. The other is a **critic** $f$ of a *Wasserstein GAN*: its loss is $\mathbb E_q[f] - \mathbb E_p[f]$, and its slope is kept near 1 by a **gradient penalty**, $10\,\mathbb E\big[(\|\nabla f(\hat x)\| - 1)^2\big]$ at random points
# $\hat x$ between a real example and a fake. Then $-$loss estimates the Wasserstein-1 distance. The penalty is *two-sided*; *one-sided*, it counts only slopes above 1.
#
# For the optimal $D$ of two Gaussians of equal width the answer is exact. The logit is a straight line, $a(x) = \log p(x) - \log q(x) = \frac{d}{\sigma^2}\left(\frac d2 - x\right)$, with slope $-d/\sigma^2$, so
#
# $$\frac{\partial}{\partial d} \mathbb E_q[\log(1 - D)] = \frac{d}{\sigma^2}\, \mathbb E_q[D], \qquad \frac{\partial}{\partial d} \mathbb E_q[-\log D] = \frac{d}{\sigma^2}\, \mathbb E_q[1 - D].$$
#
# > **Predict.** As $d$ grows, $D$ is near 0 on the fakes. Which of the two vanishes? And what becomes of the other?

# %% slideshow={"slide_type": "subslide"}
DISTANCES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
N_MODELS = 3 * len(DISTANCES)


def train_apart(loss, penalty=None, *, dim=1, n_steps=500):
    """Discriminators of N(0, σ²) against N(d, σ²), for each distance and three seeds, as one stack."""
    shift = torch.tensor(DISTANCES).repeat_interleave(3 * 128)[:, None] * torch.eye(dim)[0]
    D = stack_models([mlp([dim, 32, 32, 1], activation=nn.LeakyReLU) for _ in range(N_MODELS)])
    optimizer = torch.optim.Adam(D.parameters(), lr=3e-3, betas=(0.5, 0.99))
    for _ in range(n_steps):
        real = sigma * torch.randn(len(shift), dim)
        fake = sigma * torch.randn(len(shift), dim) + shift
        value = loss(D(real), D(fake)) + (0.0 if penalty is None else penalty(D, real, fake))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return D, fake


# %% slideshow={"slide_type": "subslide"}
def pull(D, fake, loss):
    """∂ loss / ∂d for each distance and seed, (6, 3): the derivative with respect to a common shift."""
    x = fake.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(D(x)), x)
    return N_MODELS * slope[:, 0].view(len(DISTANCES), 3, -1).sum(2)  # the loss is a mean over all models


# %% slideshow={"slide_type": "subslide"}
def penalty(one_sided):
    """The gradient penalty with its usual weight of 10."""
    return lambda D, real, fake: 10 * gan.gradient_penalty(D, real, fake, one_sided=one_sided)


def pulls(dim):
    """Gradients at the shift, by loss."""
    D, fake = train_apart(gan.discriminator_loss, dim=dim)
    found = {
        "saturating": pull(D, fake, gan.minimax_generator_loss),
        "non-saturating": pull(D, fake, gan.non_saturating_generator_loss),
    }
    for name, one_sided in (("Wasserstein, one-sided", True), ("Wasserstein, two-sided", False)):
        D, fake = train_apart(gan.wasserstein_critic_loss, penalty(one_sided), dim=dim)
        found[name] = pull(D, fake, gan.wasserstein_generator_loss)
    return found


with training.threads(1):
    on_line, in_plane = pulls(1), pulls(2)

# %% slideshow={"slide_type": "subslide"}
for title, found in (("on a line", on_line), ("in the plane", in_plane)):
    print(f"{title}, median of three seeds; + pulls the fakes towards the data")
    print(f"{'d':>26}" + "".join(f"{d:>9}" for d in DISTANCES) + "   wrong sign")
    for name, values in found.items():
        shown = "".join(f"{v:>9.1e}" for v in values.median(1).values)
        print(f"{name:>26}{shown}{int((values < 0).sum()):>8} of {N_MODELS}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Saturating**: beyond $d = 0.5$ next to nothing arrives. $D$ is sure of every fake, and $\log(1 - D)$ is flat there. This is the JS divergence's plateau, seen from the generator.
# - **Non-saturating**: does not vanish. With the optimal $D$ its pull is $\frac{d}{\sigma^2}\,\mathbb E_q[1 - D] \approx d/\sigma^2$, which is 100 at $d = 1$ and grows: it *explodes*. A network of this size, trained this long, does not get that steep. Still, the pull rises
#   several times over on the way from 0.1 to 0.5, and falls again where the network lags behind.
# - **Wasserstein** with the one-sided penalty: a pull of about 1 at every distance. That is the point of it.
# - The usual two-sided penalty wants a slope of *exactly* 1, and on a line a slope of -1 does as well. So half of the critics point the wrong way: they push the fakes away from the data. The one-sided penalty punishes only what is steeper than 1, and none is wrong. In
#   the plane a critic can turn round, and after these 500 steps one of 18 has not.
#
# All of this holds for a discriminator that has learned enough. One that lags behind is another story (6.3, 6.5).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.1
# The Wasserstein-1 distance of two samples of equal size on a line; return one number.


# %% slideshow={"slide_type": "skip"}
def my_wasserstein_1(x, y):
    return ...


ch06.wasserstein_1.check(my_wasserstein_1)

# %% slideshow={"slide_type": "skip"}
ch06.disjoint

# %% slideshow={"slide_type": "skip"}
ch06.disjoint.answer(...)

# %% slideshow={"slide_type": "skip"}
ch06.which_divergence

# %% slideshow={"slide_type": "skip"}
ch06.which_divergence.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.2 Saturation, the right way round (core)
# *About 15 minutes.* You will see which of the two losses is flat where, and what a head start of the discriminator does.
#
# Both losses of the generator, as functions of what the discriminator says about a fake:

# %% slideshow={"slide_type": "fragment"}
a = torch.linspace(-8, 8, 161)
losses = {
    r"$\log(1 - D)$, saturating": -nn.functional.softplus(a),
    r"$-\log D$, non-saturating": nn.functional.softplus(-a),
}
slopes = {
    r"$\log(1 - D)$: $-D$": -torch.sigmoid(a),
    r"$-\log D$: $-(1 - D)$": -torch.sigmoid(-a),
}

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9, 2.9))
plots.plot_curves(a, losses, ax=axes[0], xlabel="logit $a$ of a fake", ylabel="loss (nats)")
plots.plot_curves(a, slopes, ax=axes[1], xlabel="logit $a$ of a fake", ylabel="slope")
axes[1].legend(loc="center left", fontsize=9)
plots.show(
    figure,
    alt="Left: both losses over the logit. The saturating one is flat at 0 for negative logits and falls for positive "
    "ones; the non-saturating one falls for negative logits and is flat at 0 for positive ones. Right: their slopes, "
    "one going from 0 to -1, the other from -1 to 0, equal at the logit 0.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# At the left, where the discriminator is sure that a fake is a fake, $\log(1 - D)$ is flat: its slope is $-D \approx 0$. It **saturates where the generator is bad**, which is where it starts. The other one is steep there and flat at the right, where fakes pass for real
# and nothing has to be learned. (It is often told the wrong way round, with the flat part at $D \approx 1$. That flat part does no harm.)
#
# > **Predict.** Give $D$ a head start of 300 steps. What is left of each pull on the fakes, and does $G$ recover?


# %% slideshow={"slide_type": "subslide"}
def head_start(n_before, loss, n_steps=800):
    """Train D alone, then both; return the mean D of the first fakes, the length of the pull on one, and the modes."""
    settings = {"batch_size": BATCH, "betas": (0.5, 0.99), "generator": seed_everything(0)}
    G, D = players()
    gan.fit_gan(G, D, ring.points, n_steps=n_before, n_generator=0, **settings)
    x = samples_of(G).flatten(0, 1).requires_grad_()
    (slope,) = torch.autograd.grad(gan.loss_named(loss).generator(D(x)), x)
    length = slope.norm(dim=1).sum().item()  # the loss is a mean over all fakes
    said = torch.sigmoid(D(x)).mean().item()
    gan.fit_gan(G, D, ring.points, n_steps=n_steps, loss=loss, **settings)
    return said, length, metrics.mode_coverage(samples_of(G), ring.modes, 0.05).n_modes.tolist()


# %% slideshow={"slide_type": "fragment"}
print(f"{'loss':>14} {'head start':>11} {'D(fake)':>8} {'mean pull':>10}   modes of 8 after 800 rounds")
for loss in ("minimax", "non_saturating"):
    for n_before in (10, 300):
        said, length, modes = head_start(n_before, loss)
        print(f"{loss:>14} {n_before:>11} {said:8.4f} {length:10.1e}   {modes}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **The pull.** During the head start $D$'s slope grows about a hundredfold. $-\log D$ hands it on undiminished. For $\log(1 - D)$ the factor $D \approx 0.004$ eats it up: its pull is about what it was.
# - **The end of the game.** The head start costs both losses modes. The weak pull does not stop $G$: Adam divides each step by the size of recent gradients, so a gradient a hundred times smaller still gives a step of about the same length, as long as it keeps its
#   direction.
# - **Fewer modes with the non-saturating loss?** So it looks here. But in section 6.3 the same loss without a head start, with 200 rounds more, finds all eight with three seeds of five, and on the bench (6.9) the two losses hardly differ. Five seeds of one short game cannot rank two losses.
#
# So the non-saturating loss cures one thing, a gradient that vanishes. It is no cure for what follows in this chapter. In theory, with the best $D$, its pull also has another direction: that of $\mathrm{KL}(q\,\|\,p) - 2\,\mathrm{JS}$ (the last question of 6.1).

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.2
# The slopes of both losses at fakes with logits $a$; return `minimax, non_saturating`.


# %% slideshow={"slide_type": "skip"}
def my_loss_slopes(fake_logits):
    return ...


ch06.loss_slopes.check(my_loss_slopes)

# %% slideshow={"slide_type": "skip"}
ch06.saturation

# %% slideshow={"slide_type": "skip"}
ch06.saturation.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.3 One side too strong, too weak, or frozen (core)
# *About 15 minutes.* You will turn each player's strength up, down and off, on a ring of eight modes with $\sigma = 0.05$.
#
# > **Predict.** For each switch below: how many modes of 8, and what does the discriminator's loss say?

# %% slideshow={"slide_type": "fragment"}
SWITCHES = {
    "equal rates": {},
    "D too weak: a tenth of the rate": {"discriminator_learning_rate": 1e-4},
    "D quicker: 10 × the rate": {"discriminator_learning_rate": 1e-2},
    "D too strong: 10 × the rate, 5 steps": {"discriminator_learning_rate": 1e-2, "n_critic": 5},
    "D frozen": {"n_critic": 0},
    "G frozen": {"n_generator": 0},
}


def ring_game(n_steps=1_000, **settings):
    """Five seeds on the ring; return samples and history."""
    how = {"batch_size": BATCH, "betas": (0.5, 0.99), "generator": seed_everything(0)} | settings
    G, D = players()
    history = gan.fit_gan(G, D, ring.points, n_steps=n_steps, **how)
    return samples_of(G), history


# %% slideshow={"slide_type": "subslide"}
print(f"{'':>37}  modes of 8, 5 seeds   high quality  distance  D's loss")
shown = {}
for name, switch in SWITCHES.items():
    made, history = ring_game(**switch)
    shown[name] = made
    got = metrics.mode_coverage(made, ring.modes, 0.05)
    away = torch.cdist(made, ring.modes).amin(2).mean()  # from the nearest mode
    loss = f"{history['discriminator_loss'][-1]:.2f}" if "discriminator_loss" in history else "-"
    print(f"{name:>37}  {got.n_modes.tolist()} {got.high_quality.mean():>14.0%} {away:>12.2f} {loss:>9}")

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 6, figsize=(12, 2.5), sharey=True)
for ax, (name, made) in zip(axes, shown.items(), strict=True):
    plots.plot_points(ring.points[:400], ax=ax, size=4)
    ax.scatter(*made[0, :400].T, s=4, color=plots.COLORS[1], lw=0)
    ax.set(title=name.split(":")[0], xlabel="", ylabel="", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
plots.show(
    figure,
    alt="Six panels, fakes of one seed over a ring of eight clusters. Equal rates: fakes in all clusters, with threads "
    "between. A weak discriminator: two heaps and a thread between them, most clusters empty. A quicker one: all clusters again. A strong one: few clusters. "
    "D frozen: no fakes in view. G frozen: a cloud in the middle.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Equal rates** find all eight modes with some first weights, and fail with others. One seed would have told either story.
# - **$D$ too weak.** It learns too slowly to follow. Most fakes run to the place that it likes best at the moment, and when it notices, they run on (6.5).
# - **$D$ quicker**: all eight modes with every seed. A discriminator that answers quickly keeps the fakes spread.
# - **$D$ too strong.** Quicker still, and most modes are lost again, although the samples are the best of all rows by the share of high quality. A likely reason: a steep discriminator pulls each fake into the nearest cluster, and
#   nothing tells a full cluster to send some of its points to an empty one.
# - **$D$ frozen**, untrained. $G$ runs uphill on a map that means nothing, and nothing stops it: see the distance (the mean one to the nearest mode).
# - **$G$ frozen.** $D$'s loss goes to 0. A discriminator's loss near 0 is no success. It says that the two sets are easy to tell apart.
#
# Now compare $D$'s losses. The row of the weak $D$ has 1.39, which is $\log 4$: just what it would be at the equilibrium. Nor does high quality sort the rows. Only the number of modes does, and for that you need to know the modes. On real data nobody does (6.6).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.4 Circles: the Dirac GAN (core)
# *About 25 minutes.* You will solve the smallest GAN of all, watch it go round in circles, and see which remedy breaks the circle.
#
# The Dirac GAN has two numbers. The data are all at $x = 0$. The generator puts everything at $x = \theta$. The discriminator is a straight line through the origin, $a(x) = \psi x$. Let each player descend its own loss. With $\sigma$ the logistic
# function, $-\partial L_G/\partial\theta = \sigma(-\psi\theta)\,\psi \approx \psi/2$ near the equilibrium $\theta = \psi = 0$, and $-\partial L_D/\partial\psi = -\sigma(\psi\theta)\,\theta \approx -\theta/2$. Rescale time to remove the half:
#
# $$\dot\theta = \psi, \qquad \dot\psi = -\theta .$$


# %% slideshow={"slide_type": "subslide"}
def spiral(step, n_steps, *, gamma=0.0, in_turn=False):
    """The path of (θ, ψ) from (1, 0), in steps of gradient descent of both players."""
    theta, psi, path = 1.0, 0.0, []
    for _ in range(n_steps + 1):
        path.append((theta, psi))
        new_theta = theta + step * psi
        psi = psi - step * (new_theta if in_turn else theta) - step * gamma * psi
        theta = new_theta
    return torch.tensor(path)


time = torch.linspace(0, 30, 301)
paths = {
    "exact": torch.stack([time.cos(), -time.sin()], 1),
    "both at once": spiral(0.1, 300),
    "in turn": spiral(0.1, 300, in_turn=True),
    "at once, with R1": spiral(0.1, 300, gamma=0.5),
}

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 4, figsize=(11, 3))
for ax, (name, path) in zip(axes, paths.items(), strict=True):
    ax.plot(*path.T, color=plots.COLORS[0], ls="-", lw=1)
    ax.plot(*path[0], "o", color=plots.COLORS[1])
    ax.set(title=name, xlabel=r"$\theta$", xlim=(-4.6, 4.6), ylim=(-4.6, 4.6), aspect="equal")
axes[0].set(ylabel=r"$\psi$")
plots.show(
    figure,
    alt="Four paths in the plane of theta and psi, all from the point (1, 0). Exact: a circle. Both at once: a spiral "
    "outwards. In turn: a closed curve, nearly a circle. At once with R1: a spiral into the origin.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Exact**: the solution of the two equations is $(\cos t, -\sin t)$, a circle. It never arrives. The generator walks through 0, where it should stop, at full speed, because $D$ has not noticed yet.
#
# **In steps** of length $h$, with R1 of weight $\gamma$ (here the slope of $a$ is $\psi$, so the penalty is $\frac\gamma2\psi^2$ and adds $-\gamma\psi$ to $\dot\psi$):
#
# $$\begin{pmatrix}\theta\\ \psi\end{pmatrix} \leftarrow \begin{pmatrix}1 & h\\ -h & 1 - h\gamma\end{pmatrix}\begin{pmatrix}\theta\\ \psi\end{pmatrix}.$$
#
# Whether the path goes in or out is decided by the **eigenvalues** of this matrix: each step multiplies the distance to the origin, in the long run, by the larger of their sizes. When they are complex, both have the size
# $\sqrt{\det} = \sqrt{1 + h^2 - h\gamma}$: above 1 without R1, for every $h$, and below 1 as soon as $\gamma > h$.

# %% slideshow={"slide_type": "subslide"}
h = 0.1

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
for gamma in (0.0, 0.5, 2.0):
    matrix = torch.tensor([[1.0, h], [-h, 1.0 - h * gamma]], dtype=torch.float64)
    values = torch.linalg.eigvals(matrix)
    print(f"gamma {gamma}: eigenvalues of a step {[f'{v:.4f}' for v in values.tolist()]}", end="")
    print(f", size {values.abs().max():.4f}")

# %% slideshow={"slide_type": "-"}
print(f"the formula for gamma 0.5: {math.sqrt(1 + h**2 - h * 0.5):.4f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# - Smaller steps do not help: $\sqrt{1 + h^2} > 1$ for every $h$. They only make the spiral slower.
# - Taking turns, as our loop does, gives a matrix of determinant 1 whose eigenvalues are complex for $h < 2$, so both have size 1: neither in nor out.
# - R1 acts like friction. At $\gamma = 2$ the circling is gone: the eigenvalues are real.
#
# Real networks are not two numbers. But near an equilibrium every smooth game behaves like a matrix, and the part of it that couples two opposed players turns, unless friction is strong. That is why penalties on $D$'s slope return below, and why the
# losses of a GAN can go up and down for ever without meaning anything.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.3
# Return one step of the Dirac GAN as a matrix (2, 2): $(\theta, \psi)$ before to $(\theta, \psi)$ after, both players at once, with R1.


# %% slideshow={"slide_type": "skip"}
def my_dirac_matrix(learning_rate, gamma):
    return ...


ch06.dirac_matrix.check(my_dirac_matrix)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.4
# R1 for any discriminator: the mean squared length of its slope at real examples, ready to be differentiated again.


# %% slideshow={"slide_type": "skip"}
def my_r1_penalty(discriminator, real):
    return ...


ch06.r1_penalty.check(my_r1_penalty)

# %% slideshow={"slide_type": "skip"}
ch06.smaller_steps

# %% slideshow={"slide_type": "skip"}
ch06.smaller_steps.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.5 Mode collapse (core)
# *About 30 minutes.* You will watch a generator put everything in one place, hop from place to place, and see which remedies stop it.
#
# **Mode collapse**: the generator makes one thing, whatever $z$ it gets. The sharp ring of this section has modes with $\sigma = 0.01$, and the switch is one number: $D$ learns at a tenth of the rate of $G$.
#
# > **Predict.** Suppose all fakes sit in mode 3. What will $D$ learn about mode 3? What will $G$ do next?

# %% slideshow={"slide_type": "subslide"}
sharp_ring = data.gaussian_ring(100_000, std=collapse.STD, generator=rng)
at = {}


def watch(G):
    """Keep 400 samples; `fit_gan` wants a number to record."""
    at[collapse.EVERY * (len(at) + 1)] = samples_of(G, 1, 400)[0]
    return {"kept": len(at)}


seed_everything(0)
G, D = players(n_seeds=1)
how = collapse.PLAIN | {"generator": rng, "measure": watch, "measure_every": collapse.EVERY}
history = gan.fit_gan(G, D, sharp_ring.points, n_steps=5_000, **how)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(2, 5, figsize=(9, 4))
for ax, (step, made) in zip(axes.flat, at.items(), strict=True):
    ax.scatter(*sharp_ring.modes.T, s=40, marker="o", facecolors="none", edgecolors=plots.COLORS[0])
    ax.scatter(*made.T, s=5, color=plots.COLORS[1], lw=0)
    ax.set(title=f"{step:,}", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xticks=[], yticks=[])
plots.show(
    figure,
    alt="Ten panels, every 500 rounds: eight circles mark the modes. All fakes are in one cloud, on a mode or beside "
    "one; over time the cloud jumps between distant places.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The mass **hops**. All fakes sit together near one mode; $D$ slowly learns that this place is fake; $G$ moves all of them to the place that $D$ now likes best; and so on, in no order. At no time is there a reason to spread.
#
# Why not? $G$'s loss is a mean over single fakes, and $D$ judges **one point at a time**. A point in an over-full mode and one in a mode that is just right look the same to it until it has learned the new densities. And
# against a $D$ that stands still, the best answer *is* one single point: the place where $D$ is highest (the question of section 5.4). Either $D$ answers in time, or it must see more than one point.
#
# ### Remedies, with nothing else changed
# Each row changes what its name says, and nothing else. Five seeds each, computed once by `python -m course_utils.studies.collapse` and stored.
#
# - **Packing** shows $D$ four points at once, all real or all fake. Four fakes in one place give themselves away.
# - **Minibatch discrimination** gives $D$ a feature that says how near the rest of the batch is.
# - **Unrolling** lets $G$ look five steps of $D$ ahead.
# - **R1 and R2** keep $D$'s slopes small, at real points and at fakes. The **relativistic** loss compares each fake with a real point.
# - **Averaged generator**: samples come from a moving average of $G$'s weights. **$\beta_1$ of 0.9**: Adam with much momentum, as a contrast.

# %% slideshow={"slide_type": "subslide"}
stored = collapse.results()
print(f"{'':>28}  modes at the end  most at any of 14 looks   high quality at the end")
for remedy, found in stored.items():
    modes = torch.tensor(found["n_modes"])  # (seeds, 14): every 500 rounds
    good = sum(found["high_quality"]) / len(found["high_quality"])
    print(f"{remedy:>28}  {modes[:, -1].tolist()}   {modes.amax(1).tolist()}           {good:6.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Packing 4** brings back six to eight modes, at 2 % of high quality: 98 % of the fakes lie between the modes. Who counts modes only would call this solved.
# - **Minibatch discrimination** does better: seven or eight modes, and on average more than half of the samples in them. It is also the slowest by far (6.9).
# - **Unrolling 5** helps some seeds and not others.
# - **R1 and R2 do not cure it, nor does the relativistic loss** with them. They make $D$ gentler; here $D$ is too slow already.
# - **The averaged generator** never has a mode at any of the 14 looks: the average of generators in different places is in none of them.
# - **Equal rates** take the cause away. With R1 and R2 on top, the seed with six has eight as well; high quality does not gain. With momentum, two seeds fall back.
#
# The lesson is not that one remedy wins. What helps depends on what is wrong, and a table made with *another* cause of collapse would look different. Look for the cause first.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.5
# Count the modes that have a sample of high quality, and the share of such samples; return `n_modes, high_quality`.


# %% slideshow={"slide_type": "skip"}
def my_mode_counts(samples, modes, std):
    return ...


ch06.mode_counts.check(my_mode_counts)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.6
# Pack a batch: examples (batch, d) become packs (batch / size, size · d), each of neighbours; return them.


# %% slideshow={"slide_type": "skip"}
def my_packed(x, size):
    return ...


ch06.packed.check(my_packed)

# %% slideshow={"slide_type": "skip"}
ch06.wgan_cures

# %% slideshow={"slide_type": "skip"}
ch06.wgan_cures.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.6 Modes dropped on images (core)
# *About 15 minutes.* You will take one digit away from a good generator, and see which measures notice.
#
# Images have no known modes. The mild form of collapse, **mode dropping**, is hard to see there: some part of the data never comes, and everything that does come looks right. To know what a measure says about it, we drop a
# digit on purpose: the stored generator of chapter 5, with all samples of one digit thrown away. That is the switch.
#
# > **Predict.** One digit in ten is missing. Which of these notices: the Fréchet distance, precision, recall, class entropy? And would *you*, from a page of 100 samples?

# %% slideshow={"slide_type": "fragment"}
judge, digits_gan = metrics.judge("mnist"), pretrained.load("gan_mnist")
test_images, test_labels = data.load_mnist("test")
features = judge.features(digits_gan.sample(12_000, generator=rng))
read = judge.output(features).argmax(1)
real_features = judge.features(test_images[torch.randperm(10_000, generator=rng)[:3_000]])
shares = {}


def measures(kept):
    """Of the first 10,000 kept: share of each digit, Fréchet distance in floors; of 3,000: precision and recall."""
    made, digits = features[kept][:10_000], read[kept][:10_000]
    near = metrics.precision_recall(real_features, made[:3_000])
    return digits.bincount(minlength=10) / len(digits), metrics.frechet_of_features(made).floors, near


# %% slideshow={"slide_type": "subslide"}
print(f"{'':>10} {'floors':>7} {'precision':>10} {'recall':>7} {'class entropy':>14} {'smallest share':>15}")
for name, kept in {"all": read >= 0, "without 1": read != 1, "without 7": read != 7}.items():
    shares[name], floors, near = measures(kept)
    entropy = torch.special.entr(shares[name]).sum()
    print(f"{name:>10} {floors:7.1f} {near.precision:10.2f} {near.recall:7.2f}", end="")
    print(f" {entropy:14.3f} {shares[name].min():15.1%}")

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(10, 2.6), sharey=True)
for ax, name in zip(axes, ("all", "without 7"), strict=True):
    ax.bar(range(10), shares[name], color=plots.COLORS[0])
    ax.plot(range(10), test_labels.bincount() / len(test_labels), "_", ms=22, mew=2, color=plots.COLORS[1])
    ax.set(title=name, xlabel="digit, as the judge reads it", xticks=range(10))
axes[0].set(ylabel="share of samples")
plots.show(
    figure,
    alt="Bars: the share of each digit among the samples, with a dash at its share of the test images. Left, all "
    "samples: bars within a fifth of their dash, 3 and 7 above it, 1 and 2 below. Right, without 7: the bar of the 7 is missing, most others are higher than "
    "their dash.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Precision does not notice**: everything that comes is as good as before. Would you? Only if you counted: about ten of 100 samples are missing.
# - **Recall** falls: the real images of that digit have no samples around them.
# - **Class entropy** falls from about $\log 10 = 2.303$ to about $\log 9 = 2.197$. The class shares say *which* digit it is. They need a judge with the right classes: for a rare stroke, or a colour that the judge does not know,
#   they would say nothing.
# - The **Fréchet distance** rises several times over, although no image has become worse. It cannot say whether images are missing or bad: without one digit, a very good generator looks to it like a mediocre one with all ten.
#
# The share 0.0 % is so by construction, since the same judge removes and counts. What the left panel shows is not: the stored generator draws 3 and 7 more often than they occur, and 1 and 2 less often. A little of this failure is there without any switch.

# %% slideshow={"slide_type": "skip"}
ch06.mode_dropping

# %% slideshow={"slide_type": "skip"}
ch06.mode_dropping.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.7 A discriminator that learns by heart (deeper)
# *About 15 minutes.* You will give a discriminator too few data, and see it in a number that needs no modes.
#
# $D$ is a classifier, and a classifier can learn its training set by heart. It then says "real" about the examples that it knows, and less so about everything else, fresh examples of the same data included. So keep some
# data away from the training, and compare what $D$ says about **known** and **fresh** examples. The switch is the number of points.
#
# > **Predict.** With 40 points: what does $D$ say about known points, and about fresh ones? Where will $G$ put its fakes?

# %% slideshow={"slide_type": "subslide"} tags=["long"]
fresh = data.moons_and_ring(5_000, generator=rng).points


def by_heart(n_points, penalties=()):
    """Five seeds; the history of D at known and fresh points, and distances of samples and fresh points to known ones."""
    rng = seed_everything(0)
    known = data.moons_and_ring(n_points, generator=rng).points
    G, _ = players()
    D = stack_models([mlp([2, 128, 128, 1], activation=nn.ReLU) for _ in range(SEEDS)])

    def verdicts(G):
        rows = {"known": known, "fresh": fresh}
        drawn = {name: x[torch.randint(len(x), (SEEDS * 1_000,))] for name, x in rows.items()}
        return {name: torch.sigmoid(D(x)).mean().item() for name, x in drawn.items()}

    real = known.repeat(math.ceil(BATCH / n_points), 1)  # so that a batch can be drawn
    how = {"discriminator_learning_rate": 3e-3, "batch_size": BATCH, "penalties": penalties}
    history = gan.fit_gan(
        G, D, real, n_steps=1_000, measure=verdicts, measure_every=200, generator=rng, **how
    )
    made = samples_of(G, n_samples=500).flatten(0, 1)
    return history, *(metrics.nearest_images(x, known).distance.median() for x in (made, fresh))


# %% slideshow={"slide_type": "subslide"}
cases = {
    "40 points": by_heart(40),
    "40 points, R1": by_heart(40, [gan.Penalty("r1", 0.3)]),
    "20,000 points": by_heart(20_000),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 2.6), sharey=True)
for ax, (name, (history, *_)) in zip(axes, cases.items(), strict=True):
    plots.plot_history(history, ["known", "fresh"], ax=ax, ylabel="mean D" if name == "40 points" else "")
    ax.set(title=name, ylim=(0.4, 0.75))
plots.show(
    figure,
    alt="Three panels of the mean verdict of D over the steps, for known and for fresh points. With 40 points the "
    "curve of the known ones lies above that of the fresh ones all the time. With R1, and with 20,000 points, both "
    "curves lie on each other.",
)

# %% slideshow={"slide_type": "fragment"}
for name, (history, samples_to_known, fresh_to_known) in cases.items():
    known_, fresh_ = (sum(history[of][-4:]) / 4 for of in ("known", "fresh"))
    print(f"{name:>15}: D(known) {known_:.2f}, D(fresh) {fresh_:.2f};", end=" ")
    print(
        f"median distance to the nearest known point: samples {samples_to_known:.3f}, fresh {fresh_to_known:.3f}"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **40 points**: $D$ says "real" more often about points that it knows than about fresh ones from the same source, and the gap is there to the end. Here begins what section 5.8 spoke of: what $D$ knows by heart, its slope
#   teaches $G$, until the fakes are copies. After 1,000 rounds they are none yet: the median fake is 0.075 from the nearest known point, farther than fresh data (0.056). $D$ shows the fault before the fakes do.
# - **R1** closes the gap: its weight keeps $D$ so flat that it says little about anything. The fakes are now about twice as far from the known points as fresh data are. It traded one fault for another.
# - **20,000 points**: no gap. More data cure it here.
#
# (The numbers are means of the last four looks.) Two means of $D$, on known and on fresh examples, show the failure, and they need no modes, no classes and no judge. On real data: hold some images back, and look at $D$ on them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.8 Bugs in the loop (deeper)
# *About 15 minutes.* You will see what three small mistakes in the loop do, without any error message.
#
# This loop differs from that of section 5.3 in two lines: it uses one batch of fakes for both players, and clears all gradients at the top. If you forget `detach` here, PyTorch stops with an error, and its message names `retain_graph=True`. Follow that advice,
# and the bug is silent.
#
# > **Predict.** The loop below has a switch for each of three bugs. Which one stops the training, which one harms it, and which one can hardly be seen?


# %% slideshow={"slide_type": "subslide"} tags=["long"]
def loop(bug=None, n_steps=600):
    """One batch of fakes for both players; five seeds; a switch for a bug."""
    rng = seed_everything(0)
    G, D = players()
    optimizer_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.99))
    optimizer_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.99))
    batches = training.batches(ring.points, BATCH, generator=rng)
    for _ in range(n_steps):
        real, fake = next(batches), G(G.draw_z(BATCH, generator=rng))
        optimizer_g.zero_grad()
        optimizer_d.zero_grad()
        for_d = fake if bug == "no detach" else fake.detach()
        where = fake.detach() if bug == "R1 at fakes only" else real
        loss = gan.discriminator_loss(D(real), D(for_d)) + 0.1 * gan.r1_penalty(D, where)
        loss.backward(retain_graph=bug == "no detach")
        optimizer_d.step()
        if bug == "labels swapped for G":
            loss = -gan.minimax_generator_loss(D(fake))
        else:
            loss = gan.non_saturating_generator_loss(D(fake))
        loss.backward()
        optimizer_g.step()
    return samples_of(G)


# %% slideshow={"slide_type": "subslide"}
for bug in (None, "no detach", "labels swapped for G", "R1 at fakes only"):
    with training.threads(1):  # with tensors this small one thread beats two
        made = loop(bug)
    got = metrics.mode_coverage(made, ring.modes, 0.05)
    print(f"{bug or 'no bug':>22}: modes {got.n_modes.tolist()}, high quality {got.high_quality.mean():.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Labels swapped for $G$**: nothing is learned. This one you find at once. (It happens easily where a loop writes the labels 1 and 0 in two places.)
# - **No `detach`**: $D$'s loss also moves $G$, in $D$'s interest. The share of high quality falls from 45 to 27 %. The number of modes hardly shows it, and on other data you would call it "hard to train".
# - **R1 at the fakes only** keeps the modes, with 37 % instead of 45 % high quality. You would not notice it, and it is hardly a fault: this is R2, a remedy of its own. It is a bug only because the comment says R1.
#
# A run that fails does not prove a bug (6.3), and a run that works does not prove that there is none. What finds such bugs are small tests: after $D$'s step, no weight and no gradient of $G$ may
# have changed; the penalty of a linear critic is known by hand. The exercises of chapter 5, and the next one, test exactly that.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.7
# The two-sided gradient penalty of Wasserstein GANs, without its weight; return one number that can be differentiated. Where are the points drawn, and what if the slope is 0?


# %% slideshow={"slide_type": "skip"}
def my_gradient_penalty(critic, real, fake):
    return ...


ch06.gradient_penalty.check(my_gradient_penalty)

# %% slideshow={"slide_type": "skip"}
ch06.where_to_penalise

# %% slideshow={"slide_type": "skip"}
ch06.where_to_penalise.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.9 The bench (core)
# *About 30 minutes.* You will read a table of thirteen remedies, ten seeds each, and learn what such a table can say.
#
# Papers on GANs often compare their own method, well tuned, with old ones as they were published. Here every remedy gets the same: data and evaluation of the PacGAN paper (a ring of 8 with $\sigma = 0.01$, a grid of 25 with
# $\sigma = 0.05$, 2,500 samples); small networks of the same size, but for what a remedy itself adds; an average of $G$'s weights; rates that fall to 0 from half way; four settings tried with three seeds and 1,000 rounds each; the best of them trained 3,000 rounds
# with ten seeds. One command makes the whole table and goes on after an interruption: `python -m course_utils.studies.mode_bench`.
#
# - **Modes**: those with at least one sample of high quality. **High quality**: within 3σ of a mode; true samples reach 98.9 %.
# - **Reverse KL**: from the samples' shares of the modes to the even ones, high-quality samples only; 0 is even.
# - **KL over modes and misses**: the same with one more bin, for the samples of low quality. The search uses it, and the figure shows it.
# - **Spread**: standard deviation within a mode over the true one; below 1 the modes are filled too narrowly.
# - **Seconds**: processor time of one seed.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Rows that you have not met yet, with $a$ the logit or score:
#
# - **least squares**: $D$'s loss is $\mathbb E_p[(a - 1)^2] + \mathbb E_q[a^2]$, $G$'s is $\mathbb E_q[(a - 1)^2]$, each halved;
# - **two time scales**: $D$ learns three or ten times as fast as $G$;
# - **clipping**: the Wasserstein loss; each weight of the critic is cut to $[-c, c]$ after each step, the oldest way to bound its slope;
# - **gradient penalty**: the Wasserstein loss with the two-sided penalty of 6.1;
# - **spectral norm**: each weight matrix of $D$ is divided by its largest singular value, so that no layer stretches; with the hinge loss $\mathbb E_p[\max(0, 1 - a)] + \mathbb E_q[\max(0, 1 + a)]$;
# - **R1**, **R1 and R2**: their weight falls to a thousandth on the way, since a large one hides details as small as the modes.

# %% slideshow={"slide_type": "subslide"}
bench = mode_bench.results()


def mean_and_error(values):
    """Mean over seeds and its standard error."""
    values = torch.tensor(values, dtype=torch.float64)
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


def row(remedy, entry):
    """A line of the table."""
    if "failed" in entry:
        return f"{remedy:>26}  {entry['failed']}"
    modes, good, kl = (mean_and_error(entry[name]) for name in ("n_modes", "high_quality", "reverse_kl"))
    spread = torch.tensor(entry["spread"]).nanmean()
    numbers = (
        f"{modes[0]:4.1f} ± {modes[1]:3.1f}  {good[0]:6.1%} ± {good[1]:4.1%}  {kl[0]:6.3f} ± {kl[1]:5.3f}"
    )
    return f"{remedy:>26}  {numbers} {spread:8.2f} {entry['seconds']:8.0f}"


# %% slideshow={"slide_type": "subslide"}
HEADER = f"{'':>26}  modes       high quality    reverse KL      spread  seconds"


def table(which):
    """Print all rows of one data set."""
    print(f"{which}, 3,000 rounds\n{HEADER}")
    for remedy in mode_bench.REMEDIES:
        print(row(remedy, bench[f"{which} | {remedy} | final"]))


table("ring")

# %% slideshow={"slide_type": "subslide"}
table("grid")

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharex=True, sharey=True)
for ax, which in zip(axes, ("ring", "grid"), strict=True):
    for i, remedy in enumerate(mode_bench.REMEDIES):
        values = bench[f"{which} | {remedy} | final"].get("kl_with_misses", [])
        ax.plot(values, [i] * len(values), "o", color=plots.COLORS[0], alpha=0.5)
        ax.annotate("" if values else "NaN", (0.6, i), va="center")
    ax.set(title=which, xlabel="KL over modes and misses (nats); each dot a seed")
axes[0].set(yticks=range(len(mode_bench.REMEDIES)), yticklabels=mode_bench.REMEDIES)
axes[0].invert_yaxis()
plots.show(
    figure,
    alt="Two panels of dots, a row for each of thirteen remedies and a dot for each seed, over the KL divergence. On the "
    "ring least squares, R1, and R1 with R2 are farthest left, below 1 nat; packing and the gradient penalty are farthest "
    "right, at 4 and above. On the grid most rows lie between 3 and 3.6 nats; unrolling says NaN.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - **Modes alone say little.** On the ring nearly every row has all eight, packing with 6 % of high quality.
# - **R1**, alone or with R2, fills the modes of the ring most evenly (lowest reverse KL), and as wide as they are (spread near 1). **Least squares** has the most samples of high quality, in modes that are too narrow.
# - **Two time scales** have the highest share of high quality on the grid, and are ninth of thirteen on the ring. The lead is 1.4 standard errors, and twelve rows had a chance to lead: this is no result.
# - **On the grid 3,000 rounds are too few** for every row: most samples still lie between the modes. Packing, clipping, spectral norm and the gradient penalty are clearly worse than the others; the others differ hardly more than their seeds do.
# - **The gradient penalty fails outright** on the ring, with all four settings. Its authors take five steps of the critic a round. That may be the reason, but clipping, also with one, works. Only a run with five would tell.
# - **Unrolling** ends in NaN on the grid, with the setting that its search had chosen after 1,000 rounds: a short search can choose what does not last. (One NaN among ten seeds is enough to stop the row.)
# - **Most rows chose the larger of two learning rates.** So the best rate may lie beyond what was tried: a search has edges.
# - **Time.** Minibatch discrimination and unrolling cost many times more per seed. With equal time instead of equal rounds the order might change.
#
# So what is the best remedy? The table cannot say it in general, and no table can. It says what happened on these data, with these networks, in so many rounds, after a search of four settings.

# %% slideshow={"slide_type": "subslide"}
for part, setting in mode_bench.LONG.items():
    print(f"{part}: {setting['n_steps']:,} rounds\n{HEADER}")
    for which in ("ring", "grid"):
        print(row(which, bench[f"{which} | {mode_bench.LONG_REMEDY} | {part}"]))

# %% [markdown] slideshow={"slide_type": "subslide"}
# One remedy four times more, with many rounds: the relativistic loss with R1 and R2. It was chosen from experiments before the table was made, so the table is no proof that it is the best. The settings were found by hand, with four to eight seeds, mostly in shorter trainings.
#
# - **As in the table, 100,000 rounds.** All ten seeds find all 8 and all 25 modes, and fill them evenly: a reverse KL of 0.005 and 0.010 nats. The best rows of the published table have 7.9 modes and 0.07, and 24.8 modes and 0.04, after 400,000 steps of larger networks. High quality is 96.4 % and 94.6 %; on the ring, published rows that cover 7.8 modes or more have 95.6 to 97.7 %.
# - **ReLU in both players** instead of LeakyReLU, and 20,000 rounds (a larger weight $\gamma$ at the start, which falls further, and until later): all modes with all seeds; 97.9 % of high quality on the ring and 96.3 % on the grid; a reverse KL of 0.004 and 0.007, in half a minute a seed. Why ReLU? Perhaps because a network with ReLU
#   can be flat on whole regions, so that more $z$ lead to the modes and fewer to the threads between them.
# - **Two steps of $D$ a round** (ReLU, a smaller $\gamma$, and 40,000 rounds): all modes with all seeds, and 99.1 % and 96.1 % of high quality. The price: the modes are filled less evenly, 0.015 and 0.018.
# - **A slow $G$** (ReLU; one step of $D$, with the penalty at every second step; $G$ learns at 0.0004 instead of 0.002, $D$ six times as fast as $G$; $\gamma$ falls further, and until later): all modes with all seeds, and the widest modes on both data sets. On the grid 96.8 % of high quality and a reverse KL of 0.009; on the ring 96.9 % and 0.016.
# - **No row is best at everything.** *ReLU in both players* has more modes, more high quality *and* better balance than every published row of the grid, and on the ring than every one that covers 7.8 modes or more (the plain GAN has 98.2 % there, on 6.3 modes). But nothing fills the modes of the grid more narrowly. *A slow $G$* has wider ones. Which of the four you would choose depends on what you need.
# - **The spread** says what none of them solves: 0.52 to 0.78 on the ring, 0.40 to 0.67 on the grid. The modes are filled too narrowly, and that flatters the share of high quality. A sampler that drew from $p$ would have a spread of 1, and 98.9 %; 99.1 % is *more* than the truth has.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Why should a slow $G$ fill the modes more widely? A likely reason: at a high rate the places to which $G$ sends a mode tremble from step to step. $D$ learns from the points of many steps, and to it trembling looks like width. So $G$ is held where width and trembling *together* are right. In the end the rate falls to 0, the trembling stops, and what remains is too narrow. A slower $G$ trembles less. That is how we came to try it; the trembling itself we have not measured.
#
# So much depends on what no remedy speaks of. The search above varied neither the kind of unit nor the two rates against each other, except for one remedy, and perhaps it should have. After 3,000 rounds, in the table above, the spread on the grid was 1.16. With more rounds the threads between the modes get thinner, and the modes narrower, at the same time.

# %% slideshow={"slide_type": "skip"}
ch06.over_sure

# %% slideshow={"slide_type": "skip"}
ch06.over_sure.answer(...)

# %% slideshow={"slide_type": "skip"}
ch06.clear_winner

# %% slideshow={"slide_type": "skip"}
ch06.clear_winner.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.10 Break it yourself (core)
# *About 20 minutes.* The playground of chapter 5 again, with a task for each failure.
#
# 1. **Collapse.** Set *Rate of D* to a tenth of *Rate of G*. How long until all fakes are in one mode? Which control brings them back, and which does not?
# 2. **Too strong.** *Steps of D* 10. Where do the fakes stop?
# 3. **Saturation.** Choose the minimax loss, *Rate of G* 0.0001 and *Steps of D* 10 for a while; then *Rate of G* 0.001 and *Steps of D* 1.
# 4. **Friction.** Add R1 to a game that circles. Then R1 and R2.
# 5. **A bug.** Pass a loss of your own from the cell below, with the sign of the non-saturating one turned round. What do you see first, the losses or the points?

# %% slideshow={"slide_type": "subslide"}
playground = widgets.GANPlayground("ring")
playground


# %% slideshow={"slide_type": "subslide"}
def my_loss(fake_logits):
    """Right as it stands; break it."""
    return nn.functional.softplus(-fake_logits).mean()


playground.loss = my_loss

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# | what you see | the number that tells | what is wrong | what helped here |
# |---|---|---|---|
# | $D$ is far ahead | $D(\text{fake}) \approx 0$, the ratio of the two pulls | $\log(1 - D)$ is flat there | do not let $D$ run ahead; the other loss keeps its pull |
# | losses swing for ever | in the model of 6.4: size of the eigenvalues, 1 or above | two opposed players turn around each other | R1 |
# | all samples alike, then all alike elsewhere | modes | $D$ answers too slowly, or judges single points | a quicker $D$; minibatch discrimination |
# | nothing wrong to see | class shares, recall | a part of the data never comes | measure it |
# | samples come close to the training set | $D$(known) above $D$(fresh) | too few data | more data |
# | worse than it should be | a test of each step | a bug that raises no error | small pieces with tests |
#
# No remedy cures everything. Before you believe a table: how many seeds, how much search for each row, how many steps, and which number.
#
# **What comes next.** A generator that does as it is told: conditional generation, chapter 7.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. In section 6.4 $\theta$ and $\psi$ have the same learning rate. What are the eigenvalues if $D$ learns ten times as fast? Does that converge without R1?
# 2. Packing shows $D$ four points. Why does it hardly help against threads *between* modes?
# 3. A generator of faces never makes a person with glasses. Which measure of chapter 5 would notice, and what must the judge know for it?
# 4. The bench gives each remedy the same number of rounds. Some cost several times more per round. Would you rather give each the same time?
#
# ### References
# - M. Arjovsky, L. Bottou (2017), [Towards principled methods for training GANs](https://arxiv.org/abs/1701.04862): supports that do not meet.
# - M. Arjovsky, S. Chintala, L. Bottou (2017), [Wasserstein GAN](https://arxiv.org/abs/1701.07875); I. Gulrajani and others (2017), [Improved training of Wasserstein GANs](https://arxiv.org/abs/1704.00028): the gradient penalty.
# - L. Mescheder, A. Geiger, S. Nowozin (2018), [Which training methods for GANs do actually converge?](https://arxiv.org/abs/1801.04406): the Dirac GAN, R1 and R2.
# - T. Salimans and others (2016), [Improved techniques for training GANs](https://arxiv.org/abs/1606.03498): minibatch discrimination.
# - L. Metz and others (2017), [Unrolled generative adversarial networks](https://arxiv.org/abs/1611.02163).
# - Z. Lin and others (2018), [PacGAN](https://arxiv.org/abs/1712.04086): packing, and the protocol of the bench.
# - T. Miyato and others (2018), [Spectral normalization for GANs](https://arxiv.org/abs/1802.05957).
# - T. Karras and others (2020), [Training GANs with limited data](https://arxiv.org/abs/2006.06676): discriminators that overfit.
# - N. Huang and others (2024), [The GAN is dead; long live the GAN!](https://arxiv.org/abs/2501.05441): the relativistic loss with R1 and R2.
