"""Training on partial labels and from teachers (TensorFlow where a part says so)."""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "Distiller": "distiller",
    "FusedBatchNormalization": "fused_normalization",
    "RunState": "run_state",
    "TensorBoardReport": "tensorboard",
    "ValidationRound": "validation",
    "cache_teacher": "teacher_outputs",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
