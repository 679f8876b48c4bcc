"""What every kind of task promises."""

import json

import keras
import numpy as np
import pytest

from kerasface.tasks import (
    KINDS,
    Classification,
    Domain,
    Embedding,
    Landmarks,
    Regression,
    SoftClassification,
    Task,
    from_config,
)

TASKS = [
    Classification("expression", ("angry", "happy", "sad"), alpha=0.5, note="a guess"),
    Regression("age", "years", (0, 116), bins=59, spread=3.0),
    Regression("weight", "kg", (2, 200)),
    Landmarks("landmarks5", 5),
    Landmarks("eyes", 2, mirror=(1, 0)),
    Embedding("identity", 16, margin=0.3),
    Domain("source", ("FER2013", "UTKFace"), strength=0.5, hidden=(8,)),
    Domain("origin", ("FER2013", "UTKFace"), adversary="triplet", margin=0.3, mining="all", size=5),
    SoftClassification("mood", ("sad", "glad"), alpha=2.0),
]
# A raw label and its code, by task.
RAW = {
    "expression": ("sad", 2),
    "age": ("41", 41.0),
    "weight": (70, 70.0),
    "landmarks5": ([[0.1, 0.2]] * 5, [[0.1, 0.2]] * 5),
    "eyes": ([[0.3, 0.4], [0.7, 0.4]], [[0.3, 0.4], [0.7, 0.4]]),
    "identity": (70_000_000, 70_000_000),
    "source": ("UTKFace", 1),
    "origin": ("UTKFace", 1),
    "mood": ([0.25, 0.75], [0.25, 0.75]),
}
BAD = {
    "expression": ["joy", None, True, 3, -1, 1.0, ["sad"]],
    "age": [-1, 117, "old", None, float("nan"), [3, 4]],
    "weight": [0, "heavy"],
    "landmarks5": [[[0.1, 0.2]] * 4, None, [[0.1, float("nan")]] * 5, [0.1] * 10],
    "eyes": [[[0.1, 0.2]] * 5],
    "identity": [-1, 2**31, None, True, "", 1.5],
    "source": ["LFW", 2],
    "origin": ["LFW", 2, -1],
    "mood": ["joy", 2, None, [0.5, 0.6], [1.0], [-0.5, 1.5]],
}


@pytest.fixture(params=TASKS, ids=lambda task: task.name)
def task(request):
    return request.param


def outputs_of(task, rows=4):
    return np.random.default_rng(0).normal(0, 2, (rows, task.output_size)).astype("float32")


def test_every_kind_is_tested_and_named():
    assert {task.kind for task in TASKS} == set(KINDS)
    kinds = {"classification", "regression", "landmarks", "embedding", "domain"}
    assert set(KINDS) == kinds | {"soft_classification"}


def test_config_round_trip_through_json(task):
    copy = from_config(json.loads(json.dumps(task.get_config())))
    assert type(copy) is type(task) and copy == task and hash(copy) == hash(task)
    assert copy.get_config() == task.get_config() and copy is not task


def test_config_knows_all_that_was_given(task):
    """A changed argument changes the configuration, so nothing is lost on the way."""
    for name, value in {"alpha": 7.0, "note": "other", "name": "other"}.items():
        config = {**task.get_config(), name: value}
        assert from_config(config).get_config()[name] == value
        assert from_config(config) != task


def test_encode(task):
    raw, code = RAW[task.name]
    label = task.encode(raw)
    assert label.dtype == task.label_dtype and label.shape == task.label_shape
    np.testing.assert_allclose(label, code, rtol=1e-6)


def test_encode_refuses_what_is_no_label(task):
    for raw in BAD[task.name]:
        with pytest.raises(ValueError):
            task.encode(raw)


def test_the_filler_is_of_the_labels_shape_and_harmless(task):
    """The losses take it: a finite value and gradient, in a batch of fillers alone."""
    filler = np.asarray(task.filler)
    assert filler.dtype == task.label_dtype and filler.shape == task.label_shape
    labels = np.stack([filler] * 4)
    loss = task.make_loss()
    assert np.isfinite(loss(labels, outputs_of(task)))
    assert float(loss(labels, outputs_of(task), sample_weight=np.zeros(4, "float32"))) == 0.0


