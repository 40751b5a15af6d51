"""Continuity: what a frame takes over from those painted before it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from neural_style.losses.temporal import TemporalLoss
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.preprocessing import preprocess
from neural_style.video.consistency import long_term_weights, warp
from neural_style.video.flow import Motion, MotionFinder, View
from neural_style.video.scenes import is_cut


@dataclass(frozen=True)
class TemporalTerm:
    """An earlier frame, painted, as it would look now.

    warped: (3, H, W), RGB.  reliability: (1, H, W), how much each pixel of it counts.
    """

    warped: Tensor
    reliability: Tensor


@dataclass(frozen=True)
class Takeover:
    """What a frame takes over.

    begins_scene: there is nothing.  previous: the frame before, painted, (3, H, W), RGB; warped:
    as it would look now.  terms: of the temporal loss.
    """

    begins_scene: bool = True
    previous: Tensor | None = None
    warped: Tensor | None = None
    terms: list[TemporalTerm] = field(default_factory=list)


class Continuity:
    """Follows a clip frame by frame, and keeps as many painted ones as are needed.

    relative_indices: how many frames before each one it is compared with.
    """

    def __init__(self, find_motion: MotionFinder, relative_indices: Sequence[int]):
        self._find_motion = find_motion
        self._indices = sorted(set(relative_indices))
        self._painted: deque[tuple[View, Tensor]] = deque(maxlen=max(self._indices, default=1))

    def __len__(self) -> int:
        return len(self._painted)

    def follow(self, current: View) -> Takeover:
        """Return what a frame takes over; nothing, from now on, if it begins a scene."""
        if not self._painted:
            return Takeover()
        previous, picture = self._painted[-1]
        motion = self._find_motion(current, previous)
        if is_cut(current, previous, motion):
            self._painted.clear()
            return Takeover()
        distances = [distance for distance in self._indices if distance <= len(self._painted)]
        motions = {1: motion} | {
            distance: self._find_motion(current, self._painted[-distance][0])
            for distance in distances
            if distance > 1
        }
        warped = warp(picture, motion.backward)
        return Takeover(False, picture, warped, self._terms(distances, motions))

    def _terms(self, distances: Sequence[int], motions: dict[int, Motion]) -> list[TemporalTerm]:
        if not distances:
            return []
        weights = long_term_weights([motions[distance].reliability for distance in distances])
        return [
            TemporalTerm(warp(self._painted[-distance][1], motions[distance].backward), weight)
            for distance, weight in zip(distances, weights, strict=True)
        ]

    def add(self, current: View, picture: Tensor) -> None:
        """Keep a frame that has been painted: (3, H, W), RGB."""
        self._painted.append((current, picture))


def add_temporal_losses(
    network: LossNetwork, terms: Sequence[TemporalTerm], weight: float, normalize: bool = False
) -> None:
    """Let a network compare the image with earlier frames as well."""
    device = network.devices[0]
    for term in terms:
        target = preprocess(term.warped).float().to(device)
        reliability = term.reliability.float().to(device)
        loss = TemporalLoss(weight, target, reliability, normalize, network.edges.sides)
        network.image_losses.append(loss)
