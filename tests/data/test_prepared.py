"""A prepared set: what it refuses, what it keeps on disk, and labels with holes."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.prepared import PreparedSet, encode_labels, illegal_label
from kerasface.tasks import Landmarks
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set


def same(one, other):
    """Every column equal, in value and dtype."""
    for kind in ("labels", "masks", "soft"):
        assert set(getattr(one, kind)) == set(getattr(other, kind))
    pairs = [(one.images, other.images), (one.subjects, other.subjects), (one.names, other.names)]
    for kind in ("labels", "masks", "soft"):
        pairs += [(getattr(one, kind)[n], getattr(other, kind)[n]) for n in getattr(one, kind)]
    for left, right in pairs:
        assert left.dtype.kind == right.dtype.kind
        np.testing.assert_array_equal(left, right)
    return one.domain == other.domain and one.report == other.report


def test_what_is_saved_is_loaded(tmp_path):
    faces = numbered_set(7, AGE, [1, 0, 1, 1, 0, 0, 1])
    taught = np.random.default_rng(0).normal(size=(7, 8)).astype("float32")
    faces = replace(faces, report=("7 read", "häufig: 1"), soft={"age": taught})
    path = tmp_path / "deep" / "faces.npz"
    faces.save(path)
    assert same(PreparedSet.load(path), faces)
    assert [file.name for file in path.parent.iterdir()] == ["faces.npz"]


def test_nothing_in_the_file_is_pickled(tmp_path):
    numbered_set(2).save(tmp_path / "faces.npz")
    with np.load(tmp_path / "faces.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


@pytest.mark.parametrize("rows", [[3, 1], np.array([False, True, False, True, False]), []])
def test_take_takes_every_column(rows):
    faces = numbered_set(5, EXPRESSION, [1, 1, 0, 0, 1])
    faces = replace(faces, soft={"expression": np.arange(15.0).reshape(5, 3)})
    taken = faces.take(rows)
    wanted = np.flatnonzero(rows) if isinstance(rows, np.ndarray) else rows
    assert len(taken) == len(wanted)
    for place, row in enumerate(wanted):
        assert taken.names[place] == faces.names[row]
        assert (taken.images[place] == faces.images[row]).all()
        for kind in ("labels", "masks", "soft"):
            left, right = getattr(taken, kind)["expression"], getattr(faces, kind)["expression"]
            np.testing.assert_array_equal(left[place], right[row])


def test_labelled_counts_the_known():
    faces = numbered_set(5, EXPRESSION, [1, 1, 0, 0, 1])
    assert faces.labelled("expression") == 3 and faces.labelled("age") == 0


@pytest.mark.parametrize(
    "change, words",
    [
        ({"masks": {}}, "needs a mask"),
        ({"names": np.array(["a"])}, "'names' must have one row an image, 5"),
        ({"labels": {"expression": np.zeros(4)}}, "'label expression'"),
        ({"masks": {"expression": np.ones(6, bool)}}, "'mask expression'"),
        ({"masks": {"expression": np.ones(5)}}, "must be bool"),
        ({"soft": {"expression": np.zeros((4, 3))}}, "'soft expression'"),
        ({"images": np.zeros((5, 4, 4, 3), "float32")}, "must be uint8"),
        ({"images": np.zeros((5, 4, 4), np.uint8)}, "must be uint8"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change, words):
    with pytest.raises(ValueError, match=words) as error:
        replace(numbered_set(5, EXPRESSION), **change)
    assert "Received:" in str(error.value)


def test_unknown_labels_become_the_filler():
    points = Landmarks("landmarks5", 5)
    rows = [{"age": 30, "expression": "sad"}, {}, {"expression": None, "landmarks5": [[0, 1]] * 5}]
    labels, masks = encode_labels((EXPRESSION, AGE, points), rows)
    assert labels["expression"].dtype == np.int32 and labels["age"].dtype == np.float32
    assert labels["expression"].tolist() == [2, 0, 0] and labels["age"].tolist() == [30, 58, 58]
    assert labels["landmarks5"].shape == (3, 5, 2)
    assert (labels["landmarks5"][:2] == 0.5).all() and (labels["landmarks5"][2] == [0, 1]).all()
    assert masks["expression"].tolist() == [True, False, False]
    assert masks["age"].tolist() == [True, False, False]
    assert masks["landmarks5"].tolist() == [False, False, True]


def test_a_wrong_label_is_described_in_its_tasks_words():
    assert illegal_label((EXPRESSION, AGE), {"age": 30.0, "pose": "left"}) is None
    assert "'age' must be from 0 to 116" in illegal_label((EXPRESSION, AGE), {"age": 117})
    assert "'expression' must be one of" in illegal_label((EXPRESSION,), {"expression": ["sad"]})
