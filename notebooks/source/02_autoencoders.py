# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 2: Autoencoders
#
# *Three hours alone with the exercises, or one lecture and a half. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# Chapter 1 ended with a wish: a code of several features, each of which says something about $x$, and which combine.
# Nobody will write such features down for us. An **autoencoder** learns them from one demand: squeeze the picture
# through a few numbers, and give it back.
#
# It is tempting to turn the machine around: choose the few numbers at random, and decode a picture that nobody has
# drawn. An old lecture story says why this should fail: between the code of a full moon and the code of a half moon
# there may lie anything. You will measure what is true of that story, and then build a first generator that works.
#
# **After this chapter you can**
# - say what an autoencoder minimises, and why the linear one finds the same plane as PCA;
# - train deep ones, draw maps with them, remove noise, and learn from few labels;
# - say why decoding random codes is not drawing from $p(x)$, and show it with numbers;
# - turn an autoencoder into a generator with the mixture of chapter 1.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $x$: an image of $d$ pixels. $z$: its **code**, $m$ numbers, with $m < d$. $f$: the **encoder**, $z = f(x)$.
# $g$: the **decoder**, $\hat x = g(z)$, the **reconstruction**. $\lVert x - \hat x \rVert^2$: the **squared error** of one
# image, summed over its pixels; the numbers that we report are averages of it over many images. All values of pixels
# lie in $[0, 1]$. In shapes, `n` counts images, so their codes are `(n, m)`; `k` counts random codes, `K` the
# components of a mixture.

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import nn

from course_utils import autoencoders, data, metrics, mixtures, plots, pretrained, training, widgets
from course_utils.autoencoders import squared_error
from course_utils.exercises import ch02
from course_utils.history import History
from course_utils.networks import start_output_at
from course_utils.seeding import seed_everything

generator = seed_everything(0)

# %% slideshow={"slide_type": "skip"}
images, labels = data.load_mnist()  # (60000, 28, 28) in [0, 1], (60000,)
test_images, test_labels = data.load_mnist("test")  # 10,000 digits of other writers

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 1. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch02.recall_responsibility

# %% slideshow={"slide_type": "skip"}
ch02.recall_responsibility.answer(...)

# %% slideshow={"slide_type": "skip"}
ch02.recall_em

# %% slideshow={"slide_type": "skip"}
ch02.recall_em.answer(...)

# %% slideshow={"slide_type": "skip"}
ch02.recall_code

# %% slideshow={"slide_type": "skip"}
ch02.recall_code.answer(...)


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.1 Squeeze, and restore (core)
#
# *About 25 minutes.* An autoencoder has two halves, trained together. The encoder $f$ maps the image $x$ to a code $z$ of $m$ numbers. The
# decoder $g$ maps the code back. Nobody says what the numbers should mean. The only demand is
#
# $$\min_{f,\,g}\; \mathbb E_x \,\big\lVert x - g(f(x)) \big\rVert^2 .$$
#
# If the code were as long as the image, copying would do. It is short, so $f$ has to keep what differs from image to
# image, and $g$ has to know what all images share.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.1
# The objective: from images `x` and `reconstruction`, both of shape (n, height, width), to one squared error for each
# image, shape (n,).


# %% slideshow={"slide_type": "skip"}
def my_squared_error(x, reconstruction):
    return ...


ch02.squared_error.check(my_squared_error)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The smallest one is linear
# Let $f$ and $g$ be one linear layer each: $z = A(x - b)$ and $\hat x = b + Wz$, with $W$ of shape $(d, m)$. All
# reconstructions then lie in the plane through $b$ that the $m$ columns of $W$ span. Two questions, one after the other:
#
# *Given the plane*, which point of it is nearest to $x$? The foot of the perpendicular. So the best encoder **projects**.
#
# *Which plane?* Put $b$ at the mean, and let the columns of $W$ be orthonormal (any basis of the plane will do). By
# Pythagoras, with $W^\top (x - b)$ the coordinates in the plane,
#
# $$\lVert x - \hat x \rVert^2 = \lVert x - b \rVert^2 - \lVert W^\top (x - b) \rVert^2 .$$
#
# The first term is fixed. So the error is smallest where the variance *in* the plane is largest. That plane is spanned
# by the $m$ **principal directions**, the eigenvectors of the covariance with the largest eigenvalues, and projecting on
# them is called PCA, principal component analysis.

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** We train a linear autoencoder with gradient steps, and fit PCA with a formula. Will the errors agree?
# > Will the first number of the code be the first principal component?

# %% slideshow={"slide_type": "subslide"}
few = images[:10_000]
pca = PCA(2, svd_solver="covariance_eigh").fit(few.flatten(1))
linear = autoencoders.linear_autoencoder((28, 28), latent_dim=2)
start_output_at(linear.decoder, few.mean(0))  # the decoder's bias begins at the mean image
settings = {"n_steps": 1_000, "batch_size": 128, "learning_rate": 5e-3}
autoencoders.fit_autoencoder(linear, few, **settings, generator=generator)

