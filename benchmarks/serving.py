"""Long service: memory over 10,000 faces, and 16 threads that share one model.

    python -m benchmarks.serving [--faces 10000] [--entry student]

For Keras and for each of the entry's files for other runtimes, each in a process of its own:

- lists of one to five pictures of changing sizes (`benchmarks.memory.questions`) are read until
  so many faces are; the memory that the process holds (resident set) is compared with that after
  the first 300 faces. Aim: less than 20 MB of growth.
- 240 such lists are read by one thread and then by 16 at once, which share the model. Counted are
  the faces with another answer, to the digits that are shown. Aim: none.

About four minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from benchmarks import machine
from benchmarks.memory import ALLOWED_MB, MOST, questions, resident_mb
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.runtimes import entry_with_exports
from benchmarks.timing import stated

FACES, WARM_UP, LISTS, CALLERS = 10_000, 300, 240, 16
KERAS = "keras"


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name or folder of an entry")
    made.add_argument("--faces", type=int, default=FACES)
    made.add_argument("--contender", help="measure this one in this process (internal)")
    made.add_argument("--out", type=Path, help="where its figures go then (internal)")
    options = made.parse_args(arguments)
    if options.contender:
        found = served(Path(options.entry), options.contender, options.faces, options.smoke)
        options.out.write_text(json.dumps(found))
        return
    if options.smoke:
        options.faces = 12
    warn_if_busy(options.smoke)
    load_before = machine.load()
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder, which = entry_with_exports(options.entry, Path(scratch), options.smoke)
        for name in (KERAS, *exports_of(folder)):
            found[name] = in_a_process(folder, name, Path(scratch), options)
    worst = max(found, key=lambda name: found[name]["growth_mb"])
    growth = found[worst]["growth_mb"] / ALLOWED_MB
    ratios = [stated(f"growth / {ALLOWED_MB:.0f} MB, {worst}", growth, "< 1.00")]
    ratios += [
        stated(f"faces answered otherwise by {CALLERS} threads, {name}", each["other"], "<= 0.00")
        for name, each in found.items()
    ]
    facts = {f"{key}, {name}": value for name, each in found.items() for key, value in each.items()}
    settings = {"network": which, "faces": options.faces, "warm_up": WARM_UP, "callers": CALLERS}
    finish("serving", options, settings, ratios, facts=facts, load_before=load_before)


def exports_of(folder: Path) -> list[str]:
    """Names of an entry's files for other runtimes."""
    from kerasface.zoo.entry import read_manifest

    return [export.name for export in read_manifest(folder).exports or ()]


def in_a_process(folder: Path, name: str, scratch: Path, options) -> dict[str, float]:
    """`served` in a process of its own, so that growth is of one contender."""
    out = scratch / f"{name}.json"
    words = ["--entry", str(folder), "--contender", name, "--out", str(out)]
    words += ["--faces", str(options.faces)] + ["--smoke"] * options.smoke
    subprocess.run([sys.executable, "-m", "benchmarks.serving", *words], check=True)
    return json.loads(out.read_text())


def served(folder: Path, name: str, faces: int, smoke: bool) -> dict[str, float]:
    """Growth in MB, and how many faces 16 threads answer otherwise than one."""
    from kerasface.zoo import load

    runtime, _, precision = name.partition("-")
    model = load(folder, runtime=runtime, precision=precision or None)
    warm_up, lists = (6, 6) if smoke else (WARM_UP, LISTS)
    with tempfile.TemporaryDirectory() as root:
        asked = questions(Path(root), MOST)
        read_faces(model, asked, warm_up)
        before = resident_mb()
        read_faces(model, asked, faces)
        growth = resident_mb() - before
        given = list(islice(asked, lists))
        alone = [model.analyze(pictures) for pictures in given]
        with ThreadPoolExecutor(CALLERS) as callers:
            together = list(callers.map(model.analyze, given))
    other = sum(
        one != two
        for ones, twos in zip(alone, together, strict=True)
        for one, two in zip(ones, twos, strict=True)
    )
    return {"growth_mb": growth, "before_mb": before, "other": other}


def read_faces(model, asked, faces: int) -> None:
    """Reads lists of pictures, each of one face, until so many are read."""
    seen = 0
    while seen < faces:
        seen += len(model.analyze(next(asked)))


if __name__ == "__main__":
    main()
