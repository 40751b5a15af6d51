"""The hook of a run that keeps its style targets in a file, a saved style."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from neural_style.errors import SettingError
from neural_style.losses.targets import Targets
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.network_description import describe_network
from neural_style.transfer.saved_style import SavedStyle
from neural_style.transfer.session import ignore


@dataclass(frozen=True)
class StyleRecorder:
    """Saves the style targets of a run in a file: a hook, Session(on_network=StyleRecorder(path)).

    Runs for several sizes with the same network and inputs share a file; another one is replaced.
    path: of a .safetensors.  inputs: as in SavedStyle.
    at_once: likewise.  Nothing is written before its sizes have targets as well: a run that ends in
        a coarser scale leaves the file as it was.
    on_saved: called once the file is written, with whether it replaced another style.
    """

    path: str | Path
    inputs: Mapping[str, Any] = field(default_factory=dict)
    at_once: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)
    on_saved: Callable[[bool], None] = ignore
    _pending: dict[int, Targets] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, network: LossNetwork) -> None:
        """Add a network's style targets to the file.

        Raises OSError, also for a file that cannot be read, and SettingError for targets that
        belong to one content image.
        """
        if any(loss.guides != [None] for loss in network.style_losses):
            raise SettingError(
                'save_style',
                'regions and bare paper belong to one content image; save the style without them',
            )
        if network.world.rank:
            return
        targets = network.targets
        self._pending[network.content_side] = Targets(
            style=targets.style, statistic=targets.statistic
        )
        if not self.at_once.keys() <= self._pending.keys():
            return
        sizes = dict(self._pending)
        self._pending.clear()
        saved = SavedStyle(sizes, describe_network(network), self.inputs, at_once=self.at_once)
        replaces = False
        with contextlib.suppress(FileNotFoundError, ValueError):
            former = SavedStyle.load(self.path)
            replaces = (former.network, former.inputs) != (saved.network, dict(saved.inputs))
            if not replaces:
                at_once = {**former.at_once, **self.at_once}
                saved = replace(saved, sizes={**former.sizes, **sizes}, at_once=at_once)
        saved.save(self.path)
        self.on_saved(replaces)
