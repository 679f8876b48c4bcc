"""The benchmark of runtimes at toy size: every contender, file and aim is in what it writes."""

import importlib
import json
from importlib.util import find_spec

import pytest

from benchmarks import report
from kerasface.inference.runtimes import RUNTIMES

MISSING = [r.package for r in RUNTIMES.values() if find_spec(r.package) is None]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED: {MISSING} are not installed")
def test_smoke(tmp_path, capsys):
    module = importlib.import_module("benchmarks.runtimes")
    module.main(["--smoke", "--peers", "--results", str(tmp_path)])
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "runtimes.json").read_text())
    assert result["smoke"] is True and result["settings"]["network"].startswith("tiny")
    names = {row["name"] for row in result["rows"]}
    for contender in ("keras", *module.SMOKE_EXPORTS):
        for batch in (1, 4):
            assert f"{contender.replace('-', ' ')}, batch {batch}, 1 thread" in names
    assert "predict, 1 thread" in names
    for peer in ("MobileNetV3-Small", "VGG-16"):
        assert any(name.startswith(peer) and "random weights" in name for name in names)
    assert [each["aim"] for each in result["ratios"]] == [
        ">= 5.00",
        "<= 1.00",
        "<= 1.00",
        "<= 1.00",
    ]
    for export in module.SMOKE_EXPORTS:
        assert 0 < result["facts"][f"MB, {export}"] < 1
        assert 0 < result["facts"][f"seconds to the first answer, {export}"] < 60
    assert f"ratio: {result['ratios'][0]['value']:.2f} (aim >= 5.00)" in printed
    assert "## runtimes" in report.page(tmp_path)
