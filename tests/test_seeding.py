import random

import numpy as np
import pytest
import torch

from course_utils.seeding import seed_everything


def draws(generator):
    return (
        random.random(),
        np.random.rand(),  # noqa: NPY002 - the global state is what is tested
        torch.rand(1).item(),
        torch.rand(1, generator=generator).item(),
    )


def test_the_same_seed_gives_the_same_draws():
    first = draws(seed_everything(3))
    again = draws(seed_everything(3))
    other = draws(seed_everything(4))
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_modules_start_the_same():
    seed_everything(0)
    first = torch.nn.Linear(3, 2).weight
    seed_everything()
    assert torch.equal(first, torch.nn.Linear(3, 2).weight)


def test_the_generator_is_its_own():
    generator = seed_everything(0)
    state = generator.get_state()
    torch.rand(10)
    assert torch.equal(generator.get_state(), state)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=r"seed must be from 0 to 2\*\*32 - 1, got"):
        seed_everything(seed)


def test_largest_seed():
    seed_everything(2**32 - 1)
