"""Stored studies: complete, of the present settings, and computed by code that still does what it did."""

import json
import math
from statistics import fmean

import numpy as np
import pytest
import torch
from torch import nn

from course_utils import gan
from course_utils.data import load_mnist
from course_utils.networks import unstack_models
from course_utils.sequences import LSTMModel, LSTMOracle
from course_utils.studies import collapse, conditions, mode_bench, seqgan_oracle
from course_utils.studies.store import Store

TRUE_KEYS = ("n_modes", "high_quality", "reverse_kl", "kl_with_misses", "spread")


def test_a_store_computes_each_entry_once(tmp_path):
    store = Store(tmp_path / "deep" / "study.json")
    assert store.read() == {}
    assert store.get("a", lambda: {"value": 1}) == {"value": 1}
    assert store.get("a", lambda: {"value": 2}) == {"value": 1}
    store.get("b", lambda: {"value": 3})
    assert json.loads(store.path.read_text()) == {"a": {"value": 1}, "b": {"value": 3}}
    with pytest.raises(KeyboardInterrupt):  # an interruption leaves what was there
        store.get("c", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert set(store.read()) == {"a", "b"}
    assert [path.name for path in store.path.parent.iterdir()] == ["study.json"]


def entries(part):
    return {key: entry for key, entry in mode_bench.results().items() if key.endswith(f"| {part}")}


@pytest.mark.parametrize("data", mode_bench.DATA)
@pytest.mark.parametrize("remedy", mode_bench.REMEDIES)
def test_every_remedy_was_searched_with_equal_care(data, remedy):
    """Four settings of equal size, and the full training has the best of them."""
    stored = mode_bench.results()
    tried = [stored[f"{data} | {remedy} | search {i}"] for i in range(4)]
    assert {(entry["n_steps"], entry["n_seeds"]) for entry in tried} == {
        (mode_bench.N_STEPS_SEARCH, mode_bench.N_SEEDS_SEARCH)
    }
    assert {(entry["learning_rate"], entry["knob"]) for entry in tried} == {
        (rate, knob) for rate in mode_bench.LEARNING_RATES for knob in mode_bench.REMEDIES[remedy].values
    }
    best = min(tried, key=mode_bench.score)
    final = stored[f"{data} | {remedy} | final"]
    assert (final["learning_rate"], final["knob"]) == (best["learning_rate"], best["knob"])
    assert (final["n_steps"], final["n_seeds"]) == (mode_bench.N_STEPS, mode_bench.N_SEEDS)
    assert "failed" in final or all(len(final[key]) == mode_bench.N_SEEDS for key in TRUE_KEYS)


@pytest.mark.parametrize("part", mode_bench.LONG)
@pytest.mark.parametrize("data", mode_bench.DATA)
def test_the_long_trainings_have_their_settings(data, part):
    entry = mode_bench.results()[f"{data} | {mode_bench.LONG_REMEDY} | {part}"]
    assert {name: entry[name] for name in mode_bench.LONG[part]} == mode_bench.LONG[part]
    assert entry["seconds"] <= 180
    assert all(len(entry[key]) == mode_bench.N_SEEDS for key in TRUE_KEYS)


@pytest.mark.parametrize(("data", "n_modes", "quality"), [("ring", 8, 0.97), ("grid", 25, 0.96)])
def test_long_trainings_beat_the_published_table(data, n_modes, quality):
    """Lin et al. (2018), table 1: at best 7.9 modes of 8 and a KL of 0.07, 24.8 of 25 and 0.04."""
    stored = mode_bench.results()
    leaky, relu, slow = (
        stored[f"{data} | {mode_bench.LONG_REMEDY} | {part}"]
        for part in ("long", "long, ReLU, two steps of D", "long, ReLU, slow G")
    )
    assert leaky["n_modes"] == relu["n_modes"] == slow["n_modes"] == [n_modes] * mode_bench.N_SEEDS
    assert fmean(leaky["reverse_kl"]) <= 0.01
    assert fmean(relu["reverse_kl"]) <= 0.02
    assert fmean(relu["high_quality"]) >= quality
    assert fmean(slow["reverse_kl"]) <= 0.02
    assert fmean(slow["high_quality"]) >= quality - 0.005
    assert fmean(slow["spread"]) > max(0.65, fmean(leaky["spread"]), fmean(relu["spread"]))


@pytest.mark.parametrize(("data", "n_modes", "quality"), [("ring", 8, 0.97), ("grid", 25, 0.96)])
def test_one_long_training_has_modes_quality_and_balance_at_once_on_both_data_sets(data, n_modes, quality):
    entry = mode_bench.results()[f"{data} | {mode_bench.LONG_REMEDY} | long, ReLU"]
    assert entry["n_modes"] == [n_modes] * mode_bench.N_SEEDS
    assert fmean(entry["high_quality"]) >= quality
    assert fmean(entry["reverse_kl"]) <= 0.01


def test_the_settings_of_the_long_trainings_reach_the_training(tmp_path, monkeypatch):
    seen = []

    def watched(G, D, points, **settings):
        layers = [*G.modules(), *D.modules()]
        slopes = {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)}
        rates = settings["learning_rate"], settings["discriminator_learning_rate"]
        weights = [settings["penalties"][0].at(step, 100) for step in (0, 1, 30, 60, 99)]
        seen.append((slopes, settings["n_critic"], rates, pytest.approx(weights)))
        return gan.fit_gan(G, D, points, **settings)

    monkeypatch.setattr(mode_bench, "fit_gan", watched)
    how = {"learning_rate": 1e-3, "knob": 0.5, "n_steps": 2, "n_seeds": 2}
    other = {"slope": 0.0, "n_critic": 2, "ratio": 3.0, "falls_to": 1e-4, "falls_until": 0.9, "every": 3}
    mode_bench.train("ring", "R1", **how, checkpoint=tmp_path / "plain.pt")
    mode_bench.train("ring", "R1", **how, **other, checkpoint=tmp_path / "other.pt")
    assert seen == [
        ({0.2}, 1, (1e-3, 1e-3), [0.5, 0.5 * 1e-3 ** (1 / 60), 0.5 * 1e-3**0.5, 5e-4, 5e-4]),
        ({0.0}, 2, (1e-3, 3e-3), [1.5, 0.0, 1.5 * 1e-4 ** (1 / 3), 1.5 * 1e-4 ** (2 / 3), 1.5e-4]),
    ]


