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
# - say which losses go blind when data and fakes lie far apart, and in which direction;
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
generator = seed_everything(0)
ring = data.gaussian_ring(100_000, std=0.05, generator=generator)  # points (100000, 2), modes (8, 2)


def players(n_seeds=SEEDS):
    """A stack of small untrained generators and one of discriminators, a model of each for every seed."""
    Gs = [gan.LatentGenerator(mlp([2, 64, 64, 2], activation=nn.ReLU), 2) for _ in range(n_seeds)]
    return stack_models(Gs), stack_models([mlp([2, 64, 64, 1], activation=nn.ReLU) for _ in range(n_seeds)])


def samples_of(G, n_seeds=SEEDS, n_samples=2_500):
    """Samples (n_seeds, n_samples, 2) of a stack."""
    with torch.no_grad():
        return G(G.draw_z(n_seeds * n_samples, generator=generator)).view(n_seeds, n_samples, 2)


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
# At the start of a training data and fakes lie apart. Let $p = \mathcal N(0, \sigma^2)$ and $q = \mathcal N(d, \sigma^2)$ with $\sigma = 0.1$. The generator has one parameter, $d$, and should make it smaller.
#
# > **Predict.** Which of these notices a step from $d = 4$ to $d = 3$: KL, JS, total variation, or the Wasserstein-1 distance (how far the mass has to be carried)?

# %% slideshow={"slide_type": "fragment"}
sigma = 0.1
distances = torch.tensor([0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0])
far = metrics.gaussian_divergences(Normal(0.0, sigma), Normal(distances, sigma))
print("   d         KL       JS/log 2   total variation   Wasserstein-1")
for d, kl, js, tv, w in zip(
    distances, far.kl, far.js / math.log(2), far.total_variation, far.wasserstein, strict=True
):
    print(f"{d:5.2f} {kl:10.1f} {js:12.6f} {tv:15.6f} {w:15.2f}")  # NBVAL_CHECK_OUTPUT

# %% [markdown] slideshow={"slide_type": "fragment"}
# JS and total variation have reached their ceilings: to six digits nothing changes between 1 and 4. (For Gaussians the supports do overlap, by probabilities too small to matter. With uniform segments, JS is
# exactly $\log 2$ from the moment when they part.) KL keeps growing, and is infinite for segments. Wasserstein-1 is a straight line: it is the distance.

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### In your hands
# Drag one density away from the other. Watch the bars, and below them the gradients that each loss hands to the generator.
#
# 1. Two Gaussians: from which distance on does JS stand still? And Wasserstein-1?
# 2. Make one of them wide. Does the flat part begin earlier or later?
# 3. Two uniform segments: which bars become infinite when the segments part?

# %% slideshow={"slide_type": "subslide"}
widgets.DivergenceExplorer(p_centre=-1.0, p_width=0.5, q_centre=1.5, q_width=0.5)

# %% [markdown] slideshow={"slide_type": "subslide"}
# ### What reaches the generator
# The generator never sees a divergence. It sees slopes of a discriminator that has been trained for a while. So train discriminators at several distances, three seeds for each, hold them, and ask: with what
# gradient does each loss pull at $d$?
#
# For the optimal $D$ of two Gaussians of equal width the answer is exact. The logit is a straight line, $a(x) = \log p(x) - \log q(x) = \frac{d}{\sigma^2}\left(\frac d2 - x\right)$, with slope $-d/\sigma^2$, so
#
# $$\frac{\partial}{\partial d} \mathbb E_q[\log(1 - D)] = \frac{d}{\sigma^2}\, \mathbb E_q[D], \qquad \frac{\partial}{\partial d} \mathbb E_q[-\log D] = \frac{d}{\sigma^2}\, \mathbb E_q[1 - D].$$
#
# > **Predict.** As $d$ grows, $D$ is near 0 on the fakes. Which of the two vanishes? And what becomes of the other?

# %% slideshow={"slide_type": "subslide"}
DISTANCES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


def train_apart(loss, penalty=None, *, dim=1, n_steps=800):
    """Discriminators of N(0, σ²) against N(d, σ²), for each distance and three seeds; one stack of 18."""
    shift = torch.tensor(DISTANCES).repeat_interleave(3 * 128)[:, None] * torch.eye(dim)[0]
    D = stack_models([mlp([dim, 32, 32, 1], activation=nn.ReLU) for _ in range(18)])
    optimizer = torch.optim.Adam(D.parameters(), lr=3e-3, betas=(0.5, 0.99))
    for _ in range(n_steps):
        real = sigma * torch.randn(len(shift), dim)
        fake = sigma * torch.randn(len(shift), dim) + shift
        value = loss(D(real), D(fake)) + (0.0 if penalty is None else penalty(D, real, fake))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return D, fake


