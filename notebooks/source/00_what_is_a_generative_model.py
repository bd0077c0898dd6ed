# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 0: What is a generative model?
#
# *Two hours alone with the exercises, or one lecture. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# A *classifier* looks at a picture and says "seven". A **generative model** has learned what the pictures themselves are
# like: it can draw new ones, and many can also say how probable a given one is. The question of this course is always
# the same: **what is $p(x)$, and how do I draw from it?** This chapter shows what that buys, on handwritten digits and
# on a car at a road junction, before any theory.
#
# **After this chapter you can**
# - say what $p(y \mid x)$, $p(x)$ and $p(x \mid y)$ are, what each is good for, and join them by Bayes' rule;
# - show why a classifier must name garbage, how a density refuses it, and where the density is fooled;
# - explain why a generator needs a random input, and why that alone is not enough;
# - place clusters, PCA, t-SNE, features and densities on one map, and the families of this course on another.
#
# New to probability, or rusty? Section 0.8 is a short self-check with a page of notation.

# %% slideshow={"slide_type": "skip"}
import matplotlib.pyplot as plt
import torch
from sklearn.cluster import KMeans
from sklearn.manifold import TSNE
from torch.nn.functional import avg_pool2d, cross_entropy

from course_utils import data, mixtures, plots
from course_utils.exercises import ch00
from course_utils.seeding import seed_everything

generator = seed_everything(0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.1 Find the fakes (core)
#
# *About 10 minutes.* MNIST: digits that people wrote by hand, 28×28 pixels each, 0 for black and 1 for white. We show 20,000 of them to a
# small model, which will then make digits of its own. A **code** is a list of 40 numbers that describes a digit roughly,
# and the model is a density over codes.
#
# (`directions` are the 40 along which the digits vary most; `to_codes` measures a picture along them, and `to_images`
# goes back. This is PCA, a subject of [chapter 2](02_autoencoders.ipynb). The density is that of
# [chapter 1](01_gaussian_mixtures_and_em.ipynb). You need neither to go on.)

# %% slideshow={"slide_type": "fragment"}
mnist, test = data.load_mnist(), data.load_mnist("test")
images, labels = mnist.images[:20_000], mnist.labels[:20_000]
pixels = images.flatten(1).double()  # (20000, 784)
mean = pixels.mean(0)
directions = torch.linalg.eigh(torch.cov(pixels.T)).eigenvectors.flip(1)[:, :40]  # of most variance


def to_codes(images):
    return (images.flatten(1).double() - mean) @ directions  # (n, 40)


def to_images(codes):
    return (mean + codes @ directions.T).clamp(0, 1).view(-1, 28, 28).float()


# %% [markdown] slideshow={"slide_type": "subslide"}
# One density for each digit: `models[7]` is $p(x \mid y = 7)$, fitted to the sevens alone.

# %% slideshow={"slide_type": "fragment"}
codes = to_codes(images)
models = [
    mixtures.fit_em(codes[labels == digit], 5, reg_covar=0.03, max_iter=30, generator=generator)[0]
    for digit in range(10)
]

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Half of these 24 digits were written by people. The other half nobody ever wrote: the model drew them.
# > Which? (All of them pass through the same 40 numbers, so that softness gives nothing away.)

# %% slideshow={"slide_type": "fragment"}
which = torch.randint(10, (12,), generator=generator)
written = to_images(to_codes(test.images[100:112]))
drawn = torch.cat(
    [to_images(mixtures.sample_mixture(models[digit], 1, generator=generator).points) for digit in which]
)
order = torch.randperm(24, generator=generator)
both = torch.cat([written, drawn])[order]
plots.show(
    plots.plot_images(both, n_columns=8, row_labels=["A", "B", "C"]),
    alt="Three rows of eight soft handwritten digits. Some were written by people and some drawn by the model; "
    "a few have loose strokes or could be two digits at once, and the others do not tell.",
)

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.plot_images(torch.cat([written, drawn]), n_columns=6, row_labels=["people", "", "model", ""]),
    alt="The same 24 digits sorted: two rows written by people, two rows drawn by the model. Most of the drawn "
    "ones are legible digits; some are a little broken or crooked.",
)
fakes = [f"{'ABC'[place // 8]}{place % 8 + 1}" for place in range(24) if order[place] >= 12]
print("drawn by the model:", ", ".join(fakes))

# %% [markdown] slideshow={"slide_type": "subslide"}
# How many did you find? Are the drawn ones copies of training digits? Measure how far each is from the nearest one.

