"""The nearest known picture, against a loop over all pairs."""

import pytest
import torch

from course_utils.metrics import nearest_images


def test_it_is_the_smallest_of_all_distances():
    generator = torch.Generator().manual_seed(0)
    images, known = torch.rand(7, 3, 4, generator=generator), torch.rand(11, 3, 4, generator=generator)
    found = nearest_images(images, known, size=2)
    distances = torch.stack([torch.stack([(x - y).square().mean().sqrt() for y in known]) for x in images])
    torch.testing.assert_close(found.distance, distances.min(1).values)
    assert torch.equal(found.which, distances.argmin(1))


def test_a_known_picture_is_its_own_neighbour():
    known = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = nearest_images(known.flip(0), known)
    assert found.which.tolist() == [4, 3, 2, 1, 0]
    assert found.distance.max() < 1e-3


@pytest.mark.parametrize(("images", "known"), [((2, 3, 4), (2, 4, 3)), ((0, 3), (2, 3)), ((2, 3), (0, 3))])
def test_pictures_that_cannot_be_compared_are_named(images, known):
    with pytest.raises(
        ValueError, match="images and known must hold pictures of one shape, at least one each"
    ):
        nearest_images(torch.zeros(images), torch.zeros(known))
