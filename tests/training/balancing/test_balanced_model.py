"""`BalancedModel`: the fast form is the reference, fixed weights are stock training, and logs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.batches import TEACHER
from kerasface.training import (
    BalancedModel,
    Distiller,
    FixedWeights,
    GradNorm,
    UncertaintyWeighting,
)
from kerasface.training.tensorboard import tags
from tests.training.balancing.small import (
    AGE,
    EXPRESSION,
    GENDER,
    SOURCE,
    TASKS,
    WeightsPath,
    array,
    batch,
    fit,
    small_model,
)

WITH_ADVERSARY = (*TASKS, SOURCE)


def some_batches(steps, tasks=TASKS):
    """Every fifth has no label of the gender, every seventh none at all."""
    without = {0: tuple(task.name for task in tasks), 1: ("gender",)}
    return [
        batch(tasks, seed=step, without=without[0] if step % 7 == 6 else without[step % 5 == 4])
        if step % 7 == 6 or step % 5 == 4
        else batch(tasks, seed=step)
        for step in range(steps)
    ]


def run(balancing, steps, tasks=TASKS, rate=0.01, **options):
    """Task weights after each step, the model, its logs."""
    model = BalancedModel(small_model(tasks, **options), balancing)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    path = WeightsPath()
    logs = fit(model, some_batches(steps, tasks), callbacks=[path])
    return np.array(path.weights), model, logs


def test_the_fast_form_is_the_reference_for_50_steps():
    """With an adversary, momentum, and steps in which tasks have no label."""
    fast, fast_model, fast_logs = run(GradNorm(norms="exact"), 50, WITH_ADVERSARY)
    slow, slow_model, slow_logs = run(GradNorm(norms="reference"), 50, WITH_ADVERSARY)
    np.testing.assert_allclose(fast, slow, atol=1e-5, rtol=0)
    np.testing.assert_allclose(fast.sum(1), 3.0, rtol=1e-5)
    assert np.abs(slow[-1] - 1.0).max() > 0.3
    for ours, reference in zip(
        fast_model.model.get_weights(), slow_model.model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(ours, reference, atol=1e-4)
    for task in TASKS:
        name = f"{task.name}_gradient_norm"
        assert fast_logs[name][0] == pytest.approx(slow_logs[name][0], rel=1e-4)
    assert not [name for name in fast_logs if name.startswith("source_") and "norm" in name]


def test_feature_norms_are_another_path():
    """Reported, not held equal: they stand in for norms that they are not."""
    features, _, logs = run(GradNorm(norms="features"), 12, shared=None)
    exact, _, _ = run(GradNorm(norms="reference"), 12, shared=None)
    assert np.isfinite(features).all() and np.abs(features - exact).max() > 1e-4
    np.testing.assert_allclose(features.sum(1), 3.0, rtol=1e-5)
    assert all(logs[f"{task.name}_gradient_norm"][0] > 0 for task in TASKS)


def test_reference_norms_are_those_of_the_trunks_last_kernel():
    model = BalancedModel(small_model(shared=None), GradNorm(norms="reference"))
    model.compile(keras.optimizers.SGD(0.0))
    kernel = model.model.trunk.trainable_variables[0]
    assert model.last_shared_kernel() is kernel and len(kernel.shape) == 2
    images, labels, weights = data = batch(seed=3)
    with tf.GradientTape(persistent=True) as tape:
        outputs = model.model(images)
        losses = {
            task.name: task.make_loss()(
                labels[task.name], outputs[task.name], sample_weight=weights[task.name]
            )
            for task in TASKS
        }
    logs = fit(model, [data])
    for name, loss in losses.items():
        norm = np.linalg.norm(array(tape.gradient(loss, kernel.value)).ravel())
        assert logs[f"{name}_gradient_norm"][0] == pytest.approx(norm, rel=1e-4)


@pytest.mark.parametrize("shared", [None, 5])
def test_weights_of_1_are_stock_training(shared):
    """The adversary too: it is no part of the balancing and keeps its weight."""
    stock = small_model(WITH_ADVERSARY, shared=shared)
    stock.compile(keras.optimizers.SGD(0.05))
    expected = fit(stock, some_batches(8, WITH_ADVERSARY))
    model = BalancedModel(small_model(WITH_ADVERSARY, shared=shared), "fixed")
    model.compile(keras.optimizers.SGD(0.05))
    logs = fit(model, some_batches(8, WITH_ADVERSARY))
    for ours, reference in zip(model.model.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-6)
    assert set(logs) - set(expected) == {f"{task.name}_weight" for task in TASKS}
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    again = batch(WITH_ADVERSARY, seed=11)
    assert evaluated(model, again) == pytest.approx(evaluated(stock, again), rel=1e-4)


def evaluated(model, data):
    images, labels, weights = data
    return model.evaluate(images, labels, sample_weight=weights, verbose=0)


def test_a_fixed_weight_is_a_factor_of_the_loss():
    """As the same factor in the task's alpha, which the sample weights carry."""
    model = BalancedModel(small_model(), FixedWeights({"age": 0.25, "gender": 3.0}))
    stock = small_model()
    for each in (model, stock):
        each.compile(keras.optimizers.SGD(0.05))
    data = some_batches(4)
    fit(model, data)
    factor = {"expression": 1.0, "age": 0.25, "gender": 3.0}
    scaled = [
        (images, labels, {name: each * np.float32(factor[name]) for name, each in weights.items()})
        for images, labels, weights in data
    ]
    fit(stock, scaled)
    for ours, reference in zip(model.model.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-6)


