"""Entries whose files are damaged, exchanged, or hold more than numbers."""

import os
import pickle
import shutil
from hashlib import sha256

import h5py
import keras
import numpy as np

from kerasface.zoo import locate
from kerasface.zoo.errors import DownloadError, IntegrityError, ManifestError, ProbeError
from kerasface.zoo.schema import dump_json, read_json
from tests.faults.zoo_place import CONFIG, HASTE, MANIFEST, WEIGHTS, Fault, rewritten


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flipped_on_the_server(place):
    with place.offered(lambda folder: flip(folder / WEIGHTS)) as server:
        place.fetch(server)


def flipped_on_the_disk(place):
    place.load(place.copied(lambda folder: flip(folder / CONFIG)))


def flipped_in_the_cache(place):
    """Seen the next time, and fetched again."""
    with place.offered() as server:
        flip(place.fetch(server) / WEIGHTS)
        place.fetch(server)


def cut_short(place):
    def cut(folder):
        content = (folder / WEIGHTS).read_bytes()
        (folder / WEIGHTS).write_bytes(content[:-100])

    with place.offered(cut) as server:
        place.fetch(server)


def other_weights(place):
    def exchange(folder):
        shutil.copy(place.zoo / "tiny" / "1.10.0" / WEIGHTS, folder)

    with place.offered(exchange) as server:
        place.fetch(server)


def other_weights_with_their_hash(place):
    """Of the same form and with a manifest that agrees: only the answers tell."""

    def exchange(folder):
        shutil.copy(place.zoo / "tiny" / "1.10.0" / WEIGHTS, folder)
        rewritten(folder)

    place.load(place.copied(exchange))


def files_in_each_other_s_place(place):
    def exchange(folder):
        config = (folder / CONFIG).read_bytes()
        shutil.copy(folder / WEIGHTS, folder / CONFIG)
        (folder / WEIGHTS).write_bytes(config)

    place.load(place.copied(exchange))


def served_by_name(place, change, index=None):
    """Asks for `tiny@1.0.0` of a served zoo whose index is sound and whose entry is not."""
    root = place.scratch / "root"
    shutil.copytree(place.zoo, root)
    change(root / "tiny" / "1.0.0")
    if index:
        document = read_json((root / "index.json").read_bytes(), "index")
        index(document, root / "tiny" / "1.0.0" / MANIFEST)
        (root / "index.json").write_bytes(dump_json(document))
    with place.offered(root=root) as server:
        os.environ["KERASFACE_ZOO"] = server.url
        locate.locate("tiny@1.0.0", patience=HASTE)


def changed_manifest(place):
    def change(document):
        document["licences"]["weights"] = "do what you like"

    served_by_name(place, lambda folder: rewritten(folder, change))


def manifest_of_another(place):
    """The index vouches for it, under the name of `tiny`."""

    def vouch(document, path):
        content = path.read_bytes()
        row = next(row for row in document["entries"] if row["version"] == "1.0.0")
        row["manifest"] = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}

    def rename(document):
        document["name"] = "other"

    served_by_name(place, lambda folder: rewritten(folder, rename), vouch)


def manifest_without_end(place):
    with place.offered(lambda folder: (folder / MANIFEST).write_bytes(b" " * 3_000_000)) as server:
        place.fetch(server)


def weights_made_by(write):
    """An attack with other weights, with whose hash the manifest agrees."""

    def attack(place):
        def change(folder):
            write(folder / WEIGHTS, place)
            rewritten(folder)

        place.load(place.copied(change))

    return attack


def link_to_elsewhere(path, place):
    with h5py.File(path, "r+") as file:
        file["elsewhere"] = h5py.ExternalLink(str(place.treasure), "/")


def numbers_from_elsewhere(path, place):
    with h5py.File(path, "r+") as file:
        file.create_dataset("elsewhere", (4,), "float32", external=[(str(place.treasure), 0, 16)])