def pull(D, fake, loss):
    """∂ loss / ∂d for each distance and seed, (6, 3): the derivative with respect to a common shift."""
    x = fake.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(D(x)), x)
    return slope[:, 0].view(len(DISTANCES), 3, -1).sum(2) * 18


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
        print(f"{name:>26}{shown}{int((values < 0).sum()):>8} of 18")

# %% [markdown] slideshow={"slide_type": "subslide"}
# TEXT

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.1
# The Wasserstein-1 distance of two samples of equal size on a line.


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
# *About 15 minutes.*
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
figure, axes = plt.subplots(1, 2, figsize=(9, 2.9))
plots.plot_curves(a, losses, ax=axes[0], xlabel="logit $a$ of a fake", ylabel="loss (nats)")
plots.plot_curves(a, slopes, ax=axes[1], xlabel="logit $a$ of a fake", ylabel="slope")
plots.show(
    figure,
    alt="PLACEHOLDER",
)

# %% [markdown] slideshow={"slide_type": "subslide"}
# TEXT

# %% slideshow={"slide_type": "subslide"}
def head_start(n_before, loss, n_steps=1_000):
    """Train D alone for a while, then both; return D on the first fakes, the pull, the modes at the end."""
    seed_everything(0)
    G, D = players()
    settings = {"batch_size": SEEDS * 128, "betas": (0.5, 0.99), "generator": generator}
    gan.fit_gan(G, D, ring.points, n_steps=n_before, n_generator=0, **settings)
    x = samples_of(G).flatten(0, 1).requires_grad_()
    (slope,) = torch.autograd.grad(gan.loss_named(loss).generator(D(x)), x)
    pull = slope.norm(dim=1).view(SEEDS, -1).sum(1) * SEEDS
    said = torch.sigmoid(D(x)).mean().item()
    gan.fit_gan(G, D, ring.points, n_steps=n_steps, loss=loss, **settings)
    return said, pull, metrics.mode_coverage(samples_of(G), ring.modes, 0.05).n_modes.tolist()


