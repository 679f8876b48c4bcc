"""Table 5: how well each source's embedding is made again from a code, on held-out faces."""

from __future__ import annotations

import json

import numpy as np

from kerasface.evaluation import normalized_rmse
from kerasface.training import fit_decoder
from kerasface.zoo.schema import dump_json
from recipes.general_knowledge import fusion, students
from recipes.general_knowledge.arms import Ways

DECODER_EPOCHS = 8
FILE = "reconstruction.json"


def measured(options, ways: Ways, kinds) -> dict:
    """By way to a code, the normalised RMSE by source and on average; kept in a file."""
    file = options.runs / FILE
    found = json.loads(file.read_text()) if file.exists() else {}
    held = fusion.shards_of(options.held, options)
    for kind, size in kinds:
        name = kind if size is None else f"{kind}-{size}"
        if name in found:
            continue
        rows = held.read()
        if kind in students.STUDENTS:
            back = _decoded(kind, options, ways)
        else:
            back = ways.operator(kind, size).reconstructed(rows.embeddings, rows.present)
        found[name] = normalized_rmse(rows.embeddings, back, held.sizes, rows.present > 0)
        file.write_bytes(dump_json(found))
    return found


def _decoded(kind: str, options, ways: Ways) -> np.ndarray:
    """The held-out faces' embeddings by a new decoder of a student's frozen ones."""
    shards = fusion.shards_of(options.unsupervised, options)
    codes = codes_by_part(kind, shards, options.unsupervised, ways)
    everything = np.concatenate(codes)
    middle, spread = everything.mean(0), everything.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    mean, scale = shards.moments()
    epochs = 1 if options.smoke else DECODER_EPOCHS
    standard = [(each - middle) / spread for each in codes]
    with options.clock(f"decoder-{kind}"):
        decoder = fit_decoder(standard, shards, mean, scale, epochs)
    held = fusion.shards_of(options.held, options)
    asked = np.concatenate(codes_by_part(kind, held, options.held, ways))
    return decoder.predict((asked - middle) / spread, verbose=0, batch_size=1024) * scale + mean


def codes_by_part(kind: str, shards, parts, ways: Ways) -> list[np.ndarray]:
    """A student's embeddings of each part of the shards."""
    return [
        ways.features(kind, parts[place])[rows.rows]
        for (place, _), rows in zip(shards.parts, shards, strict=True)
    ]
