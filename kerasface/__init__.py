"""kerasface: a Keras 3 model zoo for faces, from reading partly labelled data to published models.

`import kerasface` costs nothing: Keras and TensorFlow are imported by the part that needs them.
"""

from importlib import import_module

__version__ = "0.1.0"

_PARTS = (
    "apps",
    "data",
    "evaluation",
    "inference",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "tasks",
    "training",
    "zoo",
)

# What most programs need, imported when it is asked for.
_HOME = {"FaceAnalyzer": "apps"}

__all__ = ["__version__", *_HOME, *_PARTS]  # noqa: PLE0604 - sub-packages, imported when asked for


def __getattr__(name: str):
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PARTS})
