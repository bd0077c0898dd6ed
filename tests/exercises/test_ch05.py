"""Exercises of chapter 5: right answers written in other ways, and known mistakes as popular code writes them."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal
from torch.nn import functional

from course_utils import gan, metrics
from course_utils.exercises import ch05
from course_utils.exercises.exercise import seeded

bce = nn.BCELoss()
bce_with_logits = nn.BCEWithLogitsLoss()


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


# ---- right answers in other words


def loss_by_labels(real_logits, fake_logits):
    return bce_with_logits(real_logits, torch.ones_like(real_logits)) + bce_with_logits(
        fake_logits, torch.zeros_like(fake_logits)
    )


def frechet_by_matrices(mean_a, std_a, mean_b, std_b):
    overlap = (torch.diag(std_a**2) @ torch.diag(std_b**2)).sqrt()
    traces = (torch.diag(std_a**2) + torch.diag(std_b**2) - 2 * overlap).trace()
    return (mean_a - mean_b).norm() ** 2 + traces


def d_step_of_a_tutorial(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    discriminator.zero_grad()
    loss_real = bce_with_logits(discriminator(real), torch.ones(len(real), 1))
    loss_real.backward()
    loss_fake = bce_with_logits(discriminator(generator_network(z).detach()), torch.zeros(len(real), 1))
    loss_fake.backward()
    d_optimizer.step()
    return loss_real + loss_fake


def d_step_without_gradients(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    with torch.no_grad():
        fake = generator_network(z)
    loss = loss_by_labels(discriminator(real), discriminator(fake))
    d_optimizer.zero_grad()
    loss.backward()
    d_optimizer.step()
    d_optimizer.zero_grad()
    return loss.item()


def d_step_of_the_package(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    network = gan.LatentGenerator(generator_network, z.shape[1])
    network.draw_z = lambda n_samples, generator=None: z
    return gan.discriminator_step(discriminator, network, d_optimizer, real)


def g_step_of_a_tutorial(discriminator, generator_network, d_optimizer, g_optimizer, z):
    generator_network.zero_grad()
    output = discriminator(generator_network(z)).view(-1)
    loss = bce_with_logits(output, torch.ones(len(z)))
    loss.backward()
    g_optimizer.step()
    return loss.item()


def g_step_with_a_frozen_discriminator(discriminator, generator_network, d_optimizer, g_optimizer, z):
    discriminator.requires_grad_(False)
    g_optimizer.zero_grad()
    loss = -functional.logsigmoid(discriminator(generator_network(z))).mean()
    loss.backward()
    g_optimizer.step()
    discriminator.requires_grad_(True)
    return loss


def g_step_of_the_package(discriminator, generator_network, d_optimizer, g_optimizer, z):
    network = gan.LatentGenerator(generator_network, z.shape[1])
    network.draw_z = lambda n_samples, generator=None: z
    return gan.generator_step(discriminator, network, g_optimizer, z)


def g_step_that_zeroes_both(discriminator, generator_network, d_optimizer, g_optimizer, z):
    loss = ch05.g_loss(discriminator(generator_network(z)))
    for optimizer in (d_optimizer, g_optimizer):
        optimizer.zero_grad(set_to_none=False)
    loss.backward()
    g_optimizer.step()
    d_optimizer.zero_grad()
    return loss


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (ch05.optimal_discriminator, gan.optimal_discriminator),
        (ch05.optimal_discriminator, lambda log_p, log_q: 1 / (1 + torch.exp(log_q - log_p))),
        (ch05.optimal_discriminator, lambda log_p, log_q: torch.stack([log_p, log_q]).softmax(0)[0]),
        (ch05.optimal_discriminator, lambda log_p, log_q: (log_p - torch.logaddexp(log_p, log_q)).exp()),
        (ch05.discriminator_loss, gan.discriminator_loss),
        (ch05.discriminator_loss, loss_by_labels),
        (
            ch05.discriminator_loss,
            lambda real, fake: -functional.logsigmoid(real).mean() - functional.logsigmoid(-fake).mean(),
        ),
        (ch05.js_from_loss, lambda loss: (math.log(4) - loss) / 2),
        (ch05.js_from_loss, lambda loss: 0.5 * (2 * math.log(2) - loss)),
        (
            ch05.generator_losses,
            lambda s: (gan.minimax_generator_loss(s), gan.non_saturating_generator_loss(s)),
        ),
        (
            ch05.generator_losses,
            lambda s: [-bce_with_logits(s, torch.zeros_like(s)), bce_with_logits(s, torch.ones_like(s))],
        ),
        (ch05.discriminator_step, d_step_of_a_tutorial),
        (ch05.discriminator_step, d_step_without_gradients),
        (ch05.discriminator_step, d_step_of_the_package),
        (ch05.generator_step, g_step_of_a_tutorial),
        (ch05.generator_step, g_step_with_a_frozen_discriminator),
        (ch05.generator_step, g_step_of_the_package),
        (ch05.generator_step, g_step_that_zeroes_both),
        (ch05.frechet_diagonal, frechet_by_matrices),
        (
            ch05.frechet_diagonal,
            lambda m, s, n, t: sum((a - b).square().sum() for a, b in ((m, n), (s, t))),
        ),
    ],
)
def test_right_answers_in_other_words_pass(exercise, answer):
    assert exercise.check(answer).status == "passed", exercise.check(answer)


def test_the_estimate_is_the_js_divergence_at_the_optimal_discriminator():
    p, q = Normal(0.0, 1.0), Normal(1.5, 0.7)
    x = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
    best = ch05.optimal_discriminator_reference(p.log_prob(x), q.log_prob(x))
    logits = torch.logit(best, eps=1e-15)  # where D is rounded to 1 there are no fakes
    weights = torch.stack([p.log_prob(x).exp(), q.log_prob(x).exp()]) * (x[1] - x[0])
    loss = weights[0] @ functional.softplus(-logits) + weights[1] @ functional.softplus(logits)
    expected = metrics.gaussian_divergences(p, q).js
    torch.testing.assert_close(ch05.js_from_loss_reference(loss), expected, atol=1e-6, rtol=0)


def test_the_frechet_distance_is_that_of_the_metrics():
    mean_a, std_a, mean_b, std_b = (x.double() for x in ch05.frechet_diagonal.cases[0])

    def features(mean, std):
        """Points whose covariance, divided by n - 1, is exactly diagonal."""
        d = len(std)
        offsets = torch.diag(std * math.sqrt((2 * d - 1) / 2))
        return torch.cat([mean + offsets, mean - offsets])

    assert torch.allclose(features(mean_a, std_a).T.cov(), torch.diag(std_a**2))
    theirs = metrics.frechet_distance(features(mean_a, std_a), features(mean_b, std_b))
    ours = ch05.frechet_diagonal_reference(mean_a, std_a, mean_b, std_b)
    assert ours.item() == pytest.approx(theirs, rel=1e-6)


def test_the_kl_that_a_message_names_is_the_kl():
    mean_a, std_a, mean_b, std_b = ch05.frechet_diagonal.cases[1]
    expected = torch.distributions.kl_divergence(
        MultivariateNormal(mean_a, torch.diag(std_a**2)), MultivariateNormal(mean_b, torch.diag(std_b**2))
    )
    torch.testing.assert_close(ch05.frechet_diagonal_kl(mean_a, std_a, mean_b, std_b), expected)


# ---- mistakes as popular code makes them


def clamped_loss(real_logits, fake_logits):
    real, fake = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))


def halved_loss(real_logits, fake_logits):
    return (loss_by_labels(real_logits, fake_logits)) / 2


def loss_of_one_batch(real_logits, fake_logits):
    labels = torch.cat([torch.ones_like(real_logits), torch.zeros_like(fake_logits)])
    return bce_with_logits(torch.cat([real_logits, fake_logits]), labels)


def value_of_the_game(real_logits, fake_logits):
    return functional.logsigmoid(real_logits).mean() + functional.logsigmoid(-fake_logits).mean()


def d_step_by_tutorial(*, detach=True, zero=True, real_label=1.0):
    def step(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
        if zero:
            d_optimizer.zero_grad()
        fake = generator_network(z)
        real_logits, fake_logits = discriminator(real), discriminator(fake.detach() if detach else fake)
        loss = bce_with_logits(real_logits, torch.full_like(real_logits, real_label))
        loss = loss + bce_with_logits(fake_logits, torch.full_like(fake_logits, 1 - real_label))
        loss.backward()
        d_optimizer.step()
        return loss.item()

    return step


def d_step_that_moves_both(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    loss = loss_by_labels(discriminator(real), discriminator(generator_network(z)))
    for optimizer in (d_optimizer, g_optimizer):
        optimizer.zero_grad()
    loss.backward()
    for optimizer in (d_optimizer, g_optimizer):
        optimizer.step()
    return loss


def d_step_in_the_wrong_order(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
    loss = loss_by_labels(discriminator(real), discriminator(generator_network(z).detach()))
    loss.backward()
    d_optimizer.zero_grad()
    d_optimizer.step()
    return loss


def g_step_by_tutorial(*, label=1.0, detach=False, both=False, context=torch.enable_grad):
    def step(discriminator, generator_network, d_optimizer, g_optimizer, z):
        g_optimizer.zero_grad()
        d_optimizer.zero_grad()
        with context():
            fake = generator_network(z)
        logits = discriminator(fake.detach() if detach else fake)
        loss = bce_with_logits(logits, torch.full_like(logits, label))
        loss.backward()
        g_optimizer.step()
        if both:
            d_optimizer.step()
        return loss.item()

    return step


def g_step_with_one_optimizer_for_all(discriminator, generator_network, d_optimizer, g_optimizer, z):
    d_optimizer.zero_grad()
    g_optimizer.zero_grad()
    loss = ch05.g_loss(discriminator(generator_network(z)))
    loss.backward()
    g_optimizer.add_param_group({"params": list(discriminator.parameters()), "lr": 0.5})
    g_optimizer.step()
    return loss


@pytest.mark.parametrize(
    ("exercise", "name", "answer"),
    [
        (ch05.optimal_discriminator, "densities", lambda a, b: 1 / (1 + b.exp() / a.exp())),
        (ch05.optimal_discriminator, "swapped", lambda a, b: 1 - torch.sigmoid(a - b)),
        (ch05.discriminator_loss, "clamped", clamped_loss),
        (ch05.discriminator_loss, "half", halved_loss),
        (ch05.discriminator_loss, "concatenated", loss_of_one_batch),
        (ch05.discriminator_loss, "value", value_of_the_game),
        (
            ch05.discriminator_loss,
            "overflow",
            lambda r, f: -(torch.log(torch.sigmoid(r)).mean() + torch.log(1 - torch.sigmoid(f)).mean()),
        ),
        (
            ch05.discriminator_loss,
            "no_sigmoid_in_the_entropy",
            lambda r, f: bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f)),
        ),
        (ch05.discriminator_loss, "detached", lambda r, f: loss_by_labels(r, f).item()),
        (ch05.js_from_loss, "no_half", lambda loss: 2 * math.log(2) - loss),
        (ch05.js_from_loss, "bits", lambda loss: (math.log(2) - loss / 2) / math.log(2)),
        (ch05.js_from_loss, "clamped", lambda loss: torch.relu(math.log(2) - loss / 2)),
        (
            ch05.generator_losses,
            "minimax_sign",
            lambda s: (
                bce_with_logits(s, torch.zeros_like(s)),
                bce_with_logits(s, torch.ones_like(s)),
            ),
        ),
        (
            ch05.generator_losses,
            "overflow",
            lambda s: (torch.log(1 - s.sigmoid()).mean(), -torch.log(s.sigmoid()).mean()),
        ),
        (ch05.discriminator_step, "no_detach", d_step_by_tutorial(detach=False)),
        (ch05.discriminator_step, "no_zero_grad", d_step_by_tutorial(zero=False)),
        (ch05.discriminator_step, "swapped", d_step_by_tutorial(real_label=0.0)),
        (ch05.discriminator_step, "no_detach_no_zero", d_step_by_tutorial(detach=False, zero=False)),
        (ch05.discriminator_step, "both_step", d_step_that_moves_both),
        (ch05.discriminator_step, "no_step", d_step_in_the_wrong_order),
        (ch05.generator_step, "both_step", g_step_by_tutorial(both=True)),
        (ch05.generator_step, "both_step", g_step_with_one_optimizer_for_all),
        (ch05.generator_step, "discriminators_loss", g_step_by_tutorial(label=0.0)),
        (ch05.generator_step, "detached", g_step_by_tutorial(detach=True)),
        (ch05.generator_step, "detached", g_step_by_tutorial(context=torch.no_grad)),
        (
            ch05.frechet_diagonal,
            "root",
            lambda m, s, n, t: torch.sqrt((m - n).square().sum() + (s - t).square().sum()),
        ),
        (
            ch05.frechet_diagonal,
            "variances",
            lambda m, s, n, t: (m - n).pow(2).sum() + (s.pow(2) - t.pow(2)).pow(2).sum(),
        ),
    ],
)
def test_mistakes_as_popular_code_makes_them_are_recognised(exercise, name, answer):
    assert said(exercise, answer) == exercise.mistake_messages[name]


def test_saturation_is_told_the_right_way_round():
    """Pitfall 9: the minimax loss saturates where D is near 0, not where it is near 1."""
    assert "saturates, where D is near 0" in ch05.generator_losses.mistake_messages["swapped"]
    caught = torch.tensor([-20.0], requires_grad=True)
    minimax, non_saturating = ch05.generator_losses_reference(caught)
    assert abs(torch.autograd.grad(minimax, caught)[0]) < 1e-8
    assert abs(torch.autograd.grad(non_saturating, caught)[0]) > 0.99


def test_the_missing_detach_and_the_second_player_are_named():
    """Pitfall 12, both halves."""
    assert "detach()" in ch05.discriminator_step.mistake_messages["no_detach"]
    assert "only g_optimizer makes a step" in ch05.generator_step.mistake_messages["both_step"]


# ---- the steps: what the check looks at, and errors in words


def test_a_step_starts_from_the_same_networks_at_every_check():
    state = torch.get_rng_state()
    first, second = ch05.two_players(3, 0), ch05.two_players(3, 0)
    assert torch.equal(state, torch.get_rng_state())
    assert all(
        torch.equal(ch05.weights_of(a), ch05.weights_of(b)) for a, b in zip(first, second, strict=True)
    )
    before = ch05.weights_of(ch05.discriminator_step.cases[0][0])
    ch05.discriminator_step.check(d_step_of_a_tutorial)
    assert torch.equal(before, ch05.weights_of(ch05.discriminator_step.cases[0][0]))


def test_the_second_case_has_logits_that_could_be_probabilities():
    for exercise in (ch05.discriminator_step, ch05.generator_step):
        discriminator, generator_network, *real, z = exercise.cases[1]
        logits = discriminator(torch.cat([generator_network(z), *real]))
        assert 0 < logits.min() < logits.max() < 1


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (ch05.optimal_discriminator, lambda log_p, log_q: torch.sigmoid(log_p), "On case 1 of 3"),
        (ch05.discriminator_loss, lambda r, f: loss_by_labels(r, f) * 3, "exactly 3 times"),
        (ch05.discriminator_loss, lambda r, f: functional.softplus(-r), "`value` has shape (6,)"),
        (ch05.discriminator_loss, lambda r, f: loss_by_labels(r, f.detach()), "gradient_to_fake_logits"),
        (ch05.js_from_loss, lambda loss: None, "is there a `return`"),
        (ch05.generator_losses, lambda s: -functional.softplus(s).mean(), "return minimax, non_saturating"),
        (ch05.generator_losses, lambda s: (1, 2, 3), "two numbers are asked for"),
        (ch05.discriminator_step, lambda *a: None, "is there a `return`"),
        (ch05.discriminator_step, lambda d, g, real, z: None, "could not be called"),
        (ch05.discriminator_step, lambda d, g, do, go, real, z: d(z[:, :1]), "RuntimeError"),
        (ch05.generator_step, lambda d, g, do, go, z: torch.tensor(0.0), "`loss` is zero everywhere"),
        (
            ch05.frechet_diagonal,
            lambda m, s, n, t: 3 * ch05.frechet_diagonal_reference(m, s, n, t),
            "3 times",
        ),
    ],
)
def test_other_answers_are_told_what_is_wrong(exercise, answer, words):
    assert words in said(exercise, answer)


def test_a_step_before_backward_is_told_in_words_and_other_errors_as_they_are():
    def d_step(discriminator, generator_network, d_optimizer, g_optimizer, real, z):
        loss = loss_by_labels(discriminator(real), discriminator(generator_network(z).detach()))
        d_optimizer.step()
        loss.backward()
        return loss

    def g_step(discriminator, generator_network, d_optimizer, g_optimizer, z):
        loss = ch05.g_loss(discriminator(generator_network(z)))
        g_optimizer.step()
        loss.backward()
        return loss

    def twice(discriminator, generator_network, d_optimizer, g_optimizer, z):
        loss = ch05.g_loss(discriminator(generator_network(z)))
        loss.backward()
        loss.backward()
        return loss

    assert "backward() comes after step()" in said(ch05.discriminator_step, d_step)
    assert "backward() comes after step()" in said(ch05.generator_step, g_step)
    assert "a second time" in said(ch05.generator_step, twice)


def test_numbers_in_the_questions_are_computed():
    assert f"{ch05.js_from_loss_reference(torch.tensor(0.9)).item():.2f}" == "0.24"
    assert "0.24" in ch05.which_side.text
    assert f"{math.log(4):.3f}" in ch05.coin.text
    a, b = seeded(50, 3), seeded(40, 3, seed=1) + 1
    ratio = metrics.frechet_distance(2 * a, 2 * b) / metrics.frechet_distance(a, b)
    assert ratio == pytest.approx(4, rel=1e-4)  # as `two_judges` says of features that are doubled
    at_a_cut_off = -math.log(1e-8)  # as the message about the 1e-8 says
    assert 18 < at_a_cut_off < 19
    assert 0.5 < torch.sigmoid(torch.tensor(1.0)) < 0.7311


def test_pitfall_13_is_a_question():
    right = next(choice for choice in ch05.losses_tell.choices.values() if choice.right)
    assert "do not tell" in right.text
