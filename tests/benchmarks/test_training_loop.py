"""That the two training loops, which are compared in speed, do the same."""

import numpy as np
import torch
from PIL import Image

from benchmarks.training_loop import CopiedVAE, Pictures, copied_loss, copied_steps, to_tensor
from course_utils.data import binarize, load_mnist
from course_utils.vae import elbo, mlp_vae


def binarized(n):
    images, labels = load_mnist()
    return binarize(images[:n], generator=torch.Generator().manual_seed(0)), labels[:n]


def test_the_copied_loss_is_our_negative_elbo():
    x, _ = binarized(64)
    torch.manual_seed(0)
    ours, copied = mlp_vae((28, 28), 20, activation=torch.nn.ReLU), CopiedVAE()
    _, hidden, _, both = ours.encoder
    back, _, pixels, _ = ours.decoder
    for layer, same in ((copied.hidden, hidden), (copied.back, back), (copied.pixels, pixels)):
        layer.load_state_dict(same.state_dict())
    for layer, rows in ((copied.mean, slice(0, 20)), (copied.logvar, slice(20, 40))):
        layer.load_state_dict({"weight": both.weight[rows], "bias": both.bias[rows]})
    torch.manual_seed(1)
    probabilities, mean, logvar = copied(x)
    theirs = copied_loss(probabilities, x, mean, logvar)
    torch.manual_seed(1)  # the same noise
    torch.testing.assert_close(theirs, -elbo(ours, x).sum(), rtol=1e-5, atol=0.0)
    assert sum(p.numel() for p in copied.parameters()) == sum(p.numel() for p in ours.parameters())


def test_examples_arrive_as_they_are():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    tensor = to_tensor(Image.fromarray(grey))
    assert tensor.shape == (1, 3, 4)
    torch.testing.assert_close(tensor[0], torch.from_numpy(grey) / 255)
    x, labels = binarized(10)
    pictures = Pictures((255 * x).to(torch.uint8), labels)
    assert len(pictures) == 10
    assert torch.equal(pictures[3][0][0], x[3])
    assert pictures[3][1] == labels[3]


def test_the_copied_loop_learns():
    torch.manual_seed(0)
    x, labels = binarized(512)
    steps = copied_steps(Pictures((255 * x).to(torch.uint8), labels), 128, 0)
    losses = [next(steps) / 128 for _ in range(12)]
    assert losses[0] > 500, "about 784 log 2 = 543 at the start"
    assert losses[-1] < 300
