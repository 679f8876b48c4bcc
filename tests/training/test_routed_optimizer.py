"""`RoutedOptimizer`: two optimisers behind one, equal to both run by hand, saved and resumed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.batches import labelled_weights
from kerasface.tasks import Classification, Domain
from kerasface.training import RoutedOptimizer
from tests.contracts import check_config
from tests.models.tiny import pictures, tiny_model

TASKS = (
    Classification("gender", ("male", "female")),
    Domain("domain", ("a", "b"), hidden=(8,), adversary="triplet", size=4),
)
ROWS, STEPS = 12, 4


def trunk_optimizer():
    return keras.optimizers.SGD(0.05, momentum=0.9, global_clipnorm=0.5, weight_decay=1e-3)


def head_optimizer():
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.5)
    return keras.optimizers.Adam(rate)


def routed():
    return RoutedOptimizer(trunk_optimizer(), {"domain_head": head_optimizer()})


def data(rows=ROWS * STEPS):
    labels = {
        "gender": np.random.default_rng(1).integers(0, 2, rows),
        "domain": np.arange(rows) % 2,
    }
    weights = labelled_weights({name: np.ones(rows, bool) for name in labels}, TASKS)
    return pictures(rows, seed=1), labels, weights


def train(model, optimizer, first=0, last=STEPS, **options):
    model.compile(optimizer, **options)
    run(model, first, last)
    return model


def run(model, first, last):
    images, labels, weights = data()
    for step in range(first, last):
        rows = slice(step * ROWS, (step + 1) * ROWS)
        part = {name: column[rows] for name, column in labels.items()}
        model.train_on_batch(images[rows], part, {name: w[rows] for name, w in weights.items()})


def by_hand(model):
    """A loop with a tape and the two optimisers, each given its own variables."""
    trunk, head = trunk_optimizer(), head_optimizer()
    images, labels, _ = data()
    own = [v for v in model.trainable_variables if "domain_head" in v.path]
    rest = [v for v in model.trainable_variables if "domain_head" not in v.path]
    for step in range(STEPS):
        rows = slice(step * ROWS, (step + 1) * ROWS)
        with tf.GradientTape() as tape:
            outputs = model(images[rows], training=True)
            losses = [t.make_loss()(labels[t.name][rows], outputs[t.name]) for t in TASKS]
            loss = losses[0] + losses[1]
        gradients = tape.gradient(loss, [*rest, *own])
        trunk.apply(gradients[: len(rest)], rest)
        head.apply(gradients[len(rest) :], own)
    return model


def same(one, other, **tolerance):
    pairs = zip(one, other, strict=True)
    for first, second in pairs:
        if tolerance:
            np.testing.assert_allclose(first, second, **tolerance)
        else:
            np.testing.assert_array_equal(first, second)


def numbers(model):
    return [np.array(v.numpy()) for v in (*model.weights, *model.optimizer.variables)]


@pytest.mark.slow
def test_it_equals_two_optimisers_run_by_hand():
    expected = by_hand(tiny_model(TASKS)).get_weights()
    found = train(tiny_model(TASKS), routed(), run_eagerly=True)
    same(found.get_weights(), expected)
    assert int(found.optimizer.iterations) == STEPS
    assert int(found.optimizer.part("domain_head").iterations) == STEPS
    other = train(tiny_model(TASKS), trunk_optimizer(), run_eagerly=True)
    assert any(
        np.abs(a - b).max() > 1e-3 for a, b in zip(other.get_weights(), expected, strict=True)
    )
    in_a_graph = train(tiny_model(TASKS), routed())
    same(in_a_graph.get_weights(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_at_strength_zero_the_adversary_does_not_even_clip_the_trunk():
    """One optimiser clips by the norm of all gradients, the adversary's too; two do not."""
    plain = tiny_model(TASKS[:1])
    silent = (TASKS[0], Domain("domain", ("a", "b"), strength=0.0, hidden=(8,)))
    trunks = {}
    for name, optimizer in (("one", trunk_optimizer()), ("two", routed())):
        model = tiny_model(silent)
        model.trunk.set_weights(plain.trunk.get_weights())
        model.heads.head("gender").set_weights(plain.heads.head("gender").get_weights())
        trunks[name] = train(model, optimizer, run_eagerly=True).trunk.get_weights()
    images, labels, _ = data()
    plain.compile(trunk_optimizer(), run_eagerly=True)
    for step in range(STEPS):
        rows = slice(step * ROWS, (step + 1) * ROWS)
        plain.train_on_batch(images[rows], {"gender": labels["gender"][rows]})
    same(trunks["two"], plain.trunk.get_weights())
    pairs = zip(trunks["one"], trunks["two"], strict=True)
    assert any((one != two).any() for one, two in pairs)


