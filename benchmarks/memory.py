"""Memory over 1,000 `analyze` calls: does the process grow?

    python -m benchmarks.memory [--calls 1000] [--entry student]

A call gets one to five pictures of changing sizes, as arrays, as JPEG bytes or as files, so that
every way in is taken and the network sees every batch size it fills up to. Once each way was taken
(and TensorFlow and the allocator have what they keep), the memory that the process holds (resident
set) is read, and again after the calls. Aim: less than 20 MB of growth. About 20 seconds on two
cores.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from benchmarks import machine
from benchmarks.one_face import network, untrained
from benchmarks.result import finish, parser
from benchmarks.timing import stated
from kerasface.data.synthetic import synthetic_set
from kerasface.inference import analyze

ALLOWED_MB = 20.0
SIZES = (40, 48, 64, 90, 128)
MOST = 5  # pictures a call
WARM_UP = 100
READINGS = 20


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name, folder or address of an entry")
    made.add_argument("--calls", type=int, default=1000)
    options = made.parse_args(arguments)
    warm_up, most = WARM_UP, MOST
    if options.smoke:
        options.calls, warm_up, most = 4, 2, 2
    load_before = machine.load()
    model, which = untrained(smoke=True) if options.smoke else network(options.entry)
    with tempfile.TemporaryDirectory() as root:
        asked = questions(Path(root), most)
        for _ in range(warm_up):
            analyze(model, next(asked))
        before, curve = resident_mb(), []
        every = max(options.calls // READINGS, 1)
        for call in range(1, options.calls + 1):
            analyze(model, next(asked))
            if call % every == 0:
                curve.append(resident_mb() - before)
        after = resident_mb()
    growth = after - before
    half = curve[len(curve) // 2]
    finish(
        "memory",
        options,
        {"network": which, "calls": options.calls, "warm_up": warm_up, "allowed_mb": ALLOWED_MB},
        [stated(f"growth / {ALLOWED_MB:.0f} MB", growth / ALLOWED_MB, "< 1.00")],
        facts={
            "before_mb": before,
            "after_mb": after,
            "growth_mb": growth,
            "growth_in_second_half_mb": growth - half,
            "growth_curve_mb": curve,
        },
        load_before=load_before,
    )
    print(f"growth: {growth:.1f} MB over {options.calls} calls (aim < {ALLOWED_MB:.0f})")


def questions(root: Path, most: int) -> Iterator[list]:
    """Endless lists of one to `most` pictures: arrays, JPEG bytes and files in turn."""
    forms = []
    for size in SIZES:
        for image in synthetic_set(3, size=size, tasks=()).images:
            content = io.BytesIO()
            Image.fromarray(image).save(content, "JPEG")
            file = root / f"{len(forms)}.jpg"
            file.write_bytes(content.getvalue())
            forms += [image, content.getvalue(), file]
    start = 0
    while True:
        for count in range(1, most + 1):
            yield [forms[(start + number) % len(forms)] for number in range(count)]
            start += count


def resident_mb() -> float:
    """Megabytes (10^6 bytes) that this process holds, after what is garbage has been collected.

    Where the system does not tell what is held now (anything but Linux), the most that was
    ever held: growth shows there too, shrinking does not.
    """
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


if __name__ == "__main__":
    main()
