"""The codebook: nearest codes against a search, gradients against differences, running means against a loop."""

import math

import pytest
import torch
from torch.nn.functional import mse_loss

from course_utils.vqvae import (
    VectorQuantizer,
    codebook_loss,
    commitment_loss,
    nearest_codes,
    perplexity,
    straight_through,
)


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def started(**options):
    """A quantizer of 5 codes in 3 dimensions that has seen its first batch, and that batch."""
    quantizer = VectorQuantizer(5, 3, **options).double()
    z = vectors(4, 3, 6, 6)
    quantizer(z, generator=torch.Generator().manual_seed(1))
    return quantizer, z


def test_nearest_codes_are_those_of_a_search_over_all_distances():
    z, codebook = vectors(200, 3), vectors(17, 3, seed=1)
    assert torch.equal(nearest_codes(z, codebook), torch.cdist(z, codebook).argmin(1))


def test_every_vector_is_replaced_by_its_code():
    quantizer, z = started()
    quantizer.eval()
    out = quantizer(z)
    for b, i, j in [(0, 0, 0), (3, 5, 2), (1, 2, 4)]:
        distances = (quantizer.codebook - z[b, :, i, j]).norm(dim=1)
        assert out.codes[b, i, j] == distances.argmin()
        torch.testing.assert_close(out.values[b, :, i, j], quantizer.codebook[distances.argmin()])
    torch.testing.assert_close(quantizer.decode(quantizer.encode(z)), out.values)


def test_the_straight_through_gradient_is_that_of_the_identity():
    z, values = vectors(6).requires_grad_(), vectors(6, seed=1)

    def downstream(v):
        return (v.sin() * v).sum()

    (through,) = torch.autograd.grad(downstream(straight_through(z, values)), z)
    step = 1e-6 * torch.eye(6, dtype=torch.float64)
    by_differences = torch.stack(
        [(downstream(values + h) - downstream(values - h)) / 2e-6 for h in step]
    )  # of what follows, at the codes
    torch.testing.assert_close(through, by_differences, atol=1e-8, rtol=0)
    assert straight_through(z, values).equal(z + (values - z))


def test_each_loss_moves_its_own_side_and_sums_over_all_but_the_batch():
    z, values = vectors(2, 3, 4, 4).requires_grad_(), vectors(2, 3, 4, 4, seed=1).requires_grad_()
    expected = mse_loss(z, values, reduction="sum") / 2
    for loss, moved, still in ((codebook_loss, values, z), (commitment_loss, z, values)):
        torch.testing.assert_close(loss(z, values), expected)
        ours, others = torch.autograd.grad(loss(z, values), (moved, still), allow_unused=True)
        torch.testing.assert_close(ours, moved.detach() - still.detach())  # 2 (a - b) / a batch of 2
        assert others is None


def test_the_loss_weighs_commitment_and_has_the_codebooks_only_where_it_learns_by_gradient():
    for decay in (0.9, None):
        quantizer, z = started(decay=decay, commitment=0.5)
        quantizer.eval()
        values = quantizer.decode(quantizer.encode(z))
        error = (z - values).square().sum() / len(z)
        torch.testing.assert_close(quantizer(z).loss, (0.5 if decay else 1.5) * error)
        assert quantizer.codebook.requires_grad == (decay is None)


def test_codes_follow_the_running_mean_of_those_that_chose_them():
    quantizer, _ = started(decay=0.8, revive_below=0)
    counts, sums = quantizer.counts.clone(), quantizer.sums.clone()
    later = vectors(4, 3, 6, 6, seed=2)
    codes = quantizer(later).codes.flatten()
    rows = later.permute(0, 2, 3, 1).reshape(-1, 3)
    for k in range(5):
        chosen = rows[codes == k]
        n = 0.8 * counts[k] + 0.2 * len(chosen)
        total = 0.8 * sums[k] + 0.2 * chosen.sum(0)
        torch.testing.assert_close(quantizer.counts[k], n)
        torch.testing.assert_close(quantizer.codebook[k], total / n)


def test_codes_start_at_vectors_of_the_first_batch_even_if_they_are_fewer():
    z = vectors(1, 3, 2, 2)
    quantizer = VectorQuantizer(4, 3, decay=0.999).double()
    quantizer(z, generator=torch.Generator().manual_seed(0))
    rows = z.permute(0, 2, 3, 1).reshape(-1, 3)
    torch.testing.assert_close(torch.cdist(quantizer.codebook, rows).amin(1), torch.zeros(4).double())
    VectorQuantizer(9, 3).double()(z)


@pytest.mark.parametrize("decay", [0.9, None])
def test_a_dead_code_starts_anew_at_a_vector_and_a_living_one_stays(decay):
    quantizer, z = started(decay=decay, revive_below=0.1)
    with torch.no_grad():
        quantizer.codebook[2] = 1e3  # where nothing is near it
        quantizer.sums[2] = quantizer.counts[2] * 1e3
    alive = quantizer.codebook[0].clone()
    n_calls = math.ceil(math.log(0.1) / math.log(decay or 0.95)) + 1
    for _ in range(n_calls - 3):
        quantizer(z)
    assert quantizer.codebook[2, 0] > 100, "dead for too short a time"
    for _ in range(5):
        quantizer(z)
    rows = z.permute(0, 2, 3, 1).reshape(-1, 3)
    assert torch.cdist(quantizer.codebook, rows).amin(1)[2] < 1
    assert (quantizer.encode(z) == 2).any()
    assert (quantizer.codebook[0] - alive).norm() < 1


def test_in_evaluation_mode_nothing_is_learned():
    quantizer, z = started()
    quantizer.eval()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(3 * z)
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


def test_perplexity_of_one_code_of_all_and_of_two():
    assert float(perplexity(torch.zeros(4, 4, dtype=torch.int64), 8)) == pytest.approx(1)
    assert float(perplexity(torch.arange(8).repeat(3), 8)) == pytest.approx(8)
    assert float(perplexity(torch.tensor([0, 1, 1, 1]), 8)) == pytest.approx(4 / 3**0.75)


def test_bad_input_is_named():
    for options, text in (
        ({"decay": 1.0}, "decay must be below 1"),
        ({"commitment": -1}, "commitment"),
        ({"revive_below": -1}, "revive_below"),
    ):
        with pytest.raises(ValueError, match=text):
            VectorQuantizer(5, 3, **options)
    quantizer, z = started()
    with pytest.raises(ValueError, match=r"z must have shape \(batch, 3, height, width\), got \(4, 3\)"):
        quantizer.encode(z[:, :, 0, 0])
    with pytest.raises(ValueError, match="codes must lie in 0 to 4, got 0 to 5"):
        quantizer.decode(torch.tensor([[[0, 5]]]))
    with pytest.raises(ValueError, match="codes must be int64"):
        quantizer.decode(torch.zeros(1, 2, 2))
