"""`--ui plain` says every change once, in one harmless line that begins with the media time."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import Coverage
from buffers.links import LinkChange, LinkState
from buffers.records import Gap, Phase, Track
from monitor.board import Board
from monitor.describers.base import ModelInfo
from monitor.judges.base import Label
from monitor.outputs.base import Command
from monitor.outputs.lines import LinesOutput, changes, line_of, new_answers
from monitor.outputs.theme import Theme
from monitor.records import (
    AnyRecord,
    EstimateRecord,
    GapRecord,
    LinkRecord,
    MarkRecord,
    NfblRecord,
    StallRecord,
    TrackRecord,
    VerdictRecord,
)
from monitor.snapshot import EstimateLabel, OutputState, OutputStatus, SessionState, Snapshot
from tests.made_snapshot import EMPTY, PRIOR, RUNNING, event, judged

pytestmark = pytest.mark.unit

THEME = Theme()


def verdict(label: Label, why: str = "livelier than before") -> VerdictRecord:
    window = judged(3, label, why)
    return VerdictRecord.of(window.window, window.verdict, Coverage(1.0, 1.0, 0.0))


def estimate(overall: EstimateLabel, windows: int = 3) -> EstimateRecord:
    track = replace(RUNNING.overall, label=overall, windows=windows)
    return EstimateRecord(media_s=47.0, overall=track, current=replace(RUNNING.current, windows=windows))


VIDEO = TrackRecord(track=Track.VIDEO, codec="h264", start_s=0.0, rate_hz=25.0, width_px=1280, height_px=720)
SOUND = TrackRecord(track=Track.AUDIO, codec="aac", start_s=0.0, rate_hz=48_000.0, channels=2)


def link(state: LinkState, reason: str = "", *tracks: TrackRecord) -> LinkRecord:
    return LinkRecord.of(LinkChange(12.4, "rtsp://cam/1", state, reason), tracks)


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (verdict(Label.POSITIVE), "  01:17  verdict    ▲ positive 7.0/10, local 00:45\u201301:17"),
        (
            verdict(Label.ABSTAIN, "seen too little"),
            "  01:17  verdict    ○ abstain, local 00:45\u201301:17: seen too little",
        ),
        (NfblRecord.of(event(2)), "  00:15  nfbl       head: Touching jaw, left, 1.5 s, score 0.80"),
        (NfblRecord.of(event(2, phase=Phase.OPEN)), None),
        (GapRecord.of(Gap(Track.AUDIO, 10.0, 12.5, "packet lost")), "  00:12  gap        audio, 2.5 s: packet lost"),
        (MarkRecord(media_s=3661.0), "1:01:01  mark"),
        (link(LinkState.LOST, "connection refused"), "  00:12  source     rtsp://cam/1 lost: connection refused"),
        (link(LinkState.PAUSED), "  00:12  source     rtsp://cam/1 paused"),
        (
            link(LinkState.LIVE, "", VIDEO, SOUND),
            "  00:12  source     rtsp://cam/1 live: video h264 1280x720 25/s, audio aac 48000/s",
        ),
        (
            StallRecord(media_s=12.0, stage="face masking", held_s=6.02, stack="run (workers.py:88)"),
            "  00:12  stall      stage face masking hung for 6.0 s, restarted",
        ),
        (
            StallRecord(media_s=12.0, stage="event loop", held_s=2.5, stack="unknown"),
            "  00:12  stall      the event loop was held up for 2.5 s",
        ),
        (estimate(EstimateLabel.POSITIVE), None),
    ],
)
def test_each_record_becomes_its_line(record: AnyRecord, line: str | None) -> None:
    assert line_of(record, THEME) == line


def test_the_estimate_speaks_when_it_changes_its_answer() -> None:
    first = estimate(EstimateLabel.POSITIVE)
    assert [line.split()[1] for line in new_answers(None, first, THEME)] == ["overall", "current"]
    assert new_answers(first, first, THEME) == []
    assert new_answers(first, estimate(EstimateLabel.UNCERTAIN), THEME) == [
        "  00:47  overall    ● uncertain 0.64 (0.52\u20130.75)"
    ]


def test_an_estimate_without_a_verdict_is_no_answer() -> None:
    unborn = estimate(EstimateLabel.UNCERTAIN, windows=0)
    assert new_answers(None, unborn, THEME) == []
    assert len(new_answers(unborn, estimate(EstimateLabel.UNCERTAIN), THEME)) == 2


def test_state_and_notices_are_said_once() -> None:
    now = replace(RUNNING, notices=("sound starts early",))
    assert changes(None, now, THEME) == [
        "  03:20  live       interview.mp4 (paced)",
        "  03:20  notice     Heuristic and uncalibrated (cues, cues): a demonstration, no measurement.",
        "  03:20  notice     Research only, with consent: never for decisions about a person.",
        "  03:20  notice     sound starts early",
    ]
    assert changes(now, replace(now, media_s=201.0), THEME) == []
    assert changes(now, replace(now, state=SessionState.STALLED), THEME) == [
        "  03:20  stalled    interview.mp4 (paced)"
    ]


@given(st.text(), st.booleans())
def test_nothing_from_outside_can_break_a_line_or_drive_a_terminal(text: str, ascii_only: bool) -> None:
    theme = Theme(ascii_only)
    said = [line_of(verdict(Label.ABSTAIN, text), theme), *changes(None, replace(EMPTY, source=text), theme)]
    for line in said:
        assert line is not None
        assert line.isprintable() or all(char.isprintable() or char.isspace() for char in line)
        assert len(line.splitlines()) == 1


def test_a_session_reads_as_lines_and_ends_with_the_summary() -> None:
    file = io.StringIO()

    async def main() -> None:
        output = LinesOutput(file)
        await output.start()
        output.show(EMPTY)
        output.record(verdict(Label.POSITIVE).to_line("s", 2))
        output.record(estimate(EstimateLabel.POSITIVE).to_line("s", 3))
        output.record(estimate(EstimateLabel.POSITIVE).to_line("s", 4))
        await output.close(replace(RUNNING, state=SessionState.ENDED))

    asyncio.run(main())
    lines = file.getvalue().splitlines()
    kinds = [line.split()[1] for line in lines]
    assert kinds[:7] == ["connecting", "notice", "notice", "verdict", "overall", "current", "ended"]
    assert any(line.startswith("journal") and line.endswith("run.jsonl") for line in lines)
    assert "\x1b" not in file.getvalue()


def test_a_session_that_never_showed_anything_has_no_summary() -> None:
    file = io.StringIO()
    asyncio.run(LinesOutput(file).close(None))
    assert not file.getvalue()


def test_a_reader_who_leaves_ends_the_session_quietly() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    asked: list[Command] = []
    output = LinesOutput(Broken(), on_command=asked.append)
    output.show(RUNNING)
    output.show(replace(RUNNING, state=SessionState.STALLED))
    assert asked == [Command.QUIT]


def test_each_change_of_a_destination_is_a_line_and_what_waits_is_none() -> None:
    info = ModelInfo("cues", heuristic=True, calibrated=False, notice="")
    board = Board("s", "a.mp4", "paced", None, info, info, "d", "m", "v", "off", PRIOR, PRIOR, None, ())

    def after(*statuses: OutputStatus) -> Snapshot:
        for status in statuses:
            board.output(status)
        return board.snapshot()

    waiting = OutputStatus("mqtt", OutputState.CONNECTING)
    first = after(waiting, OutputStatus("page", OutputState.UP, link="http://127.0.0.1:8765/"))
    assert [line for line in changes(None, first, THEME) if " output " in line] == [
        "  00:00  output     mqtt connecting",
        "  00:00  output     page up at http://127.0.0.1:8765/",
    ]
    down = OutputStatus("mqtt", OutputState.DOWN, reason="127.0.0.1 refuses: is a broker running there?", waiting=4)
    second = after(down)
    said = ["  00:00  output     mqtt down: 127.0.0.1 refuses: is a broker running there?"]
    assert changes(first, second, THEME) == said
    third = after(replace(down, waiting=9))
    assert changes(second, third, THEME) == []
    assert changes(third, after(OutputStatus("mqtt", OutputState.UP)), THEME) == ["  00:00  output     mqtt up"]
