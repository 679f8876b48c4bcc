"""Hours, machines and storage to label or embed 4 million and a billion faces, from measured rates.

    python -m benchmarks.scale [--faces 1024] [--rounds 3]

Drawn faces, encoded as JPEG of 128 pixels in Parquet files, are read, decoded, cut, and

- labelled by a teacher (VGG-16 of half width, six tasks) under the six default transforms,
- embedded by a student (small ResNet),

into Parquet shards, by the local engine (one process on all cores) and by Ray Data with one and
two workers (one core each).
What starts once (imports, Ray, the trace of the network) is taken out by running each twice, on
few and on many faces: the rate is that of the faces between. The parts of the work are measured
apart on one core: reading and decoding, the network. The page names the slower as the bottleneck.
Storage is the bytes of the files divided by their faces. Twelve minutes on two quiet cores; writes
`benchmarks/scale.md` and the JSON beside the others.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import machine
from benchmarks.result import ROOT, finish, parser, warn_if_busy
from benchmarks.timing import stated

PAGE = Path(__file__).with_name("scale.md")
SIZES = {"4 million": 4_000_000, "1 billion": 1_000_000_000}
PIXELS, QUALITY = 128, 90
# Few are enough to start everything: a shard for each worker.
FEW = 2
# A night and a week: machines are given for both.
NIGHT, WEEK = 12, 168
ENGINES = {"local": ("local", None), "ray-1": ("ray", 1), "ray-2": ("ray", 2)}
NAMES = {
    "local": "local, one process on all cores",
    "ray-1": "Ray, one worker on one core",
    "ray-2": "Ray, two workers on a core each",
}
TRUNKS = {
    "label": {"name": "vgg16", "config": {"width": 0.5}},
    "embed": {"name": "small_resnet", "config": {}},
}
SMOKE = {"name": "small_resnet", "config": {"widths": [8], "blocks": [1], "stem": 8}}


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--faces", type=int, default=1024, help="of a measurement")
    made.add_argument("--rows-per-shard", type=int, default=128)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--engines", default=",".join(ENGINES), help="of " + ", ".join(ENGINES))
    made.add_argument("--page", type=Path, help="default benchmarks/scale.md")
    options = made.parse_args(arguments)
    if options.smoke:
        options.faces, options.rows_per_shard, options.rounds = 12, 2, 1
    warn_if_busy(options.smoke)
    load_before = machine.load()
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    try:
        measured = {work: measure(work, folder, options) for work in TRUNKS}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {work: {**found, "plans": plans(found)} for work, found in measured.items()}
    first = facts["label"]["engines"]
    many = [each["faces_per_second"] for each in first.values()]
    result = finish(
        "scale",
        options,
        {
            "faces": options.faces,
            "rows_per_shard": options.rows_per_shard,
            "rounds": options.rounds,
            "picture": f"JPEG, {PIXELS} pixels, quality {QUALITY}",
            "engines": list(first),
        },
        [stated("faces/s labelled, the last engine / the first", many[-1] / many[0])],
        facts=facts,
        load_before=load_before,
    )
    page = options.page or (ROOT / "runs" / PAGE.name if options.smoke else PAGE)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(result), encoding="utf-8")
    print(f"written: {page.name}")


def measure(work: str, folder: Path, options) -> dict:
    """Faces a second of each engine and of the parts of the work, and bytes a face."""
    few, many = FEW * options.rows_per_shard, options.faces
    inputs = {rows: store(folder / f"faces-{rows}", rows, options) for rows in (few, few + many)}
    action, network = worker(work, options)
    engines = {}
    for title in options.engines.split(","):
        engine, workers = ENGINES[title.strip()]
        rates = []
        for number in range(options.rounds):
            seconds = {}
            for rows, source in inputs.items():
                out = folder / f"{work}-{number}-{rows}-{workers}"
                begin = time.perf_counter()
                action(source, out, options.rows_per_shard, engine, workers)
                seconds[rows] = time.perf_counter() - begin
                written = out
            rates.append(many / max(seconds[few + many] - seconds[few], 1e-9))
        engines[title.strip()] = {
            "faces_per_second": median(rates),
            "low": min(rates),
            "high": max(rates),
        }
    # The parts, one after the other in this process.
    source = inputs[few + many]
    part = np.arange(few + many)[-min(many, 512) :]
    begin = time.perf_counter()
    found = source.read(part)
    reading = len(part) / (time.perf_counter() - begin)
    begin = time.perf_counter()
    network(found.images)
    answering = len(part) / (time.perf_counter() - begin)
    total = few + many
    return {
        "engines": engines,
        "parts": {"read and decode": reading, "network": answering},
        "bytes_a_face": {
            "input": sum(file.stat().st_size for file in source.files) / total,
            "output": sum(file.stat().st_size for file in written.glob("*.parquet")) / total,
        },
    }


def store(folder: Path, rows: int, options):
    """A `ParquetSource` of drawn faces."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    from kerasface.data.synthetic import synthetic_set
    from kerasface.inference import ParquetSource

    files = sorted(folder.glob("*.parquet"))
    if not files:
        folder.mkdir(parents=True)
        # Drawing takes longer than decoding, and a face may come again.
        drawn = synthetic_set(min(rows, 256), size=PIXELS, tasks=())
        encoded = [_encoded(image) for image in drawn.images]
        for number, start in enumerate(range(0, rows, options.rows_per_shard)):
            part = range(start, min(start + options.rows_per_shard, rows))
            table = pa.table({"image": [encoded[row % len(encoded)] for row in part]})
            files.append(folder / f"faces-{number:05d}.parquet")
            parquet.write_table(table, files[-1], use_dictionary=False)
    return ParquetSource(files, "drawn", workers=1)


