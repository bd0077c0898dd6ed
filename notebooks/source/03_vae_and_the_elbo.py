# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 3: The VAE and the ELBO
#
# *Four hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# Chapter 1 had a density and a hidden choice that was too small. Chapter 2 had rich codes and no density. The
# **variational autoencoder** has both: a code of several numbers, a $p(x)$, and one objective from which encoder and decoder
# learn together. That objective is the lower bound of chapter 1, under its modern name **ELBO**.
#
# Nothing here is taken on trust. Most of our models have one hidden number, so that the truth, $p(x)$ and $p(z \mid x)$, can be
# computed by brute force, and every formula is followed by a cell that compares it with that truth.
#
# **After this chapter you can**
# - say what $p(x)$ of a decoder is, and why nobody can compute it when the code is long;
# - derive the ELBO twice, and say exactly what is missing from it;
# - say when raising the bound raises the likelihood, and show a case where it lowers it;
# - take the KL term apart, and correct the recipe that popular notes give for it;
# - send a gradient through a random draw, write a VAE in twenty lines, and tighten its bound.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $x$: a data point. $z$: its hidden **code**, one number in most of this chapter. $p(z)$: the **prior**,
# $\mathcal N(0, 1)$. $g$: the **decoder**, $\theta$: its weights, or the one weight that we move. $p(x \mid z)$: the **likelihood**, here
# $\mathcal N(x \mid g(z), \sigma_x^2)$. $\hat x$: the mean of $x$ that the decoder gives. $d$: how many numbers $x$ has.
# $p(z \mid x)$: the **posterior**. $q(z)$, or $q(z \mid x)$: a guess at it, here
# $\mathcal N(m, \sigma^2)$: $m$, in chapter 2 the length of a code, is now the mean of $q$. $s = \log \sigma^2$, in programs always `logvar`.
# $\varepsilon$: noise from $\mathcal N(0, 1)$. $w$: the weight of a draw. **Quadrature**: an integral added up on a fine grid.
# Logarithms are natural, so everything is in *nats*.

# %% slideshow={"slide_type": "skip"}
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Normal

from course_utils import data, mixtures, plots, training, vae, widgets
from course_utils.distributions import gaussian_log_prob, kl_to_standard_normal, reparameterize
from course_utils.exercises import ch03
from course_utils.history import History
from course_utils.networks import mlp, stack_models, unstack_models
from course_utils.seeding import seed_everything

generator = seed_everything(0)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 2. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch03.recall_random_codes

# %% slideshow={"slide_type": "skip"}
ch03.recall_random_codes.answer(...)

# %% slideshow={"slide_type": "skip"}
ch03.recall_mean

# %% slideshow={"slide_type": "skip"}
ch03.recall_mean.answer(...)

# %% slideshow={"slide_type": "skip"}
ch03.recall_sum

# %% slideshow={"slide_type": "skip"}
ch03.recall_sum.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.1 From K Gaussians to infinitely many (core)
#
# *About 20 minutes.* A mixture draws in two steps: a component $k$, then a point from its Gaussian. Let the hidden thing be a **number** $z$
# instead, and let the mean of the Gaussian be any function of it:
#
# $$z \sim \mathcal N(0, 1), \qquad x \mid z \sim \mathcal N\big(g(z), \sigma_x^2\big).$$
#
# There is now one Gaussian for every value of $z$. As before, the density of $x$ adds up all the ways to get there; the
# sum over $k$ has become an integral over $z$:
#
# $$p(x) = \int p(z)\, p(x \mid z)\, dz .$$
#
# Our $g$ for most of this chapter is a network with three hidden units whose weights are set by hand,
# $g(z) = 1.5 \tanh(2.5(z + 1.2)) - \theta \tanh(2.5 z) + 1.5 \tanh(2.5 (z - 1.2))$. One weight, $\theta$, says how much
# it folds back. That is our whole world to learn.


# %% slideshow={"slide_type": "subslide"}
def folded(fold):
    """The VAE whose decoder is g with θ = fold; its encoder is a network that nobody has trained yet."""
    encoder = mlp([1, 32, 32, 2])
    decoder = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1))
    model = vae.VAE(encoder, decoder, latent_dim=1, likelihood=vae.Gaussian(std=0.4)).double()
    with torch.no_grad():
        decoder[0].weight.fill_(2.5)
        decoder[0].bias.copy_(2.5 * torch.tensor([1.2, 0.0, -1.2]))
        decoder[2].weight.copy_(torch.tensor([[1.5, -float(fold), 1.5]]))
        decoder[2].bias.zero_()
    return model


# %% slideshow={"slide_type": "fragment"}
world = folded(1.2)
z = torch.linspace(-3.5, 3.5, 400, dtype=torch.float64)
line = torch.linspace(-3.5, 3.5, 300, dtype=torch.float64)[:, None]  # (300, 1), values of x
with torch.no_grad():
    g = world.decode(z[:, None])[:, 0]  # (400,)
truth = vae.truth_on_grid(world, line)  # log p(x), and p(z | x), by adding up 4,001 values of z

