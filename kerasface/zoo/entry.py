"""An entry's folder on this machine: what it must hold, and whether it still does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from kerasface.zoo.errors import IntegrityError, ManifestError
from kerasface.zoo.manifest import (
    CONFIG,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    WEIGHTS,
    FileFact,
    Manifest,
    parse,
)
from kerasface.zoo.names import inside

# What loading needs; figures are for readers.
NEEDED = (CONFIG, WEIGHTS)
CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """sha256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks the manifest of the entry in `folder`.

    Raises:
        ManifestError: it is missing, too large, a symbolic link, or breaks a rule.
    """
    path = inside(folder, MANIFEST)
    try:
        with open(path, "rb") as file:
            document = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror or error}") from None
    if len(document) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"{path} has more than {MAX_MANIFEST_BYTES} bytes")
    return parse(document, str(path))


def check_file(path: Path, fact: FileFact) -> None:
    """Compares a file with what its manifest says.

    Raises:
        IntegrityError: it is missing or another file; the message gives path and both hashes.
    """
    try:
        size = path.stat().st_size
        received = sha256_of(path) if size == fact.bytes else None
    except OSError as error:
        raise IntegrityError(f"{path}: {error.strerror or error}") from None
    if received is None:
        raise IntegrityError(f"{path} has {size} bytes, its manifest says {fact.bytes}")
    if received != fact.sha256:
        raise IntegrityError(f"{path} has sha256 {received}, its manifest says {fact.sha256}")


def read_checked(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of an entry's file, once they are known to be those the manifest names.

    What was hashed is what is returned: the file may change afterwards.

    Raises:
        IntegrityError: it is missing or another file.
        ManifestError: it is a symbolic link.
    """
    path, fact = inside(folder, name), manifest.files[name]
    try:
        with open(path, "rb") as file:
            content = file.read(fact.bytes + 1)
    except OSError as error:
        raise IntegrityError(f"{path}: {error.strerror or error}") from None
    if len(content) != fact.bytes:
        size = path.stat().st_size
        raise IntegrityError(f"{path} has {size} bytes, its manifest says {fact.bytes}")
    received = hashlib.sha256(content).hexdigest()
    if received != fact.sha256:
        raise IntegrityError(f"{path} has sha256 {received}, its manifest says {fact.sha256}")
    return content


def is_sound(path: Path, fact: FileFact) -> bool:
    """Whether the file is there and is the one the manifest names."""
    try:
        check_file(path, fact)
    except IntegrityError:
        return False
    return True


def check_files(folder: Path, manifest: Manifest, names: Iterable[str] | None = None) -> None:
    """Checks files of an entry against its manifest.

    Args:
        folder: the entry's folder.
        manifest: its manifest.
        names: which files, default all.

    Raises:
        IntegrityError: one is missing or another file.
        ManifestError: one is a symbolic link.
    """
    for name in manifest.files if names is None else names:
        check_file(inside(folder, name), manifest.files[name])
