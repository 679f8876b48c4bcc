"""Tables, counts and YAML as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; "|" in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def millions(count: int) -> str:
    """A count with a unit a reader can compare: "1.95 M"."""
    return f"{count / 1e6:.3g} M" if count >= 1e5 else f"{count:,}"


def yaml(value: Any, indent: str = "") -> str:
    """Plain dicts, lists, strings and numbers as YAML; strings quoted as in JSON."""
    lines = []
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in pairs:
        start = f"{indent}-" if key is None else f"{indent}{key}:"
        if not isinstance(item, (dict, list)):
            lines.append(f"{start} {json.dumps(item, ensure_ascii=False)}")
        elif not item:
            lines.append(f"{start} {'{}' if isinstance(item, dict) else '[]'}")
        elif key is None:
            inner = yaml(item, indent + "  ")
            lines.append(f"{start} {inner.lstrip()}")
        else:
            lines.append(f"{start}\n{yaml(item, indent + '  ')}")
    return "\n".join(lines)


def slug(name: str) -> str:
    """A data set's name as an identifier: "CelebA (faces)" becomes "celeba-faces"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"
