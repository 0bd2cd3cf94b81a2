"""A job for the tests of `benchmarks.turns`: fills megabytes, or fails."""

from __future__ import annotations

import sys

from benchmarks.turns import serve


class Filling:
    """Fills as many megabytes as asked, and forgets them."""

    def __init__(self) -> None:
        self._turns = 0

    def turn(self, size: int) -> int:
        """How many bytes that were."""
        self._turns += 1
        return len(bytearray(b"x") * (size * 10**6))

    def facts(self) -> dict[str, float]:
        """Turns so far."""
        return {"turns": self._turns}


if __name__ == "__main__":
    if sys.argv[1] == "failing":
        raise SystemExit("this job always fails")
    serve(Filling, sys.stdin, lambda line: print(line, flush=True))
