# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 5: Training a GAN
#
# *Three hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# A butterfly takes on the colour of leaves, and the birds overlook it. So the birds that are left have sharper eyes, and the butterfly's
# grandchildren look more like leaves than it did. Neither side ever sees a plan. Each gets better because the other one does.
#
# Chapters 1 to 4 asked a model for $\log p(x)$, and where that was out of reach, for a bound. This chapter drops the question. A **generator**
# makes pictures, a **discriminator** says which pictures are made up, and the two learn from each other. There is no likelihood any more, and no bound: we have
# to find out anew what the training does, and whether it worked.
#
# **After this chapter you can**
# - derive the best discriminator, and say what its loss measures;
# - write the loop of a GAN, and say what each of its lines may change and must leave alone;
# - say why the discriminator is held while the generator moves, and why the generator may not move for long;
# - train a GAN on images on a laptop, and measure what came out, since its losses do not tell;
# - show with numbers whether a generator, which has never seen an image, copies one.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $p(x)$ is the density of the data, $q(x)$ that of what the generator makes. $G$ is the generator: $x = G(z)$, with $z$ drawn from a simple prior. $D(x)$ is
# the discriminator, the probability that it gives to "real". Its network gives the **logit** $a(x)$, so that $D(x) = 1/(1 + e^{-a(x)})$. *Real* examples
# come from the data, *fake* ones from the generator. Logarithms are natural, the unit is the nat.

# %% slideshow={"slide_type": "skip"}
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Normal

from course_utils import data, gan, metrics, plots, pretrained, training, widgets
from course_utils.exercises import ch05
from course_utils.networks import fold_batch_norm, mlp
from course_utils.seeding import seed_everything

# %% slideshow={"slide_type": "skip"}
generator = seed_everything(0)
images, labels = data.load_mnist()  # (60000, 28, 28) in [0, 1], (60000,)
test_images, test_labels = data.load_mnist("test")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 4. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch05.recall_estimate

# %% slideshow={"slide_type": "skip"}
ch05.recall_estimate.answer(...)

# %% slideshow={"slide_type": "skip"}
ch05.recall_average

# %% slideshow={"slide_type": "skip"}
ch05.recall_average.answer(...)

# %% slideshow={"slide_type": "skip"}
ch05.recall_copies

# %% slideshow={"slide_type": "skip"}
ch05.recall_copies.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.1 A bank that knows its counterfeiter (core)
# *About 25 minutes.* You will train a discriminator against a generator that stands still, and derive what it ends up with.
#
# The smallest world in which the game can be played has one number. The data are $x \sim p = \mathcal N(1, 0.7^2)$. The generator draws $z$ evenly from the line $[-1, 1]$ and
# bends that line into $x = G(z)$. It knows nothing of $p$.

# %% slideshow={"slide_type": "subslide"}
p = Normal(1.0, 0.7)


def new_players(seed):
    """A generator of x from z in [-1, 1], and a discriminator of x, untrained."""
    seed_everything(seed)
    G = gan.LatentGenerator(mlp([1, 32, 32, 1]), latent_dim=1, prior="uniform")
    return G, mlp([1, 32, 32, 1])


edges = torch.linspace(-3, 4, 141)
x = (edges[1:] + edges[:-1])[:, None] / 2  # (140, 1), the middles of the bins
z_line = torch.linspace(-1, 1, 100_001)[:, None]


def density_of(G):
    """Density of x = G(z) in each bin, (140,)."""
    with torch.no_grad():
        return torch.histogram(G(z_line)[:, 0], edges, density=True).hist


# %% [markdown] slideshow={"slide_type": "fragment"}
# `density_of` needs no formula: it lays 100,001 values of $z$ evenly over the line, sends each through $G$, and counts where they land. Where
# $G$ is flat many land close together, and $q$ is high; where it is steep, $q$ is low.
#
# To begin with, the counterfeiter is no network but a poor plan: $G(z) = 1.5\,z - 0.5$. Its money is spread evenly from -2 to 1.


# %% slideshow={"slide_type": "subslide"}
def poor(z):
    """The counterfeiter's first plan."""
    return 1.5 * z - 0.5


q = density_of(poor)
_, ax = plt.subplots(figsize=(6.6, 2.9))
plots.plot_curves(x[:, 0], {"$p$, the data": p.log_prob(x[:, 0]).exp(), "$q$, the fakes": q}, ax=ax)
for z in torch.linspace(-1, 1, 13).tolist():
    ax.plot([2.5 * z + 0.5, poor(z)], [-0.3, 0], color="grey", lw=0.8, ls="-")
