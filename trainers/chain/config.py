"""Settings of `agentenv train chain`, importable without torch (for `--help`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from agentenv.config import config_from_mapping, read_yaml
from agentenv.errors import ConfigError
from trainers.craft_gui.config import CraftGUIConfig
from trainers.digiq.config import DigiQConfig

T = TypeVar("T")


@dataclass(frozen=True)
class ChainConfig:
    """From logged data to acting and back: Digi-Q, CRAFT-GUI from its policy, Digi-Q again.

    1 digiq: learns a critic and a policy from logged episodes, as `train digiq` does.
    2 craft_gui: that policy acts, and learns from it, as `train craft-gui` does. Every
    rollout is kept in a trajectory store.
    3 digiq_again: representation and critic are trained on these rollouts, which are of a
    policy that is now better, and Best-of-N makes a policy from them once more.

    Each stage is a run of its own, which its own command accepts too.
    """

    tasks: tuple[str, ...]
    """Ids such as miniwob/click-button, or a suite's name; of all stages."""
    base: str = ""
    """Hugging Face name or path of the policy that stage 1 improves."""
    start: str = ""
    """Instead of `base`, a policy that Digi-Q has made (models/digiq of its run): acting begins
    with it, and stage 1 is left out."""
    out: Path = Path("runs/chain")
    """Folder of report.html, which compares the policies, and of a run for each stage: digiq
    (a policy from logged episodes), craft_gui (it acts, and learns from that; every rollout is
    kept), digiq_again (critic and policy once more, from these rollouts). The same command
    goes on where it was stopped."""
    digiq: Path | None = None
    """YAML of stage 1's settings, as `train digiq --config` takes it; its tasks, base, out,
    seed, devices and threads are the chain's."""
    craft_gui: Path | None = None
    """The same of stage 2, as `train craft-gui --config` takes it."""
    again: Path | None = None
    """The same of stage 3; without it, stage 1's. Its episodes are stage 2's rollouts."""
    seed: int = 0
    """Of all stages."""
    devices: int = 4
    """Devices stepped at once."""
    threads: int = 0
    """Torch threads; 0 takes what torch chooses. One is fastest beside browsers."""

    def __post_init__(self) -> None:
        """Refuse what says neither, or both, of where to begin."""
        if bool(self.base) == bool(self.start):
            raise ConfigError(
                "give --base, a policy for Digi-Q to improve, or --start, one that it has made"
            )

    def digiq_settings(self) -> DigiQConfig:
        """Of stage 1."""
        found = self._settings(DigiQConfig, self.digiq, {"base": self.base}, "digiq")
        return _with_digiq(found, self.digiq)

    def craft_gui_settings(self, base: str) -> CraftGUIConfig:
        """Of stage 2, which begins with the policy `base`."""
        return self._settings(CraftGUIConfig, self.craft_gui, {"base": base}, "craft_gui")

    def again_settings(self, base: str, rollouts: Path) -> DigiQConfig:
        """Of stage 3, which learns from `rollouts`, and improves the policy `base`."""
        file = self.again or self.digiq
        collected = (read_yaml(file) if file else {}).get("collect")
        known = collected if isinstance(collected, dict) else {}
        own = {"base": base, "collect": {**known, "data": str(rollouts)}}
        return _with_digiq(self._settings(DigiQConfig, file, own, "digiq_again"), file)

    def _settings(self, kind: type[T], file: Path | None, own: Mapping[str, Any], name: str) -> T:
        shared = {
            "tasks": list(self.tasks),
            "out": str(self.out / name),
            "seed": self.seed,
            "devices": self.devices,
            "threads": self.threads,
        }
        values = (read_yaml(file) if file else {}) | shared | dict(own)
        return config_from_mapping(kind, values, source=str(file or name))


def _with_digiq(settings: DigiQConfig, file: Path | None) -> DigiQConfig:
    if "digiq" not in settings.methods:
        raise ConfigError(
            f"{file}: methods are {', '.join(settings.methods)}; the chain goes on with the policy "
            "of method digiq, so it must be one of them"
        )
    return settings
