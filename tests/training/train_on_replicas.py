"""Run by test_devices.py in a process of its own: logical devices are made at the start."""

import json
import sys

import keras

from kerasface.training import Devices, Stage
from tests.training.device_cases import apart, dealt, run

# Which a replica has of its own, see `Devices`.
SHARED = {"triplets": False, "dropout": 0.0}


def refused(action, *arguments):
    try:
        action(*arguments)
    except ValueError as error:
        return str(error)


def main(folder):
    two, one = Devices(2), Devices()
    run(f"{folder}/two", two, epochs=2, **SHARED)
    first, numbers, logs, _ = run(f"{folder}/two", two, **SHARED)
    _, expected, expected_logs, moved = run(f"{folder}/one", one, **SHARED)
    answer = {
        "backend": keras.backend.backend(),
        "replicas": two.replicas,
        "first": first,
        "apart": apart(numbers, expected),
        "moved": moved,
        "logs": {name: [value, logs.get(name)] for name, value in expected_logs.items()},
        "dealt": dealt(two),
        "refused": [
            refused(two.share, None, 15),
            refused(two.share, None, 12, 4),
            refused(lambda: Stage(folder, None, None, 1, 1, devices=two)),
            refused(Devices, 3),
            refused(Devices, 1, 2),
            refused(Devices, 0),
        ],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