def taught(data, seed=5):
    """A batch with a teacher's outputs beside the labels."""
    images, labels, weights = data
    teacher = small_model(seed=seed)
    outputs = {name: array(value) for name, value in teacher(images).items()}
    return images, {**labels, TEACHER: outputs}, weights


@pytest.mark.parametrize("rows", ["all", "unlabelled"])
def test_a_teachers_part_belongs_to_its_task(rows):
    distiller = Distiller(small_model(), hard=0.5, soft=2.0, rows=rows)
    distiller.compile("sgd")
    images, labels, weights = taught(batch(seed=2, without=("gender",)))
    outputs = distiller(images)
    losses = {task.name: task.make_loss() for task in TASKS}
    found, counted = distiller.task_losses(losses, images, labels, outputs, weights)
    whole = distiller.compute_loss(images, labels, outputs, weights)
    assert float(sum(found.values())) == pytest.approx(float(whole), rel=1e-5)
    soft = distiller.soft_trackers["gender"].result()
    assert float(found["gender"]) == pytest.approx(2.0 * GENDER.alpha * float(soft), rel=1e-4)
    assert {float(count) for count in counted.values()} == {8.0}
    hard, _ = distiller.task_losses(losses, images, labels, outputs, weights, training=False)
    assert float(hard["gender"]) == 0.0


def stacked(batches):
    """`tf.data` of batches, since labels with a teacher's outputs are nested."""
    parts = [
        tf.nest.map_structure(lambda *each: np.stack(each), *part)
        for part in zip(*batches, strict=True)
    ]
    return tf.data.Dataset.from_tensor_slices(tuple(parts))


def test_over_a_distiller():
    data = stacked([taught(each) for each in some_batches(5)])
    stock = Distiller(small_model(), soft=0.7)
    model = BalancedModel(Distiller(small_model(), soft=0.7), "fixed")
    learnt = BalancedModel(Distiller(small_model(), soft=0.7), GradNorm())
    logs = {}
    for each in (stock, model, learnt):
        each.compile(keras.optimizers.SGD(0.02))
        logs[each] = each.fit(data, validation_data=data, verbose=0).history
    for ours, reference in zip(model.model.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, reference, atol=1e-6)
    assert logs[model]["age_soft_loss"] == pytest.approx(logs[stock]["age_soft_loss"], rel=1e-4)
    assert logs[model]["loss"] == pytest.approx(logs[stock]["loss"], rel=1e-4)
    # A batch in which only the teacher speaks counts, so every step moves.
    assert array(learnt.balancing.adam.steps).tolist() == [5.0, 5.0, 5.0]
    assert learnt.network() is learnt.model.student
    assert not [name for name in logs[learnt] if name.startswith("val_") and "soft" in name]


