"""Writes the README's table of results from the manifests of the published entries.

    python -m recipes.face_zoo.readme_results            # rewrites the block in README.md
    python -m recipes.face_zoo.readme_results --check    # exit code 1 where it is stale

A row a measured number (task, data set, accuracy or error), a column an entry (its newest version);
entries with no number in common stand in tables of their own. Pictures as the sets give them; the
cards also have the same numbers without colour, and more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kerasface.zoo.card import shown
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.index import entry_folders
from kerasface.zoo.manifest import Manifest
from kerasface.zoo.markdown import millions, table

ROOT = Path(__file__).parents[2]
SHOWN = ("accuracy", "mean absolute error", "mean error of the points")
START, END = "<!-- results:start -->\n", "<!-- results:end -->"


def newest(zoo: Path) -> list[Manifest]:
    """The manifest of each entry's newest version, by name."""
    last = {name: folder for name, _, folder in entry_folders(zoo)}
    return [read_manifest(folder) for folder in last.values()]


def render(manifests: list[Manifest]) -> str:
    """The block between the marks, with its last line break."""
    if not manifests:
        return "No entry is published yet.\n"
    numbers = {manifest.reference: _numbers(manifest) for manifest in manifests}
    groups: list[list[str]] = []
    for name, own in numbers.items():
        alike = [group for group in groups if any(own.keys() & numbers[each] for each in group)]
        merged = [*(each for group in alike for each in group), name]
        groups = [*(group for group in groups if group not in alike), merged]
    tables = []
    for group in groups:
        rows = dict.fromkeys(where for name in group for where in numbers[name])
        cells = [(*where, *(numbers[name].get(where, "") for name in group)) for where in rows]
        tables.append((len(rows), table(["task", "data", "metric", *group], cells)))
    tables = [each for _, each in sorted(tables, key=lambda pair: -pair[0])]
    sizes = []
    for manifest in manifests:
        card = f"zoo/{manifest.name}/{manifest.version}/README.md"
        megabytes = sum(file.bytes for file in manifest.files.values()) / 1e6
        sizes.append(
            f"[{manifest.reference}]({card}): {millions(manifest.parameters)} parameters, "
            f"{millions(manifest.operations)} multiply-accumulates a face, {megabytes:.1f} MB"
        )
    return "\n\n".join([*tables, ".\n".join(sizes)]) + ".\n"


def _numbers(manifest: Manifest) -> dict[tuple[str, str, str], str]:
    """By task, data and metric, what is shown of an entry."""
    found: dict[tuple[str, str, str], str] = {}
    for row in manifest.metrics:
        if row.metric.startswith(SHOWN):
            value, interval = shown(row)
            # LFW's lists of pairs are named so.
            counted = "pairs" if row.split.startswith("pairs") else "faces"
            where = (row.task, f"{row.dataset}, {row.split}, {row.n:,} {counted}", row.metric)
            # The same number on grey pictures follows in the manifest and stays in the card.
            found.setdefault(where, f"{value} ({interval})")
    return found


def filled(readme: str, block: str) -> str:
    """The README's text with the block between the marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"README.md must hold {START.strip()} and {END}")
    return before + start + block + end + after


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say if it is stale")
    options = parser.parse_args(arguments)
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = filled(old, render(newest(ROOT / "zoo")))
    if options.check:
        if new != old:
            print("README.md is stale: run python -m recipes.face_zoo.readme_results")
        return int(new != old)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