@pytest.mark.slow
def test_saved_and_loaded_it_goes_on_as_if_never_stopped(tmp_path):
    """By the whole model file, and by weights into a model that was built anew."""
    unbroken = train(tiny_model(TASKS), routed(), run_eagerly=True)
    half = train(tiny_model(TASKS), routed(), last=2, run_eagerly=True)
    half.save(tmp_path / "half.keras")
    half.save_weights(tmp_path / "half.weights.h5")

    fresh = tiny_model(TASKS, seed=5)
    fresh.compile(routed(), run_eagerly=True)
    fresh.optimizer.build(fresh.trainable_variables)
    fresh.load_weights(tmp_path / "half.weights.h5")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert isinstance(loaded.optimizer, RoutedOptimizer)
    loaded.run_eagerly = True
    for model in (fresh, loaded):
        run(model, 2, STEPS)
        same(numbers(model), numbers(unbroken))


def test_a_state_of_other_parts_is_refused(tmp_path):
    model = tiny_model(TASKS)
    model.compile(trunk_optimizer())
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "one.weights.h5")
    other = tiny_model(TASKS)
    other.compile(routed())
    other.optimizer.build(other.trainable_variables)
    with pytest.raises(ValueError, match="Received: the state of an optimiser with"):
        other.load_weights(tmp_path / "one.weights.h5")


def test_the_state_is_written_once_and_holds_no_weight_of_the_model():
    model = tiny_model(TASKS)
    model.compile(routed())
    model.optimizer.build(model.trainable_variables)
    variables = model.optimizer.variables
    assert len({id(v) for v in variables}) == len(variables)
    assert not {id(v) for v in variables} & {id(v) for v in model.weights}
    trunk, head = model.optimizer.part(), model.optimizer.part("domain_head")
    # Its own counter and unused rate, then the parts; the schedule of the head has no variable.
    assert len(variables) == 2 + len(trunk.variables) + len(head.variables)
    assert len(head.variables) == 1 + 2 * 4  # two kernels, two biases, two moments


def test_learning_rate_is_the_defaults():
    optimizer = routed()
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == float(optimizer.part().learning_rate) == 0.25
    assert float(optimizer.part("domain_head").learning_rate) == pytest.approx(0.02)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="a")])
    model.add(keras.layers.Dense(1, name="b"))
    model.compile(
        RoutedOptimizer(keras.optimizers.SGD(1.0), {"b": keras.optimizers.SGD(0.5)}), "mse"
    )
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.125)
    inputs = np.ones((4, 2))
    logs = model.fit(inputs, inputs[:, :1], callbacks=[schedule], verbose=0).history
    assert logs["learning_rate"] == [0.125]
    assert float(model.optimizer.part("b").learning_rate) == 0.5


def test_config_round_trip():
    copy = check_config(routed())
    assert copy.part().global_clipnorm == 0.5 and copy.part().momentum == 0.9
    assert copy.part("domain_head").learning_rate is not None


def two_layers(policy="float32"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,))])
    for name in ("first", "second"):
        model.add(keras.layers.Dense(3, name=name, dtype=policy))
    return model


