import pytest
import torch

from course_utils.data import junction_films


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def middle(frames):
    """Where the car is: the mean place of what is brighter than any road, (x, y) in pixels."""
    weight = (frames - 0.3).clamp(min=0)
    ticks = torch.arange(frames.shape[-1]) + 0.5
    total = weight.sum((-1, -2))
    return (weight.sum(-2) * ticks).sum(-1) / total, (weight.sum(-1) * ticks).sum(-1) / total


def test_shapes_and_range():
    films = junction_films(7, n_past=4, n_future=1, size=20, generator=seeded())
    assert films.past.shape == (7, 4, 20, 20)
    assert films.future.shape == (7, 1, 20, 20)
    assert films.futures.shape == (7, 2, 1, 20, 20)
    assert films.turns.dtype == torch.int64
    for frames in (films.past, films.futures):
        assert frames.dtype == torch.float32
        assert frames.min() >= 0
        assert frames.max() <= 1


def test_the_generator_is_the_only_source():
    state = torch.get_rng_state()
    first, second = (junction_films(5, generator=seeded()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first.past, junction_films(5, generator=seeded(1)).past)


def test_the_future_is_the_one_of_the_turn_and_the_other_is_its_mirror_image():
    films = junction_films(50, generator=seeded())
    torch.testing.assert_close(films.future, films.futures[torch.arange(50), films.turns], rtol=0, atol=0)
    torch.testing.assert_close(films.futures[:, 0], films.futures[:, 1].flip(-1))
    apart = (films.futures[:, 0] - films.futures[:, 1]).flatten(1).norm(dim=1)
    assert apart.min() > 2  # never the same picture, or nearly so


def test_the_car_is_where_its_speed_and_distance_put_it():
    films = junction_films(200, n_future=1, generator=seeded())
    x, y = middle(films.past)
    torch.testing.assert_close(x, torch.full_like(x, 8.0), rtol=0, atol=0.05)
    ways = films.distances[:, None] + films.speeds[:, None] * torch.tensor([2.0, 1.0, 0.0])
    inside = 4 + ways < 12  # further down the lower edge cuts the car
    assert (y - 4 - ways).abs()[inside].max() < 0.2
    x, y = middle(films.future[:, 0])
    side = 2 * films.turns - 1
    beyond = 2 * films.speeds - films.distances
    assert (x - 8 - side * beyond).abs().max() < 0.2
    assert (y - 4).abs().max() < 0.05
    assert beyond.min() > 1.5


def test_the_past_does_not_tell_the_turn():
    films = junction_films(20_000, generator=seeded())
    right = films.turns.double()
    for factor in (films.speeds, films.distances):
        correlation = torch.corrcoef(torch.stack([factor.double(), right]))[0, 1]
        assert abs(correlation) < 5 / 20_000**0.5  # five standard errors
    again = junction_films(20_000, p_right=0.0, generator=seeded())
    assert torch.equal(films.past, again.past)  # the same past, whichever way the coin falls


@pytest.mark.parametrize("p_right", [0.0, 0.3, 1.0])
def test_share_of_right_turns(p_right):
    share = junction_films(4000, p_right=p_right, size=8, generator=seeded()).turns.double().mean().item()
    assert share == pytest.approx(p_right, abs=5 * (p_right * (1 - p_right) / 4000) ** 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: junction_films(0), ValueError, "n_samples must be at least 1, got 0"),
        (lambda: junction_films(2.5), TypeError, "n_samples must be an integer"),
        (lambda: junction_films(2, n_past=0), ValueError, "n_past must be at least 1"),
        (lambda: junction_films(2, n_future=0), ValueError, "n_future must be at least 1"),
        (lambda: junction_films(2, size=7), ValueError, "size must be at least 8"),
        (lambda: junction_films(2, p_right=1.5), ValueError, "p_right must be at most 1, got 1.5"),
        (lambda: junction_films(2, p_right=-0.5), ValueError, "p_right must be at least 0"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
