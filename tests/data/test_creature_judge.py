"""Every attribute can be seen: a small network, shown pictures and attributes, reads them off new pictures."""

import pytest
import torch
from torch import nn

from course_utils.data import CREATURE_ATTRIBUTES, creatures

N_VALUES = [len(values) for values in CREATURE_ATTRIBUTES.values()]


def convolution(n_in, n_out, stride):
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


def train_judge(images, attributes, *, n_steps, batch_size=128, n_channels=16):
    c, side = n_channels, -(-images.shape[-1] // 4)
    judge = nn.Sequential(
        convolution(3, c, 1),
        convolution(c, 2 * c, 2),
        convolution(2 * c, 4 * c, 2),
        nn.Flatten(),
        nn.Linear(4 * c * side**2, sum(N_VALUES)),
    )
    optimizer = torch.optim.Adam(judge.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=n_steps)
    for _ in range(n_steps):
        rows = torch.randint(len(images), (batch_size,))
        logits = judge(images[rows]).split(N_VALUES, dim=1)
        heads = zip(logits, attributes[rows].T, strict=True)
        loss = sum(nn.functional.cross_entropy(head, target) for head, target in heads)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return judge.eval()


@torch.no_grad()
def accuracies(judge, images, attributes):
    guesses = [head.argmax(1) for head in judge(images).split(N_VALUES, dim=1)]
    return (torch.stack(guesses, dim=1) == attributes).double().mean(0).tolist()


@pytest.mark.parametrize("size", [24, 16])
def test_every_attribute_is_seen(size):
    torch.manual_seed(0)
    images, attributes, _ = creatures(8_000, size=size)
    judge = train_judge(images, attributes, n_steps=250)
    images, attributes, _ = creatures(2_000, size=size)
    found = dict(zip(CREATURE_ATTRIBUTES, accuracies(judge, images, attributes), strict=True))
    print(
        f"\nread off {size}×{size} pictures:",
        ", ".join(f"{name} {100 * a:.1f} %" for name, a in found.items()),
    )
    assert min(found.values()) > 0.98
