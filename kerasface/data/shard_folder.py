"""Runs whose results are Parquet shards in a folder: each whole or not at all, and gone on with.

A folder holds `about.json` (everything that decides what the results are), one file
`<kind>-00000-of-00003.parquet` for each part of the input, and
`unreadable-00000-of-00003.parquet`, the quarantine, where pictures of that part could not be read.
Shard `k` is of the input's rows from `k * rows_per_shard` on, and every file carries the digest of
its run. So what a killed run finished stays, the same run begun again writes only what is missing,
and a shard that two workers made is the same file twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from kerasface.data.parquet import DamagedShard, arrow, read_about, read_columns, write_table

RUN_FILE = "about.json"
FORMAT = 1
MOST_SHARDS = 1_000_000  # of usual size they hold four thousand million pictures
LONGEST_NAME = 4096  # characters of a picture's name, as a path's may have


class ForeignShard(ValueError):
    """Results of another run where this one's should be; one line says what differs."""


class ShardedRun:
    """What a run is, for frozen dataclasses that add its fields.

    Subclasses set `KIND`, the first word of their files, and have two fields at least: `rows`, the
    pictures of the input, and `rows_per_shard`, those of each shard but the last.
    """

    KIND: ClassVar[str]
    rows: int
    rows_per_shard: int

    def __post_init__(self):
        given = self.rows, self.rows_per_shard
        # A folder may be a stranger's: what decides how much is looked for has a bound.
        if not all(type(each) is int and each > 0 for each in given) or self.shards > MOST_SHARDS:
            raise ValueError(
                f"there must be pictures, one or more a shard, and at most {MOST_SHARDS} shards. "
                f"Received: rows={self.rows}, rows_per_shard={self.rows_per_shard}"
            )

    @property
    def shards(self) -> int:
        """How many there are when all is done."""
        return -(-self.rows // self.rows_per_shard)

    @property
    def digest(self) -> str:
        """sha256 of all fields; every shard carries it."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict:
        """The fields as JSON holds them."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_json(cls, content: dict) -> Self:
        """A run from what `as_json` gave."""
        return cls(**content)

    def part(self, number: int) -> range:
        """The input's rows of shard `number`."""
        start = number * self.rows_per_shard
        return range(start, min(start + self.rows_per_shard, self.rows))

    def file(self, folder: Path, number: int, kind: str | None = None) -> Path:
        """Path of shard `number`, `kind` being the run's own (default) or "unreadable"."""
        return folder / f"{kind or self.KIND}-{number:05d}-of-{self.shards:05d}.parquet"

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The run that a folder of shards is of.

        Raises:
            DamagedShard: there is no `about.json`, or not one of such a run.
        """
        path = Path(folder) / RUN_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise ValueError(f"format must be {FORMAT}")
            return cls.from_json(content)
        except (
            *(OSError, ValueError, KeyError, TypeError, AttributeError),
            *(ArithmeticError, RecursionError),
        ) as error:
            raise DamagedShard(f"{path}: no description of {cls.KIND} ({error})") from None


class ShardFolder:
    """The shards of one run in its folder.

    Args:
        folder: made if it is not there.
        run: whose results they are.

    Raises:
        ForeignShard: the folder holds another run's.
        ImportError: pyarrow is not installed.
    """

    def __init__(self, folder: str | Path, run: ShardedRun):
        arrow()
        self.folder, self.run = Path(folder), run
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.folder / RUN_FILE
        if written.exists():
            there, mine = type(run).read(self.folder).as_json(), run.as_json()
            changed = [each.name for each in fields(run) if there[each.name] != mine[each.name]]
            if changed:
                raise ForeignShard(
                    f"{self.folder} holds {run.KIND} of another run; take another folder or remove "
                    f"it. Received: different {', '.join(changed)}"
                )
        else:
            unfinished = written.with_name(written.name + ".part")
            content = json.dumps({"format": FORMAT, **run.as_json()}, indent=1)
            unfinished.write_text(content + "\n", encoding="utf-8")
            os.replace(unfinished, written)

    def is_finished(self, number: int) -> bool:
        """Whether a shard is there.

        Raises:
            DamagedShard: its file is cut short or not one of ours.
            ForeignShard: it was written by another run or is of another part.
        """
        path = self.run.file(self.folder, number)
        if not path.exists():
            return False
        check_shard(path, self.run, number)
        return True

    def write_tables(
        self, number: int, table: Any, unreadable: Mapping[int, tuple[str, str]] | None = None
    ) -> int:
        """Writes one shard: first what could not be read, then the results.

        Args:
            number: of the shard.
            table: a `pyarrow.Table` of the results.
            unreadable: by row of the input, the picture's name and why it could not be read.

        Returns:
            The table's rows.
        """
        pa = arrow()
        about = {"run": self.run.digest, "shard": number}
        aside = self.run.file(self.folder, number, "unreadable")
        if unreadable:
            bad = sorted(unreadable)
            quarantine = pa.table(
                {
                    "image": [unreadable[row][0] for row in bad],
                    "row": pa.array(bad, pa.int64()),
                    "error": [unreadable[row][1] for row in bad],
                }
            )
            write_table(quarantine, aside, about)
        else:
            aside.unlink(missing_ok=True)  # of a try that was killed before its results
        write_table(table, self.run.file(self.folder, number), about)
        return table.num_rows

    def counts(self) -> tuple[int, int]:
        """Rows of results and unreadable pictures, over the shards that are there."""
        results = unreadable = 0
        for number in range(self.run.shards):
            path = self.run.file(self.folder, number)
            if path.exists():
                results += read_about(path)["rows"]
                aside = self.run.file(self.folder, number, "unreadable")
                unreadable += read_about(aside)["rows"] if aside.exists() else 0
        return results, unreadable


def check_shard(path: Path, run: ShardedRun, number: int) -> None:
    """Sees that a file is shard `number` of a run.

    Raises:
        DamagedShard: it does not read.
        ForeignShard: it is another run's, or another part.
    """
    about = read_about(path)
    if (about.get("run"), about.get("shard")) != (run.digest, number):
        raise ForeignShard(
            f"{path} was written by another run or for another part; remove it or take another "
            f"folder. Received: shard {about.get('shard')} of run {str(about.get('run'))[:12]}"
        )


def picture_names(path: Path, column: Any) -> np.ndarray:
    """`(rows,)` str of the column of pictures' names in a shard.

    Raises:
        DamagedShard: one is missing or very long: an array of text is as wide as its longest.
    """
    names = column.to_pylist()
    for row, name in enumerate(names):
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise DamagedShard(
                f"{path}: row {row} has no name of at most {LONGEST_NAME} characters"
            )
    return np.array(names, str)


def of_part(rows: np.ndarray, part: range) -> bool:
    """Whether rows of the input differ and belong to a part of it."""
    inside = (rows >= part.start) & (rows < part.stop)
    return bool(inside.all()) and len(np.unique(rows)) == len(rows)


def read_unreadable(folder: Path, run: ShardedRun, number: int) -> dict[str, str]:
    """By picture of one shard, why it could not be read.

    Raises:
        DamagedShard: the table does not read.
        ForeignShard: it is another run's.
    """
    aside = run.file(folder, number, "unreadable")
    if not aside.exists():
        return {}
    check_shard(aside, run, number)
    table = read_columns(aside, ["image", "error"])
    names = picture_names(aside, table["image"]).tolist()
    return dict(zip(names, table["error"].to_pylist(), strict=True))
