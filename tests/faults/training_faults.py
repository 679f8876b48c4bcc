"""What can happen to a training; each fault is a function of an empty folder that asserts the end.

`endured(folder, kills)` tries all of them, for a benchmark that counts.
"""

import json
import random
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from kerasface.data.synthetic import synthetic_set
from kerasface.tasks import Classification, Regression
from kerasface.training import ChangedData, CheckpointError, RunState, check_data
from tests.training.test_finite_loss import check, train

ROOT = Path(__file__).parents[2]
TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116)))
KILLS_A_RUN = 3  # see killable_runs
PATIENCE = 300  # seconds a kill until a run of a busy machine counts as hung


class TrainingFault(NamedTuple):
    """A kind, a name, and what happens in a folder."""

    group: str
    name: str
    attack: Callable[[Path], None]


@contextmanager
def small_disk(room):
    """Files grow to so many bytes only, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def full_disk(folder, room, saved):
    """The run says so, its last epoch is whole, and with room again it goes on to the end."""

    def model():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100)])
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        return model

    def fit(model, state, first, epochs):
        ones = np.ones((4, 100), "float32")
        options = {"callbacks": [state], "verbose": 0}
        model.fit(ones, ones, initial_epoch=first, epochs=epochs, **options)

    trained, state = model(), RunState(folder, {})
    if saved:
        fit(trained, state, 0, saved)
    expected = [np.array(each) for each in trained.get_weights()]
    kept = f"epoch {saved} is whole" if saved else "no epoch is saved yet"
    with pytest.raises(CheckpointError, match=f"epoch {saved + 1} could not.*{kept}") as error:
        with small_disk(room):
            fit(trained, state, saved, 4)
    assert "\n" not in str(error.value) and "Received: " in str(error.value)
    assert not list(folder.glob("unfinished*")) and not list(folder.glob("*.part"))
    other = model()
    assert RunState(folder, {}).restore(other) == saved
    if saved:
        for one, another in zip(other.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(one, another)
    fit(other, RunState(folder, {}), saved, 3)
    assert RunState(folder, {}).epoch == 3


def no_number(folder):
    """Stops with the batch saved; the last epoch stays."""
    check(folder, *train(folder))


def lost_rows(folder):
    """Named before the first step."""
    faces = synthetic_set(6, size=16, tasks=("gender", "age"))
    check_data(folder, {"train": {"a": faces}}, TASKS)
    with pytest.raises(ChangedData, match="train/a has 5 rows where there were 6"):
        check_data(folder, {"train": {"a": faces.take(range(5))}}, TASKS)


def label_out_of_range(folder, task, label):
    """Named with its row before the first step."""
    faces = synthetic_set(6, size=16, tasks=("gender", "age"))
    column = faces.labels[task].copy()
    column[4] = label
    broken = replace(faces, labels={**faces.labels, task: column})
    with pytest.raises(ValueError, match=f"row 4 .*'{task}' cannot have"):
        check_data(folder, {"train": {"a": faces}, "validation": {"a": broken}}, TASKS)


FAULTS = (
    *(
        TrainingFault(
            "disk full",
            f"{room} bytes left, {saved} epochs saved",
            partial(full_disk, room=room, saved=saved),
        )
        # Nothing can be written; all but a whole state.
        for room in (0, 50_000)
        for saved in (0, 2)
    ),
    TrainingFault("no number", "a batch with NaN", no_number),
    TrainingFault("other data", "a set with fewer rows", lost_rows),
    *(
        TrainingFault(
            "bad label", f"{task} {label}", partial(label_out_of_range, task=task, label=label)
        )
        for task, label in (("gender", 2), ("gender", -1), ("age", np.nan))
    ),
)


def killed_runs(folder, kills, seed):
    """SIGKILL at random moments, three a run: what `tests.training.killable_runs` found."""
    words = ["tests.training.killable_runs", str(folder), str(kills), str(seed)]
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE * (kills + 1),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def endured(folder, kills=10, seed=None):
    """Tries everything.

    Args:
        folder: an empty one.
        kills: SIGKILLs over all runs.
        seed: of their moments.

    Returns:
        How many were tried by kind, and kind and line of each that was lost. A kill is lost where
        its run does not end with the weights of an unbroken one.
    """
    tried, lost = Counter(), []
    for number, fault in enumerate(FAULTS):
        tried[fault.group] += 1
        place = folder / str(number)
        place.mkdir()
        try:
            fault.attack(place)
        except (Exception, pytest.fail.Exception) as error:
            line = (str(error).splitlines() or [""])[0]
            lost.append((fault.group, f"{fault.name}: {type(error).__name__}: {line}"))
    seed = random.randrange(2**32) if seed is None else seed
    tried["killed"] = kills
    try:
        found = killed_runs(folder / "killed", kills, seed)
        spoilt = min(found["lost"] * KILLS_A_RUN, kills)
        lost += [("killed", f"other weights, seed {seed}")] * spoilt
    except (AssertionError, subprocess.TimeoutExpired) as error:
        line = (str(error).splitlines() or [""])[-1]
        lost += [("killed", f"{type(error).__name__}, seed {seed}: {line}")] * kills
    return dict(tried), lost
