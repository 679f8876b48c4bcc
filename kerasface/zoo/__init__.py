"""Published models: finding, fetching, checking, loading and publishing them.

Everything is imported when it is first asked for, so that `kerasface zoo` answers without Keras.
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "load": "loading",
    "publish": "publishing",
    "catalogue": "locate",
    "Manifest": "manifest",
    "check_entry": "check",
    "check_model": "check",
    "count_operations": "operations",
    "render_card": "card",
    "ZooError": "errors",
    "UnknownEntry": "errors",
    "ManifestError": "errors",
    "IntegrityError": "errors",
    "ProbeError": "errors",
    "DownloadError": "errors",
    "OfflineError": "errors",
    "PublishError": "errors",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
