"""Evidence made by hand, for the tests of everything that reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from buffers.evidence import (
    AudioClip,
    Baseline,
    Cadence,
    Coverage,
    Evidence,
    NfblCount,
    ProsodyBin,
    StoredFrame,
    Window,
)
from buffers.records import Box, Gap, Group, MaskState, NfblEvent, Phase

NOBODY_BEFORE = Baseline(0.0, (), None, None, None, 0.0)


def baseline(
    observed_s: float = 120.0,
    nfbl: tuple[NfblCount, ...] = (),
    *,
    speech_share: float | None = 0.5,
    pitch_spread_st: float | None = 2.0,
    movement: float | None = 0.01,
    watched_s: float | None = None,
) -> Baseline:
    """What was usual before; watched all the time unless told otherwise."""
    watched = observed_s if watched_s is None else watched_s
    return Baseline(observed_s, nfbl, speech_share, pitch_spread_st, movement, watched)


def count(class_id: str, events: int, *, group: Group = Group.HEAD, score: float = 1.0) -> NfblCount:
    """Events of one class, each two seconds long."""
    return NfblCount(class_id, group, events, 2.0 * events, score * events)


def event(
    start_s: float,
    class_id: str = "N7",
    *,
    group: Group = Group.HEAD,
    name: str = "Touching facial parts",
    score: float = 1.0,
    side: str = "left",
) -> NfblEvent:
    """One closed report of two seconds."""
    return NfblEvent(
        id=f"e{start_s:g}-{class_id}",
        phase=Phase.CLOSE,
        group=group,
        class_id=class_id,
        name=name,
        side=side,
        start_s=start_s,
        end_s=start_s + 2.0,
        score=score,
        alternatives=(("N10", 0.3),),
        source="made",
    )


def bins(
    start_s: float,
    seconds: int,
    *,
    speech: float = 0.5,
    pitch_st: float | None = 0.0,
    spread_st: float | None = 2.0,
    level_db: float | None = 0.0,
) -> tuple[ProsodyBin, ...]:
    """One prosody bin a second, all alike."""
    return tuple(
        ProsodyBin(start_s + place, 1.0, 1.0, speech, pitch_st, spread_st, level_db) for place in range(seconds)
    )


CORNER = Box(0.0, 0.0, 0.25, 0.25)
"""A mask that leaves most of the picture."""


def frames(
    times_s: Sequence[float], lumas: Sequence[int], *, masked: tuple[Box, ...] = (CORNER,)
) -> tuple[StoredFrame, ...]:
    """Frames of one grey each: the difference of two lumas is their movement."""
    return tuple(
        StoredFrame(
            t_s=t_s,
            index=place,
            jpeg=bytes([luma]) * 4,
            width_px=64,
            height_px=36,
            thumbnail=np.full((36, 64), luma, np.uint8),
            state=MaskState.MASKED if masked else MaskState.CLEAR,
            masked=masked,
        )
        for place, (t_s, luma) in enumerate(zip(times_s, lumas, strict=True))
    )


def evidence(
    start_s: float = 200.0,
    end_s: float = 230.0,
    *,
    cadence: Cadence = Cadence.LOCAL,
    window_id: int = 1,
    shown: tuple[StoredFrame, ...] = (),
    clips: tuple[AudioClip, ...] = (),
    events: tuple[NfblEvent, ...] = (),
    counts: tuple[NfblCount, ...] = (),
    prosody: tuple[ProsodyBin, ...] | None = None,
    movement: float | None = 0.01,
    gaps: tuple[Gap, ...] = (),
    coverage: Coverage | None = None,
    before: Baseline | None = None,
) -> Evidence:
    """A window in which everything is as usual: speech in half of the time, watched for body language, calm."""
    return Evidence(
        window=Window(window_id, start_s, end_s, cadence),
        frames=shown,
        clips=clips,
        events=events,
        counts=counts,
        prosody=bins(start_s, round(end_s - start_s)) if prosody is None else prosody,
        movement=movement,
        gaps=gaps,
        coverage=coverage or Coverage(1.0, 1.0, 1.0),
        baseline=before or baseline(),
    )
