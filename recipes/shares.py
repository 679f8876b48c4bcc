"""`--share 1/2`: many runs divided among processes, each on a core of its own."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Share(NamedTuple):
    """Which of the processes that divide runs this is."""

    place: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """From "1/2", the first of two.

        Raises:
            ValueError: it is none.
        """
        place, _, of = text.partition("/")
        if not (place.isdecimal() and of.isdecimal() and 1 <= int(place) <= int(of)):
            raise ValueError(f"a share is such as 1/2, the first of two. Received: {text}")
        return cls(int(place), int(of))

    def taken(self, wanted: Iterable[Item], group: Callable[[Item], Hashable]) -> list[Item]:
        """Its runs, in their order.

        Each process is given the next group when it has fewest runs so far.

        Args:
            wanted: all of them, the same in every process.
            group: of a run; those of one group stay together, as one needs what another made.
        """
        wanted = list(wanted)
        shares: list[set] = [set() for _ in range(self.of)]
        runs = [0] * self.of
        for name, many in Counter(map(group, wanted)).items():
            fewest = runs.index(min(runs))
            shares[fewest].add(name)
            runs[fewest] += many
        return [each for each in wanted if group(each) in shares[self.place - 1]]


def add_share(parser: argparse.ArgumentParser) -> None:
    """Adds `--share`, default all."""

    def share(text: str) -> Share:
        try:
            return Share.parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    parser.add_argument(
        "--share",
        type=share,
        default=Share(1, 1),
        help="such as 1/2: the first of two processes that divide the runs, each on its own core",
    )
