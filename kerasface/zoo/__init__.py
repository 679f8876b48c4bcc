"""Published models: finding, fetching, checking, loading and publishing them.

Everything is imported when it is first asked for, so that `kerasface zoo` answers without Keras.
"""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "load": "loading",
    "publish": "publishing",
    "add_exports": "exporting",
    "catalogue": "locate",
    "Manifest": "manifest",
    "check_entry": "check",
    "check_model": "check",
    "count_operations": "operations",
    "render_card": "card",
    "ZooError": "errors",
    "UnknownEntry": "errors",
    "UnknownExport": "errors",
    "ManifestError": "errors",
    "IntegrityError": "errors",
    "ProbeError": "errors",
    "DownloadError": "errors",
    "OfflineError": "errors",
    "PublishError": "errors",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
