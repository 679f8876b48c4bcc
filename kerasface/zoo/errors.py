"""What can go wrong with an entry; every message is one line for a person."""

from __future__ import annotations


class ZooError(Exception):
    """Anything about entries that a person can act on; commands print it and exit with 2."""


class UnknownEntry(ZooError, LookupError):
    """No entry of that name or version; the message lists near ones."""


class UnknownExport(ZooError, LookupError):
    """The entry has no file for that runtime and precision; the message lists those it has."""


class ManifestError(ZooError, ValueError):
    """A manifest, index or name breaks the rules; the message names the field."""


class IntegrityError(ZooError, ValueError):
    """A file is not the one its manifest names; the message gives path and hashes."""


class ProbeError(IntegrityError):
    """The loaded network does not answer the stored probe as it did when published."""


class DownloadError(ZooError, OSError):
    """A file could not be fetched; the message gives URL and path."""


class OfflineError(DownloadError):
    """A file would have to be fetched, and `KERASFACE_OFFLINE` forbids it."""


class PublishError(ZooError, ValueError):
    """An entry may not be published as it is; the message says what is missing."""
