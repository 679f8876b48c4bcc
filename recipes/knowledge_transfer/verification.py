"""Tables 4 and 5 of Wang et al. (2017): the same person or not, by triplets of embeddings.

    python -m recipes.knowledge_transfer.classification ...                             # first
    python -m recipes.knowledge_transfer.verification --prepared runs/kt-prepared --runs runs/kt \\
        --data DATA

Trains on the 500 people of `classification.py` by batches of 32 people with 4 pictures each, from
its networks: "Pretrain" knows labels of people, "Distill" was distilled after full initialisation,
and "Soft", for /8, learnt from the teacher's soft predictions alone. Targets as in `alignment.py`
(equations 8 and 9), without and with the additional softmax term. The margin is chosen first, on
100 other people. Tested by the nearest neighbour among CelebA's 255 unseen people and by LFW's own
pairs. Writes `verification.json`; what is trained is skipped. `--devices` and `--hosts` as of
`classification`; on TensorFlow a device has whole people and compares only those it has. `--only
margin`, then `--only triplets` beside `--only softmax`, divide the cores. About 40 minutes on two.
Expected: "Distill" is best everywhere, the softmax term helps, the hidden layer never does.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

from kerasface.data.identity_batches import identity_batches
from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Embedding
from kerasface.training import cache_teacher_flips, distil, pretrain
from kerasface.zoo.schema import dump_json
from recipes.knowledge_transfer import measures, networks
from recipes.knowledge_transfer.alignment import TARGETS, chosen_temperature
from recipes.knowledge_transfer.classification import (
    classes,
    folder_of,
    near,
    need_choice,
    options_of,
)
from recipes.whole_files import write_whole

INITIALISATIONS = {"pretrain": "labels", "distill": "ours", "soft": "softonly"}
MARGINS_FILE = "margins.json"
# What can be trained alone.
PARTS = ("margin", "triplets", "softmax")
MARGINS = (0.2, 0.4, 0.8)
PEOPLE, PICTURES = 32, 4
EPOCHS, STEPS, CHOICE_EPOCHS = 4, 25, 2
DIVISORS = (2, 4, 8)
WIDTH = 2048
RATE = networks.INITIALISED_RATE


class Verifiers:
    """Trains the networks of one table, or what is left of them."""

    def __init__(self, options, people, temperature: float, softmax: bool):
        self.options, self.people, self.temperature = options, people, temperature
        self.softmax, self.runs, self.small = softmax, options.runs, options.smoke
        self.kind = "softmax" if softmax else "triplets"
        self.teacher_run = self.runs / f"verify-{self.kind}-teacher"
        self.unseen, self.lfw = options.load("celeba-unseen"), options.load("lfw")
        self.margin = MARGINS[1]
        self.taught: PreparedSet | None = None

    def tasks(self, divisor: int) -> tuple:
        """Equation 8's K is the trunk's pooled features, of unit length; and who it is."""
        size = 32 // divisor if self.small else WIDTH // divisor
        return Embedding("identity", size, self.margin, project=False), self.people.task

    def stage(self, folder: Path, tasks, prepared: PreparedSet, epochs: int, soft: bool):
        """Without the softmax term nobody's class is known: its loss has no row."""
        shown = prepared if self.softmax else replace(prepared, labels={}, masks={})
        people, pictures = (4, 2) if self.small else (PEOPLE, PICTURES)

        def batches(first):
            return identity_batches(
                shown,
                tasks,
                people,
                pictures,
                augmentation=networks.FLIPS,
                first_step=first,
                soft=soft,
            )

        epochs, steps = (1, 1) if self.small else (epochs, STEPS)
        settings = {"kind": self.kind, "people": people, "pictures": pictures}
        return networks.stage(
            folder,
            batches,
            epochs,
            steps,
            RATE,
            settings,
            together=pictures,
            sets={"celeba": shown},
            rows=people * pictures,
            devices=self.options.devices,
        )

    def teach(self) -> None:
        """The teacher of verification from that of classification, and what both say."""
        divisor, begin = self.options.divisor, self.runs / "classify-teacher"
        tasks = self.tasks(divisor)
        stage = self.stage(self.teacher_run, tasks, self.people.train, EPOCHS, False)
        if not stage.is_finished:
            pretrain(networks.started(divisor, tasks, 0, begin, self.options), stage)
        kept = self.runs / f"verify-{self.kind}-taught.npz"

        def ask() -> None:
            if not kept.exists():
                train = self.people.train
                taught = cache_teacher_flips(networks.trained(begin), train, tasks=["person"])
                teacher = networks.trained(self.teacher_run)
                layers = [networks.LAYER]
                cache_teacher_flips(teacher, taught, layers=layers, tasks=[]).save(kept)

        self.options.devices.once(ask)
        self.taught = PreparedSet.load(kept)

    def student(self, divisor: int, start: str, target: str, epochs=EPOCHS, name="") -> Path:
        """One student; returns its folder."""
        folder = self.runs / f"verify-{self.kind}-{divisor}-{start}-{target}{name}"
        tasks = self.tasks(divisor)
        soft = target != "none"
        prepared = self.taught if soft else self.people.train
        stage = self.stage(folder, tasks, prepared, epochs, soft)
        if stage.is_finished:
            return folder
        begin = folder_of(self.runs, divisor, INITIALISATIONS[start], 0)
        network = networks.started(divisor, tasks, 0, begin, self.options)
        if target == "none":
            pretrain(network, stage)
        else:
            hidden = target == "hidden"
            term = networks.soft_term(self.temperature)
            term = networks.hidden_term(self.taught) if hidden else term
            distil(network, None, [term], stage)
        return folder

    def choose_margin(self) -> dict:
        """By nearest neighbours among the other people, with /8 from labels, without a target."""
        others, scores = self.people.others, {}
        for margin in MARGINS:
            self.margin = margin
            run = self.student(8, "pretrain", "none", CHOICE_EPOCHS, f"-choice-m{margin:g}")
            scores[margin] = self.options.devices.once(partial(near, run, others))
        self.margin = max(scores, key=scores.get)
        return {f"{margin:g}": score for margin, score in scores.items()}

    def measured(self, run: Path) -> dict:
        """Nearest neighbour among unseen people, and LFW's pairs."""
        model = networks.trained(run)
        vectors = measures.vectors_of(model, self.unseen.images)
        pairs = self.options.pairs
        lfw = measures.pair_result(
            measures.vectors_of(model, self.lfw.images), self.lfw.names, pairs
        )
        unseen = measures.neighbour_result(vectors, self.unseen.subjects)
        return {**unseen, "lfw": lfw["accuracy"], "lfw_each": lfw["each"]}


