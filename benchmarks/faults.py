"""Faults that must do no harm, counted: tried, survived, lost.

    python -m benchmarks.faults [--pictures 5000] [--seed 1]

The cases are those of `tests/faults`, more of them: mutated pictures through decode, analyze and
label, where each is to be answered or reported; what servers, disks and strangers do to an entry
of the zoo, where each is to end in a named error or to be overcome, with a whole cache afterwards;
the tests of spoilt documents and of the demo page; and trainings that are killed, find no room on
the disk or bad data. Renders `benchmarks/faults.md`. About ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks import machine
from benchmarks.report import table
from benchmarks.result import ROOT, finish, parser
from benchmarks.timing import stated

PAGE = Path(__file__).parent / "faults.md"
PICTURES, SMOKE_PICTURES = 5000, 20
KILLS = 10  # of a training, at random moments
START, EACH = 300, 2  # seconds that pictures may take: until the first one, and for each
EVERY = 12  # of a smoke run, one fault of the zoo in so many
HEADER = """# Faults

Rendered by `python -m benchmarks.faults`; the cases are those of `tests/faults`. A fault is
survived where it is overcome, answered or reported by a named error of one line, in time and in
bounded memory, and leaves what is stored whole. Everything else is lost. Documents and page are
counted by tests, of which those of spoilt documents try a hundred or so each.
"""


@dataclass(frozen=True)
class Suite:
    """What became of the faults of one kind.

    Args:
        tried: faults by kind.
        lost: kind of each that was not survived, and what happened.
        facts: JSON-safe figures beside them.
    """

    tried: dict[str, int]
    lost: list[tuple[str, str]]
    facts: dict[str, Any] = field(default_factory=dict)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """A row a kind: suite, kind, tried, survived, lost."""
        lost = Counter(kind for kind, _ in self.lost)
        return [
            {
                "suite": name,
                "kind": kind,
                "tried": count,
                "survived": count - lost[kind],
                "lost": lost[kind],
            }
            for kind, count in self.tried.items()
        ]


def pictures(options: argparse.Namespace, scratch: Path) -> Suite:
    """Mutated pictures, in a process of their own, so that a crash costs no more than it."""
    command = [sys.executable, "-m", "tests.faults.picture_run"]
    arguments = [str(options.pictures), str(options.seed), str(scratch)]
    limit = START + EACH * options.pictures
    try:
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return Suite({"all": options.pictures}, [("all", f"no end within {limit} seconds")])
    if done.returncode:
        last = (done.stderr.splitlines() or ["no word"])[-1]
        return Suite({"all": options.pictures}, [("all", f"exit code {done.returncode}: {last}")])
    found = json.loads(done.stdout.splitlines()[-1])
    lost = [(kind, f"picture {number}: {line}") for kind, number, line in found["lost"]]
    tried = {**found["tried"], "labelling of all files": 1}
    if "error" in found["label"]:
        lost.append(("labelling of all files", found["label"]["error"]))
    facts = {
        "answered": sum(found["answered"].values()),
        "slowest_seconds": found["slowest_seconds"],
        "memory_grown_mb": found["grown_mb"],
        "files_labelled": found["label"].get("files", 0),
        "of_them_in_quarantine": found["label"].get("unreadable", 0),
    }
    return Suite(tried, lost, facts)


def zoo(options: argparse.Namespace, scratch: Path) -> Suite:
    """What servers, disks and strangers do to an entry."""
    from tests.faults.test_zoo import FAULTS
    from tests.faults.zoo_place import Hang, Place, endure, published_zoo

    sound = published_zoo(scratch / "zoo")
    tried, lost = Counter(), []
    for number, fault in enumerate(FAULTS[:: EVERY if options.smoke else 1]):
        tried[fault.group] += 1
        place = scratch / str(number)
        place.mkdir()
        try:
            endure(fault, Place(sound, place))
        except (Exception, Hang) as error:
            line = (str(error).splitlines() or [""])[0]
            lost.append((fault.group, f"{fault.name}: {type(error).__name__}: {line}"))
    return Suite(dict(tried), lost)


def training(options: argparse.Namespace, scratch: Path) -> Suite:
    """What disks, data and `kill -9` do to a training."""
    from tests.faults.training_faults import endured

    return Suite(*endured(scratch, 1 if options.smoke else KILLS))


def tests_of(*files: str) -> Callable[[argparse.Namespace, Path], Suite]:
    """A suite that runs files of tests and counts each test; those that were skipped are none."""

    def run(options: argparse.Namespace, scratch: Path) -> Suite:
        report = scratch / "report.xml"
        words = [*files, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        chosen = ["-m", "not slow", "-k", "sound"] if options.smoke else []
        command = [sys.executable, "-m", "pytest", *words, *chosen]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if not report.is_file():
            return Suite({"all": 1}, [("all", f"exit code {done.returncode}: no report")])
        return counted(ElementTree.parse(report))

    return run


def counted(report: ElementTree.ElementTree) -> Suite:
    """The tests of a JUnit report by their file."""
    tried, lost = Counter(), []
    for case in report.iter("testcase"):
        kind = case.get("classname", "").rpartition(".")[2].removeprefix("test_").replace("_", " ")
        ended = {child.tag: child.get("message", "") for child in case}
        if "skipped" in ended:
            continue
        tried[kind] += 1
        for tag in ("failure", "error"):
            if tag in ended:
                line = (ended[tag].splitlines() or [""])[0]
                lost.append((kind, f"{case.get('name')}: {line}"))
    return Suite(dict(tried), lost)


# By name what tries its faults; another suite is one line.
SUITES: dict[str, Callable[[argparse.Namespace, Path], Suite]] = {
    "pictures": pictures,
    "zoo": zoo,
    "documents": tests_of(
        *(
            f"tests/faults/test_{name}.py"
            for name in (
                "label_files",
                "label_files_spoilt",
                "manifests_spoilt",
                "shards",
                "runs_spoilt",
            )
        )
    ),
    "page": tests_of("tests/apps/test_page.py"),
    "training": training,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries all faults, writes JSON and page; 1 where one was lost."""
    made = parser(__doc__)
    made.add_argument("--pictures", type=int, default=PICTURES)
    made.add_argument("--seed", type=int, default=1, help="of the pictures; the tests take 0")
    options = made.parse_args(arguments)
    if options.smoke:
        options.pictures = SMOKE_PICTURES
    load_before, suites = machine.load(), {}
    for name, run in SUITES.items():
        with tempfile.TemporaryDirectory(prefix="kerasface-faults-") as scratch:
            suites[name] = run(options, Path(scratch))
    kinds = [row for name, suite in suites.items() for row in suite.rows(name)]
    sums = {key: sum(row[key] for row in kinds) for key in ("tried", "survived", "lost")}
    file = finish(
        "faults",
        options,
        {"pictures": options.pictures, "seed": options.seed},
        [stated("faults lost / tried", sums["lost"] / sums["tried"], "<= 0")],
        facts={
            **sums,
            "kinds": kinds,
            "what_was_lost": [
                {"suite": name, "kind": kind, "what": line}
                for name, suite in suites.items()
                for kind, line in suite.lost
            ],
            **{name: suite.facts for name, suite in suites.items() if suite.facts},
        },
        load_before=load_before,
    )
    page = PAGE if file.parent == PAGE.parent / "results" else file.with_suffix(".md")
    page.write_text(render(json.loads(file.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {page.name}; lost: {sums['lost']} of {sums['tried']}")
    return 1 if sums["lost"] else 0


def render(result: dict[str, Any]) -> str:
    """The page of a result, as `finish` wrote it."""
    facts, about = result["facts"], result["machine"]
    heading = ("suite", "kind", "tried", "survived", "lost")
    kinds = [[f"{row[name]}" for name in heading] for row in facts["kinds"]]
    sums = ["**all**", "", *(f"**{facts[name]}**" for name in heading[2:])]
    lines = [HEADER, *table(heading, [*kinds, sums]), ""]
    if result["smoke"]:
        lines.insert(1, "**A smoke run: these counts mean nothing.**\n")
    for row in facts["what_was_lost"]:
        lines.append(f"- lost: {row['suite']}, {row['kind']}: `{row['what'].replace('`', '')}`")
    for name in SUITES:
        if name in facts:
            figures = (f"{key.replace('_', ' ')} {value}" for key, value in facts[name].items())
            lines.append(f"- {name}: {', '.join(figures)}")
    versions = {"python": about["python"], **about["versions"]}
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines.append(f"- {result['date']}, {known}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
