"""The union of true and pseudo-labels: true ones win, the rest by threshold and the contract."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.array_batches import array_batches
from kerasface.data.augment import Augmentation
from kerasface.data.batches import arrays, labelled_weights
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.data.pseudo_labels import read_labels, with_pseudo_labels
from kerasface.data.records import read_records, stream_records, write_records
from kerasface.data.streams import mix_streams
from kerasface.tasks import Classification, Domain, Regression, with_soft_labels
from tests.data.label_files import POINTS, TASKS, answers, run_of, write_labels
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set, numbers_of

KNOWN = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 1], bool)
SOURCE = Domain("source", ("numbered", "other"))


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    write_labels(folder)
    return read_labels(folder)


@pytest.fixture
def faces():
    """Ten pictures, four with an expression of their own, and NaN-like rubbish under the mask."""
    faces = numbered_set(10, EXPRESSION, KNOWN)
    faces.labels["expression"][~KNOWN] = -7
    return faces


def expected_class(faces, row, threshold):
    """`(label, whether it counts, its trust)` by the rules in words."""
    sure = 0.4 + (row % 6) / 10
    if KNOWN[row]:
        return faces.labels["expression"][row], True, 1.0
    if sure >= threshold - 1e-6:
        return row % 3, True, sure
    return 0, False, 0.0


@pytest.mark.parametrize("given, least", [(None, 0.5), (0.7, 0.7), ({"expression": 0.0}, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_true_labels_win_and_the_rest_are_the_teachers(faces, labels, given, least, weighted):
    before = {kind: faces.labels["expression"].copy() for kind in ("labels",)}
    union = with_pseudo_labels(faces, labels, (EXPRESSION,), given, weighted)
    counted = 0
    for row in range(10):
        label, counts, trust = expected_class(faces, row, least)
        assert union.masks["expression"][row] == counts
        assert union.labels["expression"][row] == label
        if weighted:
            assert union.confidence["expression"][row] == pytest.approx(trust)
        counted += counts and not KNOWN[row]
    assert set(union.labels) == {"expression"} and (union.confidence == {}) == (not weighted)
    refused = 6 - counted
    assert union.report[-1] == (
        f"expression: 4 true labels, {counted} of t@1.0.0, {refused} below the threshold"
    )
    # The set that came in is as it was.
    np.testing.assert_array_equal(faces.labels["expression"], before["labels"])
    np.testing.assert_array_equal(faces.masks["expression"], KNOWN)


def test_no_true_label_is_ever_overwritten(labels, rng):
    """Whatever is known, in any order of the rows, with every threshold."""
    for seed in range(20):
        known = rng.random(10) < 0.5
        faces = numbered_set(10, EXPRESSION, known, seed=seed)
        order = rng.permutation(10)[: rng.integers(1, 11)]
        union = with_pseudo_labels(faces.take(order), labels, TASKS, rng.random(), bool(seed % 2))
        for place, row in enumerate(order):
            if known[row]:
                assert union.masks["expression"][place]
                assert union.labels["expression"][place] == faces.labels["expression"][row]
                assert union.confidence.get("expression", np.ones(10))[place] == 1.0


def test_tasks_the_set_never_heard_of_are_added(faces, labels):
    union = with_pseudo_labels(faces, labels, TASKS)
    assert set(union.labels) == {"expression", "age", "points"}
    assert union.labels["age"].tolist() == list(range(10)) and union.masks["age"].all()
    np.testing.assert_array_equal(union.labels["points"], answers(10)["points/label"])


def test_rows_of_a_fold_find_their_labels_by_name(faces, labels):
    fold = faces.take([7, 2, 4])
    union = with_pseudo_labels(fold, labels, (AGE, EXPRESSION))
    assert union.labels["age"].tolist() == [7, 2, 4]
    assert union.masks["expression"].tolist() == [True, True, True]
    assert union.labels["expression"].tolist() == [1, faces.labels["expression"][2], 1]
    nobody = with_pseudo_labels(faces.take([]), labels, (AGE,))
    assert len(nobody) == 0 and nobody.labels["age"].shape == (0,)


def test_pictures_without_a_label_stay_unlabelled(tmp_path, faces):
    lacking = {task.name: np.arange(10) < 6 for task in TASKS}
    write_labels(tmp_path, lacking=lacking)
    union = with_pseudo_labels(faces, tmp_path, (AGE,))
    assert union.masks["age"].tolist() == [True] * 6 + [False] * 4
    assert (union.labels["age"][6:] == AGE.filler).all()


def test_soft_labels_are_distributions_and_true_ones_sure(faces, labels):
    tasks = with_soft_labels((EXPRESSION, AGE))
    union = with_pseudo_labels(faces, labels, tasks, threshold=0.0)
    soft = answers(10)["expression/soft"]
    for row in range(10):
        expected = np.eye(3)[faces.labels["expression"][row]] if KNOWN[row] else soft[row]
        np.testing.assert_allclose(union.labels["expression"][row], expected, rtol=1e-6)
    assert union.labels["expression"].dtype == np.float32
    assert union.labels["age"].tolist() == list(range(10))


def test_joined_again_nothing_changes(faces, labels):
    for tasks in (TASKS, with_soft_labels(TASKS)):
        once = with_pseudo_labels(faces, labels, tasks, weighted=True)
        again = with_pseudo_labels(once, labels, tasks, weighted=True)
        for name in once.labels:
            np.testing.assert_array_equal(once.labels[name], again.labels[name])
            np.testing.assert_array_equal(once.masks[name], again.masks[name])
            np.testing.assert_array_equal(once.confidence[name], again.confidence[name])


def contract_by_loops(trust, alpha):
    """`alpha * rows * c / sum c`, one row after another; with c of 0 and 1, `/ n_labelled`."""
    total = 0.0
    for value in trust:
        total += value
    return [alpha * len(trust) * value / total if value else 0.0 for value in trust]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_batch_contract_on_the_union(faces, labels, weighted, soft):
    """Half of each batch from a set with its own labels, half from the one that was labelled."""
    tasks = with_soft_labels((EXPRESSION, AGE)) if soft else (EXPRESSION, AGE)
    union = with_pseudo_labels(faces, labels, (*tasks, SOURCE), 0.6, weighted)
    own = numbered_set(6, EXPRESSION, domain="other", seed=9)
    sets = {"own": own, "union": union}
    batches = list(mix(sets, {"own": 4, "union": 4}, (*tasks, SOURCE)).take(5).as_numpy_iterator())
    numpy_batches = array_batches(sets, {"own": 4, "union": 4}, (*tasks, SOURCE))
    batches += [numpy_batches[step] for step in range(5)]
    for images, found, weights in batches:
        numbers, seeds = numbers_of(images)
        trusts, classes, ages = [], [], []
        for number, seed in zip(numbers, seeds, strict=True):
            label, _, trust = expected_class(faces, number, 0.6)
            if seed == 9:
                label, trust = own.labels["expression"][number], 1.0
            trusts.append(trust if weighted else float(trust > 0))
            classes.append(label)
            ages.append(0.75 if seed == 0 else 0.0)
        ages = ages if weighted else [float(age > 0) for age in ages]
        trusted = contract_by_loops(trusts, 1.0)
        np.testing.assert_allclose(weights["expression"], trusted, rtol=1e-5)
        np.testing.assert_allclose(weights["age"], contract_by_loops(ages, 0.5), rtol=1e-5)
        np.testing.assert_allclose(weights["source"], 1.0)
        assert found["source"].tolist() == [1] * 4 + [0] * 4
        sure = found["expression"].argmax(-1) if soft else found["expression"]
        for row, trust in enumerate(trusts):
            assert not trust or sure[row] == classes[row]
        np.testing.assert_allclose(weights["expression"].sum(), 8.0, rtol=1e-5)


def test_weights_by_hand():
    """Confidences 1, 0.5, 0 and 0.5 of four rows, alpha 2: 2 * 4 / 2 = 4 times each."""
    task = Classification("a", ("x", "y"), alpha=2.0)
    trust = {"a": np.array([1.0, 0.5, 0.0, 0.5], "float32")}
    assert labelled_weights(trust, [task])["a"].tolist() == [4.0, 2.0, 0.0, 2.0]
    # Equally doubtful labels alone count as true ones alone would.
    trust = {"a": np.array([0.25, 0.25, 0.0, 0.0], "float32")}
    assert labelled_weights(trust, [task])["a"].tolist() == [4.0, 4.0, 0.0, 0.0]
    assert labelled_weights({"a": np.zeros(3)}, [task])["a"].tolist() == [0.0] * 3


def test_a_student_of_one_task_sees_all_sets(faces, labels):
    """The paper's Figure 1: one task, the union of what is labelled and what was labelled."""
    union = with_pseudo_labels(faces, labels, (EXPRESSION,))
    images, found, weights = arrays({"union": union}, (EXPRESSION,))
    assert len(images) == 10 and set(found) == {"expression"}
    expected = contract_by_loops([expected_class(faces, row, 0.5)[1] for row in range(10)], 1.0)
    np.testing.assert_allclose(weights["expression"], expected, rtol=1e-6)


