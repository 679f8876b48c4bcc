"""`kerasface export`: a published model as a file of LiteRT, ONNX, OpenVINO or TensorFlow."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FORMATS = ("litert", "onnx", "openvino", "saved_model")
PRECISIONS = ("float32", "float16", "int8")


def add_export(subparsers) -> None:
    """Adds `export`."""
    parser = subparsers.add_parser(
        "export",
        help="write a model for LiteRT, ONNX, OpenVINO or as SavedModel",
        description="Writes a published model as one file of another runtime. It takes uint8 "
        "pixels 0..255, rescales them itself, and gives one output a task under the task's name.",
        epilog="float16: litert, openvino. int8: litert, onnx, openvino; calibrated on "
        "--calibration, faces such as the model will read, or on drawn ones, which costs accuracy.",
    )
    parser.add_argument("entry", help="name in the zoo, name@version, entry folder or address")
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="default: %(default)s"
    )
    parser.add_argument(
        "--calibration",
        nargs="+",
        metavar="PATH",
        help="for int8: folders of face crops or prepared sets (.npz)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="the file (saved_model: the folder); default: named for entry and precision, here",
    )
    parser.add_argument(
        "--into-entry",
        action="store_true",
        help="put it into the entry's own folder and manifest, which must not be published yet",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the file and prints its name."""
    if options.into_entry and options.out:
        raise ValueError(f"--into-entry has its own place. Received: --out {options.out}")
    if options.calibration and options.precision != "int8":
        raise ValueError(f"--calibration is for int8. Received: {options.precision}")
    from kerasface.apps.startup import quiet_start
    from kerasface.inference.exporters import calibration_faces, check_format, export_model

    suffix = check_format(options.format, options.precision).suffix
    with quiet_start():
        import keras

        from kerasface.zoo.exporting import add_exports
        from kerasface.zoo.loading import load
        from kerasface.zoo.locate import locate
    if options.precision == "int8" and not options.calibration:
        print(
            "no --calibration: ranges are measured on drawn faces, which costs accuracy",
            file=sys.stderr,
        )
    if options.into_entry:
        folder = locate(options.entry)
        name = f"{options.format}-{options.precision}"
        manifest = add_exports(folder, [name], calibration=options.calibration)
        [made] = [export for export in manifest.exports if export.name == name]
        for file in made.files:
            print(folder / file)
        return 0
    keras.config.set_dtype_policy("float32")
    model = load(options.entry)
    faces = None
    if options.precision == "int8":
        size = tuple(model.trunk.input_shape[1:])
        faces, words = calibration_faces(options.calibration, size)
        print(f"calibrated on {words}", file=sys.stderr)
    path = options.out
    if path is None:
        about = model.manifest
        path = Path(f"{about.name}-{about.version}-{options.precision}{suffix}")
    for file in export_model(model, path, options.format, options.precision, faces):
        print(file)
    return 0
