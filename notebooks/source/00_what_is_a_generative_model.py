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
# like: it can say how probable a picture is, and it can draw new ones. The question of this course is always the
# same: **what is $p(x)$, and how do I draw from it?** This chapter shows what that buys, on handwritten digits and on
# a car at a road junction, before any theory.
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
from sklearn.metrics import roc_auc_score, roc_curve
from torch.nn.functional import avg_pool2d, cross_entropy, one_hot

from course_utils import data, mixtures, plots
from course_utils.exercises import ch00
from course_utils.seeding import seed_everything

generator = seed_everything(0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.1 Find the fakes (core)
#
# MNIST: digits that people wrote by hand, 28×28 pixels each, 0 for black and 1 for white. We show 20,000 of them to a
# small model, which will then make digits of its own. (What the two helpers and the model do is the subject of
# [chapter 1](01_gaussian_mixtures_and_em.ipynb). For now: a **code** is a list of 40 numbers that describes a digit
# roughly, and the model is a density over codes.)

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

# %% [markdown] slideshow={"slide_type": "fragment"}
# How many did you find? A model that learned nothing but a density has just drawn pictures that were not in its
# data. The rest of the chapter asks what it knows, where it fails, and who else can do this.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.2 Three questions about one digit (core)
#
# Let $x$ be a picture and $y$ its label, 0 to 9. Three different questions:
#
# | question | written | who answers it |
# |---|---|---|
# | *Given this picture, which digit is it?* | $p(y \mid x)$ | a **classifier** |
# | *How probable is such a picture at all?* | $p(x)$ | a **density** |
# | *What do sevens look like?* | $p(x \mid y = 7)$ | a **conditional** density: it can draw sevens on request |
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
# calls `cross_entropy`. Five lines, and you will meet them in every chapter.

# %% slideshow={"slide_type": "subslide"}
classifier = torch.nn.Linear(784, 10)
optimizer = torch.optim.Adam(classifier.parameters(), lr=5e-3)
for _ in range(600):
    rows = torch.randint(20_000, (200,), generator=generator)  # a batch of digits
    loss = cross_entropy(classifier(images[rows].flatten(1)), labels[rows])
    optimizer.zero_grad()
    loss.backward()  # the gradient of the loss with respect to all weights
    optimizer.step()  # one small step downhill

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
# (Here $x$ is the picture's code of 40 numbers. A density over raw pixels would be no good idea: many pixels are black in
# every digit, and a density on numbers that never vary can be made as high as you like. Chapter 1 shows that
# failure.)

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
# "A seven *and* this picture" can be read in two orders, $p(x, y) = p(y)\,p(x \mid y) = p(x)\,p(y \mid x)$. Divide by
# $p(x)$, and you have **Bayes' rule**:
#
# $$p(y \mid x) = \frac{p(y)\; p(x \mid y)}{p(x)}, \qquad p(x) = \sum_y p(y)\, p(x \mid y).$$
#
# So who can draw each digit can also tell them apart, without having been trained to: a classifier for free.
#
# > **Predict.** The direct classifier was trained for the labels alone. Ten densities, each of which has seen only one
# > digit, compete with it. Which is right more often on unseen digits?

# %% slideshow={"slide_type": "fragment"}
with torch.no_grad():
    direct = classifier(test.images.flatten(1)).log_softmax(1)  # (10000, 10), log p(y | x)
joint = log_joint(test.images)
by_bayes = joint - joint.logsumexp(1, keepdim=True)  # the numerator over p(x), in logarithms
right = {
    name: (log_probs.argmax(1) == test.labels).double().mean().item()
    for name, log_probs in (("direct", direct), ("by Bayes' rule", by_bayes))
}
for name, share in right.items():
    print(f"{name:>14}: {share:.1%} right")
print("Bayes' rule wins here:", right["by Bayes' rule"] > right["direct"])  # NBVAL_CHECK_OUTPUT

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Check.** The rule must hold for every picture and every label, $p(y \mid x)\,p(x) = p(x \mid y)\,p(y)$, and
# each row of $p(y \mid x)$ must sum to 1.

# %% slideshow={"slide_type": "fragment"}
gap = (by_bayes + log_p(test.images)[:, None] - joint).abs().max()
print("both sides agree to 1e-9:", bool(gap < 1e-9))  # NBVAL_CHECK_OUTPUT
sums = by_bayes.exp().sum(1)
print("the rows sum to 1:", torch.allclose(sums, torch.ones_like(sums)))  # NBVAL_CHECK_OUTPUT


# %% [markdown] slideshow={"slide_type": "fragment"}
# Was it a fair race? Not quite: the direct one may only weigh pixels, and the densities are more flexible. A large direct
# classifier is hard to beat: the convolutional network of LeCun and others had 0.95 % errors in 1998 (trained on three
# times as many digits). If labels are all you want, ask for $p(y \mid x)$ directly. The densities do more: they draw,
# they can be told of a new $p(y)$ without being trained again, and they can say *"I have never seen anything like this"*.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.1
# Bayes' rule. From $\log p(x \mid y)$ of shape `(n, C)` and $p(y)$ of shape `(C,)` to $p(y \mid x)$, shape
# `(n, C)`. Stuck? `ch00.bayes.hint()`, and in the end `ch00.bayes.solution()`.


# %% slideshow={"slide_type": "skip"}
def my_bayes(log_likelihood, prior):
    return ...


ch00.bayes.check(my_bayes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.4 Garbage (core)
#
# What is **not** a digit, and how sure is the classifier that it is one? Seven kinds of pictures: noise, letters drawn from
# straight lines, digits upside down (3, 4 and 7 only: a turned 0 is still a 0), moons, a grey wall, a blank page, and
# digits so blurred that their edges are gone.
#
# > **Predict.** For which of them is the classifier more than 90 % sure of its answer in most cases?

# %% slideshow={"slide_type": "fragment"}
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
def answers(images):
    """The classifier's label for each picture, and how sure it is of it."""
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
    alt="Two examples of each of the seven kinds of garbage, with the classifier's answer below: each gets one of "
    "the ten digits as its label. It is all but sure of noise and the grey wall; the blank page has 16 %.",
)

# %% slideshow={"slide_type": "subslide"}
print("share of pictures for which the classifier is more than 90 % sure")
for kind, pictures in {"real digits": real, **garbage}.items():
    print(f"{kind:>12}: {(answers(pictures)[1] > 0.9).double().mean():.0%}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# It has no way to object. The ten probabilities sum to 1 for *every* $x$, so the best of them is at least one tenth; and
# since the scores are sums over pixels, a picture with much white far from the usual places gives large scores, large
# differences between them, and great confidence. $p(y \mid x)$ means "*if* this is a digit, which one?".

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
# 1 is perfect, ½ is a coin, and below ½ the garbage looks *better* than digits.

# %% slideshow={"slide_type": "subslide"}
scores = {"confidence": lambda images: answers(images)[1], "log p(x)": log_p}


def suspicion(score, pictures):
    """For real digits (0) and garbage (1): which they are, and how suspicious each one looks."""
    return [0] * len(real) + [1] * len(pictures), -torch.cat([score(real), score(pictures)])


# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True)
for ax, (name, score) in zip(axes, scores.items(), strict=True):
    for i, (kind, pictures) in enumerate(garbage.items()):
        lost, refused, _ = roc_curve(*suspicion(score, pictures))
        ax.plot(lost, refused, color=plots.COLORS[i], linestyle=plots.LINES[i % 5], label=kind)
    ax.plot([0, 1], [0, 1], color="grey", linestyle="-", linewidth=0.8)
    ax.set(xlabel="share of real digits refused", title=f"score: {name}", aspect="equal")
axes[0].set_ylabel("share of garbage refused")
axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.show(
    figure,
    alt="ROC curves for seven kinds of garbage. With the confidence as the score, moons run along the diagonal, the others "
    "bend above it, and blank is perfect. With log p(x), noise, letters, moons, grey and upside-down digits run near the top "
    "left corner, but blank and blurred pictures far below the diagonal.",
)


# %% slideshow={"slide_type": "subslide"}
def areas(scores, kinds):
    print(" " * 13, *[f"{name:>12}" for name in scores])
    for kind, pictures in kinds.items():
        row = [roc_auc_score(*suspicion(score, pictures)) for score in scores.values()]
        print(f"{kind:>13}", *[f"{area:12.2f}" for area in row])


areas(scores, garbage)


# %% [markdown] slideshow={"slide_type": "fragment"}
# The density knows nothing of letters or moons, and yet it refuses most of them: they are not where the digits are. The
# classifier's confidence is lower for garbage too, but far less reliably, and for moons it is no better than a coin. (Train
# it with another seed, and its column moves visibly; that of the density hardly does.) But look at the last two rows: for a
# blank page and for blurred digits the *density* is worse than a coin. Section 0.5 finds out why.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.2
# The area in its plain meaning, from the scores of digits `(n,)` and of garbage `(m,)`.


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
for step in (0.0, 0.05, 0.1, 0.15):
    moved = nudge(some, some_labels, step, scores_of_classifier)
    direct_right = (answers(moved)[0] == some_labels).double().mean()
    bayes_right = (log_joint(moved).argmax(1) == some_labels).double().mean()
    area = roc_auc_score(*suspicion(log_p, moved))
    print(
        f"step {step:.2f}   direct {direct_right:4.0%} right   Bayes {bayes_right:4.0%} right   area {area:.2f}"
    )
moved = nudge(some, some_labels, 0.1, log_joint)
print(
    f"step 0.10 against Bayes itself: {(log_joint(moved).argmax(1) == some_labels).double().mean():.0%} right"
)


# %% [markdown] slideshow={"slide_type": "fragment"}
# The density hardly notices the smaller nudges: its area stays near ½. So it cannot *refuse* them. But the classifier that Bayes'
# rule made from it still reads most of them: the nudge was made for the other one's weights. The last line is the fair
# test. Nudged through its own gradient, it suffers too, though far less. No model is safe from somebody who knows it.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.3
# A gradient in PyTorch, with respect to the *input*. Write the nudge for a linear classifier.


# %% slideshow={"slide_type": "skip"}
def my_nudge(x, y, weight, bias, size):
    return ...


ch00.nudge.check(my_nudge)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.5 Where the density is fooled, and what helps (core)
#
# Look at the numbers themselves. And add an eighth kind, made against the density: a digit plus noise from which every
# part along our 40 directions was taken out.
#
# > **Predict.** What is $\log p(x)$ for a digit with such *hidden noise*, compared with the digit?

# %% slideshow={"slide_type": "fragment"}
noise = torch.randn(1000, 784, generator=generator).double()
noise = noise - noise @ directions @ directions.T  # no code can see what is left
garbage["hidden noise"] = (test.images[:1000] + 0.35 * noise.view(-1, 28, 28)).float()
for kind in ("blank", "blurred", "hidden noise"):
    print(f"log p(x), mean: {kind:>12} {log_p(garbage[kind]).mean():6.1f}   digits {log_p(real).mean():6.1f}")
codes_apart = (to_codes(garbage["hidden noise"]) - to_codes(test.images[:1000])).abs().max()
print("same codes to 1e-4:", bool(codes_apart < 1e-4))  # NBVAL_CHECK_OUTPUT
rises = (log_p(garbage["blurred"]) > log_p(test.images[:1000])).double().mean()
print(f"blur raises the density of {rises:.0%} of the digits")
print("label of the blank page by Bayes' rule:", log_joint(garbage["blank"][:1]).argmax().item())


# %% [markdown] slideshow={"slide_type": "subslide"}
# Two different failures:
#
# - **Smooth pictures score too high.** Blur takes out detail, so that the numbers of the code that describe detail move to the
#   middle, where the density is highest. And to 40 numbers a blank page looks like a very faint 1, and the ones are the most crowded
#   place of all. High density is not the same as *typical*. (Think of a thousand throws of a coin that shows heads in 60 % of
#   the cases: the single most probable sequence is "all heads", and you will never see it.)
# - **Hidden noise does not show at all.** The model sees 40 numbers; what happens in the other 744 directions is none of its
#   business. A density is silent about what it does not model.
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


for kind, pictures in {"real digits": real, **garbage}.items():
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
for i, (kind, pictures) in enumerate(garbage.items()):
    size = 90 if kind in ("blank", "grey") else 16
    color = "#7A4F00" if kind == "hidden noise" else plots.COLORS[(i + 1) % 7]
    ax.scatter(*two_numbers(pictures[:60]).T, s=size, marker=plots.MARKERS[i], color=color, label=kind)
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
scores["the pair"] = log_p_pair
areas(scores, {**garbage, "nudged": nudged})

# %% [markdown] slideshow={"slide_type": "fragment"}
# Blank, blurred and hidden noise are now caught, nearly without exception. The price is small but real: upside-down digits
# have unsuspicious residuals, and they were told apart better by the density alone. And the nudge still passes. A detector is
# as good as what it *measures*; there is no score that catches everything. Two remedies of this kind are in the references:
# ask whether the density is *typical*, and model several statistics together, as we did.

# %% slideshow={"slide_type": "skip"}
ch00.blur

# %% slideshow={"slide_type": "skip"}
ch00.blur.answer(...)


# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 0.4
# The residual of each row of `x` `(n, d)`, for a `mean` `(d,)` and orthonormal `directions` `(d, k)`.


# %% slideshow={"slide_type": "skip"}
def my_residual(x, mean, directions):
    return ...


ch00.residual.check(my_residual)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 0.6 Why a generator needs a random input (core)
#
# A car comes up the road to a T-junction. We see three frames and are to draw two more; the one between, at the
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
    past = (past - past_mean) / past_scale
    # The coin as two numbers, (3, 0) or (0, 3): loud enough to be heard beside 768 pixels.
    coins = [3 * one_hot(torch.tensor(coin), 2).expand(len(past), 2) for coin in (0, 1)]
    return torch.stack([future_mean + network(torch.cat([past, coin], 1)) for coin in coins], 1)


# %% [markdown] slideshow={"slide_type": "subslide"}
# Three ways to train it. `errors` holds the squared error of both outcomes, shape `(n, 2)`:
#
# - **no coin**: only the outcome for coin 0 is ever used. An ordinary regression.
# - **coin, squared error**: the coin is thrown, and the mean squared error counts, averaged over both sides.
# - **coin, better of two**: only the better outcome counts, so the other one is free to be something else.

# %% slideshow={"slide_type": "fragment"}
losses = {
    "no coin": lambda errors: errors[:, 0].mean(),
    "coin, squared error": lambda errors: errors.mean(),
    "coin, better of two": lambda errors: errors.amin(1).mean(),
}


# %% slideshow={"slide_type": "subslide"}
def train(loss_of, seed, n_steps=500):
    torch.manual_seed(seed)
    network = make_network()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(n_steps):
        rows = torch.randint(len(past), (64,))
        errors = (outcomes(network, past[rows]) - future[rows, None]).square().sum(2)  # (64, 2)
        loss = loss_of(errors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


networks = {name: [train(loss_of, seed) for seed in range(3)] for name, loss_of in losses.items()}

# %% slideshow={"slide_type": "subslide"}
example = 0
test_past = test_films.past.flatten(1)
with torch.no_grad():
    drawn = {name: outcomes(runs[0], test_past[example : example + 1])[0] for name, runs in networks.items()}
rows = [test_films.futures[example].flatten(0, 1)]  # (4, 16, 16): left, then right
rows += [drawn[name].view(4, 16, 16).clamp(0, 1) for name in losses]
row_labels = ["possible", *(name.removeprefix("coin, ") for name in losses)]
ax = plots.plot_images(torch.cat(rows), n_columns=4, row_labels=row_labels)
ax.set_xticks([17, 51], ["left, or coin 0", "right, or coin 1"])
plots.show(
    ax,
    alt="Rows of four frames: two for left or coin 0, two for right or coin 1. Possible: one bright car, left or right. "
    "No coin, and coin with squared error: two cars at half brightness, left and right at once, for either side of the "
    "coin. Better of two: one bright car, on one side for coin 0 and on the other for coin 1.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# (In the row *no coin*, look at the left pair only: coin 1 was never trained.) The first two networks draw a **ghost** of
# both futures, in which half a car turns each way. The third one draws one car or the other, as the coin falls.

# %% [markdown] slideshow={"slide_type": "subslide"}
# **Why the ghost?** Let $Y$ be one pixel of the future, and $c$ what we predict for it. With $m = \mathbb E[Y]$ (the
# *expectation*, the average over all that can happen),
#
# $$\mathbb E\big[(Y - c)^2\big] = \mathbb E\big[(Y - m + m - c)^2\big]
# = \mathbb E\big[(Y - m)^2\big] + 2\,(m - c)\,\underbrace{\mathbb E[Y - m]}_{=\,0} + (m - c)^2.$$
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
print(
    "ghost: d²/4 for every film:", torch.allclose(ghost_error, squared / 4, rtol=1e-4)
)  # NBVAL_CHECK_OUTPUT
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
nearer = max(distance["coin, better of two"]) < min(distance["no coin"])
costlier = min(error["coin, better of two"]) > max(error["no coin"])
print("better of two is nearer in every seed:", nearer)  # NBVAL_CHECK_OUTPUT
print("and has the larger squared error:", costlier)  # NBVAL_CHECK_OUTPUT

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
films = data.junction_films(2000, p_right=0.75, generator=generator)
past, future = films.past.flatten(1), films.future.flatten(1)
network = train(losses["coin, better of two"], seed=0)
with torch.no_grad():
    errors = (outcomes(network, past) - future[:, None]).square().sum(2)
winner = errors.argmin(1)
for side in (0, 1):
    share = (winner == side).double().mean()
    turned_right = films.turns[winner == side].double().mean()
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
# The distance to the nearest possible future, from `predictions` `(n, d)` and `futures` `(n, F, d)`; and the loss *better of
# two*, from `outcomes` `(n, 2, d)` and `target` `(n, d)`.


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
# ### What can be learned without labels
# Learning from the pictures alone, without labels, is called **unsupervised**. A density can do it, and so can some older
# acquaintances. Here are their views of the digits; in the two maps the labels are written in afterwards.

# %% slideshow={"slide_type": "fragment"}
sample, sample_labels = codes[:600], labels[:600]
centres = torch.from_numpy(KMeans(10, n_init=3, random_state=0).fit(codes[:5000].numpy()).cluster_centers_)
neighbours = TSNE(2, init="pca", perplexity=30, max_iter=500, random_state=0).fit_transform(sample.numpy())
features = (0.5 + 2.5 * directions.T[:10]).clamp(0, 1).view(-1, 28, 28)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(2, 2, figsize=(10, 5.8), height_ratios=(1.8, 1))
views = {"PCA: a map by two directions": sample[:, :2], "t-SNE: who is near whom": neighbours}
for ax, (title, points) in zip(axes[0], views.items(), strict=True):
    ax.scatter(*torch.as_tensor(points).T, s=0)
    for place, label in zip(points.tolist(), sample_labels.tolist(), strict=True):
        ax.text(*place, label, color=plots.COLORS[label % 7], fontsize=7, ha="center", va="center")
    ax.set(title=title, xticks=[], yticks=[])
plots.plot_images(to_images(centres), n_columns=5, ax=axes[1, 0], title="clusters: ten centres")
plots.plot_images(features, n_columns=5, ax=axes[1, 1], title="features: ten directions")
plots.show(
    figure,
    alt="Four views. The map by two principal directions has ones at one side, zeros at the other and much overlap between. In "
    "the t-SNE map most digits form islands, one or several each; 4, 7 and 9 are close together. The ten cluster centres look like blurred digits, some "
    "digits twice or more and some missing. The ten directions are smooth patterns of light and dark.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | task | what it gives for a picture | can it draw? | can it refuse? |
# |---|---|---|---|
# | **clusters** (k-means) | the number of a group | no | no |
# | **PCA** | coordinates along the directions of most variance, and a way back to pixels | no: which coordinates? | by the residual only |
# | **t-SNE** | a place on a map that keeps neighbours together | no: no way back, and no place for a new picture | no |
# | **features** | numbers that are useful for other tasks | no | no |
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
implicit = {"compared by a\ndiscriminator": ["GAN (5, 6)", "conditional GAN (7)", "image translation (8)"]}
families = {"draws x": {"explicit:\np(x) or a bound": explicit, "implicit:\ndraws only": implicit}}
ax = plots.plot_tree(families, ax=plt.subplots(figsize=(10, 4.6))[1])
plots.show(
    ax,
    alt="A tree. Models that draw x are explicit, with p(x) or a bound, or implicit, which only draw. Explicit and exact: "
    "mixtures, chapter 1; pixel by pixel, 9; sequences, 11. With a lower bound: VAE, 3 and 4; discrete codes, 10. Implicit, compared "
    "by a discriminator: GAN, 5 and 6; conditional GAN, 7; image translation, 8.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# | chapter | the idea in one line |
# |---|---|
# | [1 Gaussian mixtures and EM](01_gaussian_mixtures_and_em.ipynb) | a density as a sum of simple ones; a bound that every later chapter uses |
# | 2 Autoencoders | learn the code itself; why that is not yet a generator |
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
# Three questions. If you get them right, and can follow the derivation in section 0.6, you are ready. If not, the
# references below have what you need. Put your letter in place of the dots, as in `.answer("b")`.

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
values, probabilities = torch.tensor([0.0, 4.0]), torch.tensor([0.75, 0.25])
c = torch.tensor(3.0, requires_grad=True)
for _ in range(100):
    cost = (probabilities * (values - c) ** 2).sum()  # E[(X - c)²]
    (slope,) = torch.autograd.grad(cost, c)
    with torch.no_grad():
        c -= 0.1 * slope
print(f"c = {c.item():.3f}   E[X] = {(probabilities * values).sum():.3f}")  # NBVAL_CHECK_OUTPUT

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A page of notation
#
# | sign | read | remark |
# |---|---|---|
# | $x$, $y$ | data (a picture, a point); a label or another condition | |
# | $z$ | what is hidden: a random input, a code, the component that made a point | never observed |
# | $p(x)$ | probability of $x$, or its density | densities may exceed 1; areas under them may not |
# | $p(x \mid y)$ | $p$ of $x$ given $y$ | sums (integrates) to 1 over $x$, not over $y$ |
# | $p(x, y)$ | $p$ of $x$ and $y$ together | $= p(y)\,p(x \mid y) = p(x)\,p(y \mid x)$ |
# | $p(x) = \sum_y p(x, y)$ | add up what you do not care about | an integral if $y$ is continuous |
# | $x \sim p$ | $x$ is drawn from $p$ | |
# | $\mathcal N(\mu, \sigma^2)$ | a Gaussian with mean $\mu$ and variance $\sigma^2$ | |
# | $\mathbb E_p[f(x)]$ | the average of $f(x)$ under $p$ | estimated by the mean over many draws |
# | $\theta$ | all parameters of a model | $p_\theta(x)$: a model's density |
# | $\log$ | natural logarithm | log-densities are in *nats* |
# | $\nabla_\theta L$ | gradient: the derivative of $L$ with respect to each entry of $\theta$ | `loss.backward()` |
# | $\lVert v \rVert$ | length of $v$, $\sqrt{\sum_i v_i^2}$ | `v.norm()` |

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
# 1. A spam filter is trained as $p(y \mid x)$; in another country spam is ten times rarer. What would you have to change in a
#    filter that was made from $p(x \mid y)$ and $p(y)$?
# 2. Which pictures would have a high density under our model *and* a residual like that of digits, and still be no digits? How
#    would you search for one?
# 3. A weather service forecasts "3 mm of rain" for a day on which it will either rain 6 mm or not at all. Which loss was it
#    trained with, and what would you rather be told?
# 4. At the junction, how bright are the two ghosts if three of four cars turn right? Why is that information, and not just an error?
#
# ### References
# - A. Ng, M. Jordan (2001), [On discriminative vs. generative classifiers: a comparison of logistic regression and naive
#   Bayes](https://papers.nips.cc/paper/2020-on-discriminative-vs-generative-classifiers-a-comparison-of-logistic-regression-and-naive-bayes).
# - Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), [Gradient-based learning applied to document
#   recognition](https://doi.org/10.1109/5.726791): MNIST, and the 0.95 %.
# - I. Goodfellow, J. Shlens, C. Szegedy (2014), [Explaining and harnessing adversarial
#   examples](https://arxiv.org/abs/1412.6572): the nudge by the sign of the gradient.
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
