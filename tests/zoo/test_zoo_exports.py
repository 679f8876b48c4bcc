"""Files for other runtimes in an entry: recorded, hashed, probed, and never in a published one."""

import json
import shutil
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kerasface.inference.runtimes import RUNTIMES
from kerasface.zoo import locate
from kerasface.zoo.agreement import check_export_probe, differences
from kerasface.zoo.card import render_card
from kerasface.zoo.check import check_model
from kerasface.zoo.entry import read_checked, read_manifest, sha256_of
from kerasface.zoo.errors import (
    DownloadError,
    IntegrityError,
    ManifestError,
    ProbeError,
    PublishError,
    UnknownExport,
)
from kerasface.zoo.exporting import EXPORTS, add_exports
from kerasface.zoo.index import refresh
from kerasface.zoo.loading import load
from kerasface.zoo.manifest import parse
from kerasface.zoo.probe import probe_input
from kerasface.zoo.runtime_loading import ready_runtime
from kerasface.zoo.schema import dump_json, read_json

WRITERS = ("onnx", "tf2onnx", *(runtime.package for runtime in RUNTIMES.values()))
MISSING = [package for package in WRITERS if find_spec(package) is None]
SMALL = ("litert-float32", "litert-int8", "onnx-float32")


def score(model):
    """An accuracy that int8 holds, and an error that it does not."""
    full = not hasattr(model, "runtime")
    where = {"dataset": "S", "split": "validation", "n": 200}
    return [
        {"task": "gender", "metric": "accuracy", "value": 0.9 if full else 0.896, **where},
        {"task": "age", "metric": "error", "value": 5.0 if full else 5.5, **where},
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory, make_model, facts):
    """A zoo whose one entry has files for LiteRT and ONNX; not to be written to."""
    from kerasface.zoo import publish

    if MISSING:
        pytest.skip(f"NOT TESTED: {MISSING} are not installed")
    root = tmp_path_factory.mktemp("exported-zoo")
    faces = np.random.default_rng(0).integers(0, 256, (24, 48, 48, 3), np.uint8)
    more = {"exports": SMALL, "calibration": faces, "score": score}
    publish(make_model(0), "tiny", "2.0.0", root=root, **facts, **more)
    return root


@pytest.fixture
def folder(root):
    return root / "tiny" / "2.0.0"


@pytest.fixture
def spoilt(folder, tmp_path):
    """A copy to be changed, outside of any index."""
    return Path(shutil.copytree(folder, tmp_path / "spoilt"))


def test_what_is_recorded(folder):
    manifest = read_manifest(folder)
    assert [export.name for export in manifest.exports] == list(SMALL)
    for export in manifest.exports:
        for name in export.files:
            path = folder / name
            assert manifest.files[name].bytes == path.stat().st_size
            assert manifest.files[name].sha256 == sha256_of(path)
    full, int8, onnx = manifest.exports
    assert full.files == ("exports/litert-float32.tflite",)
    assert onnx.files == ("exports/onnx-float32.onnx",)
    assert max(full.difference, onnx.difference) <= 1e-4 and full.outputs is None
    assert int8.calibration == "24 faces" and set(int8.outputs) == {"gender", "age"}
    assert [(row.task, row.value, row.full) for row in int8.measures] == [
        ("gender", 0.896, 0.9),
        ("age", 5.5, 5.0),
    ]
    assert check_model(folder) == manifest
    assert not list(folder.glob(".export-*"))


def test_the_card_says_what_int8_costs(folder):
    card = (folder / "README.md").read_text()
    assert "## Other runtimes" in card and "| litert | int8 |" in card
    assert "| 0.40 points |" in card and "were measured on 24 faces" in card
    assert "| gender | S | validation | accuracy | 89.60 % | 90.00 % | 200 |" in card
    manifest = read_manifest(folder)
    exports = tuple(replace(export, measures=None) for export in manifest.exports)
    silent = render_card(replace(manifest, exports=exports))
    assert "not measured" in silent