ax.annotate("$z$, even from -1 to 1", (1.6, -0.2))
ax.axhline(0, color="black", lw=0.8)
ax.set(ylim=(-0.3, 0.7), ylabel="density", xticks=[], xlabel="", yticks=[0, 0.2, 0.4, 0.6])
plots.show(
    ax,
    alt="A bell curve around 1, the data, and a flat box from -2 to 1, the fakes. Below, thirteen "
    "straight lines lead from even places of z to even places of x inside the box.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The bank does not know $p$ or $q$. It sees examples, and is told which are real. That is a classifier with two classes, and its loss is the cross-entropy that every
# classifier has:
#
# $$L_D = -\mathbb E_{x \sim p}\big[\log D(x)\big] - \mathbb E_{x \sim q}\big[\log (1 - D(x))\big].$$
#
# > **Predict.** Left of -1 there are only fakes, right of 1 only real examples, and between them both. What does $D(x)$ look like once it is
# > trained? And left of -2, where there is neither?

# %% slideshow={"slide_type": "fragment"}
_, D = new_players(seed=0)
optimizer = torch.optim.Adam(D.parameters(), lr=5e-3)
for _ in range(1_000):
    real = p.sample((256, 1))
    fake = poor(2 * torch.rand(256, 1) - 1)
    loss = gan.discriminator_loss(D(real), D(fake))  # takes the logits a(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Derivation.** Which $D$ is best? Write $L_D$ as one integral,
#
# $$L_D = -\int \Big(p(x) \log D(x) + q(x) \log (1 - D(x))\Big)\, dx .$$
#
# At each $x$ we may choose $D(x)$ freely, so each $x$ is a problem of its own: make $p \log D + q \log (1 - D)$ as large as possible. Its derivative is $p/D - q/(1 - D)$,
# which is 0 when $p\,(1 - D) = q\,D$, that is
#
# $$D^*(x) = \frac{p(x)}{p(x) + q(x)} .$$
#
# (The second derivative is negative, so this is the maximum.) It is Bayes' rule of chapter 0: the probability of the class "real", when both classes are equally frequent. In
# terms of the logit, $a^*(x) = \log p(x) - \log q(x)$. Where neither $p$ nor $q$ puts anything, no $D(x)$ is better than another.

# %% slideshow={"slide_type": "subslide"}
best = gan.optimal_discriminator(p.log_prob(x[:, 0]), q.log())
_, ax = plt.subplots(figsize=(6.6, 2.9))
with torch.no_grad():
    learned = torch.sigmoid(D(x))[:, 0]
plots.plot_curves(x[:, 0], {"$D$, learned": learned, "$D^* = p/(p+q)$": best}, ax=ax)
ax.fill_between(x[:, 0], q, color=plots.COLORS[1], alpha=0.2, label="$q$", lw=0)
ax.fill_between(x[:, 0], p.log_prob(x[:, 0]).exp(), color=plots.COLORS[0], alpha=0.2, label="$p$", lw=0)
ax.set(ylabel="probability of real; density")
ax.legend(loc="center right")
plots.show(
    ax,
    alt="The data's bell around 1 and the fakes' box from -2 to 1, with two curves over them: the "
    "learned D lies on D* from -2 on. Both rise from 0 to about 0.6, and jump to 1 where the box "
    "ends. Left of -2, where there is nothing, they differ.",
)

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    many = p.sample((100_000, 1)), poor(2 * torch.rand(100_000, 1) - 1)
    on_examples = gan.discriminator_loss(D(many[0]), D(many[1])).item()
width = edges[1] - edges[0]
density = p.log_prob(x[:, 0]).exp()
log_real, log_fake = best.log(), torch.log1p(-best)
integral = -width * (density * log_real + torch.where(q > 0, q * log_fake, 0.0)).sum().item()
print(f"loss of the learned D on new examples: {on_examples:.3f} nats")
print(f"loss of D*, by the integral:           {integral:.3f} nats")
print(f"loss of a D that always says one half: {math.log(4):.3f} nats, log 4")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The network has found $D^*$ from examples alone, where there are examples. No network can do better than $D^*$ on average, so its loss is the lowest possible; the next section shows
# what that number says about $p$ and $q$.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.1
# The best discriminator from log-densities. Mind values such as -2000: the density itself would be rounded to 0.


# %% slideshow={"slide_type": "skip"}
def my_optimal_discriminator(log_p, log_q):
    return ...


ch05.optimal_discriminator.check(my_optimal_discriminator)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.2
# The loss of the discriminator from logits. The two batches may differ in size, and a logit may be 200.


# %% slideshow={"slide_type": "skip"}
def my_discriminator_loss(real_logits, fake_logits):
    return ...


ch05.discriminator_loss.check(my_discriminator_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.2 What the loss of the best discriminator measures (core)
# *About 20 minutes.* You will derive that it is a distance between $p$ and $q$, and read the distance off a trained classifier.
#
# The worse the best classifier does, the more alike are $p$ and $q$. Put $D^*$ into the loss, with $m = \tfrac12 (p + q)$ the mixture of both, so that $D^* = p/(2m)$ and
# $1 - D^* = q/(2m)$:
#
# $$L_{D^*} = -\int p \log \frac{p}{2m} - \int q \log \frac{q}{2m} = 2 \log 2 - \mathrm{KL}(p \,\|\, m) - \mathrm{KL}(q \,\|\, m) .$$
#
# The mean of the two KLs has a name, the **Jensen-Shannon divergence** $\mathrm{JS}(p, q)$. So
#
# $$L_{D^*} = \log 4 - 2\, \mathrm{JS}(p, q), \qquad 0 \le \mathrm{JS} \le \log 2 .$$

# %% slideshow={"slide_type": "fragment"}
js = metrics.grid_divergences(density / (density * width).sum(), q / (q * width).sum(), x[:, 0]).js
print(f"log 4 - 2 JS = {math.log(4) - 2 * js.item():.3f} nats; the integral above: {integral:.3f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# JS is 0 only if $p = q$. Then $D^* = \tfrac12$ everywhere, and the loss is $\log 4 = 1.386$: the bank tosses a coin. This is the **equilibrium** of the game. Its value is usually written for the
# negative loss, $V(D, G) = -L_D$:
#
# $$\min_G \max_D V(D, G) = -\log 4, \qquad \text{reached where } q = p .$$
#
# It also gives a measuring tool. Train any classifier on examples of $p$ and $q$. It cannot beat $D^*$, so on new examples
#
# $$\widehat{\mathrm{JS}} = \log 2 - \tfrac12 L_D \le \mathrm{JS}(p, q) \quad \text{on average:}$$
#
# again a bound from below. We have no densities, and still an estimate of a divergence.
#
# > **Predict.** Two Gaussians of width 1 come closer, from a distance of 5 to 0. How does JS fall: along a line, or first hardly at all? And what does a classifier of 20 steps say?

# %% slideshow={"slide_type": "subslide"}
distances = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0])


def estimate_js(distance, n_steps):
    """log 2 - L/2 of a classifier trained to tell N(0, 1) from N(distance, 1), on new examples."""
    D = mlp([1, 16, 1])
    optimizer = torch.optim.Adam(D.parameters(), lr=1e-2)
    for _ in range(n_steps):
        loss = gan.discriminator_loss(D(torch.randn(256, 1)), D(torch.randn(256, 1) + distance))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        loss = gan.discriminator_loss(D(torch.randn(50_000, 1)), D(torch.randn(50_000, 1) + distance))
    return math.log(2) - loss.item() / 2


with training.threads(1):
    estimates = {n: [estimate_js(d, n) for d in distances] for n in (300, 20)}

# %% slideshow={"slide_type": "subslide"}
line = torch.linspace(0, 5, 101)
truth = metrics.gaussian_divergences(Normal(torch.zeros(101), 1.0), Normal(line, 1.0))
_, ax = plt.subplots(figsize=(6, 3))
ax.plot(line, truth.js, color=plots.COLORS[0], label="true JS")
ax.axhline(math.log(2), color="grey", lw=0.8, ls=":", label="log 2")
for (n, values), marker, color in zip(estimates.items(), "os", plots.COLORS[1:], strict=False):
    ax.plot(distances, values, marker, color=color, label=f"classifier of {n} steps")
ax.set(xlabel="distance of the means", ylabel="JS (nats)")
ax.legend()
plots.show(
    ax,
    alt="The true JS rises slowly at first, then steeply, and is nearly flat from a distance of 4 on, "
    "just below log 2. The classifiers of 300 steps lie on the curve, those of 20 steps below it.",
)

# %% slideshow={"slide_type": "fragment"}
exact = metrics.gaussian_divergences(Normal(torch.zeros(8), 1.0), Normal(distances, 1.0)).js
for n, values in estimates.items():
    short = exact - torch.tensor(values)
    print(
        f"{n:>3} steps: short of the true JS by {short.mean():.3f} nats on average, {short.max():.3f} at most"
    )

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two lessons, which return in chapter 6. **A weak discriminator says "close" about things that are not**: its loss is a statement about JS only as far as it
# has been trained. And **JS is flat where it matters early**: at a distance of 4 it has nearly reached its ceiling $\log 2$, and says little about whether things get better.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.3
# Turn a discriminator's loss into an estimate of the Jensen-Shannon divergence.


# %% slideshow={"slide_type": "skip"}
def my_js_from_loss(loss):
    return ...


ch05.js_from_loss.check(my_js_from_loss)

# %% slideshow={"slide_type": "skip"}
ch05.which_side

# %% slideshow={"slide_type": "skip"}
ch05.which_side.answer(...)

# %% slideshow={"slide_type": "skip"}
ch05.coin

# %% slideshow={"slide_type": "skip"}
ch05.coin.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.3 Two players (core)
# *About 30 minutes.* You will write the loop once, and watch both sides move.
#
# Now the counterfeiter learns too. It wants its fakes to be called real. Its examples are $G(z)$, and the discriminator is a network, so there is a gradient from $D$'s verdict through the fake into $G$'s weights: the
# bank tells the forger, in effect, in which direction each note should change. The loss that is nearly always used,
#
# $$L_G = -\mathbb E_z\big[\log D(G(z))\big],$$
#
# is called **non-saturating**. Section 6.2 says what is wrong with the obvious choice, $+\mathbb E_z[\log (1 - D(G(z)))]$.
#
# One round: two steps of $D$, each on a batch of real and fake examples, then a step of $G$ through the new $D$. The discriminator gets two, and a larger learning rate, because
# it has to keep up with a task that changes.

# %% slideshow={"slide_type": "subslide"} tags=["long"]
G, D = new_players(seed=0)
optimizer_d = torch.optim.Adam(D.parameters(), lr=5e-3, betas=(0.0, 0.99))
optimizer_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.0, 0.99))
seen = {}  # densities and discriminators on the way
for step in range(2_001):
    if step in (0, 50, 150, 2_000):
        seen[step] = density_of(G), torch.sigmoid(D(x)).detach()[:, 0]
    for _ in range(2):
        real, fake = p.sample((256, 1)), G(G.draw_z(256))
        loss_d = gan.discriminator_loss(D(real), D(fake.detach()))  # detach: to D, the fakes are data
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

    fake = G(G.draw_z(256))
    loss_g = gan.non_saturating_generator_loss(D(fake))  # no detach: the gradient goes through D into G
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()  # moves G's weights only