def _encoded(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def worker(work: str, options):
    """What does the work on a source, and the callable that holds the network."""
    from kerasface.data.template import SIZE
    from kerasface.inference import Labeller, Source, embed_images, label_images
    from kerasface.models import FaceModel
    from recipes.face_zoo.sets import TASKS

    model = FaceModel.from_spec(
        {
            "trunk": SMOKE if options.smoke else TRUNKS[work],
            "tasks": [task.get_config() for task in TASKS],
            "input": {"height": SIZE, "width": SIZE, "channels": 3},
        }
    )
    batch = 12 if options.smoke else 384
    if work == "embed":
        network = Source(model, batch_size=batch)
        network(np.zeros((1, SIZE, SIZE, 3), np.uint8))  # traces
        return (
            lambda source, out, rows, engine, workers: embed_images(
                network, source, out, rows, engine=engine, workers=workers
            ),
            network,
        )
    labeller = Labeller(model, [task.name for task in TASKS], batch_size=batch)
    labeller(np.zeros((1, SIZE, SIZE, 3), np.uint8))
    return (
        lambda source, out, rows, engine, workers: label_images(
            labeller, source, out, None, rows, engine=engine, workers=workers
        ),
        labeller,
    )


def plans(found: dict) -> dict:
    """By number of faces: hours on one such machine, machines for a night and a week, storage."""
    best = max(each["faces_per_second"] for each in found["engines"].values())
    size = found["bytes_a_face"]
    return {
        name: {
            "machine_hours": faces / best / 3600,
            "machines_for_a_night": int(np.ceil(faces / best / 3600 / NIGHT)),
            "machines_for_a_week": int(np.ceil(faces / best / 3600 / WEEK)),
            "input_gb": faces * size["input"] / 1e9,
            "output_gb": faces * size["output"] / 1e9,
            "read_mb_a_second": best * size["input"] / 1e6,
        }
        for name, faces in SIZES.items()
    }


def bottleneck(found: dict) -> str:
    """The slower part, and how many times slower than the other."""
    slow, fast = sorted(found["parts"], key=found["parts"].get)
    times = found["parts"][fast] / found["parts"][slow]
    return f"{slow} ({times:.1f} times slower than {fast})"


def render(result: Path) -> str:
    """The page, from the JSON that a run wrote."""
    import json

    content = json.loads(Path(result).read_text(encoding="utf-8"))
    about, lines = content["settings"], ["# Labels and embeddings at scale", ""]
    if content["smoke"]:
        lines += ["These figures are of a smoke run and mean nothing.", ""]
    lines += [
        "Rendered by `python -m benchmarks.scale` from what it measured on "
        f"{content['machine']['cores']} processor cores, {content['date']}; nothing is typed. "
        f"Input: {about['picture']}, in Parquet files. The figures for more faces are the measured "
        "rate and size times their number: they hold where storage gives the bytes a second that "
        "are named, and where a worker elsewhere does what a worker does here. Neither was tried.",
        "",
    ]
    titles = {
        "label": "Labels: a teacher (VGG-16 of half width) under six transforms, six tasks",
        "embed": "Embeddings: a student (small ResNet), one pass",
    }
    for work, found in content["facts"].items():
        lines += [f"## {titles[work]}", "", "| engine | faces/s | range |", "| --- | ---: | ---: |"]
        for name, each in found["engines"].items():
            spread = f"{each['low']:,.0f} to {each['high']:,.0f}"
            lines.append(f"| {NAMES[name]} | {each['faces_per_second']:,.0f} | {spread} |")
        parts = ", ".join(f"{name} {rate:,.0f}" for name, rate in found["parts"].items())
        size = found["bytes_a_face"]
        lines += [
            "",
            f"Parts in one process, faces/s: {parts}. **Bottleneck: {bottleneck(found)}.** "
            f"A face takes {size['input']:,.0f} bytes of input, {size['output']:,.0f} of output.",
            "",
            "| faces | machine hours | machines for a night | for a week | input | output | read |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for name, plan in found["plans"].items():
            lines.append(
                f"| {name} | {plan['machine_hours']:,.1f} | {plan['machines_for_a_night']:,} | "
                f"{plan['machines_for_a_week']:,} | {plan['input_gb']:,.0f} GB | "
                f"{plan['output_gb']:,.0f} GB | {plan['read_mb_a_second']:,.1f} MB/s |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
