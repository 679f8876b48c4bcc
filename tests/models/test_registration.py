"""A saved model finds its losses and metrics by `import kerasface.models` alone."""

import subprocess
import sys

import keras
import numpy as np
import pytest


@pytest.mark.slow
def test_compiled_model_loads_in_a_new_process(make_face_model, tmp_path):
    """Tasks import what trains them late; what a file names must be registered all the same."""
    model = make_face_model()
    losses = {task.name: task.make_loss() for task in model.tasks}
    metrics = {task.name: task.make_metrics() for task in model.tasks}
    plain = keras.Model(model.trunk.input, model.heads(model.trunk.output))
    plain.compile("sgd", loss=losses, weighted_metrics=metrics)
    path = tmp_path / "model.keras"
    plain.save(path)
    code = (
        "import sys, keras, numpy as np, kerasface.models\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(float(model(np.zeros((1, 48, 48, 3), 'float32'))['age'][0, 0]))\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = float(plain(np.zeros((1, 48, 48, 3), "float32"))["age"][0, 0])
    assert float(done.stdout) == pytest.approx(wanted, abs=1e-5)
