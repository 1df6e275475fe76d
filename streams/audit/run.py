"""Carries an audit out: walks through both files once and gives every frame to all that measure."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from typing import Final

import numpy as np

from buffers.records import Track
from configs.errors import ConfigError
from streams.audit import speakers, voice
from streams.audit.annotations import Annotations, load_annotations
from streams.audit.container import container_figures
from streams.audit.doubts import Doubts, cover_detector
from streams.audit.hidden import Cells, hidden, share_hidden
from streams.audit.leaks import GROWN_PX, LEAK_BELOW, LeakCounter
from streams.audit.likeness import Likeness
from streams.audit.pairs import Pair, Pairs
from streams.audit.plan import AuditPlan, AuditReport, Doubt, FileFacts, Looked
from streams.audit.references import References, Sighting
from streams.audit.timing import TimingMeter
from streams.media import SourceInfo

_LOOK_SHARE: Final = 2.0
"""Seconds the references may spend on one second of video: the whole audit of ten seconds stays under a minute."""

_LOOK_S: Final = 0.4
_LOOK_S_PER_MPX: Final = 1.5
"""What one look of all references costs, whatever the size and for each megapixel (s; one core of a busy machine)."""

_GONE_SHARE: Final = 0.3
"""Share of what was hidden in the frame before that, when it is to be seen at once, makes the references look."""

_LEAST_HIDDEN: Final = 0.002
"""Share of the picture below which nothing was hidden that could go away: a face of 5 % of the width."""

Progress = Callable[[float], None]
"""Told how much of the video is done (0-1)."""


def audit(plan: AuditPlan, progress: Progress | None = None) -> AuditReport:
    """Compare two recordings.

    Raises:
        MonitorError: a file cannot be read, is annotated wrongly, or a folder of speakers is none.
    """
    if plan.every is not None and plan.every < 1:
        raise ConfigError(f"--every {plan.every}: frames are counted from 1; name a number above 0")
    annotations = load_annotations(plan.boxes) if plan.boxes is not None else None
    container = container_figures(plan.original, plan.deidentified)
    with closing(Pairs(plan.original, plan.deidentified)) as pairs, closing(_Walk(plan, pairs, annotations)) as walk:
        for pair in pairs:
            walk.take(pair)
            if progress is not None and pairs.source.duration_s:
                progress(min(1.0, pair.source.t_s / pairs.source.duration_s))
        return AuditReport(
            source=_facts(pairs.source),
            output=_facts(pairs.output),
            annotations=None if annotations is None else annotations.name,
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
            container=container,
            voice=voice.compare(plan.original, plan.deidentified),
            speakers=None if plan.speakers is None else speakers.reidentify(plan.speakers, plan.voice, seed=plan.seed),
            doubtful_frames=walk.doubts.frames,
            doubts=walk.doubts.kept(),
        )


class _Walk:
    """Everything that is measured frame by frame."""

    def __init__(self, plan: AuditPlan, pairs: Pairs, annotations: Annotations | None) -> None:
        boxes = {} if annotations is None else annotations.boxes
        self.plain, self.wide = LeakCounter(boxes), LeakCounter(boxes, GROWN_PX)
        self.timing = TimingMeter()
        self.references = References()
        self.likeness = Likeness()
        self.doubts = Doubts(cover_detector())
        self.every = plan.every or _every(pairs.source)
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
        self.areas.append(float(cells.mean()))
        share = self.plain.add(source.index, source.t_s, cells)
        self.wide.add(source.index, source.t_s, cells)
        if share is not None:
            self.annotated_areas.append(self.areas[-1])
        regular = source.index % self.every == 0 and not pair.repeats
        sudden = not regular and (pair.repeats or _gone(self._before, cells))
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
            for name in dict.fromkeys(item.detector for item in sighting.uncovered):
                left = [item for item in sighting.uncovered if item.detector == name]
                least = min(item.share_hidden for item in left)
                best = max(item.score for item in left)
                faces_seen = f"{len(left)} in the source" if len(left) > 1 else "a face in the source"
                reasons.append(f"{name} sees {faces_seen} ({best:.2f}), {100 * least:.0f} % hidden")
            if sighting.output_boxes:
                reasons.append("a face is seen in the output")
            boxes += [*(item.box for item in sighting.uncovered), *sighting.output_boxes]
            shares += [item.share_hidden for item in sighting.uncovered]
            shares += [share_hidden(cells, box) for box in sighting.output_boxes]
        if reasons:
            doubt = Doubt(pair.source.index, pair.source.t_s, tuple(reasons), tuple(boxes), min(shares), None)
            self.doubts.add(doubt, pair.output.picture)


def _every(info: SourceInfo) -> int:
    facts = _facts(info)
    cost_s = _LOOK_S + _LOOK_S_PER_MPX * facts.width_px * facts.height_px / 1e6
    return max(1, math.ceil(facts.rate_hz * cost_s / _LOOK_SHARE))


def _gone(before: Cells | None, cells: Cells) -> bool:
    """Whether much of what was hidden in the frame before is to be seen at once."""
    if before is None or before.shape != cells.shape or before.mean() < _LEAST_HIDDEN:
        return False
    return float((before & ~cells).sum()) >= _GONE_SHARE * float(before.sum())


def _facts(info: SourceInfo) -> FileFacts:
    track = info.track(Track.VIDEO)
    assert track is not None, "pairs have pictures"
    return FileFacts(info.name, track.width_px or 0, track.height_px or 0, track.rate_hz or 0.0, info.notices)