# %% slideshow={"slide_type": "fragment"}
print("head start of D     D(fake)   pull, mean of 5 seeds    modes of 8 after 1,000 rounds")
for loss in ("minimax", "non_saturating"):
    for n_before in (10, 300):
        said, pull_now, modes = head_start(n_before, loss)
        print(f"{loss:>14} {n_before:>4} {said:10.4f} {pull_now.mean():>16.1e}              {modes}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# TEXT

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.2
# The slopes of both losses at a fake with logit $a$.


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
# *About 15 minutes.*

# %% slideshow={"slide_type": "fragment"}
SWITCHES = {
    "both learn at one rate": {},
    "D too weak: a 100th of the rate": {"discriminator_learning_rate": 1e-5},
    "D too strong: 10 steps, 3 × the rate": {"n_critic": 10, "discriminator_learning_rate": 3e-3},
    "D frozen": {"n_critic": 0},
    "G frozen": {"n_generator": 0},
}


def ring_game(n_steps=1_500, **settings):
    """Five seeds on the ring; return samples and history."""
    seed_everything(0)
    G, D = players()
    how = {"batch_size": SEEDS * 128, "betas": (0.5, 0.99), "generator": generator} | settings
    history = gan.fit_gan(G, D, ring.points, n_steps=n_steps, **how)
    return samples_of(G), history


# %% slideshow={"slide_type": "subslide"}
print(f"{'':>37}  modes of 8, 5 seeds   high quality  distance  D's loss")
shown = {}
for name, switch in SWITCHES.items():
    made, history = ring_game(**switch)
    shown[name] = made
    got = metrics.mode_coverage(made, ring.modes, 0.05)
    far = torch.cdist(made, ring.modes).amin(2).mean()
    loss = history["discriminator_loss"][-1] if "discriminator_loss" in history else math.nan
    print(
        f"{name:>37}  {got.n_modes.tolist()} {got.high_quality.mean():>14.0%} {far:>12.2f} {loss:>10.2f}"
    )

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 5, figsize=(12, 2.7))
for ax, (name, made) in zip(axes, shown.items(), strict=True):
    plots.plot_points(ring.points[:400], ax=ax, size=4)
    ax.scatter(*made[0, :400].T, s=4, color=plots.COLORS[1], lw=0)
    ax.set(title=name.split(":")[0], xlabel="", ylabel="", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
plots.show(
    figure,
    alt="PLACEHOLDER",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.4 Circles: the Dirac GAN (core)
# *About 25 minutes.*
#
# The smallest GAN of all has two numbers. The data are all at $x = 0$. The generator puts everything at $x = \theta$. The discriminator is a straight line through the origin, $a(x) = \psi x$. Near the equilibrium $\theta = \psi = 0$ the
# logistic losses have slope one half; measure time so that this half disappears. Then, with the signs that each player wants,
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

# %% slideshow={"slide_type": "fragment"}
figure, axes = plt.subplots(1, 4, figsize=(11, 3))
for ax, (name, path) in zip(axes, paths.items(), strict=True):
    ax.plot(*path.T, color=plots.COLORS[0], ls="-", lw=1)
    ax.plot(*path[0], "o", color=plots.COLORS[1])
    ax.set(title=name, xlabel=r"$\theta$", xlim=(-4.6, 4.6), ylim=(-4.6, 4.6), aspect="equal")
axes[0].set(ylabel=r"$\psi$")
plots.show(
    figure,
    alt="PLACEHOLDER",
)

# %% slideshow={"slide_type": "subslide"}
h = 0.1
for gamma in (0.0, 0.5, 2.0):
    matrix = torch.tensor([[1.0, h], [-h, 1.0 - h * gamma]], dtype=torch.float64)
    values = torch.linalg.eigvals(matrix)
    print(f"gamma {gamma}: eigenvalues of a step {[f'{v:.4f}' for v in values.tolist()]}", end="")
    print(f", size {values.abs().max():.4f}")  # NBVAL_CHECK_OUTPUT
print(f"without R1 the formula says {math.sqrt(1 + h**2):.4f}")

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.3
# One step of the Dirac GAN as a matrix: $(\theta, \psi)$ before to $(\theta, \psi)$ after, both players at once, with R1.


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
# *About 25 minutes.*

# %% slideshow={"slide_type": "subslide"}
sharp_ring = data.gaussian_ring(100_000, std=collapse.STD, generator=generator)
at = {}


def watch(G):
    """Keep 400 samples every 500 rounds."""
    at[500 * (len(at) + 1)] = samples_of(G, 1, 400)[0]
    return {"kept": len(at)}


seed_everything(0)
G, D = players(n_seeds=1)
gan.fit_gan(
    G,
    D,
    sharp_ring.points,
    n_steps=7_000,
    **collapse.PLAIN,
    generator=generator,
    measure=watch,
    measure_every=500,
)

# %% slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(2, 7, figsize=(11, 3.5))
for ax, (step, made) in zip(axes.flat, at.items(), strict=True):
    ax.scatter(*sharp_ring.modes.T, s=40, marker="o", facecolors="none", edgecolors=plots.COLORS[0])
    ax.scatter(*made.T, s=5, color=plots.COLORS[1], lw=0)
    ax.set(title=f"{step:,}", xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal", xticks=[], yticks=[])
plots.show(
    figure,
    alt="PLACEHOLDER",
)

# %% slideshow={"slide_type": "subslide"}
stored = collapse.results()
print(f"{'modes of 8 at the end, five seeds':>47}   most ever   top mode changed   high quality")
for cure, found in stored.items():
    at_end = [modes[-1] for modes in found["n_modes"]]
    most = [max(modes) for modes in found["n_modes"]]
    hops = [sum(a != b for a, b in zip(top[3:], top[4:], strict=False)) for top in found["top_mode"]]
    good = sum(found["high_quality"]) / len(found["high_quality"])
    print(f"{cure:>28}  {at_end}   {most}   {hops}  {good:8.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# TEXT

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.5
# Count the modes, and the share of points of high quality.


# %% slideshow={"slide_type": "skip"}
def my_mode_counts(samples, modes, std):
    return ...


ch06.mode_counts.check(my_mode_counts)

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.6
# Pack a batch.


# %% slideshow={"slide_type": "skip"}
def my_packed(x, size):
    return ...


ch06.packed.check(my_packed)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.6 Modes dropped on images (core)
# *About 15 minutes.*

# %% slideshow={"slide_type": "fragment"}
judge, digits_gan = metrics.judge("mnist"), pretrained.load("gan_mnist")
test_images = data.load_mnist("test").images
pool = digits_gan.sample(14_000, generator=generator)
read = judge.predict(pool)
sets = {"all": pool[:10_000]} | {f"no {digit}": pool[read != digit][:10_000] for digit in (0, 1, 4, 7, 8)}
real_features = judge.features(test_images[torch.randperm(10_000, generator=generator)[:3_000]])
print("           floors  precision  recall  class entropy  smallest class")
for name, pictures in sets.items():
    classes = judge.predict(pictures)
    near = metrics.precision_recall(real_features, judge.features(pictures[:3_000]))
    floors = metrics.frechet_on_mnist(pictures).floors
    smallest = classes.bincount(minlength=10).min().item() / len(classes)
    print(f"{name:>9} {floors:8.1f} {near.precision:10.2f} {near.recall:7.2f}", end="")
    print(f" {metrics.class_entropy(classes, 10):14.3f} {smallest:15.1%}")

# %% slideshow={"slide_type": "skip"}
ch06.mode_dropping

# %% slideshow={"slide_type": "skip"}
ch06.mode_dropping.answer(...)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.7 A discriminator that learns by heart (deeper)
# *About 15 minutes.*

# %% slideshow={"slide_type": "fragment"}
fresh = data.moons_and_ring(2_500, generator=generator).points
few_data = {"40 points": 40, "400 points": 400, "20,000 points": 20_000}


def by_heart(n_points, **settings):
    """Five seeds; mean D(x) on training points and fresh ones, and the distance of samples to both."""
    seed_everything(0)
    known = data.moons_and_ring(n_points, generator=generator).points
    G, D = players()
    real = known.repeat(math.ceil(SEEDS * 128 / n_points), 1)  # so that a batch can be drawn
    gan.fit_gan(G, D, real, n_steps=2_500, batch_size=SEEDS * 128, generator=generator, **settings)
    with torch.no_grad():
        said = [
            torch.sigmoid(D(x[torch.randint(len(x), (SEEDS * 500,))])).mean().item() for x in (known, fresh)
        ]
    made = samples_of(G, n_samples=500).flatten(0, 1)
    near = metrics.nearest_images(made, known).distance.median().item()
    usual = metrics.nearest_images(fresh, known).distance.median().item()
    return *said, near, usual


# %% slideshow={"slide_type": "fragment"}
print(f"{'':>20}  D(known)  D(fresh)   samples to known   fresh to known")
for name, n_points in few_data.items():
    for penalties in ([], [gan.Penalty("r1", 0.3)]):
        a_, b_, c_, d_ = by_heart(n_points, penalties=penalties)
        print(
            f"{name:>14} {'R1' if penalties else '':>5}  {a_:8.2f} {b_:9.2f} {c_:18.3f} {d_:16.3f}"
        )

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6.8 Bugs in the loop (deeper)
# *About 15 minutes.*

# %% slideshow={"slide_type": "fragment"}
def loop(bug=None, n_steps=1_000):
    """The loop of section 5.3 for five seeds, with a switch for a bug."""
    seed_everything(0)
    G, D = players()
    optimizer_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.99))
    optimizer_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.99))
    batches = training.batches(ring.points, SEEDS * 128, generator=generator)
    for _ in range(n_steps):
        real, fake = next(batches), G(G.draw_z(SEEDS * 128, generator=generator))
        optimizer_g.zero_grad()
        optimizer_d.zero_grad()
        shown = fake if bug == "no detach" else fake.detach()
        loss = gan.discriminator_loss(D(real), D(shown))
        where = {"R1 on fakes only": fake.detach()}.get(bug, real)
        (loss + 0.1 * gan.r1_penalty(D, where)).backward(retain_graph=True)
        optimizer_d.step()
        if bug == "labels swapped for G":
            gan.minimax_generator_loss(-D(fake)).backward()
        else:
            gan.non_saturating_generator_loss(D(fake)).backward()
        optimizer_g.step()
    return samples_of(G)


