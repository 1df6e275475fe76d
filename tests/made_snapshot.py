"""Made-up snapshots for the tests of the outputs."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from buffers.evidence import Cadence, Window
from buffers.links import LinkState, LinkStatus
from buffers.records import Group, MaskState, NfblEvent, Phase, Track
from monitor.judges.base import Label, Verdict
from monitor.outputs.dashboard.keys import View
from monitor.outputs.dashboard.render import render
from monitor.outputs.dashboard.streams import Streams
from monitor.outputs.theme import Theme
from monitor.snapshot import (
    EstimateLabel,
    EstimatePoint,
    JudgedWindow,
    MediaHealth,
    OutputState,
    OutputStatus,
    PrivacyHealth,
    SessionState,
    Snapshot,
    TrackEstimate,
)

PRIOR = TrackEstimate(0.5, (0.1, 0.9), EstimateLabel.UNCERTAIN, 0, None, stale=False)

EMPTY = Snapshot(
    session="s",
    source="interview.mp4",
    state=SessionState.CONNECTING,
    mode="paced",
    media_s=0.0,
    duration_s=None,
    lag_s=None,
    media=(),
    privacy=PrivacyHealth("centerface", "solid", "level-matched", None, 0.0, 0),
    overall=PRIOR,
    current=PRIOR,
    history=(),
    windows=(),
    judged=0,
    abstained=0,
    skipped=0,
    next_window_s=10.0,
    running=None,
    nfbl=(),
    nfbl_state="off",
    nfbl_per_min=None,
    nfbl_watch=None,
    speaking=None,
    describer="cues",
    describer_model="",
    judge="cues",
    judge_model="",
    calibrated=False,
    heuristic=True,
    horizon_s=0.0,
    horizon_bytes=0,
    rss_bytes=None,
    notices=(),
    journal=None,
    seq=0,
)


def judged(index: int, label: Label = Label.POSITIVE, why: str = "livelier than before") -> JudgedWindow:
    p = {Label.POSITIVE: 0.7, Label.NEGATIVE: 0.3, Label.ABSTAIN: None}[label]
    verdict = Verdict(label, p, None if p is None else 7.0, "cues", "cues", calibrated=False, rationale=why)
    return JudgedWindow(Window(index, index * 15.0, index * 15.0 + 32.0, Cadence.LOCAL), verdict, "Speaks a lot.")


def event(index: int, name: str = "Touching jaw", phase: Phase = Phase.CLOSE) -> NfblEvent:
    return NfblEvent(
        id=str(index),
        phase=phase,
        group=Group.HEAD,
        class_id="N10",
        name=name,
        side="left",
        start_s=index * 7.0,
        end_s=index * 7.0 + 1.5,
        score=0.8,
        alternatives=(),
        source="test",
    )


RUNNING = replace(
    EMPTY,
    state=SessionState.LIVE,
    media_s=200.0,
    duration_s=300.0,
    lag_s=0.4,
    media=(
        MediaHealth(Track.VIDEO, 5010, 5000, 10, 0, 24.9, ended=False),
        MediaHealth(Track.AUDIO, 2000, 2000, 0, 1, 10.0, ended=False),
    ),
    privacy=PrivacyHealth("centerface", "solid", "level-matched", MaskState.MASKED, 0.12, 3),
    overall=TrackEstimate(0.64, (0.52, 0.75), EstimateLabel.POSITIVE, 12, 3.0, stale=False),
    current=TrackEstimate(0.31, (0.2, 0.44), EstimateLabel.NEGATIVE, 12, 90.0, stale=True),
    history=tuple(EstimatePoint(n * 15.0, 0.5 + n / 40, 0.5 - n / 40) for n in range(12)),
    windows=(judged(0), judged(1, Label.ABSTAIN, "coverage under 50 %"), judged(2, Label.NEGATIVE)),
    judged=12,
    abstained=1,
    skipped=2,
    next_window_s=209.0,
    nfbl=(event(1), event(2, phase=Phase.OPEN)),
    nfbl_state="replay",
    nfbl_per_min=8.2,
    nfbl_watch=None,
    journal="run.jsonl",
)

CAMERA = LinkStatus("camera:Integrated Camera", (Track.VIDEO,), LinkState.LIVE, 0.4, silent_s=0.02)

MIC = LinkStatus(
    "mic:USB Audio",
    (Track.AUDIO,),
    LinkState.LIVE,
    0.9,
    silent_s=0.05,
    reconnects=2,
    jumps=1,
    drift_s=-0.0031,
    drift_ppm=12.4,
)

RTSP = LinkStatus("rtsp://cam/1", (Track.VIDEO, Track.AUDIO), LinkState.LIVE, 4.0, silent_s=0.03, drift_s=0.004)

LOST = replace(RTSP, state=LinkState.LOST, reason="connection refused", silent_s=9.0, retry_s=3.6, reconnects=1)

STALLED = replace(MIC, state=LinkState.STALLED, silent_s=3.2, reason="no sound")

BROWSER = LinkStatus(
    "webrtc:",
    (Track.VIDEO, Track.AUDIO),
    LinkState.CONNECTING,
    0.0,
    reason="waiting for a publisher at http://127.0.0.1:8889/",
)


PAGE = OutputStatus("page", OutputState.UP, link="http://127.0.0.1:8765/")

MQTT = OutputStatus("mqtt", OutputState.UP, waiting=0)

WEBHOOK = OutputStatus("webhook", OutputState.DOWN, reason="answers 503, tried again in 8 s", waiting=12)

METRICS = OutputStatus("metrics", OutputState.STOPPED, reason="its port was taken by another program")


def live(state: SessionState, *links: LinkStatus) -> Snapshot:
    """A live session with such links."""
    return replace(RUNNING, state=state, mode="live", duration_s=None, source="camera and mic", links=links)


def drawn(
    snapshot: Snapshot,
    width: int,
    height: int,
    *,
    view: View | None = None,
    ascii_only: bool = False,
    colour: bool = False,
    streams: Streams | None = None,
) -> list[str]:
    """The lines of a picture as a terminal of that size would show them."""
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    console.print(
        render(snapshot, width, height, theme=Theme(ascii_only), view=view or View(), streams=streams), end=""
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()
