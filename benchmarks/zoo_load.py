"""What the zoo's checks cost: `zoo.load` against building the model and reading its weights.

    python -m benchmarks.zoo_load [--entry student] [--rounds 5]

Beside the whole call it times each check alone (manifest, hash, look into the HDF5, probe), and
`kerasface zoo list` in a process of its own from its start to its end, which is to take less than
half a second. About a minute on two cores.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, repeated, row, stated

ALLOWED_SECONDS = 0.5
LOADS, LISTS = 3, 3


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name or folder of an entry that is here")
    made.add_argument("--rounds", type=int, default=5)
    options = made.parse_args(arguments)
    if options.smoke:
        options.rounds = 1
    warn_if_busy(options.smoke)
    load_before = machine.load()

    from kerasface.models import FaceModel
    from kerasface.zoo import load
    from kerasface.zoo.entry import NEEDED, check_files, read_manifest
    from kerasface.zoo.locate import locate
    from kerasface.zoo.probe import check_probe
    from kerasface.zoo.schema import read_json
    from kerasface.zoo.weights import count_parameters

    folder = locate(options.entry)
    manifest = read_manifest(folder)
    weights = folder / "model.weights.h5"

    def bare():
        model = FaceModel.from_spec(read_json((folder / "config.json").read_bytes(), "config"))
        model.load_weights(weights)
        return model

    def listing():
        command = [sys.executable, "-m", "kerasface.apps.main", "zoo", "list"]
        subprocess.run(command, check=True, capture_output=True)

    model = bare()
    actions = {
        "build and load_weights": (bare, LOADS),
        "zoo.load": (lambda: load(folder), LOADS),
        "of it: manifest": (lambda: read_manifest(folder), LOADS),
        "of it: sha256": (lambda: check_files(folder, manifest, NEEDED), LOADS),
        "of it: look into the HDF5": (lambda: count_parameters(weights), LOADS),
        "of it: probe": (lambda: check_probe(model, manifest), LOADS),
        "kerasface zoo list": (listing, LISTS),
    }
    blocks = alternate(
        {
            name: repeated(action, 1 if options.smoke else times)
            for name, (action, times) in actions.items()
        },
        options.rounds,
    )
    rows = [row(name, each) for name, each in blocks.items()]
    listed = next(each for each in rows if each["name"] == "kerasface zoo list")["median_ms"]
    finish(
        "zoo_load",
        options,
        {
            "network": manifest.reference,
            "parameters": manifest.parameters,
            "weights_bytes": weights.stat().st_size,
            "rounds": options.rounds,
        },
        [
            stated("kerasface zoo list / 0.5 s", listed / 1e3 / ALLOWED_SECONDS, "< 1.00"),
            ratio("zoo.load / bare", blocks["zoo.load"], blocks["build and load_weights"]),
        ],
        rows,
        load_before=load_before,
    )


if __name__ == "__main__":
    main()
