"""What a finished run leaves beside the recipe: settings, time, and its answer to each test face.

Runs with their weights stand in an ignored folder; a table of a hundred of them takes longer than
one machine is kept. Their records, some kilobytes each, are committed, so a table goes on where
another machine left it, its page is rendered from them, and a reader can count again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.figures import read_history
from kerasface.evaluation.protocols import Tested, find_protocol
from kerasface.tasks import from_config
from recipes.distill_2md_mtl.balancing import alpha_of
from recipes.distill_2md_mtl.methods import Method
from recipes.distill_2md_mtl.runs import METRICS, Run
from recipes.whole_files import write_json

FOLDER = "finished"
PROBE = "probe/balanced_accuracy"
COSINE = "_gradient_cosine"
# Of a run, beside its method and trunk.
SETTINGS = ("epochs", "steps_per_epoch", "update", "rate", "labelled", "augmentation", "averages")
# One digit a face: no protocol of the tables has more classes.
MOST_CLASSES = 10


def file_of(run: Run, kept: Path) -> Path:
    """Of a run, in the folder of a table's records."""
    return kept / run.split / f"{run.method}-s{run.seed}.json"


def read(run: Run, kept: Path) -> dict | None:
    """A run's record, or None where it is not finished."""
    file = file_of(run, kept)
    return json.loads(file.read_text()) if file.exists() else None


def with_teachers(runs: Iterable[Run], methods: Mapping[str, Method]) -> list[Run]:
    """The runs and those of their teachers, each once."""
    found = {}
    for run in runs:
        teacher = methods[run.method].teacher
        found |= {run._replace(method=name): None for name in (teacher, run.method) if name}
    return list(found)


def keep(wanted: Iterable[Run], methods: Mapping[str, Method], runs: Path, kept: Path) -> None:
    """Writes the records of runs, and of their teachers, that are finished and have none yet.

    Args:
        wanted: runs of a table.
        methods: by name.
        runs: folder of all runs.
        kept: folder of the table's records.
    """
    for run in with_teachers(wanted, methods):
        file, folder = file_of(run, kept), run.folder(runs)
        if not file.exists() and (folder / METRICS).exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, _record(folder))


def _record(folder: Path) -> dict:
    """Of a finished run's folder."""
    stated = json.loads((folder / "config.json").read_text())
    history = read_history(folder / "history.jsonl")
    return {
        **stated,
        "wall_seconds": json.loads((folder / METRICS).read_text())["wall_seconds"],
        "probe": history[-1].get(PROBE),
        "cosines": [_cosines(entry) for entry in history if _cosines(entry)],
        "answers": {
            protocol: _answers(folder / f"answers-{protocol}.npz", protocol, stated["config"])
            for protocol in _asked(folder)
        },
    }


def check(wanted: Iterable[Run], methods: Mapping[str, Method], kept: Path, options) -> None:
    """Sees that finished runs, and their teachers', were made as they would be made now.

    Args:
        wanted: runs of a table.
        methods: by name.
        kept: folder of its records.
        options: of the command line, completed.

    Raises:
        ValueError: one was made otherwise, or its teacher's record is gone; the line names its
            file and what differs.
    """
    for run in with_teachers(wanted, methods):
        record, method = read(run, kept), methods[run.method]
        if record is None:
            continue
        if method.teacher and read(run._replace(method=method.teacher), kept) is None:
            raise ValueError(
                f"{file_of(run, kept)} learnt from a run that has no record: remove it, too. "
                f"Received: no record of {method.teacher}"
            )
        config = record["config"]
        own = {**config, "trunk": config["spec"]["trunk"], "strength": _strength(config)}
        asked = {"method": asdict(method), "trunk": options.trunk}
        asked["strength"] = options.strength if method.adversary else None
        asked["alpha"] = alpha_of(method, options.alpha)
        asked |= {name: getattr(options, name) for name in SETTINGS}
        # As JSON has it: its lists are tuples here.
        asked = json.loads(json.dumps(asked))
        differs = [name for name, value in asked.items() if own.get(name) != value]
        if differs:
            name = differs[0]
            raise ValueError(
                f"{file_of(run, kept)} was made under other settings: remove it, or give another "
                f"--out. Received: {name}={own.get(name)!r}, now {asked[name]!r}"
            )


def _strength(config: dict) -> float | None:
    domains = [task for task in config["spec"]["tasks"] if task["kind"] == "domain"]
    return domains[0]["strength"] if domains else None


def seconds_of(run: Run, kept: Path) -> float | None:
    """Wall time of a finished run, or None."""
    record = read(run, kept)
    return None if record is None else record["wall_seconds"]


def _asked(folder: Path) -> list[str]:
    return sorted(file.stem.partition("-")[2] for file in folder.glob("answers-*.npz"))


def _cosines(entry: dict) -> dict:
    return {name: value for name, value in entry.items() if name.endswith(COSINE)}


def _answers(file: Path, protocol_name: str, config: dict) -> dict:
    """The class that a run gave each face, as digits, and which faces these were."""
    target = find_protocol(protocol_name).target
    label = target.label_task().name
    with np.load(file, allow_pickle=False) as stored:
        outputs, names = {label: stored[label]}, stored["names"]
    tasks = [from_config(each) for each in config["spec"]["tasks"]]
    task, logits = target.answers(tasks, outputs)
    if task.output_size > MOST_CLASSES:
        raise ValueError(
            f"a record has one digit a face. Received: {task.output_size} classes of "
            f"{protocol_name}"
        )
    return {"faces": faces_id(names), "said": "".join(map(str, logits.argmax(-1).tolist()))}


def faces_id(names: np.ndarray) -> str:
    """Tells one list of faces from another: the sha256 of their names in order."""
    return hashlib.sha256("\n".join(names.tolist()).encode()).hexdigest()


def tested(record: dict, protocol_name: str, prepared: PreparedSet, split: str) -> Tested | None:
    """What a run answered, as outputs of 1 for its class; None where it was not asked.

    Args:
        record: of the run.
        protocol_name: that asked.
        prepared: the set that tests.
        split: name of the run's split.

    Raises:
        ValueError: it was asked of other pictures.
    """
    found = record["answers"].get(protocol_name)
    if found is None:
        return None
    task = find_protocol(protocol_name).target.label_task()
    test = prepared.take(prepared.masks[task.name])
    said = np.array(list(found["said"]), "int64")
    if found["faces"] != faces_id(test.names) or len(said) != len(test):
        raise ValueError(
            f"a record answers other pictures than {protocol_name} asks. Received: "
            f"{len(said)} answers of {record['config']['method']['title']}, {len(test)} faces"
        )
    outputs = np.eye(task.output_size)[said]
    people = people_of(test)
    return Tested(split, task, outputs, test.labels[task.name], people, test.names, Path())


def people_of(test: PreparedSet) -> np.ndarray:
    """`(rows,)` who is in each face; nobody known is a person of their own."""
    named = zip(test.subjects, test.names, strict=True)
    return np.array([who or name for who, name in named]).astype(str)
