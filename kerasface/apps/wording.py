"""A task's answer in a few words, for tables and pictures."""

from __future__ import annotations


def in_words(answer: dict) -> str:
    """An answer of `Task.decode` as short text.

    Args:
        answer: `{"label", "confidence", ...}` or `{"value", "unit", "low", "high"}`; others
            (points, embeddings) have no short form.

    Returns:
        "happy 93 %", "31 years (24 to 39)", or "" where there is no short form.

    Example:
        >>> in_words({"value": 31.2, "unit": "years", "low": 24.0, "high": 38.6})
        '31 years (24 to 39)'
    """
    if "label" in answer:
        confidence = answer.get("confidence")
        label = answer["label"] or "not sure"
        return f"{label} {confidence:.0%}".replace("%", " %") if confidence else label
    if "value" in answer:
        text = f"{answer['value']:.0f} {answer.get('unit', '')}".strip()
        if "low" in answer:
            text += f" ({answer['low']:.0f} to {answer['high']:.0f})"
        return text
    return ""


def notes_of(faces: list[dict]) -> list[str]:
    """The notes beside the answers of faces, each once, after the tasks that it belongs to.

    Args:
        faces: of one or more records of `analyze`.

    Example:
        >>> notes_of([{"answers": {"age": {"note": "a guess"}, "race": {"note": "a guess"}}}])
        ['age, race: a guess']
    """
    tasks: dict[str, dict[str, None]] = {}
    for face in faces:
        for name, answer in face["answers"].items():
            if "note" in answer:
                tasks.setdefault(answer["note"], {})[name] = None
    return [f"{', '.join(names)}: {note}" for note, names in tasks.items()]