def test_under_float16_the_loss_is_scaled_once_around_all_parts():
    """The step is that of float32 to half precision: no part saw a scaled gradient."""
    inputs = np.random.default_rng(2).normal(size=(8, 3)).astype("float32")
    moved = {}
    for policy in ("float32", "mixed_float16"):
        model = two_layers(policy)
        before = model.get_weights()
        optimizer = RoutedOptimizer(
            keras.optimizers.SGD(0.1), {"second": keras.optimizers.SGD(0.3)}
        )
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "mse")
        model.train_on_batch(inputs, np.ones_like(inputs))
        assert int(model.optimizer.iterations) == 1
        moved[policy] = [a - b for a, b in zip(model.get_weights(), before, strict=True)]
    same(moved["mixed_float16"], moved["float32"], atol=2e-3)
    assert max(np.abs(each).max() for each in moved["float32"]) > 0.01


def test_accumulation_and_averages_are_each_parts_own():
    """First: one step in two batches. Second: at the end of `fit` its averaged weights."""
    model = two_layers()
    first, second = (model.get_layer(name) for name in ("first", "second"))
    start = first.get_weights(), second.get_weights()
    accumulating = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    averaging = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(RoutedOptimizer(accumulating, {"second": averaging}), "mse", run_eagerly=True)
    inputs = np.random.default_rng(3).normal(size=(4, 3)).astype("float32")
    model.train_on_batch(inputs, np.ones_like(inputs))
    same(first.get_weights(), start[0])
    reached = second.get_weights()
    assert any((a != b).any() for a, b in zip(reached, start[1], strict=True))
    assert int(model.optimizer.iterations) == 0
    model.train_on_batch(inputs, np.ones_like(inputs))
    assert int(model.optimizer.iterations) == 1
    assert any((a != b).any() for a, b in zip(first.get_weights(), start[0], strict=True))
    last = second.get_weights()
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # The average is what the first step reached, then half of that and half of the last.
    for value, one, two in zip(second.get_weights(), reached, last, strict=True):
        np.testing.assert_allclose(value, 0.5 * one + 0.5 * two, atol=1e-6)
        assert not np.array_equal(value, two)


def test_only_the_given_variables_move():
    """A loop of one's own may step the trunk alone."""
    model = two_layers()
    optimizer = RoutedOptimizer(keras.optimizers.SGD(0.1), {"second": keras.optimizers.SGD(0.1)})
    optimizer.build(model.trainable_variables)
    first, second = (model.get_layer(name) for name in ("first", "second"))
    before = second.get_weights()
    optimizer.apply([keras.ops.ones_like(v) for v in first.trainable_variables], first.variables)
    same(second.get_weights(), before)
    np.testing.assert_allclose(first.bias, -0.1 * np.ones(3), rtol=1e-6)
    assert int(optimizer.iterations) == 1 and int(optimizer.part("second").iterations) == 0


def test_what_cannot_be_routed_is_refused():
    sgd = keras.optimizers.SGD(0.1)
    with pytest.raises(ValueError, match=r"Received: routes=\[\]"):
        RoutedOptimizer(sgd, {})
    with pytest.raises(ValueError, match="Received: routes=.'head'."):
        RoutedOptimizer(sgd, {"head": sgd})
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match="Received: LossScaleOptimizer for 'head'"):
        RoutedOptimizer(sgd, {"head": scaled})
    with pytest.raises(ValueError, match="Received: SGD for 'default'"):
        RoutedOptimizer(
            keras.optimizers.SGD(0.1, loss_scale_factor=8.0), {"head": keras.optimizers.SGD(0.1)}
        )
    variables = two_layers().trainable_variables

    def build(*routes):
        optimizer = RoutedOptimizer(sgd, {route: keras.optimizers.SGD(0.1) for route in routes})
        optimizer.build(variables)

    with pytest.raises(
        ValueError, match=r"such as '.*second/bias'. Received: nothing for .'head'."
    ):
        build("head")
    with pytest.raises(ValueError, match=r"Received: nothing for .'default'."):
        build("first", "second")
    with pytest.raises(ValueError, match="belongs to one route. Received: .*first/kernel"):
        build("first", "kernel")
    with pytest.raises(ValueError, match="Received: 1 gradients, 4 variables"):
        RoutedOptimizer(sgd, {"second": keras.optimizers.SGD(0.1)}).apply([0.0], variables)
    with pytest.raises(KeyError):
        RoutedOptimizer(sgd, {"second": keras.optimizers.SGD(0.1)}).part("third")
