"""Tables 1 and 2 of Wang et al. (2017): who is it, of 500 people of CelebA.

    python -m recipes.knowledge_transfer.faces points|people ...                        # once
    python -m recipes.knowledge_transfer.classification --prepared runs/kt-prepared \\
        --runs runs/kt --data DATA

Every fifth picture of each person is tested on, the others train. The teacher is ResNet-50/2
(`--divisor 1` takes the paper's), students are /2, /4 and /8: from scratch with each target, after
FitNets' hint, and fully initialised (labels first, then labels and soft predictions from there);
/8 with three seeds. One /8 from scratch is also trained as long as both steps of the full
initialisation together, a control that the paper lacks. `t` is chosen first, then the rate of the
initialisation's second step, on 100 other people by their nearest neighbours. The teacher's answers
are kept for each picture and its mirror image; one run asks it online instead. Writes
`classification.json`; what is trained is skipped. `--devices` and `--hosts`: see
`recipes/README.md`. About two hours on two cores. Expected: the paper's order, at a lower level (12
pictures a person, not 50).

`--only` trains a part and measures nothing, so that two processes can divide the cores: first
`--only labels`, the students that need no teacher, beside `--only teacher`, which also makes the
choices; then `--only 8-s0 8-s1` beside `--only 2-s0 4-s0`, then the command above.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data import mix
from kerasface.data.prepared import PreparedSet
from kerasface.evaluation import nearest_neighbour_hits
from kerasface.training import cache_teacher_flips, distil, pretrain, regress_hint
from kerasface.training.devices import add_devices, devices_of
from kerasface.zoo.schema import dump_json
from recipes.knowledge_transfer import faces, measures, networks
from recipes.whole_files import write_whole

PEOPLE, OTHERS = 500, 100
EVERY = 5
EPOCHS, INITIALISED_EPOCHS, HINT_EPOCHS, TEACHER_EPOCHS, CHOICE_EPOCHS = 18, 12, 3, 30, 6
TEMPERATURES = (2.0, 3.0, 5.0, 8.0, 12.0)
# The paper goes on from W_S0 at a tenth of the rate from scratch, as does the first of these.
INITIALISED_RATES = (networks.INITIALISED_RATE, 0.05, networks.SCRATCH_RATE)
SEEDS = {2: (0,), 4: (0,), 8: (0, 1, 2)}
CHOICES = "choices.json"
# Name of a run: what it begins from and what it learns from.
KINDS = ("labels", "hidden", "logits", "soft", "fitnet", "ours", "long", "online", "softonly")


@dataclass(frozen=True)
class Classes:
    """The 500 people's training and test pictures, and the 100 people by whom t is chosen."""

    names: tuple[str, ...]
    train: PreparedSet
    test: PreparedSet
    others: PreparedSet

    @property
    def task(self):
        """Who of them it is."""
        return faces.person_task(self.names)


def classes(seen: PreparedSet, small: bool = False) -> Classes:
    """The people in the order of their sha1: the first 500, and 100 after them."""
    ordered = faces.some_people(seen.subjects, 1.0)
    count, more = (8, 4) if small else (PEOPLE, OTHERS)
    names = tuple(ordered[:count])
    own = faces.as_classes(seen, names)
    place = np.zeros(len(own), int)
    for name in names:
        rows = np.flatnonzero(own.subjects == name)
        place[rows[np.argsort(own.names[rows])]] = np.arange(len(rows))
    tested = place % EVERY == EVERY - 1
    others = faces.as_classes(seen, ordered[count : count + more])
    return Classes(names, own.take(~tested), own.take(tested), others)


def folder_of(runs: Path, divisor: int, kind: str, seed: int) -> Path:
    """Where a student is kept."""
    return runs / f"classify-{divisor}-{kind}-s{seed}"


