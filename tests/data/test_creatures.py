import itertools
import math
import re

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_utils.data import CREATURE_ATTRIBUTES, caption_creatures, creatures
from course_utils.data.creature_captions import NOUNS
from course_utils.data.creature_sprites import COLOUR, IVORY, NUISANCES, WHITE, draw_sprites

N = 4_000
Z = 5  # standard errors; with a fixed seed each test gives the same result at every run
NAMES = list(CREATURE_ATTRIBUTES)
COLUMN = {name: i for i, name in enumerate(NAMES)}
N_COMBINATIONS = math.prod(len(values) for values in CREATURE_ATTRIBUTES.values())
EVERY = torch.tensor(
    list(itertools.product(*(range(len(values)) for values in CREATURE_ATTRIBUTES.values())))
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def index(name, value):
    return CREATURE_ATTRIBUTES[name].index(value)


def has(attributes, **values):
    """Which rows have all these values."""
    fits = torch.ones(len(attributes), dtype=torch.bool)
    for name, value in values.items():
        fits &= attributes[:, COLUMN[name]] == index(name, value)
    return fits


def draw_attributes(n, **options):
    return creatures(n, size=16, **options).attributes


@pytest.fixture(scope="module")
def drawn():
    return creatures(N, size=16, generator=seeded())


# --- the set


def test_shapes_and_ranges():
    images, attributes, captions = creatures(300, generator=seeded())  # more than one block
    assert images.shape == (300, 3, 24, 24)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert attributes.shape == (300, len(CREATURE_ATTRIBUTES))
    assert attributes.dtype == torch.int64
    assert len(captions) == 300
    assert all(isinstance(caption, str) for caption in captions)


def test_the_generator_is_the_only_source():
    state = torch.get_rng_state()
    first, second = creatures(50, generator=seeded()), creatures(50, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.attributes, second.attributes)
    assert first.captions == second.captions
    other = creatures(50, generator=seeded(1))
    assert not torch.equal(first.images, other.images)
    assert first.captions != other.captions
    torch.manual_seed(0)
    third = creatures(50)
    torch.manual_seed(0)
    assert torch.equal(third.images, creatures(50).images)


def assert_balanced(counts, n):
    """Counts of equally probable cells, each within Z standard errors √(n·p(1 - p))."""
    p = 1 / len(counts)
    assert ((counts.double() - n * p).abs() < Z * math.sqrt(n * p * (1 - p))).all()


def test_attributes_are_balanced_and_independent(drawn):
    for name, values in CREATURE_ATTRIBUTES.items():
        column = drawn.attributes[:, COLUMN[name]]
        assert_balanced(torch.bincount(column, minlength=len(values)), N)
    for one, other in itertools.combinations(NAMES, 2):
        n_other = len(CREATURE_ATTRIBUTES[other])
        cells = drawn.attributes[:, COLUMN[one]] * n_other + drawn.attributes[:, COLUMN[other]]
        assert_balanced(torch.bincount(cells, minlength=len(CREATURE_ATTRIBUTES[one]) * n_other), N)


def test_without():
    held_out = [{"colour": "red", "horns": "two"}, {"body": "round", "time": "night"}]
    attributes = draw_attributes(N, without=held_out, generator=seeded())
    assert not has(attributes, colour="red", horns="two").any()
    assert not has(attributes, body="round", time="night").any()
    # What is left of the 30 cells of colour, horns and time: 28, and with a round body 14 less.
    left = ~(has(EVERY, colour="red", horns="two") | has(EVERY, body="round", time="night"))
    for name, values in CREATURE_ATTRIBUTES.items():
        for value in values:
            p = (has(EVERY, **{name: value}) & left).sum() / left.sum()
            standard_error = (N * p * (1 - p)).sqrt()
            assert (has(attributes, **{name: value}).sum() - N * p).abs() < Z * standard_error


def test_only():
    attributes = draw_attributes(N, only={"colour": "red", "horns": ("one", "two")}, generator=seeded())
    assert has(attributes, colour="red").all()
    assert not has(attributes, horns="none").any()
    assert_balanced(torch.bincount(attributes[:, COLUMN["horns"]])[1:], N)
    either = draw_attributes(N, only=[{"colour": "red"}, {"eyes": "three"}], generator=seeded())
    assert (has(either, colour="red") | has(either, eyes="three")).all()
    assert has(either, colour="blue", eyes="three").any()


def test_only_is_what_without_leaves():
    combination = {"colour": "red", "horns": "two"}
    n_only = len(draw_attributes(N, only=combination, generator=seeded()).unique(dim=0))
    assert n_only == N_COMBINATIONS / 15  # all of them are found: 4,000 draws from 108
    one = {name: values[-1] for name, values in CREATURE_ATTRIBUTES.items()}
    assert torch.equal(draw_attributes(1, only=one), EVERY[-1:])
    with pytest.raises(ValueError, match=r"no combination is left with only={'colour': 'red'.* exclude less"):
        creatures(5, only=combination, without=combination)


def test_given_attributes():
    rows = EVERY[::100]
    drawn = creatures(attributes=rows, generator=seeded())
    assert torch.equal(drawn.attributes, rows)
    assert len(drawn.images) == len(drawn.captions) == len(rows)
    again = creatures(len(rows), attributes=rows.tolist(), generator=seeded())
    assert torch.equal(again.images, drawn.images)


# --- the pictures


def test_without_nuisances_the_attributes_determine_the_picture():
    rows = torch.cat([EVERY[:50], EVERY[:50]])
    plain = creatures(attributes=rows, vary=False, generator=seeded()).images
    assert torch.equal(plain[:50], plain[50:])
    varied = creatures(attributes=rows, generator=seeded()).images
    assert (varied[:50] - varied[50:]).abs().amax((1, 2, 3)).min() > 0.2


@pytest.mark.parametrize("size", [24, 16])
def test_each_value_changes_the_picture(size):
    """All pictures that differ in one attribute only: the change is worth 0.6 % of the pixels, 3.5 of 24×24."""
    images = creatures(attributes=EVERY, vary=False, size=size).images
    shape = [len(values) for values in CREATURE_ATTRIBUTES.values()]
    table = images.view(*shape, 3, size, size)
    for name, values in CREATURE_ATTRIBUTES.items():
        for one, other in itertools.combinations(range(len(values)), 2):
            first, second = (table.select(COLUMN[name], value) for value in (one, other))
            change = (first - second).abs().amax(-3).sum((-2, -1))  # in pixels that go from 0 to 1
            assert change.min() > 0.006 * size**2, (name, values[one], values[other])


@pytest.mark.parametrize("name", NUISANCES)
def test_each_nuisance_is_seen(name):
    rows = torch.stack([EVERY[has(EVERY, pattern="striped", time=time)][0] for time in ("day", "night")])
    column = NUISANCES.index(name)
    low, high = torch.zeros(2, 2, len(NUISANCES)).unbind()
    low[:, column], high[:, column] = -0.5, 0.5
    change = (draw_sprites(rows, low, 24) - draw_sprites(rows, high, 24)).abs().amax((1, 2, 3))
    assert change.max() > 0.04


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_small_picture_is_the_average_of_a_large_one(size):
    fine = creatures(20, size=8 * size, generator=seeded())
    average = torch.nn.functional.avg_pool2d(fine.images, 8)
    small = creatures(20, size=size, generator=seeded())
    assert torch.equal(small.attributes, fine.attributes)
    assert small.captions == fine.captions
    # Edges are exact to about a tenth of a pixel, and their share of the picture falls with its size.
    assert (small.images - average).abs().mean() < 0.3 / size


def count_patches(images, colour):
    """How many patches of about this colour each picture has; smaller than 30 pixels are glints and stars."""
    near = (images - torch.tensor(colour).view(1, 3, 1, 1)).abs().amax(1) < 0.03
    counts = []
    for mask in near.numpy():
        patches, _ = ndimage.label(mask)
        counts.append(int((np.bincount(patches.flat)[1:] >= 30).sum()))
    return torch.tensor(counts)


def test_eyes_and_horns_are_as_many_as_they_say():
    rows = EVERY[has(EVERY, pattern="plain", time="night")]
    images = creatures(attributes=rows, vary=False, size=96).images
    assert torch.equal(count_patches(images, WHITE), rows[:, COLUMN["eyes"]] + 1)
    assert torch.equal(count_patches(images, IVORY), rows[:, COLUMN["horns"]])


def test_colour_and_place():
    """The middle of a plain red round creature is red, and all of it is inside the picture."""
    rows = EVERY[
        has(EVERY, colour="red", body="round", pattern="plain", size="large", eyes="two", time="day")
    ]
    images = creatures(attributes=rows.repeat(30, 1), generator=seeded()).images
    red, green, blue = images[:, :, 16:19, 6:9].mean((2, 3)).T  # the cheek
    assert (red > 2 * torch.maximum(green, blue)).all()
    edges = creatures(attributes=EVERY, generator=seeded()).images[:, :, 8:18, [0, -1]]
    assert (edges.amax((2, 3)) - edges.amin((2, 3))).max() < 0.5  # sky and hills only


def test_colours_for_colour_blind_eyes():
    """Machado et al. (2009), full dichromacy; distances in CIELAB, where 2.3 is just noticeable."""
    to_linear = np.array(COLOUR) ** 2.2
    simulations = [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
    for simulation in simulations:
        lab = cielab((to_linear @ np.transpose(simulation)).clip(0, 1))
        distances = np.linalg.norm(lab[:, None] - lab, axis=2)
        assert distances[np.triu_indices(len(COLOUR), 1)].min() > 20


def cielab(linear_rgb):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear_rgb @ np.transpose(to_xyz) / [0.9505, 1.0, 1.0890]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


# --- the captions

WORDS = {  # read independently of how they are written
    "size": {"small": "small|little", "large": "large|big"},
    "body": {"round": "round", "square": "square", "triangular": "triangular"},
    "colour": {colour: colour for colour in ("red", "yellow", "green", "blue", "pink")},
    "pattern": {"plain": "plain", "striped": "striped|stripes", "spotted": "spotted|spots"},
    "eyes": {"one": "one eye", "two": "two eyes", "three": "three eyes"},
    "horns": {"none": "no horns", "one": "one horn", "two": "two horns"},
    "time": {"day": "by day|in the sun", "night": "at night|under the moon"},
}


def read(caption):
    """The attributes that a caption names, by its words."""
    return {
        (name, value)
        for name, values in WORDS.items()
        for value, words in values.items()
        if re.search(rf"\b({words})\b", caption)
    }


def true_values(row):
    return {(name, CREATURE_ATTRIBUTES[name][i]) for name, i in zip(NAMES, row.tolist(), strict=True)}


def test_captions_name_every_attribute():
    for row, caption in zip(EVERY, caption_creatures(EVERY, generator=seeded()), strict=True):
        assert read(caption) == true_values(row), caption


def test_captions_leave_out():
    n_named = torch.zeros(len(NAMES))
    for row, caption in zip(EVERY, caption_creatures(EVERY, leave_out=0.3, generator=seeded()), strict=True):
        named = read(caption)
        assert named <= true_values(row), caption
        for name, _ in named:
            n_named[COLUMN[name]] += 1
    n = len(EVERY)
    assert ((n_named - 0.7 * n).abs() < Z * math.sqrt(n * 0.7 * 0.3)).all()
    assert set(caption_creatures(EVERY, leave_out=1)) == {"a creature", "a monster", "an alien"}


ADJECTIVES = (
    r"((small|little|large|big|plain|striped|spotted|round|square|triangular|red|yellow|green|blue|pink) )*"
)
CREATURE = rf"(a {ADJECTIVES}(creature|monster|alien)|an alien)"
PART = r"(one eye|two eyes|three eyes|no horns|one horn|two horns|stripes|spots)"
PARTS = rf"{PART}((, {PART})? and {PART})?"
TIME = r"(by day|in the sun|at night|under the moon)"
SENTENCE = rf"({TIME}, )?{CREATURE}( {TIME})?( with {PARTS}|; it has {PARTS})?(, {TIME})?"


@pytest.mark.parametrize("leave_out", [0, 0.5, 0.9])
def test_captions_are_sentences(leave_out):
    for caption in caption_creatures(EVERY, leave_out=leave_out, generator=seeded()):
        match = re.fullmatch(SENTENCE, caption)
        assert match, caption
        assert not re.search(r"\ba alien", caption)
        assert len(re.findall(TIME, caption)) <= 1, caption


def test_captions_vary():
    row = torch.tensor([[index(*pair) for pair in zip(NAMES, values, strict=True)] for values in [
        ("small", "round", "red", "striped", "two", "one", "night")
    ]])  # fmt: skip
    captions = caption_creatures(row.repeat(5_000, 1), generator=seeded())
    # 2 sizes, 2 patterns, 2 orders of adjectives and of parts, 3 nouns, 2 times, 3 sentences.
    assert len(set(captions)) == 2 * 2 * 2 * 2 * 3 * 2 * 3
    for noun in NOUNS:
        share = sum(noun in caption for caption in captions) / 5_000
        assert abs(share - 1 / 3) < Z * math.sqrt(1 / 3 * 2 / 3 / 5_000)


def test_the_caption_of_the_issue():
    row = torch.tensor([[0, 0, 0, 0, 1, 2, 1]])
    captions = caption_creatures(row.repeat(2_000, 1), leave_out=0.2, generator=seeded())
    assert "a small red round creature with two horns, at night" in captions


# --- errors


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, r"say how many creatures: n_samples=100, or attributes"),
        ({"n_samples": 0}, ValueError, r"n_samples must be at least 1, got 0"),
        ({"n_samples": 2.5}, TypeError, r"n_samples must be an integer, got 2.5"),
        ({"n_samples": 3, "size": 15}, ValueError, r"size must be at least 16, got 15"),
        (
            {"n_samples": 3, "leave_out": 1.5},
            ValueError,
            r"leave_out must be a probability, at most 1, got 1.5",
        ),
        ({"n_samples": 3, "leave_out": -1}, ValueError, r"leave_out must be at least 0"),
        (
            {"n_samples": 3, "without": {"color": "red"}},
            ValueError,
            r"a name in without must be one of 'size', 'body', 'colour', .*, got 'color'",
        ),
        (
            {"n_samples": 3, "only": [{"colour": "red"}, {"horns": "three"}]},
            ValueError,
            r"horns in only must be one of 'none', 'one', 'two', got 'three'",
        ),
        ({"n_samples": 3, "only": {"eyes": 2}}, ValueError, r"eyes in only must be one of 'one', .* got 2"),
        (
            {"n_samples": 3, "only": "red"},
            TypeError,
            r"only must be names with values, such as {\"colour\": ",
        ),
        ({"n_samples": 3, "without": [{}]}, TypeError, r"without must be names with values"),
        ({"n_samples": 3, "without": {"time": ("day", "night")}}, ValueError, r"no combination is left"),
        (
            {"attributes": EVERY[:3].float()},
            TypeError,
            r"attributes must hold integers, got torch.float32; attr",
        ),
        ({"attributes": EVERY[0]}, ValueError, r"shape \(n, 7\), .* for size, body, .*, got \(7,\)"),
        ({"attributes": EVERY[:0]}, ValueError, r"shape \(n, 7\), n at least 1"),
        (
            {"attributes": [[0, 0, 0, 0, i, 0, 0] for i in (1, 3)]},
            ValueError,
            r"column 4 of attributes, eyes, must be 0 to 2 \(one, two, three\), got 1 to 3",
        ),
        ({"attributes": EVERY[:3], "n_samples": 5}, ValueError, r"n_samples is 5, but attributes has 3 rows"),
        ({"attributes": EVERY[:3], "only": {"eyes": "two"}}, ValueError, r"only and without choose random"),
    ],
)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        creatures(**arguments)
