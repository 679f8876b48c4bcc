"""What a figure was measured on: cores, instruction sets, versions, and how busy it was."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import kerasface

PACKAGES = ("tensorflow", "keras", "numpy", "pillow")
# Instruction sets that decide how fast a convolution is; by the names Linux gives them.
SETS = ("fma", "avx", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
BUSY = 0.5  # load a core from which figures are not to be trusted


def facts() -> dict:
    """JSON-safe facts that hold no name of the machine, no user and no path."""
    return {
        "cores": cores(),
        "cpu": platform.machine(),
        "cpu_flags": cpu_flags(),
        "memory_gb": _memory_gb(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {"kerasface": kerasface.__version__, **_versions()},
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "load_before": load(),
    }


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """Processes that wanted a core in the last minute, or None where nothing tells."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def is_busy() -> bool:
    """Whether other work takes so much that figures are not to be trusted."""
    return (load() or 0.0) > BUSY * cores()


def cpu_flags() -> list[str]:
    """Those of `SETS` that the processor has; empty where Linux does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    words = next((line.split() for line in lines if line.startswith("flags")), [])
    return [name for name in SETS if name in words]


def _memory_gb() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / 2**30, 1)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # its module may come from another package
            continue
    return found
