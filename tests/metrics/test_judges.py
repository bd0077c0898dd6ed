import numpy as np
import pytest
import torch

from course_utils import metrics, training
from course_utils.data import CREATURE_ATTRIBUTES, creatures, load_mnist
from course_utils.metrics import judges


@pytest.fixture(scope="module")
def judge():
    return metrics.judge("mnist")


@pytest.fixture(scope="module")
def creature_judge():
    return metrics.judge("creatures")


def drawn(n=300, **settings):
    return creatures(n, generator=torch.Generator().manual_seed(5), **settings)


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
    with pytest.raises(ValueError, match="name must be one of 'mnist', 'creatures', got 'cifar'"):
        metrics.judge("cifar")
    with pytest.raises(ValueError, match=r"got values from 0 to 255; images.clamp\(0, 1\) cuts .* by 255"):
        judge.predict(digits(2) * 255)
    with pytest.raises(ValueError, match=r"shape \(n, 28, 28\), n at least 1, got \(2, 784\)"):
        judge.features(digits(2).flatten(1))
    with pytest.raises(ValueError, match="images contains NaN"):
        judge.probabilities(torch.full((1, 28, 28), torch.nan))
    with pytest.raises(TypeError, match=r"images must hold floating-point numbers, got torch.uint8"):
        judge.predict(torch.zeros(1, 28, 28, dtype=torch.uint8))


@pytest.mark.parametrize("network", [judges.judge_network, judges.attribute_judge_network])
def test_size(network):
    assert sum(parameter.numel() for parameter in network().parameters()) * 2 < 1e6


# Creatures


def test_it_reads_every_attribute_of_creatures(creature_judge):
    images, attributes, _ = drawn(2_000)
    seen = creature_judge.predict(images)
    assert seen.dtype == torch.int64
    assert seen.shape == attributes.shape
    by_hand = {
        name: float(np.mean(seen[:, i].numpy() == attributes[:, i].numpy()))
        for i, name in enumerate(CREATURE_ATTRIBUTES)
    }
    assert creature_judge.accuracies(images, attributes) == pytest.approx(by_hand)
    # The card says 99.5 % and more of 10,000; four standard errors of 2,000 are 0.6 %.
    assert min(by_hand.values()) > 0.988


def test_each_attribute_has_its_head(creature_judge):
    images = drawn().images
    features = creature_judge.features(images)
    assert features.shape == (300, 128)
    assert features.min() == 0, "after a ReLU"
    weight, bias = (tensor.numpy() for tensor in creature_judge.output.parameters())
    logits = features.numpy() @ weight.T + bias  # (300, 21)
    probabilities = creature_judge.probabilities(images)
    assert list(probabilities) == list(CREATURE_ATTRIBUTES)
    start = 0
    for i, (name, values) in enumerate(CREATURE_ATTRIBUTES.items()):
        head = logits[:, start : start + len(values)]
        expected = np.exp(head - head.max(1, keepdims=True))
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(probabilities[name].numpy(), expected, atol=1e-4)
        assert torch.equal(creature_judge.predict(images)[:, i], probabilities[name].argmax(1))
        start += len(values)
    assert start == logits.shape[1]


def test_a_changed_attribute_is_seen_and_no_other(creature_judge):
    attributes = drawn(200).attributes
    changed = attributes.clone()
    column = list(CREATURE_ATTRIBUTES).index("time")
    changed[:, column] = 1 - changed[:, column]
    seen = creature_judge.predict(creatures(attributes=changed, vary=False).images)
    differs = seen != attributes
    assert differs[:, column].double().mean() > 0.99
    assert differs.double().mean(0)[[i for i in range(7) if i != column]].max() < 0.05


def test_judges_of_creatures_load_without_drawing_and_give_no_gradients(creature_judge):
    state = torch.get_rng_state()
    assert not metrics.judge("creatures").training
    assert torch.equal(torch.get_rng_state(), state)
    x = drawn(2).images.clone().requires_grad_()
    creature_judge(x)[:, 3].sum().backward()
    assert x.grad.abs().max() > 0
    assert not creature_judge.features(x).requires_grad


def test_errors_of_the_judge_of_creatures(creature_judge):
    images, attributes, _ = drawn(3)
    with pytest.raises(ValueError, match=r"shape \(n, 3, 24, 24\), n at least 1, got \(3, 3, 16, 16\)"):
        creature_judge.predict(drawn(3, size=16).images)
    with pytest.raises(ValueError, match=r"got \(0, 3, 24, 24\)"):
        creature_judge.features(images[:0])
    with pytest.raises(ValueError, match="must lie in"):
        creature_judge.probabilities(2 * images)
    with pytest.raises(
        ValueError, match=r"attributes must have shape \(3, 7\), .* size, .*, time, got \(2, 7\)"
    ):
        creature_judge.accuracies(images, attributes[:2])
    with pytest.raises(TypeError, match=r"attributes.long\(\) makes one"):
        creature_judge.accuracies(images, attributes.float())


def test_a_classifier_learns_what_its_images_say():
    """From real digits it reads real ones; from the same digits with every label one too high, every label is wrong."""
    images, labels = load_mnist()
    settings = {"n_steps": 60}
    torch.manual_seed(0)
    right = metrics.real_accuracy_after(
        images, labels, generator=torch.Generator().manual_seed(0), **settings
    )
    torch.manual_seed(0)
    wrong = metrics.real_accuracy_after(
        images, (labels + 1) % 10, generator=torch.Generator().manual_seed(0), **settings
    )
    assert right > 0.9
    assert wrong < 0.05
