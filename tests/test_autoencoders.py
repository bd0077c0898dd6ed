import itertools
import os
import signal

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from course_utils import training
from course_utils.autoencoders import (
    Autoencoder,
    add_noise,
    conv_autoencoder,
    fit_autoencoder,
    linear_autoencoder,
    mlp_autoencoder,
    squared_error,
)
from course_utils.data import load_mnist
from course_utils.history import History
from course_utils.networks import start_output_at


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small_images(n=64):
    return torch.rand(n, 4, 4, generator=generator(5))


# The objectives


def test_squared_error_is_summed_over_pixels():
    x, y = torch.randn(2, 5, 3, 4, 4, dtype=torch.float64).unbind()
    expected = [((a - b) ** 2).sum() for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    np.testing.assert_allclose(squared_error(x, y).numpy(), expected, rtol=1e-12)


def test_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match=r"shape of x, \(5, 4, 4\), got \(1, 4, 4\)"):
        squared_error(torch.zeros(5, 4, 4), torch.zeros(1, 4, 4))


# The modules


@pytest.mark.parametrize("shape", [(28, 28), (3, 8, 8)])
@pytest.mark.parametrize("make", [mlp_autoencoder, linear_autoencoder, conv_autoencoder])
def test_shapes(make, shape):
    model = make(shape, 5)
    assert (model.image_shape, model.latent_dim) == (shape, 5)
    x = torch.rand(6, *shape)
    z = model.encode(x)
    assert z.shape == (6, 5)
    torch.testing.assert_close(model(x), model.decode(z))
    assert model(x).shape == x.shape
    assert all(not list(layer.children()) for layer in model.decoder), "layer by layer, for a widget"


def test_what_the_output_can_be():
    z = 100 * torch.randn(50, 2)
    for make in (mlp_autoencoder, conv_autoencoder):
        sigmoid, linear = make((8, 8), 2).decode(z), make((8, 8), 2, output="linear").decode(z)
        assert 0 <= sigmoid.min() < sigmoid.max() <= 1
        assert linear.min() < 0
        with pytest.raises(ValueError, match="output must be one of 'sigmoid', 'linear', got 'tanh'"):
            make((8, 8), 2, output="tanh")


def test_a_linear_autoencoder_is_affine():
    model = linear_autoencoder((4, 4), 3).double()
    x, y = torch.randn(2, 5, 4, 4, dtype=torch.float64).unbind()
    torch.testing.assert_close(model(0.3 * x + 0.7 * y), 0.3 * model(x) + 0.7 * model(y))
    rank = torch.linalg.matrix_rank((model(torch.randn(50, 4, 4).double()) - model(x)[:1]).flatten(1))
    assert rank <= 6


def test_with_the_weights_of_pca_it_is_pca():
    x = small_images(200).double()
    pca = PCA(3).fit(x.flatten(1).numpy())
    model = linear_autoencoder((4, 4), 3).double()
    directions, mean = torch.from_numpy(pca.components_), torch.from_numpy(pca.mean_)
    with torch.no_grad():
        model.encoder[1].weight.copy_(directions)
        model.encoder[1].bias.copy_(-directions @ mean)
        model.decoder[0].weight.copy_(directions.T)
        model.decoder[0].bias.copy_(mean)
    expected = pca.inverse_transform(pca.transform(x.flatten(1).numpy())).reshape(-1, 4, 4)
    np.testing.assert_allclose(model(x).detach().numpy(), expected, atol=1e-12)


def test_making_one_counts_and_draws_nothing():
    norm = nn.BatchNorm1d(8)
    parts = (
        nn.Sequential(nn.Flatten(), nn.Linear(16, 2)),
        nn.Sequential(nn.Linear(2, 8), norm, nn.Dropout(), nn.Linear(8, 16), nn.Unflatten(1, (4, 4))),
    )
    state = torch.get_rng_state()
    model = Autoencoder(*parts)
    assert torch.equal(torch.get_rng_state(), state)
    assert norm.num_batches_tracked == 0
    assert all(module.training for module in model.modules())


def test_parts_that_do_not_fit():
    decoder = nn.Sequential(nn.Linear(2, 16), nn.Unflatten(1, (4, 4)))
    with pytest.raises(ValueError, match=r"codes that the decoder takes, of shape \(2,\), got \(3,\)"):
        Autoencoder(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), decoder)
    with pytest.raises(ValueError, match=r"images that the decoder gives, of shape \(4, 4\)"):
        Autoencoder(nn.Sequential(nn.Flatten(), nn.Linear(15, 2)), decoder)
    with pytest.raises(ValueError, match="decoder must hold a linear layer"):
        Autoencoder(nn.Sequential(nn.Flatten()), nn.Sequential(nn.Unflatten(1, (4, 4))))


