"""The page of `kerasface demo`: a photo dropped in a browser, read on this machine.

`kerasface.apps.demo`, what `make demo` runs, is another thing: one photo on the terminal.
"""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "read_photo": "photo",
    "asked_for": "photo",
    "faces_html": "markup",
    "limits_html": "markup",
    "serve": "server",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
