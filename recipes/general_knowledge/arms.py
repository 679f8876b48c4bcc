"""The ways to a target: frozen embeddings with a small MLP, and networks that are trained.

Each gives a number a test face (`targets.each_of`), kept in `scores/<way>/<target>-s<seed>.npz`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from kerasface.evaluation import nearest_neighbour_accuracy
from kerasface.models import FaceModel
from kerasface.tasks import Embedding
from kerasface.training import fine_tune, fit_head, load_trained, transfer_to
from kerasface.training.progress import say
from kerasface.training.transfer_learning import HIDDEN, features_of
from recipes.general_knowledge import combinations, fusion, students, targets

HEAD_EPOCHS = 15
TUNE_EPOCHS, TUNE_RATE, SCRATCH_RATE = 6, 5e-4, 2e-3
CELEBA, LFW = ("celeba-source", "celeba-held"), "lfw"
SEEDS = (0, 1, 2)
# Way: whether it is of three seeds.
FROZEN = ("plain", "pca", "concat", "unique", "onestage", "bt", "bct")
TUNED = {"cnn": True, "pcnn": True, "unique-tuned": True, "onestage-tuned": False}


class Ways:
    """All ways, with what they share kept.

    Args:
        options: of the command line.
    """

    def __init__(self, options):
        self.options = options
        self.features = lru_cache(maxsize=24)(self._features)
        self.operator = lru_cache(maxsize=8)(self._operator)
        self.best = lru_cache(maxsize=32)(self._best)

    def _operator(self, kind: str, size: int | None = None):
        return fusion.fit(kind, self.options, size)

    def _features(self, kind: str, part: str, size: int | None = None) -> np.ndarray:
        """`(rows, dim)` of a part, by a fusion's or a student's name."""
        options = self.options
        if kind not in students.STUDENTS:
            return fusion.codes_of(self.operator(kind, size), part, options)
        file = options.runs / "features" / kind / f"{part}.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            found = features_of(self.student(kind), options.load(part).images)
            unfinished = file.with_suffix(".part.npy")
            np.save(unfinished, found)
            unfinished.replace(file)
        return np.load(file)

    def student(self, name: str) -> FaceModel:
        """A trained student."""
        return students.load_student(name, self.options)

    def columns(self, names) -> np.ndarray:
        """Columns of some sources in the concatenation."""
        sizes = fusion.shards_of([LFW], self.options).sizes
        return np.repeat([name in names for name in sizes], list(sizes.values()))

    def _best(self, target: str, together: bool) -> tuple[str, ...]:
        """The best source, or combination of them, on a fifth of the training rows."""
        options = self.options
        sizes = fusion.shards_of([LFW], options).sizes
        members = combinations.all_combinations(sizes)
        if target == targets.PAIRS:
            values = self.features(fusion.CONCAT, CELEBA[1])
            people = options.load(CELEBA[1]).subjects
            scores = np.array(
                [
                    nearest_neighbour_accuracy(_unit(values[:, self.columns(each)]), people)
                    for each in members
                ]
            )
        else:
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
            scores = -scores if about.is_error else scores
        allowed = np.array([together or len(each) == 1 for each in members])
        return members[int(np.where(allowed, scores, -np.inf).argmax())]

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
        # Mixed precision trains, float32 answers.
        keras.config.set_dtype_policy("mixed_bfloat16")
        trained = self._trained(way, target, faces, task, seed)
        keras.config.set_dtype_policy("float32")
        model = FaceModel.from_spec(trained.get_spec())
        model.set_weights(trained.get_weights())
        if pairs:
            vectors = features_of(model, options.load(LFW).images)
            return targets.pair_hits(vectors, options.load(LFW), targets.pairs_of(options))
        outputs = model.predict(test.faces.images, verbose=0, batch_size=256)
        return targets.each_of(task, outputs[task.name], test.labels(task), test.found)

    def _trained(self, way: str, target: str, faces, task, seed: int) -> FaceModel:
        options = self.options
        epochs = 1 if options.smoke else TUNE_EPOCHS
        if way == "cnn":
            spec = {**students.spec_of(options.scale), "tasks": [task.get_config()]}
            if task.kind == "embedding":
                spec["tasks"] = [{**task.get_config(), "project": False}]
            else:
                spec["shared"] = HIDDEN
            keras.utils.set_random_seed(seed)
            model = FaceModel.from_spec(spec)
            return fine_tune(model, faces, epochs, SCRATCH_RATE, seed=seed)
        if way == "pcnn":
            keras.config.set_dtype_policy("float32")
            [source] = self.best(target, False)
            keras.config.set_dtype_policy("mixed_bfloat16")
            begin = load_trained(options.runs / f"source-{source}")
        else:
            begin = self.student(way.partition("-")[0])
        return transfer_to(
            begin,
            task,
            faces,
            epochs=epochs,
            rate=TUNE_RATE,
            head_epochs=1 if options.smoke else HEAD_EPOCHS,
            seed=seed,
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
        name = way if size is None else f"{way}-{size}"
        file = self.options.runs / "scores" / name / f"{target}-s{seed}.npz"
        if file.exists():
            return file
        file.parent.mkdir(parents=True, exist_ok=True)
        with self.options.clock(f"way-{name}"):
            tuned = way in TUNED
            each = self.tuned(way, target, seed) if tuned else self.frozen(way, target, size)
        chosen = {"bt": False, "pcnn": False, "bct": True}
        names = self.best(target, chosen[way]) if way in chosen else ()
        unfinished = file.with_suffix(".part.npz")
        np.savez(unfinished, each=each, chosen=np.array(names, str))
        unfinished.replace(file)
        say(f"{name}, {target}, seed {seed}: {each.mean():.4f}")
        return file

    def own(self, name: str) -> np.ndarray:
        """A number a held-out face of a source's own task, by the source itself (Table 4)."""
        about = targets.OWN[name]
        model = load_trained(self.options.runs / f"source-{targets.SOURCE_OF[name]}")
        _, test = targets.split(about, self.options)
        outputs = model.predict(test.faces.images, verbose=0, batch_size=256)
        return targets.each_of(
            about.task, outputs[about.task.name], test.labels(about.task), test.found
        )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
