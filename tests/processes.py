"""Processes that tests start: a module of theirs, its last line, a port that is free."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 900  # seconds until a process of a busy machine counts as hung


def begin(module: str, *words, **environment: str) -> subprocess.Popen:
    """`python -m MODULE WORDS...` from the root, with both of its streams kept."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_jax(module: str, *words):
    """The answer of a module on the JAX backend; the test is skipped where there is no JAX."""
    pytest.importorskip("jax", reason="NOT TESTED: jax is not installed")
    return printed(begin(module, *words, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu"))


def on_tensorflow(module: str, *words):
    """The answer of a module on TensorFlow, which begins anew, so devices can still be made."""
    return printed(begin(module, *words, KERAS_BACKEND="tensorflow"))


def printed(process: subprocess.Popen):
    """Of a process that must succeed, the last line, which is JSON."""
    said, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(said.splitlines()[-1])


def free_port() -> int:
    """On loopback; somebody else may take it before it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
