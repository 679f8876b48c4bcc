"""The tables of the general model of knowledge: all ways to all targets, measured and rendered.

    python -m recipes.general_knowledge.sets     --data DATA --out runs/gk-prepared    # once
    python -m recipes.general_knowledge.sources  --prepared runs/gk-prepared --runs runs/gk
    python -m recipes.general_knowledge.fusion   --prepared runs/gk-prepared --runs runs/gk
    python -m recipes.general_knowledge.students --prepared runs/gk-prepared --runs runs/gk
    python -m recipes.general_knowledge.tables   --prepared runs/gk-prepared --runs runs/gk \\
        --data DATA

Frozen ways first, then the trained ones, a seed after the other; writes `results.json`,
`RESULTS.md` and figures beside this file, or below `--out`, after each seed. What is scored leaves
a record in `finished/` there, which is committed: a killed run goes on, also on another machine,
and `--render`, which trains nothing and takes what is there, needs no network. To begin anew,
remove `finished/`, or give another `--out`. `--share 1/2` and `2/2` divide the targets among two
processes, which write no page: `--render` does afterwards. `--devices`, and how to keep such a
process on its core: see `recipes/README.md`. An hour and a half in two processes of one core each;
`--longer` adds a control, whether a network from scratch that is given time comes to the same, an
hour more.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from kerasface.training.devices import add_devices
from kerasface.training.progress import duration, say
from kerasface.training.transfer_learning import BATCH, PICTURES
from kerasface.zoo.schema import dump_json
from recipes.general_knowledge import (
    arms,
    fusion,
    page,
    reconstruction,
    records,
    results,
    students,
    targets,
)
from recipes.general_knowledge.arms import (
    FROZEN,
    LONGER,
    ORIGINAL,
    SEEDS,
    TRAINED,
    TUNED,
    Ways,
    epochs_of,
)
from recipes.general_knowledge.clock import seconds
from recipes.general_knowledge.options import add_options, parse
from recipes.general_knowledge.sources import SOURCES
from recipes.shares import add_share
from recipes.whole_files import write_whole

HERE = Path(__file__).parent
FIGURE_TARGETS = ("age-utkface", "race-utkface", "expression-lfw", targets.PAIRS)
SMOKE_TARGETS = ("points-mtfl", targets.PAIRS)
SMOKE_TUNED, SMOKE_FROZEN = ("unique-tuned",), ("plain", "unique", "bct")
# A trained network leaves some 180 MB of compiled code, so a process ends after so many.
MOST_TRAININGS = 10
# On two quiet cores; a trained way also begins, reads features and answers.
STUDENT_FACES_A_SECOND, SOURCE_FACES_A_SECOND = 400.0, 280.0
START_SECONDS, FROZEN_SECONDS = 15.0, 6.0


def wanted(options) -> list[tuple[str, str, int, int | None]]:
    """Way, target, seed and size of the code, in the order of worth."""
    asked, ways = targets_of(options), FROZEN
    tuned, seeds = tuple(TUNED), SEEDS
    if options.smoke:
        ways, tuned, seeds = SMOKE_FROZEN, SMOKE_TUNED, SEEDS[:1]
    found: list = [(way, target, 0, None) for way in ways for target in asked]
    own = [f"{targets.OWN_PREFIX}{name}" for name in own_of(options)]
    found += [(way, target, 0, None) for way in (ORIGINAL, "plain", "unique") for target in own]
    drawn = [target for target in FIGURE_TARGETS if target in asked]
    found += [
        ("plain", target, 0, size) for size in fusion.figure_sizes(options) for target in drawn
    ]
    # A training takes the longest: of synthetic faces one is enough.
    trained = asked[:1] if options.smoke else asked
    for seed in seeds:
        ofseed = [way for way in tuned if seed in TUNED[way].seeds]
        found += [(way, target, seed, None) for way in ofseed for target in trained]
        if not seed and not options.smoke:
            found += [("unique-tuned", target, 0, None) for target in own]
    if options.longer:
        found += [
            (way, target, seed, None)
            for way, about in LONGER.items()
            for seed in about.seeds
            for target in trained
        ]
    return found


def targets_of(options) -> tuple[str, ...]:
    """The targets that are asked for."""
    return SMOKE_TARGETS if options.smoke else (*targets.TARGETS, targets.PAIRS)


def own_of(options) -> list[str]:
    """The sources' own tasks whose sources are there."""
    names = [name for name in targets.OWN if targets.SOURCE_OF[name] in options.sources]
    return names[:1] if options.smoke else names


