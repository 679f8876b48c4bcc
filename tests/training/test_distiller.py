"""The distiller against a NumPy oracle, and what it must leave alone."""

import keras
import numpy as np
import pytest

from kerasface.data.batches import TEACHER, labelled_weights
from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification, Regression
from kerasface.training.distiller import Distiller
from kerasface.training.teacher_outputs import cache_teacher, mirrored, plain

TASKS = (
    Classification("expression", ("calm", "glad", "sad"), alpha=2.0),
    Regression("age", "years", (0, 80), bins=5, spread=10.0),
    Regression("weight", "kg", (0, 100), spread=10.0, alpha=0.5),
)
ROWS = 12


def model(seed=0, widths=(4, 4, 6)):
    keras.utils.set_random_seed(seed)
    return FaceModel(build_trunk("small_resnet", input_shape=(24, 24, 3), widths=widths), TASKS)


@pytest.fixture
def batch():
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (ROWS, 24, 24, 3)).astype("float32")
    labels = {
        "expression": random.integers(0, 3, ROWS).astype("int32"),
        "age": random.uniform(0, 80, ROWS).astype("float32"),
        "weight": random.uniform(0, 100, ROWS).astype("float32"),
    }
    masks = {
        "expression": np.arange(ROWS) < 4,
        "age": np.arange(ROWS) >= 7,
        "weight": np.zeros(ROWS, bool),
    }
    return images, labels, masks, labelled_weights(masks, TASKS)


def softmax(row):
    powers = [np.exp(value - max(row)) for value in row]
    return [power / sum(powers) for power in powers]


def soft_loss(task, teacher, student, temperature):
    """One row's distance from the teacher, by loops."""
    if task.kind == "regression" and task.bins is None:
        return abs(float(teacher[0]) - float(student[0])) / task.spread
    t = temperature if task.kind == "classification" else 1.0
    target = softmax([value / t for value in teacher])
    answer = softmax([value / t for value in student])
    return -t * t * sum(p * np.log(q) for p, q in zip(target, answer, strict=True))


def soft_oracle(teacher_outputs, student_outputs, temperature, rows=None):
    total = 0.0
    for task in TASKS:
        chosen = range(ROWS) if rows is None else rows[task.name]
        values = [
            soft_loss(
                task, teacher_outputs[task.name][i], student_outputs[task.name][i], temperature
            )
            for i in chosen
        ]
        total += task.alpha * sum(values) / len(values)
    return total


def losses(distiller, batch, labels=None):
    images, own, _, weights = batch
    distiller.compile("sgd")
    outputs = distiller(images, training=False)
    loss = distiller.compute_loss(images, labels or own, outputs, weights, training=True)
    return float(loss), as_numpy(outputs)


