import doctest
import math

import numpy as np
import pytest
import torch

from course_utils import history as module
from course_utils.history import History


def test_docstring_example():
    result = doctest.testmod(module)
    assert result.attempted >= 4
    assert result.failed == 0


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        np.float32(1.5),
        np.array(1.5),
        torch.tensor(1.5),
        torch.tensor([[1.5]]),
        torch.tensor(1.5, requires_grad=True) * 1,
    ],
)
def test_values_become_floats(value):
    history = History()
    history.record(loss=value)
    assert history["loss"] == [1.5]
    assert type(history["loss"][0]) is float


def test_each_series_counts_for_itself():
    history = History()
    history.record(loss=3, kl=1)
    history.record(loss=2)
    history.record(kl=0.5)
    history.record(step=10, loss=1)
    history.record(loss=0)
    assert history.steps("loss") == [0, 1, 10, 11]
    assert history.steps("kl") == [0, 1]
    assert history["loss"] == [3, 2, 1, 0]
    assert history.names == ["loss", "kl"] == list(history)
    assert len(history) == 2
    assert history.last("loss") == 0


def test_inside_a_step():
    history = History()
    history.begin_step(7)
    history.record(loss=1)
    history.record(loss=2)  # twice in a step is fine: several critic steps
    history.begin_step(None)
    history.record(loss=3)
    assert history.steps("loss") == [7, 7, 8]


def test_steps_never_go_back_and_nothing_is_half_recorded():
    history = History()
    history.record(step=5, loss=1)
    with pytest.raises(
        ValueError, match=r"steps of 'loss' must not go back, got 4 after 5; .* new History\(\)"
    ):
        history.record(step=4, kl=1, loss=1)
    with pytest.raises(TypeError, match="loss must be a number"):
        history.record(kl=1, loss="low")
    assert history.names == ["loss"]
    assert history["loss"] == [1]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (
            torch.zeros(3),
            ValueError,
            r"loss must be one number to be recorded, got shape \(3,\); record its .mean",
        ),
        (None, TypeError, r"loss must be a number, got None \(NoneType\)"),
        ([1.0], TypeError, r"loss must be a number"),
    ],
)
def test_bad_values(value, error, message):
    with pytest.raises(error, match=message):
        History().record(loss=value)


def test_bad_step():
    with pytest.raises(TypeError, match="step must be an integer"):
        History().record(step=1.5, loss=1)
    with pytest.raises(ValueError, match="step must be at least 0"):
        History().record(step=-1, loss=1)


def test_unknown_series():
    history = History()
    with pytest.raises(KeyError, match=r"no series 'loss' in this history; it holds nothing yet"):
        history["loss"]
    history.record(elbo=1, kl=2)
    for ask in (history.steps, history.last, history.__getitem__):
        with pytest.raises(KeyError, match=r"no series 'loss' in this history; it holds elbo, kl"):
            ask("loss")
    assert "loss" not in history
    assert "kl" in history


def test_lists_are_copies():
    history = History()
    history.record(loss=1)
    history["loss"].append(2)
    history.steps("loss").append(2)
    history.state_dict()["series"]["loss"]["values"].append(2)
    assert history["loss"] == [1]
    assert history.steps("loss") == [0]


def test_state_comes_back(tmp_path):
    history = History()
    history.record(step=3, loss=math.pi, kl=math.inf)
    history.interrupted = True
    torch.save(history.state_dict(), tmp_path / "history.pt")
    other = History()
    other.record(old=1)
    other.load_state_dict(torch.load(tmp_path / "history.pt", weights_only=True))
    assert other.state_dict() == history.state_dict()
    assert other["loss"] == [math.pi]
    assert other.interrupted
    other.record(loss=1)
    assert history["loss"] == [math.pi]


def test_repr():
    history = History()
    assert repr(history) == "History(empty)"
    history.record(loss=2)
    history.record(loss=1 / 3, kl=1000)
    assert repr(history) == "History(loss: 2 recorded, last 0.3333; kl: 1 recorded, last 1000)"
    history.interrupted = True
    assert repr(history).endswith("1000, interrupted)")


def test_nan_names():
    history = History()
    history.begin_step(0)
    history.record(loss=math.nan, kl=1.0)
    history.record(loss=1.0)
    assert history.nan_names == ["loss"]
    history.begin_step(1)
    assert history.nan_names == []
