"""The controls: what they compare is equal but for one thing, and a small one from end to end."""

import json
import re
from dataclasses import asdict
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasface.data.pseudo_labels import TaskLabels
from kerasface.tasks import Classification
from kerasface.training import Muon
from recipes.controls import affinity, run
from recipes.controls.arms import ARMS, CONTROLS, Control
from recipes.distill_2md_mtl.label_noise import corrupted, mistaken, spoilt
from recipes.distill_2md_mtl.methods import ROWS, ROWS_IN_BATCH
from recipes.distill_2md_mtl.plateau import Plateau
from recipes.distill_2md_mtl.rates import optimizer
from recipes.distill_2md_mtl.runs import Run
from recipes.distill_2md_mtl.sets import DOMAINS, only_own_label, smoke_set

TASKS = DOMAINS["here"].tasks
KINDS = {"auxiliary", "pseudo", "sure", "rate", "balancing", "adversary"}


def test_every_question_knows_its_arms_and_every_arm_is_asked_for():
    asked = {arm for control in CONTROLS.values() for arm in control.arms}
    assert asked == set(ARMS)
    for control in CONTROLS.values():
        assert set(control.repeated or ()) <= set(control.arms)
        assert len(set(control.arms)) == len(control.arms)


def test_arms_are_equal_in_pictures_or_in_own_pictures():
    for name, arm in ARMS.items():
        if arm.filled:
            assert sum(arm.per_batch.values()) == ROWS_IN_BATCH, name
        else:
            assert name in CONTROLS["affinity"].arms
            assert arm.per_batch == {task: ROWS[task] for task in arm.sets}
    assert len({json.dumps(asdict(arm), sort_keys=True) for arm in ARMS.values()}) == len(ARMS)


@pytest.mark.parametrize("name", [name for name in ARMS if name.split("-")[0] in KINDS])
def test_an_arm_differs_from_its_like_in_one_thing(name):
    like = "pseudo" if name.startswith(("pseudo", "sure")) else "multi"
    one, other = asdict(ARMS[name]), asdict(ARMS[like])
    differs = {key for key in one if one[key] != other[key]} - {"title"}
    allowed = {"threshold", "corrupted"} if name.startswith("sure") else differs
    assert len(differs) <= 1 or differs == allowed, differs


def test_runs_are_made_once_and_every_arm_before_a_second_fold():
    runs = run.wanted(None)
    assert len(set(runs)) == len(runs)
    assert {each.method for each in runs[: len(ARMS)]} == set(ARMS)
    assert {each.split for each in runs[: len(ARMS)]} == {"fold-0"}
    assert Run("multi", "fold-2", 2) in runs and Run("auxiliary-20", "fold-1", 1) not in runs
    assert Run("auxiliary-40", "fold-1", 1) in runs and Run("rate-cosine", "fold-1", 1) not in runs
    place = {each: number for number, each in enumerate(runs)}
    for each in runs:
        if ARMS[each.method].teacher:
            assert place[each._replace(method="multi")] < place[each]


def test_corrupted_labels():
    labels = np.arange(1000) % 4
    moved = corrupted(labels, 4, 0.3, np.random.default_rng(0))
    assert (moved != labels).sum() == 300 and set(moved) == {0, 1, 2, 3}
    np.testing.assert_array_equal(corrupted(labels, 4, 0.0, np.random.default_rng(0)), labels)


def taught(rows, sureness):
    """A teacher's labels of four classes, all of one confidence."""
    task = Classification("expression", ("a", "b", "c", "d"))
    labels = (np.arange(rows) % 4).astype("int32")
    soft = np.full((rows, 4), (1 - sureness) / 3, "float32")
    soft[np.arange(rows), labels] = sureness
    numbers = [np.full(rows, sureness, "float32"), np.full(rows, np.nan, "float32")]
    names = np.arange(rows).astype(str)
    return TaskLabels(task, names, labels, soft, *numbers, np.ones(rows, bool))


def test_views_that_disagree_are_less_sure_and_one_view_is_not():
    labels = taught(500, 0.9)
    for views, told in ((4, True), (1, False)):
        found = mistaken(labels, 0.4, views, np.random.default_rng(0))
        wrong = found.labels != labels.labels
        assert wrong.sum() == 200
        np.testing.assert_allclose(found.soft.sum(1), 1.0, rtol=1e-6)
        np.testing.assert_array_equal(found.soft.argmax(1), found.labels)
        np.testing.assert_array_equal(found.soft.max(1), found.confidence)
        np.testing.assert_array_equal(found.confidence[~wrong], labels.confidence[~wrong])
        assert ((found.confidence[wrong] < 0.75).mean() > 0.9) == told
        # Four views that all differ know nothing: a quarter each.
        least = 0.25 if told else 0.9
        assert found.confidence[wrong].min() >= least - 1e-6
    np.testing.assert_array_equal(labels.soft, taught(500, 0.9).soft)


