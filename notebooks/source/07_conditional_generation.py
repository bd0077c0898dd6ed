# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # Chapter 7: Conditional generation
#
# *Three hours alone with the exercises, or two lectures. Sections marked **core** make a first pass; **deeper** ones can wait.*
#
# "Draw me a 4." There is no such thing as *the* 4: there are thousands, and each of them is a right answer. Chapters 5 and 6 made pictures without being asked for any. Now somebody
# asks, and the model has to do two things at once: give what was asked for, and not give the same picture every time.
#
# What is asked for is called the **condition** $c$: a digit, a list of attributes, a sentence. The question of the course becomes: what is $p(x \mid c)$, and how do I draw from it?
#
# **After this chapter you can**
# - say why a network that is trained to give the one right answer may give an answer that is never right;
# - derive what a discriminator must be shown so that the generator listens, and show what happens if it is not;
# - tell a discriminator its condition in three ways, and measure which differences are real;
# - measure agreement, quality and variety, and say which of them a cheat would pass;
# - find the fingerprint of an upsampling layer in a picture;
# - build a small model from captions to pictures, and say with numbers what it understood.

# %% [markdown] slideshow={"slide_type": "skip"}
# **Notation.** $c$ is the condition, $p(x \mid c)$ the density of the data under it. $G(z, c)$ is the generator, $q(x \mid c)$ the density of what it makes, $D(x, c)$ the probability of "real" that the discriminator gives to the
# *pair*, $a(x, c)$ its logit. As in chapter 5 the code calls PyTorch's source of random numbers `rng`.

# %% slideshow={"slide_type": "skip"}
import re

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional

from course_utils import data, gan, metrics, plots, pretrained, training, widgets
from course_utils.conditions import BagOfWords, OneHot, WordGRU
from course_utils.exercises import ch07
from course_utils.networks import mlp
from course_utils.pretrained.cvae_creatures import HELD_OUT
from course_utils.seeding import seed_everything
from course_utils.studies import conditions as study

# %% slideshow={"slide_type": "skip"}
rng = seed_everything(0)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Three questions before we start
# From chapter 6. Choose an answer in your head, then put its letter into `.answer("...")`.

# %% slideshow={"slide_type": "skip"}
ch07.recall_js

# %% slideshow={"slide_type": "skip"}
ch07.recall_js.answer(...)

# %% slideshow={"slide_type": "skip"}
ch07.recall_collapse

# %% slideshow={"slide_type": "skip"}
ch07.recall_collapse.answer(...)

# %% slideshow={"slide_type": "skip"}
ch07.recall_r1

# %% slideshow={"slide_type": "skip"}
ch07.recall_r1.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.1 One question, many right answers (core)
# *About 15 minutes.* You will ask two models the same question, and see why one of them can only be wrong.
#
# The running data of the course, with a condition: $c = 0$ asks for the upper moon, $c = 1$ for the lower one, $c = 2$ for the ring. A point has two numbers, so everything can be seen.
#
# The first model is a network from $c$ to $x$, trained by the mean squared error, as one would for a question with one answer.
#
# > **Predict.** Where will its answer to "a point of the ring" lie?

# %% slideshow={"slide_type": "subslide"}
points, parts = data.moons_and_ring(10_000, generator=rng)
kinds = parts.clamp(max=2)  # (10000,): upper moon, lower moon, and the eight modes of the ring together
one_hot = OneHot((3,))  # c as three numbers: a 1 in the place of the value, 0 elsewhere
regressor = mlp([3, 32, 2])
optimizer = torch.optim.Adam(regressor.parameters(), lr=1e-2)
with training.threads(1):  # on numbers this small a second thread costs more than it brings
    for _ in range(500):
        chosen = torch.randint(10_000, (128,), generator=rng)
        loss = (regressor(one_hot(kinds[chosen])) - points[chosen]).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% [markdown] slideshow={"slide_type": "fragment"}
# The second model is a **conditional GAN**. Its generator reads $z$ and the three numbers of $c$ side by side. Its discriminator reads $x$ and the three numbers of $c$ side by side, so it judges *pairs*: is this a real point together
# with its own condition?

# %% slideshow={"slide_type": "subslide"}
seed_everything(0)
G = gan.ConditionalGenerator(mlp([2 + 3, 64, 64, 2], activation=nn.LeakyReLU), 2, OneHot((3,)))
D = gan.ConcatDiscriminator(mlp([2 + 3, 64, 64, 64, 1], activation=nn.LeakyReLU), OneHot((3,)))
game = {
    "loss": "relativistic",
    "penalties": [gan.Penalty("r1_and_r2", 0.05)],
}  # what chapter 6 trained longest
pace = {"learning_rate": 2e-3, "betas": (0.5, 0.99), "decay_from": 0.5, "average": 0.99}
history = gan.fit_gan(
    G, D, points, conditions=kinds, n_steps=1_200, batch_size=256, generator=rng, **game, **pace
)

# %% slideshow={"slide_type": "subslide"}
asked = torch.arange(3).repeat_interleave(500)
made = G.sample(asked, generator=rng)
with torch.no_grad():
    answers = regressor(one_hot(torch.arange(3)))  # (3, 2)
names = ["upper moon", "lower moon", "ring"]

# %% slideshow={"slide_type": "subslide"}
_, axes = plt.subplots(1, 2, figsize=(9.6, 4.1), sharex=True, sharey=True)
plots.plot_points(points[:1_500], kinds[:1_500], ax=axes[0], names=names).set_title("data")
plots.plot_points(made, asked, ax=axes[1], names=names).set_title("G(z, c)")
for answer, color in zip(answers, plots.COLORS, strict=False):
    axes[0].plot(*answer, marker="X", ms=15, color=color, mec="black", ls="")
