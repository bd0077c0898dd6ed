import inspect
import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from course_utils import pretrained, weights
from course_utils.data import CREATURE_ATTRIBUTES
from course_utils.history import History
from course_utils.pretrained import __main__ as command
from course_utils.pretrained import making
from course_utils.pretrained.making import RECIPES, make, recipe

CARD_KEYS = {
    "bytes",
    "command",
    "data",
    "figures",
    "licence",
    "machine",
    "name",
    "parameters",
    "recipe",
    "seconds",
    "seed",
    "seeds",
    "sha256",
    "steps",
    "stored_as",
}


N_OPTIMIZERS = {
    "gan_mnist": 2,
    "cgan_mnist": 2,
    "text_to_creature": 2,
    "outline_to_creature": 2,
    "cyclegan_stripes": 3,
}  # where there are several players
N_BEFORE = {"text_to_creature": 1}  # steps of matching before the game
ALL_AT_ONCE = {
    "text_to_creature",
    "outline_to_creature",
    "cyclegan_stripes",
}  # all of their figures take seconds


# What is stored


def test_every_recipe_is_stored_and_nothing_else():
    assert pretrained.available() == list(RECIPES)
    stems = {path.stem for path in weights.FOLDER.iterdir() if path.suffix in (".json", ".safetensors")}
    assert stems == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_the_card(name):
    card = pretrained.card(name)
    assert set(card) == CARD_KEYS
    assert card["command"] == f"python -m course_utils.pretrained {name}"
    assert (weights.FOLDER.parents[2] / card["recipe"]).is_file()
    assert (card["seed"], card["steps"]) == (recipe(name).SEED, recipe(name).N_STEPS), "of another recipe"
    assert card["seeds"][card["seed"]] in card["figures"].values()
    assert card["bytes"] == (weights.FOLDER / f"{name}.safetensors").stat().st_size < 2e6
    assert card["seconds"] > 0


@pytest.mark.parametrize("name", RECIPES)
def test_a_figure_recomputed(name):
    model = pretrained.load(name)
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert sum(parameter.numel() for parameter in model.parameters()) == pretrained.card(name)["parameters"]
    figures = pretrained.card(name)["figures"]
    measured = recipe(name).measure(model, quick=name not in ALL_AT_ONCE)
    assert set(measured) == set(figures) if name in ALL_AT_ONCE else measured
    for figure, value in measured.items():
        # The figures are those of the stored weights, but another machine adds in another order: 1 in 10,000
        # of an error, 2 of the 10,000 test images.
        assert value == pytest.approx(figures[figure], rel=1e-4, abs=2e-4), figure