def test_uncertainty_in_training():
    weights, model, logs = run(UncertaintyWeighting(learning_rate=0.05), 10, WITH_ADVERSARY)
    s = array(model.balancing.log_variance)
    np.testing.assert_allclose(weights[-1], np.exp(-s), rtol=1e-5)
    # Age's loss is far above 1: it counts less and less. No norms are measured.
    assert weights[-1][1] < 0.9 and not [name for name in logs if "gradient_norm" in name]
    parts = model.loss_parts(*loss_arguments(model, batch(WITH_ADVERSARY, seed=9)))
    total = model.compute_loss(*loss_arguments(model, batch(WITH_ADVERSARY, seed=9)))
    expected = float(np.exp(-s) @ array(parts.losses)) + float(parts.rest)
    assert float(total) == pytest.approx(expected, rel=1e-5)


def loss_arguments(model, data):
    images, labels, weights = data
    return images, labels, model(images), weights


def test_the_reported_loss_is_of_the_weights_the_step_was_made_with():
    """One step from s = 0 has weights 1 and no penalty: the plain sum."""
    model = BalancedModel(small_model(), "uncertainty")
    model.compile(keras.optimizers.SGD(0.0))
    images, labels, weights = data = batch(seed=1)
    plain = evaluated(model, data)["loss"]
    assert fit(model, [data])["loss"][0] == pytest.approx(plain, rel=1e-5)
    s = array(model.balancing.log_variance)
    parts = array(model.loss_parts(*loss_arguments(model, data)).losses)
    expected = float(np.exp(-s) @ parts) + float(np.array([0.5, 1.0, 0.5]) @ s)
    assert fit(model, [data])["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_names_of_the_logs():
    _, model, logs = run(GradNorm(), 3)
    for task in TASKS:
        for measure in ("weight", "gradient_norm", "loss"):
            place = tags.place(f"{task.name}_{measure}", [each.name for each in TASKS])
            assert f"{task.name}_{measure}" in logs and place == ("train", f"{task.name}/{measure}")
    results = evaluated(model, batch(seed=20))
    assert "age_loss" in results and "age_mean_absolute_error" in results
    assert not [name for name in results if name.endswith(("_weight", "gradient_norm"))]
    np.testing.assert_allclose(
        [logs[f"{task.name}_weight"][0] for task in TASKS],
        array(model.balancing.task_weight),
        rtol=1e-6,
    )


def test_an_epoch_without_a_tasks_labels_has_no_norm_of_it():
    model = BalancedModel(small_model(), GradNorm())
    model.compile(keras.optimizers.SGD(0.01))
    logs = fit(model, [batch(seed=s, without=("gender",)) for s in range(3)])
    assert "gender_gradient_norm" not in logs and logs["gender_weight"] == [1.0]
    assert logs["age_gradient_norm"][0] > 0


def test_its_optimiser_knows_nothing_of_the_weights():
    model = BalancedModel(small_model(), GradNorm())
    own = {id(each) for each in model.balancing.variables}
    assert own and not own & {id(each) for each in model.trainable_variables}
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.5))
    fit(model, some_batches(2))
    moments = [each for each in model.optimizer.variables if tuple(each.shape) == (3,)]
    # The expression head's bias has two; the (3,) task weights would have two more.
    assert len(moments) == 2


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: BalancedModel(small_model(shared=None), "gradnorm"), "Received: shared=None"),
        (lambda: BalancedModel(small_model([SOURCE])), "no task to balance"),
        (lambda: BalancedModel(small_model(), "equal"), "Received: balancing='equal'"),
        (lambda: compiled(loss="mse"), "Received: loss=mse"),
        (lambda: compiled(loss={"age": "mse"}), "keras.losses.Loss"),
        (lambda: compiled(loss_weights={"age": 2.0}), "Received: loss_weights="),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def compiled(**options):
    BalancedModel(small_model((EXPRESSION, AGE))).compile("sgd", **options)
