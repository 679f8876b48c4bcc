"""Protocols on small trees in the sets' own layouts, with answers whose score is known."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasface.data import read
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import READERS
from kerasface.evaluation.measures import measure
from kerasface.evaluation.protocols import (
    PROTOCOLS,
    ClassTarget,
    TwoAges,
    find_protocol,
    two_ages_task,
    with_two_ages,
)
from kerasface.tasks import Classification, Regression

CK = ("angry", "disgust", "fear", "happy", "sad", "surprise", "contempt")
FER = (*CK[:6], "neutral")


def draw(root, *names):
    """Writes a small picture at each path."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        grey = sum(name.encode()) % 200
        Image.fromarray(np.full((12, 12), grey, np.uint8)).save(root / name)


def sure(labels, size):
    """`(rows, size)` logits that say the given classes."""
    return 8.0 * np.eye(size)[np.asarray(labels)]


@pytest.fixture(scope="module")
def ck48(tmp_path_factory):
    root = tmp_path_factory.mktemp("ck48")
    folders = ("anger", "disgust", "fear", "happy", "sadness", "surprise", "contempt")
    draw(
        root / "CK+48",
        *(
            f"{folders[(person + sequence) % 7]}/S{person:03d}_{sequence:03d}_0000000{frame}.png"
            for person in range(14)
            for sequence in (1, 2)
            for frame in (1, 2, 3)
        ),
    )
    return root


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    root = tmp_path_factory.mktemp("fer2013")
    names = [f"validation/{name}/PublicTest_{n}.jpg" for n, name in enumerate(FER)]
    names += [f"validation/neutral/PublicTest_{n}.jpg" for n in (7, 8)]
    draw(root, *names, "train/happy/Training_1.jpg")
    listed = "fer2013/validation/angry/PublicTest_0.jpg\nfer2013/train/happy/Training_1.jpg\n"
    (root / "near_duplicates_of_PrivateTest.txt").write_text(listed)
    return root


def ask(protocol, table, answer, tasks):
    """Every split tested by a function of a test set to the model's outputs."""
    parts = []
    for split in protocol.splits(table):
        test = protocol.test_set(table, split, 16)
        parts.append(protocol.tested(table, split, test, tasks, answer(test)))
    return parts, protocol.score(parts, resamples=100)


def test_folds_of_ck48_are_those_of_its_reader(ck48):
    protocol = find_protocol("ck48_10fold")
    table = protocol.read(ck48)
    assert len(table) == 84 and protocol.splits(table) == protocol.splits(protocol.read(ck48))
    for fold, split in enumerate(protocol.splits(table)):
        held_out = read("ck48", ck48, fold=fold).filter(split="validation")
        assert set(split.test) == {row.image for row in held_out}
    many = find_protocol("ck48_10fold_10times").splits(table)
    assert len(many) == 100 and many[0].test == protocol.splits(table)[0].test


def test_folds_are_scored_together_and_apart(ck48):
    """Right on all folds but the first, where everything is called contempt."""
    protocol = find_protocol("ck48_10fold")
    table = protocol.read(ck48)
    first = set(protocol.splits(table)[0].test)

    def answer(test):
        labels = test.labels["expression"]
        guess = [6 if name in first else label for name, label in zip(test.names, labels)]  # noqa: B905
        return {"expression": sure(guess, 7)}

    parts, result = ask(protocol, table, answer, [Classification("expression", CK)])
    [view] = result["views"].values()
    shares = []
    for split in protocol.splits(table):
        rows = [row for row in table if row.image in split.test]
        hits = [row.labels["expression"] == "contempt" or row.image not in first for row in rows]
        shares.append(sum(hits) / len(hits))
    wrong = sum(row.image in first and row.labels["expression"] != "contempt" for row in table)
    assert 0 < wrong < 84
    accuracy = view["measures"]["accuracy"]
    assert accuracy["value"] == pytest.approx(1 - wrong / 84) and accuracy["rows"] == 84
    assert accuracy["low"] < accuracy["value"] < accuracy["high"] <= 1
    assert [each["measures"]["accuracy"] for each in view["splits"]] == pytest.approx(shares)
    over = view["over_splits"]["accuracy"]
    assert over["mean"] == pytest.approx(np.mean(shares))
    assert over["sd"] == pytest.approx(np.std(shares, ddof=1)) and over["splits"] == 10
    assert view["people"] == 14 and view["ceiling"] == 1.0
    assert np.array(view["confusion"]).sum() == 84
    assert np.trace(view["confusion"]) == 84 - wrong
    assert (
        result["headline"]["view"] == "all"
        and result["headline"] | accuracy == (result["headline"])
    )
    # Six rows a person are no independent evidence: by rows the interval is narrower.
    alone = [part._replace(people=part.names) for part in parts]
    by_row = protocol.score(alone, resamples=400)["headline"]
    by_person = protocol.score(parts, resamples=400)["headline"]
    assert by_row["high"] - by_row["low"] < by_person["high"] - by_person["low"]
    json.dumps(result, allow_nan=False)


