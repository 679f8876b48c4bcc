"""The benchmark of long service at toy size, and that it sees a leak and another answer."""

import importlib
import json
import mmap
from importlib.util import find_spec

import pytest

from benchmarks import serving
from kerasface.inference.runtimes import RUNTIMES

MISSING = [r.package for r in RUNTIMES.values() if find_spec(r.package) is None]


class Fickle:
    """Keeps what it reads, and never answers alike."""

    def __init__(self):
        self.kept, self.calls = [], 0

    def analyze(self, pictures):
        self.calls += 1
        # Pages of its own: a long-lived process may have a megabyte lying about to take from.
        page = mmap.mmap(-1, 1_000_000)
        page.write(b"x" * 1_000_000)
        self.kept.append(page)
        return [{"faces": [self.calls]} for _ in pictures]


def test_a_leak_and_other_answers_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr("kerasface.zoo.load", lambda *a, **k: Fickle())
    found = serving.served(tmp_path, "keras", faces=90, smoke=True)
    # Lists of one to five: 30 calls of a megabyte, some three to a call; six lists, all other.
    assert found["growth_mb"] > 15
    assert found["other"] > 6


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED: {MISSING} are not installed")
def test_smoke(tmp_path):
    importlib.import_module("benchmarks.serving").main(["--smoke", "--results", str(tmp_path)])
    result = json.loads((tmp_path / "serving.json").read_text())
    assert result["ratios"][0]["aim"] == "< 1.00"
    others = result["ratios"][1:]
    assert len(others) == 4 and all(each["value"] == 0 and each["met"] for each in others)
    assert {"growth_mb, keras", "growth_mb, litert-int8"} <= set(result["facts"])
