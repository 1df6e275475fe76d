"""Plays one recording once, as fast as it goes, through de-identification, and cuts evidence for any spans of it.

No model is asked here. Beside `session.py` the one module of `monitor/` that sees `streams/`.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Final

from buffers.evidence import Evidence, EvidencePlan, HorizonLimits, Window
from buffers.horizon import Horizon
from configs.settings import HorizonSettings, Settings
from monitor.limits import limits_of
from streams.channel import ChannelClosed
from streams.clock import VirtualClock
from streams.ingest import Batch, Ingest
from streams.models.quiet import only_python_speaks
from streams.pipeline import Pipeline, open_pipeline

Progress = Callable[[float, float | None], None]
"""Is told how far the recording has come, of how much (s; None where nobody knows); may raise to end the work."""

LEAST_SHARE: Final = 0.05
"""The shortest part of a recording that still has all its frames and clips when the memory ceiling has cut the rest."""

_POLL_S: Final = 0.25
"""How long to wait for a batch before asking whether to go on."""


@dataclass(frozen=True, slots=True, eq=False)
class Harvest:
    """Evidence of the spans asked for, in their order; the recording's length (s), and what a person should know."""

    evidence: tuple[Evidence, ...]
    length_s: float
    notices: tuple[str, ...]


def harvest(
    source: str,
    settings: Settings,
    spans_of: Callable[[float], Sequence[Window]],
    plan: EvidencePlan,
    progress: Progress,
) -> Harvest:
    """Play `source` to its end and cut what `spans_of` names of its length.

    All of the recording is kept as densely as a session keeps its last minutes, so that every part of it is cut
    exactly; where that reaches the memory ceiling, earlier parts come from the whole-session part, which is made wide
    enough for a part of `LEAST_SHARE`.

    Raises:
        MonitorError: whatever keeps a session from starting or ends it early.
    """
    pipeline = open_pipeline(source, settings)
    ingest = Ingest(pipeline, clock=VirtualClock(), settings=settings.ingest)
    try:
        info = pipeline.info
        horizon = Horizon(_limits(settings.horizon, pipeline, plan), av_offset_s=info.av_offset_s)
        ingest.start()
        end_s = 0.0
        while True:
            progress(end_s, info.duration_s)
            try:
                batch = ingest.next_batch(_POLL_S)
            except TimeoutError:
                continue
            except ChannelClosed:
                break
            end_s = max(end_s, _keep(horizon, batch))
        evidence = tuple(horizon.evidence(window, plan) for window in spans_of(end_s))
        return Harvest(evidence, end_s, _notices(pipeline))
    finally:
        ingest.abort()


def begin_child(stop: Event) -> None:
    """Make this process one that harvests for another: quiet, deaf to Ctrl-C (its parent decides), and ended by `stop`.

    It ends with its parent too, whatever killed that: an executor's processes would wait for work for ever.
    """
    global _go_on  # noqa: PLW0603 - an executor hands its children nothing but what their module holds
    only_python_speaks()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()

    def check(_done_s: float, _total_s: float | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    _go_on = check


def harvest_in_child(
    source: str, settings: Settings, spans_of: Callable[[float], Sequence[Window]], plan: EvidencePlan
) -> Harvest:
    """`harvest`, in a process that `begin_child` has prepared. Evidence is clean and small, so it may travel."""
    return harvest(source, settings, spans_of, plan, _go_on)


def _ignored(_done_s: float, _total_s: float | None) -> None:
    """Nobody asks how far it has come."""


_go_on: Progress = _ignored


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _keep(horizon: Horizon, batch: Batch) -> float:
    """Buffer what came; the latest media time of it."""
    return max((horizon.add(item) for _, item in batch.items), default=0.0)


def _limits(settings: HorizonSettings, pipeline: Pipeline, plan: EvidencePlan) -> HorizonLimits:
    usual = limits_of(settings, pipeline.tracks)
    # The whole-session part is at least half full, hence the 2; a part may begin just after a kept frame, hence the 1.
    return replace(
        usual,
        dense_s=max(usual.dense_s, pipeline.info.duration_s or usual.dense_s),
        session_frames=max(usual.session_frames, math.ceil(2 * (plan.frames + 1) / LEAST_SHARE)),
        session_clips=max(usual.session_clips, math.ceil(2 * (plan.clips + 1) / LEAST_SHARE)),
    )


def _notices(pipeline: Pipeline) -> tuple[str, ...]:
    feed = () if pipeline.feed is None else pipeline.feed.notices
    return (*pipeline.notices, *feed)