def test_across_sets_neutral_is_wrong_and_the_six_stand_beside_it(fer2013, ck48):
    """By hand: nine rows, one of each class and neutral three times.

    The head has CK+'s classes. It says contempt on the angry row, with angry next: contempt is
    no class of FER2013, so that is angry and right. It is right on disgust, fear, happy, says
    happy for sad (wrong), is right on surprise, and cannot be right on three neutral rows. So
    5 of 9 of all seven classes, where 6 of 9 is the ceiling, and 5 of 6 of the six.
    """
    protocol = find_protocol("ck48_to_fer2013")
    table = protocol.read(fer2013)

    def answer(test):
        guess = {"angry": 6, "sad": 3, "neutral": 0}
        names = [name.split("/")[1] for name in test.names]
        logits = sure([guess.get(name, CK.index(name) if name in CK else 0) for name in names], 7)
        logits[names.index("angry"), 0] = 5.0
        return {"expression": logits}

    _, result = ask(protocol, table, answer, [Classification("expression", CK)])
    seven, six = result["views"]["seven classes"], result["views"]["six classes"]
    assert seven["measures"]["accuracy"]["value"] == pytest.approx(5 / 9)
    assert seven["ceiling"] == pytest.approx(6 / 9) and seven["rows"] == 9
    assert six["measures"]["accuracy"]["value"] == pytest.approx(5 / 6)
    assert six["ceiling"] == 1.0 and six["rows"] == 6
    assert result["headline"]["view"] == "seven classes"
    assert np.array(seven["confusion"])[:, 6].sum() == 0
    assert result["protocol"]["trained_on"] == "ck48" and result["protocol"]["answerable"]
    json.dumps(result, allow_nan=False)
    # A head with a neutral of its own may not give it either: CK+ shows nobody how.
    logits = {"expression": np.tile(sure([6], 7), (9, 1))}
    [split] = protocol.splits(table)
    tasks = [Classification("expression", FER)]
    tested = protocol.tested(table, split, protocol.test_set(table, split, 16), tasks, logits)
    assert (tested.outputs.argmax(-1) == 0).all()


def test_across_sets_all_of_the_other_set_trains(fer2013, ck48):
    protocol = find_protocol("ck48_to_fer2013")
    table, training = protocol.read(fer2013), protocol.read_training(ck48)
    [split] = protocol.splits(table, training)
    assert len(split.train) == 84 and set(split.train) == {row.image for row in training}
    assert len(split.test) == 9 and all(name.startswith("validation/") for name in split.test)
    assert protocol.splits(table)[0].train == ()


