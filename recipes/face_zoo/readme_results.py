"""Writes the README's table of results from the manifests of the published entries.

    python -m recipes.face_zoo.readme_results            # rewrites the block in README.md
    python -m recipes.face_zoo.readme_results --check    # exit code 1 where it is stale

A row a measured number (task, data set, accuracy or error), a column an entry (its newest version).
Pictures as the sets give them; the cards also have the same numbers without colour, and more.
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
SHOWN = ("accuracy", "mean absolute error")
START, END = "<!-- results:start -->\n", "<!-- results:end -->"


def newest(zoo: Path) -> list[Manifest]:
    """The manifest of each entry's newest version, by name."""
    last = {name: folder for name, _, folder in entry_folders(zoo)}
    return [read_manifest(folder) for folder in last.values()]


def render(manifests: list[Manifest]) -> str:
    """The block between the marks, with its last line break."""
    if not manifests:
        return "No entry is published yet.\n"
    values: dict[tuple[str, str, str], dict[str, str]] = {}
    for manifest in manifests:
        for row in manifest.metrics:
            if not row.metric.startswith(SHOWN):
                continue
            value, interval = shown(row)
            where = (row.task, f"{row.dataset}, {row.split}, {row.n:,} faces", row.metric)
            # The same number on grey pictures follows in the manifest and stays in the card.
            values.setdefault(where, {}).setdefault(manifest.name, f"{value} ({interval})")
    names = [manifest.name for manifest in manifests]
    header = ["task", "data", "metric", *(manifest.reference for manifest in manifests)]
    rows = [(*where, *(cells.get(name, "") for name in names)) for where, cells in values.items()]
    sizes = []
    for manifest in manifests:
        card = f"zoo/{manifest.name}/{manifest.version}/README.md"
        megabytes = sum(file.bytes for file in manifest.files.values()) / 1e6
        sizes.append(
            f"[{manifest.reference}]({card}): {millions(manifest.parameters)} parameters, "
            f"{millions(manifest.operations)} multiply-accumulates a face, {megabytes:.1f} MB"
        )
    return table(header, rows) + "\n\n" + ".\n".join(sizes) + ".\n"


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
