"""Label files: what is written is read, once each; what is damaged, foreign or missing is named."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from kerasface.data.label_shards import LabelRun, LabelShards
from kerasface.data.parquet import DamagedShard, read_about
from kerasface.data.pseudo_labels import read_labels
from kerasface.data.shard_folder import ForeignShard
from tests.data.label_files import TASKS, answers, run_of, write_labels

SECOND = "labels-00001-of-00003.parquet"


def test_what_is_read_is_what_was_written(tmp_path):
    columns, chance = answers(10), np.random.default_rng(1)
    lacking = {task.name: chance.random(10) < 0.7 for task in TASKS}
    run = write_labels(tmp_path / "new" / "labels", lacking=lacking)
    labels = read_labels(tmp_path / "new" / "labels")
    assert labels.run == run == LabelRun.read(tmp_path / "new" / "labels")
    assert len(labels) == sum(int(mask.sum()) for mask in lacking.values())
    for task in TASKS:
        found, mask = labels.tasks[task.name], lacking[task.name]
        assert found.task == task
        assert found.names.tolist() == [f"numbered/{row}.png" for row in np.flatnonzero(mask)]
        assert found.labels.dtype == task.label_dtype
        np.testing.assert_array_equal(found.labels, columns[f"{task.name}/label"][mask])
        np.testing.assert_array_equal(found.soft, columns[f"{task.name}/soft"][mask])
        np.testing.assert_array_equal(found.confidence, columns[f"{task.name}/confidence"][mask])
        if task.name == "expression":
            assert np.isnan(found.spread).all()
            assert found.kept.tolist() == (found.confidence >= 0.5).tolist()
        else:
            np.testing.assert_array_equal(found.spread, columns[f"{task.name}/spread"][mask])
            assert found.kept.all()


def test_the_parts_of_an_input():
    """10 pictures by 4: 0..3, 4..7 and 8..9."""
    run = run_of(10, 4)
    assert run.shards == 3
    assert [list(run.part(number)) for number in range(3)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    assert run_of(8, 4).shards == 2 and run_of(1, 4).shards == 1


def test_every_field_decides_the_digest():
    run = run_of()
    changes = {
        "dataset": "other",
        "tasks": run.tasks[:1],
        "transforms": ("plain",),
        "teacher": "u",
        "teacher_sha256": "0" * 64,
        "source": "0" * 64,
        "rows": 11,
        "rows_per_shard": 5,
        "thresholds": {},
        "version": "0.2.0",
    }
    assert set(changes) == set(run.as_json())
    digests = {replace(run, **{name: value}).digest for name, value in changes.items()}
    assert len(digests | {run.digest}) == len(changes) + 1
    assert run_of().digest == run.digest


@pytest.mark.parametrize("change", [{"rows": 0}, {"rows_per_shard": 0}, {"thresholds": {"age": 2}}])
def test_a_run_that_cannot_be(change):
    with pytest.raises(ValueError, match="Received: "):
        run_of(**change)


def test_labels_that_are_not_finished_are_not_read_by_mistake(tmp_path):
    write_labels(tmp_path, shards=(0, 2))
    with pytest.raises(ValueError, match=f"run it again.*1 of 3 shards missing, first {SECOND}"):
        read_labels(tmp_path)
    labels = read_labels(tmp_path, partial=True)
    assert labels.tasks["age"].labels.tolist() == [0, 1, 2, 3, 8, 9]
    nothing = tmp_path / "nothing"
    LabelShards(nothing, run_of())
    assert len(read_labels(nothing, partial=True)) == 0


def test_files_of_another_run_are_refused(tmp_path):
    write_labels(tmp_path / "mine")
    write_labels(tmp_path / "other", run_of(teacher="another"))
    (tmp_path / "other" / SECOND).replace(tmp_path / "mine" / SECOND)
    with pytest.raises(ForeignShard, match=f"{SECOND} was written by another run"):
        read_labels(tmp_path / "mine")
    with pytest.raises(ForeignShard, match="Received: different teacher$"):
        LabelShards(tmp_path / "mine", run_of(teacher="another"))


def test_a_file_of_another_part_is_refused(tmp_path):
    write_labels(tmp_path)
    (tmp_path / "labels-00000-of-00003.parquet").replace(tmp_path / SECOND)
    with pytest.raises(ForeignShard, match="shard 0 of run"):
        LabelShards(tmp_path, run_of()).is_finished(1)


@pytest.mark.parametrize("cut", [0, 3, 100, -9])
def test_a_file_cut_short_is_named(tmp_path, cut):
    write_labels(tmp_path)
    content = (tmp_path / SECOND).read_bytes()
    (tmp_path / SECOND).write_bytes(content[:cut])
    with pytest.raises(DamagedShard, match=f"{SECOND}: damaged, remove it"):
        read_labels(tmp_path)
    with pytest.raises(DamagedShard, match=SECOND):
        LabelShards(tmp_path, run_of()).is_finished(1)


def test_a_flipped_byte_anywhere_is_an_error_or_changes_nothing(tmp_path):
    write_labels(tmp_path, run_of(4, 4))
    shard, expected = tmp_path / "labels-00000-of-00001.parquet", read_labels(tmp_path)
    content, caught = shard.read_bytes(), 0
    for place in range(4, len(content), len(content) // 60):
        shard.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        try:
            found = read_labels(tmp_path)
        except (DamagedShard, ForeignShard) as error:
            caught += shard.name in str(error)
            continue
        for name, labels in expected.tasks.items():
            for column in ("names", "labels", "soft", "confidence", "spread", "kept"):
                np.testing.assert_array_equal(
                    getattr(found.tasks[name], column), getattr(labels, column)
                )
    assert caught > 20


def test_a_parquet_file_of_somebody_else_is_named(tmp_path):
    write_labels(tmp_path)
    parquet.write_table(pa.table({"image": ["a"]}), tmp_path / SECOND)
    with pytest.raises(DamagedShard, match="not written by kerasface"):
        read_labels(tmp_path)


def rewritten(path, change):
    """The shard with some columns changed and its footer kept."""
    table = parquet.read_table(path)
    about = table.schema.metadata
    columns = {name: table[name].to_pylist() for name in table.column_names}
    change(columns)
    new = pa.table(columns, schema=table.schema).replace_schema_metadata(about)
    parquet.write_table(new, path)


@pytest.mark.parametrize(
    "column, row, value, words",
    [
        ("soft", 0, [float("nan"), 0.5, 0.5], "'expression' of numbered/4.png is no label"),
        ("label", 0, [7.0], "'expression' of numbered/4.png is no label"),
        ("label", 1, [float("nan")], "'age' of numbered/4.png is no label"),
        ("label", 1, [500.0], "'age' of numbered/4.png is no label"),
        ("label", 2, [0.5], "lists of 4 numbers are needed"),
        ("soft", 0, [0.5, 0.5], "lists of 3 numbers are needed"),
        ("confidence", 1, float("nan"), "'age' of numbered/4.png is no label"),
        ("confidence", 1, 1.5, "'age' of numbered/4.png is no label"),
        ("row", 3, 4, "rows of 'expression' are twice there"),
        ("row", 3, 0, "rows of 'expression' are twice there or of another part"),
        ("task", 3, "mood", "tasks that are not in about.json"),
    ],
)
def test_what_is_no_label_is_named(tmp_path, column, row, value, words):
    write_labels(tmp_path)

    def change(columns):
        columns[column][row] = value

    rewritten(tmp_path / SECOND, change)
    with pytest.raises(DamagedShard, match=words) as error:
        read_labels(tmp_path)
    assert SECOND in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9}', "no json"])
def test_a_broken_description_is_named(tmp_path, content):
    write_labels(tmp_path)
    (tmp_path / "about.json").write_text(content)
    with pytest.raises(DamagedShard, match="about.json: no description of labels"):
        read_labels(tmp_path)


def test_a_description_with_a_field_too_many(tmp_path):
    write_labels(tmp_path)
    about = json.loads((tmp_path / "about.json").read_text())
    (tmp_path / "about.json").write_text(json.dumps({**about, "extra": 1}))
    with pytest.raises(DamagedShard, match="about.json"):
        LabelRun.read(tmp_path)
    with pytest.raises(DamagedShard, match="about.json"):
        read_labels(tmp_path / "missing")


def test_unreadable_pictures_are_a_table_of_their_own(tmp_path):
    run, columns = run_of(4, 4), answers(2)
    shards = LabelShards(tmp_path, run)
    everything = {task.name: np.ones(2, bool) for task in TASKS}
    bad = {3: ("d.png", "no picture"), 1: ("b.png", "empty")}
    names = ["a.png", "c.png"]
    assert shards.write(0, [0, 2], names, columns, everything, bad) == 6
    aside = run.file(tmp_path, 0, "unreadable")
    assert parquet.read_table(aside).to_pylist() == [
        {"image": "b.png", "row": 1, "error": "empty"},
        {"image": "d.png", "row": 3, "error": "no picture"},
    ]
    assert read_labels(tmp_path).unreadable == {"b.png": "empty", "d.png": "no picture"}
    assert read_about(aside)["rows"] == 2
    # A second try of the same part that could read all leaves no report of the first.
    shards.write(0, [0, 2], names, columns, everything)
    assert read_labels(tmp_path).unreadable == {} and not aside.exists()


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from kerasface.data.label_shards import LabelShards
from tests.data.label_files import run_of
try:
    LabelShards(sys.argv[1], run_of())
except ImportError as error:
    print(error)
"""


def test_without_pyarrow_the_extra_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path / "new")], capture_output=True, text=True
    )
    assert "pip install 'kerasface[labels]'" in done.stdout, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1 and not (tmp_path / "new").exists()
