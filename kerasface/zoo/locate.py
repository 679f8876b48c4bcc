"""Where an entry is found, in order: `KERASFACE_ZOO`, the checkout, the package, cache, mirrors."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256 as hash_of
from pathlib import Path

from kerasface.zoo.address import below, check_folder_address
from kerasface.zoo.cache import Watch, entry_folder, fetch_address, fetch_entry, home
from kerasface.zoo.entry import NEEDED, check_files, read_manifest
from kerasface.zoo.errors import DownloadError, ManifestError, OfflineError, UnknownEntry
from kerasface.zoo.fetch import Patience, download
from kerasface.zoo.index import INDEX, MAX_INDEX_BYTES, Index, IndexRow, entry_folders, read_index
from kerasface.zoo.manifest import MANIFEST
from kerasface.zoo.names import split_reference, version_key

CHECKOUT = Path(__file__).parents[2] / "zoo"
PACKAGED = Path(__file__).parent / "entries"


@dataclass(frozen=True)
class Found:
    """An entry that one source has: `folder` on this disk, or `row` of an index."""

    name: str
    version: str
    source: str
    folder: Path | None = None
    row: IndexRow | None = None
    addresses: tuple[str, ...] = ()

    @property
    def is_here(self) -> bool:
        """Whether it needs no network."""
        return self.folder is not None or _cached(self.row)


def _cached(row: IndexRow) -> bool:
    return (entry_folder(row.name, row.version, row.manifest.sha256) / MANIFEST).is_file()


def _of_folder(root: Path, source: str) -> list[Found]:
    return [
        Found(name, version, source, folder=folder) for name, version, folder in entry_folders(root)
    ]


def _of_index(index: Index, source: str) -> list[Found]:
    return [
        Found(
            row.name,
            row.version,
            source,
            row=row,
            addresses=tuple(f"{mirror}/{row.name}/{row.version}" for mirror in index.mirrors),
        )
        for row in index.entries
    ]


def _of_address(url: str, patience: Patience | None) -> list[Found]:
    """The entries of a served zoo; its index is kept for when the server is out of reach."""
    folder = check_folder_address(url)
    kept = home() / "indexes" / f"{hash_of(folder.encode()).hexdigest()[:32]}.json"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        download(below(folder, INDEX), kept, limit=MAX_INDEX_BYTES, patience=patience)
    except (DownloadError, OSError) as error:
        if not kept.exists():
            raise error if isinstance(error, DownloadError) else DownloadError(str(error)) from None
        if not isinstance(error, OfflineError):
            warnings.warn(f"{error}; the index of an earlier time is used", stacklevel=2)
    index = read_index(kept)
    return _of_index(Index(index.schema, (folder,), index.entries), "KERASFACE_ZOO")


def sources(patience: Patience | None = None) -> list[list[Found]]:
    """What each source has, in the order in which they are asked.

    Raises:
        ManifestError: `KERASFACE_ZOO` names no folder, or an index breaks a rule.
        DownloadError: `KERASFACE_ZOO` is an address whose index was never fetched and is not
            to be had.
    """
    found = []
    given = os.environ.get("KERASFACE_ZOO", "")
    if "://" in given:
        found.append(_of_address(given, patience))
    elif given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise ManifestError(f"KERASFACE_ZOO is neither a folder nor an address: {given!r}")
        found.append(_of_folder(folder, "KERASFACE_ZOO"))
    indexes = []
    for root, name in ((CHECKOUT, "checkout"), (PACKAGED, "package")):
        # Beside an installed package, a folder "zoo" without our index is somebody else's.
        if (root / INDEX).is_file():
            found.append(_of_folder(root, name))
            indexes.append(root / INDEX)
    if indexes:
        found.append(_of_index(read_index(indexes[0]), "mirrors"))
    return found


def catalogue(patience: Patience | None = None) -> list[Found]:
    """Every entry that can be loaded by name, once, from the first source that has it."""
    first: dict[tuple[str, str], Found] = {}
    for source in sources(patience):
        for each in source:
            first.setdefault((each.name, each.version), each)
    return sorted(first.values(), key=lambda each: (each.name, version_key(each.version)))


def find(reference: str, patience: Patience | None = None) -> Found:
    """The entry of that name: of the first source that has it, its newest version.

    Args:
        reference: "student" or "student@1.0.0".
        patience: for an index that has to be fetched.

    Raises:
        UnknownEntry: no source has it; near names, or the versions there are, are listed.
        ManifestError: it is no name.
    """
    name, version = split_reference(reference)
    known: dict[str, set[str]] = {}
    for source in sources(patience):
        for each in source:
            known.setdefault(each.name, set()).add(each.version)
        fitting = [each for each in source if each.name == name and version in (None, each.version)]
        if fitting:
            return max(fitting, key=lambda each: version_key(each.version))
    if name in known:
        versions = ", ".join(sorted(known[name], key=version_key))
        raise UnknownEntry(f"'{name}' has the versions {versions}. Received: {reference!r}")
    near = get_close_matches(name, known, cutoff=0.5) or sorted(known)
    raise UnknownEntry(
        f"no entry of that name; there {'is' if len(near) == 1 else 'are'} "
        f"{', '.join(near) or 'none at all'}. Received: {reference!r}"
    )


def locate(
    source: str | os.PathLike,
    *,
    sha256: str | None = None,
    files: Iterable[str] | None = NEEDED,
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Path:
    """The folder of an entry on this machine, its files checked, fetched where needed.

    Args:
        source: a name ("student", "student@1.0.0"), a folder (a path object, or text with
            "/" in it) or an https address of an entry's folder.
        sha256: of the manifest, checked where it is given.
        files: which files to check and fetch, None for all.
        patience: time limits and retries of downloads.
        watch: called with file name, bytes so far and bytes in all.

    Returns:
        The folder with `manifest.json` and those files.

    Raises:
        ZooError: of the kind that fits; always one line.
    """
    files = None if files is None else tuple(files)
    if isinstance(source, str) and "://" in source:
        return fetch_address(source, sha256, files, patience, watch)
    if isinstance(source, os.PathLike) or "/" in source or os.sep in source:
        folder = Path(source).expanduser()
        _check_manifest_digest(folder, sha256)
    else:
        found = find(source, patience)
        if found.row is not None:
            if sha256 not in (None, found.row.manifest.sha256):
                raise _other_manifest(source, found.row.manifest.sha256, sha256)
            where = (found.name, found.version, found.row.manifest)
            return fetch_entry(found.addresses, *where, files, patience, watch)
        folder = found.folder
        _check_manifest_digest(folder, sha256)
    check_files(folder, read_manifest(folder), files)
    return folder


def _check_manifest_digest(folder: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    try:
        received = hash_of((folder / MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise ManifestError(f"{folder / MANIFEST}: {error.strerror or error}") from None
    if received != sha256:
        raise _other_manifest(folder, received, sha256)


def _other_manifest(source, received: str, wanted: str) -> ManifestError:
    return ManifestError(f"{source}: the manifest has sha256 {received}, it should be {wanted}")
