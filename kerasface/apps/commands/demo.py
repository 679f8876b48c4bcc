"""`kerasface demo`: a page on this machine to drop photos on."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from kerasface.apps.commands.analyze import DEFAULT_MODEL


def add_demo(subparsers) -> None:
    """Adds `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="serve a page on this machine to try a model in the browser",
        description="Serves a page: drop a photo, see its faces and what the model says of them. "
        "Photos are read here and sent nowhere.",
        epilog="Groups of race are shown only where the page's own box for them is ticked.",
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="name in the zoo, entry folder or https address (default: %(default)s)",
    )
    parser.add_argument(
        "--detector",
        default="auto",
        help="mtcnn, haar, yunet:FILE, or none: each photo is the crop of one face; auto: MTCNN "
        "where it is installed, else haar (default: %(default)s)",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", "keras", "litert", "onnx", "openvino"),
        default="auto",
        help="what runs the network (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address to listen on; others than this machine's let everyone who reaches "
        "it use the page, without a password (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    from importlib.util import find_spec

    if find_spec("gradio") is None:  # before a network is loaded
        raise ImportError("the page needs Gradio: pip install 'kerasface[demo]'")
    if options.port is not None and not 1 <= options.port <= 65535:
        raise ValueError(f"--port must be from 1 to 65535. Received: {options.port}")
    from kerasface import zoo
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.apps.face_analyzer import FaceAnalyzer
        from kerasface.apps.page.server import is_loopback, serve
    model = zoo.load(options.model, runtime=options.runtime)
    # By name, every task: the page shows groups of race to who asks for them there.
    names = [task.name for task in model.tasks]
    analyzer = FaceAnalyzer(model, options.detector, tasks=names)
    if not is_loopback(options.host):
        print(
            f"warning: whoever reaches {options.host} can use this page; there is no password",
            file=sys.stderr,
        )
    # Ended in whatever way, what was sent is not left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with serve(analyzer, options.host, options.port) as url:
        print(f"open {url} (photos stay on this machine; Ctrl-C ends)", flush=True)
        while True:
            time.sleep(3600)
