"""Equations (2) and (5) to (9) of Wang et al. (2017) as loops in NumPy, beside `Distiller`."""

import keras
import numpy as np
import pytest

from kerasface.data.batches import TEACHER, labelled_weights, layer_column
from kerasface.losses import SquaredDistance
from kerasface.models import FaceModel, build_trunk, with_hidden
from kerasface.tasks import Classification, Embedding, Landmarks
from kerasface.training import Distiller, HiddenTarget, LogitTargets, SoftTargets

ROWS = 10
PEOPLE = Classification("person", ("ann", "bob", "cid"), alpha=0.5)
POINTS = Landmarks("landmarks5", 5)
FACE = Embedding("identity", 4, margin=0.4)
TASKS = (PEOPLE, POINTS, FACE)


def model(seed, last=6, tasks=TASKS):
    keras.utils.set_random_seed(seed)
    trunk = build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(4, last), blocks=(1, 1))
    return FaceModel(trunk, tasks)


@pytest.fixture
def batch():
    chance = np.random.default_rng(3)
    images = chance.integers(0, 256, (ROWS, 16, 16, 3)).astype("float32")
    labels = {
        "person": chance.integers(0, 3, ROWS).astype("int32"),
        "landmarks5": chance.uniform(0, 1, (ROWS, 5, 2)).astype("float32"),
        "identity": np.array([7, 7, 7, 4, 4, -1, 9, 9, 9, -1], "int32"),
    }
    masks = {
        "person": np.arange(ROWS) < 6,
        "landmarks5": np.arange(ROWS) >= 3,
        "identity": labels["identity"] >= 0,
    }
    return images, labels, masks, labelled_weights(masks, TASKS)


# The oracles: Python's own numbers, one row after another.


def softmax(row, t=1.0):
    powers = [np.exp((value - max(row)) / t) for value in row]
    return [power / sum(powers) for power in powers]


def cross_entropy(target, answer):
    return -sum(p * np.log(q) for p, q in zip(target, answer, strict=True))


def squared(first, second):
    pairs = zip(np.ravel(first).tolist(), np.ravel(second).tolist(), strict=True)
    return sum((a - b) ** 2 for a, b in pairs)


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def triplets(embeddings, labels, margin):
    """Eq. (8) with FaceNet's semi-hard choice: mean over pairs of one person."""
    rows = [i for i in range(len(labels)) if labels[i] >= 0]
    losses = []
    for a in rows:
        others = [squared(embeddings[a], embeddings[n]) for n in rows if labels[n] != labels[a]]
        for p in rows:
            if p != a and labels[p] == labels[a]:
                near = squared(embeddings[a], embeddings[p])
                farther = [each for each in others if each > near]
                losses.append(max(0.0, near - (min(farther) if farther else max(others)) + margin))
    return mean(losses)


def hard_oracle(outputs, batch, points_loss=None):
    """H(P, y) of the labelled rows, Phi of points (6) and of verification (8), with alphas."""
    _, labels, masks, _ = batch
    people = mean(
        -np.log(softmax(outputs["person"][i])[labels["person"][i]])
        for i in range(ROWS)
        if masks["person"][i]
    )
    points = mean(
        squared(outputs["landmarks5"][i], labels["landmarks5"][i])
        for i in range(ROWS)
        if masks["landmarks5"][i]
    )
    return 0.5 * people + points + triplets(outputs["identity"], labels["identity"], 0.4)


def as_numpy(values):
    return {name: np.array(value, "float64") for name, value in values.items()}


PHI = {
    "person": PEOPLE.make_loss(),
    "landmarks5": SquaredDistance(),
    "identity": FACE.make_loss(),
}


def run(distiller, batch, labels=None):
    """The loss in training, and what student and (through it) its layers said."""
    images, own, _, weights = batch
    distiller.compile("sgd", loss=PHI)
    outputs = distiller(images, training=True)
    loss = distiller.compute_loss(images, labels or own, outputs, weights, training=True)
    hidden = as_numpy(outputs.pop("<hidden>")) if "<hidden>" in outputs else {}
    return float(loss), as_numpy(outputs), hidden


def told(teacher, images, layers=("features",)):
    outputs, hidden = with_hidden(teacher, layers)(images)
    return as_numpy(outputs), as_numpy(hidden)