class Students:
    """Trains students of one teacher, or what is left of them."""

    def __init__(self, options, data: Classes):
        self.options, self.data = options, data
        self.small, self.runs = options.smoke, options.runs
        rows = 8 if self.small else networks.ROWS
        self.rows, self.steps = rows, 1 if self.small else max(len(data.train) // rows, 1)
        self.teacher_run = self.runs / "classify-teacher"
        self.shared = {"rows": rows, "devices": options.devices}
        self.taught: PreparedSet | None = None
        self.initialised_rate = networks.INITIALISED_RATE

    def epochs(self, number: int) -> int:
        """So many, or one of a toy."""
        return 1 if self.small else number

    def batches(self, prepared: PreparedSet, seed: int, soft: bool):
        """A function of the first step."""
        return lambda first: mix(
            {"celeba": prepared},
            {"celeba": self.rows},
            (self.data.task,),
            seed=seed,
            augmentation=networks.FLIPS,
            first_step=first,
            soft=soft,
        )

    def teach(self) -> None:
        """Trains the teacher and keeps what it says."""
        divisor = self.options.divisor
        stage = networks.stage(
            self.teacher_run,
            self.batches(self.data.train, 100, False),
            self.epochs(TEACHER_EPOCHS),
            self.steps,
            networks.SCRATCH_RATE,
            {"seed": 100},
            sets={"celeba": self.data.train},
            **self.shared,
        )
        if not stage.is_finished:
            pretrain(networks.make(divisor, (self.data.task,), 100, self.options), stage)
        kept = self.runs / "classify-taught.npz"

        def ask() -> None:
            if not kept.exists():
                teacher = networks.trained(self.teacher_run)
                cache_teacher_flips(teacher, self.data.train, layers=[networks.LAYER]).save(kept)

        self.options.devices.once(ask)
        self.taught = PreparedSet.load(kept)

    def train_untaught(self) -> None:
        """The students that need no teacher, nor what is chosen with one."""
        for divisor, kind, seed in wanted():
            if kind == "labels":
                self.train(divisor, kind, seed, None)

    def train(
        self, divisor: int, kind: str, seed: int, temperature: float | None, epochs=None, name=None
    ) -> Path:
        """One student; returns its folder. Labels alone need no temperature."""
        folder = folder_of(self.runs, divisor, name or kind, seed)
        begin, length, rate = None, EPOCHS, networks.SCRATCH_RATE
        if kind == "ours":
            begin = self.train(divisor, "labels", seed, temperature)
            length, rate = INITIALISED_EPOCHS, self.initialised_rate
        elif kind == "long":
            length = EPOCHS + INITIALISED_EPOCHS
        elif kind == "fitnet":
            begin = self._hint(divisor, seed)
        online = kind == "online"
        stage = networks.stage(
            folder,
            self.batches(
                self.data.train if online or kind == "labels" else self.taught,
                seed,
                kind not in ("labels", "online"),
            ),
            self.epochs(epochs or length),
            self.steps,
            rate,
            {"kind": kind, "seed": seed},
            sets={"celeba": self.data.train},
            **self.shared,
        )
        if stage.is_finished:
            return folder
        tasks = (self.data.task,)
        teacher = self._teacher() if online else None
        network = networks.started(divisor, tasks, seed, begin, self.options)
        if kind == "labels":
            pretrain(network, stage)
        else:
            hard = 0.0 if kind == "softonly" else 1.0
            distil(network, teacher, self._terms(kind, temperature), stage, hard=hard)
        return folder

    def _teacher(self):
        """To be asked in each step, so where the student trains."""
        with self.options.devices.scope():
            return networks.trained(self.teacher_run)

    def _terms(self, kind: str, temperature: float) -> list:
        if kind == "hidden":
            return [networks.hidden_term(self.taught)]
        if kind == "logits":
            return [networks.logit_term(self.taught)]
        return [networks.soft_term(temperature)]

    def _hint(self, divisor: int, seed: int) -> Path:
        folder = folder_of(self.runs, divisor, "hint", seed)
        stage = networks.stage(
            folder,
            self.batches(self.data.train, seed, False),
            self.epochs(HINT_EPOCHS),
            self.steps,
            networks.INITIALISED_RATE,
            {"seed": seed},
            sets={"celeba": self.data.train},
            **self.shared,
        )
        if not stage.is_finished:
            teacher = self._teacher()
            target = networks.hint_target(teacher)
            network = networks.make(divisor, (self.data.task,), seed, self.options)
            regress_hint(network, teacher, target, stage)
        return folder

    def choose_temperature(self) -> tuple[float, dict]:
        """By nearest neighbours among the other people, with /8 from scratch."""
        others, scores = self.data.others, {}
        for temperature in TEMPERATURES:
            name = f"choice-t{temperature:g}"
            run = self.train(8, "soft", 0, temperature, CHOICE_EPOCHS, name)
            scores[f"{temperature:g}"] = self.options.devices.once(partial(near, run, others))
        return float(max(scores, key=scores.get)), scores

    def choose_initialised_rate(self, temperature: float) -> dict:
        """By the same people, with /8 fully initialised; `initialised_rate` is the best then."""
        others, scores = self.data.others, {}
        for rate in INITIALISED_RATES:
            self.initialised_rate = rate
            run = self.train(8, "ours", 0, temperature, name=f"choice-r{rate:g}")
            scores[f"{rate:g}"] = self.options.devices.once(partial(near, run, others))
        self.initialised_rate = float(max(scores, key=scores.get))
        return scores


def near(run: Path, faces: PreparedSet) -> float:
    """Share of the faces whose nearest neighbour shows the same person."""
    vectors = measures.vectors_of(networks.trained(run), faces.images)
    return float(nearest_neighbour_hits(vectors, faces.subjects).mean())


def measured(run: Path, data: Classes, lfw: PreparedSet, pairs) -> dict:
    """Top-1 of the 500 people, with whether each picture was right, and LFW's pairs."""
    model = networks.trained(run)
    said = measures.outputs_of(model, data.test.images)["person"].argmax(1)
    right = (said == data.test.labels["person"]).astype(float)
    vectors = measures.vectors_of(model, lfw.images)
    return {
        "top1": measures.with_interval(right, data.test.subjects),
        "each": right.tolist(),
        "people": data.test.subjects.tolist(),
        "lfw": measures.pair_result(vectors, lfw.names, pairs)["accuracy"],
        "parameters": model.count_params(),
    }


def wanted() -> list[tuple[int, str, int]]:
    """`(divisor, kind, seed)` of every student of the tables, the first comparisons first."""
    found = []
    for seed in SEEDS[8]:
        found += [(8, kind, seed) for kind in KINDS[:6]]
    found += [(8, kind, 0) for kind in KINDS[6:]]
    for divisor in (4, 2):
        found += [(divisor, kind, 0) for kind in ("labels", "soft", "ours")]
    return found


TEACHER, LABELS = "teacher", "labels"


def part_of(divisor: int, seed: int) -> str:
    """Name of the students of a size and seed, which begin from one another."""
    return f"{divisor}-s{seed}"


def parts() -> list[str]:
    """What can be trained alone."""
    sizes = dict.fromkeys(part_of(divisor, seed) for divisor, _, seed in wanted())
    return [TEACHER, LABELS, *sizes]


def options_of(arguments, about: str, parts=()):
    """The arguments that the three tables share.

    Args:
        arguments: of the command line.
        about: the recipe, in a line.
        parts: what `--only` can train.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--prepared", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument("--data", type=Path, help="folder of the unpacked sets, for LFW's pairs")
    parser.add_argument("--divisor", type=int, default=networks.TEACHER_DIVISOR, help="teacher's")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")
    parser.add_argument("--only", nargs="*", choices=parts, help="train these, measure nothing")
    add_devices(parser)
    options = parser.parse_args(arguments)
    options.devices = devices_of(options)
    if options.data is None and not options.smoke:
        parser.error("LFW's pairs are in the folder of the sets: --data DATA")
    options.load = faces.smoke if options.smoke else partial(faces.load, options.prepared)
    options.pairs = faces.smoke_pairs() if options.smoke else faces.pairs_of(options.data)
    return options


def need_choice(options, part: str, file: str) -> None:
    """Other parts are trained alone only once something was chosen.

    Args:
        options: of `options_of`.
        part: that chooses, of `--only`.
        file: below the runs, what it leaves.

    Raises:
        ValueError: `--only` has not this part, and the file is not there.
    """
    only, found = options.only, options.runs / file
    if only is not None and part not in only and not options.devices.once(found.exists):
        raise ValueError(f"what is chosen comes first: --only {part}. Received: no {found}")


def chosen(students: Students, options) -> dict:
    """Temperature and rate with the scores they were chosen by; made once, kept in a file."""
    file = options.runs / CHOICES
    if options.devices.once(file.exists):
        found = json.loads(file.read_text())
    else:
        # A toy takes the first.
        temperature, scores, rates = TEMPERATURES[0], {}, {}
        if not options.smoke:
            temperature, scores = students.choose_temperature()
            rates = students.choose_initialised_rate(temperature)
        found = {"temperature": temperature, "temperatures": scores, "initialised_rates": rates}
        found["initialised_rate"] = students.initialised_rate
        options.devices.once(partial(write_whole, file, dump_json(found)))
    students.initialised_rate = found["initialised_rate"]
    return found


def main(arguments=None) -> dict:
    options = options_of(arguments, __doc__.splitlines()[0], parts())
    data = classes(options.load("celeba-seen"), options.smoke)
    lfw, file = options.load("lfw"), options.runs / "classification.json"
    ask = options.devices.once
    students, only = Students(options, data), options.only
    if only is not None and LABELS in only:
        students.train_untaught()
        only = [part for part in only if part != LABELS]
        if not only:
            return {}
    if only is not None and TEACHER not in only and not ask((options.runs / CHOICES).exists):
        raise ValueError(
            f"the teacher is trained and the choices are made first: --only {TEACHER}. "
            f"Received: no {options.runs / CHOICES}"
        )
    students.teach()
    choices = chosen(students, options)
    temperature = choices["temperature"]
    if only is not None:
        for divisor, kind, seed in wanted():
            if part_of(divisor, seed) in only:
                students.train(divisor, kind, seed, temperature)
        return choices
    results = {
        **choices,
        "people": len(data.names),
        "train": len(data.train),
        "test": len(data.test),
        "divisor": options.divisor,
        "teacher": ask(lambda: measured(students.teacher_run, data, lfw, options.pairs)),
        "students": {},
    }
    for divisor, kind, seed in [(8, "ours", 0)] if options.smoke else wanted():
        run = students.train(divisor, kind, seed, temperature)
        key = f"{divisor}-{kind}-s{seed}"
        found = ask(partial(measured, run, data, lfw, options.pairs))
        results["students"][key] = found
        networks.say(f"{key}: top-1 {100 * found['top1']['value']:.1f} %")
        # After each, so that a look at what is there needs no end.
        if options.devices.chief:
            write_whole(file, dump_json(results))
    return results


if __name__ == "__main__":
    main()