# %% slideshow={"slide_type": "subslide"}
layout = {"width_ratios": (3, 1), "height_ratios": (3, 1)}
figure, axes = plt.subplots(2, 2, figsize=(8, 4.2), sharex="col", sharey="row", gridspec_kw=layout)
axes[0, 0].plot(z, g, color=plots.COLORS[0])
axes[0, 0].fill_between(z, g - 0.8, g + 0.8, color=plots.COLORS[0], alpha=0.2, lw=0)
axes[0, 0].set(ylabel="$x$", title="decoder $g \\pm 2\\,\\sigma_x$")
axes[0, 1].fill_betweenx(line[:, 0], truth.log_prob.exp(), color=plots.COLORS[1], alpha=0.5)
axes[0, 1].set(xlabel="$p(x)$", title="what comes out")
axes[0, 1].tick_params(labelbottom=True)
axes[1, 0].fill_between(z, Normal(0.0, 1.0).log_prob(z).exp(), color=plots.COLORS[2], alpha=0.5)
axes[1, 0].set(xlabel="$z$", ylabel="$p(z)$")
axes[1, 1].axis("off")
plots.show(
    figure,
    alt="Below, the bell of the prior over z. Above it the decoder's curve in a band of noise: from -1.8 up to 1, back to "
    "-1 and up to 1.8. At the right the density of x: two hills near plus and minus 0.7, a shallow valley between them.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Put $K$ equal Gaussians on the curve, at $z_1, \dots, z_K$ that cut the prior into equal shares. It is a
# > mixture as in chapter 1. How many does it take to look like $p(x)$?

# %% slideshow={"slide_type": "subslide"}
densities = {}
for k in (3, 8, 30):
    z_k = Normal(0.0, 1.0).icdf((torch.arange(k).double() + 0.5) / k)  # the middles of k equal shares
    with torch.no_grad():
        means = world.decode(z_k[:, None])[:, 0]  # (k,)
    densities[f"K = {k}"] = Normal(means, 0.4).log_prob(line).exp().mean(1)
densities["infinitely many"] = truth.log_prob.exp()
ax = plots.plot_curves(line[:, 0], densities, ylabel="density")
plots.show(
    ax,
    alt="The density of x for 3, 8 and 30 Gaussians on the curve, and for infinitely many. Three make a single high hill at "
    "0; eight have the two hills, with too deep a valley; thirty cannot be told from infinitely many.",
)
for name in ("K = 8", "K = 30"):
    apart = (densities[name] - densities["infinitely many"]).abs().max()
    print(f"{name:>6}: largest difference {apart:.4f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Thirty are enough here. The mixture had a mean for each of its $K$ components; now infinitely many Gaussians share the few weights of $g$. That is
# why it also works in the plane, and with 20 numbers in $z$: a network says where each Gaussian goes. Below, $g$ winds a line into a
# spiral, and $p(x)$ comes from the same integral.


# %% slideshow={"slide_type": "fragment"}
class Spiral(nn.Module):
    def forward(self, z):  # (batch, 1) -> (batch, 2)
        angle, radius = 2.2 * z, 1.5 + 0.45 * z
        return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)


spiral = vae.VAE(
    mlp([2, 2]), nn.Sequential(Spiral()), latent_dim=1, likelihood=vae.Gaussian(std=0.15)
).double()
drawn = spiral.sample(600, draw=True, generator=generator)
x, y, everywhere = plots.plane((-3.2, 3.2), (-3.2, 3.2), n=80)
density = vae.truth_on_grid(spiral, everywhere, low=-5, high=5, n_grid=401).log_prob.exp()

# %% slideshow={"slide_type": "subslide"}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), sharex=True, sharey=True)
with torch.no_grad():
    left.plot(*spiral.decode(z[:, None]).T, color=plots.COLORS[4], lw=1)
plots.plot_points(drawn, ax=left, size=8)
plots.plot_density(x, y, density, ax=right)
left.set(title="$g$, and 600 draws", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
right.set(title="$p(x)$", aspect="equal", ylabel="")
plots.show(
    figure,
    alt="Left: a line wound into a spiral of about two and a half turns, with drawn points scattered closely around all but its "
    "outer end. Right: the density, a band along the same spiral, darkest in its inner turns and fading along the outer one.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.1
# The density at the bottom of everything. Write $\log \mathcal N(x \mid m, \sigma^2)$ for independent dimensions: `x`, `mean`
# and `logvar` have shape `(batch, d)`; return one value per example, `(batch,)`.


# %% slideshow={"slide_type": "skip"}
def my_gaussian_log_density(x, mean, logvar):
    return ...


ch03.gaussian_log_density.check(my_gaussian_log_density)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.2 The integral that nobody can do (core)
#
# *About 15 minutes.* To learn $g$ from data we want to make $\sum_i \log p(x_i)$ large. With one number in $z$ we can: `truth_on_grid` adds up
# $p(z)\,p(x \mid z)$ over a fine grid. Why not always? Each further number in $z$ multiplies the grid.

# %% slideshow={"slide_type": "fragment"}
for latent_dim in (1, 2, 5, 10, 50):
    print(f"numbers in z: {latent_dim:2}   20 grid points for each: {20.0**latent_dim:.0e} points")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Fifty numbers is a common size, and there is no trick: $g$ is a network, and $\int p(z)\,p(x \mid z)\,dz$ has no closed form for it.
# That is what *intractable* means.
#
# Another idea: $p(x)$ is an **average** over the prior, $p(x) = \mathbb E_{z \sim p(z)}[p(x \mid z)]$. Draw many $z$ and average.
# It needs no grid, and it is unbiased in any dimension. To test it we need the truth, so take a $g$ for which there is a
# formula: $x = z + 0.1\,\varepsilon$ in $d$ dimensions, so that $p(x) = \mathcal N(x \mid 0, 1.01\,I)$.
#
# > **Predict.** 100,000 draws. Up to which $d$ is the estimate of $\log p(x)$ right to one nat?

# %% slideshow={"slide_type": "subslide"}
print(" d      truth   estimate   draws that carry 99 % of the sum")
for d in (1, 2, 5, 10, 20, 50):
    x = math.sqrt(1.01) * torch.randn(1, d, generator=generator)  # one x from the model
    z_draws = torch.randn(100_000, d, generator=generator)  # z from the prior
    log_lik = gaussian_log_prob(x.expand(100_000, d), z_draws, math.log(0.1**2))  # log p(x | z)
    estimate = log_lik.logsumexp(0) - math.log(100_000)
    shares = log_lik.softmax(0).sort(descending=True).values
    n_that_count = int((shares.cumsum(0) < 0.99).sum()) + 1
    log_px = gaussian_log_prob(x, 0.0, math.log(1.01))
    print(f"{d:2} {log_px.item():10.1f} {estimate:10.1f} {n_that_count:10}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Up to five. In one dimension thousands of draws lie near enough to explain $x$. From ten on, one or two carry the whole sum, and none
# of them is near enough: the estimate is too small, in the end by more than a thousand nats. *Unbiased* only promises that once in an age a
# draw hits, and is then so large that the average over ages is right.
#
# The cure will be to draw $z$ not from the prior, but from where it could have made **this** $x$. That place has a name.

# %% slideshow={"slide_type": "skip"}
ch03.monte_carlo

# %% slideshow={"slide_type": "skip"}
ch03.monte_carlo.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.3 The posterior, and a guess at it (core)
#
# *About 15 minutes.* Which $z$ may have made this $x$? Bayes' rule answers, as it did with the responsibilities of chapter 1:
#
# $$p(z \mid x) = \frac{p(z)\, p(x \mid z)}{p(x)} .$$
#
# The numerator is easy. The denominator is the integral that we cannot do. So the posterior is out of reach too, except in
# our small world, where we can look at it.
#
# > **Predict.** Go back to the curve $g$. For $x = -2.2$, $x = 0$ and $x = 1$: how many hills has $p(z \mid x)$?

# %% slideshow={"slide_type": "subslide"}
three = torch.tensor([[-2.2], [0.0], [1.0]], dtype=torch.float64)
truth = vae.truth_on_grid(world, three)
figure, axes = plt.subplots(2, 3, figsize=(9.5, 4.6), sharex=True, sharey="row")
for top, bottom, x, posterior in zip(*axes, three[:, 0], truth.posterior, strict=True):
    top.plot(z, g, color=plots.COLORS[0])
    top.axhspan(x - 0.4, x + 0.4, color=plots.COLORS[1], alpha=0.25, lw=0)
    top.set(title=f"$x = {x:.1f}$")
    bottom.fill_between(truth.z, posterior, color=plots.COLORS[3], alpha=0.6)
    bottom.set(xlabel="$z$", xlim=(-3.5, 3.5))
axes[0, 0].set_ylabel("$g(z)$ and $x \\pm \\sigma_x$")
axes[1, 0].set_ylabel("$p(z \\mid x)$")
plots.show(
    figure,
    alt="Three columns. Above: the curve g with a band at x. Below: the posterior of z. At x = -2.2 one wide hill on the "
    "left and a small one; at x = 0 three hills, where the curve crosses the band three times; at x = 1 a high hill and a low one.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two, three and two. Had you seen the small hill at $x = -2.2$? There the curve comes down towards the band a second time. A posterior can be
# narrow or wide, in one piece or in several. A VAE does not compute it. It uses a **guess** of a simple
# form, a Gaussian with a mean and a variance for each $x$,
#
# $$q(z \mid x) = \mathcal N\big(z \mid m(x), \sigma^2(x)\big),$$
#
# and a second network, the **encoder**, that gives the two numbers. (It gives $m$ and $\log \sigma^2$, so that $\sigma$ is positive
# whatever the network says.) Here are guesses by eye, drawn over the truth. At $x = 1$ we chose the wrong hill on purpose.

# %% slideshow={"slide_type": "subslide"}
by_eye = {"mean": torch.tensor([-1.6, 0.0, 1.2]).double(), "std": torch.tensor([0.4, 0.4, 0.4]).double()}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.2), sharex=True, sharey=True)
for i, ax in enumerate(axes):
    guess = Normal(by_eye["mean"][i], by_eye["std"][i]).log_prob(truth.z).exp()
    ax.fill_between(truth.z, truth.posterior[i], color=plots.COLORS[3], alpha=0.5, label="$p(z \\mid x)$")
    ax.plot(truth.z, guess, color=plots.COLORS[0], label="$q(z \\mid x)$")
    ax.set(title=f"$x = {three[i, 0]:.1f}$", xlabel="$z$", xlim=(-3.5, 3.5))
axes[0].legend(loc="upper right")
plots.show(
    figure,
    alt="The three posteriors again, each with a Gaussian guess over it. At x = -2.2 the guess nearly covers the large hill; "
    "at x = 0 it covers the middle hill of three; at x = 1 it lies near the low one of two.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A Gaussian fits the first well, and cannot fit the others. How good is a guess, and what does a bad one cost? The
# next section gives one number for both.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.4 The bound, derived twice (core)
#
# *About 25 minutes.*
#
# ### First way: Jensen's inequality
# Take any density $q(z)$ that is positive wherever $p(x, z) = p(z)\,p(x \mid z)$ is. Every step is one you know:
#
# $$\begin{aligned}
# \log p(x) &= \log \int p(x, z)\, dz && \text{all the ways to get to } x \\
# &= \log \int q(z)\, \frac{p(x, z)}{q(z)}\, dz && \text{multiply and divide by } q \\
# &= \log \mathbb E_{q}\!\left[\frac{p(x, z)}{q(z)}\right] && \text{it is an average under } q \\
# &\ge \mathbb E_{q}\!\left[\log \frac{p(x, z)}{q(z)}\right] && \text{Jensen: the log of an average is at least the average of the logs} \\
# &=: \mathrm{ELBO}(q, \theta).
# \end{aligned}$$
#
# The logarithm has moved inside, to where there is no integral any more: $p(x, z)$ is one pass through the decoder, and an average under $q$
# can be estimated with a few draws. In chapter 1 this bound was $F(q, \theta)$, with a sum instead of the integral.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check.** A formula that we cannot test is a rumour. For 40 values of $x$ and 50 random Gaussians $q$ each: is the bound
# > ever above $\log p(x)$?

# %% slideshow={"slide_type": "fragment"}
x = torch.linspace(-3, 3, 40, dtype=torch.float64)[:, None]  # (40, 1)
truth_40 = vae.truth_on_grid(world, x)
log_joint = truth_40.log_posterior + truth_40.log_prob[:, None]  # log p(x, z) on the grid, (40, 4001)


def elbo_by_definition(mean, logvar):
    """E_q[log p(x, z) - log q(z)], integrated over the grid."""
    log_q = Normal(mean[:, None], (0.5 * logvar[:, None]).exp()).log_prob(truth_40.z)
    return torch.trapezoid(log_q.exp() * (log_joint - log_q), truth_40.z)


means = 4 * torch.rand(50, 40, generator=generator).double() - 2
logvars = 4 * torch.rand(50, 40, generator=generator).double() - 4
elbos = torch.stack([elbo_by_definition(*row) for row in zip(means, logvars, strict=True)])  # (50, 40)
gaps = truth_40.log_prob - elbos

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("never above:", bool((gaps >= 0).all()))

# %% slideshow={"slide_type": "-"}
print(f"the gap is between {gaps.min():.3f} and {gaps.max():.1f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Second way: the KL identity
# Jensen says that the ELBO is at most $\log p(x)$. It does not say what is lost. Start again, from Bayes' rule, $p(x, z) = p(z \mid x)\, p(x)$:
#
# $$\begin{aligned}
# \mathrm{ELBO} &= \mathbb E_q\!\left[\log \frac{p(x, z)}{q(z)}\right] && \text{the definition} \\
# &= \mathbb E_q\!\left[\log \frac{p(z \mid x)\, p(x)}{q(z)}\right] && \text{Bayes' rule} \\
# &= \mathbb E_q[\log p(x)] + \mathbb E_q\!\left[\log \frac{p(z \mid x)}{q(z)}\right] && \text{the log of a product} \\
# &= \log p(x) - \mathbb E_q\!\left[\log \frac{q(z)}{p(z \mid x)}\right] && \log p(x) \text{ does not depend on } z \\
# &= \log p(x) - \mathrm{KL}\big(q(z)\,\|\,p(z \mid x)\big) && \text{the definition of KL.}
# \end{aligned}$$
#
# $$\boxed{\;\log p(x) = \mathrm{ELBO}(q, \theta) + \mathrm{KL}\big(q(z) \,\|\, p(z \mid x)\big)\;}$$
#
# An **equality**. Since a KL is never negative (section 1.4), the bound follows once more, and now we know the gap: it is how
# far the guess is from the true posterior, and it is 0 only if they are equal.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check.** The KL to the true posterior, integrated on its own, for the same 2,000 pairs of $x$ and $q$.


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def kl_on_grid(mean, logvar, truth):
    """KL(q ‖ p(z | x)), (n,), from the two densities."""
    log_q = Normal(mean[:, None], (0.5 * logvar[:, None]).exp()).log_prob(truth.z)
    return torch.trapezoid(log_q.exp() * (log_q - truth.log_posterior), truth.z)


kls = torch.stack([kl_on_grid(*row, truth_40) for row in zip(means, logvars, strict=True)])
error = (elbos + kls - truth_40.log_prob).abs().max()
print("ELBO + KL = log p(x) to 1e-6:", bool(error < 1e-6))

# %% [markdown] slideshow={"slide_type": "subslide"}
# On one grid this had to come out: the same numbers are added up in another order. So a second test, for the spiral in the
# plane, in which the ELBO comes from **draws** of $q$, and only the KL and $\log p(x)$ from the grid.

# %% slideshow={"slide_type": "fragment"}
x = spiral.sample(5, draw=True, generator=generator)
truth = vae.truth_on_grid(spiral, x, n_grid=20_001)
mean, logvar = 0.3 * torch.randn(5, 1, generator=generator).double(), torch.full((5, 1), -3.0).double()
n = 40_000  # draws of z for each x
q = Normal(mean.expand(n, 5, 1), (0.5 * logvar).exp())
noise = torch.randn(n, 5, 1, generator=generator, dtype=torch.float64)
z_draws = q.mean + q.stddev * noise
log_lik = spiral.likelihood.log_prob(x.repeat(n, 1), spiral.output(z_draws.view(-1, 1))).view(n, 5)
values = log_lik + (Normal(0.0, 1.0).log_prob(z_draws) - q.log_prob(z_draws))[:, :, 0]  # average: the ELBO
total = values.mean(0) + kl_on_grid(mean[:, 0], logvar[:, 0], truth)
off = (total - truth.log_prob) / (values.std(0) / math.sqrt(n))
print("off by, in standard errors:", ", ".join(f"{value:.1f}" for value in off.tolist()))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Two terms that one can compute
# Neither of the two forms is what a program computes. Split $p(x, z) = p(x \mid z)\,p(z)$ instead. Nothing forbids a $q$ that
# depends on $x$, and from here on we write $q(z \mid x)$:
#
# $$\begin{aligned}
# \mathrm{ELBO} &= \mathbb E_q\!\left[\log \frac{p(x \mid z)\, p(z)}{q(z \mid x)}\right] \\
# &= \mathbb E_q[\log p(x \mid z)] + \mathbb E_q\!\left[\log \frac{p(z)}{q(z \mid x)}\right] && \text{the log of a product} \\
# &= \underbrace{\mathbb E_q[\log p(x \mid z)]}_{\text{reconstruction}} \;-\; \underbrace{\mathrm{KL}\big(q(z \mid x)\,\|\,p(z)\big)}_{\text{price of the code}}
# && \text{the definition of KL.}
# \end{aligned}$$
#
# Read it as an autoencoder: encode $x$ as a small cloud $q(z \mid x)$, draw a $z$ from the cloud, decode it, and see how
# probable $x$ is. And pay for a cloud that differs from the prior.
#
# **Two KLs.** Do not mix them up. The one in this formula goes to the **prior** $p(z)$; it can be computed, and it should not be
# 0, for then the code would be the same cloud for every $x$. The one in the box above goes to the **posterior** $p(z \mid x)$; it is the gap, and cannot be computed.

# %% slideshow={"slide_type": "skip"}
ch03.which_moves

# %% slideshow={"slide_type": "skip"}
ch03.which_moves.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.5 The price of a code (core)
#
# *About 30 minutes.* For Gaussians the KL to the prior has a closed form. Take one dimension, $q = \mathcal N(m, \sigma^2)$ and
# $p = \mathcal N(0, 1)$, and write both log-densities out:
#
# $$\begin{aligned}
# \log q(z) &= -\tfrac12 \log 2\pi - \tfrac12 \log \sigma^2 - \tfrac12\, (z - m)^2 / \sigma^2 , \\
# \log p(z) &= -\tfrac12 \log 2\pi - \tfrac12\, z^2 .
# \end{aligned}$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# The KL is the average under $q$ of their difference:
#
# $$\begin{aligned}
# \mathrm{KL}(q\,\|\,p) &= \mathbb E_q[\log q(z) - \log p(z)] \\
# &= -\tfrac12 \log \sigma^2 - \tfrac12\, \frac{\mathbb E_q[(z - m)^2]}{\sigma^2} + \tfrac12\, \mathbb E_q[z^2]
# && \text{the } 2\pi \text{ cancel} \\
# &= -\tfrac12 \log \sigma^2 - \tfrac12 + \tfrac12 (\sigma^2 + m^2)
# && \mathbb E_q[(z - m)^2] = \sigma^2,\ \mathbb E_q[z^2] = \sigma^2 + m^2 .
# \end{aligned}$$

# %% [markdown] slideshow={"slide_type": "subslide"}
# With $s = \log \sigma^2$, the `logvar` of our programs:
#
# $$\boxed{\;\mathrm{KL} = \tfrac12 \big(e^{s} - (1 + s) + m^2\big)\;}$$
#
# With several independent dimensions the log-densities add up, and so do the KLs: **sum** over the dimensions.
#
# > **Check**, against the definition, integrated on a grid.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
grid = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
for m, sigma in ((1.3, 0.4), (0.0, 1.0), (-0.5, 2.0)):
    q, p = Normal(m, sigma), Normal(0.0, 1.0)
    integrand = q.log_prob(grid).exp() * (q.log_prob(grid) - p.log_prob(grid))
    by_formula = kl_to_standard_normal(torch.tensor([[m]]), 2 * math.log(sigma))
    print(f"integral {torch.trapezoid(integrand, grid):.6f}   formula {by_formula.item():.6f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### As popular notes have it
# Many notes arrive at the same term without a derivation. *The encoder would switch its noise off, so punish small $s$.* They add
#
# $$e^{s} - (1 + s) + m^2$$
#
# to the loss. Look at it piece by piece: $e^s$ is a curve, $1 + s$ its tangent at 0.

# %% slideshow={"slide_type": "fragment"}
s = torch.linspace(-3, 2, 200)
_, ax = plt.subplots(figsize=(7, 3.7))
curves = {"exp(s)": s.exp(), "1 + s": 1 + s, "exp(s) - (1 + s)": s.exp() - (1 + s)}
plots.plot_curves(s, curves, xlabel="$s$", ax=ax)
ax.plot(0, 0, "o", color=plots.COLORS[4])
ax.set(ylim=(-2.2, 5))
plots.show(
    ax,
    alt="exp(s) lies above its tangent 1 + s and touches it at s = 0. Their difference is a bowl whose lowest point, zero, "
    "is there; to the left it rises like a straight line, to the right like the exponential.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The difference is smallest at $s = 0$, a variance of exactly 1: noise that dies has a price, and so has noise that explodes. The term
# $m^2$ keeps the codes near the origin. All true, and by our formula the recipe is exactly **twice the KL**. Is the 2 harmless?
# That depends on what stands beside it. We compare each loss with $-\text{reconstruction} + \beta\,\mathrm{KL}$, where
# $\beta = 1$ is the ELBO, for $d = 784$ pixels:
#
# - beside a **summed** squared error: $\lVert x - \hat x \rVert^2 + 2\,\mathrm{KL} = 2 \big(\tfrac12 \lVert x - \hat x \rVert^2 + \mathrm{KL}\big)$,
#   which is, up to a constant, $-2$ times a one-draw estimate of the ELBO of a Gaussian with $\sigma_x = 1$. $\beta = 1$: right.
# - beside $-\log p(x \mid z)$ itself: $-\log p(x \mid z) + 2\,\mathrm{KL}$. $\beta = 2$.
# - beside a squared error **averaged** over pixels: $\tfrac1d \lVert x - \hat x \rVert^2 + 2\,\mathrm{KL}
#   = \tfrac2d \big(\tfrac12 \lVert x - \hat x \rVert^2 + d\,\mathrm{KL}\big)$. $\beta = 784$, with $\sigma_x = 1$.
#
# > **Check** the first and the third with random numbers.

# %% slideshow={"slide_type": "subslide"}
d = 784
x, x_hat = torch.rand(8, d, generator=generator).double(), torch.rand(8, d, generator=generator).double()
m, s = torch.randn(8, 5, generator=generator).double(), torch.randn(8, 5, generator=generator).double()
recipe = (s.exp() - (1 + s) + m**2).sum(1)  # (8,)
kl = kl_to_standard_normal(m, s)
reconstruction = gaussian_log_prob(x, x_hat, 0.0)  # log N(x | x_hat, 1), summed over pixels
constant = d * math.log(2 * math.pi)
summed = (x - x_hat).square().sum(1) + recipe
averaged = (x - x_hat).square().mean(1) + recipe

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("recipe = 2 KL:", torch.allclose(recipe, 2 * kl))

# %% slideshow={"slide_type": "-"}
print("beside the sum:  2 (-ELBO) - constant:", torch.allclose(summed, 2 * (kl - reconstruction) - constant))
beta_784 = 2 / d * (d * kl - reconstruction) - constant / d
print("beside the mean: beta = 784:", torch.allclose(averaged, beta_784))
print(f"1/784 = {1 / d:.4f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A loss as in the third line weighs the KL 784 times too much. The weight of the recipe that puts it right, 1/784, only undoes the mean: whoever
# searches for "the best $\beta$" there searches for the number of pixels. **One convention: sum over dimensions, average over the batch, count in nats.**
#
# The constant is no trifle either. A log-density has it, and a number without it is no bound on anything:

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
print(f"½ log 2π for each of 784 pixels: {784 * 0.5 * math.log(2 * math.pi):.0f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Black and white pixels.** Where every pixel $x_j$ is 0 or 1, the decoder gives a probability $p_j$ for each, a coin of its own (a **Bernoulli**
# variable), and $\log p(x \mid z) = \sum_j \big(x_j \log p_j + (1 - x_j) \log (1 - p_j)\big)$. The negative of this sum is called the **binary
# cross-entropy**. To make grey pixels black and white, throw a coin for each, with the grey value as its probability: to **binarise**.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **And what is $s$?** Some of the same notes multiply the noise by $e^{s}$. Then $e^s$ is the **standard deviation**, $s = \log \sigma$, and
# the KL is another function of it. Put $\log\sigma^2 = 2s$ into the box:
#
# $$\mathrm{KL} = \tfrac12 \big(e^{2s} - 1 - 2s + m^2\big).$$
#
# > **Predict.** The recipe $e^s - (1 + s) + m^2$ with this $s$: is it still a multiple of the KL?

# %% slideshow={"slide_type": "fragment"}
log_std = torch.tensor([-3.0, -1.0, -0.01, 0.01, 1.0], dtype=torch.float64)
price = kl_to_standard_normal(torch.zeros(5, 1).double(), 2 * log_std[:, None])
ratio = (log_std.exp() - (1 + log_std)) / price

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
for value, r in zip(log_std.tolist(), ratio.tolist(), strict=True):
    print(f"log σ = {value:5.2f}: the recipe's price of the width is {r:.2f} KL")

# %% slideshow={"slide_type": "-"}
print("its price of the mean is 2 KL, whatever s")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It is not. The mean is charged twice, the width about half of what it should be near $\sigma = 1$, and less above. Training still works, in a
# way; but nothing that it prints is a bound. The same letter for two things is all it takes: **we say `logvar`**, and
# $\sigma = e^{\texttt{logvar}/2}$.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.2
# Write the KL for tensors of shape `(batch, latent_dim)`: one value per example, in nats.


# %% slideshow={"slide_type": "skip"}
def my_kl(mean, logvar):
    return ...


ch03.kl.check(my_kl)

# %% slideshow={"slide_type": "skip"}
ch03.popular_recipe

# %% slideshow={"slide_type": "skip"}
ch03.popular_recipe.answer(...)

# %% slideshow={"slide_type": "skip"}
ch03.beta_in_disguise

# %% slideshow={"slide_type": "skip"}
ch03.beta_in_disguise.answer(...)

# %% slideshow={"slide_type": "skip"}
ch03.grey_pixels

# %% slideshow={"slide_type": "skip"}
ch03.grey_pixels.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.6 The likelihood, the bound and the gap (core)
#
# *About 30 minutes.*
#
# $$\log p_\theta(x) = \mathrm{ELBO}(q, \theta) + \mathrm{KL}\big(q \,\|\, p_\theta(z \mid x)\big).$$
#
# We want the left side, and we climb the first term on the right. When does that help? There are two things to move, $q$ and $\theta$, and
# they do different things. We draw both, from real numbers: 100 points that the world with $\theta = 1.2$ has drawn, and models with
# $\theta$ from 0 to 2.
#
# First a tool. With one number in $z$, the average over $q$ can be integrated instead of drawn, so that there is no noise
# in our pictures: put $z = m + \sigma e$ for a grid of $e$, with the weights of $\mathcal N(0, 1)$.


# %% slideshow={"slide_type": "subslide"}
def exact_elbo(model, x, mean, logvar):
    """ELBO of q = N(mean, exp(logvar)), all (n,), by quadrature: reconstruction - KL."""
    e = torch.linspace(-8, 8, 81, dtype=x.dtype)
    weight = Normal(0.0, 1.0).log_prob(e).exp() * 0.2  # sums to 1
    z = mean[:, None] + (0.5 * logvar[:, None]).exp() * e  # (n, 81)
    log_lik = model.likelihood.log_prob(x.repeat_interleave(81, 0), model.output(z.view(-1, 1)))  # (n·81,)
    return (log_lik.view(-1, 81) * weight).sum(1) - kl_to_standard_normal(mean[:, None], logvar[:, None])


points = world.sample(100, draw=True, generator=generator)  # (100, 1), the data of this section
folds = torch.linspace(0, 2, 41, dtype=torch.float64)
models = [folded(fold).requires_grad_(False) for fold in folds]
truths = [vae.truth_on_grid(model, points, low=-6, high=6, n_grid=601) for model in models]
log_likelihood = torch.stack([truth.log_prob.mean() for truth in truths])  # (41,), nats per point

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
mean, logvar = torch.zeros(100).double(), torch.full((100,), -2.0).double()
truth = vae.truth_on_grid(world, points)
total = exact_elbo(world, points, mean, logvar) + kl_on_grid(mean, logvar, truth)
same = (total - truth.log_prob).abs().max() < 1e-6
print("exact_elbo + KL = log p(x) to 1e-6:", bool(same))

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Moving q alone
# Hold the decoder at $\theta = 1.2$ and climb the ELBO in $q$ alone, by gradient steps, for one $x$.
#
# > **Predict.** Which of the three move: $\log p(x)$, the ELBO, the gap? We start twice: do both end at the same bound?

# %% slideshow={"slide_type": "fragment"}
point = torch.tensor([[1.0]], dtype=torch.float64)
truth, bounds, left = vae.truth_on_grid(world, point), {}, {}
for start in (-1.0, 2.0):  # one on each side of the valley
    mean, logvar = (torch.tensor([value]).double().requires_grad_() for value in (start, -1.0))
    optimizer, bounds[start] = torch.optim.Adam([mean, logvar], lr=0.05), []
    for _ in range(150):
        bound = exact_elbo(world, point, mean, logvar).sum()
        bounds[start].append(bound.item())
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()
    left[start] = kl_on_grid(mean.detach(), logvar.detach(), truth).item()

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.5, 3.3))
curves = {"log p(x)": [truth.log_prob.item()] * 150}
curves |= {f"ELBO, $q$ starts at {start:.0f}": values for start, values in bounds.items()}
plots.plot_curves(range(150), curves, ax=ax, xlabel="step of q", ylabel="nats")
ax.set(ylim=(-5, 0))
plots.show(
    ax,
    alt="The line of log p(x) is flat. Two bounds climb towards it from below and flatten: one ends a quarter of a nat under the "
    "line, the other one and a half nats further down. What is left between line and bound is the gap.",
)
# %% slideshow={"slide_type": "subslide"}
right_hill = (truth.z > 0.6).double()
share = torch.trapezoid(truth.posterior[0] * right_hill, truth.z).item()
for start, hill in ((-1.0, 1 - share), (2.0, share)):
    print(
        f"from {start:2.0f}: gap left {left[start]:.2f}; -log of its hill's share of the posterior {-math.log(hill):.2f}"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# $\log p(x)$ is a fact about the decoder; $q$ is not in it. So training the encoder alone makes no better model. It only
# shows more of what the model is already worth. And a Gaussian $q$ cannot show all of it: it settles on one hill, and what is
# left of the gap is mostly $-\log$ of that hill's share. Section 3.7 says why it does not take both.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Moving the decoder, with a gap open
# Now hold $q$ and move $\theta$. The encoder is a bad one, a plausible guess by hand: $m = x / 2$ and a variance of 0.3.
# The model is the true one, $\theta = 1.2$. We take the $\theta$ from 0 to 2 with the highest bound.
#
# > **Predict.** The bound rises, of course. What does the likelihood do: rise too, stay, or fall?


# %% slideshow={"slide_type": "fragment"}
def bound_over_folds(mean, logvar):
    """ELBO (41,), mean over the data, of one q held still while the decoder changes."""
    return torch.stack([exact_elbo(model, points, mean, logvar).mean() for model in models])


guess = bound_over_folds(points[:, 0] / 2, torch.full((100,), math.log(0.3)).double())
old, new = 24, int(guess.argmax())  # folds[24] is 1.2
for name, values in (("bound", guess), ("log-likelihood", log_likelihood)):
    print(f"{name:>14}: {values[old]:.3f} at θ = {folds[old]:.2f}, {values[new]:.3f} at θ = {folds[new]:.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The bound rises by more than three nats, and the likelihood **falls**. Nothing was violated: the bound stayed below the likelihood.
# What happened is that the gap shrank. $\theta$ is also in $p_\theta(z \mid x)$, so the decoder can climb the bound by **making
# its posterior look like the bad guess**, and it paid with a worse model of the data.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### First close the gap, then move the decoder
# If $q$ is the **exact** posterior at the old $\theta$, the bound touches the likelihood there. Then, as in section 1.6,
#
# $$\log p_{\theta_\text{new}}(x) \;\ge\; \mathrm{ELBO}(q, \theta_\text{new}) \;\ge\; \mathrm{ELBO}(q, \theta_\text{old})
# = \log p_{\theta_\text{old}}(x),$$
#
# and the likelihood cannot fall. That is **EM**: the E-step is "take the exact posterior for $q$". Chapter 1 could, because its posterior was
# $K$ numbers. Here we can only because we have a grid.


# %% slideshow={"slide_type": "fragment"}
def bound_with_posterior_of(old):
    """ELBO (41,) for q = the exact posterior at folds[old]: log p(x) - KL(q ‖ posterior) for each model."""
    q, log_q = truths[old].posterior, truths[old].log_posterior
    kls = [torch.trapezoid(q * (log_q - truth.log_posterior), truth.z).mean() for truth in truths]
    return log_likelihood - torch.stack(kls)


path = [12]  # folds[12] = 0.6
for _ in range(8):
    path.append(int(bound_with_posterior_of(path[-1]).argmax()))
print("θ:", [round(folds[i].item(), 2) for i in path])
print("log-likelihood:", [round(log_likelihood[i].item(), 3) for i in path])

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("never falls:", bool((log_likelihood[path].diff() >= 0).all()))

# %% slideshow={"slide_type": "-"}
print(f"highest log-likelihood of all: at θ = {folds[log_likelihood.argmax()]:.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It goes past 1.2, and that is no mistake: these 100 points are best explained by a little more than the $\theta$ that drew them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The best Gaussian q
# Between the bad guess and the exact posterior lies what a VAE can reach at best: for each $x$ the best **Gaussian** $q$.
# We find it by gradient ascent from three starts, because the bound has several tops.


# %% slideshow={"slide_type": "fragment"}
def best_gaussian(model, x, n_steps=120):
    """For each x (n, 1) the q = N(mean, exp(logvar)) with the highest ELBO: mean, logvar, ELBO, (n,) each."""
    many = x.repeat(3, 1)  # (3n, 1), one copy for each start
    mean = torch.tensor([-1.5, 0.0, 1.5]).double().repeat_interleave(len(x)).requires_grad_()
    logvar = torch.full((3 * len(x),), -2.0).double().requires_grad_()
    optimizer = torch.optim.Adam([mean, logvar], lr=0.1)
    for step in range(n_steps):
        optimizer.param_groups[0]["lr"] = 0.1 * training.cosine(step, n_steps)
        loss = -exact_elbo(model, many, mean, logvar).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    table = torch.stack([mean, logvar, exact_elbo(model, many, mean, logvar)]).detach().view(3, 3, -1)
    best = table[2].argmax(0)  # (n,) which start
    return table[:, best, torch.arange(len(x))]


# %% slideshow={"slide_type": "subslide"}
mean, logvar, _ = best_gaussian(world, points)
gaussian = bound_over_folds(mean, logvar)


# %% slideshow={"slide_type": "subslide"}
def draw_step(ax, title, bound, old):
    """The likelihood and the bound of one q over θ, and the step from folds[old] to the bound's top."""
    new = int(bound.argmax())
    ax.plot(folds, log_likelihood, color=plots.COLORS[4], label="log-likelihood")
    ax.plot(folds, bound, color=plots.COLORS[0], ls="--", label="bound, $q$ held still")
    ax.vlines(
        folds[old], bound[old], log_likelihood[old], color=plots.COLORS[3], lw=4, alpha=0.5, label="gap"
    )
    for i, marker, name in ((old, "o", "before"), (new, "s", "after")):
        ax.plot(folds[[i, i]], [bound[i], log_likelihood[i]], marker, color=plots.COLORS[1], label=name)
    change = log_likelihood[new] - log_likelihood[old]
    ax.set(
        title=f"{title}:\nlikelihood {change:+.3f} nats",
        xlabel="decoder's weight $\\theta$",
        ylim=(-2.6, -1.2),
    )


# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.7))
draw_step(axes[0], "a bad guess", guess, 24)
draw_step(axes[1], "the exact posterior", bound_with_posterior_of(12), 12)
draw_step(axes[2], "the best Gaussian", gaussian, 24)
axes[0].set(ylabel="nats per point", ylim=(-6.5, -1))
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
plots.show(
    figure,
    alt="Three panels, each with the log-likelihood over the decoder's weight, highest near 1.35, and a bound below it. "
    "Bad guess: the bound is far below and highest at 0; going there the likelihood falls clearly. Exact posterior at 0.6: "
    "the bound touches there and is highest further right; the likelihood rises. Best Gaussian at 1.2: the bound is close "
    "below, its top a little to the left; the likelihood falls a little.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# In the last panel the model was the true one and the encoder as good as a Gaussian can be. Still the bound sends the
# decoder away, to a slightly weaker fold, whose posterior is less divided. Where does it end? For each $\theta$, the best Gaussian $q$ for each
# point, and with it the highest bound there is:

# %% slideshow={"slide_type": "subslide"}
some = list(range(0, 41, 5))  # θ = 0, 0.25, ..., 2
highest = [best_gaussian(models[i], points)[2].mean().item() for i in some]
_, ax = plt.subplots(figsize=(7.5, 3.8))
curves = {"log-likelihood": log_likelihood[some], "highest bound with a Gaussian q": highest}
plots.plot_curves(folds[some], curves, ax=ax, xlabel="decoder's weight $\\theta$", ylabel="nats per point")
for values, marker in ((log_likelihood[some], "o"), (torch.tensor(highest), "s")):
    ax.plot(folds[some][values.argmax()], values.max(), marker, color=plots.COLORS[4])
plots.show(
    ax,
    alt="Two curves over the decoder's weight. The log-likelihood has its top near 1.25, the highest bound a lower one at 1, "
    "with a small second rise at 0, where the posterior has a single hill.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A VAE does not maximise the likelihood. It maximises the likelihood **minus what its encoder cannot express**, and so it prefers decoders
# whose posterior is simple. With a mild gap that is a mild preference; section 3.11 makes the gap smaller, and better encoders do too.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The bound in your hands
# Drag the circle, the mean of $q$, and the squares, its width. The bars follow: reconstruction, KL, bound, gap. Try this:
#
# 1. $x$ number 0: close the gap as far as you can by hand, then press *Optimise q*. Who is better?
# 2. $x$ number 3 has two hills: put $q$ on one of them and optimise, then on the other. Do both end at the same bound?
# 3. Choose the decoder *no fold*. How far can the gap be closed there? Watch which number never moves while you drag.

# %% slideshow={"slide_type": "fragment"}
choices = torch.tensor([[-2.2], [-1.0], [0.0], [1.0], [1.6], [2.4]], dtype=torch.float64)
explorer = widgets.ELBOExplorer(
    {"folded": world, "no fold": folded(0.0), "more folded": folded(1.8)}, choices
)

# %% slideshow={"slide_type": "subslide"}
explorer

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same without a mouse: for $x = 1$, the gap of every Gaussian $q$, as a landscape over its mean and width.

# %% slideshow={"slide_type": "fragment"}
means, stds, pairs = plots.plane((-2, 2.5), (0.05, 1.2), n=90)
mean, std = pairs.T
with torch.no_grad():
    landscape = exact_elbo(world, torch.ones(len(pairs), 1).double(), mean, 2 * std.log())
gap = vae.truth_on_grid(world, torch.ones(1, 1).double()).log_prob - landscape

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.5, 3.7))
levels = [0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 40]
shades = ax.contourf(means, stds, gap.view(90, 90), levels=levels, norm="log", cmap="cividis", extend="both")
bar = ax.figure.colorbar(shades, label="gap to log p(x) (nats)")
bar.ax.minorticks_off()
bar.set_ticks([0.2, 0.5, 1, 2, 5, 12, 40], labels=["0.2", "0.5", "1", "2", "5", "12", "40"])
ax.set(xlabel="mean of $q$", ylabel="standard deviation of $q$")
plots.show(
    ax,
    alt="The gap for x = 1 over the mean and the standard deviation of q: two separate basins of small gap, the deeper one "
    "near a mean of -0.5, the other near 1.4, both at small widths; between them and at the left the gap is many nats.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two basins: gradient steps end in the one in which they start. That is why task 2 ends at two bounds.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.7 Two directions of the KL (deeper)
#
# *About 15 minutes.* The gap is $\mathrm{KL}(q \,\|\, p)$ with the guess first: the **reverse** direction. Maximum likelihood is the other one: $\mathbb E_{x \sim \text{data}}[\log p(x)]
# = -\mathrm{KL}(\text{data} \,\|\, p) + \text{const}$, with the model second: the **forward** direction. (The constant is
# minus the entropy of the data, which no model changes.) What is the difference?
#
# $$\mathrm{KL}(q\,\|\,p) = \int q \log \frac qp \qquad\qquad \mathrm{KL}(p\,\|\,q) = \int p \log \frac pq$$
#
# Reverse: the average is taken where $q$ is. A place with $q > 0$ and tiny $p$ costs dearly; a place where $q$ is absent costs nothing.
# Forward: the average is taken where $p$ is. No place of $p$ may be left out; lying where $p$ is not costs little.
#
# > **Predict.** $p$ has two hills, of weights 0.6 and 0.4. We fit one Gaussian in each direction. Where will each lie?

# %% slideshow={"slide_type": "subslide"}
grid = torch.linspace(-8, 8, 1601, dtype=torch.float64)
hills = torch.stack([Normal(-1.8, 0.6).log_prob(grid), Normal(1.8, 0.6).log_prob(grid)])
log_p = (hills + torch.tensor([0.6, 0.4]).double().log()[:, None]).logsumexp(0)


def fit_gaussian(direction, start, n_steps=300):
    parameters = torch.tensor([start, 0.0]).double().requires_grad_()  # mean, log σ²
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    for _ in range(n_steps):
        log_q = Normal(parameters[0], (0.5 * parameters[1]).exp()).log_prob(grid)
        first, second = (log_q, log_p) if direction == "reverse" else (log_p, log_q)
        kl = torch.trapezoid(first.exp() * (first - second), grid)
        optimizer.zero_grad()
        kl.backward()
        optimizer.step()
    return parameters[0].item(), (0.5 * parameters[1]).exp().item(), kl.item()


fits = {"forward": fit_gaussian("forward", 0.5)}
fits |= {f"reverse, from {start}": fit_gaussian("reverse", start) for start in (-1.0, 1.0)}

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.5, 3.8))
curves = {name: Normal(mean, std).log_prob(grid).exp() for name, (mean, std, _) in fits.items()}
ax.fill_between(grid, log_p.exp(), color="grey", alpha=0.35, lw=0, label="p")
plots.plot_curves(grid, curves, ax=ax, xlabel="$z$", ylabel="density")
ax.set(xlim=(-5, 5))
ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=10)
plots.show(
    ax,
    alt="A density with a higher hill at -1.8 and a lower one at 1.8. The forward fit is one wide Gaussian over both, highest "
    "over the valley. The two reverse fits are narrow: each lies exactly on one of the hills.",
)
# %% slideshow={"slide_type": "subslide"}
for name, (mean, std, kl) in fits.items():
    print(f"{name:>18}: mean {mean:5.2f}, σ {std:.2f}, KL in its own direction {kl:.2f}")
print(f"-log 0.6 = {-math.log(0.6):.2f}, -log 0.4 = {-math.log(0.4):.2f}")
moments = -1.8 * 0.6 + 1.8 * 0.4, math.sqrt(0.36 + 1.8**2 - 0.36**2)
print("p's own mean and standard deviation: {:.2f}, {:.2f}".format(*moments))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Forward **covers**: it takes the mean and the standard deviation of $p$, and has its top over the valley. Reverse **chooses** a hill and fits it well;
# which one depends on the start, and leaving out the rest costs only $-\log$ of the weight it kept. So the encoder of a VAE, fitted in reverse, is
# narrower than the true posterior where that has several hills. The model $p(x)$ as a whole is fitted forward, up to the gap: it
# must cover the data, and rather puts some mass where there is none. Chapter 5 meets a model with other manners.

# %% slideshow={"slide_type": "skip"}
ch03.reverse_kl

# %% slideshow={"slide_type": "skip"}
ch03.reverse_kl.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.8 A gradient through a random draw (core)
#
# *About 20 minutes.* With long codes there is no grid, and $\mathbb E_q[\log p(x \mid z)]$ has to be estimated from draws of $z$. We need its gradient with
# respect to $m$ and $\sigma$, which sit in the distribution that we draw from. How does a derivative get through a throw of dice?
#
# **Reparameterise.** A draw from $\mathcal N(m, \sigma^2)$ can be made as $z = m + \sigma \varepsilon$ with $\varepsilon \sim \mathcal N(0, 1)$. The
# randomness is now in $\varepsilon$, which does not depend on $m$ or $\sigma$, and the derivative goes inside the average:
#
# $$\nabla\, \mathbb E_{z \sim q}[f(z)] = \nabla\, \mathbb E_\varepsilon[f(m + \sigma \varepsilon)] = \mathbb E_\varepsilon[\nabla f(m + \sigma\varepsilon)],$$
# $$\frac{\partial f}{\partial m} = f'(z) \cdot 1, \qquad \frac{\partial f}{\partial \sigma} = f'(z) \cdot \varepsilon .$$
#
# By hand for $f(z) = z^2$, where $\mathbb E_q[f] = m^2 + \sigma^2$ and the truth is $2m$ and $2\sigma$: one draw gives $2z$ and $2z\varepsilon$,
# with the averages $2\,\mathbb E[m + \sigma\varepsilon] = 2m$ and $2\,\mathbb E[m\varepsilon + \sigma\varepsilon^2] = 2\sigma$.

# %% slideshow={"slide_type": "subslide"}
m, sigma = torch.tensor(1.5, requires_grad=True), torch.tensor(0.8, requires_grad=True)
noise = torch.randn(100_000, generator=generator)
z_draws = m + sigma * noise
(z_draws**2).mean().backward()  # autograd goes through the sum and the product
by_hand = (2 * z_draws).mean().item(), (2 * z_draws * noise).mean().item()
print(f"d/dm: by hand {by_hand[0]:.4f}   autograd {m.grad:.4f}   truth {2 * 1.5:.1f}")
print(f"d/dσ: by hand {by_hand[1]:.4f}   autograd {sigma.grad:.4f}   truth {2 * 0.8:.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The other way: the score function
# Without moving the noise, differentiate the density itself:
#
# $$\begin{aligned}
# \nabla \int q(z) f(z)\, dz &= \int \nabla q(z)\, f(z)\, dz && \text{the derivative goes inside the integral} \\
# &= \int q(z)\, \nabla \log q(z)\, f(z)\, dz && \nabla \log q = \nabla q / q \\
# &= \mathbb E_q\big[f(z)\, \nabla \log q(z)\big].
# \end{aligned}$$
#
# For the mean, $\partial \log q / \partial m = (z - m)/\sigma^2$. This never differentiates $f$: a simulator, a discrete choice, a human
# verdict will do. It only weighs each draw by how good it was. (Chapter 11 needs it, under the name REINFORCE.)
#
# > **Predict.** Both are unbiased. Which has the smaller variance, and what happens when $z$ has 100 numbers?

# %% slideshow={"slide_type": "subslide"}
print("mean of 20,000 estimates (variance of one)")
print(f"{'d':>3}{'score function':>25}{'reparameterised':>28}{'ratio':>16}{'truth':>9}")
for d in (1, 10, 100):
    mean, logvar = torch.full((d,), 1.5).double(), torch.full((d,), 2 * math.log(0.8)).double()
    rows = []
    for estimator in (vae.score_function_gradient, vae.reparameterized_gradient):
        g_mean = estimator(
            lambda z: z.square().sum(1), mean, logvar, n_samples=20_000, generator=generator
        ).mean[:, 0]
        rows += [g_mean.mean().item(), g_mean.var().item()]
    print(
        "{:3} {:12.2f} ({:9.1f}) {:18.2f} ({:6.2f})".format(d, *rows),
        f"{rows[1] / rows[3]:15.0f} {2 * 1.5:8.2f}",
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# Both are right on average. One score-function estimate in 100 dimensions is noise with a trace of signal, because every number in $z$
# is blamed for what all of them did. The reparameterised one knows how $f$ changes along each. That is why VAEs could be trained at all, and why $z$ is
# made of real numbers in them.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.3
# Turn noise into a draw from $q$, from `mean`, `logvar` and `noise` of the same shape. The check also looks at the gradients.


# %% slideshow={"slide_type": "skip"}
def my_reparameterize(mean, logvar, noise):
    return ...


ch03.reparameterize.check(my_reparameterize)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.4
# The score-function estimate of $\frac{d}{dm}\,\mathbb E[f(z)]$: from draws `z`, `(n,)`, of $\mathcal N(m, \sigma^2)$ and a function `f` that gives
# one value for each of them, one estimate per draw, `(n,)`. Do not differentiate `f`.


# %% slideshow={"slide_type": "skip"}
def my_score_function(f, z, mean, std):
    return ...


ch03.score_function.check(my_score_function)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.9 A VAE in twenty lines (core)
#
# *About 25 minutes.* All parts are there: an encoder for $m$ and $\log\sigma^2$, a draw that lets the gradient through, a decoder, a log-density, a KL in
# closed form. One draw of $z$ for each $x$ is enough, because there are many $x$ in a batch.
#
# The data is the plane of chapter 1, two moons inside a ring of eight Gaussians. There are two numbers in $z$, and $\sigma_x$ is fixed at 0.08
# (question 3 at the end asks for the best one).

# %% slideshow={"slide_type": "subslide"} tags=["long"]
plane_data = data.moons_and_ring(3000, generator=generator).points  # (3000, 2)
encoder = mlp([2, 64, 64, 64, 4], activation=nn.ReLU)  # x to two means and two log-variances
decoder = mlp([2, 64, 64, 64, 2], activation=nn.ReLU)  # z to the mean of x
x_std = 0.08  # σ_x
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=5e-3, fused=True)
batches = training.batches(plane_data, 256, generator=generator)
history, n_steps = History(), 3000

with training.threads(1):
    for step in training.steps(n_steps, history):
        optimizer.param_groups[0]["lr"] = 5e-3 * training.cosine(step, n_steps)
        x = next(batches)  # (256, 2)
        mean, logvar = encoder(x).chunk(2, dim=1)  # (256, 2) each
        z_draw = reparameterize(mean, logvar, generator=generator)
        reconstruction = gaussian_log_prob(x, decoder(z_draw), 2 * math.log(x_std))  # log p(x | z), (256,)
        kl = kl_to_standard_normal(mean, logvar)  # (256,)
        elbo = (reconstruction - kl).mean()
        optimizer.zero_grad()
        (-elbo).backward()  # the loss is the negative ELBO
        optimizer.step()
        history.record(reconstruction=reconstruction.mean(), kl=kl.mean(), elbo=elbo)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With two numbers in $z$ a grid is still affordable, so that we see the true $p(x)$ of what was trained: 160×160 values of $z$.


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def log_prob_by_grid(model, x):
    """log p(x), (n,), for two numbers in z and a Gaussian likelihood."""
    side = torch.linspace(-4.5, 4.5, 160)
    codes = torch.cartesian_prod(side, side)  # (25600, 2)
    log_share = gaussian_log_prob(codes, 0.0, 0.0) + 2 * math.log(9 / 159)
    means, logvar = model.output(codes), 2 * math.log(model.likelihood.std)
    parts = [
        (-0.5 * torch.cdist(part, means).square() / math.exp(logvar) + log_share).logsumexp(1)
        for part in x.float().split(200)
    ]
    return torch.cat(parts) - math.log(2 * math.pi) - logvar


# %% slideshow={"slide_type": "subslide"}
plane_vae = vae.VAE(encoder, decoder, latent_dim=2, likelihood=vae.Gaussian(std=x_std))
test_plane = data.moons_and_ring(2000, generator=generator).points
mixture, _ = mixtures.fit_em(plane_data.double(), 30, max_iter=200, generator=generator)
scores = {"mixture of 30, log p(x)": mixtures.e_step(test_plane.double(), mixture).log_prob.mean()}
scores["VAE, log p(x)"] = log_prob_by_grid(plane_vae, test_plane).mean()
scores["VAE, ELBO"] = vae.elbo(plane_vae, test_plane, n_samples=20, generator=generator).detach().mean()
for name, score in scores.items():
    print(f"{name:>24}: {score:.2f} nats per unseen point")

# %% slideshow={"slide_type": "subslide"}
x, y, everywhere = plots.plane((-2.1, 2.1), (-2.1, 2.1), n=100)
drawn = plane_vae.sample(1500, draw=True, generator=generator)
figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), sharex=True, sharey=True)
plots.plot_points(plane_data[:1500], ax=axes[0], size=3, alpha=1)
plots.plot_density(x, y, mixtures.e_step(everywhere, mixture).log_prob.exp(), ax=axes[1])
plots.plot_density(x, y, log_prob_by_grid(plane_vae, everywhere).exp(), ax=axes[2])
plots.plot_points(drawn, ax=axes[3], size=3, alpha=1)
for ax, title in zip(axes, ("data", "mixture of 30", "VAE: $p(x)$", "VAE: 1,500 draws"), strict=True):
    ax.set(title=title, xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), ylabel="", aspect="equal")
plots.show(
    figure,
    alt="The data, two moons in a ring of eight clusters; the mixture's density, which follows them in small pieces; the VAE's "
    "density, with the eight clusters as dark spots in a thin film that fills the whole disc, and the moons as streaks in it; "
    "draws of the VAE, dense on the clusters, many scattered over the film.",
)
# %% slideshow={"slide_type": "subslide"}
for name, points_there in (("VAE's draws", drawn), ("unseen data", test_plane)):
    nearest = torch.cdist(points_there, plane_data).min(1).values
    print(f"{name}: {(nearest > 3 * x_std).double().mean():.0%} farther than 3 σ_x from all training data")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The plain mixture wins, clearly. (Each shade has half the density of the next darker one: the film is thin.) A VAE is not better at everything, and it helps to know why it loses here. Its decoder is continuous and its
# prior is one hill without gaps, so that islands stay joined by a film of probability; its noise has one width for all places; and it climbed a bound.
# Where it wins is where a mixture cannot follow: many features that combine, and images. That is chapter 4.
#
# The package has this loop as `vae.fit_vae`, which we use from here on.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.5
# The heart of it all: an estimate of the ELBO of each example, with a Gaussian likelihood of standard deviation `std`. Take the
# reconstruction from one draw of $z$ and the KL in closed form.
# `noise` is a draw from $\mathcal N(0, I)$ in the shape of `mean`; `decode` maps `z` to the mean of `x`.


# %% slideshow={"slide_type": "skip"}
def my_elbo(x, mean, logvar, noise, decode, std):
    return ...


ch03.elbo.check(my_elbo)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Break it: no noise at evaluation
# Some programs switch the noise off in a test, $z = m$, "to get the clean result", and print reconstruction − KL.
#
# > **Predict.** Higher or lower than the ELBO? And compared with $\log p(x)$?

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    q = plane_vae.encode(test_plane)
    at_the_mean = plane_vae.likelihood.log_prob(test_plane, plane_vae.output(q.mean)) - kl_to_standard_normal(
        *q
    )
above = (at_the_mean > log_prob_by_grid(plane_vae, test_plane)).double().mean()
print(f"'ELBO' with z = m: {at_the_mean.mean():.2f}   ELBO: {scores['VAE, ELBO']:.2f}", end="   ")
print(f"log p(x): {scores['VAE, log p(x)']:.2f} nats")
print(f"points for which it is above log p(x): {above:.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It flatters, and it is no bound. The average over $q$ is part of the definition. Without it the code pays the price of a
# noisy cloud, and is then decoded as if it had no noise.

# %% slideshow={"slide_type": "skip"}
ch03.bound_or_estimate

# %% slideshow={"slide_type": "skip"}
ch03.bound_or_estimate.answer(...)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### One encoder for all x: amortisation (deeper)
# EM, and our `best_gaussian`, solve a small problem for **each** $x$ anew. A VAE's encoder is one network that answers for every
# $x$ at once, also for those it has never seen: the cost of the search is paid once and shared (*amortised*). The price is a second gap:
#
# $$\log p(x) - \mathrm{ELBO} = \underbrace{\log p(x) - \mathrm{ELBO}(\text{best Gaussian})}_{\text{a Gaussian cannot do better}}
# + \underbrace{\mathrm{ELBO}(\text{best Gaussian}) - \mathrm{ELBO}(\text{encoder})}_{\text{amortisation gap}} .$$
#
# We train the encoder of our one-dimensional world, with its decoder held still, and measure both on new points.

# %% slideshow={"slide_type": "fragment"}
world = folded(1.2)
world.decoder.requires_grad_(False)
x = world.sample(2000, draw=True, generator=generator)
vae.fit_vae(world, x, n_steps=1200, batch_size=128, learning_rate=5e-3, generator=generator)
new = world.sample(200, draw=True, generator=generator)
with torch.no_grad():
    encoded = [part[:, 0] for part in world.encode(new)]
    encoder_bound = exact_elbo(world, new, *encoded).mean()
best_bound = best_gaussian(world, new)[2].mean()
log_px = vae.truth_on_grid(world, new).log_prob.mean()
print(f"log p(x) {log_px:.3f}   best Gaussians {best_bound:.3f}   one encoder {encoder_bound:.3f}")
print(
    f"gap {log_px - encoder_bound:.3f} = {log_px - best_bound:.3f} + {best_bound - encoder_bound:.3f} (amortisation)"
)

# %% slideshow={"slide_type": "subslide"}
line = torch.linspace(-3, 3, 81, dtype=torch.float64)[:, None]
truth = vae.truth_on_grid(world, line, low=-3.5, high=3.5, n_grid=141)
_, ax = plt.subplots(figsize=(7.5, 3.4))
plots.plot_density(line[:, 0], truth.z, truth.posterior.T, ax=ax)
with torch.no_grad():
    ax.plot(line, world.encode(line).mean, color=plots.COLORS[1], label="mean of the one encoder")
ax.plot(line, best_gaussian(world, line)[0], "k.", label="mean of the best Gaussian for each $x$")
ax.set(xlabel="$x$", ylabel="$z$")
ax.legend(loc="upper left", fontsize=10)
plots.show(
    ax,
    alt="The posterior of z for each x, as shades: a band that rises, folds back and rises again, so that for x near 0 there "
    "are three branches. Black dots, the best Gaussians, sit on one branch and jump to another at some x. The encoder's mean "
    "is a continuous line that follows the dots in part, and is off their branch elsewhere.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The best Gaussian **jumps** from branch to branch as $x$ grows. A network is continuous, and it was trained by small steps: it crosses the empty
# land between the branches, or stays on one that is no longer the best. In a VAE the decoder is trained too, and it helps by growing
# posteriors that a continuous encoder can follow. That is the preference of section 3.6 once more.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.10 Why the noise does not die (core)
#
# *About 20 minutes.* What does the KL term do for the code? Take it away and see. The pictures are the moon phases of chapter 2, whose only factor is the
# phase; the code is one number. We train twice from the same start, on the reconstruction alone ($\beta = 0$) and on the ELBO ($\beta = 1$).
#
# > **Predict.** With the reconstruction alone, what does the encoder do with its variance: leave it near 1, raise it, or
# > lower it?


# %% slideshow={"slide_type": "fragment"}
moons = data.moon_phases(2000, size=20, generator=generator)


def train_on_moons(beta):
    seeded = seed_everything(1)
    model = vae.mlp_vae((20, 20), 1, hidden=(64, 64), likelihood=vae.Gaussian(std=1.0))
    history = vae.fit_vae(
        model,
        moons.images,
        n_steps=600,
        batch_size=64,
        beta=beta,
        generator=seeded,
        measure=lambda model: {"logvar": float(model.encode(moons.images).logvar.mean())},
        measure_every=20,
    )
    return model, history


trained = {"reconstruction alone": train_on_moons(0.0), "ELBO": train_on_moons(1.0)}

# %% slideshow={"slide_type": "subslide"}
logvars = {name: history["logvar"] for name, (_, history) in trained.items()}
steps = trained["ELBO"][1].steps("logvar")
order = moons.phases.argsort()[::10]
phase = moons.phases[order]

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.5))
plots.plot_curves(steps, logvars, ax=axes[0], xlabel="step", ylabel="mean of $\\log\\sigma^2$")
for ax, (name, (model, _)) in zip(axes[1:], trained.items(), strict=True):
    with torch.no_grad():
        mean, logvar = (part[:, 0] for part in model.encode(moons.images[order]))
    std = (0.5 * logvar).exp()
    ax.plot(phase, mean, color=plots.COLORS[0])
    ax.fill_between(phase, mean - 2 * std, mean + 2 * std, color=plots.COLORS[0], alpha=0.3, lw=0)
    ax.set(title=name, xlabel="phase of the moon", ylabel="code: $m \\pm 2\\sigma$")
plots.show(
    figure,
    alt="Left: with the reconstruction alone the mean log-variance falls steeply and goes on falling; with the ELBO it stays near "
    "-3. Middle: without the KL the code is a thin line over the phase, over a range of more than ten units. Right: with "
    "the KL the code is a band of visible width that runs from about 2 to -2.",
)
# %% slideshow={"slide_type": "subslide"}
print("reconstruction alone, noise below 0.01:", logvars["reconstruction alone"][-1] < 2 * math.log(0.01))
print("ELBO, noise above 0.1:", logvars["ELBO"][-1] > 2 * math.log(0.1))
for name, (model, _) in trained.items():
    codes = model.encode(moons.images).mean
    print(f"{name}: means of the codes from {codes.min():.1f} to {codes.max():.1f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The encoder grades its own exam: noise only costs it, so it switches the noise off ($\log\sigma^2 \to -\infty$) and spreads the means
# as well. What is left is the plain autoencoder of chapter 2, whose codes lie where they like. With the KL, a narrower cloud has to be **worth** its price: it buys
# precision until the next bit of precision costs more nats than it saves. The clouds of neighbouring phases overlap, so the
# decoder has to answer sensibly everywhere between them, and the whole lot fills the prior. Now decode the prior:

# %% slideshow={"slide_type": "subslide"}
z_row = Normal(0.0, 1.0).icdf((torch.arange(12) + 0.5) / 12)[:, None]  # twelve equal shares of the prior
with torch.no_grad():
    rows = [model.decode(z_row).clamp(0, 1) for model, _ in trained.values()]
_, ax = plt.subplots(figsize=(9.5, 2.2))
plots.show(
    plots.plot_images(torch.cat(rows), n_columns=12, row_labels=list(trained), ax=ax),
    alt="Two rows of twelve decoded codes, equal shares of N(0, 1). Reconstruction alone: from the half moon to a "
    "crescent, with nothing fuller. ELBO: the moons go through all phases from full to a thin crescent.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Without the KL the codes spread over such a range that $\mathcal N(0, 1)$ reaches only a part of it: the full moon never comes. With it, the
# codes have the width of the prior, and the draws go through all phases.

# %% [markdown] slideshow={"slide_type": "subslide"}
# How does the ELBO know where to stop? Near its optimum the balance can be read off. With a decoder that is nearly straight over the width of the cloud,
# $g(m + \sigma\varepsilon) \approx g(m) + \sigma \varepsilon\, g'(m)$,
#
# $$\mathbb E_\varepsilon \lVert x - g(m) - \sigma\varepsilon\, g'(m) \rVert^2 = \lVert x - g(m) \rVert^2 + \sigma^2 \lVert g'(m) \rVert^2 ,$$
#
# because $\mathbb E[\varepsilon] = 0$ removes the mixed term and $\mathbb E[\varepsilon^2] = 1$. With the KL, the terms of the ELBO that contain $\sigma$ are
# $-\tfrac{1}{2\sigma_x^2} \sigma^2 \lVert g'(m) \rVert^2 - \tfrac12(\sigma^2 - \log \sigma^2)$. The derivative with respect to $\sigma^2$ has to be 0:
#
# $$-\frac{\lVert g'(m)\rVert^2}{2\sigma_x^2} - \frac12 + \frac{1}{2\sigma^2} = 0
# \quad\Longrightarrow\quad \frac{1}{\sigma^2} = 1 + \frac{\lVert g'(m)\rVert^2}{\sigma_x^2} .$$
#
# Where the picture changes fast with the code, the cloud is narrow.
#
# > **Check**, with the slope of the trained decoder, measured by a small step.

# %% slideshow={"slide_type": "subslide"}
model = trained["ELBO"][0]
with torch.no_grad():
    mean, logvar = model.encode(moons.images[order])
    slope = (model.decode(mean + 0.05) - model.decode(mean - 0.05)).flatten(1).norm(dim=1) / 0.1  # ‖g'(m)‖
predicted = (1 / (1 + slope.square() / 1.0**2)).sqrt()
learned = (0.5 * logvar[:, 0]).exp()
for share in (0.1, 0.5, 0.9):
    i = int(share * len(order))
    print(f"phase {moons.phases[order][i]:.2f}: σ predicted {predicted[i]:.2f}, learned {learned[i]:.2f}")
ratio = predicted / learned
print(f"predicted / learned, all {len(order)} phases: from {ratio.min():.2f} to {ratio.max():.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Break it: the ½ forgotten
# The recipe of section 3.5, $e^s - (1 + s) + m^2$, is twice the KL. Put it beside our log-likelihood: that is $\beta = 2$, whatever the
# program calls it. Three starts each, trained side by side.
#
# > **Predict.** Is the edge of a decoded half moon sharper or blurrier with $\beta = 2$? What happens to the noise $\sigma$, to the KL,
# > to the ELBO?


# %% slideshow={"slide_type": "fragment"}
def three_on_moons(beta):
    seeded = seed_everything(2)
    likelihood = vae.Gaussian(std=1.0)
    models = [vae.mlp_vae((20, 20), 1, hidden=(64, 64), likelihood=likelihood) for _ in range(3)]
    stack = stack_models(models)  # one network of three; each takes a third of every batch
    vae.fit_vae(stack, moons.images, n_steps=600, batch_size=3 * 32, beta=beta, generator=seeded)
    return unstack_models(stack)


half = data.moon_phases(phases=torch.tensor([0.5]), size=20).images  # its edge: from 0 to 1 in one pixel

# %% slideshow={"slide_type": "subslide"}
print("                    KL    ELBO   noise σ   steepest step at the edge")
for name, beta in {"with the ½": 1.0, "without": 2.0}.items():
    for model in three_on_moons(beta):
        with torch.no_grad():
            reconstruction, kl = (part.mean() for part in vae.elbo_terms(model, moons.images, n_samples=5))
            mean, logvar = model.encode(moons.images)
            edge = model.decode(model.encode(half).mean)[0, 10, 4:16].diff().abs().max()  # the middle row
        noise = (0.5 * logvar).exp().mean()
        print(f"{name:>14} {kl:7.2f} {reconstruction - kl:7.1f} {noise:9.3f} {edge:11.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Blurrier, if only a little: from each start the edge is less steep than with the ½. The balance above says why. With $\beta = 2$, a cloud
# has twice the price,
# $1/\sigma^2 = 1 + \lVert g'(m) \rVert^2 / (2 \sigma_x^2)$, so where the slope is steep $\sigma$ grows by a factor of nearly $\sqrt 2$, from
# about 0.2 to 0.28. The code tells less about the picture (the KL falls), and the ELBO falls too, because it is no longer what the training maximises. The
# program runs and its moons look like moons. Only numbers betray it.

# %% slideshow={"slide_type": "skip"}
ch03.collapse

# %% slideshow={"slide_type": "skip"}
ch03.collapse.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3.11 A ladder of bounds: IWAE (deeper)
#
# *About 25 minutes.* The estimate of section 3.2 failed because the prior seldom hits. Draw from $q(z \mid x)$ instead, and correct for it with
# **weights**:
#
# $$p(x) = \int q(z)\, \frac{p(x, z)}{q(z)}\, dz = \mathbb E_q[w], \qquad w = \frac{p(x, z)}{q(z \mid x)} .$$
#
# So $\frac1k \sum_i w_i$ with $z_1, \dots, z_k \sim q$ is unbiased for $p(x)$, whatever $q$ is. Its logarithm, by Jensen, is not:
#
# $$\mathcal L_k = \mathbb E\Big[\log \tfrac1k \sum_{i=1}^k w_i\Big] \;\le\; \log \mathbb E\Big[\tfrac1k \sum_i w_i\Big] = \log p(x).$$
#
# $\mathcal L_1$ is the ELBO. And the ladder only goes up: choose $j$ of the $k$ weights ($j < k$) at random; their mean has, on average over the
# choice, the value of the mean of all $k$. Jensen for that choice gives
#
# $$\log \tfrac1k \sum_i w_i = \log \mathbb E_{\text{choice}}\big[\text{mean of } j\big] \;\ge\; \mathbb E_{\text{choice}}\big[\log(\text{mean of } j)\big] .$$
#
# Now average both sides over the weights. The left becomes $\mathcal L_k$. On the right, any $j$ of the weights come from $j$ independent
# draws, so that it becomes $\mathcal L_j$: $\;\mathcal L_k \ge \mathcal L_j$.

# %% [markdown] slideshow={"slide_type": "subslide"}
# The weights allow any $q$. We compare three on the folded world: the best Gaussian for each $x$, the same with twice its $\sigma$, and the prior.
#
# > **Predict.** Which has the best ELBO ($k = 1$)? Which is nearest to $\log p(x)$ at $k = 1000$?


# %% slideshow={"slide_type": "fragment"}
@torch.no_grad()
def ladder_of(model, x, mean, logvar, noise, k):
    """L_k and its standard error, from draws z = mean + σ·noise; noise is (n_draws, n)."""
    q, noise = Normal(mean, (0.5 * logvar).exp()), noise[: len(noise) // k * k]
    z = q.mean + q.stddev * noise
    log_lik = model.likelihood.log_prob(x.repeat(len(z), 1), model.output(z.view(-1, 1))).view_as(z)
    log_w = log_lik + Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)
    values = (log_w.view(-1, k, len(x)).logsumexp(1) - math.log(k)).mean(1)  # one for each group of k draws
    return values.mean().item(), (values.std() / math.sqrt(len(values))).item()


few = new[:40]
truth = vae.truth_on_grid(world, few).log_prob.mean().item()
noise = torch.randn(20_000, 40, generator=generator, dtype=torch.float64)
mean, logvar, _ = best_gaussian(world, few)
proposals = {"best Gaussian": (mean, logvar), "twice as wide": (mean, logvar + 2 * math.log(2))}
proposals["prior"] = torch.zeros(40).double(), torch.zeros(40).double()

# %% slideshow={"slide_type": "fragment"}
ks = (1, 2, 5, 10, 30, 100, 300, 1000)
ladders = {name: [ladder_of(world, few, *q, noise, k) for k in ks] for name, q in proposals.items()}

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.5, 3.3))
curves = {name: [value for value, _ in ladder] for name, ladder in ladders.items()}
curves["log p(x), by quadrature"] = [truth] * len(ks)
plots.plot_curves(ks, curves, ax=ax, xlabel="k, draws for each x", ylabel="$\\mathcal{L}_k$ (nats per point)")
ax.set(xscale="log", ylim=(-4, -1))
plots.show(
    ax,
    alt="The bound against k on a logarithmic axis, for three choices of q, all rising. The best Gaussian starts highest and "
    "is nearly flat after k = 10. The one twice as wide starts lower and overtakes it at 5. The prior starts below the figure, "
    "is above both from k = 10 on, and touches the dotted line of log p(x) at 1,000.",
)

# %% slideshow={"slide_type": "subslide"}
print("     k    " + "".join(f"{name:>22}" for name in ladders))
for i, k in enumerate(ks):
    print(f"{k:6}    " + "".join(f"{ladder[i][0]:13.3f} ± {ladder[i][1]:.4f}" for ladder in ladders.values()))
print(f"log p(x)  {truth:13.3f}")
steps = torch.tensor([[value for value, _ in ladder] for ladder in ladders.values()]).diff(dim=1)
print("every ladder goes up:", bool((steps > 0).all()))

# %% [markdown] slideshow={"slide_type": "fragment"}
# Nearest at $k = 1000$ is the prior, whose ELBO was by far the worst. The best *bound* is not the best *proposal*: the Gaussian with the
# highest ELBO sits on one hill, and a thousand draws hardly ever visit the others. With twice the width it wastes more draws and misses less; the prior
# misses nothing. In one dimension its waste can be paid; section 3.2 showed what becomes of it in ten. The ladder reaches $\log p(x)$ in the end with any of them, but the end may be far
# beyond 1,000, and a flat curve is no proof of having arrived.

# %% [markdown] slideshow={"slide_type": "fragment"}
# Two things to keep. The bound rises **in expectation**: a single value is random, and may lie above $\log p(x)$. And with a
# large $k$ it is the standard way to **estimate** $\log p(x)$ of a trained VAE; chapter 4 uses 5,000 draws, and says so beside the number.
#
# One can also train on $\mathcal L_k$ (the *importance-weighted autoencoder*). Then the decoder need no longer be so simple that one Gaussian explains it.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check.** In section 3.6 the best bound with a Gaussian $q$ preferred a weaker fold than the likelihood did. Does
# > $\mathcal L_{10}$, with the same $q$?


# %% slideshow={"slide_type": "fragment"}
noise = torch.randn(2000, 100, generator=generator, dtype=torch.float64)
near, steps_up = list(range(16, 31, 2)), {"k = 1": [], "k = 10": [], "k = 100": []}  # θ from 0.8 to 1.5
for i in near:
    mean, logvar, _ = best_gaussian(models[i], points)
    for name, values in steps_up.items():
        values.append(ladder_of(models[i], points, mean, logvar, noise, int(name[4:]))[0])

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(7.5, 3.7))
curves = {"log p(x)": log_likelihood[near].tolist()} | steps_up
plots.plot_curves(folds[near], curves, ax=ax, xlabel="decoder's weight $\\theta$", ylabel="nats per point")
for name, values in curves.items():
    top = max(range(len(near)), key=values.__getitem__)
    ax.plot(folds[near][top], values[top], "o", color=plots.COLORS[4])
    print(f"{name:>8}: top at θ = {folds[near][top]:.1f}")
ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=10)
plots.show(
    ax,
    alt="Four curves over the decoder's weight, each with a dot at its top. The bound with k = 1 is lowest, and its top lies "
    "furthest to the left; with k = 10 and k = 100 the curves come closer to log p(x); their tops lie between that of k = 1 and that of log p(x).",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# It still prefers a weaker fold than the likelihood does, but less so than the ELBO. (Here $\theta$ goes in steps of 0.1; the figure of section 3.6
# had steps of 0.25.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 3.6
# The bound from log-weights of shape `(k, batch)`: one value per example. It has to survive weights such as $e^{-900}$.


# %% slideshow={"slide_type": "skip"}
def my_iwae_bound(log_weights):
    return ...


ch03.iwae_bound.check(my_iwae_bound)

# %% slideshow={"slide_type": "skip"}
ch03.ladder

# %% slideshow={"slide_type": "skip"}
ch03.ladder.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A decoder and a prior make a mixture of infinitely many Gaussians. $p(x)$ is an integral that nobody can do for long codes.
# - **$\log p(x) = \mathrm{ELBO}(q, \theta) + \mathrm{KL}(q \,\|\, p(z \mid x))$**, and $\mathrm{ELBO} = \mathbb E_q[\log p(x \mid z)] - \mathrm{KL}(q \,\|\, p(z))$.
# - Moving $q$ changes the gap, never the likelihood. Moving the decoder raises the bound, and the likelihood for sure only if the gap was closed.
# - $\mathrm{KL} = \tfrac12(e^s - (1 + s) + m^2)$ per dimension with $s = \log \sigma^2$: summed, with the ½.
# - $z = m + \sigma\varepsilon$ lets the gradient through; the score function does without a derivative, and pays in variance.
# - Without the KL the noise dies. With $k$ draws and weights the bound climbs a ladder to $\log p(x)$.
#
# **What comes next.** Images: the same twenty lines, longer codes, figures that can be compared with published ones, and what goes
# wrong (collapsed codes, blur) with what helps.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. In section 3.6 the decoder climbed the bound by making its posterior look like a bad guess. Which part of the training of a real VAE
#    could do the same, early on, when the encoder is still bad? What would you see in the KL?
# 2. Add the same constant to every mean that the encoder gives, and subtract it in the decoder. What changes in the reconstruction, what in
#    the KL? Compare with question 1 of chapter 2.
# 3. In section 3.9 we fixed $\sigma_x = 0.08$. Write the ELBO with $\sigma_x$ as a parameter, set the derivative to 0, and say
#    what the best $\sigma_x^2$ is. What happens to it if the noise in the code is dead?
#
# ### References
# - D. Kingma, M. Welling (2013), [Auto-encoding variational Bayes](https://arxiv.org/abs/1312.6114).
# - D. Rezende, S. Mohamed, D. Wierstra (2014), [Stochastic backpropagation and approximate inference in deep generative
#   models](https://arxiv.org/abs/1401.4082).
# - Y. Burda, R. Grosse, R. Salakhutdinov (2015), [Importance weighted autoencoders](https://arxiv.org/abs/1509.00519).
# - R. Neal, G. Hinton (1998), [A view of the EM algorithm that justifies incremental, sparse, and other
#   variants](https://doi.org/10.1007/978-94-011-5014-9_12).
# - R. Williams (1992), [Simple statistical gradient-following algorithms for connectionist reinforcement
#   learning](https://doi.org/10.1007/BF00992696).
# - C. Cremer, X. Li, D. Duvenaud (2018), [Inference suboptimality in variational
#   autoencoders](https://arxiv.org/abs/1801.03558): the two gaps of section 3.9.
