"""Where the time of the int8 file goes, and how near that is to what the processor can.

    python -m benchmarks.int8_layers [--entry student] [--rounds 5]

On one thread, in CPU seconds, which bear other work on the machine:

- the entry's OpenVINO int8 file with 64 faces, whole and layer by layer (its own counters);
- Keras's `model.predict` of 1,024 faces, warm;
- NumPy's float32 matrix product, for what a well kept library gets out of this core.

VNNI, the instruction for int8, does four multiply-adds where AVX-512 does one of float32: a file
in int8 can be four times as fast as a network in float32 that uses the core equally well, and more
only by using it better. So each is given in multiply-adds a second; those with the zeros of the
padding, which OpenVINO leaves out, are not counted. A minute on one core.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import numpy as np

from benchmarks import machine
from benchmarks.result import finish, parser
from benchmarks.timing import alternate, ratio, repeated, row, stated

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
FACES, PREDICTED, SIDE, PROFILES = 64, 1024, 1536, 30
WANTED = 5  # times predict's faces a second, issue of the runtimes
LANES = 4  # int8 multiply-adds in the place of one of float32


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name or folder of an entry")
    made.add_argument("--rounds", type=int, default=5)
    options = made.parse_args(arguments)
    # Libraries take their number of threads when they are first imported.
    if not options.smoke and any(os.environ.get(name) != "1" for name in THREADS):
        words = sys.argv[1:] if arguments is None else list(map(str, arguments))
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "TF_NUM_INTEROP_THREADS": "1"}
        module = [sys.executable, "-m", "benchmarks.int8_layers"]
        subprocess.run([*module, *words], env=environment, check=True)
        return
    load_before = machine.load()
    faces, predicted, side = (4, 8, 64) if options.smoke else (FACES, PREDICTED, SIDE)
    reference, blocks = in_turns(options, faces, predicted, side)
    layers = profiled(options.entry, faces, 2 if options.smoke else PROFILES)

    needed = sum(layer["M multiply-adds a face"] for layer in layers)  # millions

    def rate(name: str, millions: float) -> float:
        return millions / 1e3 / statistics.median(sum(blocks[name], []))

    product = rate("float32 matrix product", side**3 / 1e6)
    int8, plain = rate("int8", needed * faces), rate("predict", needed * predicted)
    whole = LANES * product
    inside = sum(
        layer["share"]
        for layer in layers
        if layer["computed in"] == "int8" and layer["M multiply-adds a face"]
    )
    title = f"faces/s, openvino int8 / predict of {predicted:,}, 1 thread, CPU time"
    ratios = [
        ratio(title, blocks["predict"], blocks["int8"], f">= {WANTED}.00", faces / predicted),
        stated(f"multiply-adds/s of int8 / {LANES} x a float32 matrix product's", int8 / whole),
        stated(f"multiply-adds/s of {WANTED} x predict / the same", WANTED * plain / whole),
        stated("time in int8 convolutions / all of int8's", inside),
    ]
    facts = {
        "G multiply-adds/s, float32 matrix product": product,
        "G multiply-adds/s, predict": plain,
        "G multiply-adds/s, int8": int8,
        "layers": layers,
    }
    counts = {"predict": predicted, "int8": faces}
    rows = [row(f"{name}, CPU time", blocks[name], count) for name, count in counts.items()]
    settings = {"network": reference, "rounds": options.rounds, "threads": 1, "clock": "cpu"}
    settings |= {"predicted": predicted, "faces": faces, "side of the matrices": side}
    finish("int8_layers", options, settings, ratios, rows, facts, load_before)


def in_turns(options, faces: int, predicted: int, side: int):
    """What the network is, and CPU seconds of the contenders in turns."""
    from kerasface.data.synthetic import synthetic_set
    from kerasface.zoo import load

    fast = load(options.entry, runtime="openvino", precision="int8", threads=1)
    keras_model = load(options.entry)
    drawn = synthetic_set(faces, size=fast.input_shape[1], tasks=()).images
    many = np.tile(drawn, (predicted // faces, 1, 1, 1))
    left = np.random.default_rng(0).random((side, side), dtype="float32")
    right, product = left.T.copy(), np.empty_like(left)
    actions = {
        "predict": (lambda: keras_model.predict(many, verbose=0), 1),
        "int8": (lambda: fast(drawn), 10),
        "float32 matrix product": (lambda: np.matmul(left, right, out=product), 10),
    }
    timed = {
        name: repeated(action, 1 if options.smoke else calls, clock="cpu")
        for name, (action, calls) in actions.items()
    }
    return fast.manifest.reference, alternate(timed, 1 if options.smoke else options.rounds)


def profiled(entry: str, faces: int, repeats: int) -> list[dict]:
    """Least time of every layer that takes any, by OpenVINO's counters; the dearest first."""
    import openvino

    from kerasface.inference.runtimes.openvino import cpu_settings
    from kerasface.zoo.entry import read_checked, read_manifest
    from kerasface.zoo.locate import locate
    from kerasface.zoo.runtime_loading import choose

    folder = locate(entry, files=None)
    manifest = read_manifest(folder)
    files = choose(manifest, "openvino", "int8").files
    structure, weights = (read_checked(folder, manifest, name) for name in files)
    core = openvino.Core()
    network = core.read_model(model=structure, weights=weights)
    shape = (faces, manifest.input.height, manifest.input.width, manifest.input.channels)
    network.reshape(list(shape))
    convolutions = {op.get_friendly_name(): op for op in network.get_ops()}
    settings = {**cpu_settings(threads=1), "PERF_COUNT": True}
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    pixels = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    least: dict[str, tuple[float, str, str]] = {}
    for _ in range(repeats):
        request.infer([pixels], share_inputs=True)
        for node in request.profiling_info:
            ms = 1e3 * node.real_time.total_seconds()
            if ms and ms < least.get(node.node_name, (np.inf,))[0]:
                least[node.node_name] = (ms, node.node_type, node.exec_type)
    whole = sum(ms for ms, _, _ in least.values())
    found: dict[tuple, list] = {}
    for number, (name, (ms, kind, primitive)) in enumerate(least.items()):
        title, millions, which = kind, 0.0, -1
        if kind == "Convolution":
            title, millions = described(convolutions[name])
            which = number  # each by itself; of the others all of a kind together
        computed = "int8" if primitive.endswith("I8") else "float32"
        found.setdefault((title, millions, computed, which), []).append(ms)
    layers = [
        {
            "layer": title,
            "computed in": computed,
            "ms": sum(times),
            "share": sum(times) / whole,
            "M multiply-adds a face": millions,
            "G multiply-adds/s": millions * faces / sum(times),
        }
        for (title, millions, computed, _), times in found.items()
    ]
    return sorted(layers, key=lambda layer: -layer["ms"])