by_formula = torch.from_numpy(pca.inverse_transform(pca.transform(few.flatten(1)))).view_as(few)
with torch.no_grad():
    errors = [squared_error(few, x).mean().item() for x in (by_formula, linear(few))]
print("PCA {:.2f}   linear autoencoder {:.2f}   (squared error of an image)".format(*errors))

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("within 0.5 %:", errors[1] < 1.005 * errors[0])

# %% slideshow={"slide_type": "subslide"}
plane = torch.linalg.qr(linear.decoder[0].weight.detach()).Q  # (784, 2), a basis of the learned plane
principal = torch.from_numpy(pca.components_).float()  # (2, 784)
cosines = torch.linalg.svdvals(principal @ plane)  # of the angles between the two planes

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("same plane:", bool(cosines.min() > 0.99))

# %% slideshow={"slide_type": "-"}
axes = nn.functional.normalize(linear.decoder[0].weight.detach(), dim=0)
print("cosines with       its 1st axis   its 2nd axis")
for name, row in zip(("1st", "2nd"), (principal @ axes).abs(), strict=True):
    print(f"{name} direction {row[0]:16.2f} {row[1]:14.2f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# The same plane, and other axes in it. Nothing in the objective prefers one basis of the plane: for any
# invertible $R$, replace $W$ by $WR$ and $A$ by $R^{-1}A$, and every reconstruction stays the same. A code is defined only up to what the decoder can undo. Keep
# this in mind when someone reads a meaning into "the third number of the code".

# %% slideshow={"slide_type": "skip"}
ch02.pca_axes

# %% slideshow={"slide_type": "skip"}
ch02.pca_axes.answer(...)

# %% slideshow={"slide_type": "skip"}
ch02.sum_or_mean

# %% slideshow={"slide_type": "skip"}
ch02.sum_or_mean.answer(...)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.2
# PCA by hand: from points `x` (n, d) to their reconstructions (n, d) from `n_components` principal directions.


# %% slideshow={"slide_type": "skip"}
def my_pca_reconstruction(x, n_components):
    return ...


ch02.pca_reconstruction.check(my_pca_reconstruction)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.2 Deep, and a map of the digits (core)
#
# *About 40 minutes.* Between image and code we now put hidden layers with a nonlinear activation in between (SiLU, $u \cdot \sigma(u)$, a smooth
# relative of $\max(0, u)$). The reachable images no longer form a plane but a **curved** surface, which can bend
# towards the digits. The last layer is a sigmoid, which keeps the pixels in $[0, 1]$. With two numbers per digit the
# code is a point on a map that we can draw.
#
# The whole training is one short loop. The package has it as `fit_autoencoder`; here it is once, in full.

# %% slideshow={"slide_type": "subslide"}
deep = autoencoders.mlp_autoencoder((28, 28), latent_dim=2, hidden=(400, 200, 100))
start_output_at(deep.decoder, images.mean(0))  # a bias that the sigmoid turns into the mean image
optimizer = torch.optim.Adam(deep.parameters(), lr=2e-3, fused=True)
batches = training.batches(images, 128, generator=generator)
history, n_steps = History(), 900

with training.threads(1):  # with tensors this small one thread beats two
    for step in training.steps(n_steps, history):
        optimizer.param_groups[0]["lr"] = 2e-3 * training.cosine(step, n_steps)  # falls to 0 in the end
        x = next(batches)
        loss = squared_error(x, deep(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.record(loss=loss)

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** Ten kinds of digits, never told apart by anyone. On the map of the *test* digits: ten clouds, one cloud, or
# > something in between? And PCA's map?


# %% slideshow={"slide_type": "skip"}
def draw_map(codes, labels, ax):
    """Draw each code as a point in the colour of its label, and each numeral near the median of its codes."""
    plots.plot_points(codes, labels, ax=ax, size=9, equal=False, xlabel="$z_1$", ylabel="$z_2$")
    ax.get_legend().remove()
    for digit, color in enumerate(plots.TEN_COLORS):
        place = codes[labels == digit].median(0).values.tolist()
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": color, "alpha": 0.9}
        aside = (9 * (-1) ** (digit + 1), 0)  # so that 4 does not hide 9
        ax.annotate(str(digit), place, aside, textcoords="offset points", weight="bold", bbox=box)


# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    maps = {
        "PCA": torch.from_numpy(pca.transform(test_images[:2000].flatten(1))),
        "deep autoencoder": deep.encode(test_images[:2000]),
    }

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6))
for ax, (name, codes) in zip(axes, maps.items(), strict=True):
    draw_map(codes, test_labels[:2000], ax)
    xlim, ylim = codes.quantile(torch.tensor([0.01, 0.99]).to(codes), dim=0).T.tolist()
    ax.set(title=name, xlim=xlim, ylim=ylim)  # a few codes lie far out
