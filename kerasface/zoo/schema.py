"""Checks from which the manifest's rules are put together.

A check is a function of a JSON value and of the place where it stands ("files.config.json.bytes");
it gives the value back, made immutable, or raises with one line that names the place.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from kerasface.zoo.errors import ManifestError

Check = Callable[[Any, str], Any]
SHOWN = 80
LARGEST = 10**300
DEEPEST = 20  # lists in lists


def complain(where: str, rule: str, value: Any) -> ManifestError:
    """The error for a value that breaks a rule, to be raised."""
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."
    return ManifestError(f"{where} must be {rule}. Received: {shown}")


def read_json(document: bytes, where: str) -> Any:
    """Parses JSON strictly: UTF-8, no NaN, no key twice.

    Raises:
        ManifestError: it is not that.
    """

    def constant(name):
        raise ValueError(f"{name} is not JSON")

    def unique(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return dict(pairs)

    try:
        text = document.decode("utf-8")
        return json.loads(text, parse_constant=constant, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{where} is no JSON: {str(error).splitlines()[0]}") from None


def text(longest: int = 2000, shortest: int = 1) -> Check:
    """A string of one line without blank ends."""

    def check(value, where):
        if not isinstance(value, str) or not shortest <= len(value.strip()) <= longest:
            raise complain(where, f"text of {shortest} to {longest} characters", value)
        if value != value.strip() or not value.isprintable():
            raise complain(where, "one line without blanks at its ends", value)
        return value

    return check


def pattern(expression: str, rule: str) -> Check:
    """A string that a regular expression matches whole."""
    compiled = re.compile(expression)

    def check(value, where):
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise complain(where, rule, value)
        return value

    return check


task_name = pattern("[A-Za-z_][A-Za-z0-9_]{0,63}", "a task's name")


def whole(lowest: int, highest: int) -> Check:
    """A whole number within bounds, both included."""

    def check(value, where):
        if type(value) is not int or not lowest <= value <= highest:
            raise complain(where, f"a whole number from {lowest} to {highest}", value)
        return value

    return check


def number(lowest: float = -math.inf, highest: float = math.inf) -> Check:
    """A finite number within bounds, both included."""

    def check(value, where):
        # JSON's whole numbers have no end, and what is past 1e308 is no float.
        huge = type(value) is int and abs(value) > LARGEST
        if type(value) not in (int, float) or huge or not math.isfinite(value):
            raise complain(where, "a finite number", value)
        if not lowest <= value <= highest:
            raise complain(where, f"from {lowest:g} to {highest:g}", value)
        return value

    return check


def choice(*allowed: Any) -> Check:
    """One of a few values."""

    def check(value, where):
        if value not in allowed or isinstance(value, bool):
            raise complain(where, f"one of {', '.join(map(repr, allowed))}", value)
        return value

    return check


def listing(each: Check, shortest: int = 0, longest: int = 10_000) -> Check:
    """A list of values of one kind, as a tuple."""

    def check(value, where):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise complain(where, "a list", value)
        if not shortest <= len(value) <= longest:
            raise complain(where, f"a list of {shortest} to {longest} values", value)
        return tuple(each(item, f"{where}[{place}]") for place, item in enumerate(value))

    return check


def mapping(key: Check, each: Check, shortest: int = 0) -> Check:
    """An object whose keys and values are of one kind each."""

    def check(value, where):
        if not isinstance(value, dict) or len(value) < shortest:
            raise complain(where, f"an object of {shortest} or more fields", value)
        return {key(name, where): each(item, f"{where}.{name}") for name, item in value.items()}

    return check


def numbers(value: Any, where: str) -> Any:
    """A finite number or lists of such, nested up to 20 deep."""
    if isinstance(value, (list, tuple)):
        if where.count("[") >= DEEPEST:
            raise complain(where, f"at most {DEEPEST} lists in lists", value)
        return tuple(numbers(item, f"{where}[{place}]") for place, item in enumerate(value))
    return number()(value, where)


def fact(check: Check, **default) -> Any:
    """A dataclass field with its check: `bytes: int = fact(whole(1, 10))`."""
    return dataclasses.field(metadata={"check": check}, **default)


def record(kind: type) -> Check:
    """An object with exactly the fields of a dataclass made of `fact`s.

    Args:
        kind: the dataclass. A field with a default may be left out; where the default is
            None, None is also allowed.
    """

    def check(value, where):
        if isinstance(value, kind):
            value = to_json(value)
        if not isinstance(value, dict):
            raise complain(where or "it", f"an object ({kind.__name__})", value)
        fields = {each.name: each for each in dataclasses.fields(kind)}
        dot = f"{where}." if where else ""
        for name in value:
            if name not in fields:
                shown = name if name.isprintable() and len(name) <= SHOWN else repr(name[:SHOWN])
                raise ManifestError(f"{dot}{shown} is no field of {kind.__name__}")
        found = {}
        for name, each in fields.items():
            if name in value and not (value[name] is None and each.default is None):
                found[name] = each.metadata["check"](value[name], dot + name)
            elif each.default is each.default_factory is dataclasses.MISSING:
                raise ManifestError(f"{dot}{name} is missing")
        return kind(**found)

    return check


def to_json(value: Any) -> Any:
    """A record as plain dicts and lists; fields that are None are left out."""
    if dataclasses.is_dataclass(value):
        pairs = ((each.name, getattr(value, each.name)) for each in dataclasses.fields(value))
        return {name: to_json(item) for name, item in pairs if item is not None}
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def dump_json(value: Any) -> bytes:
    """JSON for people and diffs: indented, a row of numbers on one line, always the same bytes."""
    document = json.dumps(to_json(value), indent=2, ensure_ascii=False, allow_nan=False)

    def one_line(match):
        return "[" + ", ".join(match[1].replace(",", " ").split()) + "]"

    return (re.sub(r"\[\n([-+0-9.eE,\s]+)\]", one_line, document) + "\n").encode("utf-8")
