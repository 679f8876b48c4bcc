"""From pictures to answers: finding faces, cutting them to the template, reading them."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "analyze": "analysis",
    "iterate_analyses": "analysis",
    "crop_face": "cropping",
    "Face": "detection",
    "MtcnnDetector": "detection",
    "find_faces": "detection",
    "as_picture": "pictures",
    "PublishedModel": "published_model",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