def test_legal_labels_are_what_encode_gives(task):
    label = task.encode(RAW[task.name][0])
    assert task.legal(np.stack([label, label])).tolist() == [True, True]
    # A triplet loss's filler says "unknown", so alone it is legal only where nothing is labelled.
    triplets = task.name in ("identity", "origin")
    assert task.legal(np.asarray(task.filler)[None]).tolist() == [not triplets]


@pytest.mark.parametrize(
    "name,labels",
    [
        ("expression", [-1, 3]),
        ("age", [-0.5, 116.5, np.nan, np.inf]),
        ("eyes", [[[0.5, np.nan], [0.5, 0.5]], [[0.5, np.inf], [0.5, 0.5]]]),
        ("identity", [-1, 2**31]),
        ("source", [2, -1]),
        ("mood", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1.0], [0.0, 0.0]]),
    ],
)
def test_labels_that_are_not_legal(name, labels):
    task = next(task for task in TASKS if task.name == name)
    assert not task.legal(np.array(labels)).any()


def test_the_head_gives_float32_of_the_stated_size(task):
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            head = task.make_head()
            outputs = head(keras.ops.ones((3, 10), dtype="bfloat16"))
        finally:
            keras.config.set_dtype_policy("float32")
        assert head.name == f"{task.name}_head"
        assert outputs.dtype == "float32" and outputs.shape == (3, task.output_size)
    assert task.make_head() is not head


def test_metrics_count_and_give_the_mean_loss(task):
    metrics = {metric.name: metric for metric in task.make_metrics()}
    assert {"labelled", "mean_loss"} <= set(metrics)
    raw, _ = RAW[task.name]
    labels = np.stack([task.encode(raw)] * 2 + [np.asarray(task.filler)] * 2)
    weights = np.array([2.0, 2.0, 0.0, 0.0], "float32")
    for metric in metrics.values():
        metric.update_state(labels, outputs_of(task), weights)
    assert float(metrics["labelled"].result()) == 2.0
    alone = task.make_loss()(labels[:2], outputs_of(task)[:2])
    np.testing.assert_allclose(metrics["mean_loss"].result(), alone, rtol=1e-5, atol=1e-7)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn(task):
    tf = pytest.importorskip("tensorflow")
    loss = task.make_distillation_loss(2.0)
    teacher, student = outputs_of(task), tf.Variable(outputs_of(task))
    with tf.GradientTape() as tape:
        value = loss(teacher, student)
    np.testing.assert_allclose(tape.gradient(value, student), np.zeros_like(teacher), atol=1e-6)
    other = loss(teacher, outputs_of(task)[::-1])
    assert float(other) > float(value)


def test_answers_are_json(task):
    answers = task.decode(outputs_of(task, rows=3))
    assert len(answers) == 3
    assert json.loads(json.dumps(answers, allow_nan=False)) == answers


def test_no_answer_for_no_rows(task):
    assert task.decode(outputs_of(task, rows=0)) == []


@pytest.mark.parametrize("name", ["", "two words", "1st", 3, None, "class-1", "été"])
def test_names_are_plain_words(name):
    with pytest.raises(ValueError, match="Received: name="):
        Classification(name, ("a", "b"))


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_a_task_must_weigh_something(alpha):
    with pytest.raises(ValueError, match="Received: alpha="):
        Embedding("identity", 8, alpha=alpha)


def test_an_unknown_kind_names_the_near_ones():
    with pytest.raises(ValueError, match="near: classification.*Received: 'clasification'"):
        from_config({"kind": "clasification", "name": "x"})
    with pytest.raises(ValueError, match="embedding, landmarks, regression"):
        from_config({"name": "x"})


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "classification", "name": "x"},
        {"kind": "classification", "name": "x", "classes": ["a", "b"], "colour": 1},
        {"kind": "regression", "name": "x", "unit": "years", "range": 3},
    ],
)
def test_wrong_arguments_are_one_line(config):
    with pytest.raises(ValueError, match="Received: "):
        from_config(config)


def test_tasks_of_two_kinds_differ():
    domain = Domain("x", ("a", "b"))
    assert domain != Classification("x", ("a", "b")) and isinstance(domain, Task)
