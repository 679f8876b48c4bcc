"""The dynamic learning rate against a loop that reads like the paper, and under stock fit."""

import json

import keras
import numpy as np
import pytest

from kerasface.data import Augmentation, mix, synthetic_set
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Regression
from kerasface.training.distiller import Distiller
from kerasface.training.dynamic_rate import DynamicLearningRate, DynamicRate, RateState
from kerasface.training.run_state import RunState
from tests.processes import on_jax
from tests.training import falling_weight


def oracle(losses, lr_max, k, decay_steps, window, least_decrease, compound=False, settle=None):
    """Rate before each step, and after the last, by one loop over the steps."""
    rates, rate, times = [lr_max], lr_max, 0
    means = []
    for step in range(1, len(losses) + 1):
        if step % window == 0:
            mean = 0.0
            for loss in losses[step - window : step]:
                mean += float(loss) / window
            known = [each for each in means if np.isfinite(each)]
            broken = not np.isfinite(mean)
            too_little = bool(known) and known[-1] - mean < least_decrease * abs(known[-1])
            if broken or too_little:
                times += 1
                may_rise = not broken and (settle is None or step <= settle)
                if k == 1 or (times == k and may_rise):
                    rate, times = lr_max, 0
                else:
                    times = min(times, k - 1)
                    rate = (rate if compound else lr_max) * 0.1 ** (step / decay_steps)
            means.append(mean)
        rates.append(rate)
    return np.array(rates)


def rates_of(rule, losses):
    state, rates = rule.start(), [rule.start().rate]
    for loss in losses:
        state = rule.after(state, loss)
        rates.append(state.rate)
    return np.array(rates), state


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("window", [1, 4, 7])
@pytest.mark.parametrize("extra", [{}, {"compound": True}, {"settle_after": 60}])
def test_against_the_oracle(k, window, extra, rng):
    """Losses that fall, stand, jump and break, 120 steps."""
    losses = 3.0 * np.exp(-np.arange(120) / 60) + rng.normal(0, 0.3, 120)
    losses[70:80] += 5.0
    losses[95] = np.nan
    losses[101] = -np.inf
    rule = DynamicRate(0.2, k, 50.0, window, 0.02, **extra)
    settings = (0.2, k, 50.0, window, 0.02)
    settings += (extra.get("compound", False), extra.get("settle_after"))
    found, _ = rates_of(rule, losses)
    np.testing.assert_allclose(found, oracle(losses, *settings), rtol=1e-12)
    assert k == 1 or len(np.unique(found)) > 3


def test_worked_by_hand():
    """lr_max 1, k 3, 10^k = 1000, a window of 1, losses 5, 4, 4, 4, 4, 2, 2 and decrease 0.

    Step 2 fell (5 to 4). Step 3: 4 - 4 = 0 is not below 0, so with least_decrease 0 standing
    still is no stagnation; with 0.01 it is: 0 < 0.04. So the 1st is at step 3, rate
    0.1^(3/1000) = 0.99312; the 2nd at step 4, 0.1^(4/1000) = 0.99083; the 3rd at step 5: back to
    1. Step 6 fell (4 to 2) and keeps 1; step 7 stands, the 1st of the new cycle:
    0.1^(7/1000) = 0.98401. Compounding, steps 3 and 4 make 0.1^((3 + 4)/1000) = 0.98401 too.
    """
    losses = [5.0, 4.0, 4.0, 4.0, 4.0, 2.0, 2.0]
    expected = [1, 1, 1, 0.99312, 0.99083, 1, 1, 0.98401]
    found, state = rates_of(DynamicRate(1.0, k=3, window=1), losses)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (state.step, state.stagnations, state.cycles, state.previous) == (7, 1, 1, 2.0)
    found, _ = rates_of(DynamicRate(1.0, k=3, window=1, compound=True), losses)
    np.testing.assert_allclose(found[3:6], [0.99312, 0.98401, 1.0], atol=1e-5)
    assert set(rates_of(DynamicRate(1.0, k=3, window=1, least_decrease=0), losses)[0]) == {1.0}


def test_the_lowest_rates_of_the_cycles_lie_on_the_exponential():
    """The paper's own consequence; compounding lies below it."""
    rule = DynamicRate(0.1, k=5, decay_steps=300, window=10)
    rates, _ = rates_of(rule, np.ones(500))
    steps = np.arange(501)
    exponential = 0.1 * 0.1 ** (steps / 300)
    lowest = [s for s in steps[1:] if rates[s] < rates[s - 1] and s + 10 < 500]
    lowest = [s for s in lowest if rates[s + 10] == 0.1]
    assert len(lowest) == 9
    np.testing.assert_allclose(rates[lowest], exponential[lowest])
    assert (rates >= exponential - 1e-12).all()
    compounded, _ = rates_of(DynamicRate(0.1, 5, 300, 10, compound=True), np.ones(500))
    assert (compounded[lowest] < 0.9 * exponential[lowest]).all()