axes[1].legend(markerscale=3, loc="upper left", bbox_to_anchor=(1, 1))
plots.show(
    figure,
    alt="Two maps of 2,000 test digits, coloured by label, with a numeral near the median of each label. PCA: ones at the left end, "
    "zeros at the right, all others mixed between them. Deep autoencoder: from a crowded middle, zeros spread up, ones down to the "
    "right, sevens down; 4 and 9 share one region below the middle, 3, 5 and 8 another above it; twos lie in two places.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Something in between. PCA's map is nearly one cloud, with ones and zeros at its ends. The network gives some digits a
# region of their own and lets others overlap, with nobody telling it that there are digits. (At each side 1 % of the
# codes are cut off.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# How good is such a map, as a number? Take a test digit, look at the 15 nearest of 20,000 training codes, and let their
# labels vote. The labels are used for this question only, never for the training.
#
# `pretrained.load` brings a twin of our network that was trained longer, by a script that is part of the package.

# %% slideshow={"slide_type": "fragment"}
stored = pretrained.load("autoencoder_mnist_2d")
encoders = {
    "PCA": lambda x: torch.from_numpy(pca.transform(x.flatten(1))),
    "live": deep.encode,
    "stored": stored.encode,
}
accuracy = {}
with torch.no_grad():
    for name, encode in encoders.items():
        accuracy[name] = metrics.nearest_label_accuracy(
            encode(images[:20_000]), labels[:20_000], encode(test_images), test_labels
        )
print({name: f"{share:.0%}" for name, share in accuracy.items()})
print("live at least 68 %, stored at least 80 %:", accuracy["live"] >= 0.68 and accuracy["stored"] >= 0.8)

# %% slideshow={"slide_type": "skip"}
pretrained.card("autoencoder_mnist_2d")  # what it was trained on, how, and what was measured

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### The map in your hands
# Drag over the pad: the decoded picture follows your hand, computed in the browser. Hover over a point to see the digit
# and its reconstruction. *Grid* shows what the decoder makes of every place. Try this:
#
# 1. Travel from the zeros to the ones. Where does one become the other, and what is between?
# 2. Switch all labels off but 4 and 9. Can you find a place where you could not say which it is?
# 3. Leave the cloud of points, to an edge of the pad. What does the decoder show there?
# 4. Draw a digit with the mouse. Where does it land?

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    codes = stored.encode(test_images[:3000])
explorer = widgets.LatentExplorer(
    stored.decoder, codes, test_labels[:3000], test_images[:3000], encoder=stored.encoder, sample="codes"
)

# %% slideshow={"slide_type": "subslide"}
explorer

# %% [markdown] slideshow={"slide_type": "subslide"}
# The same without a mouse: the stored map, and what its decoder makes of every place. Both pictures have the same axes.
# They are stretched so that the crowded middle gets room: equal steps are equal shares of the codes.

# %% slideshow={"slide_type": "fragment"}
ranks = codes.argsort(0).argsort(0) / len(codes)  # (3000, 2), the share of codes that are smaller
z_1, z_2 = codes.quantile((torch.arange(20) + 0.5) / 20, dim=0).T  # at shares from 0.025 to 0.975
grid = torch.cartesian_prod(z_2.flip(0), z_1).flip(1)  # (400, 2), row by row from the top
with torch.no_grad():
    pictures = stored.decode(grid)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(11, 5.4))
