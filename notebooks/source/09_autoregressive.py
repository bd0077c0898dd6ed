# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 9: Pixel by pixel
#
# *Three hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# The VAE had a bound instead of $p(x)$. The GAN had nothing instead of it. This chapter has $p(x)$ itself, to the last digit, and needs no trick for it, only the oldest rule of probability:
#
# $$p(x) = p(x_1)\; p(x_2 \mid x_1)\; p(x_3 \mid x_1, x_2) \cdots p(x_n \mid x_1, \dots, x_{n-1}).$$
#
# Each factor is a small question: given what has been drawn so far, how probable is it that the next pixel is white? A classifier can learn that. There is no code, no opponent, no bound. What it costs is time: to draw an image, one has to ask $n$ questions, one after the other.
#
# **After this chapter you can**
# - compute $\log p(x)$ of an image by the chain rule, and say why it needs no estimate;
# - build networks that see only what comes before, and prove it by a Jacobian;
# - find the blind spot of a stack of masked convolutions, and cure it;
# - put an exact likelihood beside a bound without comparing what must not be compared;
# - draw images many times as fast as the simple loop does, with the same logits;
# - complete half an image in several ways, and carry the idea over to colours and to sound.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $x_1, \dots, x_n$ are the pixels of an image in **raster order**: row by row, each from left to right. $x_{<i}$ are those before $x_i$. Pixels are black (0) or white (1), unless a section says that they have more **levels**. $\log p(x)$ is in nats per image, summed
# over its pixels, as in the chapters before.

# %% slideshow={"slide_type": "skip"}
import math
import time

import matplotlib.pyplot as plt
import torch
from IPython.display import Audio, Markdown, display
from torch.nn.functional import avg_pool2d, logsigmoid

from course_utils import autoregressive, data, mixtures, plots, pretrained, widgets
from course_utils.autoregressive import complete, fit_autoregressive, receptive_field, sample
from course_utils.conditions import OneHot
from course_utils.distributions import bernoulli_log_prob
from course_utils.exercises import ch09
from course_utils.seeding import seed_everything

# %% slideshow={"slide_type": "skip"}
rng = seed_everything(0)
images = data.load_mnist().images  # (60000, 28, 28), grey values in [0, 1]
test_x = data.binarize(data.load_mnist("test").images, generator=torch.Generator().manual_seed(0))
small = data.load_digits().images  # (1797, 8, 8), the small digits
small = small[torch.randperm(len(small), generator=rng)]
small_test = data.binarize(small[1437:].repeat(4, 1, 1), generator=rng)  # (1440, 8, 8), four draws of each

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 8. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch09.recall_median

# %% slideshow={"slide_type": "skip"}
ch09.recall_median.answer(...)

# %% slideshow={"slide_type": "skip"}
ch09.recall_patches

# %% slideshow={"slide_type": "skip"}
ch09.recall_patches.answer(...)

# %% slideshow={"slide_type": "skip"}
ch09.recall_cycle

# %% slideshow={"slide_type": "skip"}
ch09.recall_cycle.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.1 Nine pixels (core)
# *About 20 minutes.* You will write down the probability of every image that there is, and add them up.
#
# Our images have 3×3 pixels, so there are $2^9 = 512$ of them. A world: one of the three rows or three columns is white, and then each pixel is flipped with probability 0.05. Here we know the truth:
#
# $$p(x) = \tfrac16 \sum_{\text{bars } b} \; \prod_{i=1}^{9} \begin{cases} 0.95 & x_i = b_i \\ 0.05 & x_i \ne b_i \end{cases}$$

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
bars = torch.zeros(6, 3, 3)
for k in range(3):
    bars[k, k], bars[3 + k, :, k] = 1, 1
