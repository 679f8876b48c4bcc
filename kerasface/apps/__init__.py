"""What people run: the command line, the demo, pictures with answers drawn in."""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "annotate": "annotation",
    "in_words": "wording",
    "notes_of": "wording",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
