"""Sets that stream: decoded once, mixed under the batch contract, copied ahead to a device."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasface.data.augment import Augmentation
from kerasface.data.batches import TEACHER
from kerasface.data.decode_cache import DecodeCache
from kerasface.data.mixing import mix
from kerasface.data.records import stream_records, write_records
from kerasface.data.streams import decoded, mix_streams, to_device
from kerasface.data.table import FaceRow, FaceTable, ReadReport
from kerasface.data.template import crop_box
from kerasface.tasks import Landmarks
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set, numbers_of, weights_by_loops

TASKS = (EXPRESSION, AGE)


def stream_of(prepared):
    """Rows of a prepared set as a stream."""
    columns = {"image": prepared.images, "labels": prepared.labels, "masks": prepared.masks}
    return tf.data.Dataset.from_tensor_slices({**columns, "soft": prepared.soft})


@pytest.fixture(scope="module")
def sets():
    known = np.random.default_rng(0).random(30) < 0.6
    return {
        "age": numbered_set(30, AGE, known, "age", seed=11),
        "expression": numbered_set(50, EXPRESSION, None, "expression", seed=13),
    }


@pytest.fixture(scope="module")
def streams(sets):
    return {name: stream_of(faces) for name, faces in sets.items()}


PART = {"age": 8, "expression": 16}


def batches(streams, count, **options):
    return list(mix_streams(streams, PART, TASKS, **options).take(count).as_numpy_iterator())


def test_batches_keep_the_contract(sets, streams):
    for images, labels, weights in batches(streams, 10):
        numbers, seeds = numbers_of(images)
        assert seeds.tolist() == [11] * 8 + [13] * 16
        for task, seed in ((AGE, 11), (EXPRESSION, 13)):
            mine = sets[task.name]
            known = [
                s == seed and mine.masks[task.name][n] for n, s in zip(numbers, seeds, strict=True)
            ]
            expected = [
                mine.labels[task.name][n] if k else task.filler
                for n, k in zip(numbers, known, strict=True)
            ]
            np.testing.assert_array_equal(labels[task.name], expected)
            expected = weights_by_loops(known, task.alpha)
            np.testing.assert_allclose(weights[task.name], expected, rtol=1e-6)


@pytest.mark.parametrize("shuffle", [1, 7, 1000])
def test_every_row_once_before_any_again(streams, shuffle):
    rows = [numbers_of(images)[0] for images, _, _ in batches(streams, 40, shuffle=shuffle)]
    for part, size in ((slice(0, 8), 30), (slice(8, 24), 50)):
        seen = np.concatenate([row[part] for row in rows])
        passes = [seen[start : start + size] for start in range(0, len(seen) - size, size)]
        assert len(passes) >= 9
        for one in passes:
            assert sorted(one) == list(range(size))
        assert (len({one.tobytes() for one in passes}) == 1) == (shuffle == 1)


def test_same_seed_same_batches_and_a_later_start_continues(streams):
    options = {"seed": 3, "augmentation": Augmentation(size=6), "shuffle": 20}
    one, other = (batches(streams, 6, **options) for _ in range(2))
    later = batches(streams, 3, first_step=3, **options)
    for left, right in zip(one + one[3:], other + later, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, left, right)
    another = batches(streams, 2, **{**options, "seed": 4})
    assert not np.array_equal(one[0][0], another[0][0])


def test_a_data_set_gives_the_same_batches_however_often_it_is_read(streams):
    """`fit` may look at the first batch before it trains."""
    mixed = mix_streams(streams, PART, TASKS, shuffle=20)
    one, other = (list(mixed.take(6).as_numpy_iterator()) for _ in range(2))
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("known", [True, False])
def test_a_later_start_is_right_whether_or_not_the_length_is_known(streams, known):
    if not known:
        streams = {name: stream.filter(lambda row: True) for name, stream in streams.items()}
    whole, later = batches(streams, 9), batches(streams, 2, first_step=7)
    tf.nest.map_structure(np.testing.assert_array_equal, whole[7:], later)


def test_what_stands_under_a_mask_changes_nothing_and_a_bad_label_is_named():
    faces = numbered_set(6, AGE, [1, 1, 0, 1, 1, 1], "morph")
    faces.labels["age"][2] = np.nan
    (batch,) = mix_streams({"morph": stream_of(faces)}, {"morph": 6}, (AGE,)).take(1)
    assert np.isfinite(batch[1]["age"]).all() and (np.asarray(batch[1]["age"]) == 58).sum() == 1
    faces.labels["age"][3] = 400.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="morph: .*'age' cannot have.*400"):
        list(mix_streams({"morph": stream_of(faces)}, {"morph": 6}, (AGE,)).take(1))


def test_records_stream_into_the_same_batches_as_arrays(sets, tmp_path):
    """Without shuffling, the rows of the first pass are those of the set in its order."""
    write_records(sets["age"], tmp_path / "age", rows_per_file=13)
    options = {"per_batch": {"age": 15}, "tasks": TASKS}
    found = mix_streams({"age": stream_records(tmp_path / "age")}, shuffle=1, **options)
    images, labels, weights = zip(*found.take(2).as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(np.concatenate(images), sets["age"].images)
    mask = sets["age"].masks["age"]
    ages = np.concatenate([row["age"] for row in labels])
    np.testing.assert_array_equal(ages[mask], sets["age"].labels["age"][mask])
    assert not np.concatenate([row["expression"] for row in weights]).any()
    assert found.element_spec == mix({"age": sets["age"]}, **options).element_spec


def test_a_teachers_outputs_come_along(sets):
    faces = sets["age"]
    soft = {t.name: np.arange(30.0)[:, None].repeat(t.output_size, 1) for t in TASKS}
    taught = tf.data.Dataset.from_tensor_slices(
        {"image": faces.images, "labels": faces.labels, "masks": faces.masks, "soft": soft}
    )
    ((images, labels, _),) = mix_streams({"age": taught}, {"age": 9}, TASKS, soft=True).take(1)
    for task in TASKS:
        assert labels[TEACHER][task.name].dtype == tf.float32
        np.testing.assert_array_equal(labels[TEACHER][task.name][:, 0], numbers_of(images)[0])
    with pytest.raises(ValueError, match="teacher's outputs"):
        mix_streams({"age": stream_of(faces)}, {"age": 9}, TASKS, soft=True)


def test_bad_arguments_are_refused(streams):
    for arguments in ({"shuffle": 0}, {"first_step": -1}):
        with pytest.raises(ValueError, match="Received: shuffle="):
            mix_streams(streams, PART, TASKS, **arguments)
    with pytest.raises(ValueError, match="sets out of"):
        mix_streams(streams, {"smile": 1}, TASKS)
    for empty in (streams["age"].take(0), streams["age"].filter(lambda row: False)):
        with pytest.raises(ValueError, match="must have rows"):
            mix_streams({"age": empty}, {"age": 1}, TASKS)
    with pytest.raises(ValueError, match="must be dicts"):
        mix_streams({"age": tf.data.Dataset.range(3)}, {"age": 1}, TASKS)


def cut(pixels, row):
    return crop_box(pixels, size=6)


@pytest.fixture
def table(tmp_path):
    """Five pictures of which one is broken, and an illegal label."""
    root = tmp_path / "pictures"
    root.mkdir()
    rows = []
    for number, label in enumerate(("angry", "happy", "bored", "sad", None)):
        Image.new("RGB", (8, 8), (50 + number, 9, 9)).save(root / f"{number}.png")
        labels = {} if label is None else {"expression": label}
        rows.append(FaceRow(f"{number}.png", labels, f"p{number}", "train", "demo"))
    (root / "1.png").write_bytes(b"\x89PNG broken")
    return FaceTable(root, rows, ReadReport("demo", read=5))


def test_decoded_skips_what_is_broken_and_says_so(table, tmp_path):
    rows = list(decoded(table, TASKS, cut, tmp_path / "cache").as_numpy_iterator())
    assert [row["name"].decode() for row in rows] == ["0.png", "3.png", "4.png"]
    assert [int(row["image"][2, 2, 0]) for row in rows] == [50, 53, 54]
    assert [int(row["labels"]["expression"]) for row in rows] == [0, 2, 0]
    assert [bool(row["masks"]["expression"]) for row in rows] == [True, True, False]
    assert not any(row["masks"]["age"] for row in rows) and rows[0]["subject"] == b"p0"
    report = str(table.report)
    assert "1 x picture cannot be used" in report and "1.png" in report
    assert "1 x illegal label (2.png: 'expression' must be one of" in report
    assert "1.png" in (tmp_path / "cache" / "report.txt").read_text()


def test_decoded_reads_each_file_once_in_its_life(table, tmp_path):
    calls = []

    def counted(pixels, row):
        calls.append(row.image)
        return cut(pixels, row)

    first = decoded(table, TASKS, counted, tmp_path / "cache")
    one, again = list(first.as_numpy_iterator()), list(first.as_numpy_iterator())
    assert sorted(calls[:4]) == ["0.png", "2.png", "3.png", "4.png"] and len(calls) == 5
    for path in table.root.iterdir():
        path.unlink()  # the originals are not needed any more
    fresh = FaceTable(table.root, table.rows, ReadReport("demo"))
    later = list(decoded(fresh, TASKS, counted, tmp_path / "cache").as_numpy_iterator())
    assert len(calls) == 5 and "1.png" in str(fresh.report)
    for other in (again, later):
        for left, right in zip(one, other, strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, left, right)


def test_a_cache_of_something_else_is_not_taken(table, tmp_path):
    cache = tmp_path / "cache"
    decoded(table, TASKS, cut, cache)
    other = FaceTable(table.root, table.rows[:3], ReadReport("demo"))
    with pytest.raises(ValueError, match="another table or crop") as error:
        decoded(other, TASKS, cut, cache)
    assert "Received: cache=" in str(error.value)
    for crop in (
        lambda pixels, row: cut(pixels, row)[::2],
        lambda pixels, row: 255 - cut(pixels, row),
    ):
        with pytest.raises(ValueError, match="another table or crop"):
            decoded(table, TASKS, crop, cache)


def test_a_kill_while_decoding_leaves_no_half_cache(table, tmp_path):
    cache = tmp_path / "cache"

    def killed(pixels, row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DecodeCache(cache, table, killed)
    assert not cache.exists()
    kept = DecodeCache(cache, table, cut)
    assert kept.images.shape == (4, 6, 6, 3) and kept.rows == [0, 2, 3, 4]
    assert [file.name for file in tmp_path.iterdir() if "cache" in file.name] == ["cache"]
    assert json.loads((cache / "about.json").read_text())["rows"] == kept.rows


def test_crops_that_fail_or_differ(table, tmp_path):
    def picky(pixels, row):
        if row.image == "0.png":
            raise ValueError("no face")
        return cut(pixels, row)

    assert DecodeCache(tmp_path / "a", table, picky).rows == [2, 3, 4]
    assert "0.png: no face" in str(table.report)
    with pytest.raises(ValueError, match="of one size"):
        DecodeCache(tmp_path / "b", table, lambda pixels, row: pixels[int(row.image[0]) :])
    with pytest.raises(ValueError, match="points move"):
        decoded(table, (Landmarks("landmarks5", 5),), cut, tmp_path / "c")
    assert not (tmp_path / "b").exists()


def test_decoded_pictures_mix(table, tmp_path):
    stream = decoded(table, TASKS, cut, tmp_path / "cache")
    mixed = mix_streams({"demo": stream}, {"demo": 6}, TASKS, augmentation=Augmentation())
    for images, _, weights in mixed.take(2):
        assert images.shape == (6, 6, 6, 3) and images.dtype == tf.float32
        assert sorted(np.asarray(weights["expression"])) == [0, 0, 1.5, 1.5, 1.5, 1.5]


def test_batches_are_copied_ahead_to_a_device(streams):
    """No GPU here: on the device of the CPU the batches are the same and lie on it."""
    mixed = mix_streams(streams, PART, TASKS, seed=1)
    plain = list(mixed.take(3).as_numpy_iterator())
    for device in (None, "/CPU:0"):
        ahead = list(to_device(mixed.take(3), device))
        assert all("CPU:0" in images.device for images, _, _ in ahead)
        for left, right in zip(plain, ahead, strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, left, right)


def test_the_global_seed_changes_nothing(streams):
    """0 is the seed that TensorFlow's shuffle compares with; `set_random_seed(0)` is common."""
    orders = []
    for seed in (0, 7):
        keras.utils.set_random_seed(seed)
        orders.append([images for images, _, _ in batches(streams, 3, seed=3)])
    for first, second in zip(*orders, strict=True):
        np.testing.assert_array_equal(first, second)
