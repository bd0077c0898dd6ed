"""Exercises of chapter 6: right answers written in other ways, and known mistakes as popular code writes them."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import autograd, nn
from torch.distributions import Normal, Uniform, kl_divergence
from torch.nn import functional

from course_utils import gan, metrics
from course_utils.exercises import ch06
from course_utils.exercises.exercise import seeded


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


# ---- right answers in other words


def slopes_by_autograd(fake_logits):
    logits = fake_logits.clone().requires_grad_()
    losses = functional.logsigmoid(-logits).sum(), -functional.logsigmoid(logits).sum()
    return [autograd.grad(loss, logits)[0] for loss in losses]


def slopes_by_probability(fake_logits):
    d = torch.sigmoid(fake_logits)
    return -d, d - 1


def penalty_of_the_paper_in_pytorch(critic, real, fake, *, draw=lambda n: torch.rand(n, 1), lambda_=1.0):
    alpha = draw(len(real)).expand_as(real)
    interpolates = (alpha * real + (1 - alpha) * fake).detach().requires_grad_(True)
    scores = critic(interpolates)
    gradients = autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * lambda_


def penalty_from_the_other_end(critic, real, fake):
    epsilon = Uniform(0, 1).sample((len(real), 1))
    x = torch.lerp(real, fake, epsilon).requires_grad_()
    gradient = autograd.grad(critic(x).mean(), x, create_graph=True)[0] * len(x)
    return torch.linalg.vector_norm(gradient, dim=1).sub(1).pow(2).mean()


def penalty_by_numpy_draws(critic, real, fake):
    epsilon = torch.from_numpy(np.random.default_rng(5).random((len(real), 1))).float()
    return penalty_of_the_paper_in_pytorch(critic, real, fake, draw=lambda n: epsilon)


def r1_of_a_repository(discriminator, real):
    x = real.clone().requires_grad_(True)
    (gradient,) = autograd.grad(outputs=discriminator(x).sum(), inputs=x, create_graph=True)
    return gradient.pow(2).reshape(gradient.shape[0], -1).sum(1).mean()


def dirac_by_autograd(learning_rate, gamma):
    def step(point):
        theta, psi = point[:1], point[1:]
        critic_loss = gan.wasserstein_critic_loss(0 * psi, psi * theta) + 0.5 * gamma * (psi**2).sum()
        generator_loss = gan.wasserstein_generator_loss(psi * theta)
        slope_psi = autograd.grad(critic_loss, psi, create_graph=True)[0]
        slope_theta = autograd.grad(generator_loss, theta, create_graph=True)[0]
        return torch.cat([theta - learning_rate * slope_theta, psi - learning_rate * slope_psi])

    return autograd.functional.jacobian(step, torch.tensor([0.7, -0.4], requires_grad=True))


def counts_by_loops(samples, modes, std):
    reached, n_good = set(), 0
    for point in samples.tolist():
        distances = [math.dist(point, mode) for mode in modes.tolist()]
        if min(distances) <= 3 * std:
            reached.add(distances.index(min(distances)))
            n_good += 1
    return len(reached), n_good / len(samples)


def counts_of_the_package(samples, modes, std):
    coverage = metrics.mode_coverage(samples, modes, std)
    return coverage.n_modes, coverage.high_quality


def packed_by_cat(x, size):
    return torch.cat([x[i::size] for i in range(size)], 1)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch06.wasserstein_1, lambda x, y: stats.wasserstein_distance(x.numpy(), y.numpy())),
        (ch06.wasserstein_1, lambda x, y: (np.sort(x) - np.sort(y)).__abs__().mean()),
        (ch06.loss_slopes, slopes_by_autograd),
        (ch06.loss_slopes, slopes_by_probability),
        (ch06.gradient_penalty, gan.gradient_penalty),
        (ch06.gradient_penalty, penalty_of_the_paper_in_pytorch),
        (ch06.gradient_penalty, penalty_from_the_other_end),
        (ch06.gradient_penalty, penalty_by_numpy_draws),
        (ch06.r1_penalty, gan.r1_penalty),
        (ch06.r1_penalty, r1_of_a_repository),
        (ch06.dirac_matrix, dirac_by_autograd),
        (ch06.dirac_matrix, lambda h, gamma: np.array([[1, h], [-h, 1 - h * gamma]])),
        (ch06.mode_counts, counts_by_loops),
        (ch06.mode_counts, counts_of_the_package),
        (ch06.packed, packed_by_cat),
        (ch06.packed, lambda x, size: torch.stack([pack.flatten() for pack in x.split(size)])),
    ],
)
def test_right_answers_in_other_words_pass(exercise, answer):
    assert exercise.check(answer).status == "passed", exercise.check(answer)


def test_packs_are_those_of_the_package():
    for x, size in ch06.packed.cases:
        seen = []
        network = nn.Module()
        network.forward = lambda pack, seen=seen: seen.append(pack)
        gan.Packed(network, size)(x)
        assert torch.equal(seen[0], ch06.packed_reference(x, size))


# ---- gradient penalty: the check must not depend on the draws


@pytest.mark.parametrize("seed", range(5))
def test_the_verdict_on_the_gradient_penalty_does_not_depend_on_the_draws(seed):
    def with_draws_of(draw):
        generator = torch.Generator().manual_seed(seed)

        def answer(critic, real, fake):
            epsilon = draw(real, generator)
            return ch06.gp_at(lambda real, fake: fake + epsilon * (real - fake))(critic, real, fake)

        return answer

    def uniform(real, generator):
        return torch.rand(len(real), 1, generator=generator)

    def normal(real, generator):
        return torch.randn(len(real), 1, generator=generator)

    def one(real, generator):
        return torch.rand(1, 1, generator=generator)

    def box(real, generator):
        return torch.rand(real.shape, generator=generator)

    exercise = ch06.gradient_penalty
    assert exercise.check(with_draws_of(uniform)).status == "passed"
    wrong = {normal: "normal", one: "one_for_the_batch", box: "one_for_each_coordinate"}
    for draw, name in wrong.items():
        assert said(exercise, with_draws_of(draw)) == exercise.mistake_messages[name]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (lambda real, fake: fake, "at the fakes"),
        (lambda real, fake: real, "at the real examples"),
        (lambda real, fake: (real + fake) / 2, "halfway between real and fake"),
        (lambda real, fake: 0.3 * real + 0.7 * fake, "the same ε for all"),
        (lambda real, fake: torch.cat([real, fake]), "800 for 400 pairs"),
        (lambda real, fake: real[:0], "0 for 400 pairs"),
        (lambda real, fake: real.roll(1, 0), "not on the lines between real and fake"),
        (lambda real, fake: fake + torch.rand(400, 1).sqrt() * (real - fake), "but ε is not uniform"),
        (lambda real, fake: fake + torch.rand(400, 1).square() * (real - fake), "but ε is not uniform"),
        (lambda real, fake: fake + 2 * torch.rand(400, 1) * (real - fake), "also beyond them"),
        (lambda real, fake: fake + torch.rand(400, 1) * (real - fake), ch06.BETWEEN),
    ],
)
def test_where_a_penalty_looks_is_told_in_words(points, words):
    _, real, fake = ch06.gradient_penalty.cases[0]
    torch.manual_seed(1)
    assert words in ch06.where(points(real, fake), real, fake)


def test_true_draws_are_hardly_ever_called_not_uniform():
    """At 2.2/√n it happens with probability 2·exp(-2·2.2²) ≈ 1/8,000: in 2,000 trials at most twice."""
    _, real, fake = ch06.gradient_penalty.cases[0]
    generator = torch.Generator().manual_seed(0)
    words = [
        ch06.where(fake + torch.rand(len(real), 1, generator=generator) * (real - fake), real, fake)
        for _ in range(2_000)
    ]
    assert len(words) - words.count(ch06.BETWEEN) <= 2
    assert round(1 / (2 * math.exp(-2 * 2.2**2)), -3) == 8_000


def test_the_penalty_of_the_cases_is_the_same_for_any_epsilon():
    for critic, real, fake in ch06.gradient_penalty.cases:
        values = [ch06.gp_at(lambda r, f, e=e: f + e * (r - f))(critic, real, fake) for e in (-1, 0.1, 0.6)]
        for value in values[1:]:
            torch.testing.assert_close(value, values[0])


# ---- mistakes as popular code makes them


def penalty_of_a_blog(*, draw=None, penalty=None, points=None, create_graph=True):
    def answer(critic, real, fake):
        alpha = torch.rand(real.size(0), 1) if draw is None else draw(real)
        x = alpha * real + (1 - alpha) * fake if points is None else points(real, fake)
        x = x.clone().requires_grad_(True)
        out = critic(x)
        gradients = autograd.grad(
            out, x, torch.ones(out.size()), create_graph=create_graph, retain_graph=True
        )[0]
        if penalty is not None:
            return penalty(gradients)
        return ((gradients.norm(2, dim=1) - 1) ** 2).mean()

    return answer


def dirac_alternating(learning_rate, gamma):
    critic = torch.tensor([[1.0, 0.0], [-learning_rate, 1 - learning_rate * gamma]])
    generator = torch.tensor([[1.0, learning_rate], [0.0, 1.0]])
    return generator @ critic


def dirac_alternating_generator_first(learning_rate, gamma):
    critic = torch.tensor([[1.0, 0.0], [-learning_rate, 1 - learning_rate * gamma]])
    generator = torch.tensor([[1.0, learning_rate], [0.0, 1.0]])
    return critic @ generator


@pytest.mark.parametrize(
    ("exercise", "name", "answer"),
    [
        (ch06.wasserstein_1, "unsorted", lambda x, y: torch.nn.functional.l1_loss(x, y)),
        (ch06.wasserstein_1, "signed", lambda x, y: x.mean() - y.mean()),
        (
            ch06.wasserstein_1,
            "root_of_squares",
            lambda x, y: torch.tensor(np.sqrt(np.mean((np.sort(x) - np.sort(y)) ** 2))),
        ),
        (ch06.loss_slopes, "swapped", lambda s: slopes_by_autograd(s)[::-1]),
        (ch06.loss_slopes, "to_the_probability", lambda s: (-1 / (1 - s.sigmoid()), -1 / s.sigmoid())),
        (ch06.gradient_penalty, "normal", penalty_of_a_blog(draw=lambda real: 1 - torch.randn(len(real), 1))),
        (ch06.gradient_penalty, "one_for_the_batch", penalty_of_a_blog(draw=lambda real: torch.rand(1))),
        (ch06.gradient_penalty, "one_for_the_batch", penalty_of_a_blog(draw=lambda real: 0.2)),
        (ch06.gradient_penalty, "one_for_each_coordinate", penalty_of_a_blog(draw=torch.rand_like)),
        (ch06.gradient_penalty, "only_real", penalty_of_a_blog(points=lambda real, fake: real)),
        (ch06.gradient_penalty, "only_fake", penalty_of_a_blog(points=lambda real, fake: fake)),
        (ch06.gradient_penalty, "halfway", penalty_of_a_blog(points=lambda real, fake: (real + fake) / 2)),
        (ch06.gradient_penalty, "not_differentiable", penalty_of_a_blog(create_graph=False)),
        (
            ch06.gradient_penalty,
            "not_differentiable",
            lambda critic, real, fake: penalty_of_the_paper_in_pytorch(critic, real, fake).item(),
        ),
        (
            ch06.gradient_penalty,
            "nan_at_0",
            penalty_of_a_blog(penalty=lambda g: ((torch.sqrt((g**2).sum(dim=1)) - 1) ** 2).mean()),
        ),
        (ch06.gradient_penalty, "whole_batch", penalty_of_a_blog(penalty=lambda g: (g.norm(2) - 1) ** 2)),
        (
            ch06.gradient_penalty,
            "no_root",
            penalty_of_a_blog(penalty=lambda g: (((g**2).sum(1) - 1) ** 2).mean()),
        ),
        (
            ch06.gradient_penalty,
            "with_lambda",
            lambda critic, real, fake: penalty_of_the_paper_in_pytorch(critic, real, fake, lambda_=10),
        ),
        (
            ch06.gradient_penalty,
            "one_sided",
            lambda critic, real, fake: gan.gradient_penalty(critic, real, fake, one_sided=True),
        ),
        (
            ch06.gradient_penalty,
            "only_real",
            lambda critic, real, fake: ch06.gp_at(lambda r, f: r)(critic, real, fake),
        ),
        (
            ch06.r1_penalty,
            "of_the_probability",
            lambda d, x: gan.r1_penalty(lambda x: torch.sigmoid(d(x)), x),
        ),
        (ch06.r1_penalty, "half", lambda d, x: gan.r1_penalty(d, x) / 2),
        (ch06.r1_penalty, "coordinate_mean", lambda d, x: (gan.input_gradient(d, x) ** 2).mean()),
        (ch06.r1_penalty, "not_differentiable", lambda d, x: gan.r1_penalty(d, x).detach()),
        (
            ch06.r1_penalty,
            "towards_1",
            lambda d, x: ((gan.input_gradient(d, x).norm(2, dim=1) - 1) ** 2).mean(),
        ),
        (ch06.dirac_matrix, "critic_first", dirac_alternating),
        (ch06.dirac_matrix, "generator_first", dirac_alternating_generator_first),
        (ch06.dirac_matrix, "turned", lambda h, gamma: dirac_by_autograd(h, gamma).T),
        (ch06.mode_counts, "order", lambda s, m, std: counts_by_loops(s, m, std)[::-1]),
        (
            ch06.mode_counts,
            "each_coordinate",
            lambda s, m, std: (
                ((s[:, None] - m).abs() <= 3 * std).all(2).any(0).sum(),
                ((s[:, None] - m).abs() <= 3 * std).all(2).any(1).float().mean(),
            ),
        ),
        (ch06.packed, "far_apart", lambda x, size: x.view(size, -1, x.shape[1]).transpose(0, 1).flatten(1)),
        (ch06.packed, "size_packs", lambda x, size: x.view(size, -1)),
    ],
)
def test_mistakes_as_popular_code_makes_them_are_recognised(exercise, name, answer):
    assert said(exercise, answer) == exercise.mistake_messages[name]


def test_pitfall_11_has_a_message_for_each_of_its_mistakes():
    known = ch06.gradient_penalty.mistake_messages
    words = {
        "normal": "torch.randn",
        "one_for_the_batch": "torch.rand(len(real), 1)",
        "only_real": "real examples only",
        "only_fake": "fakes only",
        "nan_at_0": "NaN",
        "no_root": "the root is missing",
        "whole_batch": "norm(dim=1)",
        "not_differentiable": "create_graph=True",
    }
    for name, word in words.items():
        assert word in known[name]


# ---- mistakes that nobody foresaw, wrong types and shapes


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ch06.wasserstein_1, lambda x, y: 3 * ch06.wasserstein_1_reference(x, y), "exactly 3 times"),
        (ch06.wasserstein_1, lambda x, y: (x.sort() - y.sort()).abs().mean(), "TypeError"),
        (ch06.loss_slopes, lambda s: -s.sigmoid(), "expected 2 values (minimax, non_saturating)"),
        (ch06.loss_slopes, lambda s: (-s.sigmoid(), 3 * s), "`non_saturating`"),
        (
            ch06.gradient_penalty,
            penalty_of_a_blog(draw=lambda real: torch.rand(len(real), 1).sqrt()),
            "`points` is 'between real and fake, but ε is not uniform'",
        ),
        (
            ch06.gradient_penalty,
            lambda critic, real, fake: autograd.grad(critic(real).sum(), real)[0].norm(),
            "need .requires_grad_() before",
        ),
        (
            ch06.gradient_penalty,
            lambda critic, real, fake: autograd.grad(critic(real.requires_grad_()), real)[0].norm(),
            "scalar",
        ),
        (ch06.gradient_penalty, lambda critic, real, fake: None, "is there a `return`"),
        (ch06.r1_penalty, lambda d, x: 3 * gan.r1_penalty(d, x), "exactly 3 times"),
        (ch06.r1_penalty, lambda d, x: None, "is there a `return`"),
        (ch06.dirac_matrix, lambda h, gamma: [[1, h], [-h, 1]], "expected one tensor of shape (2, 2)"),
        (ch06.dirac_matrix, lambda h, gamma: h, "has shape (), expected (2, 2)"),
        (ch06.mode_counts, lambda s, m, std: 3, "expected 2 values (n_modes, high_quality)"),
        (ch06.packed, lambda x, size: x, "expected (3, 4)"),
    ],
)
def test_other_answers_are_told_what_is_wrong(exercise, answer, words):
    assert words in said(exercise, answer)


# ---- what the texts say


def test_the_eigenvalues_of_the_dirac_gan_are_as_the_question_says():
    for h in (0.01, 0.3, 1.0):
        values = torch.linalg.eigvals(ch06.dirac_matrix_reference(h, 0.0))
        torch.testing.assert_close(values.abs(), torch.full((2,), math.sqrt(1 + h * h)))
        torch.testing.assert_close(values.imag.sort().values, torch.tensor([-h, h]))
    damped = torch.linalg.eigvals(ch06.dirac_matrix_reference(0.1, 1.0)).abs()
    assert (damped < 1).all()


def test_shares_of_a_perfect_sampler():
    missed = metrics.coverage.MISSED
    assert f"{100 * missed:.1f}" == "1.1"
    standard_error = math.sqrt(missed * (1 - missed) / 2_500)
    assert f"{100 * standard_error:.1f}" == "0.2"  # points of a share, as `over_sure` says
    beyond_one_std = math.exp(-0.5)
    assert beyond_one_std > 0.5  # "more often than not in the plane"


def test_numbers_of_the_recalled_divergence():
    assert f"{math.log(2) - 0.3:.2f}" == "0.39"
    assert f"{math.log(4) - 0.6:.2f}" == "0.79"
    assert math.log(4) - 0.6 > math.log(2)


def test_saturation_is_told_the_right_way_round():
    """Pitfall 9, with its numbers."""
    logit = torch.logit(torch.tensor([0.001]))
    minimax, non_saturating = ch06.loss_slopes_reference(logit)
    assert minimax.item() == pytest.approx(-0.001)
    assert non_saturating.item() == pytest.approx(-0.999)
    right = next(choice for choice in ch06.saturation.choices.values() if choice.right)
    assert "-0.001" in right.text
    assert "log(1 - D), that saturates where D is near 0" in ch06.loss_slopes.mistake_messages["swapped"]


def test_the_non_saturating_loss_follows_the_divergence_that_the_question_names():
    """Arjovsky and Bottou (2017), theorem 2.5, by quadrature: its gradient, with D held at its optimum."""
    p, mean = Normal(0.0, 1.0), torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    weights = (-0.5 * z**2).softmax(0)
    q, held = Normal(mean, 0.8), Normal(mean.detach(), 0.8)
    x = mean + 0.8 * z
    logits = p.log_prob(x) - held.log_prob(x)  # of the optimal D, which does not move with the mean
    loss = weights @ functional.softplus(-logits)
    expected = kl_divergence(q, Normal(0.0, 1.0)) - 2 * metrics.gaussian_divergences(p, q).js
    ours, theirs = (autograd.grad(value, mean, retain_graph=True)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)
    minimax = -(weights @ functional.softplus(logits))
    slope = autograd.grad(minimax, mean)[0]
    js = autograd.grad(2 * metrics.gaussian_divergences(p, Normal(mean, 0.8)).js, mean)[0]
    torch.testing.assert_close(slope, js, rtol=1e-5, atol=0)


def test_networks_of_the_cases_leave_the_learners_seed_alone():
    state = torch.get_rng_state()
    first, second = ch06.r1_penalty_cases(), ch06.r1_penalty_cases()
    assert torch.equal(state, torch.get_rng_state())
    for (a, x), (b, y) in zip(first, second, strict=True):
        assert torch.equal(a(x), b(y))
    assert torch.equal(seeded(3), seeded(3))


def test_pitfalls_10_and_17_are_questions():
    right = {
        question.name: next(choice for choice in question.choices.values() if choice.right)
        for question in ch06.questions
    }
    assert "needs an optimal discriminator as well" in right["disjoint"].text
    assert "no guarantee" in right["wgan_cures"].text
    assert right["mode_dropping"].text.startswith("Mode dropping")