def test_errors_name_the_cure():
    model = mlp_autoencoder((4, 4), 2, hidden=())
    with pytest.raises(
        ValueError, match=r"x must be images of shape \(batch, 4, 4\), got \(5, 16\); x.resha"
    ):
        model(torch.zeros(5, 16))
    with pytest.raises(ValueError, match=r"got \(4, 4\); x.unsqueeze\(0\) makes a batch of one"):
        model.encode(torch.zeros(4, 4))
    with pytest.raises(ValueError, match=r"z must be codes of shape \(batch, 2\), got \(5, 3\)$"):
        model.decode(torch.zeros(5, 3))
    with pytest.raises(TypeError, match=r"x must hold floating-point numbers, got torch.uint8; x.float\(\)"):
        model.encode(torch.zeros(1, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width\) or"):
        mlp_autoencoder((784,), 2)


# Training


def test_the_fit_of_a_linear_autoencoder_is_pca():
    images = load_mnist().images[:10_000]
    flat = images.flatten(1).numpy()
    pca = PCA(2).fit(flat)
    smallest = squared_error(
        torch.from_numpy(flat), torch.from_numpy(pca.inverse_transform(pca.transform(flat)))
    ).mean()
    model = linear_autoencoder((28, 28), 2)
    start_output_at(model.decoder, images.mean(0))
    fit_autoencoder(model, images, n_steps=1_500, learning_rate=5e-3, generator=generator())
    with torch.no_grad():
        error = squared_error(images, model(images)).mean()
    assert smallest * 0.9999 < error < smallest * 1.005
    directions = np.linalg.qr(model.decoder[0].weight.detach().numpy())[0]  # (784, 2)
    assert np.linalg.svd(pca.components_ @ directions, compute_uv=False).min() > 0.99


def test_denoising_finds_the_best_linear_filter():
    """For Gaussian x and noise the least error is that of x̂ = Σ(Σ + s²I)⁻¹ y, tr[Σ - Σ(Σ + s²I)⁻¹Σ]."""
    n, std = 8_192, 0.7
    mixing = torch.randn(4, 4, generator=generator(1), dtype=torch.float64)
    x = torch.randn(n, 4, generator=generator(2), dtype=torch.float64) @ mixing
    x -= x.mean(0)
    covariance = x.T @ x / n
    filtered = covariance @ torch.linalg.inv(covariance + std**2 * torch.eye(4, dtype=torch.float64))
    images = x.reshape(n, 2, 2)
    model = linear_autoencoder((2, 2), 4).double()
    fit_autoencoder(model, images, n_steps=1_500, learning_rate=2e-2, noise=std, generator=generator())
    total = (model.decoder[0].weight @ model.encoder[1].weight).detach()
    # Of 1,500 batches of 256, the last few hundred count: a few hundredths of the filter's entries.
    torch.testing.assert_close(total, filtered, rtol=0, atol=0.03)


def spying(seen):
    def objective(x, reconstruction):
        seen.append(x)
        return squared_error(x, reconstruction)

    return objective


def test_the_input_is_corrupted_and_the_target_is_clean():
    images, targets, inputs = small_images(), [], []

    def noise(x, *, generator):
        inputs.append(add_noise(x, 0.5, generator=generator))
        return inputs[-1]

    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    model.encoder.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    settings = {"n_steps": 3, "batch_size": 16, "generator": generator()}
    fit_autoencoder(model, images, objective=spying(targets), noise=noise, **settings)
    clean = {tuple(image.flatten().tolist()) for image in images}
    assert all(tuple(image.flatten().tolist()) in clean for image in torch.cat(targets))
    for made, used, target in zip(inputs[::2], inputs[1::2], targets, strict=True):
        assert torch.equal(made, used)
        assert (used - target).abs().mean() > 0.2


def test_with_a_generator_of_its_own_a_training_draws_nothing_else():
    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    state = torch.get_rng_state()
    fit_autoencoder(model, small_images(), n_steps=3, batch_size=16, noise=0.2, generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_has_its_standard_deviation_and_its_generator():
    x = torch.zeros(1_000, 10, 10, dtype=torch.float64)
    noisy = add_noise(x, 0.3, generator=generator())
    # 100,000 draws: the sample's deviation has a standard error of 0.3/√200,000; 5 of them
    assert noisy.std().item() == pytest.approx(0.3, abs=5 * 0.3 / 200_000**0.5)
    assert torch.equal(noisy, add_noise(x, 0.3, generator=generator()))
    assert torch.equal(add_noise(x, 0, generator=generator()), x)
    with pytest.raises(ValueError, match="std must be at least 0, got -1"):
        add_noise(x, -1)


def test_the_fit_is_the_plain_loop():
    images = small_images()
    start = mlp_autoencoder((4, 4), 2, hidden=(8,)).state_dict()

    def fresh():
        model = mlp_autoencoder((4, 4), 2, hidden=(8,))
        model.load_state_dict(start)
        return model

    fitted = fresh()
    settings = {"n_steps": 20, "batch_size": 16, "learning_rate": 0.01, "average": 0.9}
    history = fit_autoencoder(fitted, images, generator=generator(), **settings)

    plain, losses = fresh(), []
    average = training.Average(plain, 0.9)
    batches = training.batches(images, 16, generator=generator())
    optimizer = torch.optim.Adam(plain.parameters(), fused=True)
    with training.threads(1):
        for step in range(20):
            optimizer.param_groups[0]["lr"] = 0.01 * (1 + np.cos(np.pi * step / 20)) / 2
            x = next(batches)
            loss = ((x - plain(x)) ** 2).sum((1, 2)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update()
            losses.append(loss.item())
    assert history["loss"] == pytest.approx(losses, rel=1e-5)
    for got, wanted in zip(fitted.parameters(), average.module.parameters(), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("own_generator", [True, False])
def test_interrupted_is_as_uninterrupted(tmp_path, capfd, own_generator):
    images = small_images()

    def train(checkpoint, stop_at=None):
        torch.manual_seed(0)
        model = mlp_autoencoder((4, 4), 2, hidden=(8,))
        done = itertools.count(1)

        def measure(model):
            if next(done) == stop_at:
                os.kill(os.getpid(), signal.SIGINT)
            return {"first": model.encoder[1].weight[0, 0]}

        history = fit_autoencoder(
            model,
            images,
            n_steps=12,
            batch_size=16,
            noise=0.2,
            average=0.9,
            generator=generator() if own_generator else None,
            checkpoint=checkpoint,
            measure=measure,
            measure_every=1,
        )
        return model, history

    whole, whole_history = train(tmp_path / "whole.pt")
    _, history = train(tmp_path / "parts.pt", stop_at=5)
    assert history.interrupted
    assert len(history["loss"]) == 5
    resumed, history = train(tmp_path / "parts.pt")
    assert "5 of 12 steps were done before" in capfd.readouterr().out
    assert history.state_dict() == whole_history.state_dict()
    for got, wanted in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(got, wanted)
    # A finished training is restored, and nothing is trained.
    again, _ = train(tmp_path / "parts.pt")
    assert torch.equal(again.decoder[0].weight, whole.decoder[0].weight)


def test_with_a_generator_nothing_else_is_drawn_from():
    model, state = mlp_autoencoder((4, 4), 2, hidden=(8,)), torch.get_rng_state()
    fit_autoencoder(model, small_images(), n_steps=3, batch_size=16, noise=0.1, generator=generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_when_it_measures():
    def measure(model):
        assert not torch.is_grad_enabled()
        return {"weight": model.decoder[0].weight.norm()}

    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    settings = {"n_steps": 7, "batch_size": 16, "measure": measure}
    history = fit_autoencoder(model, small_images(), measure_every=3, **settings)
    assert history.steps("weight") == [2, 5, 6]
    assert history.last("weight") == model.decoder[0].weight.norm().item()
    assert history.steps("loss") == list(range(7))


def test_the_last_steps_are_small():
    weights = []

    def measure(model):
        weights.append(model.decoder[0].weight.clone())
        return {}

    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    fit_autoencoder(
        model,
        small_images(),
        n_steps=100,
        batch_size=16,
        learning_rate=0.01,
        measure=measure,
        measure_every=1,
    )
    changes = [float((b - a).abs().max()) for a, b in itertools.pairwise(weights)]
    assert changes[-1] < 1e-4 < 5e-3 < max(changes[:20])


def test_it_computes_on_one_thread():
    seen = []

    def measure(model):
        seen.append(torch.get_num_threads())
        return {}

    with training.threads(2):
        model = mlp_autoencoder((4, 4), 2, hidden=(8,))
        fit_autoencoder(model, small_images(), n_steps=1, batch_size=16, measure=measure)
        assert torch.get_num_threads() == 2
    assert seen == [1]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps must be at least 1"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be greater than 0"),
        ({"noise": -0.5}, ValueError, "noise must be at least 0"),
        ({"average": 1.0}, ValueError, "decay must be less than 1"),
        ({"batch_size": 65}, ValueError, "size must be at most the number of examples, 64"),
        ({"measure_every": 0}, ValueError, "measure_every must be at least 1"),
        ({"images": torch.zeros(64, 16)}, ValueError, r"images must be images of shape \(batch, 4, 4\)"),
        ({"images": torch.full((64, 4, 4), torch.nan)}, ValueError, "images contains NaN or infinity"),
        ({"objective": lambda x, y: y.sum() * torch.nan}, FloatingPointError, "loss became NaN in step 0"),
    ],
)
def test_bad_arguments(changes, error, message):
    arguments = {"images": small_images(), "n_steps": 3, "batch_size": 16} | changes
    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    with pytest.raises(error, match=message):
        fit_autoencoder(model, arguments.pop("images"), **arguments)


def test_it_returns_a_history():
    model = mlp_autoencoder((4, 4), 2, hidden=(8,))
    assert isinstance(fit_autoencoder(model, small_images(), n_steps=1, batch_size=16), History)