@pytest.mark.parametrize("name", SMALL)
def test_load_in_a_runtime(folder, name):
    """The answers of the Keras model, by the same calls."""
    runtime, precision = name.split("-")
    model, keras_model = load(folder, runtime=runtime, precision=precision), load(folder)
    assert model.manifest == read_manifest(folder)
    assert (model.runtime, model.precision) == (runtime, precision)
    assert [task.name for task in model.tasks] == ["gender", "age"]
    assert model.tasks == keras_model.tasks
    images = probe_input(model.manifest.input, seed=5, count=3)
    outputs = {task: np.asarray(rows) for task, rows in keras_model(images).items()}
    if precision == "float32":
        found = differences(model.tasks, outputs, model(images), precision)
        assert max(found.values()) < 1e-4
    record, wanted = (each.analyze(images[:1], tasks="age")[0] for each in (model, keras_model))
    value, other = (each["faces"][0]["answers"]["age"]["value"] for each in (record, wanted))
    assert value == pytest.approx(other, abs=0.1 if precision == "float32" else 5)


def test_by_name_the_most_precise(root, monkeypatch):
    refresh(root)
    monkeypatch.setattr(locate, "CHECKOUT", root)
    assert load("tiny", runtime="litert").precision == "float32"
    assert load("tiny@2.0.0", runtime="litert", precision="int8", threads=2).precision == "int8"


def test_over_the_network_only_what_is_needed(root, serve):
    with serve(root) as server:
        address = f"{server.url}/tiny/2.0.0"
        model = load(address, runtime="litert", precision="int8")
    assert model.precision == "int8"
    fetched = {path.rpartition("2.0.0/")[2] for path in server.asked}
    assert fetched == {"manifest.json", "config.json", "exports/litert-int8.tflite"}


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"runtime": "openvino"}, UnknownExport, "has no file for 'openvino'; there are litert-fl"),
        ({"runtime": "onnx", "precision": "int8"}, UnknownExport, "no file for 'onnx-int8'"),
        ({"runtime": "tflite"}, ValueError, "near: litert. Received: 'tflite'"),
        ({"runtime": "onnx", "precision": "int4"}, ValueError, "Received: precision='int4'"),
        ({"runtime": "onnx", "threads": 0}, ValueError, "Received: threads=0"),
        ({"precision": "int8"}, ValueError, "Keras takes its precision"),
        ({"threads": 2}, ValueError, "threads=2"),
    ],
)
def test_choices_that_cannot_be(folder, choices, error, message):
    with pytest.raises(error, match=message) as caught:
        load(folder, **choices)
    assert "\n" not in str(caught.value)


def test_entry_without_exports(entry):
    with pytest.raises(UnknownExport, match="tiny@1.0.0 has no file for 'litert'; there are none"):
        load(entry, runtime="litert")