def test_fer2013_with_and_without_the_near_duplicates(fer2013, tmp_path):
    """By hand: the listed angry row is wrong, the other eight right: 8 of 9, and 8 of 8."""
    protocol = find_protocol("fer2013")
    table = protocol.read(fer2013)

    def answer(test):
        labels = test.labels["expression"].copy()
        labels[[name.split("/")[1] == "angry" for name in test.names]] = 1
        return {"expression": sure(labels, 7)}

    _, result = ask(protocol, table, answer, [Classification("expression", FER)])
    values = {n: view["measures"]["accuracy"]["value"] for n, view in result["views"].items()}
    assert values == {"all": pytest.approx(8 / 9), "without near-duplicates": 1.0}
    assert protocol.splits(table)[0].train == ("train/happy/Training_1.jpg",)
    draw(tmp_path, "train/happy/1.jpg", "validation/sad/2.jpg")
    _, result = ask(protocol, protocol.read(tmp_path), answer, [Classification("expression", FER)])
    assert list(result["views"]) == ["all"]


def test_fer2013_from_its_csv_has_the_private_part(tmp_path):
    pixels = [" ".join([str(grey)] * 2304) for grey in (1, 2, 3)]
    lines = [f"3,{pixels[0]},Training", f"4,{pixels[1]},PublicTest", f"5,{pixels[2]},PrivateTest"]
    (tmp_path / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *lines, ""]))
    protocol = find_protocol("fer2013_private")
    table = protocol.read(tmp_path)
    [split] = protocol.splits(table)
    assert split == ("test", ("row 0",), ("row 2",))
    test = protocol.test_set(table, split, 16)
    assert test.labels["expression"].tolist() == [5] and test.names.tolist() == ["row 2"]


def test_a_part_that_is_not_there_is_refused(fer2013):
    protocol = find_protocol("fer2013_private")
    with pytest.raises(ValueError, match="no row of the part 'test'. Received: FER2013"):
        protocol.splits(protocol.read(fer2013))


AGES = (10, 37, 38, 40, 43, 44, 80)


@pytest.fixture(scope="module")
def utkface(tmp_path_factory):
    """Seven ages, each with so many pictures that every side of a split has some."""
    root = tmp_path_factory.mktemp("utk")
    draw(root / "UTKFace", *(f"{a}_{n % 2}_0_{n:09d}.jpg" for a in AGES for n in range(30)))
    return root


@pytest.mark.parametrize("name", ["utkface_two_ages", "utkface_two_ages_4to1"])
def test_two_ages_ignore_the_years_between(utkface, name):
    protocol = find_protocol(name)
    table = protocol.read(utkface)
    assert {row.labels["age"] for row in table} == {10, 37, 44, 80}
    [split] = protocol.splits(table)
    assert not set(split.train) & set(split.test) and split.train and split.test
    age = Regression("age", "years", (0, 116))

    def years(test):
        """41 years, for everybody: older, so the old are right."""
        return {"age": np.full((len(test), 1), 41.0)}

    _, result = ask(protocol, table, years, [age])
    old = np.mean([int(name.split("_")[0]) > 43 for name in split.test])
    assert result["headline"]["value"] == pytest.approx(old) and 0 < old < 1

    def classes(test):
        return {"age_two_class": sure(test.labels["age_two_class"], 2), **years(test)}

    _, result = ask(protocol, table, classes, [age, two_ages_task()])
    assert result["headline"]["value"] == 1.0


def test_two_ages_of_a_prepared_set():
    """37.9 is young, 38 and 43 are neither, 43.1 is old, and an unknown age stays unknown."""
    ages = np.array([37.9, 38.0, 43.0, 43.1, 80.0], "float32")
    none = np.full(5, "")
    known = np.array([True, True, True, True, False])
    images = np.zeros((5, 8, 8, 3), "uint8")
    made = with_two_ages(PreparedSet(images, {"age": ages}, {"age": known}, none, "a", none))
    assert made.masks["age_two_class"].tolist() == [True, False, False, True, False]
    assert made.labels["age_two_class"][[0, 3]].tolist() == [0, 1]
    assert made.labels["age_two_class"].dtype == "int32"
    with pytest.raises(ValueError, match="Received: labels="):
        with_two_ages(PreparedSet(images, {}, {}, none, "a", none))


