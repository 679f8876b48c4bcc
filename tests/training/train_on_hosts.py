"""Run twice at once by test_devices.py, on JAX: `HOST PORT FOLDER PATIENCE`.

The first pair loses host 1 in the middle of an epoch; the second goes on with the run, which the
first host compares with the same on one device that was never stopped.
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras

from kerasface.training import Devices
from tests.training.device_cases import apart, dealt, run

HOSTS, LOST_AT = 2, 2


class Lost(keras.callbacks.Callback):
    """Ends this process as a machine that fails."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == LOST_AT and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def told(many):
    """What each host hears of an answer of the first, and of its failure."""
    try:
        many.once(lambda: {}["no such key"])
    except (KeyError, RuntimeError) as error:
        return [many.once(lambda: {"host": many.host}), type(error).__name__, str(error)]


def main(host, port, folder, patience):
    folder = Path(folder)
    many = Devices(1, HOSTS, int(host), f"127.0.0.1:{port}", patience=int(patience))
    heard = told(many)
    resumed = (folder / "run" / "state.json").exists()
    callbacks = [Lost()] if host == "1" and not resumed else []
    first, numbers, logs, _ = run(folder / "run", many, callbacks=callbacks)
    answer = {"first": first, "replicas": many.replicas, "chief": many.chief, "told": heard}
    answer["dealt"] = dealt(many)
    if many.chief:
        _, expected, expected_logs, moved = run(folder / "one", Devices())
        answer |= {
            "apart": apart(numbers, expected),
            "moved": moved,
            "logs": {name: [value, logs.get(name)] for name, value in expected_logs.items()},
        }
    (folder / f"host-{host}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