def test_missing_package_before_anything_is_fetched(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(locate, "find", lambda *a: pytest.fail("looked for the entry first"))
    with pytest.raises(ImportError, match=r"pip install 'kerasface\[onnx\]'"):
        load("tiny", runtime="onnx")


def test_fetching_without_its_packages_is_one_line(root, serve, monkeypatch):
    """A light install has neither; a folder or the packaged student needs neither."""
    with serve(root) as server:
        for package in ("filelock", "requests"):
            with monkeypatch.context() as patch:
                patch.setitem(sys.modules, package, None)
                message = f"needs the package {package}: pip install"
                with pytest.raises(DownloadError, match=message):
                    load(f"{server.url}/tiny/2.0.0", runtime="onnx")
        assert server.asked == []


def test_hash_before_the_runtime_parses(spoilt, monkeypatch):
    path = spoilt / "exports/onnx-float32.onnx"
    whole = path.read_bytes()
    monkeypatch.setattr(
        "kerasface.inference.runtimes.open_runner", lambda *a: pytest.fail("it was parsed")
    )
    for content, message in (
        (whole[:-1] + bytes([whole[-1] ^ 1]), "onnx-float32.onnx has sha256"),
        (whole[:-9], f"has {len(whole) - 9} bytes, its manifest says {len(whole)}"),
        (whole + b"more", f"has {len(whole) + 4} bytes, its manifest says {len(whole)}"),
    ):
        path.write_bytes(content)
        with pytest.raises(IntegrityError, match=message):
            load(spoilt, runtime="onnx")
        with pytest.raises(IntegrityError, match=message):
            read_checked(spoilt, read_manifest(spoilt), "exports/onnx-float32.onnx")
    path.unlink()
    with pytest.raises(IntegrityError, match="No such file"):
        load(spoilt, runtime="onnx")
    path.symlink_to(spoilt / "config.json")
    with pytest.raises(ManifestError, match="symbolic link"):
        load(spoilt, runtime="onnx")


def rewritten(folder, change):
    """The manifest changed, with hashes and sizes as the files now are, and its card."""
    document = read_json((folder / "manifest.json").read_bytes(), "manifest")
    change(document)
    for name, fact in document["files"].items():
        path = folder / name
        fact.update(sha256=sha256_of(path), bytes=path.stat().st_size)
    (folder / "manifest.json").write_bytes(dump_json(document))
    (folder / "README.md").write_text(render_card(parse(document)))


def test_damage_that_the_manifest_agrees_with(spoilt):
    """A right hash of a broken file: the runtime's complaint becomes one named line."""
    for name in ("exports/onnx-float32.onnx", "exports/litert-float32.tflite"):
        (spoilt / name).write_bytes(b"not a network")
    rewritten(spoilt, lambda document: None)
    for runtime in ("onnx", "litert"):
        with pytest.raises(IntegrityError, match="cannot read it") as caught:
            load(spoilt, runtime=runtime)
        assert "\n" not in str(caught.value) and str(spoilt) in str(caught.value)


def test_another_network_of_the_same_form(spoilt, make_model):
    """Right hash, right names and sizes, other weights: only the probe can tell."""
    from kerasface.inference import export_model

    export_model(make_model(7), spoilt / "exports/onnx-float32.onnx", "onnx")
    rewritten(spoilt, lambda document: None)
    with pytest.raises(ProbeError, match="tiny@2.0.0 in onnx-float32: the answer for"):
        load(spoilt, runtime="onnx")
    with pytest.raises(ProbeError, match="onnx-float32"):
        check_model(spoilt)
    assert load(spoilt, runtime="onnx", check=False)


def test_int8_is_compared_with_itself(folder, spoilt):
    """Its answers may be far from Keras's and may not move from what they were."""
    manifest = read_manifest(folder)
    model = load(folder, runtime="litert", precision="int8")
    int8 = manifest.exports[1]
    assert max(check_export_probe(model, manifest, int8).values()) < 1e-3

    def swapped(document):
        rows = document["exports"][1]["outputs"]["gender"]
        document["exports"][1]["outputs"]["gender"] = [[10 + a, b] for a, b in rows]

    rewritten(spoilt, swapped)
    with pytest.raises(ProbeError, match="in litert-int8: the answer for 'gender' differs"):
        load(spoilt, runtime="litert", precision="int8")


def test_file_of_other_tasks(spoilt):
    def renamed(document):
        spec = read_json((spoilt / "config.json").read_bytes(), "config")
        spec["tasks"][0]["name"] = document["tasks"][0]["name"] = "sex"
        (spoilt / "config.json").write_bytes(dump_json(spec))
        text = json.dumps(document).replace('"gender"', '"sex"')
        document.update(json.loads(text))

    rewritten(spoilt, renamed)
    with pytest.raises(IntegrityError, match="the file's outputs are"):
        load(spoilt, runtime="onnx")


def test_configuration_of_other_tasks(spoilt):
    def reordered(document):
        spec = read_json((spoilt / "config.json").read_bytes(), "config")
        spec["tasks"][0]["classes"].reverse()
        (spoilt / "config.json").write_bytes(dump_json(spec))

    rewritten(spoilt, reordered)
    with pytest.raises(ManifestError, match="has other tasks than its manifest"):
        load(spoilt, runtime="onnx")


def test_a_published_version_never_changes(root, folder):
    refresh(root)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(PublishError, match="tiny@2.0.0 is published"):
        add_exports(folder, ["onnx-int8"])
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_added_to_an_unpublished_build(copied, tmp_path):
    """Nothing else in the manifest changes; a second time the record is replaced."""
    if MISSING:
        pytest.skip(f"NOT TESTED: {MISSING} are not installed")
    before = read_manifest(copied)
    added = add_exports(copied, ["openvino-float16"])
    assert replace(added, exports=None, files=before.files) == before
    [export] = added.exports
    assert export.files == ("exports/openvino-float16.xml", "exports/openvino-float16.bin")
    assert export.difference <= 1e-2
    assert add_exports(copied, ["openvino-float16"]).exports[0].name == "openvino-float16"
    assert check_model(copied).exports[0].name == "openvino-float16"
    assert load(copied, runtime="openvino").precision == "float16"


@pytest.mark.parametrize(
    ("exports", "message"),
    [
        (["litert"], "an export is named 'litert-int8' or so. Received: 'litert'"),
        (["saved_model-float32"], "no runtime of that name"),
        (["onnx-float16"], "onnx is written in float32, int8"),
    ],
)
def test_exports_that_cannot_be(copied, exports, message):
    before = (copied / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match=message):
        add_exports(copied, exports)
    assert (copied / "manifest.json").read_bytes() == before


def test_int8_that_loses_too_much_is_refused(copied):
    if MISSING:
        pytest.skip(f"NOT TESTED: {MISSING} are not installed")

    def worse(model):
        [row, _] = score(model)
        lost = 0.0 if not hasattr(model, "runtime") else 0.006
        return [{**row, "value": 0.9 - lost, "n": 100_000}]

    before = {path.name for path in copied.rglob("*")}
    faces = np.zeros((4, 48, 48, 3), np.uint8)
    with pytest.raises(ManifestError, match="at most 0.5 points under Keras's in all"):
        add_exports(copied, ["litert-int8"], calibration=faces, score=worse)
    assert {path.name for path in copied.rglob("*")} == before


def changed(document, path, value):
    document = json.loads(json.dumps(document))
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["exports"], [], "exports must be a list of 1"),
        (["exports", 0, "runtime"], "tensorrt", r"exports\[0\].runtime must be one of"),
        (["exports", 0, "precision"], "int8", "exports must be of different runtime and precision"),
        (["exports", 1, "outputs"], None, r"exports\[1\]: int8 needs outputs and calibration"),
        (["exports", 1, "calibration"], None, r"exports\[1\]: int8 needs outputs and calibration"),
        (["exports", 1, "outputs", "age"], [[0.0]], r"exports\[1\].outputs must be of shapes"),
        (["exports", 0, "files"], ["../x"], "plain segments"),
        (["exports", 0, "files"], ["exports/x.onnx"], "exports/x.onnx is not among files"),
        (["exports", 0, "difference"], 2e-4, r"exports\[0\].difference must be at most 0.0001"),
        (["exports", 0, "difference"], -1, r"exports\[0\].difference must be from 0"),
        (["exports", 1, "measures", 0, "task"], "race", r"measures\[0\].task must be one of"),
        (["exports", 1, "measures", 0, "value"], 89.6, "must be shares from 0 to 1"),
        (["exports", 1, "measures", 0, "value"], 0.894, r"measures must be .*at most 0.5 points"),
        (["exports", 1, "measures", 0, "value"], 0.86, "must be within 3.7 points"),
        (["exports", 1, "speed"], 1, "speed is no field of ExportFact"),
    ],
)
def test_broken_rules(folder, path, value, message):
    document = read_json((folder / "manifest.json").read_bytes(), "manifest")
    with pytest.raises(ManifestError, match=message) as caught:
        parse(changed(document, path, value))
    assert "\n" not in str(caught.value)


def test_older_manifests_stay_as_they_are(entry):
    """No field is written where there is no export, so published manifests keep their bytes."""
    document = (entry / "manifest.json").read_bytes()
    assert b'"exports"' not in document and parse(document).exports is None
    assert parse(document).to_bytes() == document


def test_the_usual_exports_are_ones_that_can_be():
    from kerasface.inference.exporters import check_format

    for name in EXPORTS:
        check_format(*name.split("-"))
        assert name.split("-")[0] in RUNTIMES


def test_auto_takes_what_the_entry_has_and_this_machine_too(folder, entry, monkeypatch):
    assert ready_runtime(folder) == "litert" and ready_runtime(entry) == "keras"
    assert load(folder, runtime="auto", precision="int8").precision == "int8"
    assert not hasattr(load(entry, runtime="auto", threads=1), "runtime")
    for package, expected in (("ai_edge_litert", "onnx"), ("onnxruntime", "keras")):
        monkeypatch.setitem(sys.modules, package, None)
        assert ready_runtime(folder) == expected
    with pytest.raises(UnknownExport, match="no int8 file for a runtime that is installed; there"):
        ready_runtime(folder, "int8")
