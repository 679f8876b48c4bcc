"""Readers of face data sets: one file a set, all giving the same `FaceTable`.

`READERS` is the whole list; `read("utkface", folder)` looks a name up in it. A new reader is one
new file and one line here.
"""

import difflib
import importlib
import os

from kerasface.data.table import FaceTable

READERS = {
    "adience": "kerasface.data.readers.adience:read_adience",
    "affectnet": "kerasface.data.readers.affectnet:read_affectnet",
    "celeba": "kerasface.data.readers.celeba:read_celeba",
    "celeba_original": "kerasface.data.readers.celeba_original:read_celeba_original",
    "ck48": "kerasface.data.readers.ck48:read_ck48",
    "class_folder": "kerasface.data.readers.class_folder:read_class_folder",
    "csv": "kerasface.data.readers.csv_file:read_csv",
    "fairface": "kerasface.data.readers.fairface:read_fairface",
    "fer2013": "kerasface.data.readers.fer2013:read_fer2013",
    "fer2013_csv": "kerasface.data.readers.fer2013_csv:read_fer2013_csv",
    "fgnet": "kerasface.data.readers.fgnet:read_fgnet",
    "lfw": "kerasface.data.readers.lfw:read_lfw",
    "morph2": "kerasface.data.readers.morph2:read_morph2",
    "mtfl": "kerasface.data.readers.mtfl:read_mtfl",
    "oulu_casia": "kerasface.data.readers.oulu_casia:read_oulu_casia",
    "people": "kerasface.data.readers.people:read_people",
    "rafdb": "kerasface.data.readers.rafdb:read_rafdb",
    "sfew": "kerasface.data.readers.sfew:read_sfew",
    "utkface": "kerasface.data.readers.utkface:read_utkface",
    "w300": "kerasface.data.readers.w300:read_w300",
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
        raise ValueError(
            f"no reader of that name; near are: {', '.join(near)}. Received: name={name!r}"
        )
    module, function = READERS[name].split(":")
    return getattr(importlib.import_module(module), function)(root, **options)
