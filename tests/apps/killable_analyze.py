"""`kerasface analyze` with a network of NumPy that takes its time, to be killed at any moment."""

import sys
import time

from kerasface import zoo
from kerasface.apps.main import main
from tests.apps.numpy_model import MeansRunner, numpy_model

PAUSE = 0.02


class SlowRunner(MeansRunner):
    """Waits at each batch, so that a test can strike."""

    def __call__(self, images):
        time.sleep(PAUSE)
        return super().__call__(images)


if __name__ == "__main__":
    zoo.load = lambda name, **choices: numpy_model(SlowRunner())
    words = ["--detector", "none", "--batch-size", "2"]
    sys.exit(main(["analyze", *sys.argv[1:], *words]))
