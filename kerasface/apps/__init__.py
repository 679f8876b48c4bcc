"""What people run: the command line, the demo, pictures with answers drawn in."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "annotate": "annotation",
    "in_words": "wording",
    "notes_of": "wording",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
