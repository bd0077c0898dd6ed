"""CaptionExplorer without a browser: its state, what it sends, and what it answers to the browser's questions."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils import data
from course_utils.conditions import BagOfWords, OneHot, WordGRU
from course_utils.gan import ConditionalGenerator, dcgan_generator, pixelshuffle_generator
from course_utils.widgets import CaptionExplorer

WORDS = data.Vocabulary(["a red cat", "a blue dog at night", "with one eye and two horns"])
CREATURES = data.creature_vocabulary()
SETTINGS = {"captions": ["a red cat"], "latent_dim": 3, "n_pictures": 4}


def small_model(condition=WordGRU, vocabulary=WORDS):
    """A generator that the browser can run, its batch norm not at its start."""
    torch.manual_seed(0)
    model = ConditionalGenerator(
        pixelshuffle_generator((3, 8, 8), 3 + 5, width=2).network, 3, condition(len(vocabulary), 5)
    )
    model(torch.randn(50, 3), torch.ones(50, 1, dtype=torch.long))
    return model


def flat_pictures(z, words):
    """A model that the browser cannot run: the grey value is the mean of z plus the number of the first word."""
    return (z.mean(1) + words[:, 0] / 100)[:, None, None].expand(len(z), 3, 5)


def asked(explorer, caption, z):
    """What Python sends when the browser asks: the message and its numbers."""
    sent = []
    explorer.send = lambda content, buffers=None: sent.append((content, buffers))
    question = {"ask": "pictures", "id": "1", "caption": caption}
    explorer._answer(explorer, question, [np.asarray(z, np.float32).tobytes()])
    ((content, buffers),) = sent
    return content, None if buffers is None else np.frombuffer(buffers[0], np.float32)


def sizes(explorer):
    return [layer["kind"] for layer in explorer._network]


def test_what_the_browser_gets_of_a_gru():
    model = small_model()
    explorer = CaptionExplorer(model, WORDS, captions=["a red cat"], precision="float32")
    assert explorer._words == list(WORDS.words)
    assert explorer._reader == {"kind": "gru", "n_words": len(WORDS), "embedding_dim": 32, "dim": 5}
    numbers = torch.from_numpy(np.frombuffer(explorer._reader_numbers, np.float32).copy())
    table, *gates = numbers.split([len(WORDS) * 32, 15 * 32, 15 * 5, 15, 15])
    torch.testing.assert_close(table.view(-1, 32), model.condition.words.weight.detach())
    for part, weight in zip(gates, model.condition.gru.parameters(), strict=True):
        torch.testing.assert_close(part, weight.detach().flatten())
    kinds = [
        "linear",
        "relu",
        "shape",
        "convolution",
        "pixel_shuffle",
        "relu",
        "convolution",
        "pixel_shuffle",
    ]
    assert sizes(explorer) == [*kinds, "sigmoid"], "the batch norm is folded in"
    half = CaptionExplorer(model, WORDS, captions=["a red cat"])
    assert len(half._network_numbers) * 2 == len(explorer._network_numbers)


def test_what_the_browser_gets_of_a_bag_of_words():
    model = small_model(BagOfWords)
    explorer = CaptionExplorer(model, WORDS, captions=["a red cat"], precision="float32")
    assert explorer._reader["kind"] == "bag"
    np.testing.assert_array_equal(
        np.frombuffer(explorer._reader_numbers, np.float32), model.condition.words.weight.detach().flatten()
    )


def test_models_that_the_browser_does_not_know_are_asked_in_python():
    transposed = ConditionalGenerator(
        dcgan_generator((28, 28), 8, width=2).network, 3, WordGRU(len(WORDS), 5)
    )
    assert CaptionExplorer(transposed, WORDS, captions=["a red cat"])._network is None
    labels = ConditionalGenerator(small_model().network, 3, OneHot((5,)))
    assert CaptionExplorer(labels, WORDS, captions=["a red cat"])._network is None
    unfolded = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Unflatten(1, (8, 8)))
    model = ConditionalGenerator(unfolded, 3, WordGRU(len(WORDS), 5))
    assert CaptionExplorer(model, WORDS, captions=["a red cat"])._network is None


def test_a_module_is_shown_as_it_is_now_and_in_evaluation_mode():
    model = small_model()
    explorer = CaptionExplorer(model, WORDS, captions=["a red cat", "a blue dog"], n_pictures=4)
    assert model.training
    model.eval()
    z, words = torch.tensor(explorer.z), WORDS.encode(["a red cat"]).expand(4, -1)
    expected = model(z, words).detach()
    torch.testing.assert_close(explorer.pictures(), expected)
    other = model(z, WORDS.encode(["two eye"]).expand(4, -1)).detach()
    torch.testing.assert_close(explorer.pictures("two eye"), other)
    assert (other - expected).abs().max() > 1e-3
    nn.init.zeros_(model.network[0].weight)
    torch.testing.assert_close(explorer.pictures(), expected)


def test_an_unknown_word_is_named_and_survived():
    explorer = CaptionExplorer(flat_pictures, WORDS, **SETTINGS)
    assert (explorer.caption, explorer.error, explorer._shown) == ("a red cat", "", "a red cat")
    explorer.caption = "a purple cat"
    assert "unknown word 'purple'" in explorer.error
    assert "the words known are a, and, at, blue" in explorer.error
    explorer.caption = " ... "
    assert "a caption must have at least one word" in explorer.error
    explorer.caption = "A BLUE cat"
    assert explorer.error == ""
    with pytest.raises(TraitError, match="caption must have at most 500 letters"):
        explorer.caption = "cat " * 200


def test_z_and_pinned_are_checked():
    explorer = CaptionExplorer(flat_pictures, WORDS, **SETTINGS)
    assert np.shape(explorer.z) == (4, 3)
    assert explorer.z == CaptionExplorer(flat_pictures, WORDS, **SETTINGS, seed=0).z
    assert explorer.z != CaptionExplorer(flat_pictures, WORDS, **SETTINGS, seed=1).z
    explorer.z = torch.ones(4, 3)
    assert explorer.z == [[1.0] * 3] * 4
    explorer.z = np.zeros((4, 3))
    for wrong in (torch.ones(3, 3), torch.ones(4, 2), torch.full((4, 3), torch.nan)):
        with pytest.raises(TraitError, match="z must be 4 rows of 3 finite numbers"):
            explorer.z = wrong
    assert explorer.z == [[0.0] * 3] * 4
    explorer.pinned = 3
    for wrong in (4, -2):
        with pytest.raises(TraitError, match="pinned must be from 0 to 3, or -1 for none, got"):
            explorer.pinned = wrong
    assert explorer.pinned == 3


def test_questions_of_the_browser_are_answered():
    explorer = CaptionExplorer(flat_pictures, WORDS, **SETTINGS)
    content, numbers = asked(explorer, "red", [[0.25] * 3, [4.0] * 3])
    assert content == {"answer": "1", "shape": [1, 3, 5]}
    red = WORDS.encode(["red"]).item() / 100
    np.testing.assert_allclose(numbers, [0.25 + red] * 15 + [1.0] * 15, rtol=1e-6)
    coloured = CaptionExplorer(lambda z, words: torch.zeros(len(z), 3, 4, 4), WORDS, **SETTINGS)
    assert asked(coloured, "red", [[0.0] * 3])[0]["shape"] == [3, 4, 4]


def test_a_model_that_raises_shows_why_and_lives_on():
    broken = True

    def moody(z, words):
        if broken:
            raise RuntimeError("no more ink")
        return flat_pictures(z, words)

    explorer = CaptionExplorer(moody, WORDS, **SETTINGS)
    assert asked(explorer, "red", [[0.0] * 3])[0] == {"answer": "1", "failed": True}
    assert explorer.error == "RuntimeError: no more ink"
    broken = False
    assert "failed" not in asked(explorer, "red", [[0.0] * 3])[0]
    assert explorer.error == ""


def test_a_model_of_wrong_shapes_is_told_so():
    explorer = CaptionExplorer(lambda z, words: z, WORDS, **SETTINGS)
    asked(explorer, "red", [[0.0] * 3])
    assert (
        "must give images (n, height, width) or (n, 3, height, width), got (1, 3) for n = 1" in explorer.error
    )


def test_choices_of_creatures():
    model = small_model(vocabulary=CREATURES)
    explorer = CaptionExplorer(model, CREATURES)
    kinds = dict(explorer._choices)
    assert list(kinds) == list(data.CREATURE_ATTRIBUTES)
    assert kinds["colour"] == [[colour] for colour in data.CREATURE_ATTRIBUTES["colour"]]
    assert kinds["time"] == [["by day", "in the sun"], ["at night", "under the moon"]]
    assert kinds["pattern"] == [["plain"], ["striped", "stripes"], ["spotted", "spots"]]
    assert explorer.caption == explorer._examples[0]
    assert CaptionExplorer(model, CREATURES, choices={})._choices == []


def test_choices_of_ones_own():
    explorer = CaptionExplorer(
        flat_pictures,
        WORDS,
        **SETTINGS,
        choices={"colour": ("red", "blue"), "animal": ["cat", ("dog", "two horns")]},
    )
    assert explorer._choices == [["colour", [["red"], ["blue"]]], ["animal", [["cat"], ["dog", "two horns"]]]]
    assert explorer.sentence == "{colour} {animal}"
    assert CaptionExplorer(flat_pictures, WORDS, **SETTINGS)._choices == [], "no creatures in this vocabulary"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"captions": None}, "captions must be given for another vocabulary"),
        ({"captions": []}, "captions do not fit the vocabulary: captions must hold at least one caption"),
        ({"captions": ["a green cat"]}, "captions do not fit the vocabulary: unknown word 'green'"),
        ({"latent_dim": None}, "latent_dim must be given where the model does not tell it"),
        ({"latent_dim": 1000}, "latent_dim must be at most 128, got 1000"),
        ({"n_pictures": 0}, "n_pictures must be at least 1, got 0"),
        ({"n_pictures": 25}, "n_pictures must be at most 24, got 25"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"precision": "int8"}, "precision must be one of"),
        (
            {"choices": {"colour": ["green"]}},
            r"choices\['colour'\] has 'green', but the vocabulary does not know green",
        ),
        (
            {"choices": {"colour": ["red"]}, "sentence": "a cat"},
            "sentence must have each place once, {colour}, got",
        ),
        (
            {"choices": {"colour": ["red"]}, "sentence": "my {colour} cat"},
            "sentence must be of known words, got my",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(changed, message):
    with pytest.raises(ValueError, match=message):
        CaptionExplorer(flat_pictures, WORDS, **{**SETTINGS, **changed})


def test_model_and_vocabulary_must_fit():
    with pytest.raises(ValueError, match="latent_dim must be that of the model, 3, got 4"):
        CaptionExplorer(small_model(), WORDS, captions=["a cat"], latent_dim=4)
    with pytest.raises(
        ValueError, match=rf"made for, of {len(WORDS) - 1} words, got {len(CREATURES) - 1} words"
    ):
        CaptionExplorer(small_model(), CREATURES)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 2], WORDS), {}, "model must be a module or a function of z and words, got list"),
        ((flat_pictures, ["red"]), {}, "vocabulary must be a data.Vocabulary, got list"),
        ((flat_pictures, WORDS), {"captions": "a cat"}, "captions must be a list of strings"),
        ((flat_pictures, WORDS), {"choices": {"colour": ["red", 5]}}, r"choices\['colour'\] must "),
        (
            (flat_pictures, WORDS),
            {"choices": {"colour": [("red", "")]}},
            "must hold options of one or more words, got ''",
        ),
        ((flat_pictures, WORDS), {"choices": ["red"]}, "choices must be a mapping such as"),
        (
            (flat_pictures, WORDS),
            {"choices": {"colour": "red"}},
            r"choices\['colour'\] must be a sequence of options",
        ),
    ],
)
def test_arguments_of_wrong_types_are_named(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        CaptionExplorer(*arguments, **{**SETTINGS, **options})
