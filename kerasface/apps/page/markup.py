"""Answers and limits as HTML; whatever comes from a model, a card or a file is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from kerasface.apps.wording import in_words, notes_of

RANGE = "A range in brackets holds the middle 80 % of what the network believes."
STYLE = """
.kf-face { border-top: 1px solid #9994; padding: .6em 0 }
.kf-bar { display: grid; grid-template-columns: 9em 1fr 4em; gap: .6em; align-items: center }
.kf-bar meter { width: 100%; height: 1.1em }
.kf-bar span:last-child { text-align: right }
.kf-error { border-left: .3em solid #c33; padding-left: .6em }
"""


def faces_html(record: dict[str, Any]) -> str:
    """The faces of a picture, or why there are none.

    Args:
        record: a picture's, as `PictureResult.to_dict` gives it.

    Returns:
        One section a face, from left to right: each answer in words, the probabilities of classes
        as bars, the likeliest first; then the notes that belong to them.
    """
    if "error" in record:
        return error_html(record["error"])
    if not record["faces"]:
        return "<p>No face found. Faces below about 20 pixels and profiles are often missed.</p>"
    faces = [_face(number, face) for number, face in enumerate(record["faces"], start=1)]
    ranged = any("low" in answer for face in record["faces"] for answer in face["answers"].values())
    lines = [*notes_of(record["faces"]), *([RANGE] if ranged else [])]
    notes = [f"<p><i>{escape(line)}</i></p>" for line in lines]
    return "".join([*faces, *notes])


def error_html(text: str) -> str:
    """A line that says what is wrong."""
    return f'<p class="kf-error" role="alert">{escape(text)}</p>'


def limits_html(manifest: Any) -> str:
    """What a card says that a model cannot do, what it learnt from, and on what terms.

    Args:
        manifest: of the model's entry, or None.
    """
    if manifest is None:
        return "<p>This model comes without a card: nothing is known of how well it answers.</p>"
    limits = _listed(manifest.limits)
    data = _listed(f"{source.name}: {source.terms}" for source in manifest.training_data)
    return (
        f"<p><b>{escape(manifest.reference)}</b>: {escape(manifest.description)}</p>{limits}"
        f"<p>It learnt from</p>{data}<p>Weights: {escape(manifest.licences.weights)}</p>"
    )


def _face(number: int, face: dict[str, Any]) -> str:
    parts = [_answer(name, answer) for name, answer in face["answers"].items()]
    found = "" if face["detected"] else " (not found: the whole picture was read)"
    return f'<section class="kf-face"><h3>Face {number}{found}</h3>{"".join(parts)}</section>'


def _answer(name: str, answer: dict[str, Any]) -> str:
    words = in_words(answer)
    if not words:
        return ""
    line = f"<p><b>{escape(name)}</b>: {escape(words)}</p>"
    ranked = sorted(answer.get("probabilities", {}).items(), key=lambda item: -item[1])
    return line + "".join(_bar(label, share) for label, share in ranked)


def _bar(label: str, share: float) -> str:
    percent = f"{share:.0%}".replace("%", " %")
    return (
        f'<div class="kf-bar"><span>{escape(label)}</span>'
        f'<meter min="0" max="1" value="{share:.4f}">{percent}</meter><span>{percent}</span></div>'
    )


def _listed(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