@pytest.mark.parametrize("times_square", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_equation_2_hard_and_soft_of_classes(batch, temperature, times_square):
    teacher, student = model(1), model(2)
    term = SoftTargets(temperature, 0.7, tasks=["person"], times_square=times_square)
    loss, said, _ = run(Distiller(student, teacher, terms=[term]), batch)
    taught, _ = told(teacher, batch[0])
    soft = mean(
        cross_entropy(softmax(t, temperature), softmax(s, temperature))
        for t, s in zip(taught["person"], said["person"], strict=True)
    )
    soft *= temperature**2 if times_square else 1.0
    assert loss == pytest.approx(hard_oracle(said, batch) + 0.7 * 0.5 * soft, rel=1e-4)


def test_logits_are_compared_by_squared_distance(batch):
    teacher, student = model(1), model(2)
    loss, said, _ = run(Distiller(student, teacher, hard=0.0, terms=[LogitTargets(2.0)]), batch)
    taught, _ = told(teacher, batch[0])
    gap = mean(squared(t, s) for t, s in zip(taught["person"], said["person"], strict=True))
    # Of classes only: points and embeddings have no logits.
    assert loss == pytest.approx(2.0 * 0.5 * gap, rel=1e-4)


def test_equations_5_and_7_hidden_layer_through_a_projector(batch):
    """All of eq. (5): Phi, alpha and beta; eq. (7) is the same with alpha = 0."""
    teacher, student = model(1, last=9), model(2, last=6)
    terms = [
        SoftTargets(3.0, 0.7, tasks=["person"]),
        HiddenTarget("features", "features", weight=0.3),
    ]
    distiller = Distiller(student, teacher, terms=terms)
    loss, said, hidden = run(distiller, batch)
    taught, layer = told(teacher, batch[0])
    kernel, bias = (np.array(each, "float64") for each in distiller.projectors[0].get_weights())
    assert kernel.shape == (6, 9)
    projected = [
        [sum(row[j] * kernel[j, k] for j in range(6)) + bias[k] for k in range(9)]
        for row in hidden["features"]
    ]
    gap = mean(squared(t, p) for t, p in zip(layer["features"], projected, strict=True))
    soft = 9.0 * mean(
        cross_entropy(softmax(t, 3.0), softmax(s, 3.0))
        for t, s in zip(taught["person"], said["person"], strict=True)
    )
    expected = hard_oracle(said, batch) + 0.7 * 0.5 * soft + 0.3 * gap
    assert loss == pytest.approx(expected, rel=1e-4)


def test_equation_6_by_hand():
    """Teacher of points: off by (0.1, 0) and (0, 0.2) is 0.01 + 0.04."""
    loss = SquaredDistance()([[[0.5, 0.5], [0.5, 0.5]]], [[0.6, 0.5, 0.5, 0.7]])
    assert float(loss) == pytest.approx(0.05, rel=1e-5)


def test_equations_8_and_9_verification_with_and_without_softmax(batch):
    """The softmax term is the labels of `person`: no label of it, no term."""
    images, labels, masks, _ = batch
    teacher, student = model(1), model(2)
    terms = [SoftTargets(3.0, 0.7, tasks=["person"])]
    bare = {**masks, "person": np.zeros(ROWS, bool), "landmarks5": np.zeros(ROWS, bool)}
    weights = labelled_weights(bare, TASKS)
    loss, said, _ = run(Distiller(student, teacher, terms=terms), (images, labels, bare, weights))
    taught, _ = told(teacher, images)
    soft = 9.0 * mean(
        cross_entropy(softmax(t, 3.0), softmax(s, 3.0))
        for t, s in zip(taught["person"], said["person"], strict=True)
    )
    expected = triplets(said["identity"], labels["identity"], 0.4) + 0.7 * 0.5 * soft
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rows,chosen", [("labelled", slice(3, ROWS)), ("unlabelled", slice(0, 3))])
def test_terms_of_chosen_rows(batch, rows, chosen):
    teacher, student = model(1), model(2)
    hidden_term = HiddenTarget(
        "features", "features", projector=None, rows=rows, task="landmarks5", weight=2.0
    )
    soft_term = SoftTargets(1.0, tasks=["landmarks5"], rows=rows)
    distiller = Distiller(student, teacher, hard=0.0, terms=[hidden_term, soft_term])
    loss, said, hidden = run(distiller, batch)
    taught, layer = told(teacher, batch[0])
    pairs = zip(layer["features"][chosen], hidden["features"][chosen], strict=True)
    points = abs(taught["landmarks5"][chosen] - said["landmarks5"][chosen])
    assert loss == pytest.approx(2.0 * mean(squared(*pair) for pair in pairs) + points.mean() / 0.1)


def test_maps_are_compared_place_by_place(batch):
    teacher, student = model(1, last=9), model(2, last=6)
    term = HiddenTarget("group2", "group2")
    distiller = Distiller(student, teacher, hard=0.0, terms=[term])
    loss, _, hidden = run(distiller, batch)
    _, layer = told(teacher, batch[0], ["group2"])
    kernel, bias = (np.array(each, "float64") for each in distiller.projectors[0].get_weights())
    projected = hidden["group2"] @ kernel + bias
    assert layer["group2"].shape == (ROWS, 4, 4, 9)
    assert loss == pytest.approx(mean(map(squared, layer["group2"], projected)), rel=1e-4)


def test_kept_outputs_and_layers_equal_the_teacher_asked_each_time(batch):
    teacher = model(1, last=9)
    terms = [SoftTargets(3.0, tasks=["person"]), HiddenTarget("features", "features")]
    online = Distiller(model(2), teacher, terms=terms)
    expected = run(online, batch)[0]

    taught, layer = told(teacher, batch[0])
    kept = {"person": taught["person"], layer_column("features"): layer["features"]}
    kept = {name: column.astype("float32") for name, column in kept.items()}
    terms[1] = HiddenTarget("features", "features", teacher_size=9)
    offline = Distiller(model(2), terms=terms)
    offline.projectors[0].set_weights(online.projectors[0].get_weights())
    assert run(offline, batch, {**batch[1], TEACHER: kept})[0] == pytest.approx(expected, rel=1e-4)

    del kept[layer_column("features")]
    with pytest.raises(ValueError, match="lack its layer 'features'"):
        run(offline, batch, {**batch[1], TEACHER: kept})


class Counted(FaceModel):
    """Counts how often its heads are asked."""

    calls = 0

    def answers(self, *arguments, **options):
        self.calls += 1
        return super().answers(*arguments, **options)


def test_student_is_called_once_a_step_and_learns(batch):
    images, labels, _, weights = batch
    teacher = model(1, last=9)
    keras.utils.set_random_seed(2)
    trunk = build_trunk("small_resnet", input_shape=(16, 16, 3), widths=(4, 6), blocks=(1, 1))
    student = Counted(trunk, TASKS)
    distiller = Distiller(
        student, teacher, terms=[HiddenTarget("features", "features"), SoftTargets(3.0)]
    )
    distiller.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    student.calls = 0
    distiller.train_on_batch(images, labels, weights)
    assert student.calls == 1

    before = [np.array(value) for value in teacher.get_weights()]
    distiller.compile(keras.optimizers.Adam(0.01))
    history = distiller.fit(
        images, labels, sample_weight=weights, batch_size=ROWS, epochs=12, verbose=0
    ).history
    assert history["features_hidden_loss"][-1] < 0.8 * history["features_hidden_loss"][0]
    assert history["person_soft_loss"][-1] < history["person_soft_loss"][0]
    for then, now in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)


