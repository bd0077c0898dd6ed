import hashlib
import json

import pytest
import safetensors
import torch
from torch import nn

from course_utils import weights
from course_utils.networks import mlp


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def stored(tmp_path):
    """A folder that holds one network, `small`, and the network."""
    network = mlp([3, 8, 2])
    weights.store(network, "small", {"data": "none", "seed": 0}, folder=tmp_path)
    return tmp_path, network


def test_they_come_back_rounded_to_float16(stored):
    folder, network = stored
    loaded = weights.load("small", lambda: mlp([3, 8, 2]), folder=folder)
    for got, original in zip(loaded.parameters(), network.parameters(), strict=True):
        assert got.dtype == torch.float32
        assert torch.equal(got, original.half().float())
        assert not torch.equal(got, original)
        assert not got.requires_grad
    assert not loaded.training
    assert network.training, "the one that was stored is as it was"


def test_exact_in_float32(tmp_path):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double()
    network(torch.randn(5, 3).double())
    card = weights.store(network, "norm", {}, dtype=torch.float32, folder=tmp_path)
    loaded = weights.load("norm", lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), folder=tmp_path)
    for key, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor.float() if tensor.is_floating_point() else tensor)
    assert loaded[1].num_batches_tracked == 1
    assert loaded[1].num_batches_tracked.dtype == torch.int64
    assert card["stored_as"] == "float32"


def test_loading_draws_nothing(stored):
    state = torch.get_rng_state()
    weights.load("small", lambda: mlp([3, 8, 2]), folder=stored[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_card(stored):
    folder, _ = stored
    card = weights.load_card("small", folder=folder)
    content = (folder / "small.safetensors").read_bytes()
    assert card == {
        "data": "none",
        "seed": 0,
        "parameters": 3 * 8 + 8 + 8 * 2 + 2,
        "stored_as": "float16",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert weights.names(folder) == ["small"]
    with safetensors.safe_open(folder / "small.safetensors", "pt") as file:
        assert set(file.keys()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


@pytest.mark.parametrize("place", [0, 100, -1])
def test_one_changed_byte(stored, place):
    folder, _ = stored
    path = folder / "small.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(weights.WeightsFileError) as error:
        weights.load("small", lambda: mlp([3, 8, 2]), folder=folder)
    message = str(error.value)
    assert f"{path} is damaged: its SHA-256 is {hashlib.sha256(content).hexdigest()}" in message
    assert weights.load_card("small", folder=folder)["sha256"] in message
    assert f'git checkout -- "{path}"' in message
    assert "python -m course_utils.pretrained small" in message


def test_missing_weights(stored):
    folder, _ = stored
    (folder / "small.safetensors").unlink()
    with pytest.raises(weights.WeightsFileError, match=r"small.safetensors cannot be read \(No such file"):
        weights.load("small", lambda: mlp([3, 8, 2]), folder=folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"sha256": 3})])
def test_damaged_card(stored, text):
    folder, _ = stored
    (folder / "small.json").write_text(text)
    with pytest.raises(weights.WeightsFileError, match=r"small.json cannot be read as a card .*git checkout"):
        weights.load("small", lambda: mlp([3, 8, 2]), folder=folder)


def test_unknown_name(stored):
    with pytest.raises(ValueError, match="name must be one of 'small', got 'large'"):
        weights.load_card("large", folder=stored[0])


def test_another_architecture(stored):
    with pytest.raises(ValueError, match=r"than this Sequential: 0.bias, 0.weight, 2.weight differ"):
        weights.load("small", lambda: mlp([3, 9, 2]), folder=stored[0])
    with pytest.raises(ValueError, match=r"4.bias, 4.weight differ; build the module as the recipe"):
        weights.load("small", lambda: mlp([3, 8, 2, 2]), folder=stored[0])


@pytest.mark.parametrize("value", [7e4, torch.nan])
def test_what_float16_cannot_hold(tmp_path, value):
    network = mlp([3, 2])
    nn.init.constant_(network[0].bias, value)
    with pytest.raises(ValueError, match=r"0.bias of big hold what torch.float16 cannot: pass dtype"):
        weights.store(network, "big", {}, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
