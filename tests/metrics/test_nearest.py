"""The nearest known picture, against a loop over all pairs; combinations of several, against NumPy."""

import numpy as np
import pytest
import torch

from course_utils.metrics import explained_by_nearest, nearest_images


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


# How much the nearest ones explain


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(9, 4, 5, generator=generator), torch.rand(30, 4, 5, generator=generator)


def test_the_combination_is_that_of_least_squares(pictures):
    images, known = pictures
    found = explained_by_nearest(images, known, (1, 3, 7), size=4)
    distances = (images[:, None] - known).square().mean((2, 3)).sqrt()
    assert torch.equal(found.which, distances.argsort(1)[:, :7])
    for i, image in enumerate(images.double().numpy()):
        for column, count in enumerate((1, 3, 7)):
            nearest = known[found.which[i, :count]].double().flatten(1).numpy().T  # (20, count)
            weights, squares, *_ = np.linalg.lstsq(nearest, image.ravel())
            assert found.residual[i, column] == pytest.approx(float(squares[0] / 20) ** 0.5, rel=1e-5)
            made = found.combination[i, column].flatten().numpy()
            np.testing.assert_allclose(made, nearest @ weights, atol=1e-6)  # float32 pixels


@pytest.mark.parametrize("non_negative", [False, True])
def test_a_copy_and_a_blend_are_explained_entirely(pictures, non_negative):
    _, known = pictures
    copies = explained_by_nearest(0.5 * known[:6], known[:6], (1, 6), non_negative=non_negative)
    assert copies.residual[:, 1].max() < 1e-6  # any picture of the set, at any brightness
    whole = explained_by_nearest(known[:6], known, (1,), non_negative=non_negative)
    assert whole.which[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert whole.residual.max() < 1e-6
    blends = torch.stack([0.7 * known[0] + 0.3 * known[1], known[2:6].mean(0)])
    assert explained_by_nearest(blends, known[:6], (6,), non_negative=non_negative).residual.max() < 1e-6


def test_what_only_a_subtraction_explains(pictures):
    _, known = pictures
    difference = (known[:1] - 0.5 * known[1:2]).clamp(-1, 1)
    free, positive = (
        explained_by_nearest(difference, known[:2], (2,), non_negative=choice).residual.item()
        for choice in (False, True)
    )
    assert free < 1e-6
    alone = known[0].flatten().double()  # what is left to a combination that cannot subtract
    target = difference.flatten().double()
    best = (target - alone * (alone @ target) / (alone @ alone)).square().mean().sqrt().item()
    assert positive == pytest.approx(best, rel=1e-5)
    assert best > 0.05


def test_more_pictures_never_explain_less_and_all_pixels_are_explained_by_as_many(pictures):
    images, known = pictures
    residual = explained_by_nearest(images, known, (1, 5, 10, 20)).residual
    assert (residual.diff(dim=1) < 0).all()
    assert residual[:, 3].max() < 1e-5, "20 independent pictures of 20 pixels"


def test_known_pictures_that_depend_on_each_other(pictures):
    images, known = pictures
    once = explained_by_nearest(images, known[:3], (3,)).residual
    twice = explained_by_nearest(images, torch.cat([known[:3], known[:3], 0 * known[:1]]), (7,)).residual
    torch.testing.assert_close(once, twice)


@pytest.mark.parametrize("n_nearest", [(), (0,), (2, 31)])
def test_numbers_of_neighbours_that_cannot_be(pictures, n_nearest):
    images, known = pictures
    with pytest.raises(ValueError, match="n_nearest"):
        explained_by_nearest(images, known, n_nearest)


def test_pictures_that_cannot_be_explained_are_named(pictures):
    images, known = pictures
    with pytest.raises(ValueError, match="images and known must hold pictures of one shape"):
        explained_by_nearest(images[:, 1:], known)
    with pytest.raises(ValueError, match="known contains NaN"):
        explained_by_nearest(images, known.masked_fill(known > 0.99, torch.nan))
