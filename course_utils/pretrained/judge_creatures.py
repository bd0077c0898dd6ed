"""The judge of creatures: a convolutional classifier with one head per attribute, trained with cross-entropy."""

import os

import torch
from torch.nn.functional import cross_entropy

from course_utils import training
from course_utils.data import creatures
from course_utils.history import History
from course_utils.metrics.judges import AttributeJudge, attribute_judge_network
from course_utils.seeding import seed_everything

__all__ = ["DATA", "LICENCE", "N_STEPS", "SEED", "SEEDS", "build", "measure", "train"]

DATA = "20,000 drawn creatures of all combinations; figures on 10,000 others"
LICENCE = "MIT, as the code that made them, and that drew the creatures"
SEED = 0
SEEDS = {0: 0.9998}  # accuracy on the attribute that is read worst
N_TRAINING, N_TEST = 20_000, 10_000
TEST_SEED = 1_000_000  # of the test creatures, whatever the seed of the training
BATCH_SIZE = 128
LEARNING_RATE = 5e-3
N_STEPS = 1_000  # 6.4 epochs


def build() -> AttributeJudge:
    """Return the untrained judge."""
    return attribute_judge_network()


def train(*, seed: int, n_steps: int, checkpoint: str | os.PathLike[str]) -> tuple[AttributeJudge, History]:
    """Train a judge, and go on from the checkpoint if there is one."""
    generator = seed_everything(seed)
    images, attributes, _ = creatures(N_TRAINING, generator=generator)
    model = build()
    batches = training.batches((images, attributes), BATCH_SIZE, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    saved = training.Checkpoint(checkpoint, 200, model=model, optimizer=optimizer, batches=batches)
    history = History()
    with training.threads(1):
        for step in training.steps(n_steps, history, checkpoint=saved, label="judge_creatures"):
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * training.cosine(step, n_steps)
            pictures, targets = next(batches)
            heads = zip(model.heads(model(pictures)), targets.T, strict=True)
            loss = torch.stack([cross_entropy(head, target) for head, target in heads]).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.record(loss=loss)
    return model, history


def measure(model: AttributeJudge, *, quick: bool = False) -> dict[str, float]:
    """Return the accuracy on each attribute, and on the one that is read worst; all of it is quick."""
    images, attributes, _ = creatures(N_TEST, generator=torch.Generator().manual_seed(TEST_SEED))
    accuracies = model.accuracies(images, attributes)
    worst = {"lowest accuracy of an attribute": min(accuracies.values())}
    return worst | {f"accuracy, {name}": accuracy for name, accuracy in accuracies.items()}
