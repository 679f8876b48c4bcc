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

__all__ = ["__version__", *_PARTS]  # noqa: PLE0604 - names of sub-packages, imported when asked for


def __getattr__(name: str):
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
