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
# $g$: the **decoder**, $\hat x = g(z)$, the **reconstruction**. $\lVert x - \hat x \rVert^2$: the **squared error**,
# summed over the pixels of an image, and then averaged over images. All values of pixels lie in $[0, 1]$.

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
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
# An autoencoder has two halves, trained together. The encoder $f$ maps the image $x$ to a code $z$ of $m$ numbers. The
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
autoencoders.fit_autoencoder(linear, few, n_steps=1_500, learning_rate=5e-3, generator=generator)

by_formula = torch.from_numpy(pca.inverse_transform(pca.transform(few.flatten(1)))).view_as(few)
with torch.no_grad():
    errors = [squared_error(few, x).mean().item() for x in (by_formula, linear(few))]
print("PCA {:.2f}   linear autoencoder {:.2f}   (squared error of an image)".format(*errors))
print("within 0.5 %:", errors[1] < 1.005 * errors[0])  # NBVAL_CHECK_OUTPUT

# %% slideshow={"slide_type": "subslide"}
plane = torch.linalg.qr(linear.decoder[0].weight.detach()).Q  # (784, 2), a basis of the learned plane
principal = torch.from_numpy(pca.components_).float()  # (2, 784)
cosines = torch.linalg.svdvals(principal @ plane)  # of the angles between the two planes
print("same plane:", bool(cosines.min() > 0.99))  # NBVAL_CHECK_OUTPUT
axes = nn.functional.normalize(linear.decoder[0].weight.detach(), dim=0)
print("cosines between its axes and the principal directions:")
for direction in (principal @ axes).abs():
    print("  ".join(f"{cosine:.2f}" for cosine in direction))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The same plane, and other axes in it. Nothing in the objective prefers one basis of the plane: if $W$ is replaced by $WR$
# and $A$ by $R^{-1}A$, every reconstruction stays the same. A code is defined only up to what the decoder can undo. Keep
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
# Between image and code we now put hidden layers with a nonlinear activation in between (SiLU, $u \cdot \sigma(u)$, a smooth
# relative of $\max(0, u)$). The reachable images no longer form a plane but a **curved** surface, which can bend
# towards the digits. The last layer is a sigmoid, which keeps the pixels in $[0, 1]$. With two numbers per digit the
# code is a point on a map that we can draw.
#
# The whole training is one short loop. The package has it as `fit_autoencoder`; here it is once, in full.

# %% slideshow={"slide_type": "subslide"}
deep = autoencoders.mlp_autoencoder((28, 28), latent_dim=2, hidden=(400, 200, 100))
start_output_at(deep.decoder, images.mean(0))
optimizer = torch.optim.Adam(deep.parameters(), lr=2e-3, fused=True)
batches = training.batches(images, 256, generator=generator)
history, n_steps = History(), 800

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

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    maps = {
        "PCA": torch.from_numpy(pca.transform(test_images[:2000].flatten(1))),
        "deep autoencoder": deep.encode(test_images[:2000]),
    }

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.6))
for ax, (name, codes) in zip(axes, maps.items(), strict=True):
    plots.plot_points(codes, test_labels[:2000], ax=ax, size=9, equal=False, xlabel="$z_1$", ylabel="$z_2$")
    ends = torch.tensor([0.01, 0.99]).to(codes)
    xlim, ylim = codes.quantile(ends, dim=0).T.tolist()  # a few codes lie far out
    ax.set(title=name, xlim=xlim, ylim=ylim)
axes[0].get_legend().remove()
plots.show(
    figure,
    alt="Two maps of 2,000 test digits, coloured by label. PCA: ones and zeros at the ends, all others on top of each "
    "other. Deep autoencoder: most labels have a region of their own, spread out from the middle like the petals of a flower.",
)

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

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    codes = stored.encode(test_images[:3000])
explorer = widgets.LatentExplorer(
    stored.decoder, codes, test_labels[:3000], test_images[:3000], encoder=stored.encoder, sample="codes"
)
explorer