# %% slideshow={"slide_type": "fragment"}
for bug in (None, "no detach", "labels swapped for G", "R1 on fakes only"):
    got = metrics.mode_coverage(loop(bug), ring.modes, 0.05)
    print(f"{bug or 'no bug':>22}: modes {got.n_modes.tolist()}, high quality {got.high_quality.mean():.0%}")

# %% [markdown] slideshow={"slide_type": "subslide"}
# TEXT

# %% [markdown] slideshow={"slide_type": "skip"}
# ### Exercise 6.7
# The gradient penalty of Wasserstein GANs, with all that can be wrong with it.


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
# *About 25 minutes.*

# %% slideshow={"slide_type": "subslide"}
bench = mode_bench.results()


def mean_and_error(values):
    """Mean over seeds and its standard error."""
    values = torch.tensor(values, dtype=torch.float64)
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


for which in ("ring", "grid"):
    print(f"{which:>26}:  modes        high quality     reverse KL      spread   seconds a seed")
    for remedy in mode_bench.REMEDIES:
        entry = bench.get(f"{which} | {remedy} | final", {})
        if "n_modes" not in entry:
            print(f"{remedy:>26}   a loss became NaN")
            continue
        modes, good, kl = (mean_and_error(entry[name]) for name in ("n_modes", "high_quality", "reverse_kl"))
        spread = torch.tensor(entry["spread"]).nanmean()
        print(f"{remedy:>26}  {modes[0]:4.1f} ± {modes[1]:3.1f}  {good[0]:6.1%} ± {good[1]:4.1%}", end="")
        print(f"  {kl[0]:6.3f} ± {kl[1]:5.3f} {spread:8.2f} {entry['seconds']:8.0f}")