def test_failed_trainings_come_last():
    assert mode_bench.score({"failed": "a loss became NaN"}) == math.inf
    assert mode_bench.score({"kl_with_misses": [1.0, 3.0]}) == 2.0


@pytest.mark.parametrize("remedy", mode_bench.REMEDIES)
def test_every_remedy_still_trains(remedy, tmp_path):
    """A few steps, interrupted by nothing; the checkpoint tells the time."""
    how = {"learning_rate": 1e-3, "knob": mode_bench.REMEDIES[remedy].values[0]}
    entry = mode_bench.train("ring", remedy, **how, n_steps=4, n_seeds=2, checkpoint=tmp_path / "training.pt")
    assert set(entry) == {*TRUE_KEYS, "seconds"}
    assert all(len(entry[key]) == 2 for key in TRUE_KEYS)
    assert entry["seconds"] > 0


def test_the_networks_are_the_same_but_for_what_a_remedy_needs():
    def sizes(remedy):
        _, discriminator = mode_bench.players(remedy, 2)
        return [tuple(weight.shape[-2:]) for weight in discriminator.parameters() if weight.ndim >= 2]

    plain = [(2, 64), (1, 64), (64, 64), (1, 64), (64, 1), (1, 1)]
    assert sizes("non-saturating") == sizes("R1") == plain
    assert sizes("packing 4")[0] == (8, 64)
    assert sizes("packing 4")[1:] == plain[1:]
    assert sizes("minibatch discrimination")[-2] == (72, 1)


def test_side_by_side_gives_each_model_its_rows():
    models = [nn.Linear(2, 1), nn.Linear(2, 1)]
    x = torch.randn(6, 2)
    together = mode_bench.SideBySide(models)(x)
    torch.testing.assert_close(together, torch.cat([models[0](x[:3]), models[1](x[3:])]))


