# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 10: Discrete codes
#
# *Two to three hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# A VAE describes an image by real numbers, and its pictures are soft. A PixelCNN is sharp, but it asks 784 questions, most of them dull: is the pixel beside a black one black as well?
#
# This chapter joins the two. An autoencoder turns the image into a small map of **codes**, each one of 64, as if it were laid out with tiles from a box. Then the PixelCNN of chapter 9 draws the codes, 49 of them instead of 784 pixels. This is the **VQ-VAE**: a vector-quantised variational autoencoder.
#
# There is one obstacle: to choose the nearest tile is a step that lets no gradient through.
#
# **After this chapter you can**
# - replace vectors by the nearest of a few, and say what that costs;
# - hand a gradient on where there is none, and say what it stands for;
# - train a codebook, and find out whether its codes are used;
# - say why nothing in the loss lets such a code fall silent as in chapter 4;
# - draw new digits by a prior over codes, and compare them with those of a VAE;
# - find out what each of two levels of codes holds.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** The encoder gives a vector $z$ at each place of a small grid. The **codebook** has $K$ vectors $e_1, \dots, e_K$. The **code** of $z$ is $k(z) = \arg\min_k \|z - e_k\|^2$, and the decoder gets $e_{k(z)}$ in place of $z$. $\mathrm{stop}(\cdot)$ has the value of
# what stands in it, and no gradient: `.detach()`. Losses are summed over numbers and places, and are means over the batch.

# %% slideshow={"slide_type": "skip"}
import math

import matplotlib.pyplot as plt
import torch
from scipy.spatial import Voronoi, voronoi_plot_2d
from sklearn.cluster import KMeans

from course_utils import data, metrics, mixtures, plots, pretrained, training, vqvae, widgets
from course_utils.autoregressive import GatedPixelCNN, fit_autoregressive, sample
from course_utils.conditions import OneHot
from course_utils.exercises import ch10
from course_utils.networks import apply_in_batches
from course_utils.seeding import seed_everything

# %% slideshow={"slide_type": "skip"}
rng = seed_everything(0)
images, labels = data.load_mnist()
images = images[:, None]  # (60000, 1, 28, 28), grey values in [0, 1]
test_images, test_labels = data.load_mnist("test")
test_images = test_images[:, None]
judge = metrics.judge("mnist")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 9. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch10.recall_steps

# %% slideshow={"slide_type": "skip"}
ch10.recall_steps.answer(...)

# %% slideshow={"slide_type": "skip"}
ch10.recall_blind

# %% slideshow={"slide_type": "skip"}
ch10.recall_blind.answer(...)

# %% slideshow={"slide_type": "skip"}
ch10.recall_one_hot

# %% slideshow={"slide_type": "skip"}
ch10.recall_one_hot.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.1 Codes on the plane (core)
# *About 20 minutes.* You will describe points of the plane by one of 32 codes, and make a generative model of it.
#
# Two moons in a ring are the course's test for every family of models. Here a point is sent to the nearest of 32 vectors, and from now on it is called by that vector's number. That takes 5 bits instead of two real numbers. What is lost is the distance from the point to its vector.
#
# Where should the 32 vectors be? For the points that have chosen $e$, the total squared distance is $\sum_i \|z_i - e\|^2$. Its derivative, $2\sum_i (e - z_i)$, is zero at $e = \frac1n\sum_i z_i$: **each code should be the mean of its points**. But when codes move, points choose anew. Doing both in turn is *k-means*.
# `vqvae.VectorQuantizer` does the same by mini-batches, with running means, so that it can later live inside a network.

# %% slideshow={"slide_type": "subslide"}
points = data.moons_and_ring(20_000, generator=rng).points
quantizer = vqvae.VectorQuantizer(32, 2, revive_below=0.4)  # what that means: section 10.3
batches = training.batches(points, 1_000, generator=rng)
for _ in range(400):
    quantizer(next(batches)[:, :, None, None], generator=rng)  # in training mode, each call moves the codes
quantizer.eval()
codebook = quantizer.codebook
codes = vqvae.nearest_codes(points, codebook)  # (20000,)
ours = (points - codebook[codes]).square().sum(1).mean().item()
theirs = KMeans(32, n_init=1, random_state=0).fit(points.numpy()).inertia_ / len(points)
print(f"mean squared distance: {ours:.4f}; k-means of scikit-learn: {theirs:.4f}")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("less than twice as far:", ours < 2 * theirs)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now a generative model, in two parts. The **prior** says how often each code occurs. The **decoder** says where a point of this code lies: around the code's vector, with one variance per code.
#
# $$p(x) = \sum_{k=1}^{K} p(k)\, p(x \mid k) \;\ge\; p(k(x))\, p(x \mid k(x)).$$
#
# The sum is a mixture, as in chapter 1. On the right only the term of the nearest code is left. That is a bound. Its logarithm is the ELBO of an encoder that answers $k(x)$ and is sure of it.
#
# > **Predict.** How large is the gap between the two, on average?

