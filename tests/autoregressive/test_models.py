"""Every model: causal, exact, a distribution; and what it takes and refuses."""

import math

import pytest
import torch
from torch.distributions import Bernoulli, Categorical

from course_utils import autoregressive as ar
from course_utils.autoregressive.levels import check_levels
from course_utils.conditions import OneHot
from tests.autoregressive.examples import MODELS, TINY, all_images, images, made, told

# Causality


@pytest.mark.parametrize("name", MODELS)
def test_jacobian_is_below_the_diagonal(name):
    model = made(MODELS[name])
    x = images(model, 1)[0]
    jacobian = ar.dependence(model, x, *told(model, 1))
    n_pixels = math.prod(model.image_shape)
    assert jacobian.shape == (n_pixels, n_pixels)
    assert (jacobian.triu() == 0).all(), "no pixel sees itself or a later one"
    assert (jacobian[1:].sum(1) > 0).all(), "but all see something"


@pytest.mark.parametrize("name", ["gated", "gated rgb", "made", "made rgb"])
def test_these_see_everything_before(name):
    seen = 0
    for seed in range(5):  # a unit that is off hides what another draw of the weights shows
        model = made(MODELS[name], seed=seed)
        seen = seen + ar.dependence(model, images(model, 1, seed=seed)[0], *told(model, 1))
    assert (seen[torch.ones_like(seen).tril(-1).bool()] > 0).all()


def test_the_blind_spot_and_its_cure():
    shape = (9, 9)
    plain = ar.receptive_field(ar.PixelCNN(shape, width=4, n_blocks=8, first_kernel=3), 6, 3)
    gated = ar.receptive_field(ar.GatedPixelCNN(shape, width=4, n_blocks=8, first_kernel=3), 6, 3)
    before = (torch.arange(81) < 6 * 9 + 3).view(shape)
    torch.testing.assert_close(gated, before)
    row, column = torch.meshgrid(torch.arange(9), torch.arange(9), indexing="ij")
    blind = before & (row < 6) & (column - 3 > 6 - row)  # right of the diagonal that leaves the pixel
    torch.testing.assert_close(plain, before & ~blind)
    assert blind.sum() > 5


def test_diagonals_see_all_but_the_end_of_the_row_above():
    model = ar.DiagonalBiLSTM((5, 9), width=24, n_layers=1, first_kernel=3)
    before = torch.arange(45).view(5, 9)
    for row, column in ((3, 1), (3, 5), (2, 0)):
        field = ar.receptive_field(model, row, column)
        expected = before < row * 9 + column
        expected[row - 1, 8] = False  # no feature of that row knows its last pixel
        torch.testing.assert_close(field, expected)
    field = ar.receptive_field(ar.DiagonalBiLSTM((5, 9), width=24, first_kernel=15), 3, 1)
    torch.testing.assert_close(field, before < 28)


def test_a_triangle_of_the_row_lstm():
    field = ar.receptive_field(ar.RowLSTM((7, 11), width=12, n_layers=1, first_kernel=3), 4, 5)
    assert field[5:].sum() == 0
    columns = [field[row].nonzero().flatten().tolist() for row in range(5)]
    ends = [(0, 9), (0, 8), (1, 7), (2, 6), (3, 4)]  # one column more on each side with each row up
    assert columns == [list(range(first, last + 1)) for first, last in ends]


@pytest.mark.parametrize(
    ("mask_types", "sees_itself", "sees_left"),
    [(("A", "B"), False, True), (("B", "B"), True, True), (("A", "A"), False, False)],
)
def test_the_wrong_type_of_mask(mask_types, sees_itself, sees_left):
    model = ar.PixelCNN((5, 5), width=4, n_blocks=1, first_kernel=3, mask_types=mask_types)
    field = ar.receptive_field(model, 2, 2)
    assert bool(field[2, 2]) == sees_itself
    assert bool(field[2, 1]) == sees_left, "1×1 convolutions of type A let nothing through"


# Probabilities


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("seed", [0, 1])
def test_probabilities_of_all_images_sum_to_one(name, seed):
    model = made(TINY[name], seed=seed)
    x = all_images(model)
    for label in range(1 if model.condition is None else 3):
        conditions = () if model.condition is None else (torch.full((len(x),), label),)
        assert model.log_prob(x, *conditions).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_log_prob_by_hand(name):
    model = made(MODELS[name])
    x = images(model, 3)
    conditions = told(model, 3)
    logits = model(x, *conditions)
    if model.n_levels == 2:
        each = Bernoulli(logits=logits).log_prob(x)
    else:
        assert logits.shape == (*x.shape, model.n_levels)
        each = Categorical(logits=logits).log_prob(x)
    assert each.shape == x.shape
    by_hand = torch.zeros(3, dtype=torch.float64)
    for pixel in each.flatten(1).T:  # the chain rule, one factor after the other
        by_hand += pixel
    torch.testing.assert_close(model.log_prob(x, *conditions), by_hand)


@pytest.mark.parametrize("name", ["pixelcnn", "gated rgb", "made", "row lstm", "diagonal"])
def test_a_batch_is_its_images(name):
    model = made(MODELS[name])
    x = images(model, 4)
    torch.testing.assert_close(model.log_prob(x), torch.cat([model.log_prob(one[None]) for one in x]))


