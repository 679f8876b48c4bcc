"""The same small training as often as wanted, killed at random moments: `FOLDER KILLS SEED`.

Imports are most of the time of so short a run, so they are done once: each start of the training
is a fork of this process from before TensorFlow began. Prints one JSON line.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tests.training.killable_run import EPOCHS, main

PATIENCE = 600  # seconds until a run of a busy machine counts as hung


def begin(folder):
    """A process of the training."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        main(folder)
        code = 0
    finally:
        os._exit(code)


def epoch(folder):
    state = folder / "state.json"
    return json.loads(state.read_text())["epoch"] if state.exists() else 0


def killed(folder, wait):
    """Starts the training, kills it some time after its next saved epoch; the epoch it is at."""
    before, child = epoch(folder), begin(folder)
    end = time.monotonic() + PATIENCE
    while epoch(folder) == before and time.monotonic() < end:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "a run ended by itself"
        time.sleep(0.002)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return epoch(folder)


def finished(folder):
    child = begin(folder)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "a run did not end"
    with np.load(folder / "final.npz") as stored:
        return [stored[name] for name in stored.files]


def survived(folder, kills, seed):
    """Kills, three a run, and how many runs ended as one that was never stopped.

    Args:
        folder: an empty one.
        kills: over all runs.
        seed: of the moments.

    Returns:
        `{"tried", "survived", "lost", "epochs", "history"}`: runs, and of each the epochs it was
        killed at and those in its history.
    """
    chance = random.Random(seed)
    expected = finished(folder / "unbroken")
    answer = {"tried": 0, "survived": 0, "lost": 0, "epochs": [], "history": [], "numbers": 0}
    while kills:
        broken = folder / f"broken-{answer['tried']}"
        # Eight batches an epoch with a pause of 0.02 s each: mostly inside the next epoch, now and
        # then while a state is being written.
        part = min(kills, 3)
        kills -= part
        answer["epochs"].append([killed(broken, chance.uniform(0.0, 0.25)) for _ in range(part)])
        found = finished(broken)
        same = len(found) == len(expected) and all(map(np.array_equal, found, expected))
        answer["tried"] += 1
        answer["survived" if same else "lost"] += 1
        lines = (broken / "history.jsonl").read_text().splitlines()
        answer["history"].append([json.loads(line)["epoch"] for line in lines])
        answer["numbers"] = len(found)
    return {**answer, "last": EPOCHS}


if __name__ == "__main__":
    print(json.dumps(survived(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
