"""Table 3 of Wang et al. (2017): points of the face, by ResNet-50/8, from two initialisations.

    python -m recipes.knowledge_transfer.classification ...                             # first
    python -m recipes.knowledge_transfer.alignment --prepared runs/kt-prepared --runs runs/kt \\
        --data DATA

Five points on MTFL (its pictures from the web train, `testing.txt` tests) and 68 on Helen and AFW
(Helen's testset tests). Student and teacher begin from the networks of `classification.py`: the
student from "Pretrain", trained on labels of people alone, or from "Distill", fully initialised and
then distilled. Then equation 5 with neither target, with the teacher's hidden layer (equation 7),
or with soft predictions. The soft target is what the teacher of classification says of these
faces, the hidden one that of the teacher of points; the weights of both, which the paper does not
print, are chosen on a fifth of MTFL's training faces and kept in `weights.json`. Heads of points
begin at the mean face, which the paper does not say: from a random head the first steps undo what
the initialisation brought, and all students ended worse than the mean face.

Writes `alignment.json`; what is trained is skipped. `--devices` and `--hosts` as of
`classification`; `--only weights`, then `--only five` beside `--only sixty_eight`, divide the
cores. About 45 minutes on two. Expected: "Distill" with the hidden layer is best.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data import mix
from kerasface.data.prepared import PreparedSet
from kerasface.data.splits import sha1_bucket
from kerasface.losses import SquaredDistance
from kerasface.tasks import Landmarks
from kerasface.training import cache_teacher_flips, distil, pretrain, start_at_mean
from kerasface.zoo.schema import dump_json
from recipes.knowledge_transfer import faces, measures, networks
from recipes.knowledge_transfer.classification import (
    CHOICES,
    classes,
    folder_of,
    need_choice,
    options_of,
)
from recipes.whole_files import write_whole

# In equation 6 points are counted in tenths of the crop, so that their errors are about as large as
# the other terms; AdamW stands for the paper's momentum, whose rate would have to be found anew.
PHI = 100.0
TASKS = {
    "five": Landmarks("landmarks5", 5, alpha=PHI),
    "sixty_eight": Landmarks("landmarks68", 68, alpha=PHI / 10),
}
SETS = {"five": "mtfl", "sixty_eight": "w300"}
EPOCHS = {"five": 12, "sixty_eight": 40}
INITIALISATIONS = {"pretrain": "labels", "distill": "ours"}
TARGETS = ("none", "hidden", "soft")
# Of equation 5, alpha of the soft target and beta of the hidden one.
WEIGHTS_FILE, WEIGHTS, CHOICE_EPOCHS = "weights.json", (1.0, 0.1, 0.01), 4
# What can be trained alone.
PARTS = ("weights", *TASKS)
STUDENTS = [(start, target) for start in INITIALISATIONS for target in TARGETS]


class Aligners:
    """Trains the networks of one set of points, or what is left of them."""

    def __init__(self, points: str, options, people, temperature: float):
        self.weights = dict.fromkeys(TARGETS[1:], WEIGHTS[0])
        self.points, self.options, self.temperature = points, options, temperature
        self.runs, self.small = options.runs, options.smoke
        self.task, self.person = TASKS[points], people.task
        train = options.load(f"{SETS[points]}-train")
        self.train = faces.without_lfw(train) if points == "five" else train
        self.test = options.load(f"{SETS[points]}-test")
        self.rows = 8 if self.small else networks.ROWS
        self.steps = 1 if self.small else max(len(self.train) // self.rows, 1)
        self.epochs = 1 if self.small else EPOCHS[points]
        self.teacher_run = self.runs / f"align-{points}-teacher"
        self.taught: PreparedSet | None = None

    def stage(self, folder: Path, tasks, prepared: PreparedSet, settings: dict, soft=False):
        """Pictures are only mirrored, so that what is kept of a teacher is what it would say."""
        batches = lambda first: mix(  # noqa: E731
            {"faces": prepared},
            {"faces": self.rows},
            tasks,
            augmentation=networks.FLIPS,
            first_step=first,
            soft=soft,
        )
        return networks.stage(
            folder,
            batches,
            self.epochs,
            self.steps,
            networks.ADAPTIVE_RATE,
            settings,
            True,
            sets={"faces": prepared},
            rows=self.rows,
            devices=self.options.devices,
        )

    def loss(self, tasks) -> dict:
        """Equation 6; the other task's own."""
        own = {task.name: task.make_loss() for task in tasks}
        return {**own, self.task.name: SquaredDistance(name="points")}

    def teach(self) -> None:
        """The teacher of points from that of classification, and what both say."""
        tasks = (self.task,)
        stage = self.stage(self.teacher_run, tasks, self.train, {"points": self.points})
        begin = self.runs / "classify-teacher"
        if not stage.is_finished:
            divisor = self.options.divisor
            network = networks.started(divisor, tasks, 0, begin, self.options)
            start_at_mean(network, self.train)
            pretrain(network, stage, loss=self.loss(tasks))
        kept = self.runs / f"align-{self.points}-taught.npz"

        def ask() -> None:
            if not kept.exists():
                taught = cache_teacher_flips(networks.trained(begin), self.train, tasks=["person"])
                teacher = networks.trained(self.teacher_run)
                layers = [networks.LAYER]
                cache_teacher_flips(teacher, taught, layers=layers, tasks=[]).save(kept)

        self.options.devices.once(ask)
        self.taught = PreparedSet.load(kept)

    def student(self, start: str, target: str, name: str = "") -> Path:
        """One student; returns its folder."""
        folder = self.runs / f"align-{self.points}-{start}-{target}{name}"
        # The softmax layer stays where its predictions are a target, and nothing else trains it.
        tasks = (self.task, self.person) if target == "soft" else (self.task,)
        settings = {"points": self.points, "start": start}
        stage = self.stage(folder, tasks, self._targets(target), settings, target != "none")
        if stage.is_finished:
            return folder
        begin = folder_of(self.runs, 8, INITIALISATIONS[start], 0)
        network = networks.started(8, tasks, 0, begin, self.options)
        # The softmax layer that some bring along is no head of points, and stays.
        start_at_mean(network, self.train)
        loss = self.loss(tasks)
        if target == "none":
            pretrain(network, stage, loss=loss)
        else:
            hidden = target == "hidden"
            weight = self.weights[target]
            term = networks.soft_term(self.temperature, weight)
            term = networks.hidden_term(self.taught, weight) if hidden else term
            distil(network, None, [term], stage, loss=loss)
        return folder

    def choose_weights(self) -> dict[str, dict[str, float]]:
        """By target and weight, the mean error on a fifth of the training faces, left out."""
        train, taught, epochs = self.train, self.taught, self.epochs
        held = np.array([sha1_bucket(f"weight {each}", 5) == 0 for each in train.names.tolist()])
        self.train, self.taught = train.take(~held), taught.take(~held)
        self.steps, self.epochs = max(len(self.train) // self.rows, 1), CHOICE_EPOCHS
        scores: dict = {}
        for target in self.weights:
            scores[target] = {}
            for weight in WEIGHTS:
                self.weights[target] = weight
                run = self.student("distill", target, f"-choice-w{weight:g}")
                found = self.measured(run, train.take(held))
                scores[target][f"{weight:g}"] = found["nrmse"]["value"]
            self.weights[target] = float(min(scores[target], key=scores[target].get))
        self.train, self.taught, self.epochs = train, taught, epochs
        self.steps = max(len(train) // self.rows, 1)
        return scores

    def _targets(self, target: str) -> PreparedSet:
        return self.train if target == "none" else self.taught

    def measured(self, run: Path, faces: PreparedSet) -> dict:
        """Errors over some faces."""

        def ask() -> dict:
            return measures.point_result(networks.trained(run), faces, self.task.name)

        return self.options.devices.once(ask)

    def mean_face(self) -> dict:
        """Errors of who answers the training part's mean face to every picture."""
        mean = self.train.labels[self.task.name].mean(axis=0)
        return measures.error_result(mean, self.test.labels[self.task.name])


def chosen_weights(options, people, temperature: float) -> dict:
    """The weights with the scores they were chosen by; made once, kept in a file."""
    file = options.runs / WEIGHTS_FILE
    if options.devices.once(file.exists):
        return json.loads(file.read_text())
    first, scores = Aligners("five", options, people, temperature), {}
    if not options.smoke:
        first.teach()
        scores = first.choose_weights()
    found = {"chosen": first.weights, "scores": scores}
    options.devices.once(partial(write_whole, file, dump_json(found)))
    return found


def main(arguments=None) -> dict:
    options = options_of(arguments, __doc__.splitlines()[0], PARTS)
    people = classes(options.load("celeba-seen"), options.smoke)
    file = options.runs / "alignment.json"
    temperature, only = chosen_temperature(options.runs), options.only
    need_choice(options, "weights", WEIGHTS_FILE)
    choice = chosen_weights(options, people, temperature)
    results: dict = {}
    for points in list(TASKS)[: 1 if options.smoke else None]:
        if only is not None and points not in only:
            continue
        aligners = Aligners(points, options, people, temperature)
        aligners.weights = choice["chosen"]
        aligners.teach()
        if only is not None:
            for start, target in STUDENTS:
                aligners.student(start, target)
            continue
        results[points] = {
            "mean_face": aligners.mean_face(),
            "teacher": aligners.measured(aligners.teacher_run, aligners.test),
            "students": {},
            "weights": choice,
        }
        for start, target in [("distill", "hidden")] if options.smoke else STUDENTS:
            found = aligners.measured(aligners.student(start, target), aligners.test)
            results[points]["students"][f"{start}-{target}"] = found
            error = 100 * found["nrmse"]["value"]
            networks.say(f"{points}, {start}, {target}: NRMSE {error:.2f} %")
            if options.devices.chief:
                write_whole(file, dump_json(results))
    return results


def chosen_temperature(runs: Path) -> float:
    """What `classification.py` chose."""
    return float(json.loads((runs / CHOICES).read_text())["temperature"])


if __name__ == "__main__":
    main()
