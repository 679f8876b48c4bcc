"""Whether an entry is what its manifest says: first its files, then the network itself."""

from __future__ import annotations

from pathlib import Path

from kerasface.zoo.card import render_card
from kerasface.zoo.entry import check_files, read_manifest
from kerasface.zoo.errors import IntegrityError
from kerasface.zoo.manifest import CARD, MANIFEST, WEIGHTS, Manifest
from kerasface.zoo.names import inside
from kerasface.zoo.weights import count_parameters


def check_entry(folder: Path) -> Manifest:
    """Checks sizes, hashes, the number of parameters in the file, and the card. Needs no Keras.

    Args:
        folder: of the entry.

    Returns:
        Its manifest.

    Raises:
        ZooError: the first thing that is wrong.
    """
    manifest = read_manifest(folder)
    if (folder / MANIFEST).read_bytes() != manifest.to_bytes():
        raise IntegrityError(f"{folder / MANIFEST} was written by hand: it is not as we write it")
    check_files(folder, manifest)
    found = count_parameters(inside(folder, WEIGHTS))
    if found != manifest.parameters:
        raise IntegrityError(
            f"{folder / WEIGHTS} holds {found} parameters, its manifest says {manifest.parameters}"
        )
    card = inside(folder, CARD)
    # A fetched entry has no card: it follows from the manifest.
    if card.exists() and card.read_text(encoding="utf-8") != render_card(manifest):
        raise IntegrityError(f"{card} is not what its manifest gives")
    return manifest


def check_model(folder: Path) -> Manifest:
    """`check_entry`, then builds the network, counts its operations and asks the probe.

    Of the files for other runtimes those are opened and asked whose runtime is installed.

    Args:
        folder: of the entry.

    Returns:
        Its manifest.

    Raises:
        ZooError: the first thing that is wrong.
    """
    from kerasface.inference.runtimes import is_installed
    from kerasface.zoo.agreement import check_export_probe
    from kerasface.zoo.loading import build
    from kerasface.zoo.operations import count_operations
    from kerasface.zoo.probe import check_probe
    from kerasface.zoo.runtime_loading import open_export

    manifest = check_entry(folder)
    model = build(folder, manifest)
    size = manifest.input
    operations = count_operations(model, (size.height, size.width, size.channels))
    if operations != manifest.operations:
        raise IntegrityError(
            f"{manifest.reference} takes {operations} operations, its manifest says "
            f"{manifest.operations}"
        )
    check_probe(model, manifest)
    for export in manifest.exports or ():
        if is_installed(export.runtime):
            check_export_probe(open_export(folder, manifest, export), manifest, export)
    return manifest