def test_the_curve_of_the_docstring_is_the_curve():
    rates, _ = rates_of(DynamicRate(0.1, k=3, decay_steps=100, window=10), np.ones(120))
    levels = [round(rate, 3) for rate in rates[:120:10]]
    lines = []
    for row in sorted(set(levels), reverse=True):
        marks = "".join(("#" if level == row else " ") * 4 for level in levels)
        lines.append(f"{row:.3f} {marks}".rstrip())
    documented = [line.strip() for line in DynamicRate.__doc__.splitlines()]
    start = documented.index(lines[0])
    assert documented[start : start + len(lines)] == lines


def test_a_rising_loss_brings_the_rate_down_and_a_falling_one_leaves_it():
    falling, _ = rates_of(DynamicRate(0.1, window=2), 0.9 ** np.arange(40))
    assert set(falling) == {0.1}
    rising, state = rates_of(DynamicRate(0.1, k=5, decay_steps=10, window=2), np.arange(10.0))
    assert (np.diff(rising[[3, 4, 6, 8, 10]]) < 0).all() and state.stagnations == 4
    # A loss below 0 (an adversary's part can be larger) falls when it becomes more negative.
    negative, _ = rates_of(DynamicRate(0.1, window=1), -np.arange(1.0, 9.0))
    assert set(negative) == {0.1}


def test_a_broken_loss_never_brings_the_rate_up():
    rule = DynamicRate(0.1, k=2, decay_steps=10, window=2)
    rates, state = rates_of(rule, [np.nan] * 12)
    assert (np.diff(rates[::2]) < 0).all() and state.previous is None and state.cycles == 0
    # One infinite step spoils its window, and the next is compared with the one before it.
    rates, state = rates_of(rule, [4.0, 4.0, np.inf, 1.0, 3.0, 3.0])
    assert rates[4] < 0.1 and rates[6] == rates[4] and state.previous == 3.0
    assert state.broken == 0


def test_a_cycle_of_one_is_a_constant_rate():
    rates, state = rates_of(DynamicRate(0.1, k=1, window=1), [1.0, 2.0, np.nan, 3.0])
    assert set(rates) == {0.1} and state.cycles == 3


def test_more_steps_at_once_are_the_same_window():
    rule = DynamicRate(0.1, k=3, decay_steps=100, window=10)
    single, _ = rates_of(rule, np.ones(60))
    state = rule.start()
    for _ in range(12):
        state = rule.after(state, 1.0, steps=5)
    assert state.rate == single[-1] and state.step == 60


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr_max": 0.0},
        {"lr_max": float("inf")},
        {"lr_max": 0.1, "k": 0},
        {"lr_max": 0.1, "k": 2.5},
        {"lr_max": 0.1, "window": 0},
        {"lr_max": 0.1, "decay_steps": 0},
        {"lr_max": 0.1, "least_decrease": -0.1},
    ],
)
def test_senseless_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="Received: lr_max="):
        DynamicRate(**wrong)


OFFSETS = np.array([9, 8, 5, 5, 6, 7, 5, 7, 9, 9, 2, 1, 1, 1, 3, 3, 3, 4, 2, 3], "float32")


def weights_path(offsets):
    """Rates and weights by hand: loss = w + c, and w falls by the rate at each step."""
    losses, weight = [], 0.0
    for step, offset in enumerate(offsets):
        losses.append(weight + offset)
        rate = oracle(losses[:step], 0.5, 3, 20.0, 2, 0.1)[-1]
        weight -= rate
    return oracle(losses, 0.5, 3, 20.0, 2, 0.1), weight


def check(answer):
    rates, weight = weights_path(OFFSETS)
    expected = [[0, 0.5]]
    for step in range(1, len(rates)):
        if rates[step] != rates[step - 1]:
            expected.append([step, rates[step]])
    assert len(expected) == 5
    np.testing.assert_allclose(answer["changes"], expected, rtol=1e-9)
    assert answer["weight"] == pytest.approx(weight, rel=1e-5)
    assert answer["rate"] == pytest.approx(rates[-1], rel=1e-6)
    np.testing.assert_allclose(answer["history"], [rates[10], rates[20]])


def test_each_step_is_made_with_its_rate(capsys):
    """Two epochs of ten steps: the weight has moved by minus the sum of the oracle's rates."""
    falling_weight.main(OFFSETS.tolist())
    check(json.loads(capsys.readouterr().out.splitlines()[-1]))


@pytest.mark.slow
def test_each_step_is_made_with_its_rate_on_jax():
    answer = on_jax("tests.training.falling_weight", json.dumps(OFFSETS.tolist()))
    assert answer["backend"] == "jax"
    check(answer)


