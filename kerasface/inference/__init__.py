"""From pictures to answers: finding faces, cutting them to the template, reading them."""

from __future__ import annotations

from importlib import import_module

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

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