def as_numpy(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_soft_loss_is_the_mean_over_all_rows(batch, temperature):
    teacher, student = model(1), model(2)
    distiller = Distiller(student, teacher, hard=0.0, soft=1.0, temperature=temperature)
    loss, outputs = losses(distiller, batch)
    taught = {
        name: keras.ops.convert_to_numpy(v) for name, v in teacher(batch[0], training=False).items()
    }
    assert loss == pytest.approx(soft_oracle(taught, outputs, temperature), rel=1e-4)


def test_hard_part_is_the_students_own_loss(batch):
    images, labels, _, weights = batch
    student = model(2)
    student.compile("sgd")
    outputs = student(images, training=False)
    alone = float(student.compute_loss(images, labels, outputs, weights, training=True))
    distiller = Distiller(student, model(1), hard=1.0, soft=0.0)
    assert losses(distiller, batch)[0] == pytest.approx(alone, rel=1e-5)


def test_both_parts_add_with_their_factors(batch):
    teacher, student = model(1), model(2)
    hard = losses(Distiller(student, teacher, hard=1.0, soft=0.0), batch)[0]
    soft = losses(Distiller(student, teacher, hard=0.0, soft=1.0), batch)[0]
    both = losses(Distiller(student, teacher, hard=0.25, soft=3.0), batch)[0]
    assert both == pytest.approx(0.25 * hard + 3.0 * soft, rel=1e-5)


def test_unlabelled_rows_only(batch):
    teacher, student = model(1), model(2)
    distiller = Distiller(student, teacher, hard=0.0, temperature=2.0, rows="unlabelled")
    loss, outputs = losses(distiller, batch)
    taught = {
        name: keras.ops.convert_to_numpy(v) for name, v in teacher(batch[0], training=False).items()
    }
    rows = {name: np.flatnonzero(~mask) for name, mask in batch[2].items()}
    assert loss == pytest.approx(soft_oracle(taught, outputs, 2.0, rows), rel=1e-4)


def test_cached_outputs_equal_the_teacher_asked_each_time(batch):
    teacher, student = model(1), model(2)
    online = losses(Distiller(student, teacher), batch)[0]
    taught = teacher(batch[0], training=False)
    cached = losses(Distiller(student), batch, {**batch[1], TEACHER: taught})[0]
    assert cached == pytest.approx(online, rel=1e-6)


def test_a_task_without_cached_outputs_keeps_its_labels_only(batch):
    """The soft loss of the two tasks that are left, by the oracle of all three minus one."""
    teacher, student = model(1), model(2)
    taught = teacher(batch[0], training=False)
    known = {name: taught[name] for name in ("expression", "age")}
    distiller = Distiller(student, hard=0.0)
    fewer = losses(distiller, batch, {**batch[1], TEACHER: known})[0]
    every = losses(distiller, batch, {**batch[1], TEACHER: taught})[0]
    weight = TASKS[2]
    gap = np.abs(as_numpy(taught)["weight"] - as_numpy(student(batch[0]))["weight"]).mean()
    assert every - fewer == pytest.approx(weight.alpha * gap / weight.spread, rel=1e-3)


def test_without_teacher_and_without_cache_it_says_so(batch):
    with pytest.raises(ValueError, match="without a teacher the labels must hold"):
        losses(Distiller(model(2)), batch)


def test_teacher_is_left_alone_and_outside(batch, tmp_path):
    images, labels, _, weights = batch
    teacher, student = model(1, (4, 6, 8)), model(2)
    before = [np.array(value) for value in teacher.get_weights()]
    trainable = [layer.trainable for layer in teacher.layers]
    distiller = Distiller(student, teacher)
    distiller.compile(keras.optimizers.SGD(0.1))
    distiller.fit(images, labels, sample_weight=weights, batch_size=ROWS, epochs=2, verbose=0)
    for then, now in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)
    assert trainable == [layer.trainable for layer in teacher.layers]
    assert distiller.count_params() == student.count_params()
    student.save_weights(tmp_path / "s.weights.h5")
    fresh = model(5)
    fresh.load_weights(tmp_path / "s.weights.h5")
    for kept, loaded in zip(student.get_weights(), fresh.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, loaded)


def test_evaluate_moves_nothing_and_leaves_out_the_unmeasured(batch):
    images, labels, _, weights = batch
    student = model(2)
    distiller = Distiller(student, model(1))
    distiller.compile("sgd")
    before = student.get_weights()
    logs = distiller.evaluate(images, labels, sample_weight=weights, verbose=0)
    for then, now in zip(before, student.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)
    assert "expression_accuracy" in logs and "weight_mean_absolute_error" not in logs


def test_student_comes_to_answer_as_its_teacher(batch):
    """No label at all: what it learns it has from the teacher."""
    images, labels, _, _ = batch
    nothing = {task.name: np.zeros(ROWS, "float32") for task in TASKS}
    teacher, student = model(1), model(2)
    distiller = Distiller(student, teacher, temperature=1.0)
    distiller.compile(keras.optimizers.Adam(0.01))
    history = distiller.fit(
        images, labels, sample_weight=nothing, batch_size=ROWS, epochs=40, verbose=0
    ).history
    for task in TASKS:
        assert history[f"{task.name}_soft_loss"][-1] < history[f"{task.name}_soft_loss"][0]


def test_cached_outputs_are_the_mean_over_the_views():
    teacher = model(1)
    random = np.random.default_rng(0)
    prepared = PreparedSet(
        images=random.integers(0, 256, (5, 24, 24, 3)).astype("uint8"),
        labels={},
        masks={},
        subjects=np.array([""] * 5),
        domain="demo",
        names=np.array(list("abcde")),
    )
    taught = cache_teacher(teacher, prepared, views=(plain, mirrored), batch_size=2).soft
    once = teacher(prepared.images, training=False)["age"]
    back = teacher(prepared.images[:, :, ::-1], training=False)["age"]
    mean = (keras.ops.convert_to_numpy(once) + keras.ops.convert_to_numpy(back)) / 2
    np.testing.assert_allclose(taught["age"], mean, atol=1e-4)
    assert taught["expression"].shape == (5, 3) and taught["expression"].dtype == np.float32


@pytest.mark.parametrize(
    "wrong", [{"hard": -1.0}, {"hard": 0.0, "soft": 0.0}, {"temperature": 0.0}, {"rows": "some"}]
)
def test_bad_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="Received"):
        Distiller(model(2), **wrong)
