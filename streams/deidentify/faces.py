"""Raw frames in, clean frames out: faces are found, followed and masked, and what cannot be vouched for is hidden.

The only maker of `CleanFrame`. Raw frames wait here for the look-back and nowhere longer; what is released has
planes of its own, in which no pixel under a solid mask comes from the source.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from buffers.records import DEIDENTIFIER_SEAL, CleanFrame, MaskState, Track
from configs.settings import FaceSettings
from streams.deidentify.cuts import CutFinder
from streams.deidentify.detectors.base import Detection, FaceDetector
from streams.deidentify.detectors.evidence import confident
from streams.deidentify.guard import GuardedDetector
from streams.deidentify.masks import Masker, whole
from streams.deidentify.policy import MaskPolicy, SeenFace
from streams.media import RawFrame, RawGap

AHEAD = 2
"""Frames a detector of several may have before it: one to look at, and one so that it need not wait for the next."""

ROUNDING_S = 1e-6
"""Media times are sums of floats: fifteen thirtieths may come out just below half a second (s)."""


@dataclass(frozen=True, slots=True)
class FaceCounts:
    """What was done so far: frames released, of these masked whole; frames without an answer; faces followed.

    `evidence_failures` are frames the added detector was asked about and said nothing of.
    """

    frames: int
    whole_frames: int
    detector_failures: int
    faces: int
    evidence_failures: int = 0

    def __add__(self, other: FaceCounts) -> FaceCounts:
        """The counts of two de-identifiers of one track."""
        return FaceCounts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A frame that was looked at, and the faces in it of tracks that have a number; None: there was no answer."""

    frame: RawFrame
    faces: tuple[SeenFace, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """A frame in the hands of a detector, and whether the added one was asked about it too."""

    frame: RawFrame
    detector: GuardedDetector
    evidence: bool


class FaceDeidentifier:
    """De-identifies one video track. Used from one thread.

    At max speed a frame is looked at before `push` returns. Live (`ahead` is 1) the detector looks at a frame while
    the one before it is masked; with several `detectors` frames are looked at side by side. What is released and how
    it looks stays the same, it only comes that many frames later.
    """

    def __init__(
        self,
        settings: FaceSettings,
        make_detector: Callable[[], FaceDetector],
        *,
        make_evidence: Callable[[], FaceDetector] | None = None,
        seed: int | None = None,
        detectors: int = 1,
        ahead: int = 0,
    ) -> None:
        """Build the detectors (`DeidentificationFailed` where that is impossible).

        `make_detector` is also called when a stuck detector is replaced. `make_evidence` builds `faces.evidence`,
        asked about every `faces.evidence_every`th frame: guarded for itself, so that it can fail, hang and be given
        up without a frame less being looked at. `seed` fixes the noise of soft masks. The detector may be `ahead`
        frames ahead of the masks, each of several `AHEAD`.
        """
        self._settings = settings
        self._detectors = tuple(
            GuardedDetector(make_detector, timeout_s=settings.detector_timeout_s) for _ in range(detectors)
        )
        self._evidence = make_evidence and GuardedDetector(make_evidence, timeout_s=settings.detector_timeout_s)
        self._ahead = ahead if detectors == 1 else AHEAD * detectors
        self._asked: deque[_Question] = deque()
        self._looked: list[Looked] = []
        self._turn = 0
        self._policy = MaskPolicy(settings, 1, 1)
        self._masker = Masker(settings.mask, seed=seed, feather=settings.feather)
        self._cuts = CutFinder()
        self._waiting: deque[RawFrame] = deque()
        self._last: tuple[float, int, int] | None = None
        self._frames = self._whole_frames = 0

    @property
    def counts(self) -> FaceCounts:
        """Counters up to now."""
        return FaceCounts(
            frames=self._frames,
            whole_frames=self._whole_frames,
            detector_failures=sum(each.failures for each in self._detectors),
            faces=self._policy.faces,
            evidence_failures=self._evidence.failures if self._evidence else 0,
        )

    @property
    def holding(self) -> bool:
        """Whether frames wait for their look-back to be over."""
        return bool(self._waiting or self._asked)

    @property
    def looked(self) -> Sequence[Looked]:
        """The frames that were looked at in the last call of a method that takes or releases frames, in order."""
        return self._looked

    def push(self, frame: RawFrame) -> list[CleanFrame]:
        """Take the next frame; the frames whose look-back is over by now, in order (often one, sometimes none)."""
        self._looked = []
        detector = self._detectors[self._turn % len(self._detectors)]
        detector.submit(frame.picture)
        evidence = self._evidence is not None and self._turn % self._settings.evidence_every == 0
        if self._evidence is not None and evidence:
            self._evidence.submit(frame.picture)
        self._asked.append(_Question(frame, detector, evidence))
        self._turn += 1
        return self._looked_at(leave=self._ahead)

    def settle(self) -> list[CleanFrame]:
        """Have every frame looked at that was taken; the frames whose look-back is over then."""
        self._looked = []
        return self._looked_at(leave=0)

    def gap(self, gap: RawGap) -> list[CleanFrame]:
        """Take note of a hole. After a long one in the video nothing is known any more, so what waits is released."""
        last_s = self._asked[-1].frame.t_s if self._asked else self._last[0] if self._last else gap.start_s
        # A long silence comes in pieces: it is as long as since the last frame.
        if gap.track is Track.VIDEO and gap.end_s - min(gap.start_s, last_s) > self._memory_s:
            return self.flush()
        return []

    def flush(self) -> list[CleanFrame]:
        """Release everything that waits, masked by all that is known; what is pushed later is a new beginning."""
        released = self.settle()
        released += self._all_waiting()
        self._last = None
        return released

    def close(self) -> None:
        """Let the detector and all raw frames go; safe to call twice."""
        self._waiting.clear()
        self._asked.clear()
        for detector in self._detectors:
            detector.close()
        if self._evidence is not None:
            self._evidence.close()

    @property
    def _memory_s(self) -> float:
        """Longest hole over which a face can be thought to be the same (s)."""
        return max(self._settings.link_s, self._settings.hold_s)

    def _continues(self, frame: RawFrame) -> bool:
        if self._last is None:
            return False
        before_s, width_px, height_px = self._last
        same_size = (width_px, height_px) == (frame.picture.width_px, frame.picture.height_px)
        return same_size and 0 < frame.t_s - before_s <= self._memory_s

    def _looked_at(self, *, leave: int) -> list[CleanFrame]:
        """Take the oldest answers until only `leave` are open; what can be released then."""
        released = []
        while len(self._asked) > leave:
            question = self._asked.popleft()
            answer = question.detector.collect()
            released += self._take(question.frame, answer, self._added(question))
        return released

    def _added(self, question: _Question) -> list[Detection]:
        """What the added detector is sure of. Its silence is counted, and takes nothing from the first one's answer."""
        name = self._settings.evidence
        if self._evidence is None or name is None or not question.evidence:
            return []
        return confident(self._evidence.collect() or [], name)

    def _take(self, frame: RawFrame, answer: list[Detection] | None, added: list[Detection]) -> list[CleanFrame]:
        released = [] if self._continues(frame) else self._restart(frame)
        picture = frame.picture
        self._last = (frame.t_s, picture.width_px, picture.height_px)
        self._policy.observe(frame.t_s, answer, added=added, cut=self._cuts.is_cut(picture))
        self._looked.append(Looked(frame, self._policy.seen))
        self._waiting.append(frame)
        while self._waiting and frame.t_s - self._waiting[0].t_s >= self._settings.lookback_s - ROUNDING_S:
            released.append(self._release())
        return released

    def _all_waiting(self) -> list[CleanFrame]:
        return [self._release() for _ in range(len(self._waiting))]

    def _restart(self, frame: RawFrame) -> list[CleanFrame]:
        released = self._all_waiting()
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
