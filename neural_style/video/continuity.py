"""Continuity: what a frame takes over from those painted before it."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from neural_style.losses.temporal import TemporalLoss
from neural_style.network.loss_network import LossNetwork
from neural_style.transfer.preprocessing import preprocess
from neural_style.video.consistency import leaves, long_term_weights
from neural_style.video.flow import Motion, MotionFinder, View
from neural_style.video.scenes import is_cut
from neural_style.video.warping import warp_picture

EDGE = 3  # pixels by which the last frame can be continued beyond its edge


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
    as it would look now.  unseen: (H, W), bool, what was far beyond its edge.  terms: of the
    temporal loss.
    """

    begins_scene: bool = True
    previous: Tensor | None = None
    warped: Tensor | None = None
    unseen: Tensor | None = None
    terms: list[TemporalTerm] = field(default_factory=list)


class MotionTracker:
    """Follows the frames of a clip, before any is painted.

    relative_indices: how many frames before each one it is compared with.
    """

    def __init__(self, find_motion: MotionFinder, relative_indices: Sequence[int]):
        self._find_motion = find_motion
        self._distances = sorted({1, *relative_indices})
        self._views: deque[View] = deque(maxlen=self._distances[-1])

    def follow(self, current: View) -> dict[int, Motion]:
        """Return the motions of a frame by how far back they lead; none if it begins a scene."""
        motions: dict[int, Motion] = {}
        for distance in self._distances:
            if distance > len(self._views):
                break
            motions[distance] = self._find_motion(current, self._views[-distance])
            if distance == 1 and is_cut(current, self._views[-1], motions[1]):
                motions.clear()
                break
        self.skip(current, begins_scene=not motions)
        return motions

    def skip(self, current: View, begins_scene: bool) -> None:
        """Take note of a frame whose motion is of no interest."""
        if begins_scene:
            self.forget()
        self._views.append(current)

    def forget(self) -> None:
        """Let the next frame begin a scene."""
        self._views.clear()


class Continuity:
    """Keeps as many painted frames as later ones are compared with.

    relative_indices: how many frames before each one those are.
    """

    def __init__(self, relative_indices: Sequence[int]):
        self._distances = sorted(set(relative_indices))
        self._painted: deque[Tensor] = deque(maxlen=max(self._distances, default=1))

    def __len__(self) -> int:
        return len(self._painted)

    def takeover(self, motions: Mapping[int, Motion]) -> Takeover:
        """Return what a frame takes over, given its motions; nothing if there are none."""
        if not motions:
            self._painted.clear()
            return Takeover()
        flow = motions[1].backward
        warped = warp_picture(self._painted[-1], flow)
        unseen = leaves(flow, EDGE)
        return Takeover(False, self._painted[-1], warped, unseen, self._terms(motions))

    def _terms(self, motions: Mapping[int, Motion]) -> list[TemporalTerm]:
        distances = [distance for distance in self._distances if distance in motions]
        if not distances:
            return []
        weights = long_term_weights([motions[distance].reliability for distance in distances])
        return [
            TemporalTerm(warp_picture(self._painted[-distance], motions[distance].backward), weight)
            for distance, weight in zip(distances, weights, strict=True)
        ]

    def add(self, picture: Tensor) -> None:
        """Keep a frame that has been painted: (3, H, W), RGB."""
        self._painted.append(picture)


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
