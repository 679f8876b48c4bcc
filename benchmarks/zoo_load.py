"""What the zoo's checks cost: `zoo.load` against building the model and reading its weights.

    python -m benchmarks.zoo_load [ENTRY]

ENTRY is a name, folder or address, default "student". Where there is none yet, an untrained
network of the student's size is published into a temporary folder. Prints the best of seven
runs in milliseconds, their ratio, and the time of `kerasface zoo list` from its start to its end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kerasface.zoo.errors import UnknownEntry
from kerasface.zoo.locate import locate

RUNS = 7


def best(action: Callable[[], object]) -> float:
    """Shortest time of an action in milliseconds, after one run that is not counted."""
    action()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        times.append(1e3 * (time.perf_counter() - started))
    return min(times)


def untrained(root: str) -> Path:
    """An entry of the student's size."""
    from kerasface.models import FaceModel
    from kerasface.tasks import Classification
    from kerasface.zoo import publish

    task = Classification("gender", ("male", "female"))
    spec = {
        "trunk": {"name": "small_resnet", "config": {}},
        "tasks": [task.get_config()],
        "input": {"height": 48, "width": 48, "channels": 3},
    }
    metric = {"task": "gender", "dataset": "none", "split": "none", "metric": "accuracy"}
    metric |= {"value": 0.5, "ci95": [0.4, 0.6], "n": 1, "protocol": "untrained"}
    return publish(
        FaceModel.from_spec(spec),
        "untrained",
        "0.0.1",
        description="Untrained, for the benchmark.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "none", "terms": "none", "labels": []}],
        metrics=[metric],
        crop="none",
        template={"size": 48},
        resize="none",
        recipe="benchmarks/zoo_load.py",
        commit="0" * 40,
        root=root,
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("entry", nargs="?", default="student")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        try:
            folder = locate(options.entry)
        except UnknownEntry:
            folder = untrained(root)
        measure(folder)


def measure(folder: Path) -> None:
    """Prints the figures for one entry."""
    from kerasface.models import FaceModel
    from kerasface.zoo import load
    from kerasface.zoo.entry import NEEDED, check_files, read_manifest
    from kerasface.zoo.probe import check_probe
    from kerasface.zoo.schema import read_json
    from kerasface.zoo.weights import count_parameters

    manifest = read_manifest(folder)
    weights = folder / "model.weights.h5"

    def bare():
        model = FaceModel.from_spec(read_json((folder / "config.json").read_bytes(), "config"))
        model.load_weights(weights)
        return model

    model = bare()
    plain = best(bare)
    whole = best(lambda: load(folder))
    parts = {
        "manifest": best(lambda: read_manifest(folder)),
        "sha256": best(lambda: check_files(folder, manifest, NEEDED)),
        "look into the HDF5": best(lambda: count_parameters(weights)),
        "probe": best(lambda: check_probe(model, manifest)),
    }
    size = weights.stat().st_size
    print(f"{manifest.reference}: {manifest.parameters:,} parameters, {size:,} bytes")
    print(f"build and load_weights        {plain:8.1f} ms")
    print(f"zoo.load, with all checks     {whole:8.1f} ms   ratio {whole / plain:.2f}")
    for name, milliseconds in parts.items():
        print(f"  {name:28}{milliseconds:8.1f} ms")
    command = [sys.executable, "-m", "kerasface.apps.main", "zoo", "list"]
    listed = best(lambda: subprocess.run(command, check=True, capture_output=True))
    print(f"kerasface zoo list            {listed:8.1f} ms   of 500 allowed: {listed / 500:.2f}")


if __name__ == "__main__":
    main()
