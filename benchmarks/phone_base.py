"""The policy that `craft_gui --suite phone` begins with.

    python -m benchmarks.phone_base

The small model after a cold start on a few of the oracle's demonstrations of nine tasks: as it is
published it fails at most instances by miscopying names, which no number of rollouts that fit into
an hour mends. What it then learns by acting are some of these tasks and some that it was not shown.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agentenv.policies.scripted import OraclePolicy
from benchmarks.cold_start import ColdStartConfig, cold_start
from benchmarks.command import run_command

NAME = "phone_base"


def phone_base(config: ColdStartConfig) -> Path:
    """The model, made if it is missing."""
    return cold_start(NAME, config, OraclePolicy)


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, ColdStartConfig, phone_base)


if __name__ == "__main__":
    sys.exit(main())