draw_map(ranks, test_labels[:3000], axes[0])
plots.plot_images(pictures, n_columns=20, gap=0, ax=axes[1])
axes[1].images[0].set_extent((0, 1, 0, 1))
for ax, name in zip(axes, ("codes of test digits", "decoded codes"), strict=True):
    ax.set(title=name, xlabel="share of codes with a smaller $z_1$", ylabel="share with a smaller $z_2$")
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
plots.show(
    figure,
    alt="Left, the codes of 3,000 test digits in ten colours: 0, 1, 2 and 7 fill the corners, 4 and 9 share a region, "
    "3, 5, 8 and 6 lie in the middle; wide places are empty. Right, 20 by 20 decoded codes on the same axes: the same regions, "
    "as digits that change smoothly, blurred on the borders, and clear digits in the empty places too.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Inside a region the digits are clear, and change smoothly. On the borders between two regions there are blurred shapes
# that nobody writes. Where the map is empty the decoder goes on with the digit of the nearest region. It has an answer for
# every code. Nothing in the training asked it to have a *good* answer where no digit was encoded.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.3 How many numbers does a digit need? (deeper)
#
# *About 15 minutes.*
#
# > **Predict.** We give the code 2, 8, 16 and 32 numbers. PCA must get better each time. Does the deep autoencoder keep its
# > lead?

# %% slideshow={"slide_type": "fragment"}
dims, error = (2, 8, 16, 32), {"PCA": [], "autoencoder": []}
whole = PCA(32, svd_solver="covariance_eigh").fit(images.flatten(1))
mean, directions = torch.from_numpy(whole.mean_).float(), torch.from_numpy(whole.components_).float()
by_dim = {}
for m in dims:
    basis = directions[:m]
    flat = (test_images.flatten(1) - mean) @ basis.T @ basis + mean
    error["PCA"].append(squared_error(test_images, flat.view_as(test_images)).mean())
    model = by_dim[m] = autoencoders.mlp_autoencoder((28, 28), m)
    start_output_at(model.decoder, images.mean(0))
    autoencoders.fit_autoencoder(model, images, n_steps=300, batch_size=128, generator=generator)
    with torch.no_grad():
        error["autoencoder"].append(squared_error(test_images, model(test_images)).mean())

# %% slideshow={"slide_type": "subslide"}
stored_16 = pretrained.load("autoencoder_mnist_16d")  # the same layers, trained much longer
with torch.no_grad():
    error_of_stored = squared_error(test_images, stored_16(test_images)).mean().item()
for name, values in error.items():
    print(f"{name:>11}: " + "  ".join(f"{value:5.1f}" for value in values))
print(f"   the stored autoencoder, 16 numbers: {error_of_stored:.1f}")

# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_curves(torch.tensor(dims), error, xlabel="numbers in the code", ylabel="squared error (test)")
for line, marker in zip(ax.lines, plots.MARKERS, strict=False):
    line.set_marker(marker)
ax.plot(16, error_of_stored, "k*", markersize=14, label="autoencoder, trained long")
ax.legend()
ax.set_xscale("log", base=2)
ax.set_xticks(dims, [str(m) for m in dims])
plots.show(
    ax,
    alt="Squared error against the length of the code, measured at 2, 8, 16 and 32. PCA's falls all the way. The autoencoder's "
    "lies well below it up to 16 numbers, then stops falling; at 32 PCA's is the lower one. A star at 16 numbers, the "
    "autoencoder that was trained long, lies far below everything else.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With few numbers a curved surface beats a plane by far: eight numbers of the autoencoder do better than sixteen of PCA.
# With 32 numbers PCA is ahead, and only our short training is to blame: the stored network, which was trained long, needs 16
# numbers to beat all of them. The two curves do not mean the same. PCA's error is the best that *any* plane can do; a
# network's error is only where its training stopped.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.4 Denoising (core)
#
# *About 25 minutes.* Now we disturb the input, with Gaussian noise of standard deviation 0.6 at each pixel, and ask for the clean image:
#
# $$\min_{f,\,g}\; \mathbb E\, \big\lVert x - g(f(x + \text{noise})) \big\rVert^2 .$$
#
# To succeed, the network has to know what digits look like. What is the best that it can do? For a squared error the best
# answer to an uncertain question is the **average** of all answers, weighted by how probable they are. So the best of *all*
# functions of the noisy image is $\mathbb E[x \mid \text{noisy}]$.
#
# > **Predict.** Where several strokes are possible, will the restored digit show one of them, or a blur of all?

# %% slideshow={"slide_type": "subslide"}
denoiser = autoencoders.mlp_autoencoder((28, 28), latent_dim=32)
start_output_at(denoiser.decoder, images.mean(0))
settings = {"n_steps": 400, "batch_size": 128, "noise": 0.6}
autoencoders.fit_autoencoder(denoiser, images, **settings, generator=generator)

clean = test_images[:10]
noisy = autoencoders.add_noise(clean, 0.6, generator=generator)
with torch.no_grad():
    restored = denoiser(noisy)
rows = torch.cat([clean, noisy.clamp(0, 1), restored])
plots.show(
    plots.plot_images(rows, n_columns=10, row_labels=["clean", "noisy", "restored"]),
    alt="Ten digits in three rows: clean, buried in noise, and restored by the network. The restored ones are smooth, and "
    "most are readable; strokes are soft and grey where the noise left a choice.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# A blur of all. Where the noise leaves a choice, the stroke is grey and wide: an average is what we asked for.

# %% slideshow={"slide_type": "subslide"}
noisy = autoencoders.add_noise(test_images, 0.6, generator=generator)
with torch.no_grad():
    candidates = {
        "noisy image itself": noisy,
        "restored": denoiser(noisy),
        "mean digit": images.mean(0).expand_as(noisy),
    }
for name, guess in candidates.items():
    print(f"{name:>18}: squared error {squared_error(test_images, guess).mean():6.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Break it.** The commonest bug is one word long: the *noisy* image as the target. All else stays as it was: the layers,
# > the start, the steps, the learning rate. Predict what the network learns then, and how its loss looks beside the
# > right one.

# %% slideshow={"slide_type": "subslide"}
broken = autoencoders.mlp_autoencoder((28, 28), latent_dim=32)
start_output_at(broken.decoder, images.mean(0))
optimizer = torch.optim.Adam(broken.parameters(), lr=2e-3, fused=True)
batches = training.batches(images, 128, generator=generator)
with training.threads(1):
    for step in training.steps(400, History()):
        optimizer.param_groups[0]["lr"] = 2e-3 * training.cosine(step, 400)
        x = autoencoders.add_noise(next(batches), 0.6, generator=generator)
        loss = squared_error(x, broken(x)).mean()  # the target has the noise in it
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    answers = {
        "trained with the clean target": denoiser(noisy),
        "trained with the noisy target": broken(noisy),
        "the perfect clean image": test_images,
        "a copy of the input": noisy,
    }
print(f"{'squared error':>29}   to the noisy image   to the clean image")
for name, answer in answers.items():
    errors = [squared_error(target, answer).mean().item() for target in (noisy, test_images)]
    print(f"{name:>29} {errors[0]:20.1f} {errors[1]:20.1f}")


# %% [markdown] slideshow={"slide_type": "fragment"}
# The broken loss (first column) looks terrible. Copying would bring it to 0, but 32 numbers have no room for the noise of 784
# pixels. Even the perfect clean image loses as much here as the noise has energy, $0.6^2 \cdot 784$ on average. So the
# bottleneck throws most of the noise away, with the right target or the wrong one, and the images (second column) come out
# nearly as clean. With a code as long as the image, copying would be the best answer to the wrong question. Read a loss
# beside what other answers get, never beside zero.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.3
# The denoising objective: `model` maps images to images; from `clean` and `noisy` (n, height, width) to one value for each
# image, (n,).


# %% slideshow={"slide_type": "skip"}
def my_denoising_loss(model, clean, noisy):
    return ...


ch02.denoising_loss.check(my_denoising_loss)

# %% slideshow={"slide_type": "skip"}
ch02.denoising_target

# %% slideshow={"slide_type": "skip"}
ch02.denoising_target.answer(...)


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.5 Features for another task (deeper)
#
# *About 10 minutes.* 60,000 digits, but labels for a handful only: that is the usual state of the world. The autoencoder needs no labels. A
# linear classifier can then work on 32 numbers, those of our denoiser's encoder, instead of 784 pixels. How strongly it
# is held back from fitting its few labels too closely (`C`) is chosen on 5,000 digits set aside, for both inputs alike.
#
# > **Predict.** With 50 labels, which input is better: pixels, or codes? With 1,000?


# %% slideshow={"slide_type": "fragment"}
def accuracy_of(features, test_features, n_labels, seed):
    chosen = torch.randperm(55_000, generator=torch.Generator().manual_seed(seed))[:n_labels]
    fits = [
        LogisticRegression(max_iter=300, C=C).fit(features[chosen], labels[chosen]) for C in (0.01, 0.1, 1)
    ]
    best = max(fits, key=lambda fit: fit.score(features[55_000:], labels[55_000:]))
    return best.score(test_features, test_labels)


with torch.no_grad():
    inputs = {
        "pixels": (images.flatten(1), test_images.flatten(1)),
        "codes": (denoiser.encode(images), denoiser.encode(test_images)),
    }

# %% slideshow={"slide_type": "subslide"}
for n_labels in (50, 250, 1000):
    line = f"{n_labels:>5} labels:"
    for name, (features, test_features) in inputs.items():
        with threadpool_limits(1):  # with matrices this small one thread beats two
            scores = torch.tensor([accuracy_of(features, test_features, n_labels, seed) for seed in range(3)])
        line += f"   {name} {scores.mean():.1%} (from {scores.min():.1%} to {scores.max():.1%})"
    print(line)

# %% [markdown] slideshow={"slide_type": "fragment"}
# With few labels the codes win by several points: they were learned from all 60,000 digits, labels or not. With more
# labels the lead shrinks, because then the classifier can find out for itself which pixels matter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.6 Full moon, half moon, and what lies between (core)
#
# *About 40 minutes.* Now the story. A lecture puts it like this: *the full moon has one code, the half moon another. What does the decoder make
# of the code in the middle? We would like a gibbous moon. But nobody told it so: it may be anything.*
#
# We can measure it, because we can draw moons of every phase. The **phase** is the lit share of the disc: 1 is full, 0.5
# half, 0.1 a thin crescent. One number makes each picture, so one number would be enough for a code. We give the
# autoencoder eight.

# %% slideshow={"slide_type": "fragment"}
moons = data.moon_phases(2_000, size=20, generator=generator)
ruler = data.moon_phases(phases=torch.linspace(0.1, 1, 400), size=20)  # true moons, to measure with
plots.show(
    plots.plot_images(ruler.images[::40].flip(0), n_columns=10),
    alt="Ten moons in a row, from full to a thin crescent lit from the right.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# We shall walk from the full moon to the thinnest **crescent**, the ends that are furthest apart; the half moon is then one of
# the moons on the way. A picture counts as a moon if its root mean squared difference from the nearest true moon is less than
# 0.1 a pixel. How strict is that?

# %% slideshow={"slide_type": "fragment"}
full, crescent = ruler.images[-1:], ruler.images[:1]
crossfade = metrics.nearest_images((full + crescent) / 2, ruler.images)
print(f"a crossfade of full and crescent is {crossfade.distance.item():.2f} from the nearest moon")
pair = data.moon_phases(phases=torch.tensor([0.5, 0.55]), size=20).images
apart = metrics.nearest_images(pair[:1], pair[1:])
print(f"true moons of phases 0.50 and 0.55 are {apart.distance.item():.2f} apart")


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.4
# The straight walk: `n_steps` codes from `start` to `end`, both (m,) and both included; the result has shape (n_steps, m).


# %% slideshow={"slide_type": "skip"}
def my_walk(start, end, n_steps):
    return ...


ch02.walk.check(my_walk)


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two choices that nobody thinks much about: the units (SiLU or tanh), and the output (linear, or a sigmoid, which keeps the
# pixels in $[0, 1]$). We train all four combinations, the first and the last with five seeds.
#
# > **Predict.** For each: on the straight walk from the full moon's code to the crescent's, how many of the decoded
# > pictures are moons? And if we decode codes drawn from $\mathcal N(0, I)$? Which choice matters more?


# %% slideshow={"slide_type": "subslide"}
def train_on_moons(phases, activation, output, seed):
    seeded = seed_everything(seed)
    pictures = data.moon_phases(phases=phases, size=20).images
    model = autoencoders.mlp_autoencoder((20, 20), 8, hidden=(64, 64), activation=activation, output=output)
    autoencoders.fit_autoencoder(model, pictures, n_steps=1_200, batch_size=32, generator=seeded)
    return model


kinds = {"SiLU, linear": (nn.SiLU, "linear", 5), "SiLU, sigmoid": (nn.SiLU, "sigmoid", 3)}
kinds |= {"tanh, linear": (nn.Tanh, "linear", 3), "tanh, sigmoid": (nn.Tanh, "sigmoid", 5)}
trained = {
    kind: [train_on_moons(moons.phases, activation, output, seed) for seed in range(n_seeds)]
    for kind, (activation, output, n_seeds) in kinds.items()
}


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def walk_of(model, n_steps=41):
    start, end = model.encode(torch.cat([full, crescent]))
    return model.decode(ch02.walk.reference(start, end, n_steps)).clamp(0, 1)  # exercise 2.4


@torch.no_grad()
def random_of(model, n_samples=500):
    z = torch.randn(n_samples, 8, generator=generator)
    return model.decode(z).clamp(0, 1)


@torch.no_grad()
def fitted_of(model, n_samples=500):
    fitted, _ = mixtures.fit_em(model.encode(moons.images), 1, reg_covar=1e-2, generator=generator)
    z = mixtures.sample_mixture(fitted, n_samples, generator=generator).points
    return model.decode(z.float()).clamp(0, 1)


# %% slideshow={"slide_type": "subslide"}
def span(values, digits):
    low, high = f"{min(values):{digits}}", f"{max(values):{digits}}"
    return low if low == high else f"{low} to {high}"


def share_of_moons(pictures):
    return (metrics.nearest_images(pictures, ruler.images).distance < 0.1).double().mean().item()


print("share of moons:   straight walk   codes from N(0, I)   codes from one fitted Gaussian")
for kind, models in trained.items():
    shares = [
        span([share_of_moons(draw(model)) for model in models], ".0%")
        for draw in (walk_of, random_of, fitted_of)
    ]
    print(f"{kind:>14} {shares[0]:>16} {shares[1]:>20} {shares[2]:>32}")

# %% slideshow={"slide_type": "subslide"}
print("                  length of a code   full comes back as   crescent (0.10) as")
for kind, models in trained.items():
    with torch.no_grad():
        lengths = [model.encode(moons.images).norm(dim=1).mean().item() for model in models]
    ends = torch.stack([walk_of(model, 2) for model in models], dim=1)  # (2, models, 20, 20)
    phases = [ruler.phases[metrics.nearest_images(end, ruler.images).which].tolist() for end in ends]
    print(f"{kind:>14} {span(lengths, '.1f'):>19} {span(phases[0], '.2f'):>20} {span(phases[1], '.2f'):>20}")

# %% slideshow={"slide_type": "subslide"}
rows = {f"{kind}: walk": walk_of(models[0], 33)[::3] for kind, models in trained.items()}
for kind in ("SiLU, linear", "tanh, sigmoid"):
    rows[f"{kind}: N(0, I)"] = random_of(trained[kind][0])[:11]
    rows[f"{kind}: one Gaussian"] = fitted_of(trained[kind][0])[:11]
_, ax = plt.subplots(figsize=(9.3, 4.6))
ax.set_anchor("E")  # the labels need the room
plots.show(
    plots.plot_images(torch.cat(list(rows.values())), n_columns=11, row_labels=list(rows), ax=ax),
    alt="Eight rows of eleven decoded pictures. On the walk from full to crescent the networks with a linear output show a grey "
    "crossfade of discs; SiLU with a sigmoid begins with a moon that is clearly not full; tanh with a sigmoid shows clean moons. "
    "Codes from N(0, I) give dim or broken discs with SiLU, and moons with some grey or inverted ones with tanh. Codes from "
    "one Gaussian give more moons with SiLU, and moons only with tanh.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# What is true of the story, then?
#
# - **The walk depends on the network, most of all on its output layer.** With a linear output the halfway is spoiled in every
#   seed, with either unit. With a sigmoid most pictures are moons, often all of them. Nothing in the objective asks for either.
# - **A moon, but is it the right one?** The networks with SiLU and a sigmoid give the full moon back as one that is clearly
#   not full. A share of moons does not see that.
# - **Where the codes lie is a whim of the training.** Their length differs many times over between the networks. A code from
#   $\mathcal N(0, I)$ has a length of about $\sqrt 8$, whatever the network. In every network here about half of
#   those codes or more decode to no moon.
# - **Codes drawn where the codes are do better**, in every network, even from one Gaussian. Section 2.7 goes on from there.

# %% [markdown] slideshow={"slide_type": "fragment"}
# One more test of the story, closer to how it is told. The training set has two bands only: moons that are nearly full (phases
# 0.9 to 1) and crescents (0.1 to 0.2). We call a phase new if it is well between them, from 0.25 to 0.85.
#
# > **Predict.** The network with the clean walk, trained on the two bands only: does it invent the half moon?

# %% slideshow={"slide_type": "subslide"}
bands = torch.cat([torch.linspace(0.9, 1, 1000), torch.linspace(0.1, 0.2, 1000)])
two_bands = [train_on_moons(bands, nn.Tanh, "sigmoid", seed) for seed in range(5)]
new = []
for seed, model in enumerate(two_bands):
    near = metrics.nearest_images(walk_of(model), ruler.images)
    is_moon, phases = near.distance < 0.1, ruler.phases[near.which]
    new.append((is_moon & (phases > 0.25) & (phases < 0.85)).double().mean().item())
    below, above = phases[is_moon & (phases < 0.5)].max(), phases[is_moon & (phases > 0.5)].min()
    print(f"seed {seed}: moons down to phase {above:.2f}, and again from {below:.2f} on")
print("pictures on the walk that are moons of phases 0.25 to 0.85:", [f"{share:.0%}" for share in new])

# %% slideshow={"slide_type": "fragment"}
plots.show(
    plots.plot_images(walk_of(two_bands[0], 33)[::3], n_columns=11),
    alt="Eleven pictures of the walk: nearly full moons up to the middle, then the dark side fades in two steps, a light grey and a "
    "dark grey one, then crescents. There is no half moon.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# It does not, in any of the five seeds. A little beyond each band it goes on correctly; between, the dark side fades out like
# one photograph into another. A decoder joins what it has seen; it does not know that the light falls on a ball.

# %% slideshow={"slide_type": "skip"}
ch02.two_bands

# %% slideshow={"slide_type": "skip"}
ch02.two_bands.answer(...)

# %% slideshow={"slide_type": "skip"}
ch02.smooth_walk

# %% slideshow={"slide_type": "skip"}
ch02.smooth_walk.answer(...)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.5
# Is a code in a hole? From `random_codes` (k, m) and known `codes` (n, m) to the distance of each to the nearest known
# one, (k,). Section 2.7 uses it.


# %% slideshow={"slide_type": "skip"}
def my_distance_to_codes(random_codes, codes):
    return ...


ch02.distance_to_codes.check(my_distance_to_codes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.7 The first generator, by hand (core)
#
# *About 25 minutes.* To draw from $p(x)$ we need to know **which codes occur**. That is a density over 16 numbers, and chapter 1 has the tool: fit
# a Gaussian mixture to the codes of the training digits, draw codes from it, decode them.
#
# A judge that has never seen our models, a small classifier trained on real digits, says how many of the pictures are
# clearly *some* digit: those for which it is over 90 % sure of its answer. That is not all: a generator that drew the same
# good 7 over and over would score 100 %. So we also count how often each of the ten digits comes.

# %% slideshow={"slide_type": "fragment"}
model, judge = stored_16, metrics.judge("mnist")
with torch.no_grad():
    codes = model.encode(images[:20_000])
fits = {k: mixtures.fit_em(codes, k, max_iter=40, tol=1e-3, generator=generator)[0] for k in (1, 10, 100)}
drawn = {"N(0, I)": torch.randn(1_000, 16, generator=generator)}
for k, fitted in fits.items():
    drawn[f"{k} Gaussian{'s' * (k > 1)}"] = mixtures.sample_mixture(fitted, 1_000, generator=generator).points

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** Which share of the samples is the judge sure of, for each of the four? And for test digits, reconstructed or
# > as they are?

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    drawn["reconstructions"] = model.encode(test_images[:1_000])
    decoded = {name: model.decode(z.float()) for name, z in drawn.items()}
decoded["real test digits"] = test_images[:1_000]
print("                   judge is sure   rarest and commonest digit   to the nearest training code")
for name, pictures in decoded.items():
    counts = judge.predict(pictures).bincount(minlength=10)
    line = f"{name:>16} {judge.share_sure(pictures):15.0%} {counts.min():17} {counts.max():9}"
    if name in drawn:
        distance = ch02.distance_to_codes.reference(drawn[name][:300].float(), codes)  # exercise 2.5
        line += f"{distance.mean():29.1f}"
    print(line)

# %% slideshow={"slide_type": "subslide"}
shown = torch.cat([pictures[:12] for pictures in decoded.values()])
_, ax = plt.subplots(figsize=(8.6, 3.9))
plots.show(
    plots.plot_images(shown, n_columns=12, row_labels=list(decoded), ax=ax),
    alt="Six rows of twelve pictures. N(0, I) gives faint strokes, some like a digit; one Gaussian gives bold strokes, about half "
    "of them a digit; of ten and a hundred Gaussians most are readable. Reconstructions are hard to tell from the real test "
    "digits below them.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The decoder is the same in every row. What changed is where its codes come from. Codes from $\mathcal N(0, I)$ or from one
# Gaussian fall into holes, far from any training code. With 100 Gaussians they come almost as near as those of test digits, all
# ten digits are drawn, and the judge is sure about as often as of reconstructions. (Look at the pictures too: sure is not
# beautiful.) This is a generator, made of two parts that never met in training.
#
# Is it merely repeating training digits?

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    compared = {"samples, 100 Gaussians": decoded["100 Gaussians"], "test digits": test_images}
    compared["test digits, reconstructed"] = decoded["reconstructions"]
    compared["training digits, reconstructed"] = model(images[:300])
print("root mean squared difference per pixel to the nearest training image")
for name, pictures in compared.items():
    distance = metrics.nearest_images(pictures[:300], images).distance
    print(f"{name:>30}: mean {distance.mean():.3f}   smallest {distance.min():.3f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A generator that repeats training digits would look like the last row: a training digit, decoded, is close to itself. The
# samples look like the rows of test digits, which the model has never seen. So repeating is not the rule. That no single
# sample is a copy, a mean over 300 cannot say.


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.6
# Draw codes from a mixture: `n_samples` codes (n_samples, m) from `weights` (K,), `means` (K, m) and `covariances`
# (K, m, m).


# %% slideshow={"slide_type": "skip"}
def my_sample_codes(n_samples, weights, means, covariances):
    return ...


ch02.sample_codes.check(my_sample_codes)

# %% slideshow={"slide_type": "skip"}
ch02.random_decoding

# %% slideshow={"slide_type": "skip"}
ch02.random_decoding.answer(...)

# %% [markdown] slideshow={"slide_type": "fragment"}
# What is missing? This generator has no $p(x)$: we know a density of *codes*, and a decoder that turns a code into one
# picture, but no density of pictures, so we cannot say how probable a given digit is. And the decoder was never told which
# codes the mixture would send. A model that learns both together, with one objective, is the subject of chapter 3.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - An autoencoder minimises the squared error of a picture that was squeezed through a short code.
# - The linear one finds PCA's plane, up to its axes. Deep ones bend the plane, which pays for short codes.
# - Denoising: disturb the input, keep the target clean. The best answer is an average, and averages are blurred.
# - What lies between two codes depends on the network, and where its codes lie is a whim of the training. So a random code
#   promises nothing.
# - **Which codes occur** is a density of its own. A mixture on the codes makes a generator.
#
# **What comes next.** The encoder could be asked to keep all codes close to $\mathcal N(0, I)$, and the decoder to answer
# sensibly everywhere there. That takes noise in the code, and a second term in the loss: without it the encoder would soon
# switch the noise off.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. Replace the code $z$ by $10 z$ in the encoder and let the decoder divide by 10. What changes in the reconstructions, what
#    in section 2.6? What does that say about decoding $\mathcal N(0, I)$?
# 2. The mixture in 2.7 was fitted to 20,000 codes. Chapter 1 chose the number of components with held-out data. How would
#    you choose it here: by the likelihood of held-out codes, by the judge, or by looking?
# 3. Our network with 32 numbers lost to PCA. Name two experiments that tell whether the code or the training is to blame.
#
# ### References
# - P. Baldi, K. Hornik (1989), [Neural networks and principal component
#   analysis](https://doi.org/10.1016/0893-6080(89)90014-2): the linear autoencoder has no bad local minima.
# - G. Hinton, R. Salakhutdinov (2006), [Reducing the dimensionality of data with neural
#   networks](https://doi.org/10.1126/science.1127647).
# - P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol (2008), [Extracting and composing robust features with denoising
#   autoencoders](https://doi.org/10.1145/1390156.1390294).
