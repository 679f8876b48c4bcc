"""Names of entries, their versions, and file names inside an entry."""

from __future__ import annotations

import re
from pathlib import Path

from kerasface.zoo.errors import ManifestError

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}")
# No leading dot, no separator of any system, no drive letter.
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
LONGEST = 64


def check_name(name: str) -> str:
    """The name itself, if it is one: small letters, digits, single "-" or "_" between.

    Raises:
        ManifestError: anything else.
    """
    if not isinstance(name, str) or len(name) > LONGEST or not NAME.fullmatch(name):
        raise ManifestError(
            "an entry's name is small letters and digits with single '-' or '_' between, "
            f"at most {LONGEST}. Received: {name!r}"
        )
    return name


def check_version(version: str) -> str:
    """The version itself, if it is three whole numbers with dots between ("1.0.0").

    Raises:
        ManifestError: anything else.
    """
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise ManifestError(f"a version is MAJOR.MINOR.PATCH. Received: {version!r}")
    return version


def version_key(version: str) -> tuple[int, ...]:
    """Sort key, so that 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def split_reference(reference: str) -> tuple[str, str | None]:
    """Takes "student@1.0.0" or "student" apart.

    Returns:
        Name and version, None where any version will do.

    Raises:
        ManifestError: neither form.

    Example:
        >>> split_reference("student@1.0.0")
        ('student', '1.0.0')
    """
    name, at, version = reference.partition("@")
    return check_name(name), check_version(version) if at else None


def check_relative(name: str) -> str:
    """A file's name inside an entry: at most three plain segments with "/" between.

    Raises:
        ManifestError: absolute, with "..", hidden, or with characters that some system reads
            as more than a name.
    """
    parts = name.split("/") if isinstance(name, str) else []
    plain = all(len(part) <= LONGEST and SEGMENT.fullmatch(part) for part in parts)
    if not 1 <= len(parts) <= 3 or not plain:
        raise ManifestError(
            f"a file of an entry is named by plain segments, 'figures/ages.png'. Received: {name!r}"
        )
    return name


def inside(folder: Path, relative: str) -> Path:
    """The path of an entry's file, no step of which is a symbolic link.

    Args:
        folder: the entry's folder.
        relative: the file's name inside it.

    Raises:
        ManifestError: the name is no plain one or leads through a link.
    """
    path = folder
    for part in check_relative(relative).split("/"):
        path = path / part
        if path.is_symlink():
            raise ManifestError(f"an entry's files must not be symbolic links. Received: {path}")
    return path
