"""The batch contract against loops, and the labels it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.batches import arrays, labelled_weights, task_columns, teacher_columns
from kerasface.data.synthetic import synthetic_set
from kerasface.ops.masking import labelled_weights as ops_weights
from kerasface.tasks import Domain, Landmarks
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set, weights_by_loops

MASKS = ([1, 0, 0, 0, 1, 0, 0, 0], [1] * 8, [0] * 8, [1], [0, 0, 1])


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("task", [EXPRESSION, AGE], ids=lambda task: task.name)
def test_weights_equal_the_loops(mask, task):
    expected = weights_by_loops(mask, task.alpha)
    weights = labelled_weights({task.name: np.array(mask, bool)}, [task])[task.name]
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    np.testing.assert_allclose(ops_weights(mask, task.alpha), expected, rtol=1e-6)


def test_two_of_eight_labelled_by_hand():
    """B = 8, n = 2: weight 4 where labelled. Losses 1 and 3 there give (4 + 12) / 8 = 2."""
    weights = labelled_weights({"expression": np.array([1, 0, 0, 0, 1, 0, 0, 0])}, [EXPRESSION])
    assert weights["expression"].tolist() == [4, 0, 0, 0, 4, 0, 0, 0]
    losses = np.array([1, 9, 9, 9, 3, 9, 9, 9])
    assert (losses * weights["expression"]).sum() / 8 == 2.0


def test_keras_reduction_is_the_mean_over_labelled_rows():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, 32), rng.normal(size=(32, 3)).astype("float32")
    mask = rng.random(32) < 0.3
    total = 0.0
    for row in np.flatnonzero(mask):
        odds = [np.exp(float(value)) for value in logits[row]]
        total -= np.log(odds[labels[row]] / sum(odds))
    weights = labelled_weights({"expression": mask}, [EXPRESSION])["expression"]
    loss = EXPRESSION.make_loss()(labels, logits, sample_weight=weights)
    assert float(loss) == pytest.approx(total / mask.sum(), rel=1e-6)


def test_a_task_that_the_set_knows_nothing_of_is_filler_and_weight_0():
    column, mask = task_columns(numbered_set(4, EXPRESSION), AGE)
    assert column.tolist() == [58.0] * 4 and column.dtype == np.float32 and not mask.any()


@pytest.mark.parametrize("task", [EXPRESSION, AGE], ids=lambda task: task.name)
def test_whatever_stands_under_a_mask_becomes_the_filler(task):
    faces = numbered_set(4, task, [1, 0, 1, 0])
    stored = faces.labels[task.name].astype("float64")
    stored[1], stored[3] = np.nan, -1
    column, mask = task_columns(replace(faces, labels={task.name: stored}), task)
    assert column.dtype == task.label_dtype and mask.tolist() == [True, False, True, False]
    assert column[1] == column[3] == task.filler
    np.testing.assert_array_equal(column[::2], faces.labels[task.name][::2])


@pytest.mark.parametrize(
    "task, bad",
    [(EXPRESSION, 3), (EXPRESSION, -1), (EXPRESSION, 0.5), (EXPRESSION, np.nan)]
    + [(AGE, 117), (AGE, -1), (AGE, np.nan), (AGE, np.inf)],
)
def test_an_illegal_label_is_named_with_its_row(task, bad):
    faces = numbered_set(4, task, domain="adience")
    stored = faces.labels[task.name].astype("float64")
    stored[2] = bad
    faces = replace(faces, labels={task.name: stored})
    with pytest.raises(ValueError, match=r"adience: row 2 \(adience/2.png\)") as error:
        task_columns(faces, task)
    assert "Received:" in str(error.value) and "\n" not in str(error.value)


def test_points_that_are_not_finite_and_columns_of_another_shape_are_refused():
    task = Landmarks("landmarks5", 5)
    faces = numbered_set(3, task)
    faces.labels["landmarks5"][1, 4, 0] = np.inf
    with pytest.raises(ValueError, match="row 1"):
        task_columns(faces, task)
    with pytest.raises(ValueError, match=r"the shape \(3, 5, 2\)"):
        task_columns(replace(faces, labels={"landmarks5": np.zeros((3, 10))}), task)


def test_teacher_columns_must_fit():
    faces = replace(numbered_set(4), soft={"expression": np.zeros((4, 3))})
    columns = teacher_columns(faces, [EXPRESSION])
    assert columns["expression"].dtype == np.float32
    with pytest.raises(ValueError, match="'age' are not in the set 'numbered'"):
        teacher_columns(faces, [EXPRESSION, AGE])
    with pytest.raises(ValueError, match=r"\(4, 3\) is needed"):
        teacher_columns(replace(faces, soft={"expression": np.zeros((4, 2))}), [EXPRESSION])


def test_arrays_hold_every_row_of_every_set():
    sets = {
        "a": numbered_set(5, EXPRESSION, [1, 0, 0, 1, 0], seed=1),
        "b": numbered_set(3, AGE, seed=2),
    }
    images, labels, weights = arrays(sets, (EXPRESSION, AGE))
    assert images.shape == (8, 4, 4, 3) and images[:, 0, 0, 2].tolist() == [1] * 5 + [2] * 3
    assert labels["age"][5:].tolist() == sets["b"].labels["age"].tolist()
    assert weights["expression"].tolist() == [4, 0, 0, 4, 0, 0, 0, 0]
    np.testing.assert_allclose(weights["age"], weights_by_loops([0] * 5 + [1] * 3, 0.5))


def test_a_set_knows_its_domain_without_a_column():
    faces = synthetic_set(5, style="sketch", tasks=("age",))
    task = Domain("source", ("synthetic_photo", "synthetic_sketch"))
    column, mask = task_columns(faces, task)
    assert column.tolist() == [1] * 5 and mask.all()
    with pytest.raises(ValueError, match="synthetic_sketch"):
        task_columns(faces, Domain("source", ("fer2013", "utkface")))
