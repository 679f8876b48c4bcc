"""Renders the figures that benchmarks wrote as one page.

    python -m benchmarks.report [--results benchmarks/results] [--out benchmarks/RESULTS.md]

Nothing on the page is typed: it is what the JSON files say, whichever are there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.result import RESULTS, cells, number, ratio_cells

PAGE = Path(__file__).parent / "RESULTS.md"
ORDER = (
    *("training_step", "balancing", "input_pipeline", "labelling", "triplet", "zoo_load"),
    *("one_face", "photo", "runtimes", "int8_layers", "memory", "serving", "scale"),
)
HEADER = """# Benchmark results

Rendered by `python -m benchmarks.report` from `benchmarks/results/`; what each benchmark measures
and how to run it again is in [README.md](README.md). Times are medians, and a ratio is the median
of those of the rounds.
"""
# Keys of a result that are not figures of its own.
_COMMON = ("benchmark", "smoke", "date", "machine", "settings", "rows", "facts", "ratios")


def main(arguments=None) -> None:
    """Writes the page."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--results", type=Path, default=RESULTS)
    made.add_argument("--out", type=Path, default=PAGE)
    options = made.parse_args(arguments)
    options.out.write_text(page(options.results), encoding="utf-8")
    print(f"written: {options.out.name}")


def page(folder: Path) -> str:
    """All results in a folder as Markdown, in a fixed order; one that is missing is left out."""
    known = {file.stem: file for file in sorted(folder.glob("*.json"))}
    names = [name for name in ORDER if name in known]
    names += [name for name in known if name not in ORDER]
    parts = [HEADER]
    parts += [section(name, json.loads(known[name].read_text("utf-8"))) for name in names]
    if not names:
        parts.append("No result yet.\n")
    return "\n".join(parts)


def section(name: str, result: dict) -> str:
    """One benchmark's figures as Markdown.

    A result that another program wrote may lack any key; its other keys are shown as they are.
    """
    lines = [f"## {name}", ""]
    if result.get("smoke"):
        lines += ["**A smoke run: these figures mean nothing.**", ""]
    if result.get("ratios"):
        heading = ("ratio", "value", "range of rounds", "aim", "met")
        lines += [*table(heading, map(ratio_cells, result["ratios"])), ""]
    if result.get("rows"):
        heading = ("", "median ms", "min ms", "ms a face", "faces/s", "samples")
        rows = [(row["name"], *cells(row)) for row in result["rows"]]
        lines += [*table(heading, rows), ""]
    others = {key: value for key, value in result.items() if key not in _COMMON}
    lines += figures({**result.get("facts", {}), **others})
    lines.append(_measured_on(result))
    return "\n".join(lines) + "\n"


def figures(facts: dict) -> list[str]:
    """Lines for single figures, for lists of records, and for a short list of numbers."""
    lines: list[str] = []
    single = {key: value for key, value in facts.items() if not isinstance(value, (list, dict))}
    if single:
        rows = [(key.replace("_", " "), number(value)) for key, value in single.items()]
        lines += [*table(("", "value"), rows), ""]
    for key, value in facts.items():
        if key in single or not value:
            continue
        title = key.replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{title}: {named(value)}", ""]
        elif all(isinstance(each, dict) for each in value):
            heading = list(dict.fromkeys(name for each in value for name in each))
            rows = [[number(each.get(name, "")) for name in heading] for each in value]
            lines += [f"{title}:", "", *table([h.replace("_", " ") for h in heading], rows), ""]
        else:
            lines += [f"{title}: {', '.join(number(each) for each in value)}", ""]
    return lines


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first column is text, the others stand to the right."""
    marks = ["---"] + ["---:"] * (len(heading) - 1)
    return [_line(heading), _line(marks), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def named(values: dict) -> str:
    """`name value, name value`, lists and dicts written flat."""
    return ", ".join(f"{key.replace('_', ' ')} {_flat(value)}" for key, value in values.items())


def _flat(value) -> str:
    if isinstance(value, dict):
        return "(" + named(value) + ")"
    if isinstance(value, list):
        return " ".join(number(each) for each in value)
    return str(value)


def _measured_on(result: dict) -> str:
    words = []
    if result.get("settings"):
        words.append(f"Settings: {named(result['settings'])}.")
    about = result.get("machine")
    if isinstance(about, dict):
        known = {key: value for key, value in about.items() if value not in (None, [], {})}
        words.append(f"Machine: {named(known)}.")
    if result.get("date"):
        words.append(f"Measured {result['date']}.")
    return "\n".join(words)


if __name__ == "__main__":
    main()
