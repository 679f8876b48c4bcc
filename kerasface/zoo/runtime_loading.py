"""A published entry in another runtime than Keras: nothing here imports Keras or TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.zoo.agreement import check_export_probe
from kerasface.zoo.entry import read_checked, read_manifest, sha256_of
from kerasface.zoo.errors import IntegrityError, ManifestError, UnknownExport
from kerasface.zoo.export_facts import PRECISIONS, ExportFact
from kerasface.zoo.locate import locate
from kerasface.zoo.manifest import CONFIG, MANIFEST, Manifest
from kerasface.zoo.progress import bars
from kerasface.zoo.schema import read_json

if TYPE_CHECKING:
    from kerasface.inference import RuntimeModel
    from kerasface.tasks import Task


def load_exported(
    source: str | os.PathLike,
    runtime: str,
    precision: str | None = None,
    threads: int | None = None,
    sha256: str | None = None,
    check: bool = True,
) -> RuntimeModel:
    """Loads an entry's file for another runtime; see `kerasface.zoo.load`.

    The file is read once, hashed, and these very bytes are given to the runtime.

    Raises:
        UnknownExport: the entry has no such file.
        ImportError: the runtime is not installed.
        ValueError: an unknown runtime or precision.
        ZooError: as `kerasface.zoo.load`.
    """
    from kerasface.inference.runtimes import check_runtime

    # First, so that nothing is fetched for a runtime that is not there.
    check_runtime(runtime)
    if precision is not None and precision not in PRECISIONS:
        raise ValueError(
            f"precision is one of {', '.join(PRECISIONS)}. Received: precision={precision!r}"
        )
    with bars() as watch:
        folder = locate(source, sha256=sha256, files=(CONFIG,), watch=watch)
        export = choose(read_manifest(folder), runtime, precision)
        # Now that its files are known; of the same manifest, should it be another by now.
        digest = sha256_of(folder / MANIFEST)
        folder = locate(source, sha256=digest, files=(CONFIG, *export.files), watch=watch)
    manifest = read_manifest(folder)
    model = open_export(folder, manifest, export, threads)
    if check:
        check_export_probe(model, manifest, export)
    return model


def ready_runtime(
    source: str | os.PathLike, precision: str | None = None, sha256: str | None = None
) -> str:
    """What `runtime="auto"` stands for: the first of `RUNTIMES` that can be used, or "keras".

    Args:
        source: as `kerasface.zoo.load`; of an entry that is not here the manifest is fetched.
        precision: that the runtime's file must have; with one, Keras is no answer.
        sha256: of the manifest.

    Raises:
        UnknownExport: with a precision, the entry has no such file for a runtime that is here.
        ZooError: as `kerasface.zoo.load`.
    """
    from kerasface.inference.runtimes import RUNTIMES, is_installed

    manifest = read_manifest(locate(source, sha256=sha256, files=()))
    has = {
        export.runtime for export in manifest.exports or () if precision in (None, export.precision)
    }
    for runtime in RUNTIMES:
        if runtime in has and is_installed(runtime):
            return runtime
    if precision is None:
        return "keras"
    raise UnknownExport(
        f"{manifest.reference} has no {precision} file for a runtime that is installed; there are "
        f"{', '.join(export.name for export in manifest.exports or ()) or 'none at all'}"
    )


def choose(manifest: Manifest, runtime: str, precision: str | None = None) -> ExportFact:
    """The record of an entry's file; without a precision of the most precise one.

    Raises:
        UnknownExport: there is none; those there are are listed.
    """
    exports = manifest.exports or ()
    fitting = [
        export
        for export in exports
        if export.runtime == runtime and precision in (None, export.precision)
    ]
    if not fitting:
        names = ", ".join(export.name for export in exports) or "none at all"
        wanted = runtime if precision is None else f"{runtime}-{precision}"
        raise UnknownExport(
            f"{manifest.reference} has no file for '{wanted}'; there are {names}. Where Keras is "
            f"installed, `kerasface export {manifest.reference} --format {runtime}` makes one"
        )
    return min(fitting, key=lambda export: PRECISIONS.index(export.precision))


def open_export(
    folder: Path, manifest: Manifest, export: ExportFact, threads: int | None = None
) -> RuntimeModel:
    """Opens an entry's exported file, hashes first.

    Args:
        folder: of the entry.
        manifest: its manifest.
        export: one of the manifest's.
        threads: that work on one call.

    Raises:
        IntegrityError: a file is another one, or the runtime cannot read it.
        ManifestError: the configuration is not the manifest's.
    """
    from kerasface.inference.runtime_model import RuntimeModel
    from kerasface.inference.runtimes import ExportedFileError, open_runner

    tasks = read_tasks(folder, manifest)
    contents = [read_checked(folder, manifest, name) for name in export.files]
    path = folder / export.files[0]
    try:
        runner = open_runner(export.runtime, contents, threads)
        model = RuntimeModel(runner, tasks, export.runtime, export.precision, manifest)
    except ExportedFileError as error:
        raise IntegrityError(f"{path}: {error}") from None
    size = manifest.input
    if model.input_shape[1:] != (size.height, size.width, size.channels):
        raise IntegrityError(
            f"{path} takes {model.input_shape[1:]}, its manifest says "
            f"{(size.height, size.width, size.channels)}"
        )
    return model


def read_tasks(folder: Path, manifest: Manifest) -> list[Task]:
    """The entry's tasks, from its configuration; those that the manifest speaks of.

    Raises:
        IntegrityError: the configuration is another file.
        ManifestError: it describes other tasks.
    """
    from kerasface.tasks import from_config

    where = folder / CONFIG
    spec = read_json(read_checked(folder, manifest, CONFIG), str(where))
    try:
        tasks = [from_config(config) for config in spec["tasks"]]
    except (
        *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
        RecursionError,
    ) as error:
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ManifestError(f"{where} describes no tasks: {line}") from None
    found = [
        (task.name, task.kind, task.output_size, tuple(getattr(task, "classes", None) or ()))
        for task in tasks
    ]
    wanted = [(task.name, task.kind, task.outputs, task.classes or ()) for task in manifest.tasks]
    if found != wanted:
        raise ManifestError(f"{where} has other tasks than its manifest: {found}, not {wanted}")
    return tasks
