"""Adding files for other runtimes to an entry that is not published yet."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasface.zoo.agreement import differences, probe_answers, rounded
from kerasface.zoo.card import render_card
from kerasface.zoo.entry import read_manifest, sha256_of
from kerasface.zoo.errors import PublishError
from kerasface.zoo.export_facts import ExportFact, ExportMeasure
from kerasface.zoo.index import INDEX, read_index
from kerasface.zoo.loading import build
from kerasface.zoo.manifest import CARD, CONFIG, MANIFEST, FileFact, Manifest, parse
from kerasface.zoo.runtime_loading import open_export
from kerasface.zoo.schema import record

if TYPE_CHECKING:
    from kerasface.inference import RuntimeModel

# What an entry holds beside its weights, unless told otherwise.
EXPORTS = (
    "litert-float32",
    "litert-float16",
    "litert-int8",
    "onnx-float32",
    "onnx-int8",
    "openvino-float16",
    "openvino-int8",
)
FOLDER = "exports"

# Measured numbers of a model: rows of `ExportMeasure` without `full`.
Score = Callable[[Any], Sequence[Mapping[str, Any]]]


def add_exports(
    folder: str | os.PathLike,
    exports: Iterable[str] = EXPORTS,
    *,
    calibration: Any = None,
    score: Score | None = None,
) -> Manifest:
    """Writes an entry's network for other runtimes and records them in its manifest and card.

    The network is built from the entry's own files, in float32. Each file is opened in its
    runtime and asked the entry's probe: float32 must agree within 1e-4 of a task's largest
    output, float16 within 1e-2 on probabilities. A record of the same name is replaced.

    Args:
        folder: of the entry, one that no index lists.
        exports: "<runtime>-<precision>" each, default `EXPORTS`.
        calibration: faces for int8, as `kerasface.inference.calibration_faces` takes them:
            files of prepared sets, folders of crops, or an array; None for drawn faces.
        score: measures a model (the Keras one, then each int8 one; both have `tasks` and
            `predict`) on validation sets: rows of `{"task", "dataset", "split", "metric",
            "value", "n"}`. Over all faces of the rows of "accuracy" int8 may lose 0.5 points, on
            one set as much more as chance makes of it (`export_facts.allowed_on`). None: not
            measured, which the card says.

    Returns:
        The new manifest.

    Raises:
        PublishError: the entry is published already.
        ManifestError: a file differs from Keras, or int8 loses, more than is allowed; nothing
            was changed.
        ImportError: a runtime or what writes its files is not installed.
        ValueError: no such runtime or precision.
    """
    from kerasface.inference.exporters import calibration_faces, check_format, export_model
    from kerasface.inference.runtimes import check_runtime

    folder, wanted = Path(folder), [_split(name) for name in dict.fromkeys(exports)]
    for runtime, precision in wanted:
        check_runtime(runtime)
        check_format(runtime, precision)
    manifest = read_manifest(folder)
    _refuse_published(folder, manifest)
    with _float32():
        model = build(folder, manifest)
    faces = words = None
    if any(precision == "int8" for _, precision in wanted):
        faces, words = calibration_faces(calibration, tuple(model.trunk.input_shape[1:]))
    full = list(score(model)) if score and faces is not None else []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as scratch:
        # Read there as it will be read in the entry: by name, hash first.
        new = Path(scratch)
        shutil.copyfile(folder / CONFIG, new / CONFIG)
        for runtime, precision in wanted:
            name = f"{runtime}-{precision}"
            path = new / FOLDER / f"{name}{check_format(runtime, precision).suffix}"
            given = faces if precision == "int8" else None
            written = export_model(model, path, runtime, precision, given)
            manifest = _with_files(manifest, name, written)
            export = ExportFact(runtime, precision, tuple(map(_name_of, written)), 0.0)
            opened = open_export(new, manifest, export)
            export = _asked(opened, manifest, export)
            if precision == "int8":
                measures = _beside(full, score(opened)) if score else None
                export = replace(export, calibration=words, measures=measures)
            manifest = _with_record(manifest, export)
        (folder / FOLDER).mkdir(exist_ok=True)
        for file in (new / FOLDER).iterdir():
            os.replace(file, folder / FOLDER / file.name)
    (folder / MANIFEST).write_bytes(manifest.to_bytes())
    (folder / CARD).write_text(render_card(manifest), encoding="utf-8")
    return manifest


def _split(name: str) -> tuple[str, str]:
    runtime, dash, precision = str(name).partition("-")
    if not dash:
        raise ValueError(f"an export is named 'litert-int8' or so. Received: {name!r}")
    return runtime, precision


def _name_of(file: Path) -> str:
    return f"{FOLDER}/{file.name}"


def _refuse_published(folder: Path, manifest: Manifest) -> None:
    """An entry that its zoo's index lists has been handed out and never changes."""
    place = folder.resolve()
    index = place.parent.parent / INDEX
    if place.parts[-2:] != (manifest.name, manifest.version) or not index.is_file():
        return
    if any(
        (row.name, row.version) == (manifest.name, manifest.version)
        for row in read_index(index).entries
    ):
        raise PublishError(
            f"{manifest.reference} is published, and a published version never changes: publish "
            "a new one with exports, or export to a file of your own"
        )


@contextmanager
def _float32() -> Iterator[None]:
    """Models built inside compute in float32, whatever a training set."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _with_files(manifest: Manifest, name: str, written: Sequence[Path]) -> Manifest:
    """The manifest with these files, and without an older export of that name."""
    exports = tuple(each for each in manifest.exports or () if each.name != name)
    gone = {file for each in manifest.exports or () if each.name == name for file in each.files}
    files = {key: fact for key, fact in manifest.files.items() if key not in gone}
    for file in written:
        files[_name_of(file)] = FileFact(sha256_of(file), file.stat().st_size)
    return replace(manifest, files=files, exports=exports or None)


def _with_record(manifest: Manifest, export: ExportFact) -> Manifest:
    """The manifest with this export, its rules checked."""
    changed = replace(manifest, exports=(*(manifest.exports or ()), export))
    return parse(record(Manifest)(changed, "").to_bytes(), manifest.reference)


def _asked(model: RuntimeModel, manifest: Manifest, export: ExportFact) -> ExportFact:
    """The export with how far it is from Keras on the probe; int8 also with its own answers."""
    answers = probe_answers(model, manifest)
    found = differences(model.tasks, manifest.probe.outputs, answers, export.precision)
    outputs = rounded(answers) if export.precision == "int8" else None
    return replace(export, difference=float(f"{max(found.values()):.2g}"), outputs=outputs)


def _beside(full: Sequence[Mapping], found: Sequence[Mapping]) -> tuple[ExportMeasure, ...]:
    """Each number measured in int8 with the one measured in Keras."""

    def key(row):
        return tuple(row[field] for field in ("task", "dataset", "split", "metric", "n"))

    values = {key(row): row["value"] for row in full}
    return tuple(
        ExportMeasure(*key(row)[:4], row["value"], values[key(row)], row["n"]) for row in found
    )
