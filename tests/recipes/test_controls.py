"""The controls: what they compare is equal but for one thing, and a small one from end to end."""

import json
from dataclasses import asdict

import keras
import numpy as np
import pytest

from recipes.controls import run
from recipes.controls.arms import ARMS, CONTROLS, Control
from recipes.distill_2md_mtl.label_noise import corrupted, spoilt
from recipes.distill_2md_mtl.methods import ROWS_IN_BATCH
from recipes.distill_2md_mtl.plateau import Plateau
from recipes.distill_2md_mtl.sets import EXPRESSION, OWN_TASK, only_own_label, smoke_set
from recipes.distill_2md_mtl.train import optimizer

KINDS = {"auxiliary", "pseudo", "sure", "rate", "balancing", "adversary"}


@pytest.fixture(autouse=True)
def policy():
    """The recipe sets the global policy; other tests want it as it was."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def test_every_question_knows_its_arms_and_every_arm_is_asked_for():
    asked = {arm for control in CONTROLS.values() for arm in control.arms}
    assert asked == set(ARMS)
    for control in CONTROLS.values():
        assert set(control.repeated or ()) <= set(control.arms)
        assert len(set(control.arms)) == len(control.arms)


def test_arms_are_equal_in_pictures():
    assert {sum(arm.per_batch.values()) for arm in ARMS.values()} == {ROWS_IN_BATCH}
    assert len({json.dumps(asdict(arm), sort_keys=True) for arm in ARMS.values()}) == len(ARMS)


@pytest.mark.parametrize("name", [name for name in ARMS if name.split("-")[0] in KINDS])
def test_an_arm_differs_from_its_like_in_one_thing(name):
    like = "pseudo" if name.startswith(("pseudo", "sure")) else "multi"
    one, other = asdict(ARMS[name]), asdict(ARMS[like])
    differs = {key for key in one if one[key] != other[key]} - {"title"}
    allowed = {"threshold", "corrupted"} if name.startswith("sure") else differs
    assert len(differs) <= 1 or differs == allowed, differs


def test_runs_are_made_once():
    runs = run.wanted(None)
    assert len(set(runs)) == len(runs)
    assert ("multi", "fold-2", 2) in runs and ("auxiliary-20", "fold-1", 1) not in runs
    assert ("auxiliary-40", "fold-1", 1) in runs and ("rate-cosine", "fold-1", 1) not in runs


def test_corrupted_labels():
    labels = np.arange(1000) % 4
    moved = corrupted(labels, 4, 0.3, np.random.default_rng(0))
    assert (moved != labels).sum() == 300 and set(moved) == {0, 1, 2, 3}
    np.testing.assert_array_equal(corrupted(labels, 4, 0.0, np.random.default_rng(0)), labels)


def test_the_main_task_is_never_spoilt():
    sets = {
        "ck48": only_own_label(smoke_set(None, "ck48"), EXPRESSION),
        "fairface": only_own_label(smoke_set(None, "fairface-train"), OWN_TASK["fairface"]),
    }
    tasks = list(OWN_TASK.values())
    wrong = spoilt(sets, tasks, ARMS["auxiliary-60"])
    dealt = spoilt(sets, tasks, ARMS["shuffled"])
    for made in (wrong, dealt):
        before, after = sets["ck48"].labels["expression"], made["ck48"].labels["expression"]
        np.testing.assert_array_equal(before, after)
    gender = sets["fairface"].labels["gender"]
    assert (wrong["fairface"].labels["gender"] != gender).mean() == pytest.approx(0.6)
    assert sorted(dealt["fairface"].labels["gender"]) == sorted(gender)
    assert (dealt["fairface"].labels["gender"] != gender).any()


def test_rates_by_hand():
    """Two factors of ten over the run, exponentially; a cosine ends at nothing."""
    half = optimizer("exponential", 0.1, 100).learning_rate
    assert float(half) == pytest.approx(0.1)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 50, 0.1)
    assert float(schedule(100)) == pytest.approx(1e-3)
    assert isinstance(optimizer("adamw", 0.1, 100), keras.optimizers.AdamW)
    assert float(optimizer("plateau", 0.1, 100).learning_rate) == pytest.approx(0.1)


def test_plateau_goes_on_as_if_never_stopped():
    losses = [1.0, 0.9, 0.899, 0.898, 0.897, 0.5, 0.499, 0.498]

    def rates(stop):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        seen, callback = [], None
        for epoch, loss in enumerate(losses):
            if callback is None or epoch == stop:
                stored = callback and callback.get_state()
                callback = Plateau(monitor="loss", factor=0.3, patience=1, min_delta=0.01)
                callback.set_model(model)
                if stored:
                    model.optimizer.learning_rate = 0.1
                    callback.set_state(json.loads(json.dumps(stored)))
                callback.on_train_begin()
            callback.on_epoch_end(epoch, {"loss": loss})
            seen.append(float(model.optimizer.learning_rate))
        return seen

    whole = rates(stop=None)
    assert len(set(whole)) > 2
    assert rates(stop=3) == whole and rates(stop=6) == whole


@pytest.mark.slow
def test_a_question_from_end_to_end(tmp_path, monkeypatch):
    import recipes.distill_2md_mtl.sets as sets

    drawn = sets.synthetic_set
    monkeypatch.setattr(sets, "synthetic_set", lambda n, **more: drawn(n, identities=20, **more))
    control = Control("Does it help?", ("multi", "single"), ())
    monkeypatch.setattr(run, "CONTROLS", {"affinity": control})
    options = ["--smoke", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    run.main(options)
    found = json.loads((tmp_path / "controls.json").read_text())["affinity"]
    arms = found["arms"]
    assert set(arms["single"]["measured"]) == {"ck48_10fold", "ck48_to_fer2013"}
    assert set(arms["multi"]["measured"]) == set(run.ASKED)
    number, first = (arms[arm]["measured"]["ck48_10fold"] for arm in ("single", "multi"))
    gap = number["accuracy"] - first["accuracy"]
    assert number["gap"]["mean"] == pytest.approx(gap) and "gap" not in first
    assert len(found["cosines"]) == 3
    for values in found["cosines"].values():
        assert len(values) == 2 and all(-1 <= value <= 1 for value in values)
    page = (tmp_path / "CONTROLS.md").read_text()
    assert "| 2MD-MTL | 1 |" in page and "figures/affinity.png" in page
    assert "expression and" in page or "and expression" in page
    assert (tmp_path / "figures" / "affinity.png").read_bytes().startswith(b"\x89PNG")