# %% [markdown] slideshow={"slide_type": "subslide"}
# The third question without a mouse: what the decoder makes of a grid of codes, far beyond the cloud.

# %% slideshow={"slide_type": "subslide"}
low, high = codes.quantile(0.01, dim=0), codes.quantile(0.99, dim=0)
steps = torch.linspace(-0.1, 1.1, 16)
grid = torch.stack(torch.meshgrid(steps.flip(0), steps, indexing="ij"), -1).view(-1, 2).flip(1)  # (256, 2)
with torch.no_grad():
    pictures = stored.decode(low + grid * (high - low))
plots.show(
    plots.plot_images(pictures, n_columns=16),
    alt="A grid of 16 by 16 decoded codes. Digits change smoothly from one to the next; regions of clear digits are "
    "separated by bands of blurred shapes that are no digit at all.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Inside the cloud there are digits; on the borders between two regions there are shapes that nobody writes. The decoder
# has an answer for every code. Nothing in the training asked it to have a *good* answer where no digit was encoded.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.3 How many numbers does a digit need? (deeper)
#
# > **Predict.** We double the length of the code from 2 to 32. PCA must get better each time. Does the deep autoencoder
# > keep its lead?

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
    autoencoders.fit_autoencoder(model, images, n_steps=350, generator=generator)
    with torch.no_grad():
        error["autoencoder"].append(squared_error(test_images, model(test_images)).mean())

# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_curves(
    torch.tensor(dims), error, xlabel="numbers in the code", ylabel="squared error of a test digit"
)
for name, values in error.items():
    print(f"{name:>11}: " + "  ".join(f"{value:5.1f}" for value in values))
ax.set_xscale("log", base=2)
ax.set_xticks(dims, [str(m) for m in dims])
plots.show(
    ax,
    alt="Squared error against the length of the code, from 2 to 32. Both curves fall. The autoencoder's lies well below "
    "PCA's for short codes and hardly falls after 16; at 32 PCA's is the lower one.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# With few numbers a curved surface beats a plane by far: eight numbers of the autoencoder do better than sixteen of PCA.
# With 32 numbers PCA is ahead: the plane is nearly good enough, and our short training (350 steps) does not make use of
# the extra numbers. A deep model is not better because it is deep; it is better where the data are curved, and trained
# long enough.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.4 Denoising (core)
#
# Now we disturb the input and ask for the clean image:
#
# $$\min_{f,\,g}\; \mathbb E\, \big\lVert x - g(f(x + \text{noise})) \big\rVert^2 .$$
#
# To succeed, the network has to know what digits look like. What is the best that it can do? For a squared error the best
# answer to an uncertain question is the **average** of all answers, weighted by how probable they are:
# $\hat x = \mathbb E[x \mid \text{noisy}]$.
#
# > **Predict.** Where several strokes are possible, will the restored digit show one of them, or a blur of all?

# %% slideshow={"slide_type": "subslide"}
denoiser = autoencoders.mlp_autoencoder((28, 28), latent_dim=32)
start_output_at(denoiser.decoder, images.mean(0))
autoencoders.fit_autoencoder(denoiser, images, n_steps=600, noise=0.6, generator=generator)

clean = test_images[:10]
noisy = autoencoders.add_noise(clean, 0.6, generator=generator)
with torch.no_grad():
    restored = denoiser(noisy)
rows = torch.cat([clean, noisy.clamp(0, 1), restored])
plots.show(
    plots.plot_images(rows, n_columns=10, row_labels=["clean", "noisy", "restored"]),
    alt="Ten digits in three rows: clean, buried in noise, and restored by the network. The restored ones are readable "
    "and smooth, with soft strokes where the noise left a choice.",
)

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
# > **Break it.** The commonest bug is one word long: the *noisy* image as the target. Predict what the network learns
# > then, and how its loss looks beside the right one.

# %% slideshow={"slide_type": "subslide"}
broken = autoencoders.mlp_autoencoder((28, 28), latent_dim=32)
batches = training.batches(images, 256, generator=generator)
optimizer = torch.optim.Adam(broken.parameters(), lr=2e-3, fused=True)
with training.threads(1):
    for _ in training.steps(300, History()):
        x = autoencoders.add_noise(next(batches), 0.6, generator=generator)
        loss = squared_error(x, broken(x)).mean()  # the target has the noise in it
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error_of_broken = squared_error(test_images, broken(noisy)).mean()
print(
    f"loss in training {loss:.0f}, although 0.36 · 784 = {0.36 * 784:.0f} of it is noise that no one can predict"
)
print(f"squared error against the clean image {error_of_broken:.1f}")


# %% [markdown] slideshow={"slide_type": "fragment"}
# The loss looks terrible, and yet the images come out fairly clean. The noise cannot be predicted from 32 numbers, so the
# bottleneck throws most of it away, with the right target or the wrong one. The right target is what helps when the code
# is long enough to copy the noise. A loss is read against what is *possible*, here about 282, never against zero.

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
# 60,000 digits, but labels for a handful only: that is the usual state of the world. The autoencoder needs no labels. A
# linear classifier can then work on its 32 numbers instead of 784 pixels.
#
# > **Predict.** With 50 labels, which input is better: pixels, or codes? With 2,000?


# %% slideshow={"slide_type": "fragment"}
def accuracy_of(features, test_features, n_labels, seed):
    chosen = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))[:n_labels]
    scale = features.std(0).clamp_min(1e-3)
    model = LogisticRegression(max_iter=300, C=0.1)
    model.fit(features[chosen] / scale, labels[chosen])
    return model.score(test_features / scale, test_labels)


