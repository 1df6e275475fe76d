"""Walks through the pictures of both files once and gives every frame to all that measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

import numpy as np

from streams.audit.faces.annotations import Annotations
from streams.audit.faces.doubts import Doubts, cover_detector
from streams.audit.faces.hidden import Cells, area_hidden, hidden, share_hidden
from streams.audit.faces.leaks import GROWN_PX, LEAK_BELOW, LeakCounter
from streams.audit.faces.likeness import Likeness
from streams.audit.faces.references import References, Sight, Sighting
from streams.audit.pairs import Pair, Pairs
from streams.audit.plan import AuditPlan, Doubt, FileFacts, Looked, PictureFigures
from streams.audit.timing import TimingMeter

_LOOK_SHARE: Final = 2.0
"""Seconds the references may spend on one second of video: the whole audit of ten seconds stays under a minute."""

_LOOK_S: Final = 0.4
_LOOK_S_PER_MPX: Final = 1.5
"""What one look of all references costs, whatever the size and for each megapixel (s; one core of a busy machine)."""

_GONE_SHARE: Final = 0.3
"""Share of what was hidden in the frame before that, when it is to be seen at once, makes the references look."""

_LEAST_HIDDEN: Final = 0.002
"""Share of the picture below which nothing was hidden that could go away: a face of 5 % of the width."""


def compare_pictures(
    plan: AuditPlan,
    facts: tuple[FileFacts, FileFacts],
    annotations: Annotations | None,
    reach: Callable[[float, float | None], None],
) -> PictureFigures:
    """Compare two recordings that both have pictures; `facts` are of both in order.

    `reach` is told how many seconds of how many are done (None: nobody knows).

    Raises:
        MonitorError: a file cannot be read.
    """
    with closing(Pairs(plan.original, plan.deidentified)) as pairs, closing(_Walk(plan, facts[0], annotations)) as walk:
        for pair in pairs:
            walk.take(pair)
            reach(pair.source.t_s, pairs.source.duration_s)
        return PictureFigures(
            leaks=None if annotations is None else (walk.plain.figures(), walk.wide.figures()),
            hidden_share=float(np.mean(walk.areas)) if walk.areas else 0.0,
            hidden_share_annotated=float(np.mean(walk.annotated_areas)) if walk.annotated_areas else None,
            looked=Looked(walk.looked, walk.every, walk.sudden),
            references=walk.references.figures(),
            likeness=walk.likeness.figures(),
            timing=walk.timing.figures(
                source_frames=pairs.source_frames,
                output_frames=pairs.output_frames,
                missing_frames=len(pairs.missing),
                end_error_s=pairs.output_end_s - pairs.source_end_s,
                shift_s=pairs.shift_s,
                infos=(pairs.source, pairs.output),
            ),
            notices=tuple(f"{info.name}: {notice}" for info in (pairs.source, pairs.output) for notice in info.notices),
            doubtful_frames=walk.doubts.frames,
            doubts=walk.doubts.kept(),
        )


class _Walk:
    """Everything that is measured frame by frame."""

    def __init__(self, plan: AuditPlan, source: FileFacts, annotations: Annotations | None) -> None:
        boxes = {} if annotations is None else annotations.boxes
        self.plain, self.wide = LeakCounter(boxes), LeakCounter(boxes, GROWN_PX)
        self.timing = TimingMeter()
        self.references = References()
        self.likeness = Likeness()
        self.doubts = Doubts(cover_detector())
        self.every = plan.every or _every(source)
        self.looked = self.sudden = 0
        self.areas: list[float] = []
        self.annotated_areas: list[float] = []
        self._boxes = boxes
        self._before: Cells | None = None

    def take(self, pair: Pair) -> None:
        """Measure one frame of the output."""
        source, output = pair.source, pair.output
        self.timing.add(pair.late_s, repeats=pair.repeats)
        cells = hidden(source.picture, output.picture)
        for other in pair.sources[1:]:
            # Hidden is what none of the frames that it may show can be seen in.
            cells &= hidden(other.picture, output.picture)
        self.areas.append(min(area_hidden(frame.picture, output.picture, cells) for frame in pair.sources))
        share = self.plain.add(source.index, source.t_s, cells)
        self.wide.add(source.index, source.t_s, cells)
        if share is not None:
            self.annotated_areas.append(self.areas[-1])
        regular = source.index % self.every == 0 and not pair.repeats
        sudden = not regular and _gone(self._before, cells)
        self._before = cells
        sighting = None
        if regular or sudden:
            self.looked += 1
            self.sudden += sudden
            sighting = self.references.look(source.picture, output.picture, cells)
            self.likeness.compare(source.picture, output.picture, sighting.control, sighting.known_boxes)
        self._doubt(pair, cells, share, sighting)

    def close(self) -> None:
        """Release the models."""
        self.references.close()

    def _doubt(self, pair: Pair, cells: Cells, share: float | None, sighting: Sighting | None) -> None:
        reasons, boxes, shares = [], [], []
        if share is not None and share < LEAK_BELOW:
            reasons.append(f"an annotated face is {100 * share:.0f} % hidden")
            faces = self._boxes[pair.source.index]
            boxes += [box for box in faces if share_hidden(cells, box) < LEAK_BELOW]
            shares.append(share)
        if sighting is not None:
            for where, sights in (("source", sighting.uncovered), ("output", sighting.output)):
                reasons += _told(sights, where)
                boxes += [each.box for each in sights]
                shares += [each.share_hidden for each in sights]
        if reasons:
            doubt = Doubt(pair.source.index, pair.source.t_s, tuple(reasons), tuple(boxes), min(shares), None)
            self.doubts.add(doubt, pair.output.picture)


def _told(sights: Sequence[Sight], where: str) -> Iterator[str]:
    """What each reference sees, in words: how many, the highest score, and the least share that is hidden."""
    for name in dict.fromkeys(each.detector for each in sights):
        own = [each for each in sights if each.detector == name]
        faces = "a face" if len(own) == 1 else f"{len(own)} faces"
        best, least = max(each.score for each in own), min(each.share_hidden for each in own)
        yield f"{name} sees {faces} in the {where} ({best:.2f}), {100 * least:.0f} % hidden"


def _every(source: FileFacts) -> int:
    cost_s = _LOOK_S + _LOOK_S_PER_MPX * (source.width_px or 0) * (source.height_px or 0) / 1e6
    return max(1, math.ceil((source.rate_hz or 0.0) * cost_s / _LOOK_SHARE))


def _gone(before: Cells | None, cells: Cells) -> bool:
    """Whether much of what was hidden in the frame before is to be seen at once."""
    if before is None or before.shape != cells.shape or before.mean() < _LEAST_HIDDEN:
        return False
    return float((before & ~cells).sum()) >= _GONE_SHARE * float(before.sum())
