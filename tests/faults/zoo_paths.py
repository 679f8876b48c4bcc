"""Names and links that lead out of an entry, in manifests, in indexes and on the disk."""

import os

from kerasface.zoo import locate
from kerasface.zoo.errors import ManifestError
from kerasface.zoo.schema import dump_json, read_json
from tests.faults.zoo_place import ENTRY, HASTE, WEIGHTS, Fault, rewritten

NAMES = {
    "parent": "../../../../outside/treasure",
    "parent within": "figures/../../../../../outside/treasure",
    "absolute": "/tmp/kerasface-treasure",
    "drive": "C:treasure",
    "backslashes": "..\\..\\outside\\treasure",
    "hidden": ".bashrc",
    "null byte": "figures/a\0.png",
    "the manifest itself": "manifest.json",
}


def file_named(name):
    """A manifest that lists a file of that name."""

    def attack(place):
        def change(document):
            document["files"][name] = {"sha256": "0" * 64, "bytes": 41}

        with place.offered(lambda folder: rewritten(folder, change)) as server:
            place.fetch(server, files=None)

    return attack


def entry_named(field, value):
    """A manifest that calls its own entry so."""

    def attack(place):
        def change(document):
            document[field] = value

        with place.offered(lambda folder: rewritten(folder, change)) as server:
            place.fetch(server)

    return attack


def index_with(change):
    """A served zoo whose index is changed."""

    def attack(place):
        root = place.scratch / "root"
        root.mkdir()
        document = read_json((place.zoo / "index.json").read_bytes(), "index")
        change(document)
        (root / "index.json").write_bytes(dump_json(document))
        with place.offered(root=root) as server:
            os.environ["KERASFACE_ZOO"] = server.url
            locate.locate("tiny@1.0.0", patience=HASTE)

    return attack


def climb(document):
    document["entries"][0]["name"] = "../../outside"


def climb_by_version(document):
    document["entries"][0]["version"] = "../../outside"


def local_mirror(document):
    document["mirrors"] = ["file:///etc"]


def mirror_with_password(document):
    document["mirrors"] = ["https://user:password@example.org/zoo"]


def linked_weights(place):
    def link(folder):
        (folder / WEIGHTS).unlink()
        (folder / WEIGHTS).symlink_to(place.treasure)

    place.load(place.copied(link))


def linked_in_the_cache(place):
    """The file is fetched again and takes the link's place; what it led to stays as it is."""
    with place.offered() as server:
        path = place.fetch(server) / WEIGHTS
        path.unlink()
        path.symlink_to(place.treasure)
        place.fetch(server)
        assert not path.is_symlink()


def linked_folder(place):
    """Figures that would be written into another folder."""

    def add(folder):
        (folder / "figures").mkdir(exist_ok=True)
        (folder / "figures" / "ages.png").write_bytes(b"drawn")
        figure = {"figures/ages.png": {"sha256": "", "bytes": 5}}
        rewritten(folder, lambda document: document["files"].update(figure))

    with place.offered(add) as server:
        folder = place.fetch(server)
        (folder / "figures").symlink_to(place.treasure.parent)
        place.fetch(server, files=None)
        assert (folder / "figures" / "ages.png").read_bytes() == b"drawn"


def linked_entry(place):
    """A zoo's folder passes over links."""
    root = place.scratch / "root"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / "1.0.0").symlink_to(place.zoo / ENTRY)
    os.environ["KERASFACE_ZOO"] = str(root)
    assert locate.catalogue() == []


FAULTS = (
    *(
        Fault("paths", f"name in a manifest: {kind}", file_named(name), ManifestError)
        for kind, name in NAMES.items()
    ),
    Fault("paths", "entry's own name", entry_named("name", "../../x"), ManifestError, "name is"),
    Fault("paths", "entry's version", entry_named("version", "../1"), ManifestError, "a version"),
    Fault("paths", "name in an index", index_with(climb), ManifestError, "name is"),
    Fault("paths", "version in an index", index_with(climb_by_version), ManifestError, "a version"),
    Fault("paths", "mirror file://", index_with(local_mirror), ManifestError, "only https"),
    Fault(
        "paths", "mirror with a password", index_with(mirror_with_password), ManifestError, "pass"
    ),
    Fault("paths", "link for weights", linked_weights, ManifestError, "symbolic links"),
    Fault("paths", "link in the cache", linked_in_the_cache),
    Fault("paths", "link for a folder in the cache", linked_folder),
    Fault("paths", "link for an entry", linked_entry),
)
