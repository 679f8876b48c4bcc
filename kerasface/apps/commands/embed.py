"""`kerasface embed`: a network turns faces into embeddings, in Parquet shards."""

from __future__ import annotations

import argparse
from pathlib import Path

from kerasface.apps.commands.analyze import DEFAULT_MODEL
from kerasface.apps.commands.label import load_teacher
from kerasface.apps.picture_inputs import (
    add_input,
    check_input,
    progress_bar,
    show_unreadable,
    source_of,
)


def add_embed(subparsers) -> None:
    """Adds `embed`."""
    parser = subparsers.add_parser(
        "embed",
        help="let a network turn faces into embeddings",
        description="The output of a network's layer for each face, as Parquet files in a folder "
        "that kerasface.data.read_embeddings reads back. Stopped at any moment, the same command "
        "goes on where it was.",
    )
    add_input(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of the embedding files")
    parser.add_argument(
        "--network",
        default=DEFAULT_MODEL,
        metavar="ENTRY",
        help="name in the zoo, entry folder, https address, or with --config a .weights.h5 "
        "(default: %(default)s)",
    )
    parser.add_argument("--config", type=Path, help="JSON of FaceModel.get_spec() for weights")
    parser.add_argument(
        "--layer", help="of the trunk, whose output it is; default: what the heads read"
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=256,
        help="pictures through the network at once (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Embeds the input; 2 where none of its pictures could be read."""
    check_input(options)
    from kerasface.apps.startup import quiet_start

    with quiet_start():
        from kerasface.data.template import SIZE
        from kerasface.inference.embedding import embed_images
        from kerasface.inference.source import Source

    model, known_as = load_teacher(options.network, options.config)
    network = Source(model, options.layer, name=known_as.get("name"), batch_size=options.batch_size)
    source = source_of(options, network.input_size[0] or SIZE)
    with progress_bar("embedding", len(source)) as advance:
        report = embed_images(
            network,
            source,
            options.out,
            options.rows_per_shard,
            advance,
            options.engine,
            options.workers,
        )
    print(
        f"{options.out}: {report.embeddings:,} embeddings of {report.pictures:,} pictures in "
        f"{report.shards} files ({report.resumed} were there), {report.unreadable} unreadable"
    )
    if report.unreadable:
        from kerasface.data.embedding_shards import EmbeddingRun

        show_unreadable(options.out, EmbeddingRun, report.unreadable)
    return 0 if report.unreadable < report.pictures else 2
