"""Benchmarks run at toy size and write what the report needs; timing and report are right."""

import importlib
import json
import subprocess
import sys

import pytest

from benchmarks import machine, report, timing
from benchmarks.result import RESULTS, finish, parser

# The ratios that each must give, the one with the aim first.
RATIOS = {
    "training_step": ("masked multi-task step with adversary / plain", "<= 1.10"),
    "balancing": ("GradNorm, exact norms / stock fit", None),
    "input_pipeline": ("pictures/s, decode and augment / decode", ">= 0.80"),
    "labelling": ("pictures/s, labelling / bare forward passes", ">= 0.85"),
    "one_face": ("analyze / compiled, one face", None),
    "photo": ("finding / reading", None),
    "memory": ("growth / 20 MB", "< 1.00"),
    "scale": ("faces/s labelled, the last engine / the first", None),
    "zoo_load": ("kerasface zoo list / 0.5 s", "< 1.00"),
    "int8_layers": ("faces/s, openvino int8 / predict of 8, 1 thread, CPU time", ">= 5.00"),
}
ROWS = {
    "training_step": {"plain", "masked, adversary", "distilled"},
    "balancing": {"plain", "fixed", "fast", "reference"},
    "input_pipeline": {"decode", "decode and augment", "mixed, as they are", "mixed, augmented"},
    "labelling": {"labelling", "to shards", "bare, together", "bare, one by one"},
    "one_face": {"predict", "analyze", "compiled", "compiled, 64 faces"},
    "photo": {"decode", "find", "cut", "read", "whole"},
    "memory": set(),
    "scale": set(),
    "int8_layers": {"predict, CPU time", "int8, CPU time"},
    "zoo_load": {"zoo.load", "build and load_weights", "of it: probe"},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.mark.slow
@pytest.mark.parametrize("name", RATIOS)
def test_smoke(name, results, capsys):
    # Ray is started in tests/inference/test_ray_engine.py.
    more = ["--engines", "local", "--page", str(results / "scale.md")] if name == "scale" else []
    if name == "photo":
        pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    if name == "int8_layers":
        pytest.importorskip("openvino", reason="NOT TESTED: kerasface[openvino]")
    words = ["--smoke", "--results", str(results), *more]
    importlib.import_module(f"benchmarks.{name}").main(words)
    printed = capsys.readouterr().out
    result = json.loads((results / f"{name}.json").read_text())

    title, aim = RATIOS[name]
    assert {"benchmark", "smoke", "date", "machine", "settings", "rows", "facts", "ratios"} == set(
        result
    )
    assert result["benchmark"] == name and result["smoke"] is True
    assert (result["ratios"][0]["name"], result["ratios"][0]["aim"]) == (title, aim)
    assert f"ratio: {result['ratios'][0]['value']:.2f} ({f'aim {aim}' if aim else 'no aim'})" in (
        printed
    )
    assert ROWS[name] <= {row["name"] for row in result["rows"]}
    for row in result["rows"]:
        assert 0 < row["min_ms"] <= row["median_ms"] and row["samples"] >= 1
    if name == "memory":
        assert result["facts"]["growth_mb"] == pytest.approx(
            result["ratios"][0]["value"] * 20, rel=1e-3, abs=1e-3
        )
    if name == "int8_layers":
        check_layers(result["facts"]["layers"])
    if name == "scale":
        check_scale(result["facts"], (results / "scale.md").read_text())
    assert f"## {name}" in report.page(results)
    assert "smoke run" in report.page(results)


def check_scale(facts, page):
    """The plans are the measured rate and bytes times the faces, and the page says the same."""
    assert "mean nothing" in page
    for found in facts.values():
        rate = found["engines"]["local"]["faces_per_second"]
        size = found["bytes_a_face"]["output"]
        plan = found["plans"]["1 billion"]
        assert plan["machine_hours"] == pytest.approx(1e9 / rate / 3600, rel=1e-2)
        assert plan["output_gb"] == pytest.approx(size, rel=1e-2)
        assert plan["machines_for_a_night"] >= plan["machines_for_a_week"] >= 1
        assert f"| 1 billion | {plan['machine_hours']:,.1f} |" in page
    assert page.count("**Bottleneck: ") == 2


def check_layers(layers):
    """The student's convolutions with the sums a person does by hand, and nothing twice."""
    sums = {layer["layer"]: layer["M multiply-adds a face"] for layer in layers}
    assert sums["3 x 3, 64 to 64 channels, 24 x 24"] == pytest.approx(64 * 64 * 70 * 70 / 1e6, 1e-4)
    assert sums["3 x 3, 64 to 128 channels, 12 x 12"] == pytest.approx(
        64 * 128 * 35 * 35 / 1e6, 1e-4
    )
    assert sums["1 x 1, 128 to 224 channels, 6 x 6"] == pytest.approx(128 * 224 * 36 / 1e6, 1e-4)
    assert sum(layer["M multiply-adds a face"] > 0 for layer in layers) == 12
    assert sum(layer["share"] for layer in layers) == pytest.approx(1, abs=1e-3)
    assert all(layer["computed in"] == "int8" for layer in layers if " x " in layer["layer"])
    assert all(layer["ms"] > 0 for layer in layers)


@pytest.mark.parametrize("before, stride", [(0, 1), (1, 1), (0, 2), (2, 3)])
def test_taps_are_counted_one_by_one(before, stride):
    from benchmarks.int8_layers import taps_on_picture

    size, kernel, outputs = 5, 3, 4
    counted = 0
    for place in range(outputs):
        for tap in range(kernel):
            counted += 0 <= place * stride + tap - before < size
    assert taps_on_picture(size, kernel, outputs, stride, before) == counted


def test_contenders_take_turns():
    order = []

    def block(name, *samples):
        return lambda: order.append(name) or samples

    blocks = timing.alternate({"a": block("a", 2.0, 4.0), "b": block("b", 1.0)}, rounds=3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert blocks == {"a": [[2.0, 4.0]] * 3, "b": [[1.0]] * 3}


@pytest.mark.parametrize("rounds, samples", [(0, [1.0]), (1, [])])
def test_nothing_measured_is_refused(rounds, samples):
    with pytest.raises(ValueError, match="Received"):
        timing.alternate({"a": lambda: samples}, rounds)


def test_ratio_is_the_median_of_the_rounds():
    """Rounds give 2/1, 9/3 and 8/2, so 3; pooled medians would give 8/2 = 4."""
    found = timing.ratio("a / b", [[2.0], [8.0, 9.0, 10.0], [8.0]], [[1.0], [3.0], [2.0]], ">= 3.5")
    assert found == {
        "name": "a / b",
        "value": 3.0,
        "aim": ">= 3.5",
        "met": False,
        "low": 2.0,
        "high": 4.0,
    }
    assert timing.ratio("scaled", [[2.0]], [[1.0]], scale=64)["value"] == 128.0


def test_row_is_of_all_samples():
    """Samples of 10, 20 and 40 ms with 8 faces: median 20 ms, 2.5 ms a face, 400 faces/s."""
    row = timing.row("step", [[0.01, 0.04], [0.02]], faces=8)
    assert row["samples"] == 3
    assert [row[key] for key in ("median_ms", "min_ms", "ms_a_face", "faces_per_second")] == (
        pytest.approx([20.0, 10.0, 2.5, 400.0])
    )


def test_aim_of_another_form_is_refused():
    with pytest.raises(ValueError, match="Received: aim='about 1'"):
        timing.stated("x", 1.0, "about 1")
    assert timing.stated("x", 0.5, "< 1.00")["met"] is True
    assert timing.stated("x", 1.0)["met"] is None


def test_file_and_print_round_the_same_number(tmp_path, capsys):
    # To two digits this is 16.40; to five digits first, and then to two, 16.41.
    ratio = timing.stated("one", 16.404996, ">= 5.00")
    options = parser("x").parse_args(["--smoke", "--results", str(tmp_path)])
    finish("x", options, {}, [ratio])
    value = json.loads((tmp_path / "x.json").read_text())["ratios"][0]["value"]
    assert f"ratio: {value:.2f} (aim >= 5.00)" in capsys.readouterr().out


def test_facts_name_no_machine_and_no_path():
    import getpass
    import platform

    text = json.dumps(machine.facts())
    assert machine.facts()["cores"] >= 1
    assert "/" not in text
    for secret in (platform.node(), getpass.getuser()):
        assert f'"{secret}"' not in text


def test_report_takes_foreign_results(tmp_path):
    foreign = {"batch": 4096, "losses": [{"batch": 32, "ms": 1.5}], "versions": {"keras": "3"}}
    (tmp_path / "other.json").write_text(json.dumps(foreign))
    report.main(["--results", str(tmp_path), "--out", str(tmp_path / "page.md")])
    page = (tmp_path / "page.md").read_text()
    assert "| batch | ms |\n| --- | ---: |\n| 32 | 1.50 |" in page
    assert "versions: keras 3" in page
    assert report.page(tmp_path / "nothing").endswith("No result yet.\n")


def test_page_is_what_the_results_say():
    if not RESULTS.exists():
        pytest.skip("nothing was measured yet")
    assert report.PAGE.read_text(encoding="utf-8") == report.page(RESULTS)
    for file in RESULTS.glob("*.json"):
        assert not json.loads(file.read_text()).get("smoke"), f"{file.name} is of a smoke run"


def test_bad_flags_are_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.report", "--nothing"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
