"""Raw frames in, clean frames out: faces are found, followed and masked, and what cannot be vouched for is hidden.

The only maker of `CleanFrame`. Raw frames wait here for the look-back and nowhere longer; what is released has
planes of its own, in which no pixel under a solid mask comes from the source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from buffers.records import DEIDENTIFIER_SEAL, CleanFrame, MaskState, Track
from configs.settings import FaceSettings
from streams.deidentify.cuts import CutFinder
from streams.deidentify.detectors.base import FaceDetector
from streams.deidentify.guard import GuardedDetector
from streams.deidentify.masks import Masker, whole
from streams.deidentify.policy import MaskPolicy
from streams.deidentify.tracks import LINK_S
from streams.media import RawFrame, RawGap

ROUNDING_S = 1e-6
"""Media times are sums of floats: fifteen thirtieths may come out just below half a second (s)."""


@dataclass(frozen=True, slots=True)
class FaceCounts:
    """What was done so far: frames released, of these masked whole; frames without an answer; faces followed."""

    frames: int
    whole_frames: int
    detector_failures: int
    faces: int


class FaceDeidentifier:
    """De-identifies one video track. Used from one thread."""

    def __init__(
        self, settings: FaceSettings, make_detector: Callable[[], FaceDetector], *, seed: int | None = None
    ) -> None:
        """Build the detector (`DeidentificationFailed` where that is impossible).

        `make_detector` is also called when a stuck detector is replaced. `seed` fixes the noise of soft masks.
        """
        self._settings = settings
        self._detector = GuardedDetector(make_detector, timeout_s=settings.detector_timeout_s)
        self._policy = MaskPolicy(settings, 1, 1)
        self._masker = Masker(settings.mask, seed=seed)
        self._cuts = CutFinder()
        self._waiting: deque[RawFrame] = deque()
        self._last: tuple[float, int, int] | None = None
        self._frames = self._whole_frames = 0

    @property
    def counts(self) -> FaceCounts:
        """Counters up to now."""
        return FaceCounts(self._frames, self._whole_frames, self._detector.failures, self._policy.faces)

    @property
    def holding(self) -> bool:
        """Whether frames wait for their look-back to be over."""
        return bool(self._waiting)

    def push(self, frame: RawFrame) -> list[CleanFrame]:
        """Take the next frame; the frames whose look-back is over by now, in order (often one, sometimes none)."""
        released = [] if self._continues(frame) else self._restart(frame)
        picture = frame.picture
        self._last = (frame.t_s, picture.width_px, picture.height_px)
        self._policy.observe(frame.t_s, self._detector.detect(picture), cut=self._cuts.is_cut(picture))
        self._waiting.append(frame)
        while self._waiting and frame.t_s - self._waiting[0].t_s >= self._settings.lookback_s - ROUNDING_S:
            released.append(self._release())
        return released

    def gap(self, gap: RawGap) -> list[CleanFrame]:
        """Take note of a hole. After a long one in the video nothing is known any more, so what waits is released."""
        if gap.track is Track.VIDEO and gap.end_s - gap.start_s > self._memory_s:
            return self.flush()
        return []

    def flush(self) -> list[CleanFrame]:
        """Release everything that waits, masked by all that is known; what is pushed later is a new beginning."""
        released = [self._release() for _ in range(len(self._waiting))]
        self._last = None
        return released

    def close(self) -> None:
        """Let the detector and all raw frames go; safe to call twice."""
        self._waiting.clear()
        self._detector.close()

    @property
    def _memory_s(self) -> float:
        """Longest hole over which a face can be thought to be the same (s)."""
        return max(LINK_S, self._settings.hold_s)

    def _continues(self, frame: RawFrame) -> bool:
        if self._last is None:
            return False
        before_s, width_px, height_px = self._last
        same_size = (width_px, height_px) == (frame.picture.width_px, frame.picture.height_px)
        return same_size and 0 < frame.t_s - before_s <= self._memory_s

    def _restart(self, frame: RawFrame) -> list[CleanFrame]:
        released = self.flush()
        self._policy.reset(frame.picture.width_px, frame.picture.height_px)
        self._cuts = CutFinder()
        return released

    def _release(self) -> CleanFrame:
        frame = self._waiting.popleft()
        decision = self._policy.decide()
        hidden = decision.state is MaskState.WHOLE_FRAME
        if hidden:
            picture, boxes = whole(frame.picture)
        else:
            picture, boxes = self._masker.masked(frame.picture, decision.masks, frame.t_s)
        self._frames += 1
        self._whole_frames += hidden
        return CleanFrame(
            t_s=frame.t_s,
            index=frame.index,
            picture=picture,
            state=decision.state,
            masked=boxes,
            seal=DEIDENTIFIER_SEAL,
        )
