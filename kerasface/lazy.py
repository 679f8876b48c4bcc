"""Public names that are imported when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(package: str, homes: Mapping[str, str]) -> tuple[Callable, Callable, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose parts are dear to import.

    Args:
        package: the package's `__name__`.
        homes: by public name the module below the package that it lives in.

    Example:
        >>> find, listed, names = lazy_names("kerasface.zoo", {"Manifest": "manifest"})
        >>> find("Manifest").__name__, names
        ('Manifest', ['Manifest'])
    """

    def find(name: str):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return find, listed, sorted(homes)
