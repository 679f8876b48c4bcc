"""Readers of face data sets: one file a set, all giving the same `FaceTable`.

`READERS` is the whole list; `read("utkface", folder)` looks a name up in it. A new reader is one
new file and one line here.
"""

import difflib
import importlib
import os

from kerasface.data.table import FaceTable

READERS = {
    "celeba": "kerasface.data.readers.celeba:read_celeba",
    "fairface": "kerasface.data.readers.fairface:read_fairface",
    "fer2013": "kerasface.data.readers.fer2013:read_fer2013",
    "utkface": "kerasface.data.readers.utkface:read_utkface",
}


def read(name: str, root: str | os.PathLike, **options) -> FaceTable:
    """Reads the data set `name` in `root` with its reader.

    Args:
        name: a key of `READERS`.
        root: folder (or file, for single-file sets) of the data.
        options: passed to the reader; see its docstring.

    Raises:
        ValueError: no reader of that name; the message lists the near names.
    """
    if name not in READERS:
        near = difflib.get_close_matches(name, READERS, n=3) or sorted(READERS)
        raise ValueError(f"no reader of that name; near: {', '.join(near)}. Received: name={name!r}")
    module, function = READERS[name].split(":")
    return getattr(importlib.import_module(module), function)(root, **options)