def test_a_teacher_that_knows_nothing_can_be_mistaken_too():
    """All classes alike: no disagreement moves the first one, the last try does."""
    labels = taught(8, 0.25)
    found = mistaken(labels, 1.0, 4, np.random.default_rng(0))
    np.testing.assert_allclose(found.confidence, 0.25)


def test_the_main_task_is_never_spoilt():
    sets = {
        "expression": only_own_label(smoke_set(None, "ck48"), TASKS["expression"]),
        "gender": only_own_label(smoke_set(None, "fairface-train"), TASKS["gender"]),
    }
    wrong = spoilt(sets, list(TASKS.values()), ARMS["auxiliary-60"])
    dealt = spoilt(sets, list(TASKS.values()), ARMS["shuffled"])
    for made in (wrong, dealt):
        before = sets["expression"].labels["expression"]
        np.testing.assert_array_equal(before, made["expression"].labels["expression"])
    gender = sets["gender"].labels["gender"]
    assert (wrong["gender"].labels["gender"] != gender).mean() == pytest.approx(0.6)
    assert sorted(dealt["gender"].labels["gender"]) == sorted(gender)
    assert (dealt["gender"].labels["gender"] != gender).any()
    # With a teacher the noise is in its labels, which have a confidence, and not done twice.
    again = spoilt(sets, list(TASKS.values()), ARMS["pseudo-60"])
    np.testing.assert_array_equal(again["gender"].labels["gender"], gender)


def test_matrices_by_hand():
    """Cosines of two epochs are averaged; a pair's accuracy stands in both of its rows."""
    names = {"age": "age_two_class", "gender": "gender", "expression": "expression"}
    history = []
    for value in (0.2, 0.4):
        entry = {"expression_and_gender_gradient_cosine": -value}
        entry["age_two_class_and_gender_gradient_cosine"] = value
        entry["expression_and_age_two_class_gradient_cosine"] = 0.0
        history.append(entry)
    found = affinity.cosines([history, []], names)
    expected = [[1, 0.3, 0.0], [0.3, 1, -0.3], [0.0, -0.3, 1]]
    np.testing.assert_allclose(found["matrix"], expected)
    np.testing.assert_allclose(found["last"][0][1], 0.4)
    assert affinity.cosines([[]], names) is None

    def arm(**measured):
        return {"measured": {run.TESTS[k]: {"accuracy": v} for k, v in measured.items()}}

    arms = {
        "age-alone": arm(age=0.7),
        "expression+age": arm(expression=0.9, age=0.8),
        "multi": arm(expression=0.95, age=0.75, gender=0.6),
    }
    pairs = affinity.pairwise(arms, run.TESTS)
    assert pairs["tasks"] == ["age", "gender", "expression"]
    assert pairs["matrix"] == [
        [0.7, None, 0.8, 0.75],
        [None, None, None, 0.6],
        [0.9, None, None, 0.95],
    ]
    page = "\n".join(affinity.lines({"cosines": found, "pairwise": pairs}))
    assert "| gender | +0.300 | +1.000 | -0.300 |" in page
    assert "| age | 70.0 | - | 80.0 | 75.0 |" in page


@pytest.mark.parametrize(
    "kind, rates",
    [
        ("exponential", (0.01, 0.1 / 10**0.5, 0.01)),
        ("cosine", (0.01, 0.05, 0.0)),
        ("plateau", (0.1, 0.1, 0.1)),
        ("adamw", (1e-3, 1e-3, 1e-3)),
    ],
)
def test_rates_by_hand(kind, rates):
    """One factor of ten over the run, exponentially; a cosine ends at nothing; others stay.

    The first two begin at a tenth: they rise over the first ten of a hundred steps.
    """
    made = optimizer(kind, 0.1, 100, "momentum")
    for step, rate in zip((0, 50, 100), rates, strict=True):
        made.iterations.assign(step)
        assert float(made.learning_rate) == pytest.approx(rate, abs=1e-7)
    assert isinstance(made, keras.optimizers.AdamW) == (kind == "adamw")
    other = optimizer(kind, 0.1, 100)
    assert isinstance(other, Muon) == (kind != "adamw")
    assert float(other.learning_rate) == pytest.approx(rates[0])


