"""What every benchmark does with its figures: print tables and one ratio, and write JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
# Figures of a smoke run mean nothing, so they never stand where real ones do.
SMOKE_RESULTS = ROOT / "runs" / "benchmarks-smoke"


def parser(description: str) -> argparse.ArgumentParser:
    """A parser with what all benchmarks take: `--smoke` and `--results`."""
    made = argparse.ArgumentParser(description=description.partition("\n")[0])
    made.add_argument("--smoke", action="store_true", help="seconds, tiny; figures mean nothing")
    made.add_argument("--results", type=Path, help="folder of the JSON, default benchmarks/results")
    return made


def warn_if_busy(smoke: bool) -> None:
    """Says so before a long measurement that other work would spoil."""
    if not smoke and machine.is_busy():
        print(
            f"warning: load {machine.load()} on {machine.cores()} cores; other work is running "
            "and figures will be too high",
            flush=True,
        )


def finish(
    name: str,
    options: argparse.Namespace,
    settings: dict,
    ratios: Sequence[dict],
    rows: Sequence[dict] = (),
    facts: dict | None = None,
    load_before: float | None = None,
) -> Path:
    """Prints the figures and writes `<name>.json`.

    Args:
        name: of the benchmark, as its module.
        options: what `parser` gave.
        settings: JSON-safe: sizes and counts that somebody needs to measure it again.
        ratios: of `timing.ratio` or `timing.stated`; the first is the one with the aim.
        rows: of `timing.row`.
        facts: JSON-safe figures that are neither.
        load_before: the machine's load when measuring began, where that is long ago.

    Returns:
        The file.
    """
    about = machine.facts()
    if load_before is not None:
        about["load_before"] = load_before
    figures = {
        "benchmark": name,
        "smoke": bool(options.smoke),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": about,
        "settings": settings,
        "rows": list(rows),
        "facts": facts or {},
        "ratios": list(ratios),
    }
    result = rounded(figures)  # once, that print and file round the same number
    folder = options.results or (SMOKE_RESULTS if options.smoke else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    print(f"written: {file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")
    return file


def show(result: dict) -> None:
    """Prints tables, and last the line `ratio: x.xx (aim <= y)`."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if result["rows"]:
        table = Table("", title=result["benchmark"])
        for heading in ("median ms", "min ms", "ms a face", "faces/s", "samples"):
            table.add_column(heading, justify="right")
        for row in result["rows"]:
            table.add_row(row["name"], *cells(row))
        console.print(table)
    if result["facts"]:
        table = Table("", title=result["benchmark"], show_header=False)
        for key, value in result["facts"].items():
            if not isinstance(value, (list, dict)):
                table.add_row(key.replace("_", " "), number(value))
        console.print(table)
    table = Table("ratio", "value", "range of rounds", "aim", "met")
    for each in result["ratios"]:
        table.add_row(*ratio_cells(each))
    console.print(table)
    first = result["ratios"][0]
    aim = f"(aim {first['aim']})" if first["aim"] else "(no aim)"
    print(f"ratio: {first['value']:.2f} {aim}  {first['name']}")


def cells(row: dict) -> tuple[str, ...]:
    """The figures of a row as text: median, least, a face, faces a second, samples."""
    return (
        f"{row['median_ms']:,.2f}",
        f"{row['min_ms']:,.2f}",
        f"{row['ms_a_face']:,.3f}",
        f"{row['faces_per_second']:,.0f}",
        str(row["samples"]),
    )


def ratio_cells(each: dict) -> tuple[str, ...]:
    """Name, value, range, aim and whether it is met, as text."""
    spread = f"{each['low']:.2f} to {each['high']:.2f}" if "low" in each else ""
    met = {True: "yes", False: "no", None: ""}[each.get("met")]
    return each["name"], f"{each['value']:.2f}", spread, each.get("aim") or "", met


def number(value) -> str:
    """A figure as people read it."""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def rounded(value):
    """The same JSON with floats of five digits: more of them say nothing."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return value
