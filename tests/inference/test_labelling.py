"""Labelling a whole set: exactly the labels that it lacks, once each, and nothing lost."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as parquet
import pytest
from filelock import FileLock
from PIL import Image

import kerasface
from kerasface.data.parquet import DamagedShard
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.shard_folder import ForeignShard
from kerasface.data.synthetic import synthetic_set
from kerasface.inference.label_sources import FileSource
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from tests.models.tiny import tiny_model

TASKS = ("gender", "age", "landmarks5")


@pytest.fixture(scope="module")
def labeller():
    return Labeller(tiny_model(seed=1), TASKS, transforms=["plain", "flip"], batch_size=8)


@pytest.fixture(scope="module")
def faces():
    """Twenty faces: gender known of two in three, age of the first half, points of none."""
    faces = synthetic_set(20, size=16, tasks=("gender", "age"))
    return replace(
        faces,
        masks={"gender": np.arange(20) % 3 > 0, "age": np.arange(20) < 10},
        domain="drawn",
    )


def table_of(folder):
    """All shards as one table."""
    return parquet.read_table(sorted(folder.glob("labels-*.parquet")))


def test_what_is_lacking_is_labelled_once_with_its_provenance(labeller, faces, tmp_path):
    seen = []
    report = label_images(
        labeller, faces, tmp_path / "deep" / "out", {"gender": 0.6}, 7, seen.append
    )
    wanted = []
    for row in range(20):
        for task in TASKS:
            if task == "landmarks5" or not faces.masks[task][row]:
                wanted.append((row, task))
    table = table_of(tmp_path / "deep" / "out")
    assert list(zip(*(table[name].to_pylist() for name in ("row", "task")), strict=True)) == wanted
    assert (report.pictures, report.labels) == (20, len(wanted)) and sum(seen) == 20
    assert (report.shards, report.resumed, report.unreadable) == (3, 0, 0)
    columns = labeller(faces.images)
    for label in table.to_pylist():
        task, row = label["task"], label["row"]
        assert label["image"] == faces.names[row]
        same = {
            "dataset": "drawn",
            "transforms": "plain,flip",
            "teacher": "face_model",
            "teacher_sha256": labeller.sha256,
            "kerasface_version": kerasface.__version__,
        }
        assert {name: label[name] for name in same} == same
        for name in ("label", "soft"):
            expected = np.ravel(columns[f"{task}/{name}"][row])
            np.testing.assert_allclose(label[name], expected, rtol=1e-4, atol=1e-5)
        sure = columns[f"{task}/confidence"][row]
        assert label["confidence"] == pytest.approx(sure, rel=1e-4)
        if task == "gender":
            assert label["class"] == ("male", "female")[int(label["label"][0])]
            assert label["kind"] == "classification" and label["spread"] is None
            assert label["kept"] == (label["confidence"] >= np.float32(0.6))
        else:
            assert label["class"] is None and label["kept"]
            assert label["spread"] == pytest.approx(columns[f"{task}/spread"][row], abs=1e-3)


def test_a_part_that_knows_everything_is_an_empty_shard(labeller, faces, tmp_path):
    known = Labeller(labeller.teacher, ["age"], ["plain"], 4)
    report = label_images(known, faces, tmp_path, rows_per_shard=5)
    assert (report.labels, report.shards) == (10, 4)
    assert len(read_labels(tmp_path)) == 10


def test_finished_shards_are_left_alone_and_missing_ones_are_made(labeller, faces, tmp_path):
    first = label_images(labeller, faces, tmp_path, rows_per_shard=6)
    before = table_of(tmp_path)
    shards = sorted(tmp_path.glob("labels-*.parquet"))
    times = [path.stat().st_mtime_ns for path in shards]
    shards[1].unlink()
    (tmp_path / (shards[1].name + ".part")).write_bytes(b"a killed write")
    again = label_images(labeller, faces, tmp_path, rows_per_shard=6)
    assert replace(again, resumed=0) == first and again.resumed == 3
    assert [path.stat().st_mtime_ns for path in shards[2:]] == times[2:]
    assert table_of(tmp_path).equals(before)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tasks": ["gender"]}, "tasks, source"),
        ({"transforms": ["plain"]}, "transforms"),
        ({"name": "another"}, "teacher"),
        ({"sha256": "0" * 64}, "teacher_sha256"),
    ],
)
def test_another_teacher_or_way_is_refused(labeller, faces, tmp_path, change, words):
    given = {"tasks": TASKS, "transforms": ["plain", "flip"], "batch_size": 8}
    label_images(labeller, faces.take(range(4)), tmp_path)
    before = table_of(tmp_path)
    other = Labeller(labeller.teacher, **{**given, **change})
    with pytest.raises(ForeignShard, match=f"another run.*Received: different {words}$"):
        label_images(other, faces.take(range(4)), tmp_path)
    with pytest.raises(ForeignShard, match="different rows_per_shard"):
        label_images(labeller, faces.take(range(4)), tmp_path, rows_per_shard=3)
    with pytest.raises(ForeignShard, match="different thresholds"):
        label_images(labeller, faces.take(range(4)), tmp_path, threshold=0.3)
    with pytest.raises(ForeignShard, match="different source"):
        label_images(labeller, faces.take(range(1, 5)), tmp_path)
    assert table_of(tmp_path).equals(before)


def test_a_shard_of_another_run_is_refused(labeller, faces, tmp_path):
    for name, rows in (("mine", range(8)), ("other", range(4, 12))):
        label_images(labeller, faces.take(rows), tmp_path / name, rows_per_shard=4)
    name = "labels-00001-of-00002.parquet"
    (tmp_path / "other" / name).replace(tmp_path / "mine" / name)
    with pytest.raises(ForeignShard, match=f"{name} was written by another run"):
        label_images(labeller, faces.take(range(8)), tmp_path / "mine", rows_per_shard=4)


def test_a_shard_that_was_cut_short_is_named(labeller, faces, tmp_path):
    label_images(labeller, faces, tmp_path, rows_per_shard=10)
    shard = tmp_path / "labels-00001-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(DamagedShard, match="00001-of-00002.parquet: damaged"):
        label_images(labeller, faces, tmp_path, rows_per_shard=10)
    shard.unlink()
    assert label_images(labeller, faces, tmp_path, rows_per_shard=10).resumed == 1


def test_two_processes_do_not_write_at_once(labeller, faces, tmp_path):
    with FileLock(tmp_path / ".lock"):
        with pytest.raises(ValueError, match="another process"):
            label_images(labeller, faces, tmp_path)


def test_names_that_come_twice_are_refused(labeller, faces, tmp_path):
    twice = replace(faces, names=np.array(["same"] * 20))
    with pytest.raises(ValueError, match="names of pictures must differ.*Received: 20"):
        label_images(labeller, twice, tmp_path)


@pytest.mark.parametrize("threshold", [1.5, {"gender": float("nan")}, {"mood": 0.5}])
def test_a_threshold_is_a_confidence_of_a_labelled_task(labeller, faces, tmp_path, threshold):
    with pytest.raises(ValueError, match="threshold is a confidence.*Received: "):
        label_images(labeller, faces, tmp_path, threshold)


@pytest.fixture
def folder(tmp_path, rng):
    """Nine pictures of three sizes; two are none, one is a strip, one is not there."""
    root = tmp_path / "faces"
    for number in range(9):
        path = root / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20 + number, 30, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    (root / "1" / "1.png").write_bytes(b"\x89PNG no picture")
    (root / "0" / "2.png").write_bytes((root / "0" / "2.png").read_bytes()[:200])
    Image.fromarray(np.zeros((4, 300, 3), np.uint8)).save(root / "1" / "3.png")
    paths = sorted(root.rglob("*.png"))
    (root / "1" / "7.png").unlink()
    return root, paths


@pytest.mark.parametrize("rows_per_shard", [4, 100])
def test_pictures_that_cannot_be_read_go_to_a_report(labeller, folder, tmp_path, rows_per_shard):
    root, paths = folder
    source = FileSource(paths, "folder", root, size=16, workers=2)
    out = tmp_path / "out"
    report = label_images(labeller, source, out, rows_per_shard=rows_per_shard)
    labels = read_labels(out)
    assert (report.pictures, report.unreadable, report.labels) == (9, 4, 15)
    assert sorted(labels.unreadable) == ["0/2.png", "1/1.png", "1/3.png", "1/7.png"]
    assert "not a picture" in labels.unreadable["1/1.png"]
    assert "strip" in labels.unreadable["1/3.png"]
    assert all("\n" not in error for error in labels.unreadable.values())
    read = ["0/0.png", "0/4.png", "0/6.png", "0/8.png", "1/5.png"]
    assert labels.tasks["gender"].names.tolist() == read
    again = label_images(labeller, source, out, rows_per_shard=rows_per_shard)
    assert replace(again, resumed=0) == report and again.resumed == again.shards


def test_the_largest_found_face_is_labelled(labeller, tmp_path, rng):
    picture = rng.integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "one.png")
    Image.fromarray(picture[:30]).save(tmp_path / "none.png")

    def detect(image):
        if len(image) == 60:
            yield {"box": (2, 3, 10, 10)}
            yield {"box": (20, 10, 30, 30)}

    paths = [tmp_path / "none.png", tmp_path / "one.png"]
    source = FileSource(paths, "folder", tmp_path, size=16, detector=detect)
    label_images(labeller, source, tmp_path / "out")
    from kerasface.data.template import crop_from_box

    crop = crop_from_box(picture, (20, 10, 30, 30), 16)
    labels = read_labels(tmp_path / "out")
    assert labels.unreadable == {"none.png": "no face found"}
    expected = labeller(crop[None])["gender/soft"]
    np.testing.assert_allclose(labels.tasks["gender"].soft, expected, rtol=1e-4)
