import pytest
import torch

from course_utils.data import LETTERS, drawn_letters, load_mnist


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_shapes_range_and_determinism():
    first, second = (drawn_letters(30, generator=seeded()) for _ in range(2))
    assert first.images.shape == (30, 28, 28)
    assert first.images.dtype == torch.float32
    assert first.labels.dtype == torch.int64
    assert first.images.min() == 0
    assert first.images.max() == 1
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert drawn_letters(2, size=40, generator=seeded()).images.shape == (2, 40, 40)


def test_the_generator_is_the_only_source():
    state = torch.get_rng_state()
    drawn_letters(3, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)


def test_only_the_letters_asked_for():
    labels = drawn_letters(200, letters="XA", generator=seeded()).labels
    assert {LETTERS[label] for label in labels.unique()} == {"A", "X"}
    assert set(drawn_letters(1000, generator=seeded()).labels.tolist()) == set(range(len(LETTERS)))


def test_letters_look_like_themselves():
    """Without reading: averages of many hands, looked at where a letter has a line and where it has none."""
    average = {
        letter: drawn_letters(400, letters=letter, generator=seeded()).images.mean(0) for letter in "LTV"
    }
    assert (
        average["T"][4:8, 10:18].max() > 2 * average["T"][20:24, 6:10].max()
    )  # a bar above, nothing at the feet
    assert (
        average["L"][10:18, 6:14].max() > 2 * average["L"][8:12, 16:22].max()
    )  # a stem, nothing at its right
    assert average["V"][20:24, 12:16].max() > 2 * average["V"][6:10, 12:16].max()  # closed below, open above


def test_as_much_ink_as_digits():
    letters = drawn_letters(500, generator=seeded()).images.mean()
    digits = load_mnist("test").images.mean()
    assert 0.6 < letters / digits < 1.6


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: drawn_letters(0), ValueError, "n_samples must be at least 1, got 0"),
        (lambda: drawn_letters(2, size=0), ValueError, "size must be at least 1"),
        (lambda: drawn_letters(2, letters=""), ValueError, "letters must be some of"),
        (
            lambda: drawn_letters(2, letters="AB"),
            ValueError,
            "letters must be some of 'AEFHKLMNTVWXYZ', got 'AB'",
        ),
        (lambda: drawn_letters(2, letters=["A"]), TypeError, "letters must be a string"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
