"""The card of an entry (`README.md`), from its manifest alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kerasface.zoo.card_confidence import confidence_section
from kerasface.zoo.export_facts import ExportFact, accuracy_lost
from kerasface.zoo.manifest import SHARES, WEIGHTS, Manifest, Measure
from kerasface.zoo.markdown import millions, slug, table, yaml

# Hugging Face's names of the kinds of task.
HUB_TASKS = {
    "classification": "image-classification",
    "embedding": "image-feature-extraction",
    "landmarks": "keypoint-detection",
}
# What `kerasface.inference.FaceReader` does, the same for every entry.
UNDETECTED = (
    "Where the detector finds nothing no face is made up: the picture has none, or, with "
    '`undetected="whole"`, is read whole as if it were this crop, and the face says '
    "`detected: false`."
)
DO_NOT_EDIT = "Rendered from `manifest.json` by `kerasface.zoo.card`; do not edit."


def shown(measure: Measure) -> tuple[str, str]:
    """Value and interval as text; shares of 1 as percentages."""
    ends = (measure.value, *measure.ci95)
    if measure.metric in SHARES:
        value, low, high = (f"{100 * end:.1f}" for end in ends)
        return f"{value} %", f"{low} to {high} %"
    value, low, high = (f"{end:.3g}" if abs(end) < 1 else f"{end:.2f}" for end in ends)
    return value, f"{low} to {high}"


def measures(rows: Sequence[Measure], with_group: bool = False) -> str:
    """Table of measured numbers; with their groups where asked."""
    header = ["task", "data set", "split", "metric", "value", "95 % interval", "faces", "protocol"]
    cells = []
    for row in rows:
        value, interval = shown(row)
        group = [row.group] if with_group else []
        cells.append(
            [row.task, row.dataset, row.split, *group, row.metric, value, interval]
            + [f"{row.n:,}", row.protocol]
        )
    if with_group:
        header.insert(3, "group")
    return table(header, cells)


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """What Hugging Face reads at the head of a card, results included."""
    kinds = {task.name: task.kind for task in manifest.tasks}
    grouped: dict[tuple[str, str, str], list[Measure]] = {}
    for row in manifest.metrics:
        grouped.setdefault((row.task, row.dataset, row.split), []).append(row)
    results = [
        {
            "task": {"type": HUB_TASKS.get(kinds[task], "other"), "name": task},
            "dataset": {"name": dataset, "type": slug(dataset), "split": split},
            "metrics": [
                {"type": slug(row.metric), "name": row.metric, "value": row.value} for row in rows
            ],
        }
        for (task, dataset, split), rows in grouped.items()
    ]
    return {
        "library_name": "keras",
        "license": "other",
        "license_name": slug(manifest.licences.weights.split(",")[0]),
        "pipeline_tag": "image-classification",
        "tags": ["keras", "kerasface", "face", *(task.name for task in manifest.tasks)],
        "datasets": [slug(source.name) for source in manifest.training_data],
        "model-index": [{"name": manifest.name, "results": results}],
    }


def _task_row(task) -> tuple[str, str, str, str]:
    if task.classes:
        answers = ", ".join(task.classes)
    elif task.unit and task.range:
        low, high = task.range
        answers = f"{low:g} to {high:g} {task.unit}"
    else:
        answers = f"{task.points} points" if task.points else f"{task.outputs} numbers"
    return task.name, task.kind, answers, task.note


def render_card(manifest: Manifest) -> str:
    """The card of an entry as Markdown with Hugging Face's front matter.

    Args:
        manifest: of the entry.

    Returns:
        The text of `README.md`; the same manifest gives the same text.
    """
    size = manifest.files[WEIGHTS].bytes
    parts = [f"---\n{yaml(front_matter(manifest))}\n---", f"<!-- {DO_NOT_EDIT} -->"]
    parts += [f"# {manifest.name} {manifest.version}", manifest.description]
    parts.append(
        table(
            ["parameters", "multiply-accumulates a face", "weights on disk", "input"],
            [
                [
                    millions(manifest.parameters),
                    millions(manifest.operations),
                    f"{size / 1e6:.2f} MB",
                    f"{manifest.input.height} x {manifest.input.width} {manifest.input.colour}",
                ]
            ],
        )
    )
    parts.append(
        "```python\nimport kerasface\n\n"
        f'model = kerasface.zoo.load("{manifest.reference}")\n'
        'print(model.analyze(["photo.jpg"]))\n```'
    )
    header = ["task", "kind", "answers", "note"]
    parts += ["## Tasks", table(header, map(_task_row, manifest.tasks))]
    contract = manifest.input
    low, high = contract.range
    numbers = [f"{key} {json.dumps(value)}" for key, value in contract.template.items()]
    parts += [
        "## Input",
        f"`(batch, {contract.height}, {contract.width}, {contract.channels})` {contract.dtype}, "
        f"{contract.colour}, {low:g} to {high:g}; scaling is inside the model.",
        f"Crop: {contract.crop}",
        f"Template: {'; '.join(numbers)}. Resize: {contract.resize}.",
        UNDETECTED,
    ]
    if manifest.exports:
        parts += _other_runtimes(manifest)
    parts += ["## Results", measures(manifest.metrics), "## Per group"]
    parts.append(measures(manifest.per_group, True) if manifest.per_group else "Not measured.")
    parts.append("## Reliability")
    if manifest.reliability:
        parts.append(measures(manifest.reliability))
    elif not manifest.reliability_notes:
        parts.append("Not measured.")
    parts += manifest.reliability_notes
    parts += confidence_section(manifest)
    parts += ["## Limits", "\n".join(f"- {limit}" for limit in manifest.limits)]
    parts += ["## Training data", _data_table(manifest)]
    parts += [
        "## Terms",
        f"- Weights: {manifest.licences.weights}\n- Code: {manifest.licences.code}",
    ]
    shown_above = {each.figure for each in manifest.temperatures or ()}
    parts += [
        f"![{caption}]({name})\n\n{caption}"
        for name, caption in manifest.figures.items()
        if name not in shown_above
    ]
    files = [[name, f"{f.bytes:,}", f"`{f.sha256}`"] for name, f in manifest.files.items()]
    parts += [
        "## Made by",
        f"`{manifest.recipe}` at commit `{manifest.commit}`.",
        table(["file", "bytes", "sha256"], files),
    ]
    return "\n\n".join(parts) + "\n"


def _other_runtimes(manifest: Manifest) -> list[str]:
    """The section on files for other runtimes: what they are, and what int8 costs."""
    first = manifest.exports[0]
    rows = [
        [
            export.runtime,
            export.precision,
            f"{sum(manifest.files[name].bytes for name in export.files) / 1e6:.2f} MB",
            f"{export.difference:.1g}",
            _lost(export),
        ]
        for export in manifest.exports
    ]
    header = ["runtime", "precision", "size", "difference from Keras", "accuracy lost"]
    parts = [
        "## Other runtimes",
        "Pixels in as above, one output a task under its name; neither Keras nor TensorFlow is "
        f'needed: `kerasface.zoo.load("{manifest.reference}", runtime="{first.runtime}", '
        f'precision="{first.precision}")`.',
        table(header, rows),
        "Differences are the largest on the stored probe (blocks of random colours): in float32 "
        "of outputs, as shares of the task's largest, else of probabilities. The accuracy lost is "
        "that over all faces below; on a set of a thousand it is uncertain by half a point.",
    ]
    for export in manifest.exports:
        if export.precision == "int8":
            text = f"The ranges of {export.name} were measured on {export.calibration}."
            if export.measures is None:
                parts.append(f"{text} What it costs in accuracy was not measured.")
                continue
            cells = [
                [row.task, row.dataset, row.split, row.metric, *_pair(row), f"{row.n:,}"]
                for row in export.measures
            ]
            header = ["task", "data set", "split", "metric", "int8", "Keras", "faces"]
            parts += [text, table(header, cells)]
    return parts


def _lost(export: ExportFact) -> str:
    """The accuracy lost over all faces, in points."""
    if export.precision != "int8":
        return ""
    lost = accuracy_lost(export.measures or ())
    return "not measured" if lost is None else f"{100 * lost:.2f} points"


def _pair(row) -> tuple[str, str]:
    if row.metric in SHARES:
        return f"{100 * row.value:.2f} %", f"{100 * row.full:.2f} %"
    return f"{row.value:.3f}", f"{row.full:.3f}"


def _data_table(manifest: Manifest) -> str:
    rows = []
    for source in manifest.training_data:
        name = f"[{source.name}]({source.url})" if source.url else source.name
        images = f"{source.images:,}" if source.images else ""
        rows.append([name, images, ", ".join(source.labels), source.terms, source.note or ""])
    return table(["data set", "images", "labels", "terms", "note"], rows)
