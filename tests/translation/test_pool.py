"""The pool: what comes in comes out, sooner or later; its shares, its state, its errors."""

import pytest
import torch

from course_utils.translation import ImagePool


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(start, stop):
    """Images of one pixel that hold their own number."""
    return torch.arange(start, stop, dtype=torch.float32).reshape(-1, 1, 1)


def test_until_it_is_full_every_image_is_kept_and_given_back():
    pool = ImagePool(5, generator=seeded())
    assert torch.equal(pool.exchange(numbered(0, 3)), numbered(0, 3))
    assert len(pool) == 3
    assert torch.equal(pool.exchange(numbered(3, 5)), numbered(3, 5))
    assert len(pool) == 5


def test_nothing_is_lost_and_nothing_comes_twice_once_full():
    """After the filling, in which images are both kept and given, each image is given once or still kept."""
    pool = ImagePool(8, generator=seeded())
    pool.exchange(numbered(0, 8))
    given = torch.cat([pool.exchange(numbered(i, i + 4)) for i in range(8, 108, 4)])
    kept = torch.stack(pool.state_dict()["kept"])
    assert sorted(torch.cat([given, kept]).flatten().tolist()) == list(range(108))
    assert len(pool) == 8


def test_half_of_the_images_are_old_and_from_all_places():
    n = 10_000
    pool = ImagePool(50, generator=seeded())
    pool.exchange(numbered(0, 50))
    given = pool.exchange(numbered(50, 50 + n)).flatten()
    old = given != torch.arange(50.0, 50 + n)
    assert abs(old.double().mean() - 0.5) < 4 * 0.5 / n**0.5
    # How long an image stays: it leaves at each step with probability 1/(2·50), so 100 steps on average.
    ages = (torch.arange(50.0, 50 + n) - given)[old][1_000:]
    assert abs(ages.mean() - 100) < 4 * 100 / len(ages) ** 0.5


def test_a_pool_of_size_0_gives_back_what_came_and_draws_nothing():
    random = seeded()
    before = random.get_state()
    images = numbered(0, 4)
    given = ImagePool(0, generator=random).exchange(images)
    assert torch.equal(given, images)
    assert given.data_ptr() != images.data_ptr()
    assert torch.equal(random.get_state(), before)


def test_what_comes_out_is_a_copy_without_a_graph():
    pool = ImagePool(2, generator=seeded())
    images = numbered(0, 2).requires_grad_()
    given = pool.exchange(images * 1)
    assert not given.requires_grad
    given.zero_()
    assert torch.equal(torch.stack(pool.state_dict()["kept"]), numbered(0, 2))


def test_what_is_kept_does_not_change_with_what_came_or_with_a_state():
    pool = ImagePool(2, generator=seeded())
    for start in range(0, 40, 2):  # the first two fill it, later ones replace
        images = numbered(start, start + 2)
        pool.exchange(images)
        kept = torch.stack(pool.state_dict()["kept"])
        images.fill_(-1)
        for image in pool.state_dict()["kept"]:
            image.fill_(-1)
        assert torch.equal(torch.stack(pool.state_dict()["kept"]), kept)
    assert kept.min() > 1, "all of the first were replaced"


def test_all_that_is_random_comes_from_the_generator():
    def run(seed):
        torch.rand(1)
        pool = ImagePool(4, generator=seeded(seed))
        return torch.cat([pool.exchange(numbered(i, i + 4)) for i in range(0, 40, 4)])

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))


def test_it_goes_on_from_its_state():
    pool = ImagePool(4, generator=seeded())
    pool.exchange(numbered(0, 10))
    state = pool.state_dict()
    expected = pool.exchange(numbered(10, 30))
    other = ImagePool(4, generator=seeded(5))
    other.load_state_dict(state)
    assert torch.equal(other.exchange(numbered(10, 30)), expected)
    again = ImagePool(4, generator=seeded(6))
    again.load_state_dict(state)
    assert torch.equal(again.exchange(numbered(10, 30)), expected), "the state did not change with the pool"


def test_bad_input_is_named():
    pool = ImagePool(4)
    with pytest.raises(ValueError, match="size must be at least 0, got -1"):
        ImagePool(-1)
    with pytest.raises(TypeError, match="images must hold floating-point numbers"):
        pool.exchange(torch.zeros(2, 3, dtype=torch.int64))
    pool.exchange(numbered(0, 1))
    with pytest.raises(ValueError, match=r"shape of those in the pool, \(n, 1, 1\), got \(2, 3\)"):
        pool.exchange(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="a pool of 4 images, not of 5"):
        ImagePool(5).load_state_dict(pool.state_dict())
    with pytest.raises(ValueError, match="a pool must have a generator if and only if"):
        ImagePool(4, generator=seeded()).load_state_dict(pool.state_dict())
    with pytest.raises(ValueError, match="a pool must have a generator if and only if"):
        pool.load_state_dict(ImagePool(4, generator=seeded()).state_dict())
