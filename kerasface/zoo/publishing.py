"""Making an entry of a trained model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasface.zoo.card import render_card
from kerasface.zoo.check import check_model
from kerasface.zoo.entry import NEEDED, sha256_of
from kerasface.zoo.errors import ManifestError, PublishError
from kerasface.zoo.exporting import Score, add_exports
from kerasface.zoo.index import refresh
from kerasface.zoo.loading import build
from kerasface.zoo.locate import CHECKOUT
from kerasface.zoo.manifest import (
    CARD,
    CONFIG,
    MANIFEST,
    SCHEMA,
    WEIGHTS,
    Manifest,
    parse,
)
from kerasface.zoo.names import check_name, check_relative, check_version
from kerasface.zoo.operations import count_operations
from kerasface.zoo.probe import record_probe
from kerasface.zoo.schema import dump_json, record
from kerasface.zoo.weights import count_parameters, write_half

if TYPE_CHECKING:
    from kerasface.models import FaceModel

# True of every network of this kind; an entry adds its own.
LIMITS = (
    "Labels of expression, age, gender and race are annotators' guesses, not facts about a "
    "person; the network repeats these guesses.",
    "Not for decisions about people, and not for finding out who somebody is, how they feel or "
    "what group they belong to.",
    "Results hold for faces cut as stated under Input; another crop, a turned or covered face, "
    "or a low resolution gives worse answers.",
    "Groups are not read equally well; see the table per group before use.",
)
NOTE = "annotators' guesses, not facts about a person"
PICTURES = (".png", ".svg")


def publish(
    model: FaceModel,
    name: str,
    version: str,
    *,
    description: str,
    licences: Mapping[str, str],
    data: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    crop: str,
    template: Mapping[str, Any],
    resize: str,
    recipe: str,
    commit: str | None = None,
    per_group: Sequence[Mapping[str, Any]] = (),
    reliability: Sequence[Mapping[str, Any]] = (),
    reliability_notes: Sequence[str] = (),
    temperatures: Sequence[Mapping[str, Any]] = (),
    limits: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
    figures: Mapping[str | os.PathLike, str] | None = None,
    probe: Mapping[str, Any] | None = None,
    exports: Sequence[str] = (),
    calibration: Any = None,
    score: Score | None = None,
    root: str | os.PathLike = CHECKOUT,
) -> Path:
    """Writes `root/<name>/<version>/` and renders card and index; nothing half made stays.

    The probe is recorded on a model loaded back from the half-precision file, and the entry is
    checked as a reader will check it before it gets its name.

    Args:
        model: a `FaceModel` made by `from_spec`.
        name: of the entry.
        version: MAJOR.MINOR.PATCH; one that exists is never overwritten.
        description: one line.
        licences: `{"code", "weights"}`.
        data: data sets as `DataSource`: name, terms, labels, and images, url, note if known.
        metrics: as `Measure`: task, dataset, split, metric, value, ci95, n, protocol; at least
            one for each task. Shares ("accuracy", "coverage", "ECE") from 0 to 1.
        crop: how a face is cut, in words.
        template: the crop's numbers by name.
        resize: the filter.
        recipe: path of the recipe in the repository.
        commit: git commit of the code, default that of the working tree, with "-dirty"
            where tracked code differs from it.
        per_group: as `metrics`, each with `group`.
        reliability: as `metrics`: calibration error, coverage of intervals.
        reliability_notes: paragraphs below them.
        temperatures: of classification tasks, as `TemperatureFact`: task, temperature, fitted_on,
            fitted, measures (before and after), and answered, figure if known; see
            `kerasface.evaluation.fit_temperature`.
        limits: sentences after `LIMITS`.
        notes: what people are told beside a task's answer, by task; default the task's own
            note, else `NOTE`.
        figures: paths of PNG or SVG files with their captions. No photograph of a data set.
        probe: `{"seed", "count", "tolerance"}`, each with a default.
        exports: files for other runtimes ("litert-int8"; all usual ones are in
            `kerasface.zoo.exporting.EXPORTS`), calibration: faces for int8, score: what measures
            it; see `kerasface.zoo.add_exports`. Default: none.
        root: the zoo's folder.

    Returns:
        The entry's folder.

    Raises:
        PublishError: licences, data with terms, or metrics are missing, the version exists,
            or a figure is no PNG or SVG.
        ManifestError: a field breaks a rule; the message names it.
        ProbeError: the entry does not answer as the probe says.
        ImportError: an export needs a package that is not installed.
        TypeError: the operations of a layer cannot be counted.
    """
    root = Path(root)
    entry = root / check_name(name) / check_version(version)
    _refuse_incomplete(name, version, licences, data, metrics)
    if entry.exists():
        raise PublishError(f"{entry} exists, and a published version never changes: take a new one")
    pictures = _pictures(figures or {})
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".publish-") as scratch:
        folder = Path(scratch) / "entry"
        folder.mkdir()
        _write_network(model, folder)
        for path, (figure, _) in pictures.items():
            (folder / figure).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, folder / figure)
        spec = model.get_spec()
        facts = {
            "schema": SCHEMA,
            "name": name,
            "version": version,
            "description": description,
            "parameters": count_parameters(folder / WEIGHTS),
            "operations": 1,
            "input": {
                **{side: spec["input"][side] for side in ("height", "width", "channels")},
                "colour": "RGB" if spec["input"]["channels"] == 3 else "grey",
                "dtype": "uint8",
                "range": [0, 255],
                "resize": resize,
                "crop": crop,
                "template": dict(template),
            },
            "tasks": [_task_fact(task, notes or {}) for task in model.tasks],
            "licences": dict(licences),
            "training_data": list(data),
            "recipe": recipe,
            "commit": commit or current_commit(),
            "metrics": list(metrics),
            "per_group": list(per_group),
            "reliability": list(reliability),
            "reliability_notes": list(reliability_notes),
            "limits": [*LIMITS, *limits],
            "figures": dict(pictures.values()),
            "files": {
                each: {"sha256": sha256_of(folder / each), "bytes": (folder / each).stat().st_size}
                for each in (*NEEDED, *(figure for figure, _ in pictures.values()))
            },
            **({"temperatures": list(temperatures)} if temperatures else {}),
        }
        manifest = _measured(folder, facts, dict(probe or {}))
        (folder / MANIFEST).write_bytes(manifest.to_bytes())
        (folder / CARD).write_text(render_card(manifest), encoding="utf-8")
        if exports:
            add_exports(folder, exports, calibration=calibration, score=score)
        check_model(folder)
        entry.parent.mkdir(exist_ok=True)
        try:
            # Of two processes that publish one version, the second fails here.
            os.rename(folder, entry)
        except OSError as error:
            raise PublishError(f"{entry} could not be made: {error}") from None
    refresh(root)
    return entry


def _refuse_incomplete(name, version, licences, data, metrics) -> None:
    lacking = [
        what
        for what, there in (
            ("licences of code and weights", set(licences or {}) >= {"code", "weights"}),
            ("training data", bool(data)),
            ("terms of every data set", all(source.get("terms") for source in data or ())),
            ("metrics", bool(metrics)),
        )
        if not there
    ]
    if lacking:
        raise PublishError(f"{name}@{version} is not published without {', '.join(lacking)}")


def _pictures(figures: Mapping[str | os.PathLike, str]) -> dict[Path, tuple[str, str]]:
    """Name in the entry and caption, by path."""
    found = {}
    for given, caption in figures.items():
        path = Path(given)
        if path.suffix.lower() not in PICTURES or not path.is_file():
            raise PublishError(f"a figure is a PNG or SVG file. Received: {path}")
        found[path] = (check_relative(f"figures/{path.name}"), caption)
    if len({figure for figure, _ in found.values()}) < len(found):
        raise PublishError(f"figures need different names. Received: {sorted(map(str, found))}")
    return found


def _write_network(model: FaceModel, folder: Path) -> None:
    """`config.json` and `model.weights.h5`; of a copy, which has no optimiser to be saved."""
    spec = model.get_spec()
    (folder / CONFIG).write_bytes(dump_json(spec))
    copy = type(model).from_spec(spec)
    copy.set_weights(model.get_weights())
    whole = folder / "whole.weights.h5"
    copy.save_weights(whole)
    write_half(whole, folder / WEIGHTS)
    whole.unlink()


def _task_fact(task: Any, notes: Mapping[str, str]) -> dict[str, Any]:
    config = task.get_config()
    kept = {key: config[key] for key in ("classes", "unit", "range", "points") if key in config}
    note = notes.get(task.name) or getattr(task, "note", "") or NOTE
    return {
        "name": task.name,
        "kind": task.kind,
        "outputs": task.output_size,
        "note": note,
        **kept,
    }


def _measured(folder: Path, facts: dict[str, Any], settings: dict[str, Any]) -> Manifest:
    """The manifest with what only the reloaded model can say: operations and probe."""
    # A probe of the right shape, so that all other fields are checked before the model runs.
    outputs = {task["name"]: [[0.0] * task["outputs"]] for task in facts["tasks"]}
    blank = {"generator": "blocks", "seed": 0, "count": 1, "tolerance": 0.001, "outputs": outputs}
    draft = parse({**facts, "probe": {**blank, "sha256": "0" * 64}}, MANIFEST)
    model = build(folder, draft)
    size = (draft.input.height, draft.input.width, draft.input.channels)
    try:
        fact = record_probe(model, draft.input, **settings)
    except TypeError:
        raise ManifestError(
            f"probe takes seed, count and tolerance. Received: {sorted(settings)}"
        ) from None
    measured = replace(draft, operations=count_operations(model, size), probe=fact)
    return parse(record(Manifest)(measured, "").to_bytes(), MANIFEST)


def current_commit() -> str:
    """The commit of the working tree this code lies in, "-dirty" if tracked code differs.

    Raises:
        PublishError: it lies in no git repository.
    """
    here = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "-uno", "--", "kerasface", "recipes")
    except (OSError, subprocess.CalledProcessError):
        commit, changed = "", ""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        raise PublishError("commit is needed, as the code lies in no git repository")
    return commit + ("-dirty" if changed else "")
