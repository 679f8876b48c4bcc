"""Every published entry is recomputed: bytes, hashes, parameters, operations, probe, card, index.

The same checks run on a synthetic entry, whole and spoilt in each of these ways, so that they
are known to fail where they should.
"""

import shutil
from pathlib import Path

import pytest

from kerasface.models import FaceModel
from kerasface.zoo import check_model
from kerasface.zoo.entry import sha256_of
from kerasface.zoo.errors import IntegrityError, ManifestError, ProbeError
from kerasface.zoo.index import entry_folders, read_index, stale
from kerasface.zoo.manifest import parse
from kerasface.zoo.schema import dump_json, read_json

ROOT = Path(__file__).parents[2] / "zoo"
PUBLISHED = [f"{name}@{version}" for name, version, _ in entry_folders(ROOT)]


@pytest.fixture(params=["tiny@1.0.0", "tiny@1.10.0", *PUBLISHED])
def folder(request, zoo):
    name, version = request.param.split("@")
    return (zoo if name == "tiny" else ROOT) / name / version


def test_recomputed(folder):
    """Independent of `kerasface.zoo.check` where that is possible."""
    manifest = parse((folder / "manifest.json").read_bytes())
    for name, fact in manifest.files.items():
        assert (folder / name).stat().st_size == fact.bytes
        assert sha256_of(folder / name) == fact.sha256
    model = FaceModel.from_spec(read_json((folder / "config.json").read_bytes(), "config"))
    assert model.count_params() == manifest.parameters
    listed = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert listed == {"manifest.json", "README.md", *manifest.files}
    assert check_model(folder) == manifest


def test_index_and_pages_are_fresh():
    assert stale(ROOT) == []
    rows = read_index(ROOT / "index.json").entries
    assert [f"{row.name}@{row.version}" for row in rows] == PUBLISHED
    for row in rows:
        assert sha256_of(ROOT / row.name / row.version / "manifest.json") == row.manifest.sha256


def claim(path, value):
    """Changes one claim of the manifest, written as we would write it, with its card."""

    def change(folder):
        from kerasface.zoo.card import render_card

        document = read_json((folder / "manifest.json").read_bytes(), "manifest")
        *way, last = path
        place = document
        for step in way:
            place = place[step]
        place[last] = value
        manifest = parse(document)
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        (folder / "README.md").write_text(render_card(manifest))

    return change


def edit_card(folder):
    card = folder / "README.md"
    card.write_text(card.read_text().replace("90.0 %", "99.0 %"))


def edit_by_hand(folder):
    document = read_json((folder / "manifest.json").read_bytes(), "manifest")
    (folder / "manifest.json").write_bytes(dump_json(document).replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (claim(["parameters"], 1527), IntegrityError, "1526 parameters, its manifest says 1527"),
        (claim(["operations"], 1), IntegrityError, "357200 operations, its manifest says 1"),
        (claim(["files", "config.json", "bytes"], 1), IntegrityError, "config.json has"),
        (claim(["files", "config.json", "sha256"], "0" * 64), IntegrityError, "has sha256"),
        (claim(["probe", "outputs", "gender", 0, 0], 9.0), ProbeError, "'gender' differs"),
        (claim(["probe", "seed"], 49), ProbeError, "the probe's input"),
        (claim(["tasks", 0, "classes"], ["female", "male"]), ManifestError, "other tasks"),
        (edit_card, IntegrityError, "README.md is not what its manifest gives"),
        (edit_by_hand, IntegrityError, "written by hand"),
        (lambda folder: (folder / "config.json").unlink(), IntegrityError, "No such file"),
    ],
)
def test_the_check_fails_where_it_should(zoo, tmp_path, spoil, error, message):
    folder = shutil.copytree(zoo / "tiny" / "1.0.0", tmp_path / "spoilt")
    spoil(folder)
    with pytest.raises(error, match=message):
        check_model(folder)
