"""Hypothesis' strategies for files and JSON that somebody has spoilt."""

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# The same examples every time: a test that fails now and then tells nobody what it found.
steady = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PIECES = (
    *(b"nan", b"inf", b"-1", b"0", b"1e999", b"9" * 400, b"1.5.2", b"0x1F", b"1_000"),
    *("²".encode(), "٣".encode(), "\u2028".encode(), "\ufeff".encode(), b"\xff\xfe", b"\0"),
    *(b"\n", b"\r", b"\r\n", b",", b"\t", b";", b" ", b'"', b"'", b"{", b"[", b"\\", b"../x.jpg"),
)  # fmt: skip
EDIT = st.tuples(
    st.integers(0, 2**31),
    st.integers(0, 12),  # bytes that go
    st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)),
)


@st.composite
def spoilt(draw, content):
    """`content` with up to six pieces taken out, put in or exchanged."""
    for place, length, piece in draw(st.lists(EDIT, min_size=1, max_size=6)):
        start = place % (len(content) + 1)
        content = content[:start] + piece + content[start + length :]
    return content


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["../x", "/etc/passwd", "a\nb", "x" * 5000, 10**400, [], {}, [[]], {"": 1}]),
    st.lists(st.integers(-1, 3), max_size=3),
)


def places(value, path=()):
    """All paths below a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value[:3]):
            yield from places(each, (*path, index))


@st.composite
def altered(draw, document):
    """A JSON document with one to four values exchanged, taken away or doubled, as bytes."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(places(document))[1:] or [()]))
        if not path:
            return json.dumps(draw(VALUES)).encode()
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        what = draw(st.sampled_from(["exchange", "remove", "add"]))
        if what == "exchange":
            parent[path[-1]] = draw(VALUES)
        elif what == "remove":
            del parent[path[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=5))] = draw(VALUES)
        else:
            parent.append(draw(VALUES))
    return json.dumps(document).encode()
