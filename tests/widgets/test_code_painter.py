"""CodePainter without a browser: its state, what it sends, and what it says to arguments that do not fit."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils.vqvae import VQVAE
from course_utils.widgets import CodePainter


def small(image_shape=(1, 12, 8), **sizes):
    """Untrained, and in training as it comes."""
    torch.manual_seed(0)
    return VQVAE(image_shape, **({"n_codes": 6, "dim": 4, "width": 4} | sizes))


def pictures(n=3, shape=(1, 12, 8)):
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1))


def test_it_begins_with_the_codes_of_the_first_image():
    model = small().eval()
    painter = CodePainter(model, pictures())
    codes = model.encode(pictures())
    assert painter.codes == codes[0].tolist()
    assert painter._starts == codes.tolist()
    assert painter._shapes == {"map": [3, 2], "image": [1, 12, 8]}
    assert painter.brush == 0
    assert CodePainter(model, pictures()[:, 0])._starts == codes.tolist(), "grey images without a channel"
    blank = CodePainter(model)
    assert (blank.codes, blank._starts) == ([[0, 0]] * 3, [])


def test_what_the_browser_gets():
    model = small()
    painter = CodePainter(model, precision="float32")
    kinds = [layer["kind"] for layer in painter._layers]
    double = ["convolution", "pixel_shuffle"]
    assert kinds == ["convolution", "silu", *double, "silu", *double, "sigmoid"]
    sent = np.frombuffer(painter._codebook, np.float32).reshape(6, 4)
    np.testing.assert_array_equal(sent, model.quantizer.codebook.detach())
    count = sum(parameter.numel() for parameter in model.decoder.parameters())
    assert len(painter._numbers) == 4 * count
    assert len(CodePainter(model)._numbers) == 2 * count


def test_a_code_is_shown_as_the_middle_of_its_like():
    model = small((3, 12, 8)).eval()
    painter = CodePainter(model)
    sent = np.frombuffer(painter._stamps, np.uint8).reshape(6, 3, 4, 4)
    with torch.no_grad():
        whole = model.decode(torch.full((1, 3, 3), 5))[0]
    np.testing.assert_allclose(sent[5] / 255, whole[:, 4:8, 4:8], atol=0.5 / 255 + 1e-6)


def test_the_picture_is_that_of_the_model_as_it_was():
    model = small()
    painter = CodePainter(model, pictures())
    assert model.training
    expected = model.eval().decode(torch.tensor([painter.codes]))[0].detach()
    torch.testing.assert_close(painter.picture(), expected)
    with torch.no_grad():
        model.decoder[0].weight.zero_()
    torch.testing.assert_close(painter.picture(), expected)
    painter.codes = torch.tensor([[0, 1], [2, 3], [4, 5]])
    assert painter.codes == [[0, 1], [2, 3], [4, 5]]
    assert (painter.picture() - expected).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("codes", [[0, 1]], "codes must be 3 rows of 2 codes"),
        ("codes", torch.zeros(3, 3).long(), "codes must be 3 rows of 2 codes"),
        ("codes", [[0, 6], [0, 0], [0, 0]], "codes must be from 0 to 5, got 0 to 6"),
        ("codes", [[0, -1], [0, 0], [0, 0]], "codes must be from 0 to 5, got -1 to 0"),
        ("brush", 6, "brush must be a code from 0 to 5, got 6"),
    ],
)
def test_wrong_values_are_refused_and_survived(name, value, message):
    painter = CodePainter(small())
    before = getattr(painter, name)
    with pytest.raises(TraitError, match=message):
        setattr(painter, name, value)
    assert getattr(painter, name) == before


def test_other_models_are_named():
    with pytest.raises(TypeError, match=r"model must be a vqvae.VQVAE, got Identity"):
        CodePainter(nn.Identity())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": small((2, 12, 8))}, r"grey images or ones of three colours, got \(2, 12, 8\)"),
        ({"model": small(n_codes=257)}, "at most 256 codes .* got 257 codes and 3×2 places"),
        ({"model": small((1, 84, 80))}, "400 places .* got 6 codes and 21×20 places"),
        (
            {"images": torch.zeros(2, 1, 8, 8)},
            r"images must have shape \(n, 1, 12, 8\) .* got \(2, 1, 8, 8\)",
        ),
        ({"images": torch.zeros(17, 1, 12, 8)}, "with n from 1 to 16"),
        ({"images": torch.full((1, 12, 8), 2.0)}, r"images must be in \[0, 1\], got values from 2 to 2"),
        ({"precision": "int8"}, "precision must be one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CodePainter(**{"model": small(), **arguments})


def test_a_layer_that_the_browser_does_not_know_is_named():
    model = small()
    model.decoder[1] = nn.Softplus()
    with pytest.raises(ValueError, match=r"cannot run the decoder: .* the layer Softplus.*known are Linear"):
        CodePainter(model)


def test_weights_that_cannot_be_sent_are_refused():
    model = small()
    with torch.no_grad():
        model.decoder[0].bias[0] = 1e6
    with pytest.raises(ValueError, match="not finite in float16: send them as precision='float32'"):
        CodePainter(model)
    CodePainter(model, precision="float32")


def test_it_says_what_it_is_where_no_widget_can_be_shown():
    assert (
        repr(CodePainter(small())) == "CodePainter, 3×2 places for 6 codes: run this cell in Jupyter to paint"
    )