# %% slideshow={"slide_type": "fragment"}
nearest = torch.cdist(to_codes(torch.cat([written, drawn])), codes).amin(1)  # a copy would have 0
print("distance to the nearest of the 20,000 training digits, between codes:")
for name, part in {"people": nearest[:12], "model": nearest[12:]}.items():
    print(f"{name:>8}: {part.mean():.1f} on average, the smallest is {part.min():.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# None is a copy: the model's digits are no nearer to the training digits than those of people, which the model has never
# seen. It was only asked to make the training digits probable, sorted by their labels. The rest of the chapter asks what it
# knows, where it fails, and who else can do this.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.2 Three questions about one digit (core)
#
# *About 15 minutes.* Let $x$ be a picture and $y$ its label, 0 to 9. Three different questions:
#
# | question | written | who answers it |
# |---|---|---|
# | *Given this picture, which digit is it?* | ${p(y \mid x)}$ | a **classifier** |
# | *How probable is such a picture at all?* | ${p(x)}$ | a **density** |
# | *What do sevens look like?* | ${p(x \mid y = 7)}$ | a **conditional** density: it can draw sevens on request |
#
# Read the bar as "given". The first is a distribution over ten labels. The others are over pictures: for each
# picture a density, a number that says how crowded that place is with data. Densities are small or large by nature,
# so we always write their logarithm (the natural one; its unit is the *nat*).
#
# **$p(y \mid x)$.** The simplest classifier gives each label a score $a_y = w_y \cdot x + b_y$, a weighted sum of the
# pixels, and turns the ten scores into probabilities with the *softmax* (this is *logistic regression*):
#
# $$p(y \mid x) = \frac{e^{a_y}}{\sum_{j=0}^{9} e^{a_j}}.$$
#
# It is trained so that the true labels become probable: the loss is the mean of $-\log p(y \mid x)$, which PyTorch
# calls `cross_entropy`. You will meet the loop again wherever this course trains a network.


# %% slideshow={"slide_type": "subslide"}
def train_classifier(network):
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(600):
        rows = torch.randint(20_000, (200,), generator=generator)  # a batch of digits
        loss = cross_entropy(network(images[rows].flatten(1)), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # the gradient of the loss with respect to all weights
        optimizer.step()  # one small step downhill
    return network


classifier = train_classifier(torch.nn.Linear(784, 10))  # ten weighted sums of 784 pixels

# %% [markdown] slideshow={"slide_type": "subslide"}
# **$p(x \mid y)$.** Those are the ten models of section 0.1. A condition turns drawing at random into drawing *on
# request*: the row says which digit is asked for.

# %% slideshow={"slide_type": "fragment"}
on_request = torch.cat(
    [to_images(mixtures.sample_mixture(m, 12, generator=generator).points) for m in models]
)
ax = plots.plot_images(on_request, n_columns=12, row_labels=[f"y = {digit}" for digit in range(10)])
plots.show(
    ax,
    alt="Ten rows of twelve drawn digits, one row for each digit from 0 to 9, in different widths, slants and "
    "styles. Most are legible as the digit of their row; some, above all among 2, 4, 8 and 9, are smudged.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **$p(x)$.** A picture is made in two steps: choose a digit with probability $p(y)$ (how frequent it is), then draw
# that digit. So the density of a picture adds up all the ways to get it:
#
# $$p(x) = \sum_{y=0}^{9} p(y)\, p(x \mid y).$$
#
# (For the densities $x$ is the picture's code of 40 numbers; for the classifier it is the 784 pixels. A density over raw
# pixels would be no good idea: many pixels are black in every digit, and a density on numbers that never vary can be
# made as high as you like. Chapter 1 shows that failure.)

# %% slideshow={"slide_type": "fragment"}
log_prior = (torch.bincount(labels) / len(labels)).double().log()  # (10,), log p(y)


def log_joint(images):
    """Log p(x | y) + log p(y), for each picture and each label: (n, 10)."""
    codes = to_codes(images)
    return torch.stack([mixtures.e_step(codes, model).log_prob for model in models], 1) + log_prior


def log_p(images):
    return log_joint(images).logsumexp(1)  # (n,), the log of the sum


# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Among 10,000 digits that the model has not seen: what do the twelve of the highest $p(x)$ have in common,
# > and what the twelve of the lowest?

# %% slideshow={"slide_type": "fragment"}
ranking = log_p(test.images).argsort(descending=True)
extremes = test.images[torch.cat([ranking[:12], ranking[-12:]])]
plots.show(
    plots.plot_images(extremes, n_columns=12, row_labels=["highest p(x)", "lowest p(x)"]),
    alt="First row, the twelve test digits of the highest density: all are plain, straight ones. Second row, "
    "the twelve of the lowest: thick, distorted or oddly written digits.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Ones differ so little from each other that they crowd together, and a crowded place has a high density. What is
# written like nothing else has a low one. Nobody told the model what is odd.

# %% slideshow={"slide_type": "skip"}
ch00.which_one

# %% slideshow={"slide_type": "skip"}
ch00.which_one.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.3 Bayes' rule joins the three (core)
#
# *About 10 minutes.* "A seven *and* this picture" can be read in two orders, $p(x, y) = p(y)\,p(x \mid y) = p(x)\,p(y \mid x)$. Divide by
# $p(x)$, and you have **Bayes' rule**:
#
# $$p(y \mid x) = \frac{p(y)\; p(x \mid y)}{p(x)}, \qquad p(x) = \sum_y p(y)\, p(x \mid y).$$
#
# So who can draw each digit can also tell them apart, without having been trained to: a classifier for free.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** The direct classifier was trained for the labels alone, on 784 pixels. Ten densities, each of which has
# > seen only one digit, and only its 40 numbers, compete with it. Which is right more often on unseen digits?

# %% slideshow={"slide_type": "fragment"}
joint = log_joint(test.images)
by_bayes = joint - joint.logsumexp(1, keepdim=True)  # the numerator over p(x), in logarithms
small = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
train_classifier(small)
with torch.no_grad():
    direct, hidden_layer = (network(test.images.flatten(1)) for network in (classifier, small))
right = {
    name: (guess.argmax(1) == test.labels).double().mean().item()
    for name, guess in (("direct", direct), ("hidden layer", hidden_layer), ("by Bayes' rule", by_bayes))
}
for name, share in right.items():
    print(f"{name:>14}: {share:.1%} right")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("Bayes' rule beats the direct one:", right["by Bayes' rule"] > right["direct"])

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Check.** The rule must hold for every picture and every label, $p(y \mid x)\,p(x) = p(x \mid y)\,p(y)$, and
# each row of $p(y \mid x)$ must sum to 1.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
gap = (by_bayes + log_p(test.images)[:, None] - joint).abs().max()
print("both sides agree to 1e-9:", bool(gap < 1e-9))
sums = by_bayes.exp().sum(1)
print("the rows sum to 1:", torch.allclose(sums, torch.ones_like(sums)))


# %% [markdown] slideshow={"slide_type": "fragment"}
# Was it a fair race? Not quite: the direct one may only weigh pixels, and the densities are more flexible. A direct
# network with one hidden layer, trained by the same loop, comes closer. With few data the generative side is often ahead, with
# more the direct one (Ng and Jordan 2001). And a large direct classifier is hard to beat: the convolutional network of LeCun and
# others had 0.95 % errors in 1998, trained on three times as many digits. If labels are all you want, ask for
# $p(y \mid x)$ directly.
#
# The densities do more: they draw, and they can say *"I have never seen anything like this"*. (A new $p(y)$, with digits that
# look the same, asks neither to be trained again: put it into Bayes' rule; or multiply the direct answers by new over old
# $p(y)$, and normalise.)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.1
# Bayes' rule. From $\log p(x \mid y)$ of shape `(n, C)` and $p(y)$ of shape `(C,)` (no logarithms) to $p(y \mid x)$,
# shape `(n, C)`, whose rows sum to 1. It must also work where all densities are tiny, such as $e^{-400}$. Stuck?
# `ch00.bayes.hint()`, and in the end `ch00.bayes.solution()`.


# %% slideshow={"slide_type": "skip"}
def my_bayes(log_likelihood, prior):
    return ...


ch00.bayes.check(my_bayes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.4 Garbage (core)
#
# *About 20 minutes.* How sure is a classifier of its label for pictures unlike those it was trained on? Seven kinds of them: noise, letters
# drawn from straight lines, digits upside down (3, 4 and 7 only: a turned 0 is still a 0), moons, a grey wall, a blank
# page, and digits so blurred that their edges are gone. (Those are digits still, but of a kind it has never seen.)
#
# To see what is luck, we train four more classifiers. They differ from the first only in their random numbers: where the
# weights start, and which digits come in which batch.
#
# > **Predict.** For which kinds are they more than 90 % sure of their answer in most cases? For which do the five disagree?

# %% slideshow={"slide_type": "subslide"}
classifiers = [classifier] + [train_classifier(torch.nn.Linear(784, 10)) for _ in range(4)]
real = test.images[5000:]  # 5,000 digits to compare with; the garbage is made from others
turned = test.images[:5000][torch.isin(test.labels[:5000], torch.tensor([3, 4, 7]))].flip(1, 2)
garbage = {
    "noise": torch.rand(1000, 28, 28, generator=generator),
    "letters": data.drawn_letters(1000, generator=generator).images,
    "upside down": turned[:1000],
    "moons": data.moon_phases(1000, generator=generator).images,
    "grey": torch.full((1000, 28, 28), 0.5),
    "blank": torch.zeros(1000, 28, 28),
    "blurred": avg_pool2d(test.images[:1000], 5, stride=1, padding=2),
}


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def answers(images, classifier=classifier):
    """A classifier's label for each picture, and how sure it is of it."""
    sure, label = classifier(images.flatten(1)).softmax(1).max(1)
    return label, sure


figure, axes = plt.subplots(2, 7, figsize=(10.5, 3.6))
for column, (kind, pictures) in zip(axes.T, garbage.items(), strict=True):
    for ax, picture, label, sure in zip(column, pictures, *answers(pictures[:2]), strict=False):
        plots.plot_images(picture[None], ax=ax)
        ax.set_xlabel(f"“{label}”, {sure:.0%}")
    column[0].set_title(kind)
plots.show(
    figure,
    alt="Two examples of each of the seven kinds of pictures, with the first classifier's answer below: each gets one of "
    "the ten digits as its label, most with great confidence; for the blank page it is low.",
)

# %% slideshow={"slide_type": "subslide"}
print("share of pictures for which a classifier is more than 90 % sure: mean of five (lowest to highest)")
for kind, pictures in {"real digits": real, **garbage}.items():
    shares = torch.stack([(answers(pictures, c)[1] > 0.9).double().mean() for c in classifiers])
    print(f"{kind:>12}: {shares.mean():4.0%} ({shares.min():.0%} to {shares.max():.0%})")

# %% [markdown] slideshow={"slide_type": "fragment"}
# They have no way to object. The ten probabilities sum to 1 for *every* $x$, so the best of them is at least one tenth; and
# "sure" means only that the best score is well ahead of the others. A weighted sum of pixels can get there in many ways. Noise
# and the grey wall have much white where digits have little, and each such pixel adds to the scores, for the five classifiers
# in different ways. Moons lie where the digits lie, and happen to fit some label's weights better than the others'.
# $p(y \mid x)$ means "*if* this is a digit, which one?".

# %% slideshow={"slide_type": "skip"}
ch00.must_answer

# %% slideshow={"slide_type": "skip"}
ch00.must_answer.answer(...)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Refusing, and how to score it
# Give every picture a score and refuse those below a threshold. Two candidates: the classifier's confidence, and the
# density $\log p(x)$. Each threshold refuses some share of the garbage (good) and some share of the real digits
# (bad). All thresholds together make a curve, the **ROC curve**. The **area** under it has a plain meaning:
#
# > the probability that a random digit scores higher than a random piece of garbage.
#
# 1 is perfect, ½ is a coin, and below ½ the garbage looks *better* than digits. In practice one threshold is chosen, say the
# one that refuses 5 % of the digits: what share of the garbage does *it* refuse?

# %% slideshow={"slide_type": "subslide"}
lost = torch.linspace(0, 1, 1001).double()  # share of the real digits that is refused


def roc(score, kinds):
    """The share of each kind that is refused when a share `lost` of the real digits is: (1001,) each."""
    thresholds = score(real).double().quantile(lost)
    return {
        kind: (score(pictures).double()[:, None] < thresholds).double().mean(0)
        for kind, pictures in kinds.items()
    }


def confidence(classifier):
    return lambda images: answers(images, classifier)[1]


curves = {
    "confidence": [roc(confidence(c), garbage) for c in classifiers],
    "log p(x)": [roc(log_p, garbage)],
}

# %% slideshow={"slide_type": "skip"}
kinds = [*garbage, "hidden noise"]  # the last one will be made in section 0.5
styles = zip([*plots.COLORS, "#7A4F00"], plots.MARKERS, plots.LINES * 2, strict=False)
looks = {  # the same in all figures
    kind: {"color": color, "marker": marker, "linestyle": line}
    for kind, (color, marker, line) in zip(kinds, styles, strict=True)
}

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True)
for ax, (name, runs) in zip(axes, curves.items(), strict=True):
    for kind in garbage:
        refused = sum(run[kind] for run in runs) / len(runs)  # the mean over the classifiers
        ax.plot(lost, refused, markevery=100, label=kind, **looks[kind])
    ax.plot([0, 1], [0, 1], color="grey", linestyle="-", linewidth=0.8, label="coin")
    ax.axvline(0.05, color="grey", linestyle=":", linewidth=1.5, label="5 %")
    ax.set(xlabel="share of real digits refused", title=f"score: {name}", aspect="equal")
axes[0].set_ylabel("share of garbage refused")
axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(
    figure,
    alt="ROC curves. With the confidence as the score (mean of five classifiers), blank is perfect; letters, upside-down and blurred "
    "digits bend far above the diagonal; moons, noise and grey stay near it. With log p(x), noise, letters, moons and upside-down "
    "digits run near the top left corner; grey jumps from 0 to 1 right of the line at 5 %; blank and blurred run far below the diagonal.",
)


# %% slideshow={"slide_type": "skip"} tags=["long"]
def span(values, form):
    """The mean, and of several values the lowest and the highest."""
    low, mean, high = (f"{value:{form}}" for value in (values.min(), values.mean(), values.max()))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def show_areas(curves):
    print(
        "area, and the share refused where 5 % of the digits are; of several classifiers: mean (lowest to highest)"
    )
    widths = {name: (20, 16) if len(runs) > 1 else (6, 6) for name, runs in curves.items()}
    print(" " * 12, *[f"{name:>{1 + sum(widths[name])}}" for name in curves], sep="  ")
    for kind in curves["log p(x)"][0]:
        row = [f"{kind:>12}"]
        for name, runs in curves.items():
            refused = torch.stack([run[kind] for run in runs])  # (n_runs, 1001)
            cells = span(torch.trapezoid(refused, lost), ".2f"), span(refused[:, 50], ".0%")
            row.append(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[name], strict=True)))
        print(*row, sep="  ")


# %% slideshow={"slide_type": "subslide"}
show_areas(curves)


# %% [markdown] slideshow={"slide_type": "fragment"}
# The density knows nothing of letters or moons, and yet it refuses most of them: they are not where the digits are. The
# confidence is less reliable. For noise, moons and the grey wall it depends on the luck of the training, and can be worse than
# a coin. And an area alone can flatter. By $\log p(x)$ the grey wall scores below most digits, but not below the lowest 5 %:
# that threshold refuses none of it. Now look at the last two rows: for a blank page and for blurred digits the *density* is
# worse than a coin. Section 0.5 finds out why.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.2
# The area in its plain meaning, from the scores of digits `(n,)` and of garbage `(m,)`: the probability that a random digit
# scores higher than a random piece of garbage, one number. A digit and a piece of garbage with equal scores count ½.


# %% slideshow={"slide_type": "skip"}
def my_area(digits, garbage):
    return ...


ch00.area.check(my_area)


# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A nudge against the classifier (core)
# Worse than garbage: a digit that everybody can read, changed so little that nobody minds, and the classifier names another
# one. How? Training moves the *weights* downhill. An adversary keeps the weights and moves the *pixels* uphill: each by the
# same small step, in the direction that raises the loss.
#
# $$x' = x + \epsilon \cdot \operatorname{sign}\!\big(\nabla_x\, [-\log p(y \mid x)]\big)$$


# %% slideshow={"slide_type": "fragment"}
def nudge(images, labels, step, log_probs):
    images = images.clone().requires_grad_()
    loss = cross_entropy(log_probs(images), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)  # how each pixel changes the loss
    return (images.detach() + step * gradient.sign()).clamp(0, 1)


def scores_of_classifier(images):
    return classifier(images.flatten(1))


some, some_labels = test.images[:500], test.labels[:500]

# %% slideshow={"slide_type": "subslide"}
nudged = nudge(some, some_labels, 0.1, scores_of_classifier)
rows = torch.cat([some[:8], 0.5 + 2 * (nudged - some)[:8], nudged[:8]])
ax = plots.plot_images(rows, n_columns=8, row_labels=["digit", "the nudge, ×2", "together"])
answered = [f"“{label}”, {sure:.0%}" for label, sure in zip(*answers(nudged[:8]), strict=True)]
ax.set_xticks([15 + 29 * i for i in range(8)], answered, fontsize=10)
plots.show(
    ax,
    alt="Eight digits; the nudge for each, enlarged, a mottled pattern that darkens the strokes; and both together: still "
    "legible, on a faintly grained ground. Below, the classifier's answers: all eight are wrong, some of them very sure.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Predict.** Will the density refuse the nudged digits? And which label does *Bayes' rule* give them?


# %% slideshow={"slide_type": "fragment"}
def share_right(guess):
    return (guess.argmax(1) == some_labels).double().mean().item()


for size in (0.0, 0.05, 0.1, 0.15):
    moved = nudge(some, some_labels, size, scores_of_classifier)
    direct_right, bayes_right = share_right(scores_of_classifier(moved)), share_right(log_joint(moved))
    area = torch.trapezoid(roc(log_p, {"moved": moved})["moved"], lost)
    print(
        f"step {size:.2f}   direct {direct_right:4.0%} right   Bayes {bayes_right:4.0%} right   area {area:.2f}"
    )

# %% [markdown] slideshow={"slide_type": "fragment"}
# The density hardly notices the smaller nudges: its area stays near ½. So it cannot *refuse* them. But the classifier that
# Bayes' rule made from it still reads most of them.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Was that fair? The nudge was made from the direct classifier's weights. Now each of the two is nudged through its own
# gradient. And since a gradient is true only nearby, one large step is a mild attack on a model that is not linear: we also
# take ten small ones, and never go further than 0.1 from the digit.


# %% slideshow={"slide_type": "fragment"}
def nudge_often(images, labels, size, log_probs, n_steps=10):
    moved = images
    for _ in range(n_steps):
        moved = nudge(moved, labels, 2 * size / n_steps, log_probs)
        moved = images + (moved - images).clamp(-size, size)
    return moved


for name, log_probs in {"direct": scores_of_classifier, "Bayes": log_joint}.items():
    once, often = (share_right(log_probs(f(some, some_labels, 0.1, log_probs))) for f in (nudge, nudge_often))
    print(f"{name:>6} against its own gradient: {once:4.0%} right after one step, {often:4.0%} after ten")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Bayes' rule suffers too, and more from ten steps than from one. It still keeps most of its answers within bounds that leave
# the direct classifier almost none. That is all we have shown: two models, two attacks, one size. A stronger attack may do
# more.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.3
# A gradient in PyTorch, with respect to the *input*. Write the nudge for a linear classifier with the scores
# `x @ weight.T + bias`: pictures `x` `(n, d)`, their true labels `y` `(n,)`, `weight` `(C, d)`, `bias` `(C,)`. Every pixel moves
# by `size` in the direction that raises the loss of the true label. Keep the result in [0, 1]; shape `(n, d)`.


# %% slideshow={"slide_type": "skip"}
def my_nudge(x, y, weight, bias, size):
    return ...


ch00.nudge.check(my_nudge)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.5 Where the density is fooled, and what helps (core)
#
# *About 20 minutes.* Look at the numbers themselves. And add an eighth kind, made against the density: a digit plus noise that leaves the code
# as it is. How? Add noise, then repeat two steps: take out what changed the 40 numbers, and cut every pixel to 0 to 1.
#
# > **Predict.** What will such *hidden noise* look like? And what is its $\log p(x)$, compared with the digit's?

# %% slideshow={"slide_type": "subslide"}
digits = test.images[:1000]  # those that were blurred, too
x = digits.flatten(1).double() + 0.7 * torch.randn(1000, 784, generator=generator).double()
for _ in range(50):
    x = x - ((x - mean) @ directions - to_codes(digits)) @ directions.T  # the digit's code again
    x = x.clamp(0, 1)  # a picture again
hidden = x.view(-1, 28, 28).float()

# %% slideshow={"slide_type": "subslide"}
ax = plots.plot_images(torch.cat([digits[:8], hidden[:8]]), n_columns=8, row_labels=["digit", "hidden noise"])
plots.show(
    ax,
    alt="Eight digits, and the same digits with hidden noise: snow all around, strong towards "
    "the edges and fainter in the middle. The digits are still legible.",
)

# %% slideshow={"slide_type": "subslide"}
all_kinds = {**garbage, "hidden noise": hidden}
for kind, source in {"blurred": digits, "hidden noise": digits, "blank": real}.items():
    log_density, of_digits = log_p(all_kinds[kind]).mean(), log_p(source).mean()
    print(f"mean of log p(x): {kind:>12} {log_density:6.1f}   digits {of_digits:6.1f}")
rises = (log_p(garbage["blurred"]) > log_p(digits)).double().mean()
print(f"blur raises the density of {rises:.0%} of the digits")
print("label of the blank page by Bayes' rule:", log_joint(garbage["blank"][:1]).argmax().item())

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Check.** The noise should leave the codes as they were.

# %% slideshow={"slide_type": "fragment"}
moved_by = (to_codes(hidden) - to_codes(digits)).norm(dim=1)
apart = torch.cdist(to_codes(digits), codes).amin(1).mean()  # to the nearest training digit
print(f"the noise moves a code by {moved_by.mean():.2f}; the nearest training digit is {apart:.1f} away")

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("below a tenth of that for each:", bool((moved_by < 0.1 * apart).all()))


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two different failures:
#
# - **Smooth pictures score too high.** Blur takes out detail, so that the numbers of the code that describe detail move to the
#   middle, where the density is highest. And to 40 numbers a blank page looks like a very faint 1, and the ones are the most crowded
#   place of all. High density is not the same as *typical*. (Think of a thousand throws of a coin that shows heads in 60 % of
#   the cases: the single most probable sequence is "all heads", and you will never see it.)
# - **Hidden noise does not show at all.** The model sees 40 numbers; what happens in the other 744 directions is none of its
#   business. Most of the snow lies where digits are hardly ever white, and the 40 directions are nearly blind there. A
#   density is silent about what it does not model.
#
# Both are cured by a second number, the length of what the directions leave out, the **residual**:
#
# $$r(x) = \big\| x - \hat x \big\|, \qquad \hat x = \text{mean} + \text{directions} \cdot \text{code}.$$
#
# A real digit has sharp edges that 40 numbers cannot reproduce: its residual is neither large nor small, but of a certain size.


# %% slideshow={"slide_type": "subslide"}
def residual(images):
    return (images.flatten(1).double() - mean - to_codes(images) @ directions.T).norm(dim=1)


def two_numbers(images):
    return torch.stack([log_p(images), residual(images)], 1)  # (n, 2)


for kind, pictures in {"real digits": real, **all_kinds}.items():
    low, middle, high = residual(pictures).quantile(torch.tensor([0.05, 0.5, 0.95]).double())
    print(f"{kind:>12}: residual {middle:5.2f} (5 to 95 %: {low:.2f} to {high:.2f})")


# %% [markdown] slideshow={"slide_type": "subslide"}
# Now use the idea of this chapter once more. How probable is it that a *digit* has this pair of numbers? Fit a density to
# the pairs of the training digits (residuals as logarithms, so that halves and doubles count alike).


# %% slideshow={"slide_type": "fragment"}
def pair(images):
    log_density, length = two_numbers(images).T
    return torch.stack([log_density / 15, 5 * length.log()], 1)  # two numbers of similar spread


pair_model, _ = mixtures.fit_em(pair(images), 5, reg_covar=1e-2, generator=generator)


def log_p_pair(images):
    return mixtures.e_step(pair(images), pair_model).log_prob


# %% slideshow={"slide_type": "subslide"} tags=["long"]
figure, ax = plt.subplots(figsize=(8.5, 4.8))
x, y, everywhere = plots.plane((-9, 2.5), (-5, 14))
density = mixtures.e_step(everywhere, pair_model).log_prob.exp()
plots.plot_density(x * 15, (y / 5).exp(), density, ax=ax)
for kind, pictures in all_kinds.items():
    size = 90 if kind in ("blank", "grey") else 16
    ax.scatter(*two_numbers(pictures[:60]).T, s=size, linewidths=0, label=kind, **looks[kind])
ax.set(xlabel="log p(x) (nats)", ylabel="residual (length)", yscale="log", xlim=(-130, 35), ylim=(0.35, 17))
ax.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="shades: real digits")
plots.show(
    figure,
    alt="The plane of log p(x) and residual. The density of real digits has one large hill, near -25 nats and a residual of 3, "
    "and a small one at its right, near +5 and 2. Blank and blurred pictures lie below them, with small residuals; noise, grey "
    "and hidden noise above, with large ones; letters, moons and upside-down digits to the left, partly on the slope.",
)

# %% slideshow={"slide_type": "subslide"}
suspects = {**all_kinds, "nudged": nudged}
detectors = {
    "confidence": [confidence(c) for c in classifiers],
    "log p(x)": [log_p],
    "- residual": [lambda images: -residual(images)],
    "the pair": [log_p_pair],
}
show_areas({name: [roc(score, suspects) for score in runs] for name, runs in detectors.items()})
together = torch.corrcoef(pair(real).T)[0, 1]
print(f"correlation of log p(x) and log residual among the digits: {together:.1f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Blank, blurred and hidden noise are now caught, nearly without exception; neither number did that alone. There is a price:
# upside-down digits were told apart better by the density alone. They have a low density *and* a rather large residual, but
# among real digits the two go together: what is oddly written has few neighbours, and 40 numbers reproduce it badly. So the pair
# takes them for odd digits. And the nudge still passes. A detector is as good as what it *measures*; none of these scores catches
# everything. Two remedies are in the references: ask whether the density is *typical*, and model several statistics together,
# as we did.

# %% slideshow={"slide_type": "skip"}
ch00.blur

# %% slideshow={"slide_type": "skip"}
ch00.blur.answer(...)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.4
# The residual $r$ of each row of `x` `(n, d)`, for a `mean` `(d,)` and orthonormal `directions` `(d, k)`: a length (not its
# square), one for each row, shape `(n,)`.


# %% slideshow={"slide_type": "skip"}
def my_residual(x, mean, directions):
    return ...


ch00.residual.check(my_residual)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.6 Why a generator needs a random input (core)
#
# *About 20 minutes.* A car comes up the road to a T-junction. We see three frames and are to draw two more; the one between, at the
# crossing itself, is left out. Speed and
# distance can be read from the past. Whether the car turns left or right cannot: that is a throw of a coin.
#
# > **Predict.** A network is trained on 2,000 such films to predict the next frames with the least squared error. What will
# > it draw?

# %% slideshow={"slide_type": "subslide"}
films = data.junction_films(2000, generator=generator)
test_films = data.junction_films(1000, generator=generator)
first = torch.cat([films.past[:4], films.future[:4]], 1).flatten(0, 1)  # (20, 16, 16)
turns = ["left" if turn == 0 else "right" for turn in films.turns[:4]]
ax = plots.plot_images(first, n_columns=5, row_labels=turns)
ax.set_xticks([9 + 17 * i for i in range(5)], ["past", "past", "past", "future", "future"])
plots.show(
    ax,
    alt="Four films of five frames: a bright spot, the car, comes up a grey road in three frames; in the last two frames it "
    "is on the cross street, to the left or to the right of the crossing, as the label of its row says.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# One network for all that follows. Besides the past it gets a **coin**, 0 or 1, as a random input. (It learns how the
# future differs from the average one; that is easier than drawing the road anew each time. `SiLU` is a smooth bend between
# two linear layers.)

# %% slideshow={"slide_type": "fragment"}
past, future = films.past.flatten(1), films.future.flatten(1)  # (2000, 768), (2000, 512)
past_mean, past_scale, future_mean = past.mean(0), past.std(0).mean(), future.mean(0)


def make_network():
    hidden = [torch.nn.Linear(768 + 2, 128), torch.nn.SiLU(), torch.nn.Linear(128, 128), torch.nn.SiLU()]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(128, 512))


def outcomes(network, past):
    """The future that the network draws for coin 0 and for coin 1: (n, 2, 512)."""
    past = ((past - past_mean) / past_scale)[:, None].expand(-1, 2, -1)  # (n, 2, 768)
    # The coin as two numbers, (3, 0) or (0, 3): loud enough to be heard beside 768 pixels.
    coin = 3 * torch.eye(2).expand(len(past), 2, 2)
    return future_mean + network(torch.cat([past, coin], 2))


# %% [markdown] slideshow={"slide_type": "subslide"}
# Three ways to train it. `errors` holds the squared error of both outcomes, shape `(n, 2)`:
#
# - **no coin**: only the outcome for coin 0 is ever used. An ordinary regression.
# - **coin, squared error**: the squared errors of both sides count alike. (A thrown coin gives that on average.)
# - **coin, better of two**: only the better outcome counts, so the other one is free to be something else.

# %% slideshow={"slide_type": "fragment"}
losses = {
    "no coin": lambda errors: errors[:, 0].mean(),
    "coin, squared error": lambda errors: errors.mean(),
    "coin, better of two": lambda errors: errors.amin(1).mean(),
}


# %% slideshow={"slide_type": "subslide"}
def train(loss_of, films, seed, n_steps=400):
    torch.manual_seed(seed)
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    past, future = films.past.flatten(1), films.future.flatten(1)
    for _ in range(n_steps):
        rows = torch.randint(len(past), (64,))
        errors = (outcomes(network, past[rows]) - future[rows, None]).square().sum(2)  # (64, 2)
        loss = loss_of(errors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


networks = {name: [train(loss_of, films, seed) for seed in range(3)] for name, loss_of in losses.items()}

# %% slideshow={"slide_type": "skip"}
example = 0
test_past = test_films.past.flatten(1)
with torch.no_grad():
    ways = {name: outcomes(runs[0], test_past[example : example + 1])[0] for name, runs in networks.items()}
ways["no coin"][1] = 1  # a network that has no coin has no second outcome: white

# %% slideshow={"slide_type": "subslide"}
rows = [test_films.futures[example].flatten(0, 1)]  # (4, 16, 16): left, then right
rows += [ways[name].view(4, 16, 16).clamp(0, 1) for name in losses]
row_labels = ["possible: left, right", *(name.removeprefix("coin, ") for name in losses)]
ax = plots.plot_images(torch.cat(rows), n_columns=4, row_labels=row_labels)
ax.set_xticks([17, 51], ["coin 0", "coin 1"])
plots.show(
    ax,
    alt="Four rows of four frames. Possible: one bright car, left in two frames and right in two. No coin: two cars at half "
    "brightness, left and right at once; two frames are empty. Coin with squared error: that ghost for either side of the coin. "
    "Better of two: one bright car, on one side for coin 0 and on the other for coin 1.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The first two networks draw a **ghost** of both futures, in which half a car turns each way. The third one draws one car or
# the other, as the coin falls. (Which side of the coin becomes left is an accident of the training.)

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Why the ghost?** Fix one past. Let $X$ be one pixel of its future, and $c$ what we predict for it. With
# $m = \mathbb E[X \mid \text{past}]$ (the *expectation*, the average over all that can happen after this past; all
# expectations below are meant so),
#
# $$\mathbb E\big[(X - c)^2\big] = \mathbb E\big[(X - m + m - c)^2\big]
# = \mathbb E\big[(X - m)^2\big] + 2\,(m - c)\,\underbrace{\mathbb E[X - m]}_{=\,0} + (m - c)^2.$$
#
# The first term does not depend on $c$, the last one is smallest for $c = m$. **Least squared error is reached by the mean**,
# here the average of both futures. It does not help to throw a coin: for either side the best answer is the same mean.
#
# Let $d$ be the distance between two equally probable futures. The ghost is $d/2$ from each, so that its squared error is
# always $d^2/4$. Somebody who draws a *possible* future is right half of the time, and wrong by $d$ in the other half: $d^2/2$ on
# average, twice as much. *Drawing what is possible costs more squared error than drawing what is not.*

# %% slideshow={"slide_type": "subslide"}
left, right_turn = test_films.futures.flatten(2).unbind(1)  # (1000, 512) each
happened = test_films.future.flatten(1)
ghost = (left + right_turn) / 2
guess = torch.where(torch.rand(1000, 1, generator=generator) < 0.5, left, right_turn)
squared = (left - right_turn).square().sum(1)
ghost_error = (ghost - happened).square().sum(1)
guess_error = (guess - happened).square().sum(1)

# %% slideshow={"slide_type": "-"}
# NBVAL_CHECK_OUTPUT
print("ghost: d²/4 for every film:", torch.allclose(ghost_error, squared / 4, rtol=1e-4))

# %% slideshow={"slide_type": "-"}
print(f"guess: {guess_error.mean() / squared.mean():.2f} d² on average")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The squared error asks the wrong question. A better one: *how far is the picture from the nearest possible future?* Both
# numbers for the networks, three seeds each.

# %% slideshow={"slide_type": "fragment"}
distance, error = {}, {}
coins = torch.randint(2, (1000,), generator=generator)
for name, runs in networks.items():
    distance[name], error[name] = [], []
    for network in runs:
        with torch.no_grad():
            both = outcomes(network, test_past)
        one = both[:, 0] if name == "no coin" else both[torch.arange(1000), coins]
        nearest = (one[:, None] - test_films.futures.flatten(2)).norm(dim=2).amin(1)
        distance[name].append(nearest.mean().item())
        error[name].append((one - happened).square().sum(1).mean().item())

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
for ax, values in zip(axes, (error, distance), strict=True):
    plots.plot_strips({name.replace(", ", ",\n"): runs for name, runs in values.items()}, ax=ax)
    ax.set_ylim(0, 1.15 * max(max(runs) for runs in values.values()))
axes[0].set_title("squared error to what happened")
axes[1].set_title("distance to the nearest possible future")
plots.show(
    figure,
    alt="Two panels of dots, three seeds for each of three ways to train. Squared error: about 3 without a coin and with coin "
    "and squared error, about 6 for better of two. Distance to the nearest possible future: about 1.7 for the first two, about "
    "0.1 for better of two.",
)

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
nearer = max(distance["coin, better of two"]) < min(distance["no coin"])
costlier = min(error["coin, better of two"]) > max(error["no coin"])
print("better of two is nearer in every seed:", nearer)
print("and has the larger squared error:", costlier)

# %% [markdown] slideshow={"slide_type": "subslide"}
# This is the reason for the random input that every generator of this course has, usually called $z$: a function of the
# past alone can draw only one future. **And the input alone is not enough**: the loss must allow different answers. Each
# family of models is, in a way, another loss that does so.

# %% slideshow={"slide_type": "skip"}
ch00.coin

# %% slideshow={"slide_type": "skip"}
ch00.coin.answer(...)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What the better of two does not know (deeper)
# It learns *which* futures there are. *How often* each one happens has to be counted apart: how often was each side of the
# coin the better one? Take a road where three of four cars turn right.

# %% slideshow={"slide_type": "fragment"}
uneven = data.junction_films(2000, p_right=0.75, generator=generator)
network = train(losses["coin, better of two"], uneven, seed=0)
with torch.no_grad():
    both = outcomes(network, uneven.past.flatten(1))
winner = (both - uneven.future.flatten(1)[:, None]).square().sum(2).argmin(1)
for side in (0, 1):
    share = (winner == side).double().mean()
    turned_right = uneven.turns[winner == side].double().mean()
    print(
        f"coin {side}: the better one in {share:.0%} of the films; {turned_right:.0%} of those turned right"
    )


# %% [markdown] slideshow={"slide_type": "fragment"}
# So the coin must be loaded with those shares. Choose the better explanation, adapt it, count: chapter 1's EM algorithm
# does the same, with shares in place of a choice. And two sides are enough only because we knew that there are two futures.
# When nobody knows, $z$ becomes a vector of numbers, and finding out which $z$ belongs to which picture becomes the central
# problem.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercises 0.5 and 0.6
# 0.5: the distance of each prediction to its nearest possible future, from `predictions` `(n, d)` and the `F` possible
# `futures` of each film, `(n, F, d)`. A distance is a length (the root of the summed squares). The result is **one number**,
# the mean over the films.
#
# 0.6: the loss *better of two*, from `outcomes` `(n, 2, d)`, one for each side of the coin, and `target` `(n, d)`, what happened.
# Squared errors (no root), summed over the `d` pixels; each film takes the better outcome; the mean over the films: **one number**.


# %% slideshow={"slide_type": "skip"}
def my_nearest_future(predictions, futures):
    return ...


ch00.nearest_future.check(my_nearest_future)


# %% slideshow={"slide_type": "skip"}
def my_best_of_two(outcomes, target):
    return ...


ch00.best_of_two.check(my_best_of_two)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.7 Two maps (core)
#
# *About 15 minutes.*
#
# ### What can be learned without labels
# Learning from the pictures alone, without labels, is called **unsupervised**. A density can do it, and so can some older
# acquaintances. Here are their views of the digits; in the two maps the labels are written in afterwards.

# %% slideshow={"slide_type": "fragment"}
sample, sample_labels = codes[:300], labels[:300]
neighbours = TSNE(2, init="pca", perplexity=30, max_iter=500, random_state=0).fit_transform(sample.numpy())
views = {"PCA: a map by two directions": sample[:, :2], "t-SNE: who is near whom": neighbours}

# %% slideshow={"slide_type": "subslide"}
ten_colors = [*plots.COLORS, "#7A4F00", "#6A3D9A", "#8C8C8C"]
figure, axes = plt.subplots(1, 2, figsize=(11, 4.6))
for ax, (title, points) in zip(axes, views.items(), strict=True):
    ax.scatter(*torch.as_tensor(points).T, s=0)
    for place, label in zip(points.tolist(), sample_labels.tolist(), strict=True):
        ax.text(*place, label, color=ten_colors[label], fontsize=10, ha="center", va="center")
    ax.set(title=title, xticks=[], yticks=[])
plots.show(
    figure,
    alt="Two maps of 300 digits, each drawn as its label. The map by two principal directions has ones at one side, zeros at the "
    "other, and much overlap between. In the t-SNE map most digits form islands; 4, 7 and 9 are close together.",
)

# %% slideshow={"slide_type": "subslide"}
centres = torch.from_numpy(KMeans(10, n_init=3, random_state=0).fit(codes[:5000].numpy()).cluster_centers_)
first_ten = (0.5 + 2.5 * directions.T[:10]).clamp(0, 1).view(-1, 28, 28)  # grey is zero
figure, axes = plt.subplots(1, 2, figsize=(10, 2.4))
plots.plot_images(to_images(centres), n_columns=5, ax=axes[0], title="k-means: the centres of ten clusters")
plots.plot_images(first_ten, n_columns=5, ax=axes[1], title="PCA: its first ten directions")
plots.show(
    figure,
    alt="Left, ten cluster centres: they look like blurred digits; some digits appear twice and some not at all. Right, the ten "
    "directions of most variance: smooth patterns of light and dark.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | task | what it gives for a picture | can it draw? | can it refuse? |
# |---|---|---|---|
# | **clusters** (k-means) | the number of a group | no | roughly: by the distance to the nearest centre |
# | **PCA** | coordinates along the directions of most variance, and a way back to pixels | no: which coordinates? | by the residual only |
# | **t-SNE** | a place on a map that keeps neighbours together | no: no way back, and no place for a new picture | no |
# | **features** | numbers in which other tasks become easy (such as a code) | no | not by themselves |
# | **density** | how probable it is: $p(x)$ | yes, if it comes with a way to sample | yes, within the limits of section 0.5 |
#
# They are not rivals. This chapter's model was PCA (a code), *and* clusters (a mixture within each digit), *and* a density
# over both. (Labels sorted the digits into its ten parts, so it had some help.) Beware of reading t-SNE like a map of a country:
# distances between islands and their sizes mean little.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Families of generative models
# All of them can draw. The first question that tells them apart is: *can it say how probable a given picture is?*
#
# - **Explicit**: there is a formula for $p(x)$, or for a bound on it. Train by making the data probable.
# - **Implicit**: there is only a machine that turns noise into pictures. Train it by comparing its draws with the data.

# %% slideshow={"slide_type": "subslide"}
explicit = {
    "exact": ["mixtures (1)", "pixel by pixel (9)", "sequences (11)"],
    "a lower bound": ["VAE (3, 4)", "discrete codes (10)"],
}
by_discriminator = ["GAN (5, 6)", "conditional GAN (7)", "image translation (8)", "sequences: SeqGAN (11)"]
implicit = {"compared by a\ndiscriminator": by_discriminator}
families = {"draws x": {"explicit:\np(x) or a bound": explicit, "implicit:\ndraws only": implicit}}
ax = plots.plot_tree(families, ax=plt.subplots(figsize=(10, 4.8))[1])
plots.show(
    ax,
    alt="A tree. Models that draw x are explicit, with p(x) or a bound, or implicit, which only draw. Explicit and exact: "
    "mixtures, chapter 1; pixel by pixel, 9; sequences, 11. With a lower bound: VAE, 3 and 4; discrete codes, 10. Implicit, compared "
    "by a discriminator: GAN, 5 and 6; conditional GAN, 7; image translation, 8; sequences again, SeqGAN, 11.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | chapter | the idea in one line |
# |---|---|
# | [1 Gaussian mixtures and EM](01_gaussian_mixtures_and_em.ipynb) | a density as a sum of simple ones; a bound that chapters 3 and 4 build on |
# | [2 Autoencoders](02_autoencoders.ipynb) | learn the code itself; why that is not yet a generator |
# | 3, 4 Variational autoencoders | infinitely many components; a bound instead of the density |
# | 5, 6 GANs | no density at all; a second network is the judge; how that fails, and what helps |
# | 7, 8 Conditions, images to images | $p(x \mid y)$ where $y$ is a class, a sentence, another image |
# | 9 Pixel by pixel | each pixel given those before it: an exact density, drawn slowly |
# | 10, 11 Discrete codes, sequences | when a picture becomes a text of codes; when the output is discrete |
# | 12 One bench for all | every family on the same data with the same measures |
#
# Two large families, normalising flows (exact) and diffusion models (a bound, drawn in many small steps), have no chapter here;
# they stand on the same ideas.

# %% slideshow={"slide_type": "skip"}
ch00.explicit

# %% slideshow={"slide_type": "skip"}
ch00.explicit.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.8 What the course assumes: a self-check (core)
#
# *About 10 minutes.* Three questions. If you get them right, and can follow the derivation in section 0.6, you are ready. If not: Bishop's first
# chapter has the probability, and PyTorch's introduction to autograd the gradients (both in the references below). Put your letter in place of the dots, as in `.answer("b")`.

# %% slideshow={"slide_type": "skip"}
ch00.self_bayes

# %% slideshow={"slide_type": "skip"}
ch00.self_bayes.answer(...)

# %% slideshow={"slide_type": "skip"}
ch00.self_expectation

# %% slideshow={"slide_type": "skip"}
ch00.self_expectation.answer(...)

# %% slideshow={"slide_type": "skip"}
ch00.self_gradient

# %% slideshow={"slide_type": "skip"}
ch00.self_gradient.answer(...)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The second and the third meet here. PyTorch finds the expectation by following the gradient of the squared error, and
# nobody told it the formula.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
values, probabilities = torch.tensor([0.0, 4.0]), torch.tensor([0.75, 0.25])
c = torch.tensor(3.0, requires_grad=True)
for _ in range(100):
    cost = (probabilities * (values - c) ** 2).sum()  # E[(X - c)²]
    (slope,) = torch.autograd.grad(cost, c)
    with torch.no_grad():
        c -= 0.1 * slope
print(f"c = {c.item():.3f}   E[X] = {(probabilities * values).sum():.3f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A page of notation
#
# - $x$, $y$: data (a picture, a point); a label or another condition.
# - $z$: what is hidden, and never observed: a random input, a code, the component that made a point.
# - $p(x)$: the probability of $x$, or its density. Densities may exceed 1; areas under them may not.
# - $p(x \mid y)$: $p$ of $x$ given $y$. It sums (integrates) to 1 over $x$, not over $y$.
# - $p(x, y)$: $p$ of $x$ and $y$ together, $p(y)\,p(x \mid y) = p(x)\,p(y \mid x)$.
# - $p(x) = \sum_y p(x, y)$: add up what you do not care about; an integral if $y$ is continuous.
# - $x \sim p$: $x$ is drawn from $p$.
# - $\mathcal N(\mu, \sigma^2)$: a Gaussian with mean $\mu$ and variance $\sigma^2$.
# - $\mathbb E_p[f(x)]$: the average of $f(x)$ under $p$, estimated by the mean over many draws.
# - $\mathbb E[x \mid y]$: the average of $x$ where $y$ is as given; a function of $y$.

# %% [markdown] slideshow={"slide_type": "subslide"}
# - $\theta$: all parameters of a model; $p_\theta(x)$ is a model's density.
# - $\log$: the natural logarithm. Log-densities are in *nats*.
# - $\nabla_\theta L$: the gradient, that is the derivative of $L$ with respect to each entry of $\theta$: `loss.backward()`.
# - $\epsilon$, $\varepsilon$: a small number, such as the step of section 0.4; or, where the text says so, noise drawn from
#   $\mathcal N(0, 1)$.
# - $\operatorname{sign}(a)$: -1, 0 or 1, the direction without the size: `a.sign()`.
# - $\operatorname{softmax}(a)_j = e^{a_j} / \sum_k e^{a_k}$: scores to probabilities, which are positive and sum to 1:
#   `a.softmax(-1)`.
# - $\lVert v \rVert = \sqrt{\sum_i v_i^2}$: the length of $v$: `v.norm()`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A generative model learns what data are like: it draws $x \sim p(x)$, and an explicit one also says how probable $x$ is.
# - $p(y \mid x)$ must name garbage. $p(x)$ can refuse it, but high density is not the same as typical, and a density is silent
#   about what it does not model.
# - Bayes' rule makes a classifier out of densities: $p(y \mid x) = p(y)\,p(x \mid y) / p(x)$.
# - The least squared error is reached by the mean, which may be impossible. A generator needs a random input, *and* a loss that
#   lets it use it.
#
# **What comes next.** Chapter 1 opens the tool that drew our digits: how does one fit a density when it is hidden which component
# made which point?

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. One spam filter is trained as $p(y \mid x)$, another one is made from $p(x \mid y)$ and $p(y)$. In another country spam looks
#    the same, but is ten times rarer. What would you change in each of the two filters?
# 2. Which pictures would have a high density under our model *and* a residual like that of digits, and still be no digits? How
#    would you search for one?
# 3. A weather service forecasts "3 mm of rain" for a day on which it will either rain 6 mm or not at all. Which loss was it
#    trained with, and what would you rather be told?
# 4. At the junction, how bright are the two ghosts if three of four cars turn right? Why is that information, and not just an error?
#
# ### References
# - A. Ng, M. Jordan (2001), [On discriminative vs. generative classifiers: a comparison of logistic regression and naive
#   Bayes](https://papers.nips.cc/paper/2020-on-discriminative-vs-generative-classifiers-a-comparison-of-logistic-regression-and-naive-bayes):
#   the race of section 0.3, with few data and with many.
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), [Gradient-based learning applied to document
#   recognition](https://doi.org/10.1109/5.726791): MNIST, and the 0.95 %.
# - I. Goodfellow, J. Shlens, C. Szegedy (2014), [Explaining and harnessing adversarial
#   examples](https://arxiv.org/abs/1412.6572): the nudge by the sign of the gradient.
# - A. Madry and others (2017), [Towards deep learning models resistant to adversarial
#   attacks](https://arxiv.org/abs/1706.06083): many small steps within a bound.
# - E. Nalisnick and others (2018), [Do deep generative models know what they don't
#   know?](https://arxiv.org/abs/1810.09136): large models are fooled by smooth pictures, too.
# - E. Nalisnick and others (2019), [Detecting out-of-distribution inputs to deep generative models using
#   typicality](https://arxiv.org/abs/1906.02994).
# - W. Morningstar and others (2020), [Density of states estimation for out-of-distribution
#   detection](https://arxiv.org/abs/2006.09273): a density of several statistics, as in section 0.5.
# - C. Rupprecht and others (2016), [Learning in an uncertain world: representing ambiguity through multiple
#   hypotheses](https://arxiv.org/abs/1612.00197): the better of two, and of more.
# - L. van der Maaten, G. Hinton (2008), [Visualizing data using
#   t-SNE](https://www.jmlr.org/papers/v9/vandermaaten08a.html).
# - I. Goodfellow (2016), [NIPS 2016 tutorial: generative adversarial networks](https://arxiv.org/abs/1701.00160): the tree of
#   families.
# - C. Bishop (2006), *Pattern Recognition and Machine Learning*, chapter 1: probability, expectation, Bayes' rule.
# - PyTorch, [A gentle introduction to
#   torch.autograd](https://docs.pytorch.org/tutorials/beginner/blitz/autograd_tutorial.html): gradients, and what `backward()` does.