def test_several_steps_in_one_execution():
    dynamic = DynamicLearningRate(DynamicRate(0.5, k=3, decay_steps=20.0, window=2))
    trained = falling_weight.model()
    trained.compile(keras.optimizers.SGD(0.5), trained.loss, steps_per_execution=5)
    falling_weight.fit(trained, dynamic, np.linspace(1, 40, 20, dtype="float32"))
    assert [step for step, _ in dynamic.changes] == [0, 10, 15, 20] and dynamic.state.step == 20


def test_another_entry_can_be_watched_and_must_be_there():
    trained = falling_weight.model()
    dynamic = DynamicLearningRate(DynamicRate(0.5), monitor="expression_loss")
    with pytest.raises(ValueError, match=r"'expression_loss'. Received: \['loss'\]"):
        falling_weight.fit(trained, dynamic, OFFSETS)


def test_an_optimiser_with_a_schedule_is_refused():
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    with pytest.raises(ValueError, match="Received: SGD with a schedule"):
        falling_weight.fit(
            falling_weight.model(rate), DynamicLearningRate(DynamicRate(0.5)), OFFSETS
        )


def test_state_survives_json_and_nonsense_is_refused():
    one, other = (DynamicLearningRate(DynamicRate(**falling_weight.RULE)) for _ in range(2))
    falling_weight.fit(falling_weight.model(), one, OFFSETS)
    other.set_state(json.loads(json.dumps(one.get_state(), allow_nan=False)))
    assert other.state == one.state and other.changes == one.changes
    assert isinstance(other.state, RateState)
    for wrong in ({}, {"state": {"rats": 1}, "changes": []}):
        with pytest.raises(ValueError, match="Received: "):
            other.set_state(wrong)


TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116), bins=8))
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 24, "width": 24, "channels": 3},
}
EPOCHS, STEPS = 3, 4


class Stop(Exception):
    """What stops a run in these tests."""


class StopIn(keras.callbacks.Callback):
    """Stops after the first batch of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            raise Stop


def train(folder, distil=False, stop_in=None):
    """A recipe's loop with windows that do not end with the epochs (3 steps of 4)."""
    sets = {
        "a": synthetic_set(9, size=24, tasks=("gender",)),
        "b": synthetic_set(7, size=24, tasks=("age",)),
    }
    keras.utils.set_random_seed(0)
    model = FaceModel.from_spec(SPEC, dropout=0.3)
    if distil:
        model = Distiller(model, FaceModel.from_spec(SPEC))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    dynamic = DynamicLearningRate(DynamicRate(0.05, 3, 10.0, window=3, least_decrease=0.3))
    state = RunState(folder, {"rate": 0.05}, keep={"learning_rate": dynamic})
    first = state.restore(model)
    batches = mix(
        sets, {"a": 4, "b": 4}, TASKS, augmentation=Augmentation(), first_step=first * STEPS
    )
    stops = [] if stop_in is None else [StopIn(stop_in)]
    model.fit(
        batches,
        initial_epoch=first,
        epochs=EPOCHS,
        steps_per_epoch=STEPS,
        verbose=0,
        callbacks=[*stops, dynamic, state],
    )
    variables = [np.asarray(each) for each in (*model.weights, *model.optimizer.variables)]
    return dynamic, variables, (folder / "history.jsonl").read_text()


@pytest.mark.parametrize("distil", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_stopped_run_goes_on_with_its_rate_window_and_cycle(distil, tmp_path):
    dynamic, weights, history = train(tmp_path / "whole", distil)
    with pytest.raises(Stop):
        train(tmp_path / "broken", distil, stop_in=2)
    found, other, again = train(tmp_path / "broken", distil)
    assert len(dynamic.changes) > 2 and found.state == dynamic.state
    assert found.changes == dynamic.changes and again == history
    for one, two in zip(weights, other, strict=True):
        np.testing.assert_array_equal(one, two)
    logged = [json.loads(line)["learning_rate"] for line in history.splitlines()]
    assert logged[-1] == dynamic.state.rate and len(logged) == EPOCHS
    kept = list((tmp_path / "broken").glob("*.kept.json"))
    assert [path.name for path in kept] == ["epoch-0003.kept.json"]


def test_states_that_were_not_kept_are_missed(tmp_path):
    train(tmp_path)
    model = FaceModel.from_spec(SPEC, dropout=0.3)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    with pytest.raises(ValueError, match=r"'learning_rate'\], so .* Received: keep=\[\]"):
        RunState(tmp_path, {"rate": 0.05}).restore(model)
    (tmp_path / "epoch-0003.kept.json").unlink()
    keep = {"learning_rate": DynamicLearningRate(DynamicRate(0.05))}
    with pytest.raises(ValueError, match=r"nothing, so .* Received: keep=\['learning_rate'\]"):
        RunState(tmp_path, {"rate": 0.05}, keep=keep).restore(model)