def estimate(options, left) -> float:
    """Seconds that scores will take on two quiet cores."""
    spent = FROZEN_SECONDS * sum(way not in TRAINED for way, *_ in left)
    for way, target, *_ in left:
        if way in TRAINED:
            faces = targets.faces_of(target, options)
            rate = SOURCE_FACES_A_SECOND if way == "pcnn" else STUDENT_FACES_A_SECOND
            spent += START_SECONDS + faces * epochs_of(way, faces) / rate
    return spent


def codes(options) -> list[tuple[str, int | None]]:
    """Ways to a code, and sizes of it, whose reconstruction is measured."""
    kinds = ("plain", "unique") if options.smoke else page.COLUMNS_5
    return [(kind, None) for kind in kinds] + [
        ("plain", size) for size in fusion.figure_sizes(options)
    ]


def is_there(options, way: str, target: str, seed: int, size: int | None) -> bool:
    """Whether a score was kept."""
    return records.score_file(options.kept, way, target, seed, size).exists()


def settings(options) -> dict:
    """What records must be made with to stand in one table."""
    sources = {name: about.epochs for name, about in SOURCES.items()}
    return {
        "smoke": options.smoke,
        "size": options.scale.embedding,
        "epochs": {**sources, "fusion": fusion.EPOCHS, "student": students.EPOCHS},
        "images": targets.IMAGES,
        "tuning": [arms.TUNE_EPOCHS, arms.LEAST_FACES, arms.SCRATCH_FACTOR, arms.HEAD_EPOCHS],
        "longer": arms.LONGER_FACTOR,
        "rates": [arms.TUNE_RATE, arms.SCRATCH_RATE],
    }


def write(options) -> str:
    """Results, page and figures of what is there; returns the page."""
    records.add_seconds(options.kept, options.runs, seconds(options.runs))
    found = results.collect(options, targets_of(options), own_of(options))
    text = page.render(found)
    (options.out / "figures").mkdir(parents=True, exist_ok=True)
    write_whole(options.out / "results.json", dump_json(found))
    (options.out / "RESULTS.md").write_text(text)
    (options.out / "figures" / "size.png").write_bytes(page.size_figure(found))
    (options.out / "figures" / "hours.png").write_bytes(page.hours_figure(found))
    return text


def train(options, ways: Ways, again: bool) -> None:
    """All scores and reconstructions that are not there, of this process's share.

    Args:
        options: of the command line.
        ways: to the targets.
        again: whether the command may start anew after some trainings.
    """
    share = options.share
    # The best sources for a target are chosen once, by the process that has the target.
    taken = share.taken(wanted(options), lambda each: each[1])
    left = [each for each in taken if not is_there(options, *each)]
    if left and not options.smoke:
        say(f"{len(left)} scores: about {duration(estimate(options, left))} on two quiet cores")
    trained = [each for each in left if each[0] in TRAINED]
    for each in left[: len(left) - len(trained)]:
        ways.scored(*each)
    reconstruction.measure(options, ways, share.taken(codes(options), lambda each: each))
    for number, (way, target, seed, size) in enumerate(trained):
        # Where the run is stopped, the page has all seeds that are whole.
        if number and seed != trained[number - 1][2] and share.of == 1:
            write(options)
        ways.scored(way, target, seed, size)
        if number + 1 == MOST_TRAININGS and again:
            os.execv(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]])


def main(arguments=None) -> str:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    add_devices(parser, hosts=False)
    add_share(parser)
    parser.add_argument("--data", type=Path, help="folder of the unpacked sets, for LFW's pairs")
    parser.add_argument("--out", type=Path, help="default: beside this file, of --smoke the runs")
    parser.add_argument("--longer", action="store_true", help="also the control of more passes")
    parser.add_argument("--render", action="store_true", help="only from what is there")
    options = parse(parser, arguments)
    options.devices.check_rows(BATCH, together=PICTURES)
    if not options.smoke and options.data is None:
        parser.error("LFW's pairs are in the folder of the sets: --data DATA")
    options.out = options.out or (options.runs if options.smoke else HERE)
    options.kept = options.out / records.FOLDER
    try:
        records.check_settings(options.kept, settings(options))
    except ValueError as error:
        parser.error(str(error))
    if not options.render:
        train(options, Ways(options), again=arguments is None)
        if options.share.of > 1:
            return "this share is done; --render writes the page of all"
    return write(options)


if __name__ == "__main__":
    print(main())
