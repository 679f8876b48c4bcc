"""Entries fetched from the network, kept under `KERASFACE_HOME`.

An entry lies under the sha256 of its manifest, `entries/<name>/<version>/<first 16 digits>/`, so
what one server calls "student" never stands in for another's. Files are checked each time
they are asked for; one that is missing or spoilt is fetched again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256 as hash_of
from pathlib import Path

from kerasface.zoo.address import below, check_folder_address
from kerasface.zoo.entry import NEEDED, is_sound, read_manifest
from kerasface.zoo.errors import DownloadError, ManifestError, OfflineError, ZooError
from kerasface.zoo.fetch import PART, Patience, download, need_client, part_of
from kerasface.zoo.manifest import MANIFEST, MAX_MANIFEST_BYTES, FileFact, Manifest
from kerasface.zoo.names import check_name, check_relative, check_version, inside
from kerasface.zoo.schema import dump_json, read_json, record

SHOWN_DIGITS = 16
LOCK_SECONDS = 1800
Watch = Callable[[str, int, int], None]


def home() -> Path:
    """The cache's folder: `KERASFACE_HOME`, else `~/.cache/kerasface`."""
    return Path(os.environ.get("KERASFACE_HOME") or "~/.cache/kerasface").expanduser()


def entry_folder(name: str, version: str, sha256: str) -> Path:
    """Where an entry with that manifest lies, fetched or not."""
    place = home() / "entries" / check_name(name) / check_version(version)
    return place / sha256[:SHOWN_DIGITS]


@contextmanager
def _locked(key: str):
    """One process at a time; the system frees the lock of a process that dies."""
    need_client()
    from filelock import FileLock, Timeout

    path = home() / "locks" / f"{key}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise DownloadError(f"another process has held {path} for {LOCK_SECONDS} s") from None
    except ZooError:
        raise
    except OSError as error:
        raise DownloadError(f"the cache cannot be written: {error}") from None


def _first_of(folders: Sequence[str], name: str, target: Path, **wanted) -> None:
    """Fetches a file from the first address that has it."""
    failures = []
    for folder in folders:
        try:
            download(below(folder, name), target, **wanted)
            return
        except ZooError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    reasons = "; ".join(map(str, failures)) or "no address is known to have it"
    offline = failures and all(isinstance(error, OfflineError) for error in failures)
    raise (OfflineError if offline else DownloadError)(f"{target}: {reasons}")