def test_ages_in_years_are_measured_by_the_models_own_task(utkface):
    protocol = find_protocol("utkface_age")
    table = protocol.read(utkface)
    task = Regression("age", "years", (0, 116), bins=59)

    def answer(test):
        """All on the bin of 44 years: an error of |age - 44|."""
        return {"age": 90.0 * np.eye(59)[np.full(len(test), 22)]}

    parts, result = ask(protocol, table, answer, [task])
    errors = [abs(int(name.split("_")[0]) - 44) for name in parts[0].names]
    assert result["headline"]["value"] == pytest.approx(np.mean(errors), abs=1e-3)
    assert "confusion" not in result["views"]["all"]
    with pytest.raises(ValueError, match="must be in years. Received: months"):
        protocol.target.answers([Regression("age", "months", (0, 12))], {"age": np.zeros((1, 1))})


def test_portions_of_people_and_albums(tmp_path):
    draw(
        tmp_path / "Album2",
        *(f"{person:06d}_{n}M{age}.JPG" for person in range(30) for n, age in enumerate((20, 60))),
    )
    protocol = find_protocol("morph2_two_ages_4to1")
    table = protocol.read(tmp_path)
    [split] = protocol.splits(table)
    who = {row.image: row.subject for row in table}
    assert len(who) == 60 and split.test
    assert not {who[n] for n in split.train} & {who[n] for n in split.test}


def test_what_a_model_cannot_answer_is_said():
    target = ClassTarget("expression", FER)
    with pytest.raises(ValueError, match=r"task 'expression'. Received: \['age \(regression\)'\]"):
        target.answers([Regression("age", "years", (0, 9))], {})
    other = Classification("expression", ("bored", "tired"))
    with pytest.raises(ValueError, match=r"Received: \['bored', 'tired'\]"):
        target.answers([other], {"expression": np.zeros((1, 2))})
    with pytest.raises(ValueError, match=r"'age' in years. Received: \['gender'\]"):
        TwoAges().answers([Classification("gender", ("male", "female"))], {})


def test_classes_that_a_head_lacks_are_counted_wrong():
    """A head of happy and sad in another order, asked for three classes."""
    target = ClassTarget("mood", ("angry", "happy", "sad"))
    task, logits = target.answers([Classification("mood", ("sad", "happy"))], {"mood": [[2, 1]]})
    assert logits.tolist() == [[-np.inf, 1, 2]]
    assert measure(task, logits, [0])["accuracy"] == 0.0
    assert measure(task, logits, [2])["accuracy"] == 1.0


def test_parts_of_different_tasks_are_not_pooled(utkface):
    protocol = find_protocol("utkface_age")
    table = protocol.read(utkface)
    tasks = [Regression("age", "years", (0, 116)), Regression("age", "years", (0, 116), bins=2)]
    outputs = [lambda n: np.zeros((n, 1)), lambda n: np.zeros((n, 2))]
    [split] = protocol.splits(table)
    test = protocol.test_set(table, split, 16)
    parts = [
        protocol.tested(table, split, test, [task], {"age": make(len(test))})
        for task, make in zip(tasks, outputs, strict=True)
    ]
    with pytest.raises(ValueError, match="Received: \\['validation', 'validation'\\]"):
        protocol.score(parts)
    with pytest.raises(ValueError, match="Received: \\[\\]"):
        protocol.score([])


def test_every_protocol_is_named_described_and_read_by_a_reader():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name and set(protocol.readers + protocol.training) <= set(READERS)
        about = json.loads(json.dumps(protocol.describe()))
        assert about["name"] == name and about["averaging"] and about["metrics"]
    with pytest.raises(ValueError, match="near are ck48_10fold.*Received: ck48_10folds"):
        find_protocol("ck48_10folds")


def test_a_folder_without_the_set_or_its_labels_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="anger or happy"):
        find_protocol("ck48_10fold").read(tmp_path)
    with pytest.raises(ValueError, match="no row has a label for 'utkface_age'. Received: "):
        find_protocol("utkface_age").read(tmp_path)
