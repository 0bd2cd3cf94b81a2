"""The policy that `digiq_privacy` and `craft_gui_privacy` begin with.

    python -m benchmarks.privacy_base

The small model after a cold start on demonstrations of ordering food: a third of them fill in
every optional personal field, a third take every offer (`benchmarks.givers`), as people do, and as
a model that learned from them does. One of the three tasks is shown without any of that. A policy
that gave nothing away, or never came to the form, would show no difference.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.cold_start import ColdStartConfig, cold_start
from benchmarks.command import run_command
from benchmarks.givers import Givers

NAME = "privacy_base"


def privacy_base(config: ColdStartConfig) -> Path:
    """The model, made if it is missing."""
    return cold_start(NAME, config, Givers)


def main() -> int:
    """Parse the command line and run; returns the exit status."""
    return run_command(NAME, ColdStartConfig, privacy_base)


if __name__ == "__main__":
    sys.exit(main())
