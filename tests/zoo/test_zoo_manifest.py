"""Every rule of the manifest, each broken once; the message is one line that names the field."""

import copy
import json

import pytest

from kerasface.zoo.entry import check_files, read_manifest
from kerasface.zoo.errors import IntegrityError, ManifestError
from kerasface.zoo.manifest import parse
from kerasface.zoo.schema import read_json

GONE = object()


@pytest.fixture(scope="module")
def document(zoo):
    return json.loads((zoo / "tiny" / "1.0.0" / "manifest.json").read_bytes())


def changed(document, path, value):
    """A deep copy with one value replaced or taken away."""
    document = copy.deepcopy(document)
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return document


def test_the_same_bytes_again(entry):
    document = (entry / "manifest.json").read_bytes()
    manifest = parse(document)
    assert manifest.to_bytes() == document
    assert manifest.reference == "tiny@1.0.0"
    assert manifest.tasks[0].classes == ("male", "female")
    assert manifest.tasks[0].note == "as annotators saw it"
    assert "guesses" in manifest.tasks[1].note
    assert b"[0.5, 0.343]" in document  # a row of numbers stays on one line


@pytest.mark.parametrize("field", ["licences", "training_data", "metrics", "probe", "limits"])
def test_no_entry_without(document, field):
    with pytest.raises(ManifestError, match=f"manifest.json: {field} is missing"):
        parse(changed(document, [field], GONE))
    empty = {} if isinstance(document[field], dict) else []
    with pytest.raises(ManifestError, match=field):
        parse(changed(document, [field], empty))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], "kerasface-entry/2", "schema must be one of"),
        (["surprise"], 1, "surprise is no field"),
        (["name"], "../x", "name is small letters"),
        (["version"], "1.0", "MAJOR.MINOR.PATCH"),
        (["description"], "two\nlines", "description must be one line"),
        (["description"], "", "description must be text"),
        (["parameters"], 1.5, "parameters must be a whole number"),
        (["parameters"], True, "parameters must be a whole number"),
        (["operations"], 0, "operations must be a whole number from 1"),
        (["input", "dtype"], "float32", "input.dtype must be one of"),
        (["input", "range"], [0, 255, 1], r"input.range must be a list of 2 to 2"),
        (["input", "template", "eyes"], [0.5, "x"], r"input.template.eyes\[1\] must be a finite"),
        (["tasks", 0, "classes"], ["male"], r"tasks\[0\].classes must be a list of 2"),
        (["tasks", 0, "classes"], ["a", "b", "c"], "tasks.gender.classes must be 2 names"),
        (["tasks", 1, "name"], "gender", "tasks must be of different names"),
        (["tasks", 0, "note"], GONE, r"tasks\[0\].note is missing"),
        (["training_data", 0, "terms"], " ", r"training_data\[0\].terms must be text"),
        (["licences", "weights"], GONE, "licences.weights is missing"),
        (["commit"], "main", "commit must be a git commit"),
        (["recipe"], "../../x", "recipe must be a path"),
        (["metrics", 0, "value"], 90.0, r"metrics\[0\].ci95 must be around the value 90"),
        (["metrics", 0, "ci95"], [0.91, 0.95], r"metrics\[0\].ci95 must be around"),
        (["metrics", 0, "n"], 0, r"metrics\[0\].n must be a whole number"),
        (["metrics", 0, "task"], "race", r"metrics\[0\].task must be one of \['age', 'gender'\]"),
        (["metrics", 0, "task"], "age", "metrics has nothing for task 'gender'"),
        (["per_group", 0, "group"], GONE, r"per_group\[0\].group is missing"),
        (["figures", "figures/a.png"], "ages", "figures.figures/a.png is not among files"),
        (["files", "config.json"], GONE, "files must be an object of 2"),
        (["files", "../x"], {"sha256": "0" * 64, "bytes": 1}, "plain segments"),
        (["files", "README.md"], {"sha256": "0" * 64, "bytes": 1}, "README.md must not be listed"),
        (["files", "config.json", "sha256"], "0" * 63, "files.config.json.sha256 must be 64"),
        (["files", "config.json", "bytes"], -1, "files.config.json.bytes must be a whole number"),
        (["files", "config.json", "bytes"], 10**12, "files.config.json.bytes must be a whole"),
        (["probe", "seed"], -1, "probe.seed must be a whole number"),
        (["probe", "tolerance"], 1.0, "probe.tolerance must be from"),
        (["probe", "outputs", "age"], GONE, "probe.outputs must be of shapes"),
        (["probe", "outputs", "age"], [[0.0]], "probe.outputs must be of shapes"),
        (["probe", "generator"], "photo.jpg", "probe.generator must be one of 'blocks'"),
    ],
)
def test_broken_rules(document, path, value, message):
    with pytest.raises(ManifestError, match=message) as caught:
        parse(changed(document, path, value))
    assert "\n" not in str(caught.value)


def test_percentages_are_no_shares(document):
    document = changed(document, ["metrics", 0, "value"], 90.0)
    document["metrics"][0]["ci95"] = [80.0, 95.0]
    with pytest.raises(ManifestError, match=r"metrics\[0\].value must be a share from 0 to 1"):
        parse(document)


@pytest.mark.parametrize(
    "document", [b"", b"\xff", b"[1,", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000]
)
def test_no_json(document):
    with pytest.raises(ManifestError, match="^somewhere is no JSON"):
        read_json(document, "somewhere")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["metrics", 0, "value"], 10**400),
        (["input", "range"], [0, -(10**4000)]),
        (["two\nlines"], 1),
        (["\x1b[31m" * 100], 1),
    ],
)
def test_values_that_no_field_holds_are_one_line(document, path, value):
    with pytest.raises(ManifestError) as caught:
        parse(json.dumps(changed(document, path, value)).encode())
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


def test_lists_in_lists_without_end(document):
    deep = json.dumps(changed(document, ["input", "template", "eyes"], "DEEP"))
    with pytest.raises(ManifestError, match="at most 20 lists in lists"):
        parse(deep.replace('"DEEP"', "[" * 500 + "]" * 500).encode())


@pytest.mark.parametrize("document", [b"[]", b"1", b'"text"', b"null"])
def test_json_that_is_no_manifest(document):
    with pytest.raises(ManifestError, match="must be an object"):
        parse(document)


def test_a_missing_or_huge_manifest(tmp_path):
    with pytest.raises(ManifestError, match="manifest.json: No such file"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b" " * 2_000_001)
    with pytest.raises(ManifestError, match="more than 2000000 bytes"):
        read_manifest(tmp_path)


def test_files_of_an_entry(copied):
    manifest = read_manifest(copied)
    check_files(copied, manifest)
    weights = copied / "model.weights.h5"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError, match="sha256 [0-9a-f]{64}, its manifest says"):
        check_files(copied, manifest)
    weights.write_bytes(whole[:-1])
    with pytest.raises(IntegrityError, match="bytes, its manifest says"):
        check_files(copied, manifest)
    weights.unlink()
    with pytest.raises(IntegrityError, match="No such file"):
        check_files(copied, manifest)
    weights.symlink_to(copied / "elsewhere")
    with pytest.raises(ManifestError, match="symbolic link"):
        check_files(copied, manifest)
