"""The autoencoder of codes: shapes, the loss by hand, what a code reaches, training that resumes."""

import pytest
import torch

from course_utils import data
from course_utils.seeding import seed_everything
from course_utils.vqvae import VQVAE, TwoLevelVQVAE, TwoMaps, fit_vqvae


@pytest.fixture(scope="module")
def images():
    return data.load_mnist("test").images[:200, None]


def small():
    seed_everything(0)
    return VQVAE((1, 28, 28), n_codes=16, dim=4, width=4)


def test_shapes_of_codes_and_images():
    model = VQVAE((3, 24, 16), n_codes=16, dim=4, width=4).eval()
    x = torch.rand(5, 3, 24, 16, generator=torch.Generator().manual_seed(0))
    out = model(x)
    assert out.reconstruction.shape == x.shape
    assert out.codes.shape == (5, *model.code_shape) == (5, 6, 4)
    assert torch.equal(model.encode(x), out.codes)
    torch.testing.assert_close(model.decode(out.codes), out.reconstruction)


def test_the_loss_is_error_plus_commitment(images):
    model = small().eval()
    out = model(images)
    z = model.encoder(images)
    error = (images - out.reconstruction).square().sum() / len(images)
    commitment = (z - model.quantizer.decode(out.codes)).square().sum() / len(images)
    torch.testing.assert_close(out.loss, error + 0.25 * commitment)


def test_the_error_reaches_the_encoder_through_the_codes(images):
    model = small()
    model(images, generator=torch.Generator().manual_seed(0))  # the codes start
    out = model(images)
    weight = model.encoder[0][1].weight
    (gradient,) = torch.autograd.grad((images - out.reconstruction).square().sum(), weight)
    assert gradient.abs().max() > 0


def test_a_code_changes_pixels_near_its_place_only():
    model = small().eval()
    codes = torch.zeros(2, 7, 7, dtype=torch.int64)
    codes[1, 3, 3] = 5
    with torch.no_grad():
        one, other = model.decode(codes)
    rows, columns = (one - other).abs().amax(0).gt(0).nonzero(as_tuple=True)
    for places in (
        rows,
        columns,
    ):  # two convolutions at the codes' resolution and one at twice that: 2.5 codes
        assert places.min() >= 4 * 3 - 10
        assert places.max() < 4 * 4 + 10


def test_a_short_training_uses_the_codes_and_beats_the_mean_image(images):
    model = small()
    history = fit_vqvae(model, images, n_steps=150, generator=torch.Generator().manual_seed(0))
    assert not model.training
    with torch.no_grad():
        error = (images - model(images).reconstruction).square().flatten(1).sum(1).mean()
    assert error < (images - images.mean(0)).square().flatten(1).sum(1).mean() / 2
    assert history.last("perplexity") > 8


def test_an_interrupted_training_goes_on_bit_for_bit(images, tmp_path):
    whole, parts = small(), small()
    fit_vqvae(whole, images, n_steps=6, generator=torch.Generator().manual_seed(1))
    calls = []

    def stop_once(model):
        calls.append(len(calls))
        if len(calls) == 1:
            raise KeyboardInterrupt
        return {"n": 1.0}

    options = {"n_steps": 6, "checkpoint": tmp_path / "c.pt", "checkpoint_every": 2, "measure_every": 3}
    with pytest.raises(KeyboardInterrupt):
        fit_vqvae(parts, images, generator=torch.Generator().manual_seed(1), measure=stop_once, **options)
    again = small()
    fit_vqvae(again, images, generator=torch.Generator().manual_seed(9), measure=stop_once, **options)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def two_levels():
    seed_everything(0)
    return TwoLevelVQVAE((3, 24, 24), n_codes=16, dim=4, width=8)


def test_two_maps_and_an_image_that_both_of_them_change():
    model = two_levels().eval()
    x = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    out, codes = model(x), model.encode(x)
    assert (codes.top.shape, codes.bottom.shape) == ((5, 3, 3), (5, 6, 6))
    assert model.code_shapes == ((3, 3), (6, 6))
    assert all(torch.equal(one, other) for one, other in zip(out.codes, codes, strict=True))
    torch.testing.assert_close(model.decode(codes), out.reconstruction)
    for changed in (codes._replace(top=(codes.top + 1) % 16), codes._replace(bottom=(codes.bottom + 1) % 16)):
        assert (model.decode(changed) - out.reconstruction).abs().flatten(1).amax(1).gt(1e-4).all()
    assert isinstance(codes, TwoMaps)


def test_the_loss_of_two_levels_is_error_plus_both_commitments():
    model = two_levels().eval()
    x = torch.rand(5, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    seen = []
    for quantizer in (model.top, model.bottom):
        quantizer.register_forward_pre_hook(lambda module, given: seen.append((module, given[0])))
    out = model(x)
    commitments = [((z - q.decode(q.encode(z))).square().sum() / 5) for q, z in seen]
    assert len(commitments) == 2
    torch.testing.assert_close(
        out.loss, (x - out.reconstruction).square().sum() / 5 + 0.25 * sum(commitments)
    )


def test_two_levels_learn_creatures():
    x = data.creatures(200, generator=torch.Generator().manual_seed(0)).images
    model = two_levels()
    history = fit_vqvae(model, x, n_steps=150, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        error = (x - model(x).reconstruction).square().flatten(1).sum(1).mean()
    assert error < (x - x.mean(0)).square().flatten(1).sum(1).mean() / 2
    assert history.last("perplexity") > 5


def test_bad_input_is_named(images):
    with pytest.raises(ValueError, match="both sides divisible by 8"):
        TwoLevelVQVAE((1, 28, 28))
    with pytest.raises(ValueError, match="grey images have one channel"):
        VQVAE((28, 28))
    with pytest.raises(ValueError, match="divisible by 4"):
        VQVAE((1, 30, 28))
    with pytest.raises(ValueError, match=r"x must have shape \(batch, 1, 28, 28\), got \(200, 28, 28\)"):
        small()(images[:, 0])
