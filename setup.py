"""Packaging of kerasface; settings of tools are in pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (ROOT / "kerasface/__init__.py").read_text())[1]
RUNTIMES = {
    "litert": ["ai-edge-litert>=2.1"],
    "onnx": ["onnx>=1.19", "onnxruntime>=1.23", "tf2onnx>=1.17"],
    "openvino": ["openvino>=2025.3"],  # int8 is written with those of onnx
}
PACKAGED_ENTRY = "student"  # so that a wheel reads faces without a network


class BuildWithEntry(build_py):
    """Copies the index and the newest student from `zoo/` into the package."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # the checkout's own zoo/ is found first
        entries = Path(self.build_lib) / "kerasface" / "zoo" / "entries"
        versions = [path for path in (ROOT / "zoo" / PACKAGED_ENTRY).glob("*.*.*") if path.is_dir()]
        shutil.rmtree(entries, ignore_errors=True)
        if versions:
            newest = max(versions, key=lambda path: [int(part) for part in path.name.split(".")])
            shutil.copytree(newest, entries / PACKAGED_ENTRY / newest.name)
            shutil.copy(ROOT / "zoo" / "index.json", entries)


setup(
    name="kerasface",
    version=VERSION,
    description="Keras 3 model zoo for faces: one small network for expression, age and more",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["kerasface", "kerasface.*"]),
    python_requires=">=3.11,<3.14",
    install_requires=[
        "tensorflow>=2.21,<2.22",
        "keras>=3.15.1",  # older ones run code out of model files
        "numpy>=1.26",
        "pillow>=10.1",
        "h5py>=3.11",
        "tensorboard>=2.20",
        "matplotlib>=3.8",
        "rich>=13.7",
        "requests>=2.32",
        "urllib3>=2.2",  # read1 of a response
        "filelock>=3.13",
    ],
    extras_require={
        "detect": ["mtcnn>=1.0.0,<2"],
        "demo": ["gradio>=6.20,<7"],  # the page of `kerasface demo`
        "opencv": ["opencv-python-headless>=4.10,<5"],  # 5 comes without cascades
        "hub": ["keras-hub>=0.25"],
        # Each runs its files and, beside TensorFlow, writes them. A light install takes only
        # ai-edge-litert, onnxruntime or openvino.
        **RUNTIMES,
        "fusion": ["scikit-learn>=1.5"],  # principal components of several embeddings
        "labels": ["pyarrow>=17"],  # Parquet; 170 MB that only pseudo-label files need
        # Labels and embeddings on a cluster, --engine ray.
        "scale": ["pyarrow>=17", "ray[data]>=2.50"],
        "test": [
            *(package for packages in RUNTIMES.values() for package in packages),
            "gradio>=6.20,<7",
            "hypothesis>=6.100",
            "jax>=0.5",
            "keras-hub>=0.25",
            "opencv-python-headless>=4.10,<5",
            "playwright>=1.55",  # drives the system's Chromium
            "pyarrow>=17",
            "pytest>=8",
            "pytest-xdist>=3.6",  # a file of tests a worker
            "pyyaml>=6",
            "ray[data]>=2.50",
            "ruff>=0.9",
            "scikit-learn>=1.5",
            "setuptools>=70.1",  # builds the wheel that a test installs
        ],
    },
    entry_points={"console_scripts": ["kerasface = kerasface.apps.main:main"]},
    cmdclass={"build_py": BuildWithEntry},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
