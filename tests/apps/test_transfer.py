"""`transfer`: somebody's own faces become a measured entry; what is wrong with them is one line."""

import csv

import numpy as np
import pytest
from PIL import Image

from kerasface.apps.labelled_faces import LabelledFaces, read_labelled
from kerasface.apps.main import main
from kerasface.apps.transferring import score, transfer
from kerasface.data.synthetic import synthetic_set
from kerasface.inference import CropContract, Face
from kerasface.tasks import Classification, Embedding, Landmarks, Regression

GENDER = Classification("gender", ("male", "female"))
AGE = Regression("age", "years", (0, 120))
POINTS = Landmarks("landmarks5", 5)
SMALL = {"hidden": 8, "head_epochs": 2, "frozen": True}
COLUMNS = [f"{axis}{point}" for point in range(1, 6) for axis in "xy"]


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    """Folder of an entry of 16 x 16 pixels that was never trained."""
    import keras

    from kerasface.models import FaceModel
    from kerasface.zoo import publish

    keras.utils.set_random_seed(0)
    model = FaceModel.from_spec(
        {
            "trunk": {"name": "resnet18", "config": {"width": 4, "embedding": 12}},
            "tasks": [{"kind": "embedding", "name": "knowledge", "size": 12, "project": False}],
            "input": {"height": 16, "width": 16, "channels": 3},
        }
    )
    measured = {"task": "knowledge", "dataset": "S", "split": "validation", "metric": "accuracy"}
    return publish(
        model,
        "tiny",
        "1.0.0",
        root=tmp_path_factory.mktemp("zoo"),
        description="Never trained.",
        licences={"code": "Apache-2.0", "weights": "research only"},
        data=[{"name": "S", "terms": "of the parent", "labels": ["knowledge"]}],
        metrics=[{**measured, "value": 0.5, "ci95": (0.4, 0.6), "n": 9, "protocol": "none"}],
        crop="template",
        template={"eyes": [0.5, 0.343]},
        resize="bilinear",
        recipe="recipes/face_zoo/train.py",
        commit="0123456789" * 4,
        probe={"count": 1},
    )