def test_what_the_course_promises():
    figures = {name: pretrained.card(name)["figures"] for name in RECIPES}
    assert figures["autoencoder_mnist_2d"]["label accuracy of the 15 nearest codes"] >= 0.8
    assert figures["judge_mnist"]["test accuracy"] >= 0.989
    assert figures["judge_creatures"]["lowest accuracy of an attribute"] >= 0.98
    sixteen = figures["autoencoder_mnist_16d"]
    order = ("N(0, I)", "one fitted Gaussian", "a fitted mixture of 100", "test reconstructions")
    standard, gaussian, mixture, reconstructions = (sixteen[f"judge sure of {what}"] for what in order)
    assert standard + 0.2 < gaussian < mixture - 0.3
    assert mixture < reconstructions < mixture + 0.05
    assert figures["cvae_mnist"]["judge agrees with the digit asked for"] >= 0.95
    for kind, least in (("seen", 0.95), ("held-out colours", 0.95), ("held-out bodies", 0.92)):
        assert figures["cvae_creatures"][f"lowest accuracy of an attribute, {kind}"] >= least
    bound, estimate = "test ELBO, nats", "test log p(x) by 5,000 importance samples, nats"
    for name, reached in (("vae_mnist", -88), ("iwae_mnist", -87), ("vae_mnist_silent", -91)):
        assert figures[name][bound] < figures[name][estimate]
        assert figures[name][estimate] > reached
    assert figures["vae_mnist_silent"][estimate] < figures["vae_mnist"][estimate]
    assert figures["iwae_mnist"][bound] < figures["vae_mnist"][bound], "it was not asked for a close q"
    assert figures["iwae_mnist"][estimate] > figures["vae_mnist"][estimate]
    convolutional = figures["vae_mnist_convolutional"]
    assert convolutional[bound] > figures["vae_mnist"][bound] + 1
    assert (
        convolutional["test log p(x) by 1,000 importance samples, nats"] > figures["vae_mnist"][estimate] + 1
    )
    digits = figures["gan_mnist"]
    assert digits["Fréchet distance of 10,000 samples to the test images, in floors"] <= 7
    assert digits["recall"] >= 0.8
    told = figures["cgan_mnist"]
    assert told["judge agrees with the digit asked for"] >= 0.97
    assert told["Fréchet distance of 10,000 samples to the test images, in floors"] <= 4
    assert told["test accuracy of a classifier trained on 60,000 samples"] >= 0.93
    apart = [told[f"two {kind} of one digit apart, RMS"] for kind in ("samples", "test images")]
    assert 0.9 < apart[0] / apart[1] < 1.1, "as varied as real digits"
    assert figures["text_to_creature"]["lowest agreement of an attribute, seen"] >= 0.9
    outlines = figures["outline_to_creature"]
    assert outlines["lowest agreement of a visible attribute"] >= 0.8
    assert min(outlines[f"share, {colour}"] for colour in CREATURE_ATTRIBUTES["colour"]) >= 0.1, (
        "it does choose"
    )
    stripes = figures["cyclegan_stripes"]
    assert min(stripes["to_striped: pattern"], stripes["to_plain: pattern"]) >= 0.95
    assert stripes["lowest share of a change or a stay"] >= 0.9
    assert figures["pixelcnn_mnist"]["test log p(x), nats"] >= -85
    pixels = figures["pixelcnn_creatures"]
    assert min(pixels[f"samples: {name}"] for name in ("size", "body", "colour", "time")) >= 0.9
    assert pixels["log p(x | attributes), nats"] > pixels["log p(x | attributes of another), nats"] + 1_000
    tiles = figures["vqvae_mnist"]
    assert tiles["Fréchet distance of reconstructions to the test images, in floors"] <= 2
    assert tiles["perplexity of the codes"] > 40
    prior = figures["vqvae_prior_mnist"]
    assert prior["Fréchet distance of 10,000 samples to the test images, in floors"] <= 10
    assert prior["judge agrees with the digit asked for"] >= 0.95
    levels = figures["vqvae_creatures"]
    for attribute in ("colour", "time"):
        assert levels[f"exchanged, the top's {attribute}"] >= 0.85, "chapter 10 says what the top map holds"


@pytest.mark.parametrize("name", ["autoencoder_mnist_2d", "autoencoder_mnist_16d"])
def test_a_decoder_by_hand(name):
    """What a widget computes from the layers, here in NumPy; and it is small enough to be sent as float16."""
    model = pretrained.load(name)
    z = torch.randn(20, model.latent_dim, generator=torch.Generator().manual_seed(0)) * 3
    h = z.numpy().astype(np.float64)
    for layer in model.decoder:
        if isinstance(layer, nn.Linear):
            h = h @ layer.weight.numpy().T.astype(np.float64) + layer.bias.numpy()
        elif isinstance(layer, nn.SiLU):
            h = h / (1 + np.exp(-h))
        elif isinstance(layer, nn.Sigmoid):
            h = 1 / (1 + np.exp(-h))
        else:
            assert isinstance(layer, nn.Unflatten)
            h = h.reshape(-1, *layer.unflattened_size)
    np.testing.assert_allclose(model.decode(z).numpy(), h, atol=1e-4)
    assert h.std() > 0.1
    assert sum(parameter.numel() for parameter in model.decoder.parameters()) * 2 < 1e6


def test_loading_draws_nothing_and_gives_a_fresh_module():
    state = torch.get_rng_state()
    first, second = pretrained.load("judge_mnist"), pretrained.load("judge_mnist")
    assert torch.equal(torch.get_rng_state(), state)
    first.output.bias.zero_()
    assert second.output.bias.abs().max() > 0


def test_unknown_names():
    for function in (pretrained.load, pretrained.card):
        with pytest.raises(ValueError, match=r"name must be one of 'autoencoder_mnist_16d', .*, got 'vae'"):
            function("vae")


# How it is made


@pytest.fixture
def quick(monkeypatch):
    """Recipes that do not measure; training is what these tests look at."""
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    for name in RECIPES:
        monkeypatch.setattr(recipe(name), "measure", lambda model, quick=False: {})


def stop_after(monkeypatch, n_steps):
    """Press Ctrl-C in the step of that number, counted over all trainings from here."""
    step, done = torch.optim.Adam.step, []

    def step_and_stop(self, *arguments, **settings):
        step(self, *arguments, **settings)
        done.append(1)
        if len(done) == n_steps:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(torch.optim.Adam, "step", step_and_stop)