def test_pseudo_points_move_with_the_picture(faces, labels):
    union = with_pseudo_labels(faces, labels, (POINTS,))
    flipped = Augmentation(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    batches = mix({"u": union}, {"u": 6}, (POINTS,), augmentation=flipped)
    truth = answers(10)["points/label"]
    for images, found, _ in batches.take(2).as_numpy_iterator():
        for row, number in enumerate(numbers_of(np.rint(images))[0]):
            swapped = truth[number][::-1] * [-1, 1] + [1, 0]
            np.testing.assert_allclose(found["points"][row], swapped, atol=1e-5)


def test_confidence_survives_files_and_streams(faces, labels, tmp_path):
    union = with_pseudo_labels(faces, labels, (EXPRESSION, AGE), weighted=True)
    union.save(tmp_path / "union.npz")
    write_records(union, tmp_path / "records", rows_per_file=4)
    for again in (PreparedSet.load(tmp_path / "union.npz"), read_records(tmp_path / "records")):
        assert set(again.confidence) == {"expression", "age"}
        for name, column in union.confidence.items():
            np.testing.assert_array_equal(again.confidence[name], column)
    stream = stream_records(tmp_path / "records")
    batch = mix_streams({"u": stream}, {"u": 10}, (EXPRESSION, AGE, SOURCE), shuffle=1).take(1)
    (_, _, weights), *_ = batch.as_numpy_iterator()
    for task in (EXPRESSION, AGE):
        expected = contract_by_loops(union.confidence[task.name].tolist(), task.alpha)
        np.testing.assert_allclose(weights[task.name], expected, rtol=1e-5)
    assert not weights["source"].any()


def test_confidence_must_be_a_share_of_each_row(faces):
    for column in (np.full(10, 1.5), np.full(10, np.nan), np.full(9, 0.5)):
        with pytest.raises(ValueError, match="(confidence|Received)"):
            replace(faces, confidence={"expression": column})


@pytest.mark.parametrize(
    "tasks, words",
    [
        ([Classification("expression", ("happy", "angry", "sad"))], "the teacher's classes"),
        ([Classification("expression", ("angry", "happy"))], "the teacher's classes"),
        ([Regression("age", "months", (0, 116))], "the teacher's unit"),
        ([Regression("age", "years", (0, 100), bins=8)], "the teacher's high"),
        ([Classification("points", ("a", "b"))], "the teacher's classes"),
        ([Classification("mood", ("a", "b"))], "none of the tasks was labelled"),
    ],
)
def test_labels_that_would_mean_something_else_are_refused(labels, tasks, words):
    with pytest.raises(ValueError, match=words) as error:
        with_pseudo_labels(numbered_set(10), labels, tasks)
    assert "Received: " in str(error.value)


@pytest.mark.parametrize("threshold", [1.5, -0.1, float("nan"), {"mood": 0.5}, {"age": 2.0}])
def test_thresholds_that_are_none(faces, labels, threshold):
    with pytest.raises(ValueError, match="a threshold is a confidence.*Received: "):
        with_pseudo_labels(faces, labels, TASKS, threshold)


def test_labels_of_another_set_and_names_that_come_twice(faces, labels):
    with pytest.raises(ValueError, match="labels of the data set 'numbered'. Received: a set of"):
        with_pseudo_labels(replace(faces, domain="other"), labels, TASKS)
    with pytest.raises(ValueError, match="names of pictures must differ.*10 pictures with 9"):
        twice = np.array([*faces.names[:9], faces.names[0]])
        with_pseudo_labels(replace(faces, names=twice), labels, TASKS)


def test_a_regression_without_bins_takes_the_labels_of_one_with(tmp_path):
    """The label is a number of the same unit and range, whatever the head."""
    write_labels(tmp_path, run_of(10, 10))
    union = with_pseudo_labels(numbered_set(10), tmp_path, [Regression("age", "years", (0, 116))])
    assert union.labels["age"].tolist() == list(range(10))
