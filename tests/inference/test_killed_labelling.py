"""SIGKILL at a random moment, the same command again: every label once, as if never stopped."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as parquet
import pytest

from kerasface.data.pseudo_labels import read_labels
from tests.inference.killable_labelling import PICTURES, ROWS

ROOT = Path(__file__).parents[2]
PATIENCE = 600  # seconds until a process of a busy machine counts as hung
LABELS = 15 + 60  # every fourth gender, every age


def start(folder):
    command = [sys.executable, "-m", "tests.inference.killable_labelling", str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors[-2000:]
    return [int(number) for number in output.split()]


def table_of(folder):
    return parquet.read_table(sorted(folder.glob("labels-*.parquet")))


@pytest.mark.slow
def test_a_killed_labelling_goes_on_and_ends_as_an_unbroken_one(tmp_path):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    whole, killed = start(unbroken), start(broken)
    try:
        end = time.monotonic() + PATIENCE
        while not list(broken.glob("labels-*.parquet")) and time.monotonic() < end:
            assert killed.poll() is None, killed.stderr.read()[-2000:]
            time.sleep(0.005)
        # Fifteen shards with a pause of 0.1 s each: before the end on any machine.
        time.sleep(random.uniform(0.0, 0.5))
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    finally:
        killed.kill()
        killed.communicate()
    left = len(list(broken.glob("labels-*.parquet")))
    assert 1 <= left < PICTURES // ROWS
    with pytest.raises(ValueError, match="has not come to its end"):
        read_labels(broken)
    assert finish(start(broken)) == [LABELS, left]
    assert finish(whole) == [LABELS, 0]
    found, expected = table_of(broken), table_of(unbroken)
    assert found.equals(expected), f"killed after {left} shards"
    rows = list(zip(found["row"].to_pylist(), found["task"].to_pylist(), strict=True))
    assert len(rows) == len(set(rows)) == LABELS
    assert not list(broken.glob("*.part"))
