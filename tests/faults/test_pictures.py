"""Hundreds of mutated pictures: no crash, no hang, little memory, each answered or reported.

`python -m benchmarks.faults` does the same with thousands.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.faults.mutated_pictures import KINDS, mutated

ROOT = Path(__file__).parents[2]
COUNT, PATIENCE = 500, 900
MOST_MB = 1000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, "-m", "tests.faults.picture_run", str(COUNT), "0", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"crashed: {done.returncode} {done.stderr[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_each_is_answered_or_reported(run):
    assert run["lost"] == []
    assert sum(run["tried"].values()) == COUNT and set(run["tried"]) == set(KINDS)
    for kind in ("16-bit", "CMYK", "animated", "1 pixel"):
        assert run["answered"][kind] == run["tried"][kind], f"a sound picture was refused: {kind}"
    for kind in ("huge header", "0 pixels", "no picture at all"):
        assert run["answered"].get(kind, 0) == 0, f"what is no picture was answered: {kind}"


@pytest.mark.slow
def test_labelling_takes_the_same_files(run):
    label = run["label"]
    assert "error" not in label, label
    # Two tasks a picture; what could not be read is in the quarantine table.
    assert label["labels"] == 2 * (label["files"] - label["unreadable"]) > 0
    assert label["unreadable"] > 0


@pytest.mark.slow
def test_pictures_take_less_than_a_gigabyte(run):
    assert run["grown_mb"] < MOST_MB, f"beside {run['base_mb']} MB of the libraries"


def test_the_same_pictures_for_a_seed():
    once, again, other = (list(mutated(20, seed)) for seed in (3, 3, 4))
    for (kind, suffix, content), (_, same_suffix, same) in zip(once, again, strict=True):
        assert suffix == same_suffix, kind
        np.testing.assert_array_equal(content, same, err_msg=kind)
    assert [each[2] for each in once[:5]] != [each[2] for each in other[:5]]


def test_shares_are_of_a_hundred():
    assert sum(share for _, share in KINDS.values()) == 100
    assert {kind for kind, _, _ in mutated(100)} == set(KINDS)
