"""What may be published, what stands in the folder afterwards, and what is refused."""

import shutil

import numpy as np
import pytest

from kerasface.zoo import publish
from kerasface.zoo.check import check_model
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.errors import ManifestError, PublishError
from kerasface.zoo.index import main, read_index, stale
from kerasface.zoo.publishing import LIMITS, current_commit
from kerasface.zoo.weights import count_parameters

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def put(make_model, facts, tmp_path):
    """Publishes the tiny model with some arguments changed (None takes one away)."""

    def call(name="tiny", version="1.0.0", model=None, **more):
        arguments = {key: value for key, value in {**facts, **more}.items() if value is not None}
        return publish(model or make_model(), name, version, root=tmp_path / "zoo", **arguments)

    return call


def test_what_an_entry_holds(put, tmp_path):
    (tmp_path / "ages.png").write_bytes(PNG)
    folder = put(figures={tmp_path / "ages.png": "Error by age"}, limits=["Adults only."])
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "manifest.json", "config.json", "model.weights.h5", "README.md", "figures/ages.png",
    }  # fmt: skip
    manifest = check_model(folder)
    assert manifest.limits == (*LIMITS, "Adults only.")
    assert manifest.figures == {"figures/ages.png": "Error by age"}
    assert manifest.parameters == 1526 and manifest.operations == 357_200
    assert manifest.probe.count == 2 and manifest.probe.seed == 48
    (row,) = read_index(tmp_path / "zoo" / "index.json").entries
    assert (row.name, row.version, row.tasks) == ("tiny", "1.0.0", ("gender", "age"))
    assert row.bytes == sum(file.bytes for file in manifest.files.values())


def test_the_same_model_gives_the_same_entry(put):
    one, two = put(), put("tiny2")
    assert (one / "model.weights.h5").read_bytes() == (two / "model.weights.h5").read_bytes()
    assert read_manifest(one).probe == read_manifest(two).probe


def test_an_optimiser_is_left_out(put, make_model, tmp_path):
    """The weights file that a compiled model writes holds moments of the optimiser too."""
    model = make_model()
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "own.weights.h5")
    assert count_parameters(tmp_path / "own.weights.h5") > 2 * 1526
    assert check_model(put(model=model)).parameters == 1526


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licences": {}}, "not published without licences of code and weights"),
        ({"licences": {"code": "Apache-2.0"}}, "not published without licences"),
        ({"data": []}, "not published without training data"),
        ({"data": [{"name": "X", "labels": []}]}, "not published without terms of every data set"),
        ({"metrics": []}, "not published without metrics"),
    ],
)
def test_incomplete_entries_are_refused(put, tmp_path, change, message):
    with pytest.raises(PublishError, match=message):
        put(**change)
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Tiny"}, "small letters"),
        ({"version": "1.0"}, "MAJOR.MINOR.PATCH"),
        ({"description": ""}, "description must be text"),
        ({"commit": "main"}, "commit must be"),
        ({"template": {}}, "input.template must be an object of 1"),
        ({"probe": {"count": 0}}, "."),
        ({"probe": {"photo": "me.jpg"}}, "probe takes seed, count and tolerance"),
    ],
)
def test_broken_fields_leave_nothing(put, tmp_path, change, message):
    with pytest.raises((ManifestError, ValueError), match=message):
        put(**change)
    assert not list((tmp_path / "zoo").glob("*")) or not list((tmp_path / "zoo").iterdir())


def test_each_task_is_measured(put, facts):
    with pytest.raises(ManifestError, match="metrics has nothing for task 'age'"):
        put(metrics=facts["metrics"][:1])


def test_a_version_never_changes(put):
    folder = put()
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(PublishError, match="a published version never changes"):
        put(description="Another.")
    assert (folder / "manifest.json").read_bytes() == before
    put(version="1.0.1", description="Another.")


def test_figures_that_are_refused(put, tmp_path):
    (tmp_path / "face.jpg").write_bytes(b"")
    for path in (tmp_path / "face.jpg", tmp_path / "missing.png"):
        with pytest.raises(PublishError, match="PNG or SVG"):
            put(figures={path: "x"})
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.png").write_bytes(PNG)
    with pytest.raises(PublishError, match="different names"):
        put(figures={tmp_path / "a" / "x.png": "x", tmp_path / "b" / "x.png": "y"})


def test_weights_that_are_no_numbers(put, make_model):
    model = make_model()
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(PublishError, match="weights must be finite"):
        put(model=model)


def test_a_trunk_of_unknown_making(put):
    import keras

    from kerasface.models import FaceModel, build_trunk
    from kerasface.tasks import Classification

    keras.utils.set_random_seed(0)
    trunk = build_trunk("small_resnet", widths=(4, 4), blocks=(1, 1), stem=4)
    model = FaceModel(trunk, [Classification("gender", ("male", "female"))])
    with pytest.raises(ValueError, match="only a model made by FaceModel.from_spec"):
        put(model=model)


def test_commit_of_the_working_tree():
    assert len(current_commit().removesuffix("-dirty")) == 40


def test_index_is_rendered(zoo, tmp_path, capsys):
    root = shutil.copytree(zoo, tmp_path / "zoo")
    assert stale(root) == [] and main([str(root), "--check"]) == 0
    (root / "mirrors.json").write_text('["https://example.org/zoo/"]')
    assert main([str(root), "--check"]) == 1
    assert "index.json is stale" in capsys.readouterr().out
    assert main([str(root)]) == 0 and stale(root) == []
    assert read_index(root / "index.json").mirrors == ("https://example.org/zoo",)
    (root / "mirrors.json").write_text('["http://example.org/zoo/"]')
    assert main([str(root)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: mirrors[0]: only https") and error.count("\n") == 1


def test_an_entry_in_another_s_folder(zoo, tmp_path):
    root = shutil.copytree(zoo, tmp_path / "zoo")
    (root / "tiny" / "1.0.0").rename(root / "tiny" / "3.0.0")
    with pytest.raises(ManifestError, match="3.0.0 holds the manifest of tiny@1.0.0"):
        stale(root)
