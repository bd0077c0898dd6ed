"""PixelStepper without a browser: its state, what it sends, and what it says to arguments that do not fit."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from course_utils import autoregressive as ar
from course_utils.conditions import Embedding, OneHot
from course_utils.widgets import PixelStepper
from course_utils.widgets.masked_reading import coins

SHAPE = (5, 6)
KINDS = {"PixelCNN": ar.PixelCNN, "GatedPixelCNN": ar.GatedPixelCNN}


def small(kind="PixelCNN", shape=SHAPE, **settings):
    """A small model with random weights, none of which makes all pixels black or white."""
    model = KINDS[kind](shape, **({"width": 8, "n_blocks": 1, "first_kernel": 3} | settings))
    model = ar.with_random_weights(model, generator=torch.Generator().manual_seed(0))
    if shape == SHAPE and model.n_levels == 2:
        label = () if model.condition is None else (torch.zeros(1, len(model.condition.n_values)).long(),)
        model.last.bias -= model(torch.eye(*shape)[None], *label).mean()
    return model


def told(n=3):
    """One that is told a class, and listens to it."""
    model = small("GatedPixelCNN", condition=OneHot((n,)))
    model.blocks[0].told.weight *= 10
    return model


def test_it_begins_with_an_empty_image():
    stepper = PixelStepper(small())
    assert (stepper.position, stepper.given, stepper.seed, stepper.label) == (0, [], 0, 0)
    assert (stepper.names, stepper.model_name, stepper.classes) == (["model"], "model", [])
    assert stepper.show_field
    assert not stepper.show_blind_spot


def test_what_the_browser_gets():
    plain, gated = small(), told()
    stepper = PixelStepper({"one": plain, "two": gated}, torch.eye(5, 6)[None].repeat(2, 1, 1))
    assert stepper.names == ["one", "two"]
    assert [network["kind"] for network in stepper._networks] == ["one stack", "two stacks"]
    seen_in_first = 4 * 8 + 8 + 30 * 8  # four taps of the 3×3 kernel, the bias, the places
    block = (8 * 4 + 4) + (5 * 4 * 4 + 4) + (4 * 8 + 8)
    end = (8 * 8 + 8) + (8 + 1) + 30
    assert len(stepper._networks_numbers[0]) == 2 * (seen_in_first + block + end)
    exact = PixelStepper({"one": plain}, precision="float32")
    np.testing.assert_array_equal(
        np.frombuffer(stepper._networks_numbers[0], np.float16),
        np.frombuffer(exact._networks_numbers[0], np.float32).astype(np.float16),
    )
    assert stepper._told[0] == b""
    table = np.frombuffer(stepper._told[1], np.float32).reshape(3, 1, 4 * 8)
    np.testing.assert_allclose(table[2, 0], gated.blocks[0].told.weight[:, 2].detach().half(), rtol=1e-6)
    np.testing.assert_array_equal(np.frombuffer(stepper._images, np.uint8).reshape(2, 5, 6)[1], np.eye(5, 6))
    assert stepper.classes == ["0", "1", "2"]
    assert PixelStepper(told(), classes=["a", "b", "c"]).classes == ["a", "b", "c"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_pixel_is_decided_by_its_coin(kind):
    stepper = PixelStepper(small(kind), precision="float32", seed=3)
    image = stepper.image()
    with torch.no_grad():
        p_white = torch.sigmoid(small(kind)(image[None])[0])
    assert torch.equal(image.flatten() == 1, coins(3, 30) < p_white.flatten())
    assert 3 < image.sum() < 27
    stepper.seed = 4
    assert not torch.equal(stepper.image(), image)


def test_what_is_given_stays_and_the_rest_is_drawn_with_the_same_coins():
    stepper = PixelStepper(small(), precision="float32")
    before = stepper.image().flatten()
    stepper.given = [*before[:10].int().tolist(), 1 - int(before[10])]
    after = stepper.image().flatten()
    assert torch.equal(after[:10], before[:10])
    assert after[10] != before[10]
    with torch.no_grad():
        p_white = torch.sigmoid(small()(after.view(1, *SHAPE))[0]).flatten()
    assert torch.equal(after[11:] == 1, (coins(0, 30) < p_white)[11:])
    stepper.given = torch.ones(SHAPE)
    assert stepper.given == [1] * 30
    assert (stepper.image() == 1).all()
    stepper.given = np.zeros(4, dtype=int)
    assert stepper.given == [0] * 4


def test_the_class_matters():
    stepper = PixelStepper(told(), precision="float32", seed=1)
    images = []
    for label in range(3):
        stepper.label = label
        image = stepper.image()
        with torch.no_grad():
            p_white = torch.sigmoid(told()(image[None], torch.tensor([label]))[0])
        assert torch.equal(image.flatten() == 1, coins(1, 30) < p_white.flatten())
        images.append(image)
    assert not torch.equal(images[0], images[1]) or not torch.equal(images[0], images[2])


def test_it_keeps_the_weights_of_now():
    model = small()
    stepper = PixelStepper(model)
    before = stepper.image()
    with torch.no_grad():
        model.last_place.map.fill_(100)
    assert torch.equal(stepper.image(), before)
    assert model.training


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("position", 31, "position must be from 0 to 30, got 31"),
        ("position", -1, "position must be from 0 to 30, got -1"),
        ("seed", 2**32, "seed must be from 0 to 4,294,967,295"),
        ("label", 3, "label must be from 0 to 2, got 3"),
        ("speed", 100, "speed must be one of 2, 10, 40, 150, 600, 3000, got 100"),
        ("model_name", "three", "model_name must be one of one, two, got 'three'"),
        ("given", [0, 2], "given must hold zeros and ones"),
        ("given", [0] * 31, "given must have at most 30 pixels, got 31"),
        ("given", torch.full(SHAPE, 0.5), "given"),
    ],
)
def test_wrong_values_are_refused_and_survived(name, value, message):
    stepper = PixelStepper({"one": small(), "two": told()})
    before = getattr(stepper, name)
    with pytest.raises(TraitError, match=message):
        setattr(stepper, name, value)
    assert getattr(stepper, name) == before


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (ar.MADE(SHAPE, hidden=(60,)), "PixelCNN or GatedPixelCNN, or a mapping .* got MADE"),
        ({"a": ar.RowLSTM(SHAPE, width=4)}, "PixelCNN or GatedPixelCNN, .* got RowLSTM"),
        ({1: small()}, "models must have names that are strings, got 1"),
    ],
)
def test_models_of_other_kinds_are_named(models, message):
    with pytest.raises(TypeError, match=message):
        PixelStepper(models)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "models must be 1 to 3, got 0"),
        ({"models": {name: small() for name in "abcd"}}, "models must be 1 to 3, got 4"),
        ({"models": small(shape=(3, 5, 6), width=12)}, r"'model' draws \(3, 5, 6\) with 2 levels"),
        (
            {"models": small(n_levels=4)},
            r"grey images .* two levels, .* 'model' draws \(5, 6\) with 4 levels",
        ),
        ({"models": small(as_one_hot=True)}, "with 2 levels, read as one-hot"),
        ({"models": small(mask_types=("B", "B"))}, "masks of type A in the first layer and B .* has B and B"),
        ({"models": small(mask_types=("A", "A"))}, "has A and A"),
        (
            {"models": {"a": small(), "b": small(shape=(4, 4))}},
            r"images of one shape, got 'a' \(5, 6\), 'b' \(4, 4\)",
        ),
        ({"models": small(shape=(65, 64))}, "at most 4,096 pixels, got 65×64"),
        (
            {"models": small("GatedPixelCNN", condition=Embedding((3, 4), 2))},
            "a condition of one attribute, .* 'model' has Embedding",
        ),
        ({"models": {"a": told(3), "b": told(4)}}, "the same number of values, got 'a' 3, 'b' 4"),
        ({"classes": ["a"]}, "a name for each of the 0 values of the condition, got 1"),
        ({"models": told(), "classes": ["a", "b"]}, "each of the 3 values of the condition, got 2"),
        ({"images": torch.zeros(2, 5, 5)}, r"images must have shape \(n, 5, 6\) .* got \(2, 5, 5\)"),
        ({"images": torch.zeros(17, 5, 6)}, "with n from 1 to 16"),
        ({"images": torch.full((1, 5, 6), 0.5)}, "images must hold zeros and ones; data.binarize"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": 2**32}, "seed must be at most 4,294,967,295"),
        ({"precision": "int8"}, "precision must be one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        PixelStepper(**{"models": small(), **arguments})


def test_names_of_classes_are_a_sequence():
    with pytest.raises(TypeError, match="classes must be a sequence of names, got 'abc'"):
        PixelStepper(told(), classes="abc")


def test_weights_that_cannot_be_sent_are_refused():
    model = small()
    with torch.no_grad():
        model.last.bias[0] = 1e6
    with pytest.raises(ValueError, match="'model' has weights that are not finite in float16: send them as"):
        PixelStepper(model)
    PixelStepper(model, precision="float32")
    with torch.no_grad():
        model.last.bias[0] = float("nan")
    with pytest.raises(ValueError, match="not finite in float32"):
        PixelStepper(model, precision="float32")


def test_it_says_what_it_is_where_no_widget_can_be_shown():
    assert repr(PixelStepper(small())) == "PixelStepper of model, 5×6: run this cell in Jupyter to draw"