with torch.no_grad():
    inputs = {
        "pixels": (images.flatten(1), test_images.flatten(1)),
        "codes": (denoiser.encode(images), denoiser.encode(test_images)),
    }

# %% slideshow={"slide_type": "subslide"}
for n_labels in (50, 250, 2000):
    line = f"{n_labels:>5} labels:"
    for name, (features, test_features) in inputs.items():
        scores = torch.tensor([accuracy_of(features, test_features, n_labels, seed) for seed in range(3)])
        line += f"   {name} {scores.mean():.1%} (from {scores.min():.1%} to {scores.max():.1%})"
    print(line)

# %% [markdown] slideshow={"slide_type": "fragment"}
# With few labels the codes win by several points: they were learned from all 60,000 digits, labels or not. With more
# labels the lead shrinks, because then the classifier can find out for itself which pixels matter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.6 Full moon, half moon, and what lies between (core)
#
# Now the story. A lecture puts it like this: *the full moon has one code, the half moon another. What does the decoder make
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
# A picture counts as a moon if its root mean squared difference from the nearest true moon is at most 0.1 a pixel. A mere
# crossfade of two moons does not pass:

# %% slideshow={"slide_type": "fragment"}
full, crescent = ruler.images[-1:], ruler.images[:1]
crossfade = metrics.nearest_images((full + crescent) / 2, ruler.images)
print(f"a crossfade of full and crescent is {crossfade.distance.item():.2f} from the nearest moon")


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.4
# The straight walk: `n_steps` codes from `start` to `end`, both (d,) and both included; the result has shape (n_steps, d).


# %% slideshow={"slide_type": "skip"}
def my_walk(start, end, n_steps):
    return ...


ch02.walk.check(my_walk)


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two architectures that differ only in their units, five seeds each: SiLU units with a linear output, and tanh units with a
# sigmoid output.
#
# > **Predict.** For each: on the straight walk from the full moon's code to the crescent's, how many of the decoded
# > pictures are moons? And if we decode codes drawn from $\mathcal N(0, I)$?


# %% slideshow={"slide_type": "subslide"}
def train_on_moons(phases, activation, output, seed):
    seeded = seed_everything(seed)
    pictures = data.moon_phases(phases=phases, size=20).images
    model = autoencoders.mlp_autoencoder((20, 20), 8, hidden=(64, 64), activation=activation, output=output)
    autoencoders.fit_autoencoder(model, pictures, n_steps=1_200, batch_size=32, generator=seeded)
    return model


