"""Keeps a face detector honest: no answer, a late answer and an absurd answer are all "no answer", never "no face".

The detector runs in a daemon thread of its own, so that one that hangs can be left behind. This module is one of the
two supervisors that may catch everything: whatever a detector throws means that the frame was not looked at.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence

from buffers.picture import Picture
from configs.errors import DeidentificationFailed
from streams.channel import Channel, ChannelClosed, Policy
from streams.deidentify.detectors.base import Detection, FaceDetector

MAX_REBUILDS = 3
"""Detectors left behind before none is made any more: each hung one keeps its thread, its memory and a frame."""

RECOVERED_AFTER = 300
"""Answers in time, one after another, that make up for one detector left behind: ten seconds of video. A machine that
slept now and then during hours must not lose its detector for good."""

FAREWELL_S = 2.0
"""Longest wait for a detector that is let go at the end: it may be in the middle of a picture, or hang."""

MAX_BOXES = 1000
"""More boxes than this are a broken network's noise, and would take longer than a frame to follow."""

MAX_BOX = 4.0
"""Longest side of a box in picture sides; a face pressed to the lens is boxed at about twice the picture."""

logger = logging.getLogger(__name__)

Build = Callable[[], FaceDetector]


MAX_ASKED = 8
"""Questions that may wait for one detector: raw frames in flight are memory, and two keep its thread busy."""


class GuardedDetector:
    """A detector that always comes back in time, with an answer that can be used or with None.

    Ask with `submit`, then `collect` the answers in the same order; between the two the detector works on its own.
    """

    def __init__(self, make_detector: Build, *, timeout_s: float) -> None:
        """Build the detector now (`DeidentificationFailed` where that is impossible)."""
        try:
            first = make_detector()
        except Exception as error:
            raise DeidentificationFailed(f"no face detector, so no frame may be released: {error}") from error
        self._make_detector = make_detector
        self._timeout_s = timeout_s
        self._worker: _Worker | None = _Worker(lambda: first)
        self._rebuilds = self._answered = 0
        self._asked = self._lost = 0
        self.failures = 0

    def submit(self, picture: Picture) -> None:
        """Ask about a picture. At most `MAX_ASKED` questions may be open, or this waits for the detector."""
        try:
            if self._worker is not None:
                self._worker.ask(picture)
                self._asked += 1
                return
        except ChannelClosed:
            self._replace()
        self._lost += 1

    def collect(self) -> list[Detection] | None:
        """The answer to the oldest open question; None where there is none that can be trusted.

        Raises IndexError where nothing was asked.
        """
        answer = None
        if self._lost:
            # What a detector was still asked when it was left behind comes before all that was asked since.
            self._lost -= 1
        elif self._asked and self._worker is not None:
            self._asked -= 1
            try:
                answer = self._worker.answer(self._timeout_s)
                self._came_back()
            except (TimeoutError, ChannelClosed):
                self._replace()
        else:
            raise IndexError("the detector was not asked")
        if answer is None:
            self.failures += 1
        return answer

    def close(self) -> None:
        """Let the detector go and wait until it has gone, `FAREWELL_S` at most; safe to call twice.

        Open and later questions get no answer. A native network that is still being closed when the interpreter ends
        takes the process with it.
        """
        worker = self._let_go()
        if worker is not None:
            worker.join(FAREWELL_S)

    def _let_go(self) -> _Worker | None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.leave()
        self._lost += self._asked
        self._asked = 0
        return worker

    def _came_back(self) -> None:
        self._answered += 1
        if self._answered >= RECOVERED_AFTER:
            self._answered = 0
            self._rebuilds = max(0, self._rebuilds - 1)

    def _replace(self) -> None:
        self._let_go()
        self._answered = 0
        if self._rebuilds < MAX_REBUILDS:
            self._rebuilds += 1
            logger.warning("face detector is stuck or gone: building another, %d of %d", self._rebuilds, MAX_REBUILDS)
            self._worker = _Worker(self._make_detector)
        else:
            logger.error("face detector failed %d times: whole frames are masked from here on", MAX_REBUILDS + 1)


class _Worker:
    """A thread that owns one detector and answers one question after the other."""

    def __init__(self, build: Build) -> None:
        size, policy = MAX_ASKED, Policy.WAIT
        self._questions: Channel[Picture] = Channel("face detector in", max_items=size, policy=policy)
        self._answers: Channel[list[Detection] | None] = Channel("face detector out", max_items=size, policy=policy)
        self._thread = threading.Thread(target=self._serve, args=(build,), name="face-detector", daemon=True)
        self._thread.start()

    def ask(self, picture: Picture) -> None:
        """Ask; `ChannelClosed` when the thread has ended."""
        self._questions.put(0.0, picture)

    def answer(self, timeout_s: float) -> list[Detection] | None:
        """The oldest open answer; TimeoutError when it is late, `ChannelClosed` when the thread has ended."""
        return self._answers.get(timeout_s)

    def leave(self) -> None:
        """Take no more answers; the thread ends as soon as its detector comes back, if it ever does."""
        self._questions.abort()
        self._answers.abort()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, no longer than `timeout_s`."""
        self._thread.join(timeout_s)

    def _serve(self, build: Build) -> None:
        try:
            detector = build()
        except Exception:
            logger.exception("face detector cannot be built again")
            self.leave()
            return
        try:
            while True:
                # No name is bound to the picture: a raw frame must not outlive its answer here.
                self._answers.put(0.0, _answer(detector, self._questions.get()))
        except ChannelClosed:
            detector.close()


def _answer(detector: FaceDetector, picture: Picture) -> list[Detection] | None:
    try:
        return credible(detector.detect(picture), picture.width_px, picture.height_px)
    except Exception as error:  # noqa: BLE001 - the supervisor: anything at all means that nobody looked
        logger.debug("face detector gave no answer: %s", error)
        return None


def credible(detections: Sequence[Detection], width_px: int, height_px: int) -> list[Detection]:
    """The detections, once each is seen to be possible.

    Raises:
        ValueError: something is not a number, inside out, beyond 0-1 in score, or many times the picture.
    """
    if len(detections) > MAX_BOXES:
        raise ValueError(f"{len(detections)} boxes in one picture")
    for item in detections:
        box = item.box
        numbers = (box.x0, box.y0, box.x1, box.y1, item.score)
        upright = 0 <= box.width <= MAX_BOX * width_px and 0 <= box.height <= MAX_BOX * height_px
        if not (all(map(math.isfinite, numbers)) and upright and 0 <= item.score <= 1):
            raise ValueError(f"impossible box {numbers}")
    return list(detections)
