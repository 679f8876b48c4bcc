"""What finished work leaves beside the recipe: a number a face, choices, errors, facts and hours.

Networks and embeddings stand in an ignored folder that no machine keeps for long. These are small
and committed: the tables go on where another machine left them, and are rendered from them alone.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasface.zoo.schema import dump_json
from recipes.whole_files import unfinished, write_whole

FOLDER = "finished"
SCORES, CHOICES, SECONDS, SETTINGS = "scores", "choices", "seconds.json", "settings.json"
NAME = "name"  # of a folder of runs, by which its hours are known again


def score_file(kept: Path, way: str, target: str, seed: int, size: int | None = None) -> Path:
    """Of a way's scores on a target."""
    name = way if size is None else f"{way}-{size}"
    return kept / SCORES / name / f"{target}-s{seed}.npz"


def save_score(file: Path, each: np.ndarray, chosen: Sequence[str] = ()) -> None:
    """A number a test face, and the sources that were chosen."""
    arrays = {"each": np.asarray(each, "float32"), "chosen": np.array(chosen, str)}
    np.savez_compressed(unfinished(file), **arrays)
    unfinished(file).replace(file)


def scores(kept: Path, way: str, target: str) -> list[np.ndarray]:
    """Numbers a face, float64, of each seed that is there."""
    found = []
    for file in sorted((kept / SCORES / way).glob(f"{target}-s*.npz")):
        if not file.stem.endswith(".part"):  # of a process that was killed
            with np.load(file) as stored:
                found.append(stored["each"].astype("float64"))
    return found


def chosen(kept: Path, way: str, target: str) -> list[str]:
    """Sources that were chosen on the training rows."""
    file = score_file(kept, way, target, 0)
    if not file.exists():
        return []
    with np.load(file) as stored:
        return stored["chosen"].tolist()


def check_settings(kept: Path, settings: Mapping) -> None:
    """Notes the settings that the records are made with.

    Raises:
        ValueError: records that are there were made with others.
    """
    file, said = kept / SETTINGS, dump_json(dict(settings))
    if not file.exists():
        write_whole(file, said)
    elif file.read_bytes() != said:
        before = json.loads(file.read_text())
        changed = {
            name: (before.get(name), settings.get(name))
            for name in sorted({*before, *settings})
            if before.get(name) != settings.get(name)
        }
        raise ValueError(
            f"{kept} holds records of other settings: remove it, or give another --out. "
            f"Received (before, now): {changed}"
        )


def add_seconds(kept: Path, runs: Path, spent: Mapping[str, float]) -> None:
    """Notes the core-seconds of a folder of runs, in place of what was noted of it before."""
    if not spent:
        return
    name, file = runs / NAME, kept / SECONDS
    if not name.exists():
        write_whole(name, uuid.uuid4().hex.encode())
    by_runs = json.loads(file.read_text()) if file.exists() else {}
    by_runs[name.read_text()] = {each: round(value, 1) for each, value in spent.items()}
    write_whole(file, dump_json(by_runs))


def seconds(kept: Path) -> dict[str, float]:
    """Core-seconds of all folders of runs, by name."""
    file, total = kept / SECONDS, Counter()
    for spent in json.loads(file.read_text()).values() if file.exists() else ():
        total.update(spent)
    return dict(total)