axes[0].get_legend().remove()
plots.show(
    axes,
    alt="Left the data: two moons inside a ring of eight clusters, with three crosses, the regressor's "
    "answers: one inside the bow of each moon, and one in the middle of the ring. Right the "
    "conditional generator's points, each colour on its own part.",
)


# %% slideshow={"slide_type": "subslide"}
def distance_to_data(x, c):
    """Mean distance from each point to the nearest one of the data with the same condition."""
    return torch.stack([torch.cdist(x[c == k], points[kinds == k]).amin(1).mean() for k in range(3)])


for name, x, c in (("regressor", answers, torch.arange(3)), ("generator", made, asked)):
    listed = ", ".join(f"{part} {d:.2f}" for part, d in zip(names, distance_to_data(x, c), strict=True))
    print(f"{name}: distance to the nearest real point of that part: {listed}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# The crosses are the means of their parts, because the mean is what a squared error asks for (chapter 0, the junction). No point of the ring lies near the middle of the ring. It is not a matter of a larger network or of more training: under the
# squared error the best single answer is the mean, and here the mean is not an answer.
#
# The generator has a second input, $z$, and a loss that does not ask for the mean. Both are needed: with the squared error it would ignore $z$ (the coin of chapter 0). It is not perfect: some of its ring points lie between the clusters. From here on every model of this chapter is a function of $c$ and $z$.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.2 Who has to be told (core)
# *About 25 minutes.* You will train a generator that is told the digit, and a discriminator that is not.
#
# Now digits, at half their size so that a training takes seconds: 16×16 pixels. A small judge of its own reads what was drawn. (Chapter 5's judge reads 28×28.)

# %% slideshow={"slide_type": "subslide"}
digits, labels = study.small_digits()  # (60000, 16, 16) in [0, 1], and (60000,)
test_digits, test_labels = study.small_digits("test")
judge = study.small_judge()
right = (judge.predict(test_digits) == test_labels).double().mean()
print(f"the judge reads {right:.1%} of the test digits right")
asked = torch.arange(10).repeat_interleave(200)  # (2000,)


def agreement(G):
    """Share of 2,000 samples, 200 of each digit, in which the judge sees the digit that was asked for."""
    return (judge.predict(G.sample(asked, generator=rng)) == asked).double().mean().item()


# %% [markdown] slideshow={"slide_type": "fragment"}
# > **Predict.** The generator gets $z$ and the digit. The discriminator sees the picture only, and has to say whether it is real. After the training, in what share of the samples will the judge see the digit that was asked for?

# %% slideshow={"slide_type": "skip"}
ch07.ignored_condition

# %% slideshow={"slide_type": "skip"}
ch07.ignored_condition.answer(...)

# %% slideshow={"slide_type": "subslide"}
seed_everything(0)
deaf = study.generator_network()  # z of 64 numbers and 10 for the digit, then PixelShuffle as in chapter 5
blind = study.BlindDiscriminator(gan.conv_discriminator((16, 16)))  # D(x, c) that pays no attention to c
gan.fit_gan(deaf, blind, digits, conditions=labels, n_steps=200, generator=rng, **study.SETTINGS)
print(f"agreement: {agreement(deaf):.1%}")


# %% slideshow={"slide_type": "subslide"}
def rows_of_digits(G):
    """One row for each digit asked for, 12 pictures each, as one mosaic."""
    pictures = G.sample(torch.arange(10).repeat_interleave(12), generator=rng)
    return plots.plot_images(pictures, n_columns=12, row_labels=[f"asked: {k}" for k in range(10)])


plots.show(
    rows_of_digits(deaf),
    alt="Ten rows of twelve generated pictures, some of them digits, many only half-formed. The row label says which "
    "digit was asked for; each row holds all kinds, whatever was asked.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Some of the pictures are digits already, but which digit has nothing to do with the question. Why?
#
# **Derivation.** Let $p(c)$ be how often each digit is asked for, the same for data and fakes. A discriminator that sees $x$ alone meets two densities,
#
# $$p(x) = \sum_c p(c)\, p(x \mid c), \qquad q(x) = \sum_c p(c)\, q(x \mid c),$$
#
# and the game of chapter 5 makes $q(x) = p(x)$, nothing else. Take any generator for which that holds, and deal its pictures out to the ten digits anew, in any way that keeps the sum. Neither player's loss changes by it. So no gradient leads the
# generator to the right way of dealing.
#
# If $D$ sees the pair, the two densities are $p(c)\,p(x \mid c)$ and $p(c)\,q(x \mid c)$, over pairs. The best discriminator is again the first over the sum of both,
#
# $$D^*(x, c) = \frac{p(c)\,p(x \mid c)}{p(c)\,p(x \mid c) + p(c)\,q(x \mid c)} = \frac{p(x \mid c)}{p(x \mid c) + q(x \mid c)},$$
#
# and the game ends where $q(x \mid c) = p(x \mid c)$ for every $c$ that is asked for. The generator listens because its judge does.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check.** Ten kinds of "pictures", $x = 0, \dots, 9$, one for each digit. A generator that ignores the question draws $x$ evenly. Which discriminator can tell it from the data?

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
p_given_c = torch.eye(10)  # p(x | c), a row for each c: the data answer the question
q_given_c = torch.full((10, 10), 0.1)  # q(x | c): the same for every c
seen_alone = gan.optimal_discriminator(p_given_c.mean(0).log(), q_given_c.mean(0).log())  # (10,)
seen_as_pair = gan.optimal_discriminator(p_given_c.log(), q_given_c.log())  # (10, 10)
print("D*(x):", seen_alone[:4].tolist(), "...")
print(f"D*(x, c): right pairs {seen_as_pair[0, 0]:.3f}, wrong pairs {seen_as_pair[0, 1]:.3f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# One half everywhere: a discriminator that sees pictures alone is content. The one that sees pairs knows each wrong pair for certain. Now train the same generator against a discriminator that is told, for 600 steps instead of 200. (More steps would not help the first one: after 600 it has 10 to 11 %, see the table in section 7.3.)

# %% slideshow={"slide_type": "fragment"}
seed_everything(0)
G = study.generator_network()
D = study.discriminator("projection")  # how it is told: section 7.3
gan.fit_gan(G, D, digits, conditions=labels, n_steps=study.N_STEPS, generator=rng, **study.SETTINGS)
print(f"agreement: {agreement(G):.1%}")

# %% slideshow={"slide_type": "subslide"}
plots.show(
    rows_of_digits(G),
    alt="Ten rows of twelve generated digits: nearly every row holds the digit that its label asks for, in different hands.",
)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 7.2
# The oldest way to tell a discriminator of images: the condition becomes further channels, each of them the same number all over the image.


# %% slideshow={"slide_type": "skip"}
def my_joined(images, labels, n_classes):
    return ...


ch07.joined.check(my_joined)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.3 Three ways to tell, and pairs that do not match (core)
# *About 25 minutes.* You will take the best logit apart, and read a table without believing it too quickly.
#
# - **Joined**: the ten numbers of a one-hot label become ten more channels of the image (`gan.ConcatDiscriminator`).
# - **Embedded**: the same, but first a table that is learned turns each label into 16 numbers.
# - **Projection**: the network turns $x$ into features $\varphi(x)$, and the label's learned vector $e_c$ is compared with them: $a(x, c) = \psi \cdot \varphi(x) + e_c \cdot \varphi(x)$ (`gan.ProjectionDiscriminator`).
#
# Why should the third be a good idea? The best logit says so. By Bayes' rule, with $p(c)$ the same on both sides,
#
# $$a^*(x, c) = \log \frac{p(x \mid c)}{q(x \mid c)} = \underbrace{\log \frac{p(x)}{q(x)}}_{\text{is it real?}} + \underbrace{\log \frac{p(c \mid x)}{q(c \mid x)}}_{\text{does it fit?}} .$$
#
# Two questions, added. Let a classifier with a linear last layer read the real pictures, $\log p(c \mid x) = v_c \cdot \varphi(x) - \log Z(x)$, and a second one with the same features the fakes, with $w_c$ and $Z'$. Then the second term is $(v_c - w_c) \cdot \varphi(x)$ plus something without $c$. So $e_c = v_c - w_c$, and $\psi \cdot \varphi(x)$ stands for the rest. That one $\varphi$ can do all this is an assumption.

# %% [markdown] slideshow={"slide_type": "subslide"}
# > **Check** the split, with numbers: any two tables $p(x \mid c)$ and $q(x \mid c)$ will do.

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
p, q = torch.rand(2, 10, 7, generator=rng, dtype=torch.float64)  # 10 conditions, 7 possible x
p, q = p / p.sum(1, keepdim=True), q / q.sum(1, keepdim=True)  # p(x | c) and q(x | c)
is_real = (p.mean(0) / q.mean(0)).log()  # (7,): log p(x)/q(x), every c equally probable
fits = ((p / p.sum(0)) / (q / q.sum(0))).log()  # (10, 7): log p(c | x)/q(c | x)
largest = ((p / q).log() - (is_real + fits)).abs().max()
print(f"largest difference below 1e-12: {bool(largest < 1e-12)}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Real pictures under wrong labels
# There is a second trick. The discriminator's fakes teach it at first what a bad picture is, not what a wrong pair is. So give it wrong pairs that *look* perfect: **real pictures with the condition of another one**. They count as fakes,
# half of all fakes (Reed and others, 2016). $c'$ is the condition of another picture of the batch; where both are equal the pair is left out:
#
# $$L_D = -\mathbb E\big[\log D(x, c)\big] - \tfrac12\, \mathbb E\big[\log(1 - D(G(z, c), c))\big] - \tfrac12\, \mathbb E\big[\log(1 - D(x, c'))\big].$$
#
# > **Predict.** It will raise the agreement. Will it cost something?
#
# The table below is stored, because it takes 21 trainings like the one above (`python -m course_utils.studies.conditions`). Beside the agreement stands how far two samples of the same digit are apart: a measure of variety.

# %% slideshow={"slide_type": "skip"}
ch07.mismatched_price

# %% slideshow={"slide_type": "skip"}
ch07.mismatched_price.answer(...)

# %% slideshow={"slide_type": "subslide"}
stored = study.results()
print(f"{'':>34}   agreement, 3 seeds      two of one digit apart")
for way in study.WAYS:
    for pairs in ("right", "right and wrong"):
        rows = [stored[key] for seed in range(3) if (key := f"{way} | {pairs} | {seed}") in stored]
        if rows:
            agreed = "  ".join(f"{row['agreement']:5.1%}" for row in rows)
            apart = "  ".join(f"{row['apart']:.3f}" for row in rows)
            print(f"{way + ', ' + pairs:>34}:  {agreed}   {apart}")
real = stored["test images"]
print(f"{'test images':>34}:  {real['agreement']:5.1%}                 {real['apart']:.3f}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Read it slowly.
# - *Not told*: about 10 %, three times. That is guessing. And its samples of one "digit" are farther apart than real ones, since they are all digits.
# - All three ways of telling work. With right pairs only, projection agrees most, 93 to 94 %, and is nearly as varied as the test images. Joining a one-hot label is as varied, and agrees in 86 or 87 %. The embedded label has lost almost half of the variety, with every seed.
# - **Wrong pairs** lift all of them to 99 % and more. Is that good? The judge reads only 96 % of the *real* digits right. Samples that are easier to read than real ones are not a draw from $p(x \mid c)$: they are probably the plain cases. The last column says the same. Variety fell for all three ways (for the
#   embedded label with two of three seeds), from 0.225 to 0.202 with projection, from 0.23 to 0.18 with joined labels.
#
# Is projection the best of the three? Here, at this size, after 600 steps. Rates and widths were chosen for none of them in particular, and a longer training may well change the order.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercises 7.3
# The logit of the projection, and the loss with wrong pairs.


# %% slideshow={"slide_type": "skip"}
def my_projection_logit(features, labels, psi, classes):
    return ...


ch07.projection_logit.check(my_projection_logit)


# %% slideshow={"slide_type": "skip"}
def my_matching_aware_loss(real_logits, fake_logits, mismatched_logits):
    return ...


ch07.matching_aware_loss.check(my_matching_aware_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.4 A cheat that always agrees (core)
# *About 20 minutes.* You will measure a stored model beside a cheat, and find the measures that the cheat cannot pass.
#
# The stored generator draws 28×28 digits. It is of the same kind as the projection pair above, larger, without wrong pairs, trained for 12,000 steps. Beside it we put a cheat: a "generator" that knows one real picture of each digit by heart, and hands it out whenever that digit is asked for.
#
# > **Predict.** Which of these does the cheat pass: agreement, Fréchet distance, distance of two samples of one digit?

# %% slideshow={"slide_type": "skip"}
ch07.one_per_class

# %% slideshow={"slide_type": "skip"}
ch07.one_per_class.answer(...)

# %% slideshow={"slide_type": "subslide"}
images, image_labels = data.load_mnist()
test_images, test_image_labels = data.load_mnist("test")
reader = metrics.judge("mnist")
stored_G = pretrained.load("cgan_mnist")
asked = torch.arange(10).repeat_interleave(1_000)
by_heart = torch.stack([images[image_labels == k][0] for k in range(10)])  # (10, 28, 28)
sources = {"stored generator": stored_G.sample(asked, generator=rng), "the cheat": by_heart[asked]}

# %% slideshow={"slide_type": "subslide"}
print(f"{'':>18}   agreement   Fréchet, floors   two of one digit apart")
for name, made in sources.items():
    agreed = (reader.predict(made) == asked).double().mean()
    floors, apart = metrics.frechet_on_mnist(made).floors, metrics.within_class_distance(made, asked)
    print(f"{name:>18}:  {agreed:8.1%} {floors:14.1f} {apart:19.3f}")
apart = metrics.within_class_distance(test_images, test_image_labels)
print(
    f"{'test images':>18}:  {pretrained.card('judge_mnist')['figures']['test accuracy']:8.1%} {apart:34.3f}"
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# The cheat passes the first measure with full marks. The other two unmask it: more than a hundred floors, and two of its samples of one digit do not differ at all. So agreement is never enough. Put a measure of variety beside it.
#
# The stored generator comes close to the test images in all three. One floor is what another draw of real digits has. By their cards the GAN of chapter 5, the same networks without a condition, is at 4.3 floors, and this one at 1.8. Neither the Fréchet distance nor variety looks at the question, though: that is why agreement stays in the table.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### A classifier that has never seen a real digit
# One test looks at everything at once. Train a classifier on generated pictures only, with the labels that were asked for, and test it on real ones. If the generator draws a wrong digit, the classifier learns a wrong label. If it lacks a way
# of writing a 7, the classifier will not know it (Ravuri and Vinyals, 2019).

# %% slideshow={"slide_type": "fragment"}
for name, made in sources.items():
    seed_everything(0)
    accuracy = metrics.real_accuracy_after(made, asked, n_steps=60, generator=rng)
    print(f"60 steps on 10,000 pictures of {name}: {accuracy:.1%} of the real test digits right")
card = pretrained.card("cgan_mnist")["figures"]
for trained_on in ("trained on 60,000 samples", "trained on the training images"):
    figure = next(value for name, value in card.items() if trained_on in name)
    print(f"for 1,000 steps, {trained_on}: {figure:.1%} (from the card)")

# %% [markdown] slideshow={"slide_type": "fragment"}
# A classifier that has met no real digit at all reads 98.4 % of them, where one that was trained on 60,000 real ones reads 99.2 %. What is missing in the samples, what is drawn badly, and labels that do not fit may each cost a part of those 0.8 percentage points. The cheat's ten pictures, however often repeated, teach it to read about half of the digits.

# %% slideshow={"slide_type": "subslide"}
plots.show(
    rows_of_digits(stored_G),
    alt="Ten rows of twelve digits by the stored generator, 28 by 28 pixels, each row the digit asked for in many hands.",
)

# %% slideshow={"slide_type": "subslide"}
z = stored_G.draw_z(6, generator=rng).repeat_interleave(10, 0)  # six z, each with all ten digits
with torch.no_grad():
    same_z = stored_G(z, torch.arange(10).repeat(6))
plots.show(
    plots.plot_images(same_z, n_columns=10, row_labels=[f"z {i}" for i in range(1, 7)]),
    alt="Six rows, each with the digits 0 to 9 from the same z: slant and thickness of the strokes are "
    "much alike along a row and differ from row to row.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Each row has one $z$. Nobody told the generator to use $z$ for the hand and $c$ for the digit. The digit is fixed by $c$, so the variety that is left, slant, width, thickness of the stroke, has to come from $z$, and it may be cheaper to draw it in the same way for
# all ten digits. The conditional VAE of section 4.8 did the same.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.5 The fingerprint of an upsampling layer (deeper)
# *About 15 minutes.* You will count how often each pixel is painted, and find the pattern in pictures.
#
# Every generator of images makes a large picture from a small one. DCGAN (Radford and others, 2016) does it by **transposed convolutions**: each pixel of the small picture stamps a copy of the kernel into the large one, `stride` pixels from the next stamp, and where stamps overlap they add
# up. With a stride of 2, how many stamps reach a pixel?
#
# > **Predict.** Kernel 3, stride 2. Does every pixel get the same number of stamps? And with kernel 4?

# %% slideshow={"slide_type": "subslide"}
ones = torch.ones(1, 1, 6, 6)
_, axes = plt.subplots(1, 2, figsize=(8.2, 3.6))
for ax, kernel in zip(axes, (3, 4), strict=True):
    stamp = torch.ones(1, 1, kernel, kernel)
    stamps = functional.conv_transpose2d(ones, stamp, stride=2)[0, 0].int()  # how many reach each pixel
    ax.imshow(stamps, cmap="Greys", vmin=0, vmax=5)
    for row, column in stamps.nonzero().tolist():
        count = stamps[row, column].item()
        ax.text(column, row, count, ha="center", va="center", color="white" if count > 2 else "black")
    ax.set(title=f"kernel {kernel}, stride 2", xticks=[], yticks=[])
    ax.grid(visible=False)
plots.show(
    axes,
    alt="Two grids of counts. Kernel 3: 1, 2 and 4 alternate over the whole picture like a chessboard. "
    "Kernel 4: 4 everywhere but at the border, where it is 2 and 1.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# With kernel 3 some pixels get four stamps and their neighbours one or two: a chessboard, whatever the picture is. With kernel 4 the inside is even, because 2 divides 4.
#
# But a count is not a picture. The weights are not all ones: a kernel of 4 with stride 2 is four kernels of 2×2, one for each kind of pixel, and random weights make them differ. **PixelShuffle** also has four independent kernels, one for each of the four pixels it makes from one. Only
# *repeat each pixel, then convolve* uses one kernel at all pixels of the large picture, so that a flat area stays flat (Odena and others, 2016). The measure: `metrics.checkerboard` is the amplitude of all patterns that repeat every two pixels, in the same way all over the picture, as a share of the standard deviation of the pixels; 0 if there is none, 1 if there is nothing else.

# %% slideshow={"slide_type": "subslide"}
UPSAMPLINGS = {
    "transposed, kernel 3": lambda n_in, n_out: [nn.ConvTranspose2d(n_in, n_out, 3, 2, 1, output_padding=1)],
    "transposed, kernel 4": lambda n_in, n_out: [nn.ConvTranspose2d(n_in, n_out, 4, 2, 1)],
    "PixelShuffle": lambda n_in, n_out: [nn.Conv2d(n_in, 4 * n_out, 3, padding=1), nn.PixelShuffle(2)],
    "repeat, convolve": lambda n_in, n_out: [
        nn.Upsample(scale_factor=2),
        nn.Conv2d(n_in, n_out, 3, padding=1),
    ],
}


def painter(up):
    """From the phase of a moon to its picture (28, 28), doubled twice from 7×7."""
    start = [nn.Linear(1, 16 * 49), nn.ReLU(), nn.Unflatten(1, (16, 7, 7))]
    return nn.Sequential(*start, *up(16, 16), nn.ReLU(), *up(16, 1), nn.Flatten(1, 2))


# %% slideshow={"slide_type": "subslide"}
moons, phases = data.moon_phases(2_000, generator=rng)


def trained(up, seed):
    """Pictures of 200 moons, by an untrained painter and after 150 steps with a squared error."""
    seed_everything(seed)
    network = painter(up)
    before = network(phases[:200, None]).detach()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(150):
        chosen = torch.randint(2_000, (32,), generator=rng)
        loss = (network(phases[chosen, None]) - moons[chosen]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, network(phases[:200, None]).detach()


# %% slideshow={"slide_type": "subslide"}
rows = []
print("checkerboard, untrained and after 150 steps, 3 seeds")
for name, up in UPSAMPLINGS.items():
    with training.threads(1):
        pairs = [trained(up, seed) for seed in range(3)]
    before, after = ([metrics.checkerboard(pair[i]) for pair in pairs] for i in range(2))
    print(
        f"{name:>21}: " + " ".join(f"{b:.2f}" for b in before) + "   " + " ".join(f"{a:.3f}" for a in after)
    )
    untrained = pairs[0][0][:1] - pairs[0][0][0].min()
    rows += [untrained / untrained.max(), pairs[0][1][:5].clamp(0, 1)]
print(f"in the moons themselves: {metrics.checkerboard(moons):.3f}")

# %% slideshow={"slide_type": "subslide"}
plots.show(
    plots.plot_images(torch.cat(rows), n_columns=6, row_labels=list(UPSAMPLINGS)),
    alt="Four rows, one for each kind of upsampling: first a picture of the untrained network, with fine "
    "regular patterns in the first three rows and smooth blobs in the last; then five moons "
    "after training.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Untrained, the first three have strong patterns, kernel 4 no less than kernel 3. *Repeat, convolve* has next to none. After 150 steps kernel 4 and PixelShuffle have about what the moons have themselves, and kernel 3 keeps two to four times as much. So: the count of stamps says what equal weights would do. Random weights make patterns of
# their own with any of the first three, and training takes away much of what the loss can see.
#
# In a GAN the loss sees a pattern if $D$ does. What is left in the stored models?

# %% slideshow={"slide_type": "subslide"}
for name, pictures in {
    "real digits": test_images[:5_000],
    "conditional GAN (PixelShuffle)": sources["stored generator"][:5_000],
    "GAN of chapter 5 (PixelShuffle)": pretrained.load("gan_mnist").sample(5_000, generator=rng),
}.items():
    print(f"{name:>32}: checkerboard {metrics.checkerboard(pictures):.4f}")

# %% [markdown] slideshow={"slide_type": "fragment"}
# Hardly more than in real digits. (Those have a little of it by chance: few pixels, sharp edges.) We have not measured these two before their training; the painters with PixelShuffle began at 0.4 to 0.6.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 7.5
# Count the stamps in one dimension.


# %% slideshow={"slide_type": "skip"}
def my_overlaps(side, kernel, stride):
    return ...


ch07.overlaps.check(my_overlaps)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.6 Words (core)
# *About 25 minutes.* You will turn captions into numbers, and let a network find out what they mean, from pairs alone.
#
# The creatures of chapter 4 have a caption each. Now nobody gives us their attributes: all that there is are pictures and sentences.

# %% slideshow={"slide_type": "subslide"}
pictures, _, captions = data.creatures(8_000, without=HELD_OUT, leave_out=0.15, generator=rng)
plots.show(
    plots.plot_images(pictures[:10], n_columns=10), alt="Ten small creatures in colour, by day and at night."
)
print("\n".join(captions[:5]))

# %% [markdown] slideshow={"slide_type": "fragment"}
# The captions vary in words and order, and each attribute is left out with a probability of 15 %. Four combinations never occur, neither in pictures nor in captions: red with two horns, blue with three eyes, square at night, triangular and spotted.
#
# A **vocabulary** numbers the words. A caption becomes a row of numbers, with zeros after its last word so that all rows are equally long.

# %% slideshow={"slide_type": "subslide"}
vocabulary = data.creature_vocabulary()
words = vocabulary.encode(captions)  # (8000, longest)
print(f"{len(vocabulary.words)} words: {', '.join(vocabulary.words[:14])}, ...")
print(re.findall("[a-z]+", captions[0].lower()), "->", words[0].tolist())
try:
    vocabulary.encode(["a purple cat"])
except ValueError as error:
    print(f"ValueError: {str(error)[:74]} ...")

# %% [markdown] slideshow={"slide_type": "subslide"}
# Two ways to make one vector of a row of words:
# - a **bag of words** adds up one learned vector for each word. The order is lost.
# - a **gated recurrent unit** (GRU) reads word after word, and keeps a state of 96 numbers. The state after the last word stands for the caption.
#
# > **Predict.** In "one eye and two horns" and "two eyes and one horn" the numbers change places. Can a bag of words tell these two apart?

# %% slideshow={"slide_type": "fragment"}
# NBVAL_CHECK_OUTPUT
pair = vocabulary.encode(["a creature with one eye and two horns", "a creature with two eyes and one horn"])
swapped = vocabulary.encode(["a red creature with a horn", "a horn with a red creature"])
bag, gru = BagOfWords(len(vocabulary), 96), WordGRU(len(vocabulary), 96)
for name, encoder in (("bag of words", bag), ("GRU", gru)):
    with torch.no_grad():
        tells = [
            bool((numbers[0] - numbers[1]).abs().max() > 1e-5) for numbers in map(encoder, (pair, swapped))
        ]
    print(f"{name}: tells the eyes from the horns: {tells[0]}; a horn with a creature: {tells[1]}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# It can, thanks to English: *eye* and *eyes* are two words, so the plural gives the number away. Only where nothing but the order changes is the bag helpless. How much that matters for our captions is a question for numbers.
#
# ### Which caption belongs to which picture?
# To begin with there is no generator. Take the projection of section 7.3: $s(x, c) = e(c) \cdot \varphi(x)$, where $e(c)$ now comes from the words. Give it 128 pictures and their 128 captions, and let it find for each picture its own caption:
#
# $$L = -\frac1n \sum_i \log \frac{\exp s(x_i, c_i)}{\sum_j \exp s(x_i, c_j)},$$
#
# averaged with the same loss in which each caption looks for its picture. Its best score is $\log \frac{p(c \mid x)}{p(c)}$ up to a constant: given $x_i$, one caption was
# drawn from $p(c \mid x_i)$ and the others from $p(c)$, so number $j$ is the right one with a probability proportional to $p(c_j \mid x_i)/p(c_j)$. That is the second term of section 7.3 for a generator that ignores its condition, $q(c \mid x) = p(c)$: *does it fit?*

# %% slideshow={"slide_type": "subslide"}
found = {}
for name, encoder in (("bag of words", bag), ("GRU", gru)):
    seed_everything(0)
    features = gan.conv_discriminator((3, 24, 24), n_outputs=128)
    matcher = gan.ProjectionDiscriminator(features, 128, encoder)
    found[name] = gan.fit_matching(matcher, pictures, words, n_steps=150, generator=rng)
    share = sum(found[name]["accuracy"][-25:]) / 25
    print(f"{name}: the right caption of 128 found for {share:.0%} of the pictures (guessing: {1 / 128:.1%})")

# %% slideshow={"slide_type": "subslide"}
smooth = {name: torch.tensor(h["accuracy"]).view(-1, 10).mean(1) for name, h in found.items()}
axes = plots.plot_curves(
    torch.arange(5, 150, 10), smooth, xlabel="step", ylabel="share of pictures, mean of 10 steps"
)
axes.set_ylim(0, 1)
plots.show(
    axes,
    alt="Two rising curves, the share of pictures whose caption is found among 128, for the bag of words and for the GRU.",
)

# %% [markdown] slideshow={"slide_type": "fragment"}
# Nobody said what "red" is. To pick the right caption out of 128 there is no way around finding out. The bag of words learns faster, and after 150 steps it is ahead of the GRU, which is still rising: perhaps because it need not learn first that the order hardly matters. For these captions a bag would do; the stored model below has a GRU, which can also read
# sentences where the order counts. Neither can come to 100 %: captions that leave much out fit several of the 128 pictures.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercises 7.6


# %% slideshow={"slide_type": "skip"}
def my_encoded(captions, words, length):
    return ...


ch07.encoded.check(my_encoded)


# %% slideshow={"slide_type": "skip"}
def my_matching_loss(scores):
    return ...


ch07.matching_loss.check(my_matching_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7.7 A picture from a caption (core)
# *About 30 minutes.* You will type, look, and then find out with numbers what the model understood.
#
# The stored model puts the chapter together. A projection discriminator and a GRU first learn which caption belongs to which picture. The generator starts with a copy of that GRU. Then they play, with real pictures under wrong captions as fakes.

# %% slideshow={"slide_type": "subslide"}
painter_G = pretrained.load("text_to_creature")
texts = [
    "a small red round creature with two eyes and no horns, by day",
    "a large blue square creature with one horn and one eye, in the sun",
    "at night, a little pink round alien with stripes and three eyes",
    "a green triangular monster under the moon",
    "a creature",
]
print("\n".join(f"{number}  {text}" for number, text in enumerate(texts, start=1)))

# %% slideshow={"slide_type": "subslide"}
pictures_of = painter_G.sample(vocabulary.encode(texts).repeat_interleave(8, 0), generator=rng)
plots.show(
    plots.plot_images(pictures_of, n_columns=8, row_labels=[str(number) for number in range(1, 6)]),
    alt="Five rows of eight generated creatures, each row from one caption with eight z. The first four rows have the "
    "colour, body and time of day of their captions, and the creatures in a row look much alike; some skies have two "
    "suns, or none. The last row, from 'a creature', is green blotches.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# Colour, body and time of day are followed; eyes and patterns are hard to make out, and some skies have two suns, or none. The fifth row is no creature at all: a caption that leaves out all seven attributes has the probability $0.15^7$, about two in a million, so the training most likely held none.
#
# And along a row $z$ differs, so what a caption leaves open should vary. Measure it.

# %% slideshow={"slide_type": "subslide"}
creature_judge = metrics.judge("creatures")
open_captions = {
    "colour": "a small round creature with two eyes and no horns, by day",
    "horns": "a small red round creature with two eyes, by day",
    "time": "a small red round creature with two eyes and no horns",
}


def seen_in(text, name, n_samples=300):
    """Print which values of an attribute the judge sees in pictures of a caption."""
    made = painter_G.sample(vocabulary.encode([text]).repeat(n_samples, 1), generator=rng)
    seen, values = creature_judge.probabilities(made)[name].argmax(1), data.CREATURE_ATTRIBUTES[name]
    print(f"{text}: " + ", ".join(f"{v} {(seen == i).float().mean():.0%}" for i, v in enumerate(values)))


for name, text in open_captions.items():
    seen_in(text, name)

# %% [markdown] slideshow={"slide_type": "fragment"}
# In the data a colour that is not named is each of the five in a fifth of the pictures, and day and night are equally frequent. A red creature has no horns or one, each in half of them (two horns never occur with red, so that 0 % is right). But the model has its favourites. This is the mode dropping of chapter 6, one caption at a time, and no measure of agreement sees it, because those ask
# only about what was said.
#
# A possible reason: nearly every caption probably occurs only once in the training, so the discriminator hardly ever has two pictures of one caption before it, and nothing shows it the lack of variety. And wrong pairs reward the plain cases (section 7.3).

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In your hands
# 1. Type a caption of your own. Then change one word, and watch what changes and what stays.
# 2. Pin a picture that you like. Its $z$ stays, the words change: which parts of the picture belong to the words?
# 3. Leave out the colour. Press *New z* several times: does another colour come?
# 4. Try "a red blue creature", "no horns and two horns", "night horns red". The model has never been told that a sentence can be wrong.

# %% slideshow={"slide_type": "subslide"}
widgets.CaptionExplorer(painter_G, vocabulary)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What it understood
# 1,000 captions of each kind that name all seven attributes, one picture each, and the judge of chapter 4 that reads the attributes off the picture. *Held out* are the combinations that never occurred in the training.

# %% slideshow={"slide_type": "skip"}
ch07.held_out

# %% slideshow={"slide_type": "skip"}
ch07.held_out.answer(...)

# %% slideshow={"slide_type": "fragment"}
which = {"seen": {"without": HELD_OUT}}
for pair in HELD_OUT:
    others = [other for other in HELD_OUT if other is not pair]
    which[" + ".join(pair.values())] = {"only": pair, "without": others}
print(" " * 22 + "".join(f"{name:>9}" for name in data.CREATURE_ATTRIBUTES) + "   all seven")
for kind, combinations in which.items():
    _, wanted, texts = data.creatures(1_000, **combinations, generator=rng)
    drawn_creatures = painter_G.sample(vocabulary.encode(texts), generator=rng)
    shares = creature_judge.accuracies(drawn_creatures, wanted)
    heads = creature_judge.probabilities(drawn_creatures).values()
    every = torch.stack([head.argmax(1) for head in heads], 1).eq(wanted).all(1).double().mean()
    print(f"{kind:>21}:" + "".join(f"{share:9.1%}" for share in shares.values()) + f"{every:12.1%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# What was seen in the training works: every attribute agrees in 94 % and more, all seven at once in about nine of ten pictures. Of the four pairs that never occurred, each has a story of its own. The two that combine a *colour* anew keep the colour every time; what goes wrong are the horns of some red creatures, and the eyes of some blue ones. The two that combine a *body* anew are another matter. "Square, at night" is square in fewer than half of
# the pictures, and some of them show the day. "Triangular and spotted" is a triangle, but its spots are often missing. A likely reason: the discriminator never met a real square at night, so to it such a picture looks fake, whatever the caption says.
#
# The fact is the table: composition is not a property that a model has or lacks, it is a number for each combination. Chapter 4's conditional VAE is told the attributes themselves, in nearly every layer of its decoder. It draws squares at night, and loses some spots of triangles too.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Between two captions
# The generator does not see words, it sees 96 numbers. So there is something halfway between two captions. Both ends are combinations that occur in the training. Each row has one $z$.

# %% slideshow={"slide_type": "fragment"}
ends = [
    "a large red round creature with one eye and no horns, by day",
    "a small blue triangular creature with two eyes and no horns, at night",
]
with torch.no_grad():
    start, end = painter_G.condition(vocabulary.encode(ends))
    path = torch.lerp(start, end, torch.linspace(0, 1, 11)[:, None])  # (11, 96)
    z = painter_G.draw_z(3, generator=rng)
    between = torch.cat([painter_G.from_numbers(row.expand(11, -1), path) for row in z])
plots.show(
    plots.plot_images(between, n_columns=11, row_labels=["z 1", "z 2", "z 3"]),
    alt="Three rows of eleven creatures, from a large red one by day to a small blue one at night; the sky and the colour "
    "change gradually, and pictures in the middle are blurred.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### Captions that contradict themselves
# > **Predict.** "A red blue creature": purple, red or blue, half and half, or no creature at all?

# %% slideshow={"slide_type": "subslide"}
odd = [
    "a red blue round creature",
    "a blue red round creature",
    "a creature with no horns and two horns",
    "night horns red",
]
for text in odd[:2]:
    seen_in(text, "colour")

# %% slideshow={"slide_type": "subslide"}
odd_pictures = painter_G.sample(vocabulary.encode(odd).repeat_interleave(8, 0), generator=rng)
plots.show(
    plots.plot_images(odd_pictures, n_columns=8, row_labels=[str(number) for number in range(1, 5)]),
    alt="Four rows of eight creatures: two rows of round ones in purple, between red and blue, by day; "
    "green ones with small horns; reddish ones at night.",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# The first two rows hold the same words in another order, so a bag of words could not tell them apart. The GRU does, a little. The judge must name one of its five colours, and for something between red and blue it mostly says pink. The third row shows small horns. The last is no sentence; it comes out reddish, and at night. The model cannot say "that cannot be". For that it would have to know how
# probable a caption is, $p(c)$, and it has learned nothing of that: whatever 96 numbers come in, a picture comes out.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Wrap-up
#
# - A question with many right answers needs a model with a random input, and a loss that allows different answers. A squared error gives the mean of the answers, which need not be one.
# - The generator listens if its judge does: $D$ must see the pair $(x, c)$. A discriminator that sees $x$ alone is content with any way of dealing the pictures out.
# - The best logit has two terms: is it real, does it fit. Projection writes them down; matching trains the second one without any generator.
# - Real pictures under wrong conditions teach $D$ what a wrong pair is. Look at what that costs in variety.
# - Agreement alone can be had by a cheat with ten pictures. Put variety beside it, and test what a classifier learns from the samples.
# - An upsampling layer has a pattern of its own. Training can unlearn it; measure.
# - Unseen combinations are a question for numbers, one kind at a time.
#
# **What comes next.** Chapter 8: the condition becomes a whole picture.

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Questions to think about
# 1. The derivation of section 7.2 needs the same $p(c)$ for data and fakes. What does $D$ learn if the fakes are asked for each digit equally often, and the data have twice as many 1s?
# 2. Could the condition be left out of the generator, and given to the discriminator only?
# 3. "A creature" gives blotches. With which probability of leaving an attribute out would one caption in a thousand be "a creature"? What would the model lose by it?
# 4. The judge of creatures was trained with attributes. Is it fair to measure a model that never saw them with it?
#
# ### References
# - M. Mirza and S. Osindero (2014), [Conditional generative adversarial nets](https://arxiv.org/abs/1411.1784).
# - S. Reed and others (2016), [Generative adversarial text to image synthesis](https://arxiv.org/abs/1605.05396): wrong pairs as fakes.
# - A. Radford, L. Metz and S. Chintala (2016), [Unsupervised representation learning with DCGANs](https://arxiv.org/abs/1511.06434).
# - T. Miyato and M. Koyama (2018), [cGANs with projection discriminator](https://arxiv.org/abs/1802.05637).
# - A. Odena, V. Dumoulin and C. Olah (2016), [Deconvolution and checkerboard artifacts](https://distill.pub/2016/deconv-checkerboard/).
# - S. Ravuri and O. Vinyals (2019), [Classification accuracy score for conditional generative models](https://arxiv.org/abs/1905.10887).
# - A. van den Oord, Y. Li and O. Vinyals (2018), [Representation learning with contrastive predictive coding](https://arxiv.org/abs/1807.03748), and A. Radford and others (2021),
#   [Learning transferable visual models from natural language supervision](https://arxiv.org/abs/2103.00020): matching pictures and captions.