@pytest.mark.parametrize("name", RECIPES)
def test_interrupted_is_as_uninterrupted(name, tmp_path, quick, monkeypatch, capfd):
    settings = {"n_steps": 5, "checkpoints": tmp_path / "checkpoints"}
    whole = make(name, folder=tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        stop_after(patch, N_BEFORE.get(name, 0) + 2 * N_OPTIMIZERS.get(name, 1))
        torch.rand(1)  # whatever was drawn before
        assert make(name, folder=tmp_path / "parts", **settings) is None
        assert not (tmp_path / "parts").exists()
    parts = make(name, folder=tmp_path / "parts", **settings)
    assert "2 of 5 steps were done before" in capfd.readouterr().out
    assert parts["sha256"] == whole["sha256"]
    assert set(parts) == CARD_KEYS - {"seeds"}
    assert list((tmp_path / "checkpoints").iterdir()) == []
    other = make(name, seed=1, folder=tmp_path / "other", **settings)
    assert other["sha256"] != whole["sha256"]
    assert other["seed"] == 1


def test_the_reader_of_captions_is_matched_once_and_copied(tmp_path, monkeypatch):
    how, seen = recipe("text_to_creature"), []

    def look(model, discriminator, *_, **settings):
        seen.append((model.condition.state_dict(), discriminator.condition.state_dict()))
        return History()

    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setattr(how, "N_TRAINING", 200)
    monkeypatch.setattr(how, "fit_gan", look)
    settings = {"seed": 0, "n_steps": 8, "checkpoint": tmp_path / "game.pt"}
    how.train(**settings)
    settings["checkpoint"].touch()
    monkeypatch.setattr(how, "fit_matching", None)  # the game has begun: it goes on from its checkpoint
    how.train(**settings)
    (reader, matched), (_, untrained) = seen
    for key, weight in matched.items():
        assert torch.equal(reader[key], weight)
        assert not torch.equal(weight, untrained[key])


def test_figures_are_those_of_the_stored_weights(tmp_path, monkeypatch):
    seen = []
    how = recipe("autoencoder_mnist_2d")
    monkeypatch.setattr(how, "measure", lambda model, quick=False: {"sum": seen.append(model) or 1.0})
    card = make("autoencoder_mnist_2d", n_steps=2, folder=tmp_path, checkpoints=tmp_path)
    loaded = weights.load("autoencoder_mnist_2d", how.build, folder=tmp_path)
    for measured, stored in zip(seen[0].parameters(), loaded.parameters(), strict=True):
        assert torch.equal(measured, stored)
    assert card["figures"] == {"sum": 1.0}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_alike(name):
    how = recipe(name)
    assert list(inspect.signature(how.train).parameters) == ["seed", "n_steps", "checkpoint"]
    assert list(inspect.signature(how.measure).parameters) == ["model", "quick"]
    assert how.__doc__
    assert how.DATA


def test_the_command(tmp_path, quick, capsys):
    places = ["--folder", str(tmp_path / "files"), "--checkpoints", str(tmp_path / "checkpoints")]
    assert command.main(["judge_mnist", "--steps", "2", "--seed", "3", *places]) == 0
    assert "judge_mnist: 0.37 MB, seed 3" in capsys.readouterr().out
    assert command.main(["--list", "--folder", str(tmp_path / "files")]) == 0
    assert "autoencoder_mnist_2d: not made yet\n" in (out := capsys.readouterr().out)
    assert "judge_mnist: 0.37 MB" in out
    assert command.main(["--list"]) == 0
    assert "test accuracy: 0.99" in capsys.readouterr().out


def test_ctrl_c_ends_the_command_as_shells_expect(tmp_path, quick, monkeypatch):
    stop_after(monkeypatch, 1)
    places = ["--folder", str(tmp_path), "--checkpoints", str(tmp_path)]
    assert command.main(["judge_mnist", "--steps", "3", *places]) == 130
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]


def test_mistakes_on_the_command_line(capsys):
    for arguments, message in (([], "give a NAME, or --list"), (["vae"], "invalid choice: 'vae'")):
        with pytest.raises(SystemExit) as error:
            command.main(arguments)
        assert error.value.code == 2
        assert message in capsys.readouterr().err


def test_checkpoints_are_ignored_by_git():
    ignored = (weights.FOLDER.parents[2] / ".gitignore").read_text().split()
    assert f"{making.CHECKPOINTS}/" in ignored
