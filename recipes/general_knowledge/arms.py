"""The ways to a target: frozen embeddings with a small MLP, and networks that are trained.

Each gives a number a test face (`targets.each_of`), kept in `scores/<way>/<target>-s<seed>.npz` of
the recipe's records. The scores by which sources are chosen are kept in `choices/<target>.json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from kerasface.evaluation import nearest_neighbour_accuracy
from kerasface.models import FaceModel
from kerasface.tasks import Embedding
from kerasface.training import fine_tune, fit_head, load_finished, start_at_mean, transfer_to
from kerasface.training.progress import say
from kerasface.training.transfer_learning import HIDDEN, features_of
from kerasface.zoo.schema import dump_json
from recipes.general_knowledge import combinations, fusion, records, students, targets
from recipes.whole_files import save_whole, write_whole

HEAD_EPOCHS = 15
# Passes over a target's faces; those that a training sees at least, as CK+ has but 800.
TUNE_EPOCHS, LEAST_FACES = 3, 9_000
# From scratch everything twice, so that the baseline does not lose for want of time.
SCRATCH_FACTOR = 2
# Of the control: whether a network from scratch that is given time comes to the same.
LONGER_FACTOR = 8
TUNE_RATE, SCRATCH_RATE = 5e-4, 2e-3
CELEBA, LFW = ("celeba-source", "celeba-held"), "lfw"
SEEDS = (0, 1, 2)
FROZEN = ("plain", "pca", "concat", "unique", "onestage", "bt", "bct")
ORIGINAL = "original"  # a source on its own task
BEST = "the best source"


@dataclass(frozen=True)
class Tuning:
    """How all weights of a network are taught a target.

    Args:
        begin: run that they begin from; None from scratch, `BEST` that of the best source.
        factor: by which faces are seen more often.
        seeds: of the trainings.
    """

    begin: str | None
    factor: int = 1
    seeds: tuple[int, ...] = SEEDS


TUNED = {
    "cnn": Tuning(None, SCRATCH_FACTOR),
    "pcnn": Tuning(BEST),
    "unique-tuned": Tuning("student-unique"),
    "onestage-tuned": Tuning("student-onestage", seeds=SEEDS[:1]),
}
# A control beside the tables, for who asks for it.
LONGER = {
    "longer-cnn": Tuning(None, LONGER_FACTOR, SEEDS[:1]),
    "longer-unique": Tuning("student-unique", LONGER_FACTOR, SEEDS[:1]),
}
TRAINED = TUNED | LONGER


class Ways:
    """All ways, with what they share kept.

    Args:
        options: of the command line.
    """

    def __init__(self, options):
        self.options = options
        self.features = lru_cache(maxsize=24)(self._features)
        self.operator = lru_cache(maxsize=8)(self._operator)
        self.scores_of_choice = lru_cache(maxsize=32)(self._scores_of_choice)

    def _operator(self, kind: str, size: int | None = None):
        return fusion.fit(kind, self.options, size)

    def _features(self, kind: str, part: str, size: int | None = None) -> np.ndarray:
        """`(rows, dim)` of a part, by a fusion's or a student's name."""
        options = self.options
        if kind not in students.STUDENTS:
            return fusion.codes_of(self.operator(kind, size), part, options)
        file = options.runs / "features" / kind / f"{part}.npy"
        if not file.exists():
            save_whole(file, features_of(self.student(kind), options.load(part).images))
        return np.load(file)

    def student(self, name: str) -> FaceModel:
        """A trained student."""
        return students.load_student(name, self.options)

    def columns(self, names) -> np.ndarray:
        """Columns of some sources in the concatenation."""
        sizes = fusion.shards_of([LFW], self.options).sizes
        return np.repeat([name in names for name in sizes], list(sizes.values()))

    def best(self, target: str, together: bool) -> tuple[str, ...]:
        """The best source, or combination of them, on a fifth of the training rows."""
        members = combinations.all_combinations(self.options.sources)
        scores = self.scores_of_choice(target)
        allowed = [together or len(each) == 1 for each in members]
        return members[int(np.where(allowed, scores, -np.inf).argmax())]

    def _scores_of_choice(self, target: str) -> list[float]:
        """What each combination is worth, more being better; computed once and kept."""
        file = self.options.kept / records.CHOICES / f"{target}.json"
        if not file.exists():
            with self.options.clock("choice"):
                scores = self._chosen_among(target)
            write_whole(file, dump_json([float(each) for each in scores]))
        return json.loads(file.read_text())

    def _chosen_among(self, target: str) -> np.ndarray:
        options = self.options
        sizes = fusion.shards_of([LFW], options).sizes
        members = combinations.all_combinations(sizes)
        if target == targets.PAIRS:
            values = self.features(fusion.CONCAT, CELEBA[1])
            people = options.load(CELEBA[1]).subjects
            return np.array(
                [
                    nearest_neighbour_accuracy(_unit(values[:, self.columns(each)]), people)
                    for each in members
                ]
            )
        about = targets.ALL[target]
        train, _ = targets.split(about, options)
        held = targets.validation(train)
        values = self.features(fusion.CONCAT, train.part)[train.rows]
        labels = train.labels(about.task)
        epochs = 1 if options.smoke else combinations.EPOCHS
        model = combinations.fit_combinations(
            values[~held], labels[~held], sizes, about.task, epochs
        )
        outputs = model.predict(values[held], verbose=0)
        scores = np.array(
            [
                targets.each_of(about.task, outputs[:, member], labels[held]).mean()
                for member in range(len(members))
            ]
        )
        return -scores if about.is_error else scores

    def frozen(self, way: str, target: str, size: int | None = None) -> np.ndarray:
        """A number a test face, of an MLP on a frozen embedding (of pairs, of its distances)."""
        kept, kind = slice(None), way
        if way in ("bt", "bct"):
            kept, kind = self.columns(self.best(target, way == "bct")), fusion.CONCAT
        options = self.options
        if target == targets.PAIRS:
            vectors = self.features(kind, LFW, size)[:, kept]
            return targets.pair_hits(vectors, options.load(LFW), targets.pairs_of(options))
        about = targets.ALL[target]
        train, test = targets.split(about, options)
        task = about.task
        head = fit_head(
            self.features(kind, train.part, size)[train.rows][:, kept],
            {task.name: train.labels(task)},
            {task.name: np.ones(len(train.rows), bool)},
            [task],
            epochs=1 if options.smoke else HEAD_EPOCHS,
            # Sources are standardised as wholes; principal components keep their proportions.
            per_feature=False,
        )
        outputs = head.predict(
            self.features(kind, test.part, size)[test.rows][:, kept], verbose=0, batch_size=256
        )
        return targets.each_of(task, outputs[task.name], test.labels(task), test.found)

    def tuned(self, way: str, target: str, seed: int) -> np.ndarray:
        """A number a test face, of a network all of whose weights are trained."""
        options = self.options
        pairs = target == targets.PAIRS
        if pairs:
            faces, task = self.people(), Embedding("identity", options.scale.embedding)
        else:
            about = targets.ALL[target]
            train, test = targets.split(about, options)
            faces, task = train.faces, about.task
        begin = TRAINED[way].begin
        if begin == BEST:
            begin = f"source-{self.best(target, False)[0]}"
        # Mixed precision trains, float32 answers.
        keras.config.set_dtype_policy("mixed_bfloat16")
        trained = self._trained(begin, faces, task, epochs_of(way, len(faces)), seed)
        keras.config.set_dtype_policy("float32")
        model = FaceModel.from_spec(trained.get_spec())
        model.set_weights(trained.get_weights())
        if pairs:
            vectors = features_of(model, options.load(LFW).images)
            return targets.pair_hits(vectors, options.load(LFW), targets.pairs_of(options))
        outputs = model.predict(test.faces.images, verbose=0, batch_size=256)
        return targets.each_of(task, outputs[task.name], test.labels(task), test.found)

    def _trained(self, begin: str | None, faces, task, epochs: int, seed: int) -> FaceModel:
        """A network taught a task: a new one of the student's form, or that of a run."""
        options = self.options
        epochs = 1 if options.smoke else epochs
        if begin is None:
            spec = {**students.spec_of(options.scale), "tasks": [task.get_config()]}
            if task.kind == "embedding":
                spec["tasks"] = [{**task.get_config(), "project": False}]
            else:
                spec["shared"] = HIDDEN
            keras.utils.set_random_seed(seed)
            model = FaceModel.from_spec(spec)
            start_at_mean(model, faces)
            return fine_tune(model, faces, epochs, SCRATCH_RATE, seed=seed, devices=options.devices)
        return transfer_to(
            load_finished(options.runs / begin),
            task,
            faces,
            epochs=epochs,
            rate=TUNE_RATE,
            head_epochs=1 if options.smoke else HEAD_EPOCHS,
            seed=seed,
            devices=options.devices,
        )

    def people(self):
        """CelebA's seen people, whole ones until there are as many pictures as a target has."""
        faces = self.options.load(CELEBA[0])
        order = np.random.default_rng(0).permutation(np.unique(faces.subjects))
        counts = dict(zip(*np.unique(faces.subjects, return_counts=True), strict=True))
        most = targets.SMOKE_IMAGES if self.options.smoke else targets.IMAGES
        number = int(np.searchsorted(np.cumsum([counts[each] for each in order]), most)) + 1
        chosen = faces.take(np.isin(faces.subjects, order[:number]))
        return replace(chosen, labels={}, masks={})

    def scored(self, way: str, target: str, seed: int = 0, size: int | None = None) -> Path:
        """The file of a way's scores on a target, made if it is not there."""
        file = records.score_file(self.options.kept, way, target, seed, size)
        if file.exists():
            return file
        name = file.parent.name
        with self.options.clock(f"way-{name}"):
            if way == ORIGINAL:
                each = self.original(target)
            elif way in TRAINED:
                each = self.tuned(way, target, seed)
            else:
                each = self.frozen(way, target, size)
        chosen = {"bt": False, "pcnn": False, "bct": True}
        records.save_score(file, each, self.best(target, chosen[way]) if way in chosen else ())
        say(f"{name}, {target}, seed {seed}: {each.mean():.4f}")
        return file

    def original(self, target: str) -> np.ndarray:
        """A number a held-out face of a source's own task, by the source itself (Table 4)."""
        about = targets.ALL[target]
        source = targets.SOURCE_OF[target.removeprefix(targets.OWN_PREFIX)]
        model = load_finished(self.options.runs / f"source-{source}")
        _, test = targets.split(about, self.options)
        outputs = model.predict(test.faces.images, verbose=0, batch_size=256)
        return targets.each_of(
            about.task, outputs[about.task.name], test.labels(about.task), test.found
        )


def epochs_of(way: str, faces: int) -> int:
    """Passes of a trained way over a target's faces."""
    epochs = max(TUNE_EPOCHS, -(-LEAST_FACES // min(faces, targets.IMAGES)))
    return epochs * TRAINED[way].factor


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