def test_float32_and_a_condition_that_matters():
    model = ar.with_random_weights(MODELS["gated told"]())
    x = torch.randint(4, (5, 3, 4), generator=torch.Generator().manual_seed(0))
    zero, one = (model.log_prob(x, torch.full((5,), label)) for label in (0, 1))
    assert zero.dtype == torch.float32
    assert (zero != one).all()


def test_start_at_frequencies():
    x = torch.rand(50, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = MODELS["pixelcnn"]().double()
    model.start_at_frequencies(x)
    p = 0.001 + 0.998 * x.mean(0)
    torch.testing.assert_close(torch.sigmoid(model(images(model, 2)))[1], p)
    codes = torch.randint(3, (400, 3, 3, 4), generator=torch.Generator().manual_seed(0))
    model = MODELS["gated rgb"]().double()
    model.start_at_frequencies(codes)
    shares = torch.stack([(codes == level).double().mean(0) for level in range(3)], -1)
    torch.testing.assert_close(model(codes[:1])[0].softmax(-1), 0.999 * shares + 0.001 / 3)


# Steps over diagonals


def test_skew_and_back():
    x = torch.arange(12.0).view(3, 4) + 1
    skewed = ar.skew(x)
    assert skewed.tolist() == [[1, 2, 3, 4, 0, 0], [0, 5, 6, 7, 8, 0], [0, 0, 9, 10, 11, 12]]
    torch.testing.assert_close(ar.unskew(skewed), x)


def test_a_square_takes_2n_minus_1_steps(monkeypatch):
    from course_utils.autoregressive import diagonal

    calls = []
    monkeypatch.setattr(diagonal, "lstm_cell", lambda *a: calls.append(1) or ar.lstm_cell(*a))
    model = ar.DiagonalBiLSTM((6, 6), width=2, n_layers=1)
    model.log_prob(torch.zeros(1, 6, 6))
    assert len(calls) == 2 * (2 * 6 - 1), "from both sides"


def test_lstm_cell_is_that_of_pytorch():
    torch.manual_seed(0)
    cell = torch.nn.LSTMCell(3, 4).double()
    x, h, c = torch.randn(5, 3).double(), torch.randn(5, 4).double(), torch.randn(5, 4).double()
    gates = x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    i, f, g, o = gates.chunk(4, 1)  # PyTorch's order
    torch.testing.assert_close(ar.lstm_cell(torch.cat([i, f, o, g], 1), c), cell(x, (h, c)))


# What is refused


def test_bad_input():
    model = MODELS["pixelcnn"]()
    with pytest.raises(ValueError, match=r"x must have shape \('batch', 4, 5\), got \(2, 5, 4\)"):
        model.log_prob(torch.zeros(2, 5, 4))
    with pytest.raises(ValueError, match=r"whole numbers from 0 to 1, got values from .* data.binarize"):
        model.log_prob(torch.full((2, 4, 5), 0.5))
    with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
        MODELS["pixelcnn rgb"]().log_prob(torch.full((2, 3, 3, 4), 3))
    with pytest.raises(ValueError, match="a model without a condition"):
        model.log_prob(torch.zeros(2, 4, 5), torch.zeros(2).long())
    with pytest.raises(ValueError, match="conditions must be one tensor"):
        MODELS["gated told"]().log_prob(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="one per image, got 3 for 2 images"):
        MODELS["gated told"]().log_prob(torch.zeros(2, 3, 4), torch.zeros(3).long())
    with pytest.raises(TypeError, match=r"x must be a torch.Tensor, got list"):
        check_levels([0, 1], 2)
    with pytest.raises(ValueError, match="x must be one image"):
        ar.dependence(model, torch.zeros(1, 4, 5))
    with pytest.raises(ValueError, match="column must be less than 5, got 5"):
        ar.receptive_field(model, 0, 5)
    with pytest.raises(ValueError, match=r"x must have shape \('n', 4, 5\)"):
        model.start_at_frequencies(torch.zeros(2, 5, 4))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ar.PixelCNN((28,)), "image_shape must be"),
        (lambda: ar.PixelCNN((4, 4), n_levels=1), "n_levels must be at least 2"),
        (lambda: ar.PixelCNN((3, 4, 4), width=8), "width must be a multiple of 6"),
        (lambda: ar.GatedPixelCNN((3, 4, 4), width=8), "width must be a multiple of the 3"),
        (lambda: ar.GatedPixelCNN((4, 4), gate="relu"), "gate must be one of"),
        (lambda: ar.GatedPixelCNN((4, 4), first_kernel=1), "kernel_size must be at least 3"),
        (lambda: ar.RowLSTM((3, 4, 4), width=8), "width must be a multiple of the 3"),
    ],
)
def test_bad_sizes(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_condition_widths():
    model = ar.GatedPixelCNN((7, 7), width=8, n_levels=64, as_one_hot=True, condition=OneHot((10,)))
    codes = torch.randint(64, (2, 7, 7), generator=torch.Generator().manual_seed(0))
    assert model(codes, torch.tensor([3, 4])).shape == (2, 7, 7, 64)
    assert model.log_prob(codes, torch.tensor([3, 4])).shape == (2,)
