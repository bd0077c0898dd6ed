"""LatentExplorer without a browser: its state, and what it answers to the browser's questions."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils.widgets import LatentExplorer


def decoder(d=2, size=4):
    return nn.Sequential(nn.Linear(d, size * size), nn.Sigmoid(), nn.Unflatten(1, (size, size)))


def circles(z):
    """A decoder that the browser cannot run."""
    return z.sum(1)[:, None, None].expand(len(z), 3, 5)


def asked(explorer, kind, values):
    """What Python sends when the browser asks: the message and its numbers."""
    sent = []
    explorer.send = lambda content, buffers=None: sent.append((content, buffers))
    explorer._answer(explorer, {"ask": kind, "id": "1"}, [np.asarray(values, np.float32).tobytes()])
    ((content, buffers),) = sent
    return content, None if buffers is None else np.frombuffer(buffers[0], np.float32)


def floats(data):
    return np.frombuffer(data, np.float32)


def test_what_the_browser_gets():
    codes, images = torch.randn(6, 3), torch.rand(6, 4, 4)
    explorer = LatentExplorer(
        decoder(3), codes, [7, 1, 7, 3, 3, 1], images, names={1: "one", 3: "three", 7: "seven"}
    )
    assert explorer.names == ["one", "three", "seven"]
    assert list(np.frombuffer(explorer._labels, np.uint8)) == [2, 0, 2, 1, 1, 0]
    np.testing.assert_array_equal(floats(explorer._codes), codes.flatten())
    np.testing.assert_allclose(
        np.frombuffer(explorer._images, np.uint8) / 255, images.flatten(), atol=0.5001 / 255
    )
    assert explorer.image_shape == [1, 4, 4]
    assert explorer._decoder[0] == {"kind": "linear", "inputs": 3, "outputs": 16}
    halves = np.frombuffer(explorer._decoder_numbers, np.float16)
    np.testing.assert_allclose(halves[:48], explorer._decode[0].weight.detach().flatten(), atol=1e-3)
    np.testing.assert_allclose(explorer.z, codes.mean(0), rtol=1e-5)
    assert (explorer.a, explorer.b, explorer.c) == tuple(code.tolist() for code in codes[:3])


def test_principal_directions_are_those_of_the_codes():
    codes = torch.randn(500, 3, dtype=torch.float64) @ torch.diag(torch.tensor([1.0, 5.0, 0.2]).double())
    explorer = LatentExplorer(decoder(3), codes)
    directions = np.array(explorer._principal)
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-9)
    projected = (codes.numpy() - codes.numpy().mean(0)) @ directions.T
    np.testing.assert_allclose(np.cov(projected.T), np.diag(np.square(explorer._spreads)), atol=1e-4)
    assert explorer._spreads == sorted(explorer._spreads, reverse=True)


def test_questions_of_the_browser_are_answered():
    explorer = LatentExplorer(circles, latent_dim=2)
    assert explorer._decoder is None
    content, numbers = asked(explorer, "decode", [[0.25, 0.5], [4.0, 4.0]])
    assert content == {"answer": "1", "shape": [1, 3, 5]}
    np.testing.assert_allclose(numbers, [0.75] * 15 + [1.0] * 15)


def test_a_drawing_is_encoded():
    explorer = LatentExplorer(decoder(), encoder=lambda x: x.flatten(1)[:, :2], latent_dim=2)
    assert explorer.encodes
    assert explorer.image_shape == [1, 4, 4]
    content, numbers = asked(explorer, "encode", torch.arange(16))
    assert content["answer"] == "1"
    np.testing.assert_array_equal(numbers, [0, 1])


def test_a_decoder_that_raises_shows_why_and_lives_on():
    broken = True

    def moody(z):
        if broken:
            raise RuntimeError("no more ink")
        return circles(z)

    explorer = LatentExplorer(moody, latent_dim=2)
    content, _ = asked(explorer, "decode", [[0.0, 0.0]])
    assert content == {"answer": "1", "failed": True}
    assert explorer.error == "RuntimeError: no more ink"
    broken = False
    content, _ = asked(explorer, "decode", [[0.0, 0.0]])
    assert "failed" not in content
    assert explorer.error == ""


def test_a_decoder_of_wrong_shapes_is_told_so():
    explorer = LatentExplorer(lambda z: z, latent_dim=2)
    asked(explorer, "decode", [[0.0, 0.0]])
    assert "must give images (n, height, width) or (n, 3, height, width), got (1, 2)" in explorer.error


def test_the_present_code_is_set_from_python_and_checked():
    explorer = LatentExplorer(decoder(), latent_dim=2)
    explorer.z = torch.tensor([1.0, 2.0])
    assert explorer.z == [1.0, 2.0]
    explorer.z = np.array([0.5, 0.5])
    for wrong in ([1.0], [1.0, float("nan")], []):
        with pytest.raises(TraitError, match="z must be 2 finite numbers"):
            explorer.z = wrong
    assert explorer.z == [0.5, 0.5]


def test_paths():
    explorer = LatentExplorer(decoder(), latent_dim=2)
    with pytest.raises(ValueError, match="the path has no ends yet"):
        explorer.path()
    explorer.a, explorer.b = [2.0, 0.0], [0.0, 2.0]
    torch.testing.assert_close(explorer.path(3), torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))
    arc = explorer.path(5, spherical=True)
    torch.testing.assert_close(
        arc.norm(dim=1), torch.full((5,), 2.0), msg="an arc keeps the distance from the origin"
    )
    angles = torch.atan2(arc[:, 1], arc[:, 0])
    torch.testing.assert_close(angles.diff(), torch.full((4,), torch.pi / 8), msg="and turns evenly")
    explorer.b = [-2.0, 0.0]
    torch.testing.assert_close(explorer.path(3, spherical=True)[1], torch.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((decoder(),), {"latent_dim": 3}, "latent_dim has 3, the decoder's first layer has 2"),
        ((decoder(), torch.zeros(4, 3)), {}, "the codes has 3, the decoder's first layer has 2"),
        ((circles,), {}, "latent_dim must be given"),
        ((circles, torch.zeros(10_001, 2)), {}, "codes must have at most 10,000 rows, got 10,001"),
        ((circles, torch.full((3, 2), torch.nan)), {}, "codes must be finite"),
        ((circles, torch.zeros(3)), {}, r"codes must have shape \(n, d\)"),
        ((circles, torch.zeros(3, 2), [1, 2]), {}, "labels must be one for each code"),
        (
            (circles, torch.zeros(3, 2), [1, 2, 3]),
            {"names": ["a"]},
            r"names must have a name for each label \(1, 2, 3\)",
        ),
        ((circles, torch.zeros(40, 2), range(40)), {}, "labels must have at most 35 different values"),
        ((circles, torch.zeros(3, 2), None, torch.zeros(2, 4, 4)), {}, "images must be one for each code"),
        ((circles, torch.zeros(3, 2), None, torch.zeros(3, 4)), {}, "images must have shape"),
        ((circles,), {"latent_dim": 2, "sample": "codes"}, "needs codes"),
        (
            (circles,),
            {"latent_dim": 2, "sample": "uniform"},
            "sample must be one of 'normal', 'codes', got 'uniform'",
        ),
        ((circles,), {"latent_dim": 2, "precision": "int8"}, "precision must be one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        LatentExplorer(*arguments, **options)


def test_a_decoder_must_be_callable():
    with pytest.raises(TypeError, match="decoder must be a module or a function of codes, got list"):
        LatentExplorer([1, 2])