# %% [markdown] slideshow={"slide_type": "fragment"}
# Three lines deserve a second look. `detach` cuts the fakes off from $G$: without it `loss_d.backward()` would also compute gradients for $G$, which teach it to help $D$. `optimizer_g` holds
# $G$'s weights only, so $D$ stands still while $G$ moves. And `loss_g.backward()` leaves gradients behind in $D$ as well; `optimizer_d.zero_grad()` throws them away before they do harm.

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 4, figsize=(10.4, 2.5), sharey=True)
for ax, (step, (q, learned)) in zip(axes, seen.items(), strict=True):
    ax.fill_between(x[:, 0], density, color=plots.COLORS[0], alpha=0.25, lw=0, label="$p$")
    ax.fill_between(x[:, 0], q, color=plots.COLORS[1], alpha=0.25, lw=0, label="$q$")
    best = gan.optimal_discriminator(density.log(), q.log())
    ax.plot(x[:, 0], best, color=plots.COLORS[4], ls="--", lw=1, label="$D^*$")
    ax.plot(x[:, 0], learned, color=plots.COLORS[2], label="$D$")
    ax.set(title=f"step {step}", xlabel="$x$", ylim=(0, 1.5))
axes[0].legend(loc="upper right", fontsize=9)
plots.show(
    figure,
    alt="Four snapshots. At step 0 the fakes are a narrow spike near 0 and D is flat. At step 50 they "
    "stand in the middle of the data, and D dips under them, as D* does. At step 150 they cover the "
    "middle of the data. At step 2,000 they lie nearly on the data, and D is close to one half there.",
)