def test_only_the_projector_is_added_and_the_student_is_saved_without(batch, tmp_path):
    teacher, student = model(1, last=9), model(2)
    distiller = Distiller(student, teacher, terms=[HiddenTarget("features", "features")])
    assert distiller.count_params() == student.count_params() + 6 * 9 + 9
    run(distiller, batch)
    assert "<hidden>" not in distiller(batch[0])
    distiller.save_weights(tmp_path / "d.weights.h5")
    other = Distiller(
        model(5), teacher, terms=[HiddenTarget("features", "features")], name="distiller"
    )
    other.compile("sgd", loss=PHI)
    other.load_weights(tmp_path / "d.weights.h5")
    for one, two in zip(distiller.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    student.save_weights(tmp_path / "s.weights.h5")
    model(7).load_weights(tmp_path / "s.weights.h5")


def test_evaluation_knows_nothing_of_teacher_and_layers(batch):
    images, labels, _, weights = batch
    distiller = Distiller(model(2), model(1), terms=[HiddenTarget("features", "features")])
    distiller.compile("sgd")
    logs = distiller.evaluate(images, labels, sample_weight=weights, verbose=0)
    assert "person_accuracy" in logs
    assert set(distiller.predict(images, verbose=0)) == {"person", "landmarks5", "identity"}


def student_and(terms, **options):
    return Distiller(model(2), model(1, last=9), terms=terms, **options)


@pytest.mark.parametrize(
    "make,words",
    [
        (lambda: SoftTargets(0.0), "temperature must be more than 0"),
        (lambda: SoftTargets(weight=-1.0), "weight must be at least 0"),
        (lambda: LogitTargets(rows="some"), "rows must be of"),
        (lambda: HiddenTarget("a", "b", rows="labelled"), "rows must be of a task"),
        (lambda: HiddenTarget("a", "b", projector="mlp"), "projector must be"),
        (lambda: student_and([SoftTargets(), SoftTargets(3.0)]), "one name in the logs"),
        (lambda: student_and([SoftTargets()], temperature=3.0), "the terms' own"),
        (lambda: student_and([SoftTargets(tasks=["age"])]), "tasks of the student"),
        (lambda: student_and([], hard=0.0), "more than 0"),
        (
            lambda: student_and([HiddenTarget("features", "features", projector=None)]),
            "must come to one shape",
        ),
        (lambda: student_and([HiddenTarget("group1", "group2")]), "must come to one shape"),
        (
            lambda: Distiller(model(2), terms=[HiddenTarget("features", "features")]),
            "how many channels",
        ),
    ],
)
def test_bad_terms_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_hidden_layer_is_not_balanced_among_tasks(batch):
    distiller = student_and([HiddenTarget("features", "features")])
    outputs = distiller(batch[0], training=True)
    with pytest.raises(ValueError, match="no task's own"):
        distiller.task_losses({}, batch[0], batch[1], outputs, batch[3])
