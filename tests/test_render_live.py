"""The dashboard of a live source says what is the matter, where the eye goes, and keeps its size while it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from buffers.links import LinkState, LinkStatus
from buffers.records import Track
from monitor.outputs.dashboard import health
from monitor.outputs.dashboard.keys import Page, View
from monitor.outputs.dashboard.live import PAUSED, link_line, telling
from monitor.outputs.dashboard.streams import Streams, Tab, bar
from monitor.outputs.theme import Theme
from monitor.snapshot import EstimateLabel, SessionState, Snapshot
from tests.made_snapshot import BROWSER, CAMERA, EMPTY, LOST, MIC, RTSP, RUNNING, STALLED, drawn, live

pytestmark = pytest.mark.unit

SIZES = [(130, 38), (110, 30), (80, 24), (60, 5)]


def page(
    snapshot: Snapshot, width: int = 110, height: int = 30, *, view: View | None = None, streams: Streams | None = None
) -> list[str]:
    return drawn(snapshot, width, height, view=view, streams=streams)


def health_of(snapshot: Snapshot, width: int = 47, height: int = 7) -> list[str]:
    return [line.plain for line in health.panel(snapshot, width, height, Theme())]


words = st.text(max_size=60)
seconds = st.none() | st.floats(0.0, 400_000.0)
links = st.builds(
    LinkStatus,
    words,
    st.sampled_from([(Track.VIDEO,), (Track.AUDIO,), (Track.VIDEO, Track.AUDIO), ()]),
    st.sampled_from(LinkState),
    st.floats(0.0, 400_000.0),
    words,
    seconds,
    seconds,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.none() | st.floats(-10.0, 10.0),
    st.none() | st.floats(-1e6, 1e6),
)
snapshots = st.builds(
    lambda state, links, recording, source, loop: replace(
        live(state, *links), recording=recording, source=source, loop_lag_s=loop
    ),
    st.sampled_from(SessionState),
    st.lists(links, max_size=5),
    st.none() | words,
    words,
    seconds,
)
tabs = st.builds(Tab, words, st.sampled_from(SessionState), st.none() | st.sampled_from(EstimateLabel))
bars = st.lists(tabs, min_size=2, max_size=15).flatmap(
    lambda many: st.builds(Streams, st.just(tuple(many)), st.integers(0, len(many) - 1))
)


@settings(max_examples=80, deadline=None)
@given(
    snapshots,
    st.none() | bars,
    st.sampled_from(Page),
    st.sampled_from([*SIZES, (79, 24), (20, 2), (1, 1)]),
    st.booleans(),
)
def test_whatever_the_links_do_the_picture_keeps_its_size(
    snapshot: Snapshot, streams: Streams | None, shown: Page, size: tuple[int, int], ascii_only: bool
) -> None:
    width, height = size
    lines = drawn(snapshot, width, height, view=View(shown), streams=streams, ascii_only=ascii_only)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    if ascii_only:
        assert all(line.isascii() for line in lines)


@settings(max_examples=60, deadline=None)
@given(snapshots, st.integers(1, 80), st.integers(3, 12))
def test_health_fits_its_panel_however_many_links_there_are(snapshot: Snapshot, width: int, height: int) -> None:
    lines = health_of(snapshot, width, height)
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("size", [size for size in SIZES if size[0] >= 80])
def test_the_link_to_share_is_on_the_screen_whole(size: tuple[int, int]) -> None:
    link = replace(BROWSER, invitation="http://127.0.0.1:8889/#token=" + "x" * 32)
    lines = page(live(SessionState.CONNECTING, link), *size)
    assert any(line.strip() == f"○ share at {link.invitation}" for line in lines)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("state", "link", "said"),
    [
        (SessionState.LOST, LOST, "! rtsp://cam/1 lost: connection refused, next attempt in 4 s"),
        (SessionState.STALLED, STALLED, "! mic:USB Audio stalled: no sound, silent for 3 s"),
        (SessionState.CONNECTING, BROWSER, "○ waiting for a publisher at http://127.0.0.1:8889/"),
        (
            SessionState.CONNECTING,
            replace(RTSP, state=LinkState.CONNECTING, reason=""),
            "○ rtsp://cam/1 connecting",
        ),
        (SessionState.PAUSED, replace(CAMERA, state=LinkState.PAUSED), f"! {PAUSED}"),
    ],
)
def test_what_is_the_matter_stands_under_the_header(
    size: tuple[int, int], state: SessionState, link: LinkStatus, said: str
) -> None:
    lines = page(live(state, link), *size)
    under = lines[1 if size == (60, 5) else 2]
    assert under.strip() == said
    assert state.value.upper() in lines[0]


def test_while_all_is_well_or_over_nothing_is_the_matter() -> None:
    for snapshot in (live(SessionState.LIVE, CAMERA, MIC), live(SessionState.ENDED, LOST), RUNNING):
        assert telling(snapshot, 80, Theme()) is None


def test_of_two_links_in_trouble_the_worse_is_told_and_the_other_counted() -> None:
    line = telling(live(SessionState.LOST, STALLED, LOST), 80, Theme())
    assert line is not None
    assert line.plain == "! rtsp://cam/1 lost: connection refused, next attempt in 4 s  +1 link: h"


def test_of_a_long_name_and_reason_the_next_attempt_is_still_told() -> None:
    long = replace(LOST, name="rtsp://" + "camera" * 20, reason="no route to host " * 9)
    line = telling(live(SessionState.LOST, long), 78, Theme())
    assert line is not None
    assert line.plain.startswith("! rtsp://cameracamera")
    assert "… lost: no route" in line.plain
    assert line.plain.endswith(", next attempt in 4 s")
    assert line.cell_len <= 78


def test_an_attempt_that_is_due_is_told_as_such() -> None:
    line = telling(live(SessionState.LOST, replace(LOST, retry_s=0.2)), 80, Theme())
    assert line is not None
    assert line.plain.endswith("connection refused, next attempt now")


def test_a_paused_picture_claims_no_mask_and_no_voice_and_no_waiting_for_a_window() -> None:
    paused = replace(
        EMPTY, mode="live", state=SessionState.PAUSED, speaking=True, links=(replace(MIC, state=LinkState.PAUSED),)
    )
    text = "\n".join(page(replace(paused, privacy=RUNNING.privacy)))
    assert "masked" not in text
    assert "speaking" not in text
    assert "listening" not in text
    assert "p resume" in text


def test_each_link_has_a_line_in_health_and_the_panel_keeps_its_height() -> None:
    plain = health_of(RUNNING)
    one = health_of(live(SessionState.LIVE, RTSP))
    two = health_of(live(SessionState.STALLED, CAMERA, STALLED))
    assert {len(plain), len(one), len(two)} == {7}
    assert one[2] == "● rtsp://cam/1    LIVE  ·  sound +4 ms"
    assert two[2].split() == ["●", "camera:Integra…", "LIVE"]
    assert two[3] == "! mic:USB Audio   STALLED  ·  silent 3 s"
    assert [line.split()[0] for line in two] == ["video", "audio", "●", "!", "privacy", "memory", "journal"]


def test_a_recording_is_named_with_its_state_even_when_lines_are_short() -> None:
    for state, said in (
        (SessionState.LIVE, "recording out.mkv"),
        (SessionState.PAUSED, "paused out.mkv"),
        (SessionState.ENDED, "finished out.mkv"),
    ):
        recorded = replace(live(state, CAMERA, MIC), recording="/data/out.mkv")
        assert any(said in line for line in health_of(recorded))


def test_of_more_links_than_fit_the_worst_are_shown_and_the_rest_counted() -> None:
    many = [replace(CAMERA, name=f"camera:{number}") for number in range(6)]
    lines = health_of(live(SessionState.LOST, *many, LOST))
    assert len(lines) == 7
    assert lines[2].startswith("! rtsp://cam/1")
    assert lines[3] == "+6 more links: h"


def test_a_wide_line_of_a_link_has_all_its_figures() -> None:
    troubled = replace(MIC, state=LinkState.LOST, reason="device unplugged", retry_s=12.0)
    assert link_line(troubled, 130, Theme()).plain == (
        "! mic:USB Audio            LOST  ·  retry in 12 s  ·  device unplugged  ·  2 reconnects  ·  1 jump  ·  "
        "sound -3 ms  ·  +12 ppm"
    )


def test_the_health_page_has_everything_about_links_the_loop_and_the_recording() -> None:
    shown = replace(
        live(SessionState.STALLED, CAMERA, STALLED), recording="/data/out.mkv", loop_lag_s=0.012, rss_bytes=300 << 20
    )
    text = "\n".join(page(shown, 80, 24, view=View(Page.HEALTH)))
    for said in (
        "● camera:Integrated Camera LIVE since 00:00, video",
        "! mic:USB Audio STALLED since 00:00, audio",
        "last 3.2 s ago  ·  2 reconnects  ·  1 jump  ·  sound -3 ms  ·  +12 ppm",
        "no sound",
        "process  300 MiB resident  ·  event loop 12 ms late",
        "recording /data/out.mkv",
    ):
        assert said in text, said


def test_pause_is_offered_where_there_is_something_to_pause() -> None:
    assert "p pause" in page(live(SessionState.LIVE, CAMERA))[-1]
    assert "p pause" not in page(RUNNING)[-1]


@pytest.mark.parametrize("width", [80, 110])
def test_the_footer_of_a_live_source_names_every_key_that_has_a_use(width: int) -> None:
    footer = page(live(SessionState.LIVE, CAMERA), width)[-1]
    for said in ("q quit", "? help", "p pause", "e events", "v verdict", "h health", "space freeze", "m mark"):
        assert said in footer
    assert "tab" not in footer


def three(selected: int) -> Streams:
    names = ("rtsp://cam/1", "a very long name of a stream that goes on", "webrtc:")
    shown = (live(SessionState.LIVE, RTSP), live(SessionState.LOST, LOST), None)
    return Streams(tuple(map(Tab.of, names, shown)), selected)


def test_the_bar_tells_number_name_state_and_answer_of_each_stream() -> None:
    text = bar(three(0), 108, Theme()).plain
    assert text.startswith("[1 ● rtsp://cam/1 ▲ positive]")
    assert "2 ! a very long name of a… LOST ▲" in text
    assert "3 ○ webrtc: CONNECTING" in text
    assert "[2 ! a very long name… ▲]" in bar(three(1), 78, Theme()).plain


def test_the_bar_stands_above_the_header_only_where_there_are_several() -> None:
    lines = page(live(SessionState.LIVE, RTSP), streams=three(0))
    assert lines[0].startswith(" [1 ● rtsp://cam/1")
    assert lines[1].startswith(" ● LIVE")
    assert "tab stream" in lines[-1]
    assert page(live(SessionState.LIVE, RTSP))[0].startswith(" ● LIVE")


def test_a_small_window_tells_which_of_how_many() -> None:
    five, two = (page(live(SessionState.LOST, LOST), 60, height, streams=three(1)) for height in (5, 2))
    assert five[0].startswith(" 1 ● rtsp://cam/1 ▲ [2 !")
    assert five[1].startswith("2/3  ·  ! LOST")
    assert two[0].startswith("2/3  ·  ! LOST")


@settings(max_examples=80, deadline=None)
@given(bars, st.integers(1, 200), st.booleans())
def test_the_bar_fits_and_always_has_the_stream_that_is_looked_at(
    streams: Streams, width: int, ascii_only: bool
) -> None:
    line = bar(streams, width, Theme(ascii_only)).plain
    assert cell_len(line) <= width
    if width >= 6:
        assert f"[{streams.selected + 1}"[:4] in line
