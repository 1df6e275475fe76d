"""Several streams in one process: one screen with keys to go between them, prefixed lines, one way out for all."""

from __future__ import annotations

import asyncio
import io
import os
import re
import termios
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from monitor.outputs.base import Command, Output
from monitor.outputs.dashboard.keys import keys_in
from monitor.outputs.dashboard.screen import Screen
from monitor.outputs.dashboard.terminal import TerminalOutput
from monitor.outputs.lines import LinesOutput
from monitor.outputs.registry import choose_outputs
from monitor.outputs.theme import Theme
from monitor.records import MarkRecord
from monitor.snapshot import SessionState, Snapshot
from tests.made_snapshot import EMPTY, RUNNING

pytestmark = pytest.mark.unit

TAKE_SCREEN, GIVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
NAMES = ("front", "side", "back")


class Tube(io.StringIO):
    """A file that says it is a terminal; `since` is what was written since it was last asked, without styles."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def since(self) -> str:
        text = re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue())
        self.seek(0)
        self.truncate()
        return text


class Pipe(io.StringIO):
    encoding = "utf-8"


def of(name: str, state: SessionState = SessionState.LIVE) -> Snapshot:
    return replace(RUNNING, source=f"{name}.mp4", state=state)


class Watched:
    """A screen of three streams with a keyboard, and what was asked of which."""

    def __init__(self, program: int) -> None:
        self.file = Tube()
        self.asked: list[tuple[int, Command]] = []
        self.screen = Screen(
            Console(file=self.file, force_terminal=True, width=120, height=35, no_color=True),
            NAMES,
            on_command=lambda index, command: self.asked.append((index, command)),
            theme=Theme(),
            keys_fd=program,
        )
        self.outputs = [TerminalOutput(self.screen, index) for index in range(len(NAMES))]
        self.program = program

    async def start(self, *snapshots: Snapshot) -> None:
        for output in self.outputs:
            await output.start()
        for output, snapshot in zip(self.outputs, snapshots, strict=False):
            output.show(snapshot)

    def press(self, data: bytes) -> None:
        for key in keys_in(data):
            self.screen.obey(key)

    async def close(self) -> None:
        for output in self.outputs:
            await output.close(None)


@pytest.fixture
def watched() -> Iterator[Watched]:
    person, program = os.openpty()
    yield Watched(program)
    os.close(person)
    os.close(program)


def run(main: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 10.0)

    asyncio.run(bounded())


def test_the_screen_is_taken_once_and_given_back_after_the_last_with_every_summary(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        for name, output in reversed(list(zip(NAMES, watched.outputs, strict=True))):
            assert GIVE_SCREEN not in watched.file.getvalue()
            await output.close(of(name, SessionState.ENDED))
            await output.close(None)

    run(main())
    drawn, _, after = watched.file.getvalue().partition(GIVE_SCREEN)
    assert drawn.count(TAKE_SCREEN) == 1
    assert [after.index(f"── {name}") for name in NAMES] == sorted(after.index(f"── {name}") for name in NAMES)
    assert after.count("12 windows: 11 answered") == 3
    assert GIVE_SCREEN not in after


def test_keys_go_from_stream_to_stream_both_ways_and_by_number(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        screen = watched.screen
        for keys, selected in (
            (b"\t", 1),
            (b"\x1b[C", 2),
            (b"\t", 0),
            (b"\x1b[Z", 2),
            (b"\x1b[D", 1),
            (b"3", 2),
            (b"1", 0),
        ):
            watched.file.since()
            watched.press(keys)
            assert screen.selected == selected
            assert screen.selected == selected
            assert f"{NAMES[selected]}.mp4" in watched.file.since()
        watched.press(b"9xm")
        assert (screen.selected, watched.asked) == (0, [(0, Command.MARK)])
        await watched.close()

    run(main())


def test_pause_and_mark_go_to_the_stream_that_is_looked_at_and_quit_to_all(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        watched.press(b"2pmq")
        await watched.close()

    run(main())
    assert watched.asked == [
        (1, Command.TOGGLE_PAUSE),
        (1, Command.MARK),
        *((index, Command.QUIT) for index in range(3)),
    ]


def test_nothing_is_asked_of_a_stream_before_it_began_or_after_it_ended_but_to_quit(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(of("front"), of("side"))
        await watched.outputs[1].close(of("side", SessionState.FAILED))
        watched.press(b"2pm3pm1m")
        assert watched.asked == [(0, Command.MARK)]
        await watched.close()

    run(main())


def test_only_the_stream_that_is_looked_at_is_drawn_and_the_bar_tells_of_the_others(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        watched.file.since()
        watched.outputs[1].show(of("side", SessionState.STALLED))
        assert not watched.file.since()
        watched.outputs[0].show(of("front"))
        drawn = watched.file.since()
        assert "2 ! side STALLED" in drawn
        assert "front.mp4" in drawn
        assert "side.mp4" not in drawn
        await watched.close()

    run(main())


def test_a_stream_that_failed_keeps_its_last_picture_and_the_others_keep_the_bar_moving(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        await watched.outputs[0].close(of("front", SessionState.FAILED))
        watched.file.since()
        watched.outputs[1].show(of("side", SessionState.LOST))
        drawn = watched.file.since()
        assert "! FAILED" in drawn
        assert "front.mp4" in drawn
        assert "2 ! side LOST" in drawn
        watched.outputs[2].show(of("back"))
        assert not watched.file.since()
        await watched.close()

    run(main())


def test_a_stream_of_which_nothing_is_known_yet_says_so(watched: Watched) -> None:
    async def main() -> None:
        await watched.outputs[0].start()
        watched.outputs[0].show(of("front"))
        watched.press(b"3")
        assert "back: being opened ..." in watched.file.since()
        watched.outputs[0].show(replace(of("front"), state=SessionState.STALLED))
        assert "1 ! front STALLED" in watched.file.since()
        await watched.close()

    run(main())


def test_frozen_pictures_stay_for_every_stream_and_thaw_to_the_newest(watched: Watched) -> None:
    async def main() -> None:
        await watched.start(*map(of, NAMES))
        watched.press(b" ")
        watched.outputs[1].show(of("later"))
        watched.file.since()
        watched.press(b"2")
        frozen = watched.file.since()
        assert "FROZEN" in frozen
        assert "side.mp4" in frozen
        watched.press(b" ")
        assert "later.mp4" in watched.file.since()
        await watched.close()

    run(main())


def test_a_stream_that_comes_after_all_others_left_takes_the_screen_again(watched: Watched) -> None:
    before = termios.tcgetattr(watched.program)

    async def main() -> None:
        await watched.outputs[0].start()
        await watched.outputs[0].close(of("front", SessionState.ENDED))
        assert watched.file.since().count("── front") == 1
        await watched.outputs[1].start()
        watched.outputs[1].show(of("side"))
        await watched.outputs[1].close(of("side", SessionState.ENDED))
        again = watched.file.since()
        assert again.index(TAKE_SCREEN) < again.index(GIVE_SCREEN) < again.index("── side")
        assert "── front" not in again

    run(main())
    assert termios.tcgetattr(watched.program) == before


def choose(ui: str, names: Sequence[str], file: io.StringIO, asked: list[tuple[int, Command]]) -> list[Output]:
    return choose_outputs(
        ui,
        names,
        stdout=file,
        environ={"TERM": "xterm", "COLUMNS": "120", "LINES": "35"},
        ascii_only=False,
        on_command=lambda index, command: asked.append((index, command)),
    )


@pytest.mark.parametrize("ui", ["full", "plain", "json", "none"])
def test_every_stream_has_an_output_of_its_own(ui: str) -> None:
    outputs = choose(ui, NAMES, Tube(), [])
    assert len({id(output) for output in outputs}) == 3


def test_lines_of_several_streams_tell_whose_they_are_and_those_of_one_do_not() -> None:
    def lines(*names: str) -> list[str]:
        file = Pipe()

        async def main() -> None:
            for output in choose("plain", names, file, []):
                await output.start()
                output.record(MarkRecord(media_s=3.0, note="here").to_line("s", 1))
                output.show(EMPTY)
                await output.close(EMPTY)

        run(main())
        return file.getvalue().splitlines()

    two = lines("rtsp://cam/1\x1b[2J", "rtsp://cam/1\x1b[2J")
    assert two[0] == "[rtsp://cam/1[2J]   00:03  mark       here"
    assert all(line.startswith(("[rtsp://cam/1[2J] ", "[rtsp://cam/1[2J (2)] ")) for line in two)
    assert lines("front")[0] == "  00:03  mark       here"


def test_records_of_several_streams_are_written_as_they_are() -> None:
    file = Pipe()
    for index, output in enumerate(choose("json", NAMES, file, [])):
        output.record(f'{{"seq":{index}}}')
    assert file.getvalue() == '{"seq":0}\n{"seq":1}\n{"seq":2}\n'


@pytest.mark.parametrize("ui", ["plain", "json"])
def test_a_reader_who_leaves_ends_every_session_once_and_quietly(ui: str) -> None:
    read, write = os.pipe()
    os.close(read)
    asked: list[tuple[int, Command]] = []
    with os.fdopen(write, "w", encoding="utf-8") as file:
        outputs = choose_outputs(
            ui,
            NAMES,
            stdout=file,
            environ={},
            ascii_only=False,
            on_command=lambda index, command: asked.append((index, command)),
        )
        for output in (*outputs, *outputs):
            output.record(MarkRecord(media_s=3.0).to_line("s", 1))
    assert asked == [(index, Command.QUIT) for index in range(3)]


def test_one_stream_looks_as_ever_and_has_no_bar() -> None:
    file = Tube()

    async def main() -> None:
        (output,) = choose("full", ("front",), file, [])
        await output.start()
        output.show(RUNNING)
        await output.close(RUNNING)

    run(main())
    assert "[1" not in file.getvalue().replace("\x1b[1", "")
    assert "── front" not in file.getvalue()
    assert isinstance(choose("auto", ("front",), Pipe(), [])[0], LinesOutput)


class Gone(Tube):
    """A terminal whose window was closed."""

    gone = False

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_terminal_that_was_closed_ends_every_stream_in_order() -> None:
    tube, asked = Gone(), list[tuple[int, Command]]()

    async def main() -> None:
        outputs = choose("full", NAMES, tube, asked)
        for output in outputs:
            await output.start()
            output.show(RUNNING)
        tube.gone = True
        outputs[0].show(RUNNING)
        outputs[0].show(RUNNING)
        for output in outputs:
            await output.close(RUNNING)

    asyncio.run(main())
    assert asked == [(index, Command.QUIT) for index in range(len(NAMES))]