def view_of_elsewhere(path, place):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(str(place.treasure), "x", (4,))
    with h5py.File(path, "r+") as file:
        file.create_virtual_dataset("elsewhere", layout)


def packed_zeros(path, place):
    """Some kilobytes that unpack to four gigabytes."""
    with h5py.File(path, "r+") as file:
        shape, chunk = (1024, 1024, 1024), (1, 1024, 1024)
        zeros = file.create_dataset("bomb", shape, "float32", chunks=chunk, compression="gzip")
        zeros[0] = 0.0


def model_with_code(path, place):
    """A `.keras` file with a Lambda layer, whose code makes a file."""
    marker = str(place.treasure.with_name("made by code"))
    run = eval(f"lambda x: (open({marker!r}, 'w').close(), x)[1]")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(run)])
    archive = place.scratch / "code.keras"
    model.save(archive)
    os.unlink(marker)
    # Such a file is what it is thought to be: Keras, told to trust it, runs it.
    keras.saving.load_model(archive, safe_mode=False)
    os.unlink(marker)
    shutil.copy(archive, path)


def model_with_code_by_its_path(place):
    model_with_code(place.scratch / "copy.keras", place)
    place.load(place.scratch / "copy.keras")


def configuration_with_code(place):
    def change(folder):
        model_with_code(place.scratch / "copy.keras", place)
        model = keras.saving.load_model(place.scratch / "copy.keras", safe_mode=False)
        place.treasure.with_name("made by code").unlink()
        (folder / CONFIG).write_text(model.to_json())
        rewritten(folder)

    place.load(place.copied(change))


class Code:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def pickled_code(path, place):
    path.write_bytes(pickle.dumps(Code(str(place.treasure.with_name("made by code")))))


def arrays_of_objects(path, place):
    code = Code(str(place.treasure.with_name("made by code")))
    with open(path, "wb") as file:
        np.savez(file, weights=np.array([code], object))


FAULTS = (
    Fault("damage", "byte flipped on the server", flipped_on_the_server, IntegrityError, "sha256"),
    Fault("damage", "byte flipped on the disk", flipped_on_the_disk, IntegrityError, "sha256"),
    Fault("damage", "byte flipped in the cache", flipped_in_the_cache),
    Fault("damage", "file cut short", cut_short, DownloadError, "expected are"),
    Fault("exchange", "weights of another version", other_weights, IntegrityError, "sha256"),
    Fault(
        "exchange",
        "weights of another version with their hash",
        other_weights_with_their_hash,
        ProbeError,
        "differs from the stored probe",
    ),
    Fault(
        "exchange", "files in each other's place", files_in_each_other_s_place, IntegrityError, ""
    ),
    Fault("exchange", "manifest changed", changed_manifest, DownloadError, "expected are"),
    Fault(
        "exchange", "manifest of another entry", manifest_of_another, ManifestError, "other@1.0.0"
    ),
    Fault("exchange", "manifest of 3 MB", manifest_without_end, DownloadError, "3000000 bytes"),
    *(
        Fault("HDF5 and code", name, weights_made_by(write), IntegrityError, words)
        for name, write, words in (
            ("external link", link_to_elsewhere, "elsewhere is a link"),
            ("numbers of another file", numbers_from_elsewhere, "outside the file"),
            ("view of another file", view_of_elsewhere, "outside the file"),
            ("compressed bomb", packed_zeros, "stores another number"),
            (".keras with code for weights", model_with_code, "no readable HDF5"),
            ("pickled code for weights", pickled_code, "no readable HDF5"),
            ("NumPy objects for weights", arrays_of_objects, "no readable HDF5"),
        )
    ),
    Fault(
        "HDF5 and code", ".keras with code by its path", model_with_code_by_its_path, ManifestError
    ),
    Fault(
        "HDF5 and code",
        "configuration with code",
        configuration_with_code,
        ManifestError,
        "trunk must be an object",
    ),
)
