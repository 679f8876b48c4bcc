"""Runs and shards of labels that no teacher gave, so that every number in them is known."""

import numpy as np

from kerasface.data.label_shards import LabelRun, LabelShards
from kerasface.tasks import Landmarks
from tests.data.partial_sets import AGE, EXPRESSION

POINTS = Landmarks("points", 2, mirror=(1, 0))
TASKS = (EXPRESSION, AGE, POINTS)


def run_of(rows=10, rows_per_shard=4, tasks=TASKS, **changes):
    arguments = {
        "dataset": "numbered",
        "tasks": tuple(task.get_config() for task in tasks),
        "transforms": ("plain", "flip"),
        "teacher": "t@1.0.0",
        "teacher_sha256": "ab" * 32,
        "source": "cd" * 32,
        "rows": rows,
        "rows_per_shard": rows_per_shard,
        "thresholds": {"expression": 0.5},
        "version": "0.1.0",
    }
    return LabelRun(**{**arguments, **changes})


def answers(rows, seed=0):
    """By column `(rows, ...)` what a labeller might say, and the confidence of row `n` in tenths.

    The class of row `n` is `n % 3` with a confidence of `0.4 + (n % 6) / 10`, its age is `n`.
    """
    chance = np.random.default_rng(seed)
    number = np.arange(rows)
    sure = (0.4 + (number % 6) / 10).astype("float32")
    soft = np.repeat((1 - sure[:, None]) / 2, 3, axis=1)
    soft[number, number % 3] = sure
    points = chance.uniform(0, 1, (rows, 2, 2)).astype("float32")
    ages = chance.uniform(0, 1, (rows, 8)).astype("float32")
    return {
        "expression/label": (number % 3).astype("int32"),
        "expression/soft": soft.astype("float32"),
        "expression/confidence": sure,
        "age/label": number.astype("float32"),
        "age/soft": ages / ages.sum(1, keepdims=True),
        "age/confidence": np.full(rows, 0.75, "float32"),
        "age/spread": np.full(rows, 1.5, "float32"),
        "points/label": points,
        "points/soft": points.reshape(rows, 4),
        "points/confidence": np.full(rows, 0.5, "float32"),
        "points/spread": np.full(rows, 0.1, "float32"),
    }


def write_labels(folder, run=None, lacking=None, columns=None, shards=None):
    """All shards of a run (or some), pictures being named as those of `numbered_set`."""
    run = run or run_of()
    columns = columns or answers(run.rows)
    writer = LabelShards(folder, run)
    for number in range(run.shards) if shards is None else shards:
        rows = np.array(run.part(number))
        writer.write(
            number,
            rows,
            [f"{run.dataset}/{row}.png" for row in rows],
            {name: column[rows] for name, column in columns.items()},
            {
                config["name"]: np.ones(len(rows), bool)
                if lacking is None
                else lacking[config["name"]][rows]
                for config in run.tasks
            },
        )
    return run
