"""The command `kerasface`; its sub-commands live in `apps/commands`.

Whatever a person can have got wrong (a path, a flag, a broken file) is one line and exit code 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from kerasface import __version__
from kerasface.apps.commands import (
    analyze,
    demo,
    embed,
    evaluate,
    export,
    label,
    train,
    transfer,
    verify,
    zoo,
)

PROG = "kerasface"
BAD_INPUT, INTERRUPTED = 2, 130
# In the order of `--help`. None of their modules imports Keras or TensorFlow before it runs.
COMMANDS = (
    analyze.add_analyze,
    demo.add_demo,
    label.add_label,
    embed.add_embed,
    verify.add_verify,
    evaluate.add_evaluate,
    zoo.add_zoo,
    zoo.add_publish,
    export.add_export,
    train.add_train,
    transfer.add_transfer,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all sub-commands; each sets `run`, a function of the parsed arguments."""
    parser = argparse.ArgumentParser(
        prog=PROG,
        description="Reads faces with small Keras networks, and trains and publishes them.",
        epilog="Answers about gender and race are annotators' guesses from looks, never facts.",
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where an error came from, for reports"
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: of the command line without the program's name; default `sys.argv[1:]`.

    Returns:
        The exit code: 0 well, 2 bad input, or what the sub-command says.
    """
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except BrokenPipeError:  # the reader of a pipe (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        from kerasface.zoo.errors import ZooError

        foreseen = isinstance(error, (ValueError, OSError, ImportError, LookupError, ZooError))
        if options.traceback or not foreseen:
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {' '.join(str(text).split())}", file=sys.stderr)
        return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
