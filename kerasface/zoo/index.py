"""The list of all published entries, `index.json`, and the page `README.md` beside it.

`python -m kerasface.zoo.index [FOLDER] [--check]` renders both from the manifests, or says
that they are stale. Mirrors, addresses under which the folder is served, are in `mirrors.json`.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kerasface.zoo.address import check_folder_address
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.errors import ManifestError, ZooError
from kerasface.zoo.fetch import part_of
from kerasface.zoo.manifest import MANIFEST, FileFact, Manifest
from kerasface.zoo.names import NAME, VERSION, check_name, check_version, version_key
from kerasface.zoo.page import render_page
from kerasface.zoo.schema import (
    choice,
    dump_json,
    fact,
    listing,
    read_json,
    record,
    text,
    whole,
)

SCHEMA = "kerasface-index/1"
INDEX, PAGE, MIRRORS = "index.json", "README.md", "mirrors.json"
MAX_INDEX_BYTES = 2_000_000


@dataclass(frozen=True)
class IndexRow:
    """What a list shows of an entry, and the sha256 of its manifest, which vouches for the rest."""

    name: str = fact(lambda value, where: check_name(value))
    version: str = fact(lambda value, where: check_version(value))
    description: str = fact(text())
    parameters: int = fact(whole(1, 10**11))
    operations: int = fact(whole(1, 10**15))
    bytes: int = fact(whole(1, 10**11))
    tasks: tuple[str, ...] = fact(listing(text(64), 1))
    licence: str = fact(text())
    manifest: FileFact = fact(record(FileFact))

    @classmethod
    def of(cls, manifest: Manifest, document: bytes) -> IndexRow:
        """The row of an entry, from its manifest and the bytes of its manifest's file."""
        return cls(
            name=manifest.name,
            version=manifest.version,
            description=manifest.description,
            parameters=manifest.parameters,
            operations=manifest.operations,
            bytes=sum(file.bytes for file in manifest.files.values()),
            tasks=tuple(task.name for task in manifest.tasks),
            licence=manifest.licences.weights,
            manifest=FileFact(sha256(document).hexdigest(), len(document)),
        )


@dataclass(frozen=True)
class Index:
    """All entries, by name and version, and the addresses that serve them."""

    schema: str = fact(choice(SCHEMA))
    mirrors: tuple[str, ...] = fact(listing(lambda value, where: _address(value, where)))
    entries: tuple[IndexRow, ...] = fact(listing(record(IndexRow)))


def _address(value, where):
    try:
        return check_folder_address(text(300)(value, where))
    except ZooError as error:
        raise ManifestError(f"{where}: {error}") from None


def read_index(path: Path) -> Index:
    """Reads and checks an index file.

    Raises:
        ManifestError: it is missing, too large, or breaks a rule.
    """
    try:
        with open(path, "rb") as file:
            document = file.read(MAX_INDEX_BYTES + 1)
        if len(document) > MAX_INDEX_BYTES:
            raise ManifestError(f"has more than {MAX_INDEX_BYTES} bytes")
        return record(Index)(read_json(document, INDEX), "")
    except (OSError, ManifestError) as error:
        raise ManifestError(f"{path}: {error}") from None


def entry_folders(root: Path) -> list[tuple[str, str, Path]]:
    """Name, version and folder of the entries below `root`, by name, oldest version first.

    Links are passed over, and so is what has no name, no version or no manifest.
    """
    found = []
    for place in sorted(root.iterdir()) if root.is_dir() else ():
        if place.is_symlink() or not NAME.fullmatch(place.name) or not place.is_dir():
            continue
        versions = [
            each
            for each in place.iterdir()
            if VERSION.fullmatch(each.name)
            and not each.is_symlink()
            and (each / MANIFEST).is_file()
        ]
        versions.sort(key=lambda each: version_key(each.name))
        found += [(place.name, each.name, each) for each in versions]
    return found


def render(root: Path) -> dict[str, bytes]:
    """The index and its page, from the manifests below `root` and its `mirrors.json`.

    Returns:
        Bytes by file name.

    Raises:
        ManifestError: a manifest breaks a rule or lies in the wrong folder.
    """
    rows, manifests = [], []
    for name, version, folder in entry_folders(root):
        manifest = read_manifest(folder)
        if (manifest.name, manifest.version) != (name, version):
            raise ManifestError(f"{folder} holds the manifest of {manifest.reference}")
        rows.append(IndexRow.of(manifest, (folder / MANIFEST).read_bytes()))
        manifests.append(manifest)
    path = root / MIRRORS
    mirrors = read_json(path.read_bytes(), str(path)) if path.exists() else []
    index = record(Index)({"schema": SCHEMA, "mirrors": mirrors, "entries": rows}, "")
    return {INDEX: dump_json(index), PAGE: render_page(manifests).encode("utf-8")}


def stale(root: Path) -> list[str]:
    """Names of the files that are not what `render` gives."""
    return [
        name
        for name, document in render(root).items()
        if not (root / name).exists() or (root / name).read_bytes() != document
    ]


def refresh(root: Path) -> None:
    """Writes the index and its page again."""
    for name, document in render(root).items():
        part = part_of(root / name)
        part.write_bytes(document)
        os.replace(part, root / name)


def main(arguments: list[str] | None = None) -> int:
    """Renders or checks; 0 well, 1 stale, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m kerasface.zoo.index", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("zoo"))
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    options = parser.parse_args(arguments)
    try:
        if not options.folder.is_dir():
            raise ManifestError(f"no folder. Received: {options.folder}")
        if not options.check:
            refresh(options.folder)
            return 0
        old = stale(options.folder)
    except ZooError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name in old:
        print(f"{options.folder / name} is stale: run python -m kerasface.zoo.index")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