kinds = {"SiLU, linear output": (nn.SiLU, "linear"), "tanh, sigmoid output": (nn.Tanh, "sigmoid")}
trained = {
    kind: [train_on_moons(moons.phases, *how, seed) for seed in range(5)] for kind, how in kinds.items()
}


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def walk_of(model, n_steps=41):
    start, end = model.encode(torch.cat([full, crescent]))
    t = torch.linspace(0, 1, n_steps)[:, None]
    return model.decode(start + t * (end - start)).clamp(0, 1)


@torch.no_grad()
def random_of(model, n_samples=500):
    z = torch.randn(n_samples, 8, generator=generator)
    return model.decode(z).clamp(0, 1)


def share_of_moons(pictures):
    return (metrics.nearest_images(pictures, ruler.images).distance < 0.1).double().mean().item()


for kind, models in trained.items():
    for name, draw in {"straight walk": walk_of, "random codes": random_of}.items():
        shares = [share_of_moons(draw(model)) for model in models]
        print(f"{kind:>22}, {name}: {min(shares):4.0%} to {max(shares):4.0%} are moons")

# %% slideshow={"slide_type": "subslide"}
rows = {}
for kind, models in trained.items():
    rows[f"{kind}: walk"] = walk_of(models[0], 33)[::3]
    rows["random codes" + " " * len(rows)] = random_of(models[0])[:11]
