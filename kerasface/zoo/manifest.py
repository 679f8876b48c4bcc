"""What `manifest.json` says of an entry, and its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kerasface.zoo.errors import ManifestError
from kerasface.zoo.export_facts import ExportFact, check_exports
from kerasface.zoo.names import check_name, check_relative, check_version
from kerasface.zoo.schema import (
    choice,
    complain,
    dump_json,
    fact,
    listing,
    mapping,
    number,
    numbers,
    pattern,
    read_json,
    record,
    task_name,
    text,
    whole,
)
from kerasface.zoo.temperature_facts import TemperatureFact, check_temperatures

SCHEMA = "kerasface-entry/1"
CONFIG, WEIGHTS, CARD, MANIFEST = "config.json", "model.weights.h5", "README.md", "manifest.json"
# Limits on what a stranger's manifest can make us download.
MAX_MANIFEST_BYTES = 2_000_000
MAX_CONFIG_BYTES = 2_000_000
MAX_FILE_BYTES = 2_000_000_000
# These are shares of 1, never percentages: 66.8 for 0.668 is refused.
SHARES = ("accuracy", "balanced accuracy", "macro F1", "coverage", "ECE")
# Of pairs of faces, as an app compares them.
SHARES += ("accuracy as used", "accepted of one person", "accepted of two people")

digest = pattern("[0-9a-f]{64}", "64 small hexadecimal digits (sha256)")


def _named(check):
    return lambda value, where: check(value)


@dataclass(frozen=True)
class FileFact:
    """Size in bytes and sha256 of one file."""

    sha256: str = fact(digest)
    bytes: int = fact(whole(1, MAX_FILE_BYTES))


@dataclass(frozen=True)
class InputContract:
    """What the network takes: `(batch, height, width, channels)`, and how a crop is made."""

    height: int = fact(whole(8, 4096))
    width: int = fact(whole(8, 4096))
    channels: int = fact(choice(1, 3))
    colour: str = fact(choice("RGB", "grey"))
    dtype: str = fact(choice("uint8"))
    range: tuple[float, float] = fact(listing(number(), 2, 2))
    resize: str = fact(text(200))
    crop: str = fact(text())
    template: dict[str, Any] = fact(mapping(text(64), numbers, 1))


@dataclass(frozen=True)
class TaskFact:
    """One head: what its outputs are and what a person is told beside them."""

    name: str = fact(task_name)
    kind: str = fact(text(32))
    outputs: int = fact(whole(1, 100_000))
    note: str = fact(text())
    classes: tuple[str, ...] | None = fact(listing(text(100), 2), default=None)
    unit: str | None = fact(text(32), default=None)
    range: tuple[float, float] | None = fact(listing(number(), 2, 2), default=None)
    points: int | None = fact(whole(1, 1000), default=None)


@dataclass(frozen=True)
class DataSource:
    """A data set the entry was trained on, and the terms it comes under."""

    name: str = fact(text(100))
    terms: str = fact(text())
    labels: tuple[str, ...] = fact(listing(text(64)))
    images: int | None = fact(whole(1, 10**10), default=None)
    url: str | None = fact(text(300), default=None)
    note: str | None = fact(text(), default=None)


@dataclass(frozen=True)
class Licences:
    """Licence of the code, and of the weights."""

    code: str = fact(text(100))
    weights: str = fact(text())


@dataclass(frozen=True)
class Measure:
    """One measured number; `ci95` is its 95 % confidence interval, `n` how many faces.

    `group` names the part of the set, where it is not the whole ("gender=female").
    """

    task: str = fact(task_name)
    dataset: str = fact(text(100))
    split: str = fact(text(100))
    metric: str = fact(text(100))
    value: float = fact(number())
    ci95: tuple[float, float] = fact(listing(number(), 2, 2))
    n: int = fact(whole(1, 10**10))
    protocol: str = fact(text())
    group: str | None = fact(text(100), default=None)


@dataclass(frozen=True)
class ProbeFact:
    """Answers `(count, outputs)` of each task to a generated input (see `kerasface.zoo.probe`).

    `sha256` is the input's, so that a generator that has changed is told from a network that has.
    `tolerance` is relative to the largest answer of the task, or to 1 where that is smaller.
    """

    generator: str = fact(choice("blocks"))
    seed: int = fact(whole(0, 2**32 - 1))
    count: int = fact(whole(1, 64))
    sha256: str = fact(digest)
    tolerance: float = fact(number(1e-7, 0.01))
    outputs: dict[str, tuple[tuple[float, ...], ...]] = fact(
        mapping(task_name, listing(listing(number(), 1), 1), 1)
    )


@dataclass(frozen=True)
class Manifest:
    """Everything an entry says of itself. Fields are those of `manifest.json`, in its order."""

    schema: str = fact(choice(SCHEMA))
    name: str = fact(_named(check_name))
    version: str = fact(_named(check_version))
    description: str = fact(text())
    parameters: int = fact(whole(1, 10**11))
    operations: int = fact(whole(1, 10**15))
    input: InputContract = fact(record(InputContract))
    tasks: tuple[TaskFact, ...] = fact(listing(record(TaskFact), 1))
    licences: Licences = fact(record(Licences))
    training_data: tuple[DataSource, ...] = fact(listing(record(DataSource), 1))
    recipe: str = fact(pattern(r"[A-Za-z0-9][\w./ =-]{0,199}", "a path in the repository"))
    commit: str = fact(pattern("[0-9a-f]{40}(-dirty)?", "a git commit of 40 digits"))
    metrics: tuple[Measure, ...] = fact(listing(record(Measure), 1))
    per_group: tuple[Measure, ...] = fact(listing(record(Measure)))
    reliability: tuple[Measure, ...] = fact(listing(record(Measure)))
    reliability_notes: tuple[str, ...] = fact(listing(text()))
    limits: tuple[str, ...] = fact(listing(text(), 1))
    figures: dict[str, str] = fact(mapping(_named(check_relative), text(300)))
    files: dict[str, FileFact] = fact(mapping(_named(check_relative), record(FileFact), 2))
    probe: ProbeFact = fact(record(ProbeFact))
    exports: tuple[ExportFact, ...] | None = fact(listing(record(ExportFact), 1), default=None)
    temperatures: tuple[TemperatureFact, ...] | None = fact(
        listing(record(TemperatureFact), 1), default=None
    )

    @property
    def reference(self) -> str:
        """Name and version in one: "student@1.0.0"."""
        return f"{self.name}@{self.version}"

    def to_bytes(self) -> bytes:
        """The bytes of `manifest.json`."""
        return dump_json(self)


def parse(document: bytes | dict, where: str = MANIFEST) -> Manifest:
    """Reads a manifest and checks every field.

    Args:
        document: the file's bytes, or the same as a dict.
        where: what errors call it (a path or URL).

    Returns:
        The manifest.

    Raises:
        ManifestError: one line, naming the field.
    """
    if isinstance(document, bytes):
        document = read_json(document, where)
    try:
        manifest = record(Manifest)(document, "")
        _check_together(manifest)
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from None
    return manifest


def _check_together(manifest: Manifest) -> None:
    """Rules between fields."""
    for needed in (CONFIG, WEIGHTS):
        if needed not in manifest.files:
            raise ManifestError(f"files.{needed} is missing")
    if manifest.files[CONFIG].bytes > MAX_CONFIG_BYTES:
        raise complain(
            f"files.{CONFIG}.bytes", f"at most {MAX_CONFIG_BYTES}", manifest.files[CONFIG].bytes
        )
    for rendered in {CARD, MANIFEST} & set(manifest.files):
        raise ManifestError(f"files.{rendered} must not be listed: it follows from the manifest")
    for figure in set(manifest.figures) - set(manifest.files):
        raise ManifestError(f"figures.{figure} is not among files")
    tasks = {task.name: task for task in manifest.tasks}
    if len(tasks) < len(manifest.tasks):
        raise complain("tasks", "of different names", [task.name for task in manifest.tasks])
    for task in manifest.tasks:
        if task.classes is not None and len(task.classes) != task.outputs:
            raise complain(f"tasks.{task.name}.classes", f"{task.outputs} names", task.classes)
    for field in ("metrics", "per_group", "reliability"):
        for place, measure in enumerate(getattr(manifest, field)):
            _check_measure(measure, f"{field}[{place}]", tasks)
    for place, measure in enumerate(manifest.per_group):
        if measure.group is None:
            raise ManifestError(f"per_group[{place}].group is missing")
    measured = {measure.task for measure in manifest.metrics}
    for task in manifest.tasks:
        if task.name not in measured and task.kind != "domain":
            raise ManifestError(f"metrics has nothing for task '{task.name}'")
    shapes = {
        task: sorted({(len(rows), len(row)) for row in rows})
        for task, rows in manifest.probe.outputs.items()
    }
    wanted = {name: [(manifest.probe.count, task.outputs)] for name, task in tasks.items()}
    if shapes != wanted:
        raise complain("probe.outputs", f"of shapes {wanted}", shapes)
    check_exports(manifest)
    check_temperatures(manifest)


def _check_measure(measure: Measure, where: str, tasks: dict[str, TaskFact]) -> None:
    if measure.task not in tasks:
        raise complain(f"{where}.task", f"one of {sorted(tasks)}", measure.task)
    low, high = measure.ci95
    if not low <= measure.value <= high:
        raise complain(f"{where}.ci95", f"around the value {measure.value:g}", measure.ci95)
    if measure.metric in SHARES and not 0 <= measure.value <= 1:
        raise complain(f"{where}.value", "a share from 0 to 1 (no percentage)", measure.value)