noisy = 0.05 + 0.9 * bars  # probability of white
world = data.binarize(noisy[torch.randint(6, (4_000,), generator=rng)], generator=rng)  # (4000, 3, 3)
every = torch.cartesian_prod(*[torch.arange(2.0)] * 9).view(512, 3, 3)
logits = noisy.logit()[:, None].expand(6, 512, 3, 3)
each = bernoulli_log_prob(every.repeat(6, 1, 1), logits.reshape(-1, 3, 3)).view(6, 512)
truth = each.logsumexp(0) - math.log(6)  # (512,) log p(x)
print(f"all {len(truth)} true probabilities add up to {truth.exp().sum():.6f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Now a model: nine small questions, answered by one network. (Which kind of network, section 9.2 explains. What matters here: its answer for pixel $i$ depends on $x_{<i}$ only.) Training maximises the mean of $\log p(x)$: nine classifiers at once. For each image it gives nine logits, one per pixel.
#
# > **Predict.** Nothing in the training says that the 512 probabilities have to add up to 1. Will they do so before the training? After it?

# %% slideshow={"slide_type": "fragment"}
model = autoregressive.MADE((3, 3), hidden=(100,))

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print(f"before the training: {model.log_prob(every).exp().sum():.6f}")

# %% slideshow={"slide_type": "-"}
fit_autoregressive(model, world, n_steps=500, batch_size=128, learning_rate=1e-2, generator=rng)
learned = model.log_prob(every).detach()  # (512,)

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print(f"after it:            {learned.exp().sum():.6f}")

# %% slideshow={"slide_type": "-"}
truth_of_truth, of_model = ((truth.exp() * values).sum() for values in (truth, learned))
print(
    f"mean over the world of log p(x): {truth_of_truth:.3f} nats for the true p, {of_model:.3f} for the model"
)
print(f"KL(truth ‖ model) = {truth_of_truth - of_model:.3f} nats")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Each question is answered by a probability $p_i$ and $1 - p_i$, which add up to 1. Sum over the last pixel first: that sum is 1, whatever came before. Then over the last but one, and so on. **Every** choice of the nine answers is a distribution; nothing has to be normalised.
#
# Look at one image, pixel by pixel: what was expected, what came, and the product so far.

# %% slideshow={"slide_type": "fragment"}
x = bars[4]  # the middle column is white
p_white = torch.sigmoid(model(x[None])[0]).detach().flatten()  # (9,)
factor = torch.where(x.flatten() == 1, p_white, 1 - p_white)
at_once, true = (log_p[(every == x).all((1, 2))].exp().item() for log_p in (learned, truth))

# %% slideshow={"slide_type": "subslide"}
print("pixel   p(white | before)   is     factor   product so far")
for i in range(9):
    colour = "white" if x.flatten()[i] else "black"
    print(
        f"{i + 1:5}   {p_white[i]:12.3f}        {colour}  {factor[i]:7.3f}   {factor[: i + 1].prod():10.5f}"
    )
print(f"p(x) of all at once:  {at_once:.5f}   truth: {true:.5f}")

# %% slideshow={"slide_type": "subslide"}
grown = torch.full((9, 3, 3), 0.5)  # grey: not drawn yet
for i in range(9):
    grown[i].view(9)[: i + 1] = x.flatten()[: i + 1]
maps = p_white.view(3, 3).expand(9, 3, 3).clone()
for i in range(9):
    maps[i].view(9)[i + 1 :] = 0.5
_, ax = plt.subplots(figsize=(8, 1.9))
plots.show(
    plots.plot_images(torch.cat([grown, maps]), n_columns=9, ax=ax, row_labels=["image", "expected"]),
    alt="Two rows of nine pictures of 3 by 3 pixels. Above, the image grows pixel by pixel from grey; below, how probable "
    "white was at each place: uncertain in the first row, nearly sure in the last.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The first pixels are uncertain. As soon as the middle of the first row is white and its right end is black, the bar is known, and the rest costs little more than the noise.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.1
# `x` (batch, height, width) holds zeros and ones, `logits` of the same shape what a model gives for each pixel from those before it. Return $\log p(x)$ of each image, (batch,), in nats.


# %% slideshow={"slide_type": "skip"}
def my_chain_log_prob(x, logits):
    return ...


ch09.chain_log_prob.check(my_chain_log_prob)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.2 A network with parts missing: MADE (core)
# *About 15 minutes.* You will turn an ordinary network into nine networks that share their weights.
#
# An autoencoder maps pixels to pixels. If output $i$ could see input $i$, it would copy it. **MADE** (Germain and others, 2015) cuts connections until it cannot. Each hidden unit gets a number $m$. It may read the pixels 1 to $m$. Output $i$ may read only units with $m < i$. So every path into output $i$ begins at a pixel before $i$.

# %% slideshow={"slide_type": "fragment"}
made = autoregressive.MADE((3, 3), hidden=(16,))
masks = {"hidden unit": made.hidden[0].mask, "output": made.last.mask}
jacobian = autoregressive.dependence(model, torch.full((3, 3), 0.5))  # of the trained model of section 9.1

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 3, figsize=(9.4, 3))
for ax, (name, mask), reads in zip(axes, masks.items(), ("pixel", "hidden unit"), strict=False):
    edges = (0.5, mask.shape[1] + 0.5, mask.shape[0] + 0.5, 0.5)  # count from 1
    ax.imshow(mask, cmap="gray", vmin=0, vmax=1, extent=edges, aspect="auto")
    ax.set(xlabel=f"reads {reads}", ylabel=name, title=f"mask of the {name}s")
axes[2].imshow(jacobian > 0, cmap="gray", extent=(0.5, 9.5, 9.5, 0.5))
axes[2].set(xlabel="pixel", ylabel="output", title="Jacobian")
for ax in axes:
    ax.grid(False)
    ax.locator_params(integer=True)
plots.show(
    figure,
    alt="Three black and white matrices. The mask of the hidden layer and that of the output have white steps; the Jacobian "
    "of the whole network is white strictly below the diagonal and black on it and above.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# White: may read. The masks say what may depend on what; the **Jacobian** says what does. At row $i$, column $j$ it has $\partial(\text{logit of pixel } i) / \partial x_j$. A model is *causal* if nothing is left on the diagonal and above it. Never trust the masks: look at the Jacobian.
#
# How much is gained over pixels that know nothing of each other? Take the small digits of 8×8, with new coins in every batch.

# %% slideshow={"slide_type": "subslide"}
coins = torch.logit(small[:1437].mean(0), eps=1e-3)
alone = bernoulli_log_prob(small_test, coins.expand_as(small_test)).mean()
settings = {"draw": data.binarize, "generator": rng, "average": 0.99}
made = autoregressive.MADE((8, 8), hidden=(300,))
made.start_at_frequencies(small[:1437])
fit_autoregressive(made, small[:1437], n_steps=1_000, batch_size=64, learning_rate=5e-3, **settings)
print(f"each pixel alone: {alone:.1f} nats per test digit")
with torch.no_grad():
    print(f"MADE:             {made.log_prob(small_test).mean():.1f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.2
# MADE with one hidden layer, for pixels counted from 0. Unit $k$ has the number `numbers[k]`, and reads pixels 0 to `numbers[k]`, inclusive. The output of pixel $i$ reads units with numbers below $i$. Return both masks as floats: (n_hidden, n_pixels) and (n_pixels, n_hidden).


# %% slideshow={"slide_type": "skip"}
def my_made_masks(n_pixels, numbers):
    return ...


ch09.made_masks.check(my_made_masks)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.3 Masked convolutions (core)
# *About 25 minutes.* You will mask a convolution, and see both ways to get it wrong.
#
# MADE has weights of its own for each place. A convolution shares them: what an edge looks like does not depend on where it is. To make it causal, multiply its kernel by a mask. All rows above the centre are allowed, and what is left in the centre's row. And the centre?
#
# - In the **first** layer the centre is the pixel that is to be predicted. It must be hidden: **type A**.
# - In all **later** layers the centre holds what the layer before has found out *at this place*, from pixels before it. That is allowed, and needed: **type B**.

# %% slideshow={"slide_type": "fragment"}
names = ["type A, first layer", "type B, all others"]
figure, axes = plt.subplots(1, 2, figsize=(5, 2.6))
for ax, kind, name in zip(axes, "AB", names, strict=True):
    plots.plot_images(autoregressive.causal_mask(5, kind)[0], ax=ax, title=name)
plots.show(
    figure,
    alt="Two masks of 5 by 5. In both the two rows above the centre are white and the two rows below black; in the centre's "
    "row the left is white. The centre itself is black in type A and white in type B.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# `autoregressive.PixelCNN` begins with a masked convolution of type A, and goes on with residual blocks of type B, $x + f(x)$ with $f$ of a 1×1, a 3×3 and a 1×1 convolution; it ends with 1×1 convolutions. We ask the Jacobian.


# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
def pixelcnn(mask_types=("A", "B")):
    """A small PixelCNN for the small digits."""
    return autoregressive.PixelCNN((8, 8), width=16, n_blocks=2, first_kernel=5, mask_types=mask_types)


KINDS = {"A, then B": ("A", "B"), "B, then B": ("B", "B"), "A, then A": ("A", "A")}
x = small_test[0]
for name, kinds in KINDS.items():
    network = autoregressive.with_random_weights(pixelcnn(kinds), generator=rng)
    jacobian = autoregressive.dependence(network, x)
    before, itself = jacobian.tril(-1).count_nonzero() > 0, jacobian.diagonal().count_nonzero() > 0
    later = jacobian.triu(1).count_nonzero() > 0
    print(f"{name}: sees pixels before {before}, itself {itself}, later ones {later}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Break it: two wrong masks
# With type B in the first layer each pixel sees itself. With type A in later layers, a 1×1 convolution has nothing but its centre, and that is hidden.
#
# > **Predict.** Train all three for the same 150 steps. Which reaches the highest $\log p(x)$? Which has the best samples?

# %% slideshow={"slide_type": "fragment"}
drawn = {}
for name, kinds in KINDS.items():
    rng = seed_everything(0)
    network = pixelcnn(kinds)
    network.start_at_frequencies(small[:1437])
    how = {"draw": data.binarize, "generator": rng, "average": 0.95, "batch_size": 32, "learning_rate": 1e-2}
    fit_autoregressive(network, small[:1437], n_steps=150, **how)
    with torch.no_grad():
        print(f"{name}: {network.log_prob(small_test).mean():6.1f} 'nats' per test digit")
    drawn[name] = sample(network, 14, generator=rng)

# %% slideshow={"slide_type": "subslide"}
rows = torch.cat([small_test[:14], *drawn.values()])
plots.show(
    plots.plot_images(rows, n_columns=14, row_labels=["test digits", *drawn]),
    alt="Four rows of fourteen small pictures. Test digits; samples of the right model, many like digits; samples with type "
    "B in the first layer, all of them black; samples with type A everywhere, scattered pixels.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# - *B, then B* has by far the highest number, and the worst samples: all black. It predicts each pixel from that pixel. While it draws, the pixel is not there yet, a 0 stands in its place, and so the model is sure that it is black. Its number is no log-probability: add up $\exp$ of it over all images, and you get far more than 1.
# - *A, then A* is honest, and blind: the number is that of pixels that know nothing of each other.
#
# A log-likelihood that is too good is a reason to look at the Jacobian, not to celebrate.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
cheat = autoregressive.PixelCNN((3, 3), width=8, n_blocks=1, first_kernel=3, mask_types=("B", "B"))
fit_autoregressive(cheat, world, n_steps=150, batch_size=64, learning_rate=1e-2, generator=rng)
total = cheat.log_prob(every).exp().sum().item()
print(f"the 'probabilities' of the 512 images of section 9.1 add up to more than 10: {total > 10}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.3
# Return the mask (kernel_size, kernel_size) of a masked convolution, `kernel_size` odd: 1 where the kernel may look, else 0. `mask_type` "A" is for the layer that reads the image, "B" for all others.


# %% slideshow={"slide_type": "skip"}
def my_pixel_mask(kernel_size, mask_type):
    return ...


ch09.pixel_mask.check(my_pixel_mask)

# %% slideshow={"slide_type": "skip"}
ch09.too_good

# %% slideshow={"slide_type": "skip"}
ch09.too_good.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.4 The blind spot (core)
# *About 20 minutes.* You will find pixels that a deep PixelCNN never sees, and make it see them.
#
# One layer of 3×3 looks one row up, and one column to the right there. Two layers: two rows up, two columns to the right.
#
# > **Predict.** With enough layers, does the pixel in row 10, column 6 see everything that comes before it?

# %% slideshow={"slide_type": "fragment"}
shape, row, column = (15, 15), 10, 6
before = (torch.arange(15 * 15) < row * 15 + column).view(shape)


def seen_by(name, network):
    """White: seen; orange: comes before, not seen; black: comes after; blue: the pixel that asks. (3, 15, 15)."""
    seen = receptive_field(network, row, column)
    picture = seen.float().repeat(3, 1, 1)
    picture[:, before & ~seen] = torch.tensor([0.9, 0.62, 0.0])[:, None]
    picture[:, row, column] = torch.tensor([0.0, 0.45, 0.7])
    missing = (before & ~seen).sum()
    print(f"{name:>22}: {missing:3} of the {before.sum()} pixels before are not seen")
    return picture


# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
kinds = {"one stack": (autoregressive.PixelCNN, 8), "two stacks": (autoregressive.GatedPixelCNN, 4)}
seen = [
    seen_by(f"{name}, blocks: {n}", kind(shape, width=width, n_blocks=n, first_kernel=3))
    for name, (kind, width) in kinds.items()
    for n in (1, 3, 6, 12)
]

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.plot_images(torch.stack(seen), n_columns=4, row_labels=list(kinds)),
    alt="Two rows of four pictures; white is what the blue pixel in row 10, column 6 sees, orange what comes before and is not seen. "
    "Above, with 1, 3, 6 and 12 blocks, the white part grows up and to the left, but an orange triangle on the right stays. "
    "Below the white part grows until no orange is left.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# From left to right: 1, 3, 6 and 12 blocks. White is seen by the blue pixel; orange comes before it and is not seen. With one stack, the triangle on the right stays orange, however deep the stack. A path gets one column to the right only by going one row up. What lies flatter than that is never reached, though it comes before: a **blind spot**. It belongs to the *stack*; one large masked kernel has none.
#
# The cure (van den Oord and others, 2016) is two stacks. The **vertical** one sees rows above, in both directions, with no mask in them. The **horizontal** one sees what is left in its own row, and is told, at each layer, what the vertical one has found. The vertical stack never sees the own row, so nothing leaks.
#
# The same paper put **gates** in place of ReLUs, $\tanh(a) \cdot \sigma(b)$ with $a$ and $b$ from two halves of the channels, as in an LSTM. `autoregressive.GatedPixelCNN` has both.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.4
# A PixelCNN has a first kernel of side `first_kernel`, and then one layer with a kernel of side `kernel_size` for each of the `dilations` (with dilation $d$ the kernel reads every $d$-th pixel). How many rows above its own does a pixel see, in a large image?


# %% slideshow={"slide_type": "skip"}
def my_rows_seen(first_kernel, kernel_size, dilations):
    return ...


ch09.rows_seen.check(my_rows_seen)

# %% slideshow={"slide_type": "skip"}
ch09.blind_spot

# %% slideshow={"slide_type": "skip"}
ch09.blind_spot.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.5 Digits, live (core)
# *About 20 minutes, one of them computing.* You will train a PixelCNN on MNIST, and see where the nats go.
#
# The digits are binarised anew in each batch, as in section 4.1, so that the figures can be compared with those of chapter 4. `start_at_frequencies`, which MADE had too, sets the last biases of the model such that it begins with the coins of the mean image, as the VAE of section 4.1 did.
#
# > **Predict.** 300 steps of 16 images are 4,800 images, less than a tenth of one pass over the data. How many nats? (Look up where the VAE of section 4.1 was after its minute.)

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
model = autoregressive.PixelCNN((28, 28), dilations=(1, 2, 4))  # 48 channels, 6 blocks
model.start_at_frequencies(images)


def test_nats(model):
    """Log p(x) of every 50th test digit: the first ones are easier than the others."""
    return {"test": model.log_prob(test_x[::50]).mean().item()}


print(f"coins of the mean image: {test_nats(model)['test']:.1f} nats per digit")
watch = {"measure": test_nats, "measure_every": 50, "generator": rng}
how = {"learning_rate": 5e-3, "draw": data.binarize, "average": 0.99}
history = fit_autoregressive(model, images, n_steps=300, **how, **watch)

# %% slideshow={"slide_type": "subslide"}
_, ax = plt.subplots(figsize=(6.4, 3))
ax.plot(history.steps("log_prob"), history["log_prob"], color=plots.COLORS[0], lw=1, label="training batches")
ax.plot(history.steps("test"), history["test"], "s--", color=plots.COLORS[1], label="test digits")
ax.set(xlabel="step", ylabel="log p(x) (nats per digit)", ylim=(-210, -80))
ax.legend(loc="lower right")
plots.show(
    ax,
    alt="The line of the training batches starts near -200, rises steeply to about -105 by step 50 and then flattens, jittering; "
    "squares for the test digits rise with it and end a little above it.",
)
with torch.no_grad():
    scores = torch.cat([model.log_prob(part) for part in test_x[::5].split(100)])
error = scores.std() / len(scores) ** 0.5
print(
    f"log p(x) = {scores.mean():.1f} ± {error:.1f} nats, over 2,000 test digits; above -101: {scores.mean() > -101}"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# This is $\log p(x)$, exact: no bound, no importance samples. So few images suffice because each of them is 784 questions with answers.
#
# Now draw. `sample` goes through the pixels in raster order, asks the model for the next probability, and throws a coin.

# %% slideshow={"slide_type": "subslide"}
drawn = sample(model, 24, generator=rng)
with torch.no_grad():
    logits = model(test_x[:12])
    surprise = -logsigmoid(torch.where(test_x[:12] == 1, logits, -logits))  # nats of each pixel
shown = torch.cat([drawn, test_x[:12], torch.sigmoid(logits), (surprise / 1.5).clamp(0, 1)])
rows = ["drawn", "drawn", "test digits", "p(white | before)", "cost"]
plots.show(
    plots.plot_images(shown, n_columns=12, row_labels=rows),
    alt="Five rows of twelve pictures. Two rows of drawn digits, about half of them readable, the others strokes of no digit; test digits; the "
    "probability of white at each pixel given those before, like the digits but soft at the beginning of each stroke; and "
    "the cost in nats, dim outlines of the strokes with bright dots at their beginnings and ends.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The last row shows where the nats go: to the beginnings of strokes and to their edges. Inside a stroke, and in the empty corners, the next pixel is nearly certain. And a large part of the cost is not the model's fault: the coins of the binarisation cannot be foreseen by anybody.

# %% slideshow={"slide_type": "fragment"}
grey = data.load_mnist("test").images[::5].double()
coin_entropy = torch.special.entr(grey) + torch.special.entr(
    1 - grey
)  # (2000, 28, 28) nats, 0 for black and white
print(f"entropy of the coins, given the grey digit: {coin_entropy.sum((1, 2)).mean():.1f} nats per digit")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The VAE of section 4.1 had reached a bound of about -98 after eight passes over the data. And no model gets around the price of the coins.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.5
# Papers on colour images report **bits per dimension**. `log_prob` (batch,) holds $\log p(x)$ in nats per image, `n_dims` the number of pixels times channels. Return the bits per dimension, (batch,).


# %% slideshow={"slide_type": "skip"}
def my_bits_per_dim(log_prob, n_dims):
    return ...


ch09.bits_per_dim.check(my_bits_per_dim)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.6 Rows and diagonals (deeper)
# *About 25 minutes, one of them computing.* You will read an image with a recurrent network, count its steps, and then make sampling fast.
#
# Before PixelCNN came **PixelRNN**, in the same paper. An **LSTM** is a recurrent network like the GRU of chapter 7: a state, and gates that decide what is kept, added and shown. A **row LSTM** goes from row to row. The state at a pixel reads three states of the row above, and each of these has read three of the row above it: the context is a triangle that widens upwards.

# %% slideshow={"slide_type": "subslide"}
networks = {
    "row LSTM, 1 layer": autoregressive.RowLSTM(shape, width=8, n_layers=1, first_kernel=3),
    "row LSTM, 2 layers": autoregressive.RowLSTM(shape, width=8, n_layers=2, first_kernel=3),
    "diagonal BiLSTM": autoregressive.DiagonalBiLSTM(shape, width=8, n_layers=1, first_kernel=3),
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9))
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    plots.plot_images(seen_by(name, network)[None], ax=ax, title=name)
plots.show(
    figure,
    alt="Three pictures of what the pixel in row 10, column 6 sees. Row LSTM with one layer: a white triangle that widens "
    "upwards; with two layers: one that is a column wider on the left; diagonal BiLSTM: everything before it but one orange pixel at the right end of "
    "the row above.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The **diagonal BiLSTM** looks along diagonals. The state at a pixel needs only those to its left and above it. All pixels of one diagonal can therefore be computed at the same time; `skew` shifts each row by one more, so that a diagonal becomes a column. A second LSTM comes from the other side.
#
# The paper says that this one sees everything before. Our Jacobian finds an exception: one pixel. The LSTM from the right is used one row further down, lest it see the future. What it knows of the row above comes from features that know only what is *left* of them. So nobody knows the last pixel of that row, unless the first convolution reaches it.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
n = 6
order = torch.arange(n)[:, None] + torch.arange(n)  # the step in which each pixel is computed
print("pixel by pixel:", n * n, "steps; diagonal by diagonal:", int(order.max()) + 1)
skewed = autoregressive.skew(order + 1.0)
figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), width_ratios=[1, 2])
for ax, values, title in zip(axes, (order + 1.0, skewed), ("image", "skewed"), strict=True):
    ax.imshow(torch.where(values > 0, values, torch.nan), cmap="viridis")
    ax.set(title=title, xticks=[], yticks=[])
    for (i, j), value in [((i, j), int(v)) for i, line in enumerate(values) for j, v in enumerate(line)]:
        ax.text(j, i, value or "", ha="center", va="center", color="white" if value < 7 else "black")
plots.show(
    figure,
    alt="Left, a square of 6 by 6 in which each pixel bears the number of its step, 1 in the upper left corner and 11 in the "
    "lower right, equal along diagonals. Right, the same skewed: each column holds one number.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# So to **score** an image, PixelCNN takes one pass, the diagonal BiLSTM $2N - 1$ steps for $N \times N$ pixels, the row LSTM $N$. To **sample** takes $N^2$ in all cases: each pixel must be drawn before the next is asked about. (If a pixel depended only on pixels that are neither further right nor further down, whole diagonals could be drawn at once.)
#
# A row LSTM on the small digits:

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
lstm = autoregressive.RowLSTM((8, 8), width=24, n_layers=2, first_kernel=5)
lstm.start_at_frequencies(small[:1437])
how = {"draw": data.binarize, "average": 0.98, "learning_rate": 5e-3, "generator": rng}
fit_autoregressive(lstm, small[:1437], n_steps=300, batch_size=32, **how)
with torch.no_grad():
    reached = lstm.log_prob(small_test).mean()
    print(
        f"each pixel alone {alone:.1f}, MADE {made.log_prob(small_test).mean():.1f}, row LSTM {reached:.1f} nats"
    )

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("row LSTM above -24.5:", bool(reached > -24.5))

# %% [markdown] slideshow={"slide_type": "fragment"}
# On 64 pixels MADE does better: it can afford weights of its own for each place. On large images it cannot.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Sampling without waiting
# The simple loop computes the whole image for each pixel, and throws away all but one logit. For 28×28 these are 784 passes. But almost nothing has changed since the pixel before. `sample` keeps what each layer has computed, and asks each layer only for the one new place.
#
# > **Predict.** 784 passes against one pass, place by place: is that 784 times as fast? Are the logits the same?

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
pair = {"MADE": made, "row LSTM": lstm}
for name, network in pair.items():
    ways = [
        sample(network.double(), 20, cached=way, generator=torch.Generator().manual_seed(1))
        for way in (True, False)
    ]
    print(f"{name}: the same 20 images both ways: {torch.equal(*ways)}")

# %% slideshow={"slide_type": "subslide"}
# NBVAL_CHECK_OUTPUT
start = time.process_time()
sample(model, 50, generator=rng)
with_memory = time.process_time() - start
start = time.process_time()
with torch.no_grad():
    for _ in range(5):
        model(test_x[:50])
simple = (time.process_time() - start) / 5 * 784  # one pass for each pixel
print("PixelCNN, 50 images of 28×28: at least 40 times as fast:", simple > 40 * with_memory)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Not 784 times, because one place at a time makes many small products where a pass makes a few large ones. But a hundred digits take a second or two, not minutes. The order has not changed: it is still one pixel after the other.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.6
# Shift row $i$ of `x` (height, width) to the right by $i$, into zeros: return (height, height + width - 1).


# %% slideshow={"slide_type": "skip"}
def my_skewed(x):
    return ...


ch09.skewed.check(my_skewed)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 9.7
# With more than two levels a network gives one logit for each level, and softmax makes probabilities of them (section 9.10). Draw a level for each pixel: `logits` (n, n_levels), and one number `uniform` (n,) in [0, 1) each. Return the level (n,), from 0: the first whose cumulated probability is above the uniform number.


# %% slideshow={"slide_type": "skip"}
def my_draw_level(logits, uniform):
    return ...


ch09.draw_level.check(my_draw_level)

# %% slideshow={"slide_type": "skip"}
ch09.score_or_sample

# %% slideshow={"slide_type": "skip"}
ch09.score_or_sample.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.7 Exact beside bound (core)
# *About 15 minutes.* You will put a longer training beside published figures, and beside the VAE of chapter 4.
#
# `pretrained.load("pixelcnn_mnist")` is a gated PixelCNN, trained on a CPU by one thread. The card says how long, and what it reaches.

# %% slideshow={"slide_type": "subslide"}
stored = pretrained.load("pixelcnn_mnist")
card = pretrained.card("pixelcnn_mnist")
exact = card["figures"]["test log p(x), nats"]
print(f"{'':36}{'ELBO':>8}{'log p(x)':>10}  what it is")
for name in ("vae_mnist", "iwae_mnist"):
    figures = pretrained.card(name)["figures"]
    bound, estimate = figures["test ELBO, nats"], figures["test log p(x) by 5,000 importance samples, nats"]
    print(f"{name + ', chapter 4':36}{bound:8.2f}{estimate:10.2f}  bound, estimate by importance sampling")
print(
    f"{'pixelcnn_mnist':36}{'':8}{exact:10.2f}  exact, after {card['seconds'] / 60:.0f} minutes of one thread"
)
published = {"NADE": -85.65, "MADE": -84.87, "PixelCNN": -81.45, "Gated PixelCNN": -81.50}
for name, value in published.items():
    print(f"{'an open re-run: ' + name:36}{'':8}{value:10.2f}  exact")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("above -85:", exact > -85)

# %% [markdown] slideshow={"slide_type": "subslide"}
# All rows use dynamic binarisation. (The papers' own figures are for one fixed binarisation, with other values: PixelCNN -81.30, diagonal BiLSTM -80.75 with one layer and -79.20 with seven. They do not belong into this table.) The open re-runs are those of E. Hotaj (see References); NADE is a forerunner of MADE. Our figure is above the estimates for the VAEs, and almost 2 nats below the re-runs of PixelCNN; ours was trained for as many minutes as the table says, on one thread.
#
# - Our figure is **exact**: it is $\log p(x)$ of the model. Those of the VAEs are an estimate from below. By Jensen the mean of such an estimate lies below $\log p(x)$, so the VAE's might be a little better than it says; with 5,000 samples, hardly by much.
# - A higher likelihood does not say that the samples look better. Judge for yourself.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(1)
drawn = sample(stored, 42, generator=rng)
plots.show(
    plots.plot_images(torch.cat([drawn, test_x[:14]]), n_columns=14, row_labels=["drawn"] * 3 + ["test"]),
    alt="Three rows of fourteen drawn digits, black and white, most of them easy to read, with edges as frayed as those of "
    "the test digits in the fourth row; about one in four is no digit.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The strokes are sharp, their edges as frayed as those of the test digits: each pixel knows its neighbours, which the pixels of a VAE's decoder do not, given $z$. What fails, in about one of four, is the whole: a stroke that begins as one digit and ends as another. The VAE failed the other way round.

# %% slideshow={"slide_type": "skip"}
ch09.bound_or_exact

# %% slideshow={"slide_type": "skip"}
ch09.bound_or_exact.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.8 The other half (core)
# *About 15 minutes.* You will let the model finish digits, and find the question that it cannot answer.
#
# The upper half of a digit is known. In raster order it comes first, so the chain rule gives $p(\text{lower} \mid \text{upper})$ directly: keep the known pixels, and draw the rest. `complete` does that.
#
# > **Predict.** Do five completions of one digit agree?

# %% slideshow={"slide_type": "subslide"}
known = torch.zeros(28, 28, dtype=torch.bool)
known[:14] = True
chosen = test_x[[0, 1, 2, 3, 4, 7, 8, 9, 11, 15]]  # (10, 28, 28)
halves = torch.where(known, chosen, 0.5)
several = [complete(stored, chosen, known, generator=rng) for _ in range(5)]
rows = [halves, *several, chosen]
plots.show(
    plots.plot_images(torch.cat(rows), n_columns=10, row_labels=["given", *"12345", "truth"]),
    alt="Seven rows of ten digits. In the first the lower half is grey; then five completions each; last the true digits. "
    "Most completions are digits, and some upper halves become several different ones.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# They fit, and they differ where the upper half leaves a choice. That is what a distribution is for; a network trained to give *the* lower half would have painted a blur.
#
# Now hide the **upper** half and keep the lower one.
#
# > **Predict.** The same function, the other mask. What will the pictures look like?

# %% slideshow={"slide_type": "fragment"}
several = [complete(stored, chosen, ~known, generator=rng) for _ in range(3)]
rows = [torch.where(known, 0.5, chosen), *several]
plots.show(
    plots.plot_images(torch.cat(rows), n_columns=10, row_labels=["given", *"123"]),
    alt="Four rows of ten digits. In the first the upper half is grey; below, three completions each. Few of them are digits: most "
    "upper halves were begun as another digit, and their strokes end where the lower half begins.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Few of the halves belong together. The upper half was drawn from $p(\text{upper})$, before anybody looked at the lower one. The model does hold $p(\text{upper} \mid \text{lower})$, since it holds $p(x)$; but to draw from it, one would have to weigh all upper halves against each other. The order in which a model was trained decides which questions are
# cheap.

# %% slideshow={"slide_type": "skip"}
ch09.lower_half

# %% slideshow={"slide_type": "skip"}
ch09.lower_half.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.9 One wrong pixel (core)
# *About 20 minutes.* You will change one pixel of a 7, and see who pays for it, and what the model would draw from there on.
#
# Section 4.5 added one white pixel to a 7: a **longer tail**, or a **speck** beside it. The VAE found the speck dearer, but said only how dear as a whole. The chain rule keeps accounts. If pixel $i$ changes, nothing changes in the factors *before* it; factor $i$ becomes one minus what it was; and each factor *after* it has one more thing to explain:
#
# $$\log p(x') - \log p(x) = \underbrace{0}_{\text{before}} + \underbrace{\log p(x'_i \mid x_{<i}) - \log p(x_i \mid x_{<i})}_{\text{at it}} + \underbrace{\sum_{j > i} \big[\log p(x'_j \mid x'_{<j}) - \log p(x_j \mid x_{<j})\big]}_{\text{after}}$$
#
# > **Predict.** Longer tail, and speck: is more paid at the pixel itself, or after it?

# %% slideshow={"slide_type": "skip"}
test = data.load_mnist("test")
sevens = (test.images[test.labels == 7] > 0.5).float()
sevens = sevens[sevens[:, 25:].amax((1, 2)) == 0][:40]  # (40, 28, 28), with room below the tail
n, order = torch.arange(40), torch.arange(784)
low = 27 - sevens.amax(2).flip(1).argmax(1)  # (40,) the lowest row with ink
end = (low + 1) * 28 + sevens[n, low].argmax(1)  # (40,) the place below the end of the tail


def each_pixel(x):
    """Log p of each pixel given those before it, (n, 784)."""
    with torch.no_grad():
        logits = stored(x)
    return logsigmoid(torch.where(x == 1, logits, -logits)).flatten(1)


# %% slideshow={"slide_type": "subslide"}
clean = each_pixel(sevens)
print(f"change of log p(x), nats{'before':>10}{'at it':>8}{'after':>8}{'in all':>8}")
for name, place in {"longer tail": end, "speck": end + 8}.items():
    x = sevens.clone()
    x.flatten(1)[n, place] = 1
    change = each_pixel(x) - clean
    where = (order < place[:, None], order == place[:, None], order > place[:, None])
    parts = [(change * one).sum(1).mean().item() for one in where]
    print(f"{name:>24}" + f"{parts[0]:10.2f}" + "".join(f"{part:8.2f}" for part in (*parts[1:], sum(parts))))
print("nothing changes before it:", parts[0] == 0)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The longer tail costs little at the pixel: where a 7 ends, nobody can know from above. More is paid **after** it: a stroke that goes on for one pixel should go on for another, and it does not. The speck is paid **at** the pixel, where nothing announced it; what comes after hardly changes. Unlike the VAE's decoder, this model knows which pixels go together.
#
# So far the rest of the image stayed. Now the model draws the rest itself. To see what follows from the *one* pixel, and not from luck, both images get the **same coins**: pixel $j$ is white if its coin, a uniform number, is below $p(\text{white} \mid \text{before})$.
#
# > **Predict.** Halfway down, one pixel four columns left of the stem turns white. How much of the lower half will be different?

# %% slideshow={"slide_type": "skip"}
place = 13 * 28 + sevens[:, 13].argmax(1) - 4  # (40,) left of the stem
known = (order <= place[:, None]).view(40, 28, 28)
changed = sevens.clone()
changed.flatten(1)[n, place] = 1
same_coins = {"generator": torch.Generator().manual_seed(0)}
as_it_was = complete(stored, sevens, known, **same_coins)
same_coins["generator"].manual_seed(0)
with_pixel = complete(stored, changed, known, **same_coins)

# %% slideshow={"slide_type": "subslide"}
rows = ["the 7", "lower half drawn", "... one pixel more"]
shown = torch.cat([x[:10] for x in (sevens, as_it_was, with_pixel)])
plots.show(
    plots.plot_images(shown, n_columns=10, row_labels=rows),
    alt="Three rows of ten digits. Sevens; the same with the lower half drawn by the model, some of them other digits now; "
    "and drawn with the same coins after one pixel was added left of the stem: nearly every lower half is another, often "
    "more frayed; in three or four columns it ends as a 3, in one it hardly changes.",
)

# %% slideshow={"slide_type": "subslide"}
other = (as_it_was != with_pixel).flatten(1).sum(1).float().mean() - 1
print(f"of {783 - place.float().mean():.0f} pixels after the changed one, {other:.0f} are different")
after = [torch.where(order > place[:, None], each_pixel(x), 0).sum(1) for x in (as_it_was, with_pixel)]
more = after[1] - after[0]
print(
    f"their log p: {after[0].mean():.1f} nats as it was, {after[1].mean():.1f} after the one pixel;", end=" "
)
print(f"difference {more.mean():.1f} ± {more.std() / 40**0.5:.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# One pixel decides between digits, if it comes early enough. It moves the probabilities of its neighbours; where a coin lies between the old probability and the new one, another pixel changes, and so on. And the new lower halves are dearer by some nats: after an odd pixel more seems possible, so each coin decides more, and strokes fray. The model repairs nothing. It goes on with what it has, and the less that is like the training images, the less surely. (Which digits come out depends on the coins; this is one draw of each.)


# %% slideshow={"slide_type": "skip"}
def so_far(image, place, marked):
    """An image (28, 28) up to a place, in colour: grey what is to come, blue what that pixel sees, orange one pixel."""
    drawn = torch.where(order.view(28, 28) < place, image, 0.5)
    seen = (
        receptive_field(stored, *divmod(place, 28)) if place < 784 else torch.zeros(28, 28, dtype=torch.bool)
    )
    colour = torch.stack([drawn, drawn, drawn])  # (3, 28, 28)
    blue, orange = (torch.tensor(c)[:, None, None] for c in ((0.0, 0.45, 0.7), (0.9, 0.62, 0.0)))
    colour = torch.where(seen, 0.55 * colour + 0.45 * blue, colour)
    return torch.where(order.view(28, 28) == marked, orange, colour)


# %% slideshow={"slide_type": "subslide"}
k, stages = 3, (13 * 28 + 20, 16 * 28 + 10, 18 * 28 + 16, 21 * 28 + 14, 784)
film = [so_far(images[k], stage, int(place[k])) for images in (as_it_was, with_pixel) for stage in stages]
plots.show(
    plots.plot_images(torch.stack(film), n_columns=5, row_labels=["as it was", "one pixel more"]),
    alt="Two filmstrips of five pictures in which a digit grows. The pixel that was changed is orange; in blue is what the "
    "next pixel sees: a wide band above it, up to the image's right edge or nearly. Above the stem of a 7 goes straight "
    "down; below, after the one pixel, the strokes turn and a 3 comes out.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Orange marks the changed pixel; in the upper row it is as it was. Blue is what the next pixel sees: its row to the left, and a band of rows above. What has gone out of its sight is black and white, at the top.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In your hands
# 1. *Step*, then *Play* slowly. In the bar is $p(\text{white} \mid \text{before})$, in orange the coin. When is the model sure, when not? How long does the top of the image stay undecided?
# 2. Begin with a 7. Click the pixel below its tail, then one in the corner. Compare $\log p(x)$ with what was before. Now change a pixel in the middle, a few columns left of the stem: which digit comes out?
# 3. *New coins*: the pixels up to your change stay, the rest is another draw.
# 4. Switch on the **blind spot**, and choose the model with one stack. Play. Does the image suffer where the hatching is? (This model was trained for 300 steps only, so not every flaw is the blind spot's.)
# 5. How early must a pixel come to change the digit? After how many rows is the changed pixel out of the model's sight?

# %% slideshow={"slide_type": "subslide"}
widgets.PixelStepper({"two stacks (stored)": stored, "one stack (section 9.5)": model}, sevens[:6])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.10 Colours, and conditions (deeper)
# *About 15 minutes.* You will order the colours of a pixel, and ask for a creature.
#
# A pixel in colour is three numbers. The chain rule does not mind: red from all pixels before, green from these and red, blue from these, red and green. In the masks the centre then lets group by group through: the channels of each layer are cut into three groups, and
# each group sees the groups before it at the centre, and with type B its own. Each number has one of several **levels**, and the network gives one logit for each level: no bell curve is assumed.
#
# A condition $c$, such as a label, adds a number to each gate, everywhere in the image. Our creatures are shrunk to 8×8 pixels with four levels per colour, so that a training takes seconds.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
creatures, attributes, _ = data.creatures(6_000, generator=rng)
levels = (avg_pool2d(creatures, 3) * 3).round().long()  # (6000, 3, 8, 8), 0 to 3
told = attributes[:, [2, 6]]  # colour and time of day
painter = autoregressive.GatedPixelCNN(
    (3, 8, 8), width=48, n_blocks=4, first_kernel=5, n_levels=4, condition=OneHot((5, 2))
)
painter.start_at_frequencies(levels)
how = {"batch_size": 32, "learning_rate": 5e-3, "average": 0.97, "generator": rng}
fit_autoregressive(painter, levels[:5000], told[:5000], n_steps=200, **how)
with torch.no_grad():
    right = painter.log_prob(levels[5000:], told[5000:]).mean()
    other = painter.log_prob(levels[5000:], told[5000:].roll(1, 0)).mean()
print(f"new creatures: {right:.0f} nats told the truth, {other:.0f} told what is true of another one")

# %% slideshow={"slide_type": "subslide"}
asked = torch.cartesian_prod(torch.arange(2), torch.arange(5)).flip(1).repeat_interleave(5, 0)  # colour, time
drawn = sample(painter, len(asked), asked, generator=rng)
colours, times = (data.CREATURE_ATTRIBUTES[name] for name in ("colour", "time"))
rows = [f"{colour}, {when}" for when in times for colour in colours]
pixels = drawn.repeat_interleave(2, 2).repeat_interleave(2, 3) / 3
plots.show(
    plots.plot_images(pixels, n_columns=5, row_labels=rows),
    alt="Ten rows of five small pictures of 8 by 8 coarse pixels: blobs in the colour that was asked for, in front of a "
    "bright sky in the first five rows and of a dark one in the others.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The time of day is as asked for; of the colours red and yellow are plain to see, green and blue can hardly be told apart by day, and pink is pale. The shapes are rough, after 200 steps. In numbers: told another creature's colour and time, the model loses many nats. Note the price of colour: three questions per pixel.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### In full size
# `pretrained.load("pixelcnn_creatures")` is of the same kind: 24×24 pixels, eight levels for each colour, and told all seven attributes. Below are seven creatures that it has never seen, and two draws with the attributes of each.

# %% slideshow={"slide_type": "skip"}
large = pretrained.load("pixelcnn_creatures")
wanted = data.creatures(7, generator=rng)
drawn = torch.cat([sample(large, 7, wanted.attributes, generator=rng) for _ in range(2)]) / 7
plots.show(
    plots.plot_images(
        torch.cat([wanted.images, drawn]), n_columns=7, row_labels=["attributes of", "drawn", "drawn again"]
    ),
    alt="Three rows of seven creatures. Above the ones whose attributes are asked for; below two draws of each: the same colour, "
    "body and time of day, but eyes that run together and horns that are missing or misplaced.",
)

# %% slideshow={"slide_type": "subslide"}
figures = pretrained.card("pixelcnn_creatures")["figures"]
print(
    f"{'the judge sees what was asked for':>34}" + "".join(f"{name:>9}" for name in data.CREATURE_ATTRIBUTES)
)
for kind, name in {"real ones, rounded": "real ones, in eight levels", "samples": "500 draws"}.items():
    shares = [figures[f"{kind}: {attribute}"] for attribute in data.CREATURE_ATTRIBUTES]
    print(f"{name:>34}" + "".join(f"{share:9.0%}" for share in shares))
right, other = (figures[f"log p(x | attributes{of}), nats"] for of in ("", " of another"))
print(f"log p(x | its attributes) {right:.0f} nats, with those of another creature {other:.0f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Colour, time of day, size and body are as asked for in more than nine of ten. Eyes and horns are not: in half of the draws the judge counts another number. Their number is a matter of the whole; each pixel near them is plausible. (One training with one seed, of less than half an hour; the attributes are told to every layer, and a longer training would count better, but we have not tried.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.11 Sound (deeper)
# *About 15 minutes.* You will hear what the chain rule makes of a waveform.
#
# A sound is an image of one row. `data.drawn_tones` draws short tones, 8,000 numbers a second: sine, triangle or square waves at one of eight pitches, which fade. We cut $[-1, 1]$ into 32 levels. The old way to predict a sound is **linear**: the next number is a weighted sum of the last 32, plus Gaussian
# noise. How many nats does that cost per number, and how many the network?

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)
tones = data.drawn_tones(2_200, n_samples=800, generator=rng).waves  # (2200, 800)
levels = ((tones + 1) / 2 * 31).round().long()[:, None]  # (2200, 1, 800), 0 to 31
train, unseen = levels[:2000], levels[2000:]
heard = levels[:, 0].double() / 31 * 2 - 1
windows = heard.unfold(1, 33, 1)  # (2200, 768, 33): 32 numbers and the next one
inputs, target = windows[:500, :, :32].reshape(-1, 32), windows[:500, :, 32].reshape(-1)
weights = torch.linalg.lstsq(inputs, target[:, None]).solution[:, 0]
std = (target - inputs @ weights).std()

# %% slideshow={"slide_type": "subslide"}
gap = windows[2000:, :, 32] - windows[2000:, :, :32] @ weights  # (200, 768): error of each prediction
top, bottom = (torch.special.ndtr((gap + step) / std) for step in (1 / 31, -1 / 31))  # the level's two edges
top, bottom = torch.where(unseen[:, 0, 32:] == 31, 1, top), torch.where(unseen[:, 0, 32:] == 0, 0, bottom)
linear = (top - bottom).clamp_min(1e-12).log().mean()
ear = autoregressive.PixelCNN(
    (1, 800),
    width=32,
    n_blocks=8,
    first_kernel=(1, 3),
    kernel_size=(1, 3),
    dilations=(1, 2, 4, 8, 16, 32, 64, 128),
    n_levels=32,
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The network is a PixelCNN of one row. Its kernels read two numbers, at distances 1, 2, 4 and so on to 128: **dilations**, with which eight layers reach 256 numbers back. This is the idea of WaveNet (van den Oord and others, 2016).
#
# > **Predict.** A sine wave follows a linear rule exactly: each number from two before it. Will the network be better than the linear predictor, which was given 32?

# %% slideshow={"slide_type": "subslide"}
ear.start_at_frequencies(train)
fit_autoregressive(ear, train, n_steps=250, batch_size=8, learning_rate=5e-3, average=0.98, generator=rng)
with torch.no_grad():
    logits = ear(unseen)  # (200, 1, 800, 32)
each = logits.log_softmax(-1).gather(-1, unseen[..., None])[:, 0, 32:, 0]
print(f"guessing: {-math.log(32):.2f}   linear: {linear:.2f}   network: {each.mean():.2f} nats per number")

# %% slideshow={"slide_type": "fragment"}
drawn = sample(ear, 8, generator=rng)[:, 0] / 31 * 2 - 1  # (8, 800)
for name, waves in {"eight tones from the data": heard[:8], "eight drawn tones": drawn}.items():
    display(Markdown(f"{name}:"), Audio(waves.flatten().numpy(), rate=data.TONE_RATE, normalize=False))

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(2, 4, figsize=(9, 2.8), sharex=True, sharey=True)
for line, (name, waves) in zip(axes, {"data": heard[[0, 1, 7, 3]], "drawn": drawn}.items(), strict=True):
    for ax, wave in zip(line, waves, strict=False):
        ax.plot(torch.arange(240) / 8, wave[:240], lw=1, color=plots.COLORS[0])
    line[0].set_ylabel(name)
axes[1, 0].set_xlabel("time (ms)")
plots.show(
    figure,
    alt="Four waves from the data and four drawn ones over 30 milliseconds. Those from the data are regular, smooth, "
    "pointed or rectangular, in different pitches; the drawn ones swing too, but lose their pitch after some periods, and have kinks.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# One linear rule has to serve all pitches and all shapes; the network first finds out which tone it hears. And its answer may have two peaks, which a Gaussian cannot: at the edge of a square wave the next number is either still up, or down.
#
# What you hear in the drawn ones: a pitch, which slips. It is not for want of reach: 256 numbers are 7 to 19 periods. After 250 steps the network reads the pitch only roughly, and it goes on from its own errors, which add up.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9.12 The plane again (core)
# *About 5 minutes.* Two moons in a ring of eight Gaussians, modelled by every family. Here are only two "pixels", $p(x_1)\, p(x_2 \mid x_1)$, with 64 levels each: the plane becomes a grid of squares. The level is read as 64 numbers, with a 1 at its place. The density inside a square is taken as constant, so it is $p / \text{area}$.

# %% slideshow={"slide_type": "fragment"}
rng = seed_everything(0)


def cells(points, n=64, edge=2.1):
    """Levels (n_points, 1, 2) of points in the square from -edge to edge."""
    return ((points + edge) / (2 * edge) * n).floor().clamp(0, n - 1).long()[:, None]


points = data.moons_and_ring(20_000, generator=rng).points
test_points = data.moons_and_ring(3_000, generator=rng).points
plane = autoregressive.MADE((1, 2), hidden=(256,), n_levels=64, as_one_hot=True)
history = fit_autoregressive(
    plane, cells(points), n_steps=1_000, batch_size=256, learning_rate=1e-2, average=0.99, generator=rng
)

# %% slideshow={"slide_type": "subslide"}
log_area = 2 * math.log(4.2 / 64)
mixture, _ = mixtures.fit_em(points[:3000].double(), 30, max_iter=100, generator=rng)
x, y, everywhere = plots.plane((-2.1, 2.1), (-2.1, 2.1), n=128)
with torch.no_grad():
    reached = plane.log_prob(cells(test_points)).mean() - log_area
    density = (plane.log_prob(cells(everywhere)) - log_area).exp()
print(f"pixel by pixel: {reached:.2f} nats per unseen point", end="   ")
print(f"mixture of 30: {mixtures.e_step(test_points.double(), mixture).log_prob.mean():.2f}")

# %% slideshow={"slide_type": "subslide"}
drawn = sample(plane, 1_500, generator=rng)[:, 0]
drawn = (drawn + torch.rand(drawn.shape, generator=rng)) / 64 * 4.2 - 2.1  # anywhere in its square
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharex=True, sharey=True)
plots.plot_points(points[:1500], ax=axes[0], size=3, alpha=1)
plots.plot_density(x, y, density, ax=axes[1])
plots.plot_points(drawn, ax=axes[2], size=3, alpha=1)
for ax, title in zip(axes, ("data", "$p(x_1)\\,p(x_2 \\mid x_1)$", "1,500 draws"), strict=True):
    ax.set(title=title, xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), ylabel="", aspect="equal")
plots.show(
    figure,
    alt="The data, two moons in a ring of eight clusters; the model's density, the same shapes in small squares, with ragged "
    "edges; and its draws, which follow moons and clusters, with a few strays.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The mixture of chapter 1 is a little better here. It knows that neighbouring places have similar densities; our levels do not.
#
# No thin film as with the VAE of chapter 3, no threads as with the GAN of chapter 5: separate pieces are no problem, because a conditional distribution over levels may have as many peaks as it likes. The price is the grid. With two numbers it can be paid.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# | | VAE | GAN | pixel by pixel |
# |---|---|---|---|
# | $p(x)$ | a bound, or an estimate | none | exact |
# | training | one loss, steady | a game | one loss, steady |
# | to draw | one pass | one pass | one step for each pixel; with a memory, cheap ones |
# | a code for the image | yes | no | no |
# | pixels fit their neighbours | no: independent, given $z$ | yes | yes |
# | what fails first | sharpness | modes | the whole, over long distances |
#
# - Any product of conditional probabilities is a distribution. Nothing has to be normalised.
# - Type A in the first layer, type B in all others. The Jacobian proves it.
# - A stack of masked convolutions has a blind spot; two stacks have none.
# - To score is one pass; to draw is $n$ steps, but they can be cheap.
# - The order is a choice, and decides which conditional questions are cheap.
#
# **What comes next.** Pixels are many, and most are dull. Chapter 10 first squeezes an image into a few codes, and then draws the codes one by one, with the gated PixelCNN of this chapter.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. In which order of the pixels would $p(\text{upper} \mid \text{lower})$ be cheap? And the left half, given the right one?
# 2. A friend has trained a PixelCNN on grey digits, with 256 levels, and gets -600 nats. Is that worse than -81? What would you ask?
# 3. The model of section 9.10 reads levels as one brightness. For codes without an order, as in chapter 10, it reads `n_levels` numbers each. What would go wrong otherwise?
# 4. Why does a model with a large first kernel, and no further layers, have no blind spot? Why not always do that?
#
# ### References
# - A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu (2016), [Pixel recurrent neural networks](https://arxiv.org/abs/1601.06759): row LSTM, diagonal BiLSTM, PixelCNN, masks A and B.
# - A. van den Oord and others (2016), [Conditional image generation with PixelCNN decoders](https://arxiv.org/abs/1606.05328): the blind spot, two stacks, gates, conditions.
# - M. Germain, K. Gregor, I. Murray, H. Larochelle (2015), [MADE: masked autoencoder for distribution estimation](https://arxiv.org/abs/1502.03509).
# - H. Larochelle, I. Murray (2011), The neural autoregressive distribution estimator: NADE.
# - A. van den Oord and others (2016), [WaveNet](https://arxiv.org/abs/1609.03499): dilations, and sound.
# - Y. Dauphin and others (2016), [Language modeling with gated convolutional networks](https://arxiv.org/abs/1612.08083): the gate without tanh.
# - E. Hotaj, [pytorch-generative](https://github.com/EugenHotaj/pytorch-generative): the open re-runs of section 9.7.