def described(op) -> tuple[str, float]:
    """A convolution in words, and millions of its multiply-adds a face without padding's."""
    inputs, weights = (list(op.input_value(which).shape) for which in (0, 1))
    outputs = list(op.output(0).shape)
    attributes = op.get_attributes()
    taps = 1
    for axis in (0, 1):
        sizes = (inputs[2 + axis], weights[2 + axis], outputs[2 + axis])
        taps *= taps_on_picture(*sizes, attributes["strides"][axis], attributes["pads_begin"][axis])
    title = f"{weights[2]} x {weights[3]}, {weights[1]} to {weights[0]} channels, "
    title += f"{outputs[2]} x {outputs[3]}"
    return title, weights[0] * weights[1] * taps / 1e6


def taps_on_picture(size: int, kernel: int, outputs: int, stride: int, before: int) -> int:
    """Along one axis, pairs of an output and a tap of its kernel that lie on the picture.

    Args:
        size: of the picture.
        kernel: taps.
        outputs: places.
        stride: pixels from place to place.
        before: pixels of padding before the picture.

    Example:
        >>> taps_on_picture(6, 3, 6, 1, 1)  # of 18; the first and the last lie outside
        16
    """
    places = np.arange(outputs)[:, None] * stride + np.arange(kernel) - before
    return int(((places >= 0) & (places < size)).sum())


if __name__ == "__main__":
    main()