# %% slideshow={"slide_type": "subslide"}
for step, (q, learned) in seen.items():
    js = metrics.grid_divergences(density / (density * width).sum(), q / (q * width).sum(), x[:, 0]).js
    inside = (learned[(x[:, 0] > -0.4) & (x[:, 0] < 2.4)] - 0.5).abs().max()
    print(f"step {step:>5}: JS {js:.3f} nats, D at most {inside:.2f} away from one half where the data are")
print(
    f"losses at the end: D {loss_d:.3f} (log 4 is {math.log(4):.3f}), G {loss_g:.3f} (log 2: {math.log(2):.3f})"
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The discriminator's slope says where to go, and $q$ goes there. At the end $q$ lies over $p$, $D$ is about one half where there are data, and both losses are what the equilibrium says. What is
# left is honest too: $q$ ends in two edges, since a line of finite length bent by a small network does not reach the far tails of a bell, and $D$ keeps wobbling, because it runs after a $q$ that runs after it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.4
# Both generator losses from the logits of the fakes, to be minimised: minimax, and non-saturating.


# %% slideshow={"slide_type": "skip"}
def my_generator_losses(fake_logits):
    return ...


ch05.generator_losses.check(my_generator_losses)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.5
# One step of the discriminator. Write it so that the generator comes out as it went in, weights and gradients.


# %% slideshow={"slide_type": "skip"}
def my_discriminator_step(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    return ...


ch05.discriminator_step.check(my_discriminator_step)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.6
# And one step of the generator.


# %% slideshow={"slide_type": "skip"}
def my_generator_step(discriminator, generator_network, d_optimizer, g_optimizer, z):
    return ...


ch05.generator_step.check(my_generator_step)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.4 Why one is held while the other moves (core)
# *About 15 minutes.* You will let both move at the wrong time, and let one move for too long.
#
# The rule of the loop is: in $G$'s step only $G$ moves, and it makes one step. Two ways to break it:
#
# - **Both move.** $G$'s loss is minimised over the weights of both players.
# - **$G$ moves alone.** $D$ is trained once, well, and then held while $G$ takes many steps.
#
# > **Predict.** Both move: how can the loss $-\log D(G(z))$ become small without a better $G$? $G$ alone: which $q$ is the best answer to a $D$ that does not change?


# %% slideshow={"slide_type": "subslide"}
def play(seed, rule, n_steps=1_000):
    """Train new players by a rule; return the generator and its last loss."""
    G, D = new_players(seed)
    moving = [*G.parameters(), *D.parameters()] if "both" in rule else G.parameters()
    optimizer_g = torch.optim.Adam(moving, lr=1e-3, betas=(0.0, 0.99))
    optimizer_d = torch.optim.Adam(D.parameters(), lr=5e-3 if "fast" in rule else 1e-3, betas=(0.0, 0.99))
    alone = rule == "G moves alone"
    for step in range(n_steps):
        if not alone or step < n_steps // 2:
            gan.discriminator_step(D, G, optimizer_d, p.sample((256, 1)))
        loss = gan.non_saturating_generator_loss(D(G(G.draw_z(256))))
        if not alone or step >= n_steps // 2:
            optimizer_g.zero_grad()
            loss.backward()
            optimizer_g.step()
    return G, loss.item()


# %% slideshow={"slide_type": "fragment"}
with training.threads(1):
    rules = ("in turn", "both move", "both move, fast D", "G moves alone")
    played = {rule: [play(seed, rule) for seed in range(3)] for rule in rules}

# %% slideshow={"slide_type": "subslide"}
for rule, games in played.items():
    print(f"{rule:>17}:", end=" ")
    for G, loss in games:
        made = G(z_line).detach()
        print(f"mean {made.mean():5.1f}, std {made.std():5.2f}, loss {loss:.2f}", end="  |  ")
    print()
print(f"{'the data':>17}: mean {p.mean:5.1f}, std {p.stddev:5.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Both move**, at equal rates: the loss becomes small, and the fakes are hundreds of units away from the data. To lower $-\log D(G(z))$ it is easiest to change the judge: in $G$'s step $D$ learns to call real what lies far out, and
# $G$ runs there. In its own steps $D$ cannot undo it fast enough. If its own rate is five times as high, it can, and the harm hardly shows: a bug that a lucky setting hides. Whoever is paid for a good verdict must not appoint the judge.
#
# **$G$ moves alone**: all fakes end on a single point, half a unit beside where they began, and the loss is 0. This $D$ has learned where the fakes *were*; a small step aside, and it calls everything real. Its answer is out of date as soon as $q$ has moved. So $G$ makes
# one small step, then $D$ answers. What happens when $D$ answers too slowly is section 6.5.
#
# **In turn**: mean and width are about right, and differ from seed to seed. Three seeds are few, but enough to see that a GAN is no least squares.

# %% slideshow={"slide_type": "skip"}
ch05.held_still

# %% slideshow={"slide_type": "skip"}
ch05.held_still.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.5 In the plane, in your hands (core)
# *About 20 minutes.* You will train a GAN on the course's running example, and change its rules while it trains.
#
# `gan.fit_gan` is the loop of section 5.3, with a few additions. A loss that compares each fake with a real partner, penalties on the slope of $D$ (R1 at real points, R2 at fake ones), learning rates that fall to 0 in the second half, and a moving average of $G$'s weights.
# Chapter 6 shows what each of them is good for. Here they just make a plain GAN reliable enough for a first picture.

# %% slideshow={"slide_type": "fragment"}
generator = seed_everything(1)
points = data.moons_and_ring(20_000, generator=generator).points  # (20000, 2)
G = gan.LatentGenerator(mlp([2, 64, 64, 64, 2], activation=nn.ReLU), latent_dim=2)
D = mlp([2, 64, 64, 1], activation=nn.ReLU)
history = gan.fit_gan(
    G,
    D,
    points,
    n_steps=4_000,
    learning_rate=2e-3,
    loss="relativistic",
    penalties=[gan.Penalty("r1_and_r2", 0.02)],
    decay_from=0.5,
    average=0.998,
    generator=generator,
)

# %% slideshow={"slide_type": "fragment"}
samples = G.sample(2_000, generator=generator)
side = torch.linspace(-2.4, 2.4, 81)
plane = torch.cartesian_prod(side, side)
with torch.no_grad():
    score = D(plane).view(81, 81).T

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
plots.plot_points(points[:2_000], ax=axes[0], size=4)
plots.plot_points(samples, ax=axes[1], size=4)
picture = axes[2].pcolormesh(side, side, score - score.mean(), cmap="cividis", rasterized=True)
figure.colorbar(picture, ax=axes[2], label="score minus its mean")
for ax, title in zip(axes, ("data", "generated", "discriminator at the end"), strict=True):
    ax.set(title=title, xlim=(-2.4, 2.4), ylim=(-2.4, 2.4), aspect="equal")
plots.show(
    figure,
    alt="Left: the data, two moons inside a ring of eight clusters. Middle: generated points in all "
    "eight clusters and along a curve where the moons are, joined by thin threads. Right: the "
    "discriminator's score, higher and lower in patches that radiate from the middle.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# All clusters are there, the moons are not well told apart, and thin threads run between the parts. $G$ is continuous and the prior is in one piece, so what it makes is in one piece too; a better $G$ can only make the threads thinner. With this loss
# the discriminator gives a score that is compared between real and fake, no probability. What is left of its slopes is small.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The playground
# The widget trains a GAN in this notebook's kernel, while you watch and change the rules. Blue points are real, orange ones generated, the background is $D(x)$, the grid shows where $G$ takes an even grid of $z$, and the arrows where
# the loss pulls the fakes.
#
# 1. Press *Start*. In which order are the modes found? Do the losses say when?
# 2. Set `n_critic` to 0 while it runs: the discriminator freezes. What does $G$ do? (Section 5.4.)
# 3. Raise the learning rate of $G$ tenfold. Then lower it again: does it recover?
# 4. Draw your own data with the pointer.
# 5. Edit `my_loss` below, run its cell, and see what it does. What is wrong with `fake_logits.mean()`?

# %% slideshow={"slide_type": "subslide"}
playground = widgets.GANPlayground("ring")
playground


# %% slideshow={"slide_type": "subslide"}
def my_loss(fake_logits):
    """The generator's loss, from the logits of a batch of fakes."""
    return gan.non_saturating_generator_loss(fake_logits)


playground.loss = my_loss  # in force from the next round on

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.6 Digits (core)
# *About 25 minutes, one or two of them computing.* You will train a GAN on MNIST, and see what its losses say about it.
#
# Both networks are small, and made for a processor without a GPU. The generator turns 64 numbers into $64 \times 7 \times 7$ features, then twice into a picture of twice the size: an ordinary
# convolution, followed by `PixelShuffle`, which lays four channels out as a block of 2×2 pixels. The discriminator is its mirror.

# %% slideshow={"slide_type": "fragment"}
generator = seed_everything(0)
G = gan.pixelshuffle_generator((28, 28), latent_dim=64)
D = gan.conv_discriminator((28, 28))
for name, network in (("G", G), ("D", D)):
    print(f"{name} has {sum(weights.numel() for weights in network.parameters()):,} weights")

# %% [markdown] slideshow={"slide_type": "subslide"}
# To see whether it gets better, we need a number that is not one of its losses. A judge network (chapter 2) turns each image into 128 features. Take a Gaussian for the features of 10,000 samples, another one for those of
# the 10,000 test images, and compare. The **Fréchet distance** of two Gaussians is
#
# $$F = \|\mu_1 - \mu_2\|^2 + \operatorname{tr}\big(\Sigma_1 + \Sigma_2 - 2\,(\Sigma_1 \Sigma_2)^{1/2}\big) .$$
#
# With the features of a large image network it is known as FID. What is a good value? Real images do not get 0 either: 10,000 *training* images are at a small distance from the test images, and that is the **floor**. We state multiples of
# the floor.

# %% slideshow={"slide_type": "fragment"}
fixed_z = G.draw_z(12, generator=generator)
on_the_way = {}


def floors(G):
    """Fréchet distance of 10,000 samples, in floors; keeps twelve samples of the same z for the picture."""
    on_the_way[len(on_the_way)] = G(fixed_z)
    samples = G.sample(10_000, generator=torch.Generator().manual_seed(1))
    return {"floors": metrics.frechet_on_mnist(samples).floors}


# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** Sketch three curves over 1,200 steps: the loss of $D$, the loss of $G$, and the Fréchet distance.

# %% slideshow={"slide_type": "subslide"}
history = gan.fit_gan(
    G,
    D,
    images,
    n_steps=1_200,
    batch_size=32,
    penalties=[gan.Penalty("r1", 0.5, every=4)],
    decay_from=0.5,
    average=0.998,
    generator=generator,
    measure=floors,
    measure_every=400,
)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9, 3))
plots.plot_history(history, ["discriminator_loss", "generator_loss"], ax=axes[0], ylabel="loss (nats)")
axes[0].axhline(math.log(4), color="grey", lw=0.8, ls=":")
axes[0].axhline(math.log(2), color="grey", lw=0.8, ls=":")
plots.plot_history(history, ["floors"], ax=axes[1], ylabel="Fréchet distance (floors)")
axes[1].set(yscale="log")
plots.show(
    figure,
    alt="Left: the loss of the discriminator rises to about 1.3 within 300 steps and stays there, that "
    "of the generator jumps around 0.7. Right, on a logarithmic axis: the Frechet distance falls "
    "all the time, from over 100 floors to about 30.",
)

# %% slideshow={"slide_type": "subslide"}
steps = history.steps("floors")
names = [f"step {step + 1}: {value:.0f}" for step, value in zip(steps, history["floors"], strict=True)]
plots.show(
    plots.plot_images(torch.cat(list(on_the_way.values())), n_columns=12, row_labels=names),
    alt="Three rows of twelve digits from the same codes, at three times. At first smudges, then strokes, "
    "then shapes that are mostly digits; from row to row the same picture becomes clearer.",
)
print("at most 40 floors:", history["floors"][-1] <= 40)  # NBVAL_CHECK_OUTPUT

# %% [markdown] slideshow={"slide_type": "subslide"}
# The losses are done after 300 steps. $D$'s stays a little below $\log 4$, $G$'s near $\log 2$: as at the equilibrium, and already there while the pictures are smudges. The Fréchet distance falls all the time, and so the eye agrees.
#
# Why do they not tell? A loss says how one player does **against the other one of that moment**. Both got better together. With a fixed opponent a falling loss would mean progress; here it can as well mean that the opponent has become worse.
#
# So plot something else: samples of the same $z$ at regular times, and a distance that is computed with a judge who does not play.

# %% slideshow={"slide_type": "skip"}
ch05.losses_tell

# %% slideshow={"slide_type": "skip"}
ch05.losses_tell.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.7 What to measure instead (core)
# *About 25 minutes.* You will put four measures beside each other, on digits from several sources.
#
# - The **Fréchet distance** sees means and correlations of the judge's features, in one number.
# - **Precision** asks of each sample whether it lies among real images; **recall** asks of each real image whether it lies among the samples. "Among" means within the distance that a point of the set has to its third
#   neighbour.
# - **Class entropy**: which digits come, and how evenly. $\log 10 = 2.303$ nats is even.
# - **Sharpness**: the share of steps from one pixel to its neighbour that are larger than 0.3.

# %% slideshow={"slide_type": "subslide"}
judge = metrics.judge("mnist")
real_features = judge.features(test_images[torch.randperm(10_000, generator=generator)[:3_000]])


def measures(pictures):
    """Fréchet distance in floors and sharpness of 10,000 pictures; of 3,000: precision, recall, class entropy."""
    near = metrics.precision_recall(real_features, judge.features(pictures[:3_000]))
    return (
        metrics.frechet_on_mnist(pictures).floors,
        *near,
        metrics.class_entropy(judge.predict(pictures[:3_000]), 10),
        (pictures.diff(dim=2).abs() > 0.3).double().mean().item(),
    )


# %% slideshow={"slide_type": "subslide"}
stored, vae = pretrained.load("gan_mnist"), pretrained.load("vae_mnist")
drawn = torch.randperm(60_000, generator=generator)[:10_000]
sources = {
    "training images": images[drawn],
    "the GAN above": G.sample(10_000, generator=generator),
    "the stored GAN": stored.sample(10_000, generator=generator),
    "the VAE, means": vae.sample(10_000, generator=generator),
    "training images, blurred": torch.nn.functional.avg_pool2d(images[drawn], 3, 1, 1),
}
print(f"{'':>24}   floors  precision  recall  entropy  sharp")
for name, pictures in sources.items():
    f, precision, recall, entropy, sharp = measures(pictures)
    print(f"{name:>24}   {f:6.1f} {precision:10.2f} {recall:7.2f} {entropy:8.3f} {sharp:6.1%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read row by row.
#
# - *Training images*, another draw than the floor's, are near 1 floor, and even they do not reach a precision or recall of 1: two sets of real digits do not lie entirely within each other's balls.
# - *The GAN above* makes sharp digits; half of them lie among real ones, the others are no digit. Its recall is nearly that of the others: quality is missing, not variety.
# - *The stored GAN* is the same pair of networks, trained ten times as long on batches of twice the size: 4 floors.
# - *The VAE's means* are the least sharp of the models, if not by much, and by the Fréchet distance they are about where the short training is.
# - *Blurred training images* are a warning. Their precision and class entropy look harmless; recall and the Fréchet distance see at once that no real digit looks like them.
#
# No single number is enough, and each depends on the judge. A floor, equal numbers of images, and the same judge for all rows make them comparable.

# %% slideshow={"slide_type": "subslide"}
rows = torch.cat([pictures[:12] for pictures in sources.values()])
plots.show(
    plots.plot_images(rows, n_columns=12, row_labels=list(sources)),
    alt="Five rows of twelve digits: training images; those of the small GAN, sharp, some of them no "
    "digit; those of the stored GAN, sharp and nearly all legible; means of the VAE, softer and "
    "some of them no digit; blurred training images.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 5.7
# The Fréchet distance of two Gaussians whose dimensions are independent.


# %% slideshow={"slide_type": "skip"}
def my_frechet_diagonal(mean_a, std_a, mean_b, std_b):
    return ...


ch05.frechet_diagonal.check(my_frechet_diagonal)

# %% slideshow={"slide_type": "skip"}
ch05.floors

# %% slideshow={"slide_type": "skip"}
ch05.floors.answer(...)

# %% slideshow={"slide_type": "skip"}
ch05.two_judges

# %% slideshow={"slide_type": "skip"}
ch05.two_judges.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5.8 A forger who has never seen money (deeper)
# *About 15 minutes.* You will look for copies, and walk through what the generator knows.
#
# Look at the loop again: no real image ever goes into $G$. All that it learns about digits are slopes of $D$. Does it still end up with copies of the training images?
#
# > **Predict.** Whose samples are nearer to a training image: the GAN's, the VAE's, or new images from the test set?

# %% slideshow={"slide_type": "fragment"}
for name in ("the stored GAN", "the VAE, means"):
    near = metrics.nearest_images(sources[name][:1_000], images)
    print(f"{name:>16}: nearest training image at RMS {near.distance.mean():.3f} on average,", end=" ")
    print(f"the closest of all at {near.distance.min():.3f}")
near = metrics.nearest_images(test_images[:1_000], images)
print(f"{'test images':>16}: nearest training image at RMS {near.distance.mean():.3f} on average")

# %% slideshow={"slide_type": "subslide"}
rows, names = [], []
for name in ("the stored GAN", "the VAE, means"):
    few = sources[name][:12]
    rows += [few, images[metrics.nearest_images(few, images).which]]
    names += [name, "nearest training image"]
plots.show(
    plots.plot_images(torch.cat(rows), n_columns=12, row_labels=names),
    alt="Four rows: twelve samples of the GAN and below each its nearest training image, mostly the "
    "same digit in another shape; twelve samples of the VAE and their nearest training images.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The GAN's samples are a little farther from the training images than new digits are, on average: it does not copy. (Test images are the yardstick, from section 4.6. The closest samples of all are plain strokes, of which there are
# many.) Nor does the VAE.
#
# The reason is not that $G$ has never seen an image. What $D$ knows reaches $G$ through its slope, and a $D$ that has learned the training images by heart leads $G$ to copies. With 60,000 images it has not. Section 6.7 gives it 40 points.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The generator in your hands
# $z$ has 64 numbers now. The points are 2,000 samples, coloured by the digit that the judge reads, seen along two of the 64 directions.
#
# 1. Travel from one digit to another. Does one turn into the other, or jump?
# 2. Press *Sample*. Every $z$ from the prior is meant to be a digit. How many are not?
# 3. Set $z$ to 0, the middle of the prior. In 64 dimensions hardly any sample lies there. What does $G$ make of it?

# %% slideshow={"slide_type": "fragment"}
z = stored.draw_z(2_000, generator=generator)
with torch.no_grad():
    made = stored(z)
explorer = widgets.LatentExplorer(
    fold_batch_norm(stored.network),  # the same function, without batch norm: the browser computes it
    z,
    judge.predict(made),
    made,
)

# %% slideshow={"slide_type": "subslide"}
explorer

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two straight ways between codes of the GAN, and one between the codes of two test digits in the stored VAE:

# %% slideshow={"slide_type": "subslide"}
share = torch.linspace(0, 1, 12)[:, None]
ways = [torch.lerp(start, end, share) for start, end in ((z[0], z[1]), (z[2], z[3]))]
codes = vae.encode(data.binarize(test_images[:2], generator=generator)).mean
with torch.no_grad():
    shown = [stored(way) for way in ways] + [vae.decode(torch.lerp(codes[0], codes[1], share))]
plots.show(
    plots.plot_images(torch.cat(shown), n_columns=12, row_labels=["GAN", "GAN", "VAE"]),
    alt="Three rows of twelve pictures, each from one digit to another: in the first a 7 becomes an 8, in "
    "the second a 6 becomes a 9, in the VAE's row a 7 becomes a 2. Neighbouring pictures are alike; "
    "half way some are another digit or none.",
)

# %% slideshow={"slide_type": "skip"}
ch05.nearest_copy

# %% slideshow={"slide_type": "skip"}
ch05.nearest_copy.answer(...)

# %% slideshow={"slide_type": "skip"}
ch05.implicit

# %% slideshow={"slide_type": "skip"}
ch05.implicit.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A discriminator is a classifier of real against fake. The best one is $D^* = p/(p + q)$, and its loss is $\log 4 - 2\,\mathrm{JS}(p, q)$. A weaker one gives a lower bound on JS.
# - At the equilibrium $q = p$, $D = \tfrac12$ everywhere, and the losses are $\log 4$ and $\log 2$. They are also about that when both players are poor.
# - The loop: $D$'s step sees detached fakes; $G$'s step moves $G$ only; one small step at a time.
# - The losses do not tell. Look at samples of the same $z$, and measure with a judge who does not play: Fréchet distance in floors, precision and recall, classes, sharpness.
# - A generator is taught by slopes alone. Whether it copies is a question for numbers, with unseen images as the yardstick.
#
# **What comes next.** All that can go wrong, each with a switch: chapter 6.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. In section 5.1 the two classes were equally frequent. What is $D^*$ if nine examples of ten are fake? What does its loss measure then?
# 2. The generator has no density on images: its samples lie on a surface of 64 dimensions in a space of 784. What is $D^*$ in such a case, and what does the JS divergence say?
# 3. An estimate of $\log p(x)$ was a number per image. Can any of the four measures of section 5.7 be computed for one image?
# 4. Could the VAE's decoder be trained with a discriminator in place of the Bernoulli likelihood? What would you gain, and what would you no longer be able to say?
#
# ### References
# - I. Goodfellow and others (2014), [Generative adversarial nets](https://arxiv.org/abs/1406.2661): the game, the optimal discriminator, the toy on a line.
# - A. Radford, L. Metz, S. Chintala (2016), [Unsupervised representation learning with deep convolutional GANs](https://arxiv.org/abs/1511.06434).
# - L. Mescheder, A. Geiger, S. Nowozin (2018), [Which training methods for GANs do actually converge?](https://arxiv.org/abs/1801.04406): R1.
# - M. Heusel and others (2017), [GANs trained by a two time-scale update rule](https://arxiv.org/abs/1706.08500): the Fréchet distance.
# - T. Kynkäänniemi and others (2019), [Improved precision and recall metric](https://arxiv.org/abs/1904.06991).
# - W. Shi and others (2016), [Real-time single image and video super-resolution](https://arxiv.org/abs/1609.05158): PixelShuffle.
# - M. Kahng and others (2019), [GAN Lab](https://arxiv.org/abs/1809.01587): the idea of the playground.