# %% slideshow={"slide_type": "fragment"}
test_points = data.moons_and_ring(3_000, generator=rng).points
share = torch.bincount(codes, minlength=32) / len(codes)
spread = (points - codebook[codes]).square().sum(1)
variance = torch.zeros(32).index_add_(0, codes, spread) / (2 * share * len(codes))  # of each of two numbers


def log_joint(x):
    """Log p(k) + log p(x | k) for each code, (n, 32)."""
    squared = torch.cdist(x, codebook).square()
    return share.log() - squared / (2 * variance) - (2 * math.pi * variance).log()


every = log_joint(test_points)
bound = every.gather(1, vqvae.nearest_codes(test_points, codebook)[:, None]).mean()
exact = every.logsumexp(1).mean()
mixture, _ = mixtures.fit_em(points[:3000].double(), 32, max_iter=100, generator=rng)
print(f"bound {bound:.2f}, exact {exact:.2f} nats per unseen point", end="   ")
print(f"mixture of 32 by EM: {mixtures.e_step(test_points.double(), mixture).log_prob.mean():.2f}")

# %% slideshow={"slide_type": "subslide"}
x, y, everywhere = plots.plane((-2.1, 2.1), (-2.1, 2.1), n=128)
drawn = torch.multinomial(share, 1_500, replacement=True, generator=rng)
drawn_points = codebook[drawn] + variance[drawn, None].sqrt() * torch.randn(1_500, 2, generator=rng)

# %% slideshow={"slide_type": "-"}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True, sharey=True)
plots.plot_points(points[:1500], ax=axes[0], size=3, alpha=1)
voronoi_plot_2d(Voronoi(codebook.numpy()), axes[0], show_vertices=False, show_points=False, line_width=0.8)
axes[0].plot(*codebook.T, "ko", markersize=3)
plots.plot_density(x, y, log_joint(everywhere.float()).logsumexp(1).exp(), ax=axes[1])
plots.plot_points(drawn_points, ax=axes[2], size=3, alpha=1)
for ax, title in zip(axes, ("data, 32 codes, their cells", "$p(x)$", "1,500 draws"), strict=True):
    ax.set(title=title, xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), ylabel="", aspect="equal")
