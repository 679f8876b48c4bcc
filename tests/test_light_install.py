"""Without TensorFlow and Keras: a real environment with NumPy, Pillow and one runtime reads faces.

The environment sees no package of the one that runs the tests; its packages come from the index
that pip is set to. Where pip cannot get them the tests are skipped, and say so.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerasface.inference.runtimes import RUNTIMES

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
SOURCES = ("kerasface", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")
LIGHT = ("litert", "onnx")

READ = """
import json, sys
from importlib.util import find_spec
import kerasface
heavy = [name for name in ("tensorflow", "keras", "h5py", "rich", "requests") if find_spec(name)]
assert not heavy, heavy
others = {"litert": "onnxruntime", "onnx": "ai_edge_litert"}
sys.modules[others[sys.argv[1]]] = None
analyzer = kerasface.FaceAnalyzer("student", "none", sys.argv[1], precision="float32")
print(json.dumps([result.to_dict() for result in analyzer([sys.argv[2], "missing.png"])]))
"""


def run(*words, **more):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **more
    )


@pytest.fixture(scope="module")
def student(tmp_path_factory, make_face_model):
    """A tiny network and a folder to build a wheel from that holds it as the student."""
    from kerasface.zoo import publish

    for name in LIGHT:
        pytest.importorskip(RUNTIMES[name].package, reason="NOT TESTED: writes the files")
    pytest.importorskip("tf2onnx", reason="NOT TESTED: writes the files")
    checkout = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            junk = shutil.ignore_patterns("__pycache__", "entries")
            shutil.copytree(source, checkout / name, ignore=junk)
        else:
            shutil.copy(source, checkout)
    model = make_face_model()
    measured = {"dataset": "S", "split": "validation", "metric": "accuracy", "value": 0.5}
    measured |= {"ci95": (0.4, 0.6), "n": 90, "protocol": "one crop"}
    publish(
        model,
        "student",
        "1.0.0",
        root=checkout / "zoo",
        description="Never trained.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "S", "terms": "ours", "labels": ["age"]}],
        metrics=[{"task": task.name, **measured} for task in model.tasks],
        crop="template",
        template={"eyes": [0.5, 0.343]},
        resize="bilinear",
        recipe="recipes/face_zoo/train.py",
        commit="0123456789" * 4,
        probe={"count": 2},
        exports=[f"{name}-float32" for name in LIGHT],
    )
    return checkout


@pytest.fixture(scope="module")
def python(student, tmp_path_factory):
    """The interpreter of an environment with the wheel, NumPy, Pillow and the runtimes."""
    folder = tmp_path_factory.mktemp("light")
    words = ("-m", "pip", "wheel", student, "--no-deps", "--no-build-isolation", "--no-index")
    done = run(sys.executable, *words, "--wheel-dir", folder)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", system_site_packages=False, with_pip=False)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    packages = ("numpy", "pillow", *(RUNTIMES[name].distribution for name in LIGHT))
    done = run(*pip, *packages)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        pytest.skip(f"NOT TESTED: pip could not install {' '.join(packages)}: {lines[-1]}")
    done = run(*pip, "--no-deps", "--no-index", wheel)
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def elsewhere(tmp_path):
    """A folder without our sources, and settings of this machine left out."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KERASFACE", "PYTHON"))
    }
    environment |= {"KERASFACE_OFFLINE": "1", "KERASFACE_HOME": str(tmp_path / "home")}
    return {"cwd": tmp_path, "env": environment}


@pytest.mark.parametrize("runtime", LIGHT)
def test_answers_are_those_of_keras(python, student, photo, elsewhere, runtime):
    from kerasface.zoo import load

    done = run(python, "-c", READ, runtime, photo, **elsewhere)
    assert done.returncode == 0, done.stderr
    record, missing = json.loads(done.stdout)
    assert "missing.png" in missing["error"] and not missing["faces"]
    [wanted] = load(student / "zoo/student/1.0.0").analyze(photo)
    [face], [expected] = record["faces"], wanted["faces"]
    assert face["box"] == expected["box"] == [0.0, 0.0, 60.0, 60.0]
    answers, others = face["answers"], expected["answers"]
    assert list(answers) == list(others) and "race" not in answers
    assert answers["expression"]["label"] == others["expression"]["label"]
    assert answers["gender"]["note"] == "as annotators saw it"
    assert answers["age"]["value"] == pytest.approx(others["age"]["value"], abs=0.11)
    np.testing.assert_allclose(
        answers["landmarks5"]["points"], others["landmarks5"]["points"], atol=2e-4
    )


def test_command_line(python, photo, elsewhere):
    words = ("analyze", photo, "--runtime", "litert", "--detector", "none", "--json", "-")
    done = run(python, "-m", "kerasface", *words, **elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["faces"][0]["answers"]["age"]["unit"] == "years"
    # By itself it takes the runtime that is there, and tells in lines where there is no `rich`.
    done = run(python, "-m", "kerasface", "analyze", photo, "--detector", "none", **elsewhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{photo}: ") and " years (" in done.stdout
    done = run(python, "-m", "kerasface", "zoo", "list", "--json", **elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["name"] == "student"
    for action in (("list",), ("info", "student")):
        done = run(python, "-m", "kerasface", "zoo", *action, **elsewhere)
        assert done.returncode == 0, done.stderr
        assert "student@1.0.0" in done.stdout and "age" in done.stdout


def test_what_is_missing_is_one_line(python, photo, elsewhere):
    for runtime, wanted in (
        ("keras", "needs Keras and TensorFlow"),
        ("openvino", "pip install 'kerasface[openvino]'"),
    ):
        words = ("analyze", photo, "--runtime", runtime, "--detector", "none", "--json", "-")
        done = run(python, "-m", "kerasface", *words, **elsewhere)
        assert done.returncode == 2 and wanted in done.stderr
        assert done.stderr.count("\n") == 1