def fetch_entry(
    folders: Sequence[str],
    name: str,
    version: str,
    manifest_fact: FileFact,
    files: Iterable[str] | None = NEEDED,
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Path:
    """Brings an entry into the cache, or finds it there whole.

    Args:
        folders: addresses of the entry's folder, in the order they are tried.
        name: the entry's name.
        version: its version.
        manifest_fact: size and sha256 of its manifest, from an index.
        files: which files, None for all of them.
        patience: time limits and retries.
        watch: called with file name, bytes so far and bytes in all.

    Returns:
        The entry's folder in the cache, with the manifest and those files checked.

    Raises:
        DownloadError: a file could not be fetched (OfflineError: was not to be).
        IntegrityError: no address gives the file that the index or manifest names.
    """
    folder = entry_folder(name, version, manifest_fact.sha256)
    wanted = _missing(folder, manifest_fact, files)
    if not wanted:
        return folder
    # Only now, so that a cache that is whole may lie on a disk that cannot be written.
    with _locked(f"{name}-{version}-{manifest_fact.sha256[:SHOWN_DIGITS]}"):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.rglob(f".*{PART}"):
            with suppress(OSError):
                left.unlink()
        while wanted := _missing(folder, manifest_fact, files):
            for item, fact in wanted.items():
                _unlink_links(folder, item)
                target = inside(folder, item)
                target.parent.mkdir(parents=True, exist_ok=True)
                _first_of(
                    folders,
                    item,
                    target,
                    limit=fact.bytes,
                    size=fact.bytes,
                    sha256=fact.sha256,
                    patience=patience,
                    progress=watch and _watching(watch, item, fact.bytes),
                )
    found = read_manifest(folder)
    if (found.name, found.version) != (name, version):
        raise ManifestError(f"{folder / MANIFEST} is of {found.reference}, not {name}@{version}")
    return folder


def _watching(watch: Watch, name: str, total: int):
    return lambda count: watch(name, count, total)


def _missing(folder: Path, manifest_fact: FileFact, files) -> dict[str, FileFact]:
    """What has to be fetched next: the manifest, or else what it names."""
    if not _is_there(folder, MANIFEST, manifest_fact):
        return {MANIFEST: manifest_fact}
    facts = read_manifest(folder).files
    names = facts if files is None else [name for name in files if name in facts]
    return {name: facts[name] for name in names if not _is_there(folder, name, facts[name])}


def _is_there(folder: Path, name: str, fact: FileFact) -> bool:
    return not _links(folder, name) and is_sound(inside(folder, name), fact)


def _links(folder: Path, name: str) -> list[Path]:
    """The symbolic links on the way to an entry's file, the outermost first."""
    path = folder / check_relative(name)
    steps = [path, *path.parents][: name.count("/") + 1]
    return [step for step in reversed(steps) if step.is_symlink()]


def _unlink_links(folder: Path, name: str) -> None:
    """Clears the way to a file: nothing is ever written through a link to elsewhere."""
    while links := _links(folder, name):
        links[0].unlink()


def fetch_address(
    url: str,
    sha256: str | None = None,
    files: Iterable[str] | None = NEEDED,
    patience: Patience | None = None,
    watch: Watch | None = None,
) -> Path:
    """Brings the entry of a folder's address into the cache, or finds it there.

    A published version never changes, so what was fetched from an address once is used
    without asking again.

    Args:
        url: address of the entry's folder.
        sha256: of its manifest, where the caller knows it; otherwise the server is believed.
        files: which files, None for all of them.
        patience: time limits and retries.
        watch: called with file name, bytes so far and bytes in all.

    Returns:
        The entry's folder in the cache.

    Raises:
        DownloadError: as `fetch_entry`.
        IntegrityError: as `fetch_entry`.
        ManifestError: the manifest breaks a rule.
    """
    folder = check_folder_address(url)
    note = home() / "addresses" / f"{hash_of(folder.encode()).hexdigest()[:32]}.json"
    known = _read_note(note, sha256)
    if known is None:
        manifest, fact = _fetch_manifest(folder, sha256, patience)
        known = {"url": folder, "name": manifest.name, "version": manifest.version}
        known |= {"sha256": fact.sha256, "bytes": fact.bytes}
    fact = FileFact(known["sha256"], known["bytes"])
    found = fetch_entry([folder], known["name"], known["version"], fact, files, patience, watch)
    _write_note(note, known)
    return found


def _fetch_manifest(folder, sha256, patience) -> tuple[Manifest, FileFact]:
    """The manifest behind an address, read in a folder of its own and then thrown away."""
    with tempfile.TemporaryDirectory(prefix="kerasface-") as scratch:
        target = Path(scratch) / MANIFEST
        received = download(
            below(folder, MANIFEST),
            target,
            limit=MAX_MANIFEST_BYTES,
            sha256=sha256,
            patience=patience,
        )
        fact = FileFact(received, target.stat().st_size)
        try:
            return read_manifest(target.parent), fact
        except ManifestError as error:
            plain = str(error).replace(str(target), below(folder, MANIFEST))
            raise ManifestError(plain) from None


def _read_note(note: Path, sha256: str | None) -> dict | None:
    """Which entry an address had; None where that is unknown, spoilt or another one."""
    try:
        known = read_json(note.read_bytes(), str(note))
        record(FileFact)({"sha256": known["sha256"], "bytes": known["bytes"]}, str(note))
        entry_folder(known["name"], known["version"], known["sha256"])
    except (OSError, ManifestError, KeyError, TypeError):
        return None
    return known if sha256 in (None, known["sha256"]) else None


def _write_note(note: Path, known: dict) -> None:
    document = dump_json(known)
    with suppress(OSError):
        if note.exists() and note.read_bytes() == document:
            return
        note.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(note)
        part.write_bytes(document)
        os.replace(part, note)
