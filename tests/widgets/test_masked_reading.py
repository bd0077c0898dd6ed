"""PixelCNNs read layer by layer: a second reader gets PyTorch's logits from what was read."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2, kstest

from course_utils import autoregressive as ar
from course_utils.conditions import Embedding, OneHot
from course_utils.widgets.masked_reading import coins, read_masked, told

MODELS = {
    "one stack": lambda: ar.PixelCNN((5, 6), width=8, n_blocks=2, first_kernel=5),
    "one stack, dilated": lambda: ar.PixelCNN((7, 8), width=4, n_blocks=2, kernel_size=5, dilations=(1, 2)),
    "one stack, no blocks": lambda: ar.PixelCNN((5, 6), width=4, n_blocks=0, first_kernel=3),
    "two stacks": lambda: ar.GatedPixelCNN((5, 6), width=5, n_blocks=2, first_kernel=5),
    "two stacks, dilated": lambda: ar.GatedPixelCNN(
        (7, 8), width=4, n_blocks=3, first_kernel=3, dilations=(1, 2), gate="linear"
    ),
    "two stacks, told": lambda: ar.GatedPixelCNN((5, 6), width=4, n_blocks=2, condition=OneHot((3,))),
    "two stacks, told by vectors": lambda: ar.GatedPixelCNN(
        (5, 6), width=4, n_blocks=1, condition=Embedding((3,), 2)
    ),
}


def made(name, *, seed=0):
    """The model with random weights."""
    return ar.with_random_weights(MODELS[name](), generator=torch.Generator().manual_seed(seed)).eval()


class SecondReader:
    """What the browser does, on whole images (inputs, height, width), by sums of shifted images."""

    def __init__(self, read, shape, before_gates=None):
        self.layers, self.numbers, self.shape = read.layers, torch.from_numpy(read.numbers), shape
        self.before_gates, self.at = before_gates, 0

    def take(self, *sizes):
        count = int(np.prod(sizes))
        self.at += count
        return self.numbers[self.at - count : self.at].view(*sizes)

    def look(self, layer):
        n_taps = len(layer["taps"])
        weight = self.take(layer["outputs"], n_taps, layer["inputs"])
        return layer["taps"], weight, self.take(layer["outputs"])[:, None, None]

    def place(self, channels):
        return self.take(*self.shape, channels).movedim(-1, 0)

    @staticmethod
    def apply(look, x):
        taps, weight, y = look
        height, width = x.shape[1:]
        for k, (down, right) in enumerate(taps):
            moved = torch.zeros_like(x)
            rows, columns = range(max(0, -down), height), range(max(0, -right), min(width, width - right))
            for r in rows:
                for c in columns:
                    moved[:, r, c] = x[:, r + down, c + right]
            y = y + torch.einsum("oi,ihw->ohw", weight[:, k], moved)
        return y.expand(-1, height, width)

    def run(self, x):
        """Logits of an image (height, width)."""
        x = self.two_stacks(x[None]) if self.layers["kind"] == "two stacks" else self.one_stack(x[None])
        hidden, last = self.look(self.layers["hidden"]), self.look(self.layers["last"])
        x = self.apply(last, self.apply(hidden, x.relu()).relu()) + self.place(1)
        assert self.at == len(self.numbers), "all numbers are taken"
        return x[0]

    def one_stack(self, image):
        first = self.look(self.layers["first"])
        x = self.apply(first, image) + self.place(self.layers["first"]["outputs"])
        for block in self.layers["blocks"]:
            narrow, look, widen = (self.look(block[part]) for part in ("narrow", "look", "widen"))
            x = x + self.apply(widen, self.apply(look, self.apply(narrow, x.relu()).relu()).relu())
        return x

    def two_stacks(self, image):
        squash = torch.tanh if self.layers["tanh"] else torch.clone
        stacks = []
        for name in ("above", "beside"):
            layer = self.layers[name]
            stacks.append(self.apply(self.look(layer), image) + self.place(layer["outputs"]))
        v, h = stacks
        for b, block in enumerate(self.layers["blocks"]):
            above, beside, link, out = (self.look(block[part]) for part in ("above", "beside", "link", "out"))
            first, second = (self.apply(look, x) for look, x in ((above, v), (beside, h)))
            if self.before_gates is not None:
                tell = torch.from_numpy(self.before_gates[b])[:, None, None].chunk(2)
                first, second = first + tell[0], second + tell[1]
            value, gate = first.chunk(2)
            found = squash(value) * gate.sigmoid()
            v = v + found
            value, gate = (second + self.apply(link, found)).chunk(2)
            h = h + self.apply(out, squash(value) * gate.sigmoid())
        return h


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_read_as_it_runs(name):
    model = made(name)
    x = (torch.rand(model.image_shape, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    n_classes = 3 if model.condition is not None else 0
    before_gates = told(model, n_classes)
    for label in range(max(1, n_classes)):
        with torch.no_grad():
            expected = model(x[None], *((torch.tensor([label]),) if n_classes else ()))[0]
        reader = SecondReader(
            read_masked(model), model.image_shape, before_gates[label] if n_classes else None
        )
        torch.testing.assert_close(reader.run(x), expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 0.05


def test_what_is_hidden_is_not_sent():
    model = made("one stack")
    layers, numbers = read_masked(model)
    assert numbers.dtype == np.float32
    assert layers["first"]["taps"] == [
        *[[down, right] for down in (-2, -1) for right in (-2, -1, 0, 1, 2)],
        [0, -2],
        [0, -1],
    ]
    assert layers["blocks"][0]["look"]["taps"][-1] == [0, 0], "type B sees its own place"
    gated = read_masked(made("two stacks, dilated")).layers
    assert [0, 0] not in gated["above"]["taps"]
    assert gated["blocks"][1]["above"]["taps"] == [[d, r] for d in (-2, 0) for r in (-2, 0, 2)]
    assert gated["blocks"][1]["beside"]["taps"] == [[0, -2], [0, 0]]
    assert (gated["tanh"], read_masked(made("two stacks")).layers["tanh"]) == (False, True)


def test_coins_are_uniform_and_belong_to_seed_and_place():
    n = 20_000
    drawn = {seed: coins(seed, n) for seed in (0, 1, 2**32 - 1)}
    for values in drawn.values():
        assert (values >= 0).all()
        assert (values < 1).all()
        assert kstest(values.numpy(), "uniform").pvalue > 1e-4
        pairs = torch.histogramdd(torch.stack([values[:-1], values[1:]], 1), bins=[10, 10]).hist
        statistic = ((pairs - pairs.mean()) ** 2 / pairs.mean()).sum()
        assert statistic < chi2.ppf(1 - 1e-4, 99), "a coin does not tell the next"
    correlation = torch.corrcoef(torch.stack(list(drawn.values()))) - torch.eye(3)
    assert correlation.abs().max() < 4 / n**0.5, "seeds have coins of their own"
    assert torch.equal(coins(1, 5), drawn[1][:5])
    torch.testing.assert_close(coins(0, 3), drawn[0][:3], rtol=0, atol=0)
