"""What people and programs call: the analyzer, the command line, the demo, drawn answers."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "FaceAnalyzer": "face_analyzer",
    "annotate": "annotation",
    "in_words": "wording",
    "notes_of": "wording",
    "Transferred": "transferring",
    "transfer": "transferring",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