plots.show(
    figure,
    alt="Left: the data, two moons in a ring of eight clusters, with 32 black dots, most of them in the clusters, and the borders "
    "between their cells. Middle: the density, small dark spots in the clusters, wide pale discs along the moons. Right: draws, "
    "tight in the clusters, while the two moons have become one broad band.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The gap is the mean of $-\log p(k(x) \mid x)$: what the nearest code leaves open about which spot the point came from, a few tenths of a nat. Round spots are a poor picture of a thin moon: in the draws the two can hardly be told apart, and the full covariances of EM do better. (Our codes lie a little worse than those of k-means: too many ended up in the clusters, too few on the moons.) But look at what the codes have done: separate pieces are no problem, and the prior is a table of 32 numbers that needs no training at all.
#
# In an image there is a code at each of 49 places. Then the prior over *one* code is not enough: the tiles have to fit each other. That will be the PixelCNN's work.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.1
# For vectors `z` (n, dim) and a `codebook` (n_codes, dim): the index of the nearest code of each z.


# %% slideshow={"slide_type": "skip"}
def my_nearest(z, codebook):
    return ...


ch10.nearest.check(my_nearest)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.2 A step without a slope (core)
# *About 20 minutes.* You will see why the nearest code lets no gradient through, and what is handed on in its place.
#
# Put the codebook between an encoder and a decoder. The encoder shall learn from the reconstruction error. Take the smallest case: $z$ is one number, there are three codes, and the decoder $f$ is a curve.
#
# > **Predict.** Draw the error $(x - f(e_{k(z)}))^2$ as a function of $z$. What is its derivative?

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
three = torch.tensor([[-1.0], [0.2], [1.2]], dtype=torch.float64)
target = 1.2


def decode(e):
    return 0.6 * e + 0.25 * e.square()


def error_of(z):
    """Error with the nearest code's vector in place of z (n,)."""
    e = three[vqvae.nearest_codes(z[:, None], three)][:, 0]
    return (target - decode(e)).square()


at = torch.tensor([-0.8, 0.3, 1.0], dtype=torch.float64)
step = 1e-4
print("finite differences:", ((error_of(at + step) - error_of(at - step)) / (2 * step)).tolist())

# %% [markdown] slideshow={"slide_type": "subslide"}
# A staircase. On each step the slope is 0, and at the edges there is none. Autograd would say the same: `argmin` gives integers, and no gradient leads through them.
#
# The **straight-through** estimator hands the decoder's gradient on to $z$ as if the step were not there:
#
# $$\text{forward: } e, \qquad\qquad \text{backward: } \frac{\partial L}{\partial z} := \frac{\partial L}{\partial e}, \qquad\qquad \text{in one line: } z + \mathrm{stop}(e - z).$$
#
# It is not the gradient of the staircase. It is the exact gradient of another function: the one that we get if $e - z$, the error of rounding, is frozen at its present value, $\tilde L(z) = \big(x - f(z + c)\big)^2$ with $c = e - z_0$, where $z_0$ is the present $z$ (and $x$ is `target` in the code). We can check that.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
z = at.clone().requires_grad_()
e = three[vqvae.nearest_codes(z[:, None].detach(), three)][:, 0]
loss = (target - decode(vqvae.straight_through(z, e))).square()
(handed_on,) = torch.autograd.grad(loss.sum(), z)
frozen = e - at


def surrogate(z):
    return (target - decode(z + frozen)).square()


difference = (surrogate(at + step) - surrogate(at - step)) / (2 * step)
print("handed on:       ", [round(value, 4) for value in handed_on.tolist()])
print("of the surrogate:", [round(value, 4) for value in difference.tolist()])

# %% slideshow={"slide_type": "subslide"}
grid = torch.linspace(-1.6, 1.8, 600, dtype=torch.float64)
ax = plots.plot_curves(grid, {"error with codes": error_of(grid)}, xlabel="$z$", ylabel="squared error")
colours, heights = plots.COLORS[1:4], loss.detach()
for z0, height, c, colour in zip(at, heights, frozen, colours, strict=True):
    near = torch.linspace(float(z0) - 0.35, float(z0) + 0.35, 50, dtype=torch.float64)
    ax.plot(near, (target - decode(near + c)).square(), color=colour, linestyle="--")
    ax.plot(z0, height, "o", color=colour)
downhill = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006, "zorder": 3}
ax.quiver(at, heights, -0.3 * handed_on.sign(), 0 * at, color=colours, **downhill)
ax.plot([], [], "k--", label="surrogate: rounding error frozen")
ax.legend()
plots.show(
    ax,
    alt="A staircase of three steps, each lower than the one before. Through a point on each step runs a dashed curve that falls "
    "to the right there. An arrow at each point is directed to the right: on the last step to where no step follows.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The staircase is flat, but all arrows point to where the steps go down. Follow them, and $z$ crosses the border to the better code. On the lowest step the arrow still points on, as a larger $e$ would be better yet, and there is none. (Its dashed curve has a minimum close by, but it is drawn for the present $z$ only. When $z$ moves, the rounding error is frozen anew, the decoder still gets the same $e$, and the gradient is the same as before.) So $z$ would go on and on, away from its code. And does the code itself ever move? It got no gradient at all. Both are the matter of the next section.

# %% slideshow={"slide_type": "skip"}
ch10.flat_steps

# %% slideshow={"slide_type": "skip"}
ch10.flat_steps.answer(...)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.2
# Return what the decoder gets: the value is `e`, and the gradient goes to `z`.


# %% slideshow={"slide_type": "skip"}
def my_straight(z, e):
    return ...


ch10.straight.check(my_straight)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.3 Who moves to whom (core)
# *About 20 minutes.* You will meet the two terms of the loss that tie vectors and codes together.
#
# $$L = \underbrace{\|x - \hat x\|^2}_{\text{decoder, and encoder straight through}} \; + \; \underbrace{\|\mathrm{stop}(z) - e\|^2}_{\text{codebook loss: } e \text{ moves to } z} \; + \; \beta\, \underbrace{\|z - \mathrm{stop}(e)\|^2}_{\text{commitment loss: } z \text{ stays near } e}$$
#
# The last two have the same value. They differ in who may move. The codes should follow quickly, and the encoder should not run ahead of them, so $\beta$ is below 1; the paper has 0.25.
#
# The codebook loss is the one of section 10.1, whose minimum we know: the mean of the vectors that chose the code. So instead of a gradient one can take **running means** at once: of the number $n_k$ of vectors that choose the code, and of their sum $s_k$. With a decay $\gamma$,
#
# $$n_k \leftarrow \gamma n_k + (1 - \gamma)\, \big|\{i : k(z_i) = k\}\big|, \qquad s_k \leftarrow \gamma s_k + (1 - \gamma) \sum_{i:\, k(z_i) = k} z_i, \qquad e_k = s_k / n_k .$$
#
# > **Check.** One code, and vectors that stand still: both must end at their mean.

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
still = torch.randn(200, 3, 1, 1, generator=rng)
by_means = vqvae.VectorQuantizer(1, 3, decay=0.9)
for _ in range(200):
    by_means(still, generator=rng)
by_gradient = vqvae.VectorQuantizer(1, 3, decay=None)
descent = torch.optim.SGD(by_gradient.parameters(), lr=0.05)
for _ in range(200):
    descent.zero_grad()
    by_gradient(still, generator=rng).loss.backward()
    descent.step()
mean = still.mean(0).flatten()
for name, quantizer in (("running means", by_means), ("gradient", by_gradient)):
    away = (quantizer.codebook[0] - mean).abs().max().item()
    print(f"{name:>13}: at the mean: {away < 1e-5}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# There is a trap left. A code that no vector chooses is in no term of the loss, and its running mean gets nothing. It stays where it is, for ever: a **dead code**. The cure is blunt: if hardly anything chooses a code, put it on a vector of the present batch. (`revive_below=0.1`: that happens when its running count $n_k$ falls below a tenth of the fair share, vectors per batch divided by $K$.) How many codes are in use, the **perplexity** says:
#
# $$\text{perplexity} = \exp\Big(-\sum_k p_k \log p_k\Big), \qquad p_k = \text{share of code } k .$$
#
# It is $K$ if all are used equally, 1 if one is used, and $m$ if $m$ are used equally.

# %% slideshow={"slide_type": "skip"}
ch10.dead_codes

# %% slideshow={"slide_type": "skip"}
ch10.dead_codes.answer(...)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.3
# The codebook loss plus `beta` times the commitment loss, for `z` and `e`, both (batch, dim). The check looks at the gradients as well.


# %% slideshow={"slide_type": "skip"}
def my_vq_terms(z, e, beta):
    return ...


ch10.vq_terms.check(my_vq_terms)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.4
# One step of the running means. The task has all the shapes: `ch10.moved_codes`.


# %% slideshow={"slide_type": "skip"}
def my_moved_codes(z, codes, counts, sums, decay):
    return ...


ch10.moved_codes.check(my_moved_codes)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.5
# The perplexity of code maps (n, height, width), counted over all of them. The task: `ch10.code_usage`.


# %% slideshow={"slide_type": "skip"}
def my_code_usage(codes, n_codes):
    return ...


ch10.code_usage.check(my_code_usage)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.4 Digits from tiles, live (core)
# *About 30 minutes, one of them computing.* You will train a VQ-VAE on digits, and then break it in three ways.
#
# The encoder halves the resolution twice: 28×28 pixels become 7×7 vectors of 16 numbers, and each becomes one of 64 codes. So an image is 49 codes of 6 bits each, 294 bits. (Before the codes our encoder has a batch norm without weights. It keeps the vectors at a width of 1; the paper has none.)
#
# > **Predict.** A VAE squeezes a digit into some 25 nats, about 36 bits (section 4.3). Here are 294. Will the reconstructions be sharper?

# %% slideshow={"slide_type": "subslide"}
rng = seed_everything(0)
live = vqvae.VQVAE((1, 28, 28), n_codes=64, dim=16, width=16)
history = vqvae.fit_vqvae(live, images, n_steps=1_500, generator=rng)

# %% slideshow={"slide_type": "fragment"}
stored = pretrained.load("vqvae_mnist")  # twice as wide, and trained longer
tiles = {"live": live, "stored": stored}
print(f"{'':>8}{'squared error':>15}{'perplexity':>12}{'Fréchet, floors':>17}")
again = {}
for name, model in tiles.items():
    codes = apply_in_batches(model.encode, test_images)  # (10000, 7, 7)
    again[name] = apply_in_batches(model.decode, codes)
    squared = (again[name] - test_images).square().flatten(1).sum(1).mean()
    floors = metrics.frechet_on_mnist(again[name][:, 0]).floors
    print(f"{name:>8}{squared:15.2f}{vqvae.perplexity(codes, 64):12.1f}{floors:17.2f}")

# %% slideshow={"slide_type": "subslide"}
few = slice(0, 14)
rows = torch.cat([test_images[few, 0], again["live"][few, 0], again["stored"][few, 0]])
plots.show(
    plots.plot_images(rows, n_columns=14, row_labels=["test images", "live", "stored"]),
    alt="Three rows of fourteen digits: test images, and their reconstructions by the live and by the stored model, which can "
    "hardly be told from them; the live ones have slightly uneven strokes.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The Fréchet distance of chapter 5 is in *floors*: 1 floor is the distance of 10,000 other real digits to the test images. Reconstructions are no new digits, so they can be below 1. The stored model is: hardly anything that the judge looks at has been lost. The live one has lost a little. Sharper than those of a VAE? Section 10.8 puts them side by side.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Break it
# Three changes, the same 200 steps each, with a narrower network to save time: *no commitment* ($\beta = 0$), *no revival* (dead codes stay dead), and *by gradient* (codes move by the codebook loss instead of running means, and nothing is revived).
#
# > **Predict.** Which of the three loses codes? Which lets the vectors run away from their codes?

# %% slideshow={"slide_type": "fragment"}
no_revival = {"revive_below": 0.0}
CHANGES = {"as it is": {}, "no commitment": {"commitment": 0.0}, "no revival": no_revival}
CHANGES["by gradient"] = no_revival | {"decay": None}
print(f"{'':>14}{'squared error':>15}{'perplexity':>12}{'squared distance':>18}")
for name, change in CHANGES.items():
    rng = seed_everything(0)
    small = vqvae.VQVAE((1, 28, 28), n_codes=64, dim=16, width=8, **change)
    vqvae.fit_vqvae(small, images, n_steps=200, generator=rng)
    with torch.no_grad():
        some, vectors = test_images[:1000], small.encoder(test_images[:1000])
        values, codes, _ = small.quantizer(vectors)
        squared = (small.decoder(values) - some).square().flatten(1).sum(1).mean()
        away = (vectors - values).square().sum(1).mean()
    print(f"{name:>14}{squared:15.2f}{vqvae.perplexity(codes, 64):12.1f}{away:18.2f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# - *No commitment*: nothing ties the vectors to their codes. Their squared distance is many times as large, and the decoder sees something else than what the encoder meant; after 200 steps that costs little yet.
# - *No revival*: the codes started at vectors of the first batch, at random, and the network has moved on since. Many are hardly ever chosen now: the perplexity is about 16 instead of 55.
# - *By gradient* is to be compared with *no revival*, as nothing is revived there either. Codes that move by gradient follow more slowly: the squared distance is larger, and the perplexity lower still.
#
# These are short trainings with one seed; the numbers will differ on your machine.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.5 What a code says (core)
# *About 15 minutes.* You will look at code maps, and paint with them.
#
# Each code gets a colour below, ordered by the brightness of its tile; neighbouring shades are hard to tell apart.

# %% slideshow={"slide_type": "fragment"}
codes = stored.encode(test_images[:8])  # (8, 7, 7)
figure, axes = plt.subplots(2, 8, figsize=(10, 2.7))
order = stored.decode(torch.arange(64)[:, None, None].expand(64, 7, 7)).mean((1, 2, 3)).argsort().argsort()
for column in range(8):
    axes[0, column].imshow(test_images[column, 0], cmap="gray_r")
    axes[1, column].imshow(order[codes[column]], cmap="nipy_spectral", vmin=0, vmax=63)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plots.show(
    figure,
    alt="Eight test digits, and below each its map of 7 by 7 codes as coloured squares. Far from the stroke the squares are "
    "purple; on the stroke and around it they have many colours, some of them where no ink is.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** One code is exchanged. How many pixels change: 4×4, or more?
#
# The decoder is made of convolutions of 3×3, so a code reaches its neighbours' pixels too. In 64 digits we exchange the code in the middle for each of the 64, and look at the mean change of each pixel.

# %% slideshow={"slide_type": "fragment"}
some = stored.encode(test_images[:64])  # (64, 7, 7)
before, changed = stored.decode(some), torch.zeros(28, 28)
for code in range(64):
    other = some.clone()
    other[:, 3, 3] = code
    changed += (stored.decode(other) - before).abs().mean((0, 1)) / 64
for margin in (0, 2, 4):
    inside = changed[12 - margin : 16 + margin, 12 - margin : 16 + margin].sum() / changed.sum()
    print(f"{inside:.0%} of the change is inside the middle {4 + 2 * margin}×{4 + 2 * margin} pixels")

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.6), width_ratios=[1, 1])
other = codes[2].repeat(16, 1, 1)
other[:, 3, 3] = torch.arange(0, 64, 4)
plots.plot_images(
    stored.decode(other)[:, 0], n_columns=4, ax=axes[0], title="a 1, with every fourth code in the middle"
)
shown = axes[1].imshow(changed, cmap="magma_r")
axes[1].grid(False)
axes[1].add_patch(plt.Rectangle((11.5, 11.5), 4, 4, fill=False, edgecolor="black"))
axes[1].set(title="mean change of each pixel", xticks=[0, 12, 16, 27], yticks=[0, 12, 16, 27])
figure.colorbar(shown, ax=axes[1], shrink=0.8)
plots.show(
    figure,
    alt="Left: 16 copies of a 1 that differ in a patch in the middle: the stroke goes on, breaks off, or has a hook or a blob. "
    "Right: the mean change of each pixel, large in the middle 4 by 4 pixels and fading over some four pixels around.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A tile has soft edges. Most of the change is within two pixels of its own place, the rest where the neighbours are. So a code means something only together with those around it: "a stroke goes on here" needs a stroke to go on.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Paint with codes
# Choose a code in the palette, click a place of the map or drag over several, and the decoder paints anew. By keyboard: arrows move over the map, Space puts the brush down and lifts it, P takes the code under the cursor, Ctrl+Z takes back.
#
# 1. Begin with a 7. Can you make a 1 of it, with the fewest codes? And a 9?
# 2. Paint one code everywhere. Is the picture the same everywhere, too? Where is it not, and why?
# 3. Draw a digit from nothing. How do you find the code for "a stroke goes from here to the lower left"?

# %% slideshow={"slide_type": "fragment"}
painter = widgets.CodePainter(stored, test_images[[0, 2, 1, 3, 4, 8, 11, 61]])

# %% slideshow={"slide_type": "subslide"}
painter

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same in print: a 7 whose crossbar is overwritten, place by place, with the code of the background.

# %% slideshow={"slide_type": "fragment"}
seven = codes[0]
empty = seven.flatten().mode().values  # the most frequent code of the map
steps = [seven]
for column in (1, 2, 3):
    painted = steps[-1].clone()
    painted[1:3, column] = empty
    steps.append(painted)
plots.show(
    plots.plot_images(stored.decode(torch.stack(steps))[:, 0], n_columns=4),
    alt="Four pictures: a 7, and the same with more and more of its crossbar gone from the left, until a slanted 1 with a short flag is left.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.6 Silence saves nothing (core)
# *About 15 minutes.* You will work out the KL term of a VQ-VAE, and see why it is not in the loss.
#
# Is this a VAE? It has an encoder $q(k \mid x)$: sure of one code at each place. Take a prior that is uniform over the $K$ codes. At one place
#
# $$\mathrm{KL}\big(q(k \mid x)\,\|\,p(k)\big) = \sum_k q(k \mid x) \log \frac{q(k \mid x)}{1/K} = 1 \cdot \log \frac{1}{1/K} = \log K .$$
#
# It is the same for every image and every encoder that is sure of one code. So it can be left out of the loss: its gradient is 0. In chapter 4 a code fell silent because a KL of 0 was cheaper. Here silence saves nothing. (It can still happen by accident: if all vectors choose one code, the perplexity is 1, nothing is said, and the KL is $\log K$ all the same. That is what the revival of section 10.3 is for.)
#
# The price is paid elsewhere. Samples from that uniform prior are rubbish, since real code maps are anything but uniform. So after the training a second model learns how codes follow each other: a **learned prior**. That is also what a compressor would want to know.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
sure = torch.distributions.Categorical(probs=torch.eye(64)[17])
uniform = torch.distributions.Categorical(probs=torch.full((64,), 1 / 64))
kl = torch.distributions.kl_divergence(sure, uniform).item()
print(f"KL of one place {kl:.4f}, log 64 = {math.log(64):.4f}, of 49 places {49 * kl:.1f} nats")

# %% slideshow={"slide_type": "skip"}
ch10.constant_rate

# %% slideshow={"slide_type": "skip"}
ch10.constant_rate.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.7 A prior over codes (core)
# *About 30 minutes, half a minute of it computing.* You will draw new digits, code by code.
#
# The gated PixelCNN of chapter 9 takes over: 7×7 "pixels" with 64 levels that have no order, so each is read as 64 numbers with a 1 at the code. It is told the digit. First a small one, live; then the stored one.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
train_codes = apply_in_batches(stored.encode, images)  # (60000, 7, 7)
prior = GatedPixelCNN(
    (7, 7), width=32, n_blocks=3, first_kernel=5, n_levels=64, as_one_hot=True, condition=OneHot((10,))
)
prior.start_at_frequencies(train_codes)
fit_autoregressive(prior, train_codes, labels, n_steps=300, batch_size=32, learning_rate=5e-3, generator=rng)

# %% slideshow={"slide_type": "subslide"}
stored_prior = pretrained.load("vqvae_prior_mnist")
test_codes = apply_in_batches(stored.encode, test_images[:2000])
places = torch.stack([torch.bincount(row, minlength=64) for row in train_codes.flatten(1).T]) + 0.1
independent = (places / places.sum(1, keepdim=True)).log()  # (49, 64), how often each code is at each place
with torch.no_grad():
    nats = {
        "all codes equally likely": -49 * math.log(64),
        "each place on its own": independent.T.gather(0, test_codes.flatten(1)).sum(1).mean().item(),
        "PixelCNN, live": prior.log_prob(test_codes, test_labels[:2000]).mean().item(),
        "PixelCNN, stored": stored_prior.log_prob(test_codes, test_labels[:2000]).mean().item(),
    }
for name, value in nats.items():
    print(f"{name:>26}: log p(codes) {value:7.1f} nats, so {-value / math.log(2):4.0f} bits per image")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Both PixelCNNs are told the digit, the first two rows are not. That is worth at most log 10 = 2.3 nats.
#
# > **Predict.** Draw codes from each of the four, and decode. What do the pictures look like?

# %% slideshow={"slide_type": "fragment"}
asked = torch.arange(10).repeat(2)[:14]
drawn = {
    "equally likely": torch.randint(64, (14, 7, 7), generator=rng),
    "place by place": torch.multinomial(independent.exp(), 14, True, generator=rng).T.reshape(14, 7, 7),
    "PixelCNN, live": sample(prior, 14, asked, generator=rng),
    "PixelCNN, stored": sample(stored_prior, 14, asked, generator=rng),
}
pictures = torch.cat([stored.decode(codes)[:, 0] for codes in drawn.values()])
plots.show(
    plots.plot_images(pictures, n_columns=14, row_labels=list(drawn)),
    alt="Four rows of fourteen pictures. Codes drawn at random: noise of strokes and dots; each place by its own frequencies: a "
    "cloud of stroke pieces in the middle; the live prior: strokes that join, about half of them digits; the stored prior: clear digits, nearly all of them right.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The tiles are the same in all four rows. What makes a digit of them is knowing which tile follows which. 49 draws are enough, and once the codes are there the decoder paints all pixels in one pass.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 10.6
# How many bits do the codes of an image take, without a prior and with one? The task: `ch10.code_bits`.


# %% slideshow={"slide_type": "skip"}
def my_code_bits(codes, log_prior, n_codes):
    return ...


ch10.code_bits.check(my_code_bits)

# %% slideshow={"slide_type": "skip"}
ch10.not_p_of_x

# %% slideshow={"slide_type": "skip"}
ch10.not_p_of_x.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.8 Beside the VAE (core)
# *About 10 minutes.* You will compare reconstructions and samples with those of chapter 4, by the same measures.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
vae, told_vae = pretrained.load("vae_mnist"), pretrained.load("cvae_mnist")
binary = data.binarize(test_images[:, 0], generator=rng)
asked = torch.arange(10).repeat_interleave(1_000)
card = pretrained.card("vqvae_prior_mnist")["figures"]
with torch.no_grad():
    soft = apply_in_batches(lambda x: vae.decode(vae.encode(x).mean), binary)
    told = told_vae.sample(asked, generator=rng)
    free = vae.sample(10_000, generator=rng)


# %% slideshow={"slide_type": "subslide"}
def floors_of(pictures):
    return metrics.frechet_on_mnist(pictures).floors


agreed = (judge.predict(told) == asked).double().mean().item()
print(f"{'Fréchet distances in floors':<34}{'VAE, ch. 4':>12}{'VQ-VAE':>9}")
print(f"{'reconstructed test images':<34}{floors_of(soft):12.1f}{floors_of(again['stored'][:, 0]):9.1f}")
samples_floor = card["Fréchet distance of 10,000 samples to the test images, in floors"]
print(f"{'10,000 samples':<34}{floors_of(free):12.1f}")
print(f"{'10,000 samples, told the digit':<34}{floors_of(told):12.1f}{samples_floor:9.1f}")
obeyed = card["judge agrees with the digit asked for"]
print(f"{'judge agrees with the digit':<34}{agreed:12.1%}{obeyed:9.1%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The figures of the VQ-VAE's samples are on the card of the stored prior, those of the VAE have just been computed. (`vae_mnist` reconstructs binarised images, which it was trained on, and is measured by the brightness that it gives; `cvae_mnist` has two numbers in its code, trained in three minutes. So this compares what
# the course has, not the best of each kind.)
#
# - **Reconstructions** are nearly as good with the VAE: by this measure its softness hardly counts.
# - **Samples** are another matter. The VAE draws its code from $\mathcal N(0, I)$, fixed beforehand, and the codes of real digits do not fill it as they should. The VQ-VAE's prior was learned afterwards, from the codes as they are. As the reconstructions differ so little, the tiles cannot be the larger part of the difference; we take it to be the learned prior.
# - The judge agrees with the VAE a little more often. Probably because a soft average of all 3s is easily read as a 3, while a sharp sample can go wrong. What fails then is the same as with the PixelCNN: the whole.

# %% slideshow={"slide_type": "skip"}
rows = [
    soft[few],
    told[::714][:14],
    stored.decode(sample(stored_prior, 14, asked[::714][:14], generator=rng))[:, 0],
]

# %% slideshow={"slide_type": "skip"}
plots.show(
    plots.plot_images(
        torch.cat([test_images[few, 0], *rows]),
        n_columns=14,
        row_labels=["test", "VAE, again", "VAE, drawn", "VQ-VAE, drawn"],
    ),
    alt="Four rows of fourteen digits: test images; the VAE's reconstructions, hardly softer; samples of the conditional VAE, "
    "soft, one a grey smear; samples of the VQ-VAE with its prior, as crisp as the test images, a few misshapen.",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10.9 Two levels (deeper)
# *About 20 minutes.* You will exchange the upper half of a description, and see what goes along.
#
# Large images need many codes, and a prior that looks far. The remedy is a second, coarser map: a **top** code for each 8×8 pixels, and a **bottom** code for each 4×4, whose encoder and decoder are told what the top map says. The hope: the top level holds what the image is about, the bottom level the detail. Is it so?
#
# `pretrained.load("vqvae_creatures")` has 3×3 top codes and 6×6 bottom codes, 64 of each, for creatures of 24×24 pixels.
#
# > **Predict.** Take the top codes of one creature and the bottom codes of another. Which of the two decides the colour? The shape? Day or night?

# %% slideshow={"slide_type": "subslide"}
rng = seed_everything(0)
creatures = data.creatures(1_000, generator=rng)
two_levels = pretrained.load("vqvae_creatures")
maps = two_levels.encode(creatures.images)
order = torch.randperm(1_000, generator=rng)
swapped = two_levels.decode(vqvae.TwoMaps(maps.top[order], maps.bottom))
eye = metrics.judge("creatures")
rows = {
    "both levels": eye.accuracies(two_levels.decode(maps), creatures.attributes),
    "the top's creature": eye.accuracies(swapped, creatures.attributes[order]),
    "the bottom's": eye.accuracies(swapped, creatures.attributes),
}
print(f"{'agrees with':>20}" + "".join(f"{name:>9}" for name in data.CREATURE_ATTRIBUTES))
for name, shares in rows.items():
    print(f"{name:>20}" + "".join(f"{share:9.0%}" for share in shares.values()))

# %% slideshow={"slide_type": "subslide"}
row, column = torch.arange(6), torch.arange(6, 12)
grid = two_levels.decode(
    vqvae.TwoMaps(maps.top[row].repeat_interleave(6, 0), maps.bottom[column].repeat(6, 1, 1))
)
corner = torch.ones(1, 3, 24, 24)
table = [corner, creatures.images[column]]
for i in range(6):
    table += [creatures.images[row[i : i + 1]], grid[6 * i : 6 * i + 6]]
_, ax = plt.subplots(figsize=(5, 5))
plots.show(
    plots.plot_images(torch.cat(table), n_columns=7, ax=ax),
    alt="A table of creatures. Left column: six that give the top codes, two of them by day; upper row: six that give the bottom "
    "codes, one by day. Inside, where both are at night, the shape is the upper one's and the colour the left one's; where one "
    "is by day and the other at night, there are fragments: on a pale, many-coloured ground if the left one is by day, in the "
    "left one's colour on a dark ground if it is at night.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# By chance the judge would be right in 20 % (colour), 50 % (size and time) or 33 % (the others).
#
# - **Colour and time of day** go with the top map: nine of ten times and more. They are the same over large areas, which is what a code for 8×8 pixels can say at little cost.
# - **Body and horns** go with the bottom map rather than with the top one, **eyes** a little. **Size and pattern** go a little with both. (Half of these pairs are of one day and one night creature, and from their fragments the judge can read little.)
# - Look at the table of pictures. Where both creatures live at night, or both by day, the mixture has the shape of one and the colour of the other. Where one is of the day and one of the night, it falls to pieces: bottom codes were learned *given* the top ones, and under another top map they mean something else.
#
# So "what the image is about" is not what the top level holds. It holds what is cheap to say coarsely. Nobody told it what matters to us; the squared error did, and in a squared error a sky counts for more than an eye. (One training with one seed; the card has these figures for other creatures.)

# %% slideshow={"slide_type": "skip"}
ch10.two_levels

# %% slideshow={"slide_type": "skip"}
ch10.two_levels.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A codebook replaces a vector by the nearest of a few. On its own it is k-means.
# - The nearest code has no gradient. Straight through hands the decoder's gradient on; it is the exact one of a function in which the rounding error is frozen.
# - Codes move to vectors (codebook loss, or running means), vectors stay near codes (commitment). Dead codes are put where vectors are.
# - The KL to a uniform prior is constant, so nothing in the loss rewards a silent code. The price is a second model: the prior over codes.
# - 49 draws instead of 784, and sharp pixels.
#
# **What comes next.** Straight through was a trick to learn through a choice. Chapter 11 is about choices in a row, words of a sentence, and asks for a gradient that is right on average.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. The encoder's vectors are compared with 64 codes at 49 places, for 60,000 images. How many distances is that? Why is it still one of the cheap parts?
# 2. What would a codebook of one code do? Of 10,000? Which column of the first table of section 10.4 would tell you?
# 3. Why is the prior trained after the autoencoder, and not with it?
# 4. Text, sound and images can all be turned into codes. Which part of this chapter would then be the same for all three?
#
# ### References
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu (2017), [Neural discrete representation learning](https://arxiv.org/abs/1711.00937): the VQ-VAE.
# - A. Razavi, A. van den Oord, O. Vinyals (2019), [Generating diverse high-fidelity images with VQ-VAE-2](https://arxiv.org/abs/1906.00446): two levels, and priors for both.
# - Y. Bengio, N. Léonard, A. Courville (2013), [Estimating or propagating gradients through stochastic neurons](https://arxiv.org/abs/1308.3432): straight through.
# - A. Łańcucki and others (2020), [Robust training of vector quantized bottleneck models](https://arxiv.org/abs/2005.08520): dead codes, and batch norm before the codes.
