"""The card's section on calibrated confidence, and on what doubt costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasface.zoo.markdown import table

if TYPE_CHECKING:
    from kerasface.zoo.manifest import Manifest


def confidence_section(manifest: Manifest) -> list[str]:
    """Paragraphs and tables of the temperatures; none where the entry has none."""
    facts = manifest.temperatures or ()
    if not facts:
        return []
    rows = [
        [
            fact.task,
            f"{fact.temperature:.3f}",
            row.dataset,
            row.split,
            f"{100 * row.ece_before:.1f} %",
            f"{100 * row.ece_after:.1f} %",
            f"{row.nll_before:.3f}",
            f"{row.nll_after:.3f}",
            f"{row.n:,}",
        ]
        for fact in facts
        for row in fact.measures
    ]
    header = ["task", "temperature", "data set", "split", "ECE before", "ECE after"]
    header += ["NLL before", "NLL after", "faces"]
    parts = [
        "## Calibrated confidence",
        "Logits are divided by the task's temperature before the confidence is shown "
        "(`model.temperatures`; temperature scaling, Guo et al. 2017); the answer itself stays. "
        "Outputs of the network are not scaled. ECE is the expected calibration error, NLL the "
        "mean negative log-likelihood in nats, both on faces the temperature was not fitted on.",
        table(header, rows),
        "\n".join(
            f"- {fact.task}: fitted on {fact.fitted_on} ({fact.fitted:,} faces)." for fact in facts
        ),
    ]
    with_levels = [fact for fact in facts if fact.answered]
    if with_levels:
        levels = sorted({row.threshold for fact in with_levels for row in fact.answered})
        parts += [
            'With a threshold, answers under it are "not sure" and have no label. Share of faces '
            "answered, and the accuracy among them, on the same faces (each data set counting the "
            "same):",
            table(
                ["task", *(f"at {level:g}" for level in levels)],
                [[fact.task, *(_cell(fact, level) for level in levels)] for fact in with_levels],
            ),
        ]
    for fact in facts:
        if fact.figure is not None:
            caption = manifest.figures[fact.figure]
            parts.append(f"![{caption}]({fact.figure})\n\n{caption}")
    return parts


def _cell(fact, level: float) -> str:
    for row in fact.answered:
        if row.threshold == level:
            right = "none" if row.accuracy is None else f"{100 * row.accuracy:.1f} % right"
            return f"{100 * row.answered:.0f} %, {right}"
    return ""