def test_plateau_goes_on_as_if_never_stopped():
    losses = [1.0, 0.9, 0.899, 0.898, 0.897, 0.5, 0.499, 0.498]

    def rates(stop):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        seen, callback = [], None
        for epoch, loss in enumerate(losses):
            if callback is None or epoch == stop:
                stored = callback and callback.get_state()
                callback = Plateau(monitor="loss", factor=0.3, patience=1, min_delta=0.01)
                callback.set_model(model)
                if stored:
                    model.optimizer.learning_rate = 0.1
                    callback.set_state(json.loads(json.dumps(stored)))
                callback.on_train_begin()
            callback.on_epoch_end(epoch, {"loss": loss})
            seen.append(float(model.optimizer.learning_rate))
        return seen

    whole = rates(stop=None)
    assert len(set(whole)) > 2
    assert rates(stop=3) == whole and rates(stop=6) == whole


def test_a_difference_that_each_run_shows_is_marked():
    """Of two runs the gaps are +0.25 and +0.5, then +0.25 and -0.5."""

    def part(right):
        people = np.array([f"p{n}" for n in range(len(right))])
        # Of two classes, every face is of the second.
        outputs, labels = np.stack([1 - np.array(right), right], axis=1), np.ones(len(right), int)
        return SimpleNamespace(outputs=outputs, labels=labels, people=people)

    places = run.PLACES[:2]
    first = dict(zip(places, (part([0, 0, 1, 1]), part([1, 0, 1, 0])), strict=True))
    better = dict(zip(places, (part([1, 0, 1, 1]), part([1, 1, 1, 1])), strict=True))
    mixed = dict(zip(places, (part([1, 0, 1, 1]), part([0, 0, 0, 0])), strict=True))
    one = {places[0]: better[places[0]]}
    cells = [
        run._cell(run._number(own, {place: first[place] for place in own}))
        for own in (better, mixed, one)
    ]
    assert cells[0].startswith("87.5 ± 17.7 (+37.5*; ")
    assert cells[1].startswith("37.5 ± 53.0 (-12.5; ") and cells[2].startswith("75.0 (+25.0; ")


def test_the_conclusions_are_of_the_tables_they_stand_before():
    results = json.loads((run.HERE / "controls.json").read_text())
    conclusions = (run.HERE / run.CONCLUSIONS).read_text()
    assert (run.HERE / "CONTROLS.md").read_text() == run.render(results, conclusions)
    tables, number = run.render(results), r"[+-]?\d+\.\d+"
    said = set(re.findall(number, conclusions))
    assert said and said <= set(re.findall(number, tables))


@pytest.mark.slow
def test_a_question_from_end_to_end(tmp_path, monkeypatch, eager):
    control = Control("Does it help?", ("multi", "sure-40"), ())
    monkeypatch.setattr(run, "CONTROLS", {"affinity": control})
    (tmp_path / run.CONCLUSIONS).write_text("## Conclusions\n\nNone, of drawn faces.\n")
    run.main(["--smoke", "--runs", str(tmp_path)])
    found = json.loads((tmp_path / "controls.json").read_text())["affinity"]
    arms = found["arms"]
    assert set(arms["sure-40"]["measured"]) == {"ck48_10fold", "ck48_to_fer2013"}
    assert set(arms["multi"]["measured"]) == set(run.ASKED)
    number, first = (arms[arm]["measured"]["ck48_to_fer2013"] for arm in ("sure-40", "multi"))
    gap = number["accuracy"] - first["accuracy"]
    assert number["gap"]["mean"] == pytest.approx(gap) and "gap" not in first
    cosines = np.array(found["cosines"]["matrix"])
    np.testing.assert_allclose(cosines, cosines.T)
    assert (np.abs(cosines) <= 1).all() and (np.diag(cosines) == 1).all()
    assert (
        found["pairwise"]["matrix"][1][3] == arms["multi"]["measured"]["utkface_gender"]["accuracy"]
    )
    page = (tmp_path / "CONTROLS.md").read_text()
    assert "\n\nNone, of drawn faces.\n\n## Does it help?\n" in page
    assert "| 2MD-MTL | 1 |" in page and "figures/affinity.png" in page
    for name in ("affinity", "affinity-cosine", "affinity-accuracy"):
        image = (tmp_path / "figures" / f"{name}.png").read_bytes()
        assert image.startswith(b"\x89PNG")
    lines = (tmp_path / "fold-0" / "sure-40-s0" / "history.jsonl").read_text().splitlines()
    # Unsure labels are not learnt from: 64 rows of CK+ a batch, and few of the others.
    assert 2 * 64 <= json.loads(lines[-1])["labelled"] < 2 * ROWS_IN_BATCH