def wanted() -> list[tuple[int, str, str]]:
    """`(divisor, start, target)` of every student of a table."""
    found = [(8, "soft", "none")]
    for divisor in DIVISORS[::-1]:
        for start in ("pretrain", "distill"):
            found += [(divisor, start, target) for target in TARGETS]
    return found


def chosen_margin(first: Verifiers, options) -> dict:
    """The margin with the scores it was chosen by; made once, kept in a file."""
    file = options.runs / MARGINS_FILE
    if options.devices.once(file.exists):
        return json.loads(file.read_text())
    scores = {} if options.smoke else first.choose_margin()
    found = {"margin": first.margin, "margins": scores}
    options.devices.once(partial(write_whole, file, dump_json(found)))
    return found


def main(arguments=None) -> dict:
    options = options_of(arguments, __doc__.splitlines()[0], PARTS)
    people = classes(options.load("celeba-seen"), options.smoke)
    temperature, only = chosen_temperature(options.runs), options.only
    need_choice(options, "margin", MARGINS_FILE)
    choice = chosen_margin(Verifiers(options, people, temperature, False), options)
    unseen = options.load("celeba-unseen")
    results: dict = {
        **choice,
        "unseen_people": len({*unseen.subjects.tolist()}),
        "people": unseen.subjects.tolist(),
    }
    for softmax in (True,) if options.smoke else (False, True):
        verifiers = Verifiers(options, people, temperature, softmax)
        if only is not None and verifiers.kind not in only:
            continue
        verifiers.margin = choice["margin"]
        verifiers.teach()
        students = [(8, "distill", "soft")] if options.smoke else wanted()
        if only is not None:
            for student in students:
                verifiers.student(*student)
            continue
        teacher = options.devices.once(partial(verifiers.measured, verifiers.teacher_run))
        table = {"teacher": teacher, "students": {}}
        results[verifiers.kind] = table
        for divisor, start, target in students:
            run = verifiers.student(divisor, start, target)
            found = options.devices.once(partial(verifiers.measured, run))
            table["students"][f"{divisor}-{start}-{target}"] = found
            networks.say(
                f"{verifiers.kind}, /{divisor}, {start}, {target}: top-1 "
                f"{100 * found['top1']['value']:.1f} %"
            )
            if options.devices.chief:
                write_whole(options.runs / "verification.json", dump_json(results))
    return results


if __name__ == "__main__":
    main()
