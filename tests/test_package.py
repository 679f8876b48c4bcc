"""The package: a light import, a wheel that works from another folder, no clutter."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kerasface

ROOT = Path(__file__).parents[1]
SOURCES = ("kerasface", "zoo", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")

TASKS = ("expression", "age", "gender", "race", "landmarks5")
MEASURED = {"dataset": "S", "split": "validation", "metric": "accuracy", "value": 0.5}
MEASURED |= {"ci95": (0.4, 0.6), "n": 90, "protocol": "one crop"}

LIGHT = """
import sys
import kerasface
kerasface.zoo
heavy = {"keras", "tensorflow", "jax", "numpy", "PIL"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


def python(*words, **more):
    return subprocess.run(
        [sys.executable, *map(str, words)], capture_output=True, text=True, check=False, **more
    )


def test_import_is_light():
    done = python("-c", LIGHT)
    assert done.returncode == 0, done.stderr


def test_parts_are_reached_from_the_top():
    for name in ("data", "models", "tasks", "zoo", "apps"):
        assert getattr(kerasface, name).__name__ == f"kerasface.{name}"
        assert name in dir(kerasface)
    assert kerasface.FaceAnalyzer is kerasface.apps.FaceAnalyzer
    assert "FaceAnalyzer" in kerasface.__all__ and "FaceAnalyzer" in dir(kerasface)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kerasface.nothing  # noqa: B018


def test_version_is_that_of_the_changelog():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{kerasface.__version__}]" in changes


def test_every_folder_of_code_is_a_package():
    """A folder without `__init__.py` would be missing from the wheel."""
    folders = {path.parent for path in (ROOT / "kerasface").rglob("*.py")}
    assert [
        str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()
    ] == []


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, make_face_model):
    """A copy of what a wheel is made of, with a tiny student published in its zoo."""
    root = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            junk = shutil.ignore_patterns("__pycache__", "entries")
            shutil.copytree(source, root / name, ignore=junk)
        else:
            shutil.copy(source, root)
    shutil.rmtree(root / "zoo", ignore_errors=True)
    (root / "zoo").mkdir()
    from kerasface.zoo import publish

    newest = publish(
        make_face_model(),
        "student",
        "0.10.0",
        root=root / "zoo",
        description="Never trained.",
        licences={"code": "Apache-2.0", "weights": "none"},
        data=[{"name": "S", "terms": "ours", "labels": ["age"]}],
        metrics=[{"task": task, **MEASURED} for task in TASKS],
        crop="template",
        template={"eyes": [0.5, 0.343]},
        resize="bilinear",
        recipe="recipes/face_zoo/train.py",
        commit="0123456789" * 4,
        probe={"count": 1},
    )
    for other in ("student/0.9.0", "teacher/1.0.0"):
        shutil.copytree(newest, root / "zoo" / other)
    return root


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    words = [
        "-m",
        "pip",
        "wheel",
        checkout,
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        out,
    ]
    done = python(*words, "--no-index")
    assert done.returncode == 0, done.stderr
    [path] = out.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_the_newest_student_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    entries = {name for name in names if name.startswith("kerasface/zoo/entries/")}
    assert "kerasface/zoo/entries/index.json" in entries
    assert "kerasface/zoo/entries/student/0.10.0/model.weights.h5" in entries
    assert not [name for name in entries if "0.9.0" in name or "teacher" in name]
    assert not [name for name in names if name.startswith(("tests", "recipes", "zoo/"))]
    assert not [name for name in names if re.search(r"\.(jpe?g|tiff|pgm)$", name)]


OFFLINE = """
import sys
from pathlib import Path
import numpy as np
import kerasface
from kerasface.inference import analyze
assert Path(kerasface.__file__).is_relative_to(sys.argv[1]), kerasface.__file__
model = kerasface.zoo.load("student")
assert model.manifest.version == "0.10.0"
[record] = analyze(model, np.zeros((60, 60, 3), np.uint8))
print(record["faces"][0]["answers"]["age"]["unit"])
"""


@pytest.mark.slow
def test_wheel_reads_faces_offline_from_another_folder(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KERASFACE")}
    environment |= {
        "PYTHONPATH": str(site),
        "KERASFACE_OFFLINE": "1",
        "KERASFACE_HOME": str(tmp_path / "home"),
    }
    done = python("-c", OFFLINE, site, cwd=elsewhere, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "years"


def test_nothing_of_this_machine_is_in_the_checkout():
    """No photograph but those drawn by tests, and no path of a developer's home or workplace."""
    done = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:  # an unpacked source archive has no list of tracked files
        return
    tracked = done.stdout.split("\n")
    assert not [name for name in tracked if re.search(r"\.(jpe?g|pgm|tiff?)$", name)]
