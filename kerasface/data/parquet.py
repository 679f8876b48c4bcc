"""Parquet files by pyarrow: written whole or not at all, read with errors of one line."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

ABOUT = b"kerasface"  # key of our own facts in a file's footer
UNFINISHED = ".part"


class DamagedShard(ValueError):
    """A Parquet file that does not read, or holds what nobody wrote; one line names the file."""


def arrow() -> Any:
    """The module `pyarrow`, which is an extra: with it 170 MB come that only label files need.

    Raises:
        ImportError: it is not installed; the line says how to.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"Parquet files need pyarrow: pip install 'kerasface[labels]' ({error})"
        ) from None
    return pyarrow


def write_table(table: Any, path: Path, about: dict) -> None:
    """Writes a table under a temporary name, to the disk, and renames it.

    Args:
        table: a `pyarrow.Table`.
        path: of the file; one that is there is replaced.
        about: JSON-safe facts for the footer.
    """
    pa = arrow()
    table = table.replace_schema_metadata({ABOUT: json.dumps(about, sort_keys=True)})
    unfinished = path.with_name(path.name + UNFINISHED)
    with open(unfinished, "wb") as file:
        pa.parquet.write_table(table, file, compression="zstd", write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def read_about(path: Path) -> dict:
    """The facts that `write_table` was given, and `rows`, the number of rows.

    Raises:
        DamagedShard: no Parquet file, one cut short, or none of ours.
    """
    pa = arrow()
    try:
        footer = pa.parquet.read_metadata(path)
        about = json.loads((footer.metadata or {})[ABOUT])
        return {**about, "rows": footer.num_rows}
    except KeyError:
        raise DamagedShard(f"{path}: a Parquet file, but not written by kerasface") from None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise _damaged(path, error) from None


def read_columns(path: Path, columns: list[str]) -> Any:
    """A `pyarrow.Table` of these columns; every page is checked against its checksum.

    Raises:
        DamagedShard: the file does not read, fails a checksum, or lacks a column.
    """
    pa = arrow()
    try:
        table = pa.parquet.read_table(path, page_checksum_verification=True)
        return table.select(columns)
    except KeyError as error:
        raise DamagedShard(f"{path}: a column is missing ({error})") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DamagedShard:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return DamagedShard(f"{path}: damaged, remove it and label again ({reason})")