@pytest.fixture(scope="module")
def model(entry):
    from kerasface import zoo

    return zoo.load(entry)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A CSV of 64 drawn faces of 16 people, every fourth row held out, one of those broken."""
    folder = tmp_path_factory.mktemp("own")
    faces = synthetic_set(64, identities=16, size=32, tasks=("gender", "age", "landmarks5"), seed=3)
    with open(folder / "faces.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "gender", "Years", "who", "part", *COLUMNS])
        for number, pixels in enumerate(faces.images):
            Image.fromarray(pixels).save(folder / f"{number}.png")
            rows.writerow(
                [
                    f"{number}.png",
                    GENDER.classes[faces.labels["gender"][number]],
                    round(float(faces.labels["age"][number]), 1),
                    f"p{number % 16}",
                    "train" if number % 4 else "validation",
                    *(faces.labels["landmarks5"][number].ravel() * 32).round(2),
                ]
            )
    (folder / "8.png").write_bytes(b"no picture")
    return folder / "faces.csv"


def test_several_tasks_from_a_csv_become_an_entry(entry, own, tmp_path):
    from kerasface import zoo

    taught = transfer(
        entry, (GENDER, AGE, POINTS), own, columns={"age": "Years"}, split="part", **SMALL
    )
    assert taught.images == 48 and taught.dataset == "faces"
    assert taught.scores["gender"]["accuracy"]["rows"] == 16  # the broken one too
    assert taught.scores["landmarks5"]["nme"]["rows"] == 15
    assert taught.scores["age"]["mean_absolute_error"]["value"] > 0
    assert any("broken picture" in line for line in taught.lines)
    folder = taught.publish("mine", "0.1.0", terms="my own", root=tmp_path, commit="0" * 40)
    loaded = zoo.load(folder)
    assert [task.name for task in loaded.tasks] == ["gender", "age", "landmarks5"]
    manifest = loaded.manifest
    assert [each.terms for each in manifest.training_data] == ["of the parent", "my own"]
    assert manifest.licences.weights == "research only"
    assert {row.n for row in manifest.metrics if row.task == "gender"} == {16}
    images = synthetic_set(3, size=16).images
    wanted = taught.model.predict(images, verbose=0)["age"]
    # The file is in half precision.
    np.testing.assert_allclose(loaded.predict(images, verbose=0)["age"], wanted, atol=0.5)


def test_people_are_learnt_and_measured_by_their_neighbours(model, own):
    who = {"subject": "who", "split": "part"}
    taught = transfer(model, Embedding("identity", 12), own, frozen=True, **who)
    found = taught.scores["identity"]["accuracy"]
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1


def test_lost_faces_count_as_wrong_and_as_the_middle():
    """Four right answers and a lost face: 4 / 5; one age of 20 lost in 0 to 120 is 40 years off."""
    held = synthetic_set(4, size=16, tasks=("gender", "age"))
    lost = {
        "gender": (np.array([1], "int32"), np.array([""])),
        "age": (np.array([20.0], "float32"), np.array([""])),
    }
    faces = LabelledFaces(held, held, lost)
    right = np.eye(2)[held.labels["gender"]] * 9.0
    assert score(GENDER, right, faces)["accuracy"]["value"] == pytest.approx(0.8)
    right = held.labels["age"][:, None]
    assert score(AGE, right, faces)["mean_absolute_error"]["value"] == pytest.approx(40 / 5)
    vectors = np.repeat([[0.0], [1.0]], 2, axis=0)
    people = LabelledFaces(
        held,
        _with_people(held, ["a", "a", "b", "b"]),
        {"who": (np.array([3], "int32"), np.array(["a"]))},
    )
    found = score(Embedding("who", 2), vectors, people)["accuracy"]
    assert found["value"] == pytest.approx(0.8) and found["rows"] == 5


def _with_people(prepared, names):
    from dataclasses import replace

    task = Embedding("who", 2)
    return replace(
        prepared,
        subjects=np.array(names),
        labels={"who": np.array([task.encode(name) for name in names])},
        masks={"who": np.ones(len(names), bool)},
    )


def test_points_move_with_the_crop(own):
    """With a found face the points are shares of its crop; the crop's own template is hit."""
    contract = CropContract(16)

    def detect(picture):
        points = np.array(contract.template) * 20 + (4, 6)
        return [Face((0, 0, 9, 9)), Face((4, 6, 20, 20), points=points)]

    cells = (np.array(contract.template) * 20 + (4, 6)).ravel()
    file = own.parent / "points.csv"
    with open(file, "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["image", "part", *COLUMNS])
        rows.writerow(["1.png", "train", *cells])
        rows.writerow(["2.png", "validation", *cells])
    faces = read_labelled(file, (POINTS,), contract, split="part", detector=detect)
    np.testing.assert_allclose(faces.train.labels["landmarks5"][0], contract.template, atol=1e-4)


def test_a_folder_of_classes_by_the_command(entry, own, tmp_path, capsys):
    for number in range(1, 64):
        if number != 8:
            part = "val" if number % 4 == 0 else "train"
            folder = tmp_path / "mood" / part / ("happy" if number % 3 else "other")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes((own.parent / f"{number}.png").read_bytes())
    command = ["transfer", str(entry), str(tmp_path / "mood"), "--classes", "mood=happy,other"]
    publish = ["--publish", "mood@0.1.0", "--terms", "mine", "--root", str(tmp_path / "zoo")]
    assert main([*command, "--frozen", *publish]) == 0
    out = capsys.readouterr().out
    assert "mood: accuracy 0." in out or "mood: accuracy 1." in out
    assert (tmp_path / "zoo" / "mood" / "0.1.0" / "manifest.json").is_file()


def _faults(own):
    """Arguments of `transfer`, and what its line says."""
    lines = own.read_text().splitlines()
    far = own.with_name("far.csv")
    far.write_text("\n".join([lines[0], lines[1].replace(lines[1].split(",")[2], "400")]))
    few = own.with_name("few.csv")
    few.write_text("\n".join(lines[:9]))
    one = own.with_name("one.csv")
    one.write_text("\n".join([lines[0], *(line for line in lines[1:] if ",male," in line)]))
    age = {"columns": {"age": "Years"}}
    return [
        ((AGE, far), age, r"far.csv line 2: age: '400' is no number from 0 to 120"),
        ((AGE, own), {}, r"age"),  # no such column
        ((GENDER, few), {"split": "part"}, "needs 20 labelled faces to learn from and 5"),
        ((GENDER, one), {"split": "part"}, "has the class 'female'|needs 20 labelled faces"),
        ((Embedding("who", 12), own), {}, "say which column names them"),
        (((GENDER, Embedding("who", 12)), own), {}, "an embedding alone"),
        ((AGE, own.parent), {}, "a folder tells the classes of one task"),
    ]


def test_each_fault_is_one_line(model, own):
    for arguments, how, text in _faults(own):
        with pytest.raises(ValueError, match=text) as caught:
            transfer(model, *arguments, **how)
        assert "\n" not in str(caught.value), arguments


def test_a_damaged_network_is_refused(model):
    faces = synthetic_set(24, size=16, tasks=("gender",))
    before = model.trunk.get_weights()
    model.trunk.set_weights([np.full_like(each, np.nan) for each in before])
    try:
        with pytest.raises(ValueError, match="not finite: its weights are damaged"):
            transfer(model, GENDER, faces, faces)
    finally:
        model.trunk.set_weights(before)


@pytest.mark.parametrize(
    "words, text",
    [
        (["no.csv", "--classes", "a=b,c"], "no such file or folder: no.csv"),
        ([".", "--publish", "x"], "published as NAME@VERSION with --terms"),
        ([".", "--epochs", "0"], "--epochs must be 1 or more"),
        (["."], "say what to learn"),
        ([".", "--number", "age=old"], "--number must be TASK=LOW..HIGH:UNIT"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(words, text, capsys):
    assert main(["transfer", "student", *words]) == 2
    error = capsys.readouterr().err
    assert text in error and error.count("\n") == 1
