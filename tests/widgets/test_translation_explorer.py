"""TranslationExplorer without a browser: its state, what it sends, and what it says to arguments that do not fit."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils import data
from course_utils.translation import ResidualTranslator, UNet, translate
from course_utils.widgets import TranslationExplorer

SHAPE = (16, 16)


def small_unet(seed=0, source=SHAPE, target=(3, *SHAPE), **sizes):
    """Untrained, its batch norm not at its start."""
    torch.manual_seed(seed)
    unet = UNet(source, target, **({"width": 4, "depth": 2} | sizes))
    for _ in range(5):
        unet(torch.rand(20, *source))
    return unet


def test_the_examples_are_drawn_creatures_with_their_true_pictures():
    explorer = TranslationExplorer(small_unet(), n_examples=5, seed=3)
    outlines, images, _ = data.outlined_creatures(5, size=16, generator=torch.Generator().manual_seed(3))
    assert np.frombuffer(explorer._examples, np.uint8).size == outlines.numel()
    sent = np.frombuffer(explorer._truths, np.uint8).reshape(images.shape)
    np.testing.assert_allclose(sent / 255, images, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(explorer.outline, outlines[0], atol=0.5 / 255 + 1e-6)
    assert explorer.example == 0
    assert explorer._shapes == {"source": [16, 16], "target": [3, 16, 16]}
    assert explorer.outline != TranslationExplorer(small_unet(), seed=4).outline


def test_outlines_of_ones_own():
    outlines = torch.linspace(0, 1, 3 * 256).reshape(3, 16, 16)
    explorer = TranslationExplorer(small_unet(), outlines, torch.zeros(2, 3, 16, 16))
    assert len(explorer._truths) == 2 * 3 * 256
    assert TranslationExplorer(small_unet(), outlines.numpy())._truths == b""
    grey = TranslationExplorer(small_unet(target=SHAPE), outlines, torch.zeros(3, 16, 16))
    assert grey._shapes["target"] == [1, 16, 16]


def test_what_the_browser_gets():
    unet = small_unet()
    explorer = TranslationExplorer({"one": unet, "two": small_unet(1)}, precision="float32")
    assert explorer.names == ["one", "two"]
    down = ["keep", "pixel_unshuffle", "convolution", "leaky_relu"]
    up = ["convolution", "pixel_shuffle", "leaky_relu", "join"]
    for layers in explorer._networks:
        assert [layer["kind"] for layer in layers] == [*down * 2, *up * 2, "convolution", "sigmoid"]
    one, two = (np.frombuffer(numbers, np.float32) for numbers in explorer._networks_numbers)
    assert len(one) == len(two)
    assert np.abs(one - two).max() > 0.01
    half = TranslationExplorer(unet)
    assert half.names == ["translation"]
    np.testing.assert_array_equal(
        np.frombuffer(half._networks_numbers[0], np.float16), one.astype(np.float16)
    )


def test_pictures_are_those_of_the_model_as_it_is_now():
    unet = small_unet()
    explorer = TranslationExplorer({"a": unet, "b": small_unet(1)}, n_examples=2)
    assert unet.training
    outline = torch.tensor(explorer.outline)[None]
    expected = translate(unet, outline)[0]
    made = explorer.pictures()
    torch.testing.assert_close(made["a"], expected)
    assert (made["a"] - made["b"]).abs().max() > 0.01
    with torch.no_grad():
        unet.output[0].weight.zero_()
    torch.testing.assert_close(explorer.pictures()["a"], expected)


def test_outline_and_example_agree():
    explorer = TranslationExplorer(small_unet(), n_examples=3)
    first = explorer.outline
    explorer.example = 2
    assert explorer.outline != first
    assert explorer.example == 2
    drawn = torch.ones(16, 16)
    drawn[3, 4] = 0.25
    explorer.outline = drawn
    assert explorer.example == -1
    assert explorer.outline[3][4] == 0.25
    explorer.example = 0
    assert explorer.outline == first
    explorer.outline = np.array(first)
    assert explorer.example == 0, "set to what it was"
    explorer.example = -1
    assert explorer.outline == first


def test_a_wrong_outline_or_example_is_refused_and_survived():
    explorer = TranslationExplorer(small_unet(), n_examples=3)
    before = explorer.outline
    for wrong in (torch.ones(16, 15), torch.ones(15, 16), torch.ones(0, 16)):
        with pytest.raises(TraitError, match="outline must be 16 rows of 16 numbers"):
            explorer.outline = wrong
    for value in (1.5, -0.1, float("nan"), float("inf")):
        with pytest.raises(TraitError, match="outline must hold numbers from 0, ink, to 1, paper"):
            explorer.outline = torch.full((16, 16), value)
    for wrong in (3, -2):
        with pytest.raises(
            TraitError, match=f"example must be from 0 to 2, or -1 for a drawing, got {wrong}"
        ):
            explorer.example = wrong
    assert (explorer.outline, explorer.example) == (before, 0)


def test_a_layer_that_the_browser_does_not_know_is_named():
    unet = small_unet()
    unet.output[1] = nn.Softplus()
    with pytest.raises(
        ValueError, match=r"cannot run the model 'new'.* the layer Softplus.*known are Linear"
    ):
        TranslationExplorer({"old": small_unet(), "new": unet})
    unet = small_unet()
    unet.up[0][3] = nn.BatchNorm2d(8)
    with pytest.raises(ValueError, match=r"cannot run the model 'translation': .* batch norm right after"):
        TranslationExplorer(unet)


def test_weights_that_cannot_be_sent_are_refused():
    unet = small_unet()
    with torch.no_grad():
        unet.output[0].bias[0] = 1e6
    with pytest.raises(ValueError, match="not finite in float16: send them as precision='float32'"):
        TranslationExplorer(unet)
    TranslationExplorer(unet, precision="float32")
    with torch.no_grad():
        unet.output[0].bias[0] = float("nan")
    with pytest.raises(ValueError, match="not finite in float32"):
        TranslationExplorer(unet, precision="float32")


def test_a_large_model_brings_a_warning():
    with pytest.warns(
        UserWarning, match=r"the model 'translation' has \d{3},\d{3} weights, more than 500,000"
    ):
        TranslationExplorer(UNet((24, 24), (3, 24, 24), width=26))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (lambda x: x, "must be a translation.UNet, or a mapping of names to some, got function"),
        (ResidualTranslator((3, 16, 16)), "must be a translation.UNet, .* got ResidualTranslator"),
        ({"a": nn.Identity()}, "must be a translation.UNet, .* got Identity"),
        ({1: small_unet()}, "models must have names that are strings, got 1"),
    ],
)
def test_models_of_wrong_types_are_named(models, message):
    with pytest.raises(TypeError, match=message):
        TranslationExplorer(models)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "models must be 1 to 3, to be seen side by side, got 0"),
        ({"models": {name: small_unet() for name in "abcd"}}, "models must be 1 to 3, .* got 4"),
        (
            {"models": small_unet(source=(3, 16, 16))},
            r"models must take grey pictures .* takes \(3, 16, 16\)",
        ),
        ({"models": small_unet(target=(2, 16, 16))}, r"ones of three colours, got \(2, 16, 16\)"),
        (
            {"models": {"a": small_unet(), "b": small_unet(source=(8, 8), target=(3, 8, 8))}},
            r"the same shapes, got 'a' from \(16, 16\) to \(3, 16, 16\), 'b' from \(8, 8\)",
        ),
        ({"models": small_unet(source=(8, 8), target=(3, 8, 8))}, "outlines must be given for a model of"),
        ({"outlines": torch.ones(2, 8, 8)}, r"outlines must have .* \(n, 16, 16\), got \(2, 8, 8\)"),
        ({"outlines": torch.ones(0, 16, 16)}, "outlines must be 1 to 48 pictures, got 0"),
        ({"outlines": torch.ones(49, 16, 16)}, "outlines must be 1 to 48 pictures, got 49"),
        ({"outlines": torch.full((1, 16, 16), 2.0)}, r"outlines must be in \[0, 1\], got values from 2 to 2"),
        ({"outlines": torch.full((1, 16, 16), torch.nan)}, r"outlines must be in \[0, 1\]"),
        (
            {"outlines": torch.ones(1, 16, 16), "images": torch.ones(1, 16, 16)},
            r"images must have .* \(n, 3, 16, 16\), got \(1, 16, 16\)",
        ),
        (
            {"outlines": torch.ones(1, 16, 16), "images": torch.ones(2, 3, 16, 16)},
            "images must be those of the first outlines, got 2 for 1 outlines",
        ),
        ({"images": torch.ones(1, 3, 16, 16)}, "images need the outlines that they belong to"),
        ({"n_examples": 0}, "n_examples must be at least 1, got 0"),
        ({"n_examples": 60}, "outlines must be 1 to 48 pictures, got 60"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"pen": 0}, "pen must be greater than 0, got 0"),
        ({"precision": "int8"}, "precision must be one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        TranslationExplorer(**{"models": small_unet(), **arguments})


def test_it_says_what_it_is_where_no_widget_can_be_shown():
    assert repr(TranslationExplorer(small_unet())).startswith("TranslationExplorer of translation: run this")
