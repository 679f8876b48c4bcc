"""Values of the schedules by hand, what each step gets, and that a resumed run gets the same."""

import math

import keras
import numpy as np
import pytest

from kerasface.layers import DomainDiscriminator, GradientReversal
from kerasface.training import RoutedOptimizer, RunState, StrengthSchedule, strength_at
from kerasface.training.strength_schedule import batches_a_step


def test_values_by_hand():
    """DANN: 2 / (1 + e^-1) - 1 = 0.4621 after a tenth, 2 / (1 + e^-5) - 1 = 0.9866 half-way."""
    assert strength_at(0, 100) == 0.0
    assert strength_at(10, 100) == pytest.approx(0.46211716)
    assert strength_at(50, 100) == pytest.approx(0.98661430)
    assert strength_at(100, 100) == strength_at(10**6, 100) == pytest.approx(0.99990920)
    assert [strength_at(s, 4, "linear", 2.0) for s in range(6)] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert [strength_at(s, 4, "constant", 0.3) for s in (0, 9)] == [0.3, 0.3]
    assert strength_at(3, 6, lambda progress: progress**2, peak=4.0) == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": 3, "peak": -1.0},
        {"steps": 3, "peak": math.inf},
        {"steps": 3, "schedule": "cosine"},
    ],
)
def test_what_is_no_schedule_is_refused(options):
    with pytest.raises(ValueError, match="Received: "):
        strength_at(0, **options)
    with pytest.raises(ValueError, match="Received: "):
        StrengthSchedule(GradientReversal(name="domain_head"), **options)


def linear_game():
    """A trunk of one weight w and a fixed head: the loss is the mean of `3 x w`.

    With x = 2 its slope is 6, reversed: w rises by `rate * strength * 6` a step.
    """
    entry = keras.Input((1,))
    trunk = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="trunk")
    head = DomainDiscriminator(1, hidden=(), strength=0.8, name="domain_head")
    model = keras.Model(entry, head(trunk(entry)))
    head.last.set_weights([np.array([[3.0]]), np.zeros(1)])
    head.last.trainable = False
    return model, head


def train(model, callbacks, epochs=3, first=0, optimizer=None, **options):
    if not model.compiled:
        model.compile(optimizer or keras.optimizers.SGD(0.5), loss=mean_output, **options)
    inputs = np.full((4, 1), 2.0, "float32")
    return model.fit(
        inputs,
        inputs,
        batch_size=1,
        epochs=epochs,
        initial_epoch=first,
        callbacks=callbacks,
        verbose=0,
    ).history


def mean_output(y_true, y_pred):
    return y_pred[:, 0]


def test_each_step_has_the_strength_of_its_number():
    """A ramp of 10 steps to the head's own 0.8; of twelve steps, two have it whole."""
    model, head = linear_game()
    ramp = StrengthSchedule(head, steps=10, schedule="linear")
    logs = train(model, [ramp])
    assert ramp.name == "domain_strength"
    np.testing.assert_allclose(logs["domain_strength"], [0.8 * 3 / 10, 0.8 * 7 / 10, 0.8])
    weight = float(model.get_layer("trunk").kernel.numpy()[0, 0])
    assert weight == pytest.approx(0.08 * (sum(range(11)) + 10) * 0.5 * 6, rel=1e-5)
    assert float(head.reversal.strength) == pytest.approx(0.8)


def test_a_second_fit_goes_on_where_the_first_ended():
    """And finds the strength again although weights of another time were loaded in between."""
    model, head = linear_game()
    ramp = StrengthSchedule(head, steps=10, schedule="linear", peak=1.0, name="lambda")
    train(model, [ramp], epochs=1)
    head.reversal.strength.assign(77.0)
    logs = train(model, [ramp], epochs=2, first=1)
    assert logs["lambda"] == [0.7]
    weight = float(model.get_layer("trunk").kernel.numpy()[0, 0])
    assert weight == pytest.approx(0.1 * sum(range(8)) * 0.5 * 6, rel=1e-5)


def test_a_constant_is_logged_too_and_a_reversal_alone_will_do():
    model, head = linear_game()
    constant = StrengthSchedule(head.reversal, steps=1, schedule="constant", peak=0.25)
    assert train(model, [constant], epochs=2)["reversal_strength"] == [0.25, 0.25]
    assert float(model.get_layer("trunk").kernel.numpy()[0, 0]) == pytest.approx(8 * 0.25 * 3)


def test_batches_that_are_gathered_into_one_step_share_a_strength():
    gathered = keras.optimizers.SGD(0.5, gradient_accumulation_steps=2)
    apart = RoutedOptimizer(gathered, {"head": keras.optimizers.SGD(0.1)})
    assert batches_a_step(gathered) == batches_a_step(apart) == 2
    assert batches_a_step(keras.optimizers.LossScaleOptimizer(apart)) == 2
    assert batches_a_step(keras.optimizers.Adam()) == 1
    model, head = linear_game()
    ramp = StrengthSchedule(head, steps=6, schedule="linear", peak=6.0)
    logs = train(model, [ramp], optimizer=gathered)
    assert logs["domain_strength"] == [1.0, 3.0, 5.0]  # steps 0 1, 2 3, 4 5 of two batches each
    weight = float(model.get_layer("trunk").kernel.numpy()[0, 0])
    assert weight == pytest.approx((0 + 1 + 2 + 3 + 4 + 5) * 0.5 * 6, rel=1e-5)


def test_a_resumed_run_has_the_same_strengths(tmp_path):
    def run(folder, epochs, first=0, ramp_steps=9):
        keras.utils.set_random_seed(0)
        model, head = linear_game()
        model.compile(keras.optimizers.SGD(0.5, momentum=0.5), loss=mean_output)
        state = RunState(folder, {})
        first = state.restore(model)
        logs = train(model, [StrengthSchedule(head, ramp_steps), state], epochs, first)
        return logs["domain_strength"], [v.numpy() for v in model.weights]

    whole, expected = run(tmp_path / "whole", 3)
    run(tmp_path / "broken", 1)
    rest, found = run(tmp_path / "broken", 3)
    assert rest == whole[1:] and len(rest) == 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
