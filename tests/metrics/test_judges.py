import numpy as np
import pytest
import torch

from course_utils import metrics, training
from course_utils.data import load_mnist
from course_utils.metrics import judges


@pytest.fixture(scope="module")
def judge():
    return metrics.judge("mnist")


def digits(n=300):
    return load_mnist("test").images[:n]


def test_probabilities_are_the_softmax_of_the_features(judge):
    images = digits()
    features = judge.features(images)
    assert features.shape == (300, 128)
    assert features.min() == 0, "after a ReLU"
    logits = features.numpy() @ judge.output.weight.numpy().T + judge.output.bias.numpy()
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    probabilities = judge.probabilities(images)
    np.testing.assert_allclose(probabilities.numpy(), expected, atol=1e-5)
    assert torch.equal(judge.predict(images), probabilities.argmax(1))
    sure = float((expected.max(1) > 0.99).mean())
    assert judge.share_sure(images, above=0.99) == sure < 1
    assert judge.share_sure(images, above=1) == 0


def test_the_first_convolution_by_hand(judge):
    image = digits(1)
    weight, bias = (tensor.numpy() for tensor in judge.hidden[1].parameters())
    windows = np.lib.stride_tricks.sliding_window_view(image[0].numpy(), (5, 5))  # (24, 24, 5, 5)
    expected = np.einsum("ijkl,ckl->cij", windows, weight[:, 0]) + bias[:, None, None]
    np.testing.assert_allclose(judge.hidden[:2](image)[0].numpy(), expected, atol=1e-5)


def test_it_reads_digits_and_is_not_sure_of_noise(judge):
    images, labels = load_mnist("test")
    assert (judge.predict(images[:1_000]) == labels[:1_000]).float().mean() > 0.97
    assert judge.share_sure(torch.full((1, 28, 28), 0.0)) == 0
    assert judge.share_sure(digits()) > 0.9


def test_batches_and_threads_change_nothing(judge):
    images = load_mnist("test").images[:1_500]  # more than one batch
    with training.threads(2):
        at_once = judge(images)
        in_batches = judge.probabilities(images)
        assert torch.get_num_threads() == 2
    torch.testing.assert_close(in_batches, at_once.softmax(1), atol=1e-5, rtol=1e-5)


def test_a_call_has_gradients_and_the_methods_have_none(judge):
    x = digits(2).clone().requires_grad_()
    judge(x)[:, 3].sum().backward()
    assert x.grad.abs().max() > 0
    assert not judge.features(x).requires_grad


def test_loading_draws_nothing():
    state = torch.get_rng_state()
    judge = metrics.judge()
    assert torch.equal(torch.get_rng_state(), state)
    assert not judge.training


def test_errors(judge):
    with pytest.raises(ValueError, match="name must be one of 'mnist', got 'cifar'"):
        metrics.judge("cifar")
    with pytest.raises(ValueError, match=r"got values from 0 to 255; images.clamp\(0, 1\) cuts .* by 255"):
        judge.predict(digits(2) * 255)
    with pytest.raises(ValueError, match=r"shape \(n, height, width\), n at least 1, got \(2, 784\)"):
        judge.features(digits(2).flatten(1))
    with pytest.raises(ValueError, match="images contains NaN"):
        judge.probabilities(torch.full((1, 28, 28), torch.nan))
    with pytest.raises(TypeError, match=r"images must hold floating-point numbers, got torch.uint8"):
        judge.predict(torch.zeros(1, 28, 28, dtype=torch.uint8))


def test_size():
    assert sum(parameter.numel() for parameter in judges.judge_network().parameters()) * 2 < 1e6