plots.show(
    plots.plot_images(torch.cat(list(rows.values())), n_columns=11, row_labels=list(rows)),
    alt="Four rows of eleven decoded pictures. With SiLU units the walk from full to crescent is grainy in between, and random "
    "codes give dark, broken shapes. With tanh units the walk shows clean moons; random codes give moons and inverted ones.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# What is true of the story, then?
#
# - **The walk depends on the architecture.** With one kind of units the halfway is spoiled in every seed, with the other it
#   is nearly perfect in every seed. Nothing in the objective asks for either: it is luck that we happen to know.
# - **Random codes are the robust finding.** Both kinds decode many of them to things that are no moon. The encoder puts
#   the moons on a curve in eight dimensions; almost all of $\mathcal N(0, I)$ lies elsewhere.

# %% [markdown] slideshow={"slide_type": "fragment"}
# One more test of the story, closer to how it is told: the training set has only full moons and crescents, nothing
# between.
#
# > **Predict.** The network with the clean walk, trained on the two bands only: does it invent the half moon?

# %% slideshow={"slide_type": "subslide"}
bands = torch.cat([torch.linspace(0.9, 1, 1000), torch.linspace(0.1, 0.2, 1000)])
two_bands = [train_on_moons(bands, nn.Tanh, "sigmoid", seed) for seed in range(5)]
middles = [metrics.nearest_images(walk_of(model), ruler.images) for model in two_bands]
seen = [
    ((ruler.phases[near.which] < 0.85) & (ruler.phases[near.which] > 0.25) & (near.distance < 0.1))
    for near in middles
]
print(
    "pictures on the walk that are moons of an unseen phase:",
    [f"{share.double().mean():.0%}" for share in seen],
)
plots.show(
    plots.plot_images(walk_of(two_bands[0], 33)[::3], n_columns=11),
    alt="Eleven pictures of the walk: nearly full moons up to the middle, then one dim grey disc with a bright crescent, "
    "then crescents. There is no half moon.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# It does not, in any of the five seeds. Near the middle the dark side fades out like one photograph into another. A
# decoder joins what it has seen; it does not know that the light falls on a ball.

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
# Is a code in a hole? From `random_codes` (m, d) and known `codes` (n, d) to the distance of each to the nearest known
# one, (m,).


# %% slideshow={"slide_type": "skip"}
def my_distance_to_codes(random_codes, codes):
    return ...


ch02.distance_to_codes.check(my_distance_to_codes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2.7 The first generator, by hand (core)
#
# To draw from $p(x)$ we need to know **which codes occur**. That is a density over 16 numbers, and chapter 1 has the tool: fit
# a Gaussian mixture to the codes of the training digits, draw codes from it, decode them.
#
# A judge that has never seen our models, a small classifier trained on real digits, says how many of the pictures are
# clearly *some* digit: those for which it is over 90 % sure of its answer.

# %% slideshow={"slide_type": "fragment"}
model, judge = pretrained.load("autoencoder_mnist_16d"), metrics.judge("mnist")
with torch.no_grad():
    codes = model.encode(images[:20_000])
fits = {k: mixtures.fit_em(codes, k, max_iter=40, tol=1e-3, generator=generator)[0] for k in (1, 10, 100)}
drawn = {"N(0, I)": torch.randn(1_000, 16, generator=generator)}
for k, fitted in fits.items():
    drawn[f"{k} Gaussian{'s' * (k > 1)}"] = mixtures.sample_mixture(fitted, 1_000, generator=generator).points

# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** Which share of the samples is the judge sure of, for each of the four? And for reconstructions of real test
# > digits, which set the upper limit?

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    decoded = {name: model.decode(z.float()) for name, z in drawn.items()}
    decoded["reconstructions"] = model(test_images[:1_000])
for name, pictures in decoded.items():
    print(f"{name:>15}: the judge is sure of {judge.share_sure(pictures):4.0%}")

# %% slideshow={"slide_type": "subslide"}
shown = torch.cat([pictures[:12] for pictures in decoded.values()])
plots.show(
    plots.plot_images(shown, n_columns=12, row_labels=list(decoded)),
    alt="Five rows of twelve pictures. Codes from N(0, I) give faint strokes, some like a digit; one Gaussian gives thin and "
    "broken digits; ten and a hundred Gaussians give more and more clear digits, about as good as the reconstructions.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The decoder is the same in every row. What changed is where its codes come from. With 100 Gaussians the samples are nearly as
# convincing as reconstructions: this is a generator, made of two parts that never met in training.
#
# Is it merely repeating training digits?

# %% slideshow={"slide_type": "fragment"}
near = metrics.nearest_images(decoded["100 Gaussians"][:300], images)
held_out = metrics.nearest_images(decoded["reconstructions"][:300], images)
print(f"distance to the nearest training image: samples {near.distance.mean():.3f}", end="")
print(f"   reconstructions of test digits {held_out.distance.mean():.3f}")


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 2.6
# Draw codes from a mixture: `n_samples` codes (n_samples, d) from `weights` (K,), `means` (K, d) and `covariances`
# (K, d, d).


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
# - What lies between two codes depends on the architecture; that random codes are not pictures is the rule.
# - **Which codes occur** is a density of its own. A mixture on the codes makes a generator.
#
# **What comes next.** The encoder could be asked to keep all codes close to $\mathcal N(0, I)$, and the decoder to answer
# sensibly everywhere there. That takes noise in the code, and a term that keeps the noise alive.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. Replace the code $z$ by $10 z$ in the encoder and let the decoder divide by 10. What changes in the reconstructions, what
#    in section 2.6? What does that say about decoding $\mathcal N(0, I)$?
# 2. The mixture in 2.7 was fitted to 20,000 codes. Chapter 1 chose the number of components with held-out data. How would
#    you choose it here: by the likelihood of held-out codes, by the judge, or by looking?
# 3. A colleague reports a squared error of 0.015 for an autoencoder of the digits, you have 12. Whose is better?
#
# ### References
# - P. Baldi, K. Hornik (1989), [Neural networks and principal component
#   analysis](https://doi.org/10.1016/0893-6080(89)90014-2): the linear autoencoder has no bad local minima.
# - G. Hinton, R. Salakhutdinov (2006), [Reducing the dimensionality of data with neural
#   networks](https://doi.org/10.1126/science.1127647).
# - P. Vincent, H. Larochelle, Y. Bengio, P.-A. Manzagol (2008), [Extracting and composing robust features with denoising
#   autoencoders](https://doi.org/10.1145/1390156.1390294).
