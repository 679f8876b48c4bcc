"""SIGKILL while a folder is read, the same command again: every row once, as if never stopped."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = 40
PATIENCE = 300  # seconds until a process of a busy machine counts as hung
FORMS = ("csv", "jsonl", "parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of rising brightness in two folders, a broken one, and a name that is no Unicode."""
    root = tmp_path_factory.mktemp("people")
    for number in range(PICTURES):
        path = root / ("first" if number < 25 else "second") / f"{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((50, 40, 3), 6 * number, np.uint8)).save(path)
    (root / "second" / "broken.png").write_bytes(b"\x89PNG broken")
    odd = bytes(root) + b'/second/odd \xe9, "quoted".png'
    with open(odd, "wb") as file:
        file.write((root / "first" / "00.png").read_bytes())
    return root


def start(folder, results, *more):
    words = [sys.executable, "-m", "tests.apps.killable_analyze", str(folder)]
    words += ["--results", str(results), *more]
    return subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors[-2000:]
    return output


def rows_of(path):
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    parquet = pytest.importorskip("pyarrow.parquet")
    return parquet.read_table(path).to_pylist()


@pytest.fixture(scope="module")
def unbroken(folder, tmp_path_factory):
    """Results of runs that nobody disturbed, by format."""
    where = tmp_path_factory.mktemp("unbroken")
    running = [start(folder, where / f"faces.{form}") for form in FORMS]
    for process in running:
        assert "42 pictures read, 1 with an error" in finish(process)
    return {form: rows_of(where / f"faces.{form}") for form in FORMS}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_killed_and_resumed_is_as_unbroken(folder, unbroken, tmp_path, form):
    results = tmp_path / f"faces.{form}"
    journal = tmp_path / "faces.parquet.unfinished" if form == "parquet" else results
    for least in (4, 20):  # killed twice
        process = start(folder, results, "--resume")
        try:
            end = time.monotonic() + PATIENCE
            while _lines(journal) < least and time.monotonic() < end:
                assert process.poll() is None, process.stderr.read()[-2000:]
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        finally:
            process.kill()
            process.communicate()
        assert least <= _lines(journal) < PICTURES
    if form != "parquet":  # what a machine that went down may leave
        with results.open("ab") as file:
            file.write(b'{"image": "half' if form == "jsonl" else b'"half a na')
    finish(start(folder, results, "--resume"))
    assert rows_of(results) == unbroken[form]
    names = [row["image"] for row in rows_of(results)]
    assert len(names) == len(set(names)) == PICTURES + 2
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.unfinished"))


def _lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0