def test_the_collapse_and_its_cures_are_stored():
    stored = collapse.results()
    assert set(stored) == set(collapse.CURES)
    for found in stored.values():
        shape = (collapse.N_SEEDS, collapse.N_STEPS // collapse.EVERY)
        assert torch.tensor(found["n_modes"]).shape == torch.tensor(found["top_mode"]).shape == shape
    assert sum(modes[-1] <= 1 for modes in stored["nothing changed"]["n_modes"]) >= 4


def test_the_collapse_still_trains():
    found = collapse.train("packing 4", n_seeds=2, n_steps=collapse.EVERY)
    assert [len(modes) for modes in found["n_modes"]] == [1, 1]
    assert len(found["high_quality"]) == 2


def test_the_seeds_of_a_stack_begin_differently():
    generators, _ = mode_bench.players("R1", 3)
    first = [model.network[0].weight for model in unstack_models(generators)]
    assert not torch.equal(first[0], first[1])


# Conditions


def kinds_of_conditions():
    """Each way with right pairs, and, if the discriminator is told anything, with right and wrong ones."""
    told = [(way, pairs) for way in conditions.WAYS[1:] for pairs in ("right", "right and wrong")]
    return [(conditions.WAYS[0], "right"), *told]


def test_every_way_was_trained_with_every_seed():
    expected = {
        f"{way} | {pairs} | {seed}"
        for way, pairs in kinds_of_conditions()
        for seed in range(conditions.N_SEEDS)
    }
    assert set(conditions.results()) == expected | {"test images"}


def test_a_generator_listens_only_if_its_discriminator_is_told():
    stored = conditions.results()
    for way, pairs in kinds_of_conditions():
        for seed in range(conditions.N_SEEDS):
            agreement = stored[f"{way} | {pairs} | {seed}"]["agreement"]
            if way == "not told":  # 3,000 guesses among ten: a standard deviation of 0.0055
                assert abs(agreement - 0.1) < 0.03
            else:
                assert agreement > 0.5, (way, pairs, seed)
    mean = {
        (way, pairs): sum(stored[f"{way} | {pairs} | {seed}"]["agreement"] for seed in range(3)) / 3
        for way, pairs in kinds_of_conditions()
    }
    assert mean["projection", "right"] >= 0.75


@pytest.mark.parametrize("way", conditions.WAYS)
def test_every_way_still_trains(way):
    judge = conditions.small_judge(n_steps=2)
    for mismatched in (False, True):
        entry = conditions.train(way, mismatched=mismatched, seed=0, judge=judge, n_steps=2)
        assert set(entry) == {"agreement", "apart"}
        assert 0 <= entry["agreement"] <= 1
        assert entry["apart"] > 0


def test_small_digits_are_means_of_four_pixels_in_a_border():
    images, labels = conditions.small_digits("test")
    large, same = load_mnist("test")
    assert torch.equal(labels, same)
    assert images.shape == (10_000, 16, 16)
    torch.testing.assert_close(images[:50, 5, 7], large[:50, 8:10, 12:14].mean((1, 2)))
    assert images[:, 0].max() == 0
    assert float(images.sum()) == pytest.approx(float(large.sum()) / 4, rel=1e-5)


# The oracle benchmark


ORACLE_RUNS = [(variant, seed) for variant in seqgan_oracle.VARIANTS for seed in seqgan_oracle.SEEDS]


def test_the_oracle_benchmark_is_whole_and_has_the_present_settings():
    stored = seqgan_oracle.results()
    assert set(stored) == {"reference", "mle", "temperatures"} | {f"{name} | {k}" for name, k in ORACLE_RUNS}
    mle, cooled = stored["mle"], stored["temperatures"]
    assert mle["epochs"] == seqgan_oracle.EPOCHS
    assert {name: mle[name] for name in seqgan_oracle.MLE} == seqgan_oracle.MLE
    assert mle["steps"][-1] == seqgan_oracle.EPOCHS * seqgan_oracle.EPOCH_STEPS
    assert cooled["temperatures"] == list(seqgan_oracle.TEMPERATURES)
    for name in ("oracle_nll", "data_nll", "entropy", "pairs"):
        assert len(mle[name]) == len(mle["steps"])
        assert len(cooled[name]) == len(cooled["temperatures"])


@pytest.mark.parametrize(("variant", "seed"), ORACLE_RUNS)
def test_each_adversarial_training_has_its_settings(variant, seed):
    entry = seqgan_oracle.results()[f"{variant} | {seed}"]
    settings = seqgan_oracle.SEQGAN | seqgan_oracle.VARIANTS[variant]
    assert {name: entry[name] for name in settings} == settings
    assert entry["rounds"] == entry["steps"][-1] == len(entry["reward"]) == seqgan_oracle.ROUNDS
    assert all(
        len(entry[name]) == len(entry["steps"]) for name in ("oracle_nll", "data_nll", "entropy", "pairs")
    )
    if variant == "one reward for all":
        assert entry["reward"] == pytest.approx([seqgan_oracle.ONE_REWARD] * seqgan_oracle.ROUNDS)
        assert "correlation" not in entry


def test_what_the_chapter_says_of_maximum_likelihood_under_the_oracle():
    stored = seqgan_oracle.results()
    mle, reference = stored["mle"], stored["reference"]
    assert mle["oracle_nll"][-1] <= 9.04, "the published figure of maximum likelihood, of another oracle"
    assert round(reference["real"], 2) == 5.88
    assert reference["real"] < mle["oracle_nll"][-1] < reference["random"]
    assert mle["data_nll"][-1] > mle["data_nll"][0] + 1, "worse on new sequences"
    assert mle["train_nll"][-1] < mle["data_nll"][-1] - 1.5, "learned by heart"


@pytest.mark.parametrize("seed", seqgan_oracle.SEEDS)
def test_what_the_chapter_says_of_seqgan_and_its_controls(seed):
    stored = seqgan_oracle.results()
    start, cooled = stored["mle"], stored["temperatures"]
    gan, baseline, alone = (stored[f"{variant} | {seed}"] for variant in seqgan_oracle.VARIANTS)
    scores = {"gan": gan, "baseline": baseline, "alone": alone}
    scores = {name: run["oracle_nll"][-1] - start["oracle_nll"][-1] for name, run in scores.items()}
    assert scores["gan"] < -0.15, "the drop below its own maximum likelihood"
    assert scores["alone"] < scores["gan"] < scores["baseline"], "deepest without a discriminator"
    assert scores["baseline"] > -0.1
    for run in (gan, baseline, alone):
        assert run["data_nll"][-1] > start["data_nll"][-1]
        assert run["entropy"][-1] < start["entropy"][-1]
    for run in (gan, alone):  # against cooling that costs as much on new data
        as_cool = np.interp(run["data_nll"][-1], cooled["data_nll"], cooled["oracle_nll"])
        assert run["oracle_nll"][-1] < as_cool
    assert 0.7 < gan["above_new"] < gan["above_training"]
    assert gan["correlation"] < 0
    assert sum(gan["reward"][:10]) / 10 == pytest.approx(seqgan_oracle.ONE_REWARD, abs=0.05), (
        "as the control has it"
    )


def test_a_cooled_model_divides_its_logits():
    model, features = LSTMModel(6, 8), torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    before = model.head(features)
    torch.testing.assert_close(seqgan_oracle.cooled(model, 0.5).head(features), 2 * before)
    torch.testing.assert_close(seqgan_oracle.cooled(model, 1.0).head(features), before)
    assert torch.equal(model.head(features), before), "the model itself stays as it is"


def test_the_ends_of_the_scale_are_those_of_the_oracle():
    oracle, real, new = seqgan_oracle.world()
    stored = seqgan_oracle.results()["reference"]
    assert float(oracle.nll(new).mean()) == pytest.approx(stored["real"], abs=0.01)
    # The same distribution: two means of sequences, with their standard errors.
    a, b = oracle.nll(real[:2_000]), oracle.nll(new)
    assert abs(float(a.mean() - b.mean())) < 4.5 * float((a.var() / len(a) + b.var() / len(b)).sqrt())


def test_what_a_verdict_is_worth():
    """A discriminator that asks the oracle itself knows all that there is; one that says the same of all, nothing."""

    class Asks(nn.Module):
        def forward(self, tokens):
            return oracle.log_prob(tokens)

    oracle = LSTMOracle(6, 8, hidden=4, generator=torch.Generator().manual_seed(0))
    real = oracle.sample(400, generator=torch.Generator().manual_seed(1))
    world = oracle, real, real[:300]
    perfect = seqgan_oracle.judged(Asks(), LSTMModel(6, 8), world)
    assert perfect["correlation"] == pytest.approx(1, abs=1e-5)
    assert perfect["above_new"] > 0.8
    assert perfect["above_training"] == pytest.approx(perfect["above_new"])
    same = seqgan_oracle.judged(Asks(), oracle, world)
    assert abs(same["above_new"] - 0.5) < 4.5 * (2 / 300 / 12) ** 0.5  # two samples of one distribution


def test_both_parts_of_the_oracle_benchmark_still_train(tmp_path, monkeypatch):
    monkeypatch.setattr(seqgan_oracle, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(seqgan_oracle, "N_REAL", 200)
    monkeypatch.setattr(seqgan_oracle, "N_MEASURED", 50)
    model, history = seqgan_oracle.train_mle(n_steps=2)
    small = {"n_warm_up": 1, "n_fakes": 4, "n_discriminator": 1, "n_rollouts": 1, "batch_size": 4}
    assert history.steps("oracle_nll") == [1]
    for variant in seqgan_oracle.VARIANTS:
        fewer = {name: size for name, size in small.items() if name not in seqgan_oracle.VARIANTS[variant]}
        _, further = seqgan_oracle.train_seqgan(model, 2, variant=variant, measure_every=1, **fewer)
        assert further.steps("oracle_nll") == [0, 1]
        assert 0 < further.last("pairs") <= 1
