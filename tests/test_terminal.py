"""The dashboard's shell: it takes the screen, obeys keys, and gives everything back on every way out."""

from __future__ import annotations

import asyncio
import io
import os
import re
import termios
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from configs.errors import ConfigError
from monitor.outputs.base import Command, Output
from monitor.outputs.dashboard.keys import Page
from monitor.outputs.dashboard.screen import Screen
from monitor.outputs.dashboard.terminal import TerminalOutput
from monitor.outputs.jsonlines import JsonOutput
from monitor.outputs.lines import LinesOutput
from monitor.outputs.registry import SilentOutput, choose_outputs
from monitor.outputs.theme import Theme
from tests.made_snapshot import EMPTY, RUNNING

pytestmark = pytest.mark.unit

TAKE_SCREEN, GIVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Tube(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Pipe(io.StringIO):
    """A file that is none."""

    encoding = "utf-8"


class Asked(list[Command]):
    """The commands that were asked for, and a way to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Event()

    def __call__(self, command: Command) -> None:
        self.append(command)
        self.came.set()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    person, program = os.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def output_on(file: Tube, program: int, asked: Callable[[Command], None]) -> TerminalOutput:
    console = Console(file=file, force_terminal=True, width=120, height=35)
    screen = Screen(
        console, ("interview.mp4",), on_command=lambda _, command: asked(command), theme=Theme(), keys_fd=program
    )
    return TerminalOutput(screen)


def run(main: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 10.0)

    asyncio.run(bounded())


def test_the_screen_is_taken_drawn_on_given_back_and_summed_up(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before, screen = termios.tcgetattr(program), Tube()

    async def main() -> None:
        output = output_on(screen, program, Asked())
        await output.start()
        output.record("{}")
        output.show(RUNNING)
        await output.close(RUNNING)

    run(main())
    text = screen.getvalue()
    drawn, _, after = text.partition(GIVE_SCREEN)
    assert TAKE_SCREEN in drawn
    assert "Touching jaw" in drawn
    assert text.rindex(SHOW_CURSOR) > text.rindex(HIDE_CURSOR)
    assert "12 windows: 11 answered" in after
    assert termios.tcgetattr(program) == before


def test_after_an_error_closing_restores_without_a_last_picture(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before, screen = termios.tcgetattr(program), Tube()

    async def main() -> None:
        output = output_on(screen, program, Asked())
        await output.start()
        await output.close(None)
        await output.close(None)

    run(main())
    assert screen.getvalue().count(GIVE_SCREEN) == 1
    assert termios.tcgetattr(program) == before


def test_a_start_that_fails_gives_the_screen_back(terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(12, "no more readers")

    _, program = terminal
    before, screen = termios.tcgetattr(program), Tube()

    async def main() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_reader", refuse)
        with pytest.raises(OSError, match="no more readers"):
            await output_on(screen, program, Asked()).start()

    run(main())
    assert GIVE_SCREEN in screen.getvalue()
    assert termios.tcgetattr(program) == before


def test_an_output_that_never_started_can_be_closed() -> None:
    screen = Tube()

    async def main() -> None:
        await output_on(screen, -1, Asked()).close(None)

    run(main())
    assert TAKE_SCREEN not in screen.getvalue()


def test_keys_reach_the_session_and_the_view(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def main() -> None:
        asked = Asked()
        output = output_on(Tube(), program, asked)
        await output.start()
        output.show(RUNNING)
        os.write(person, b"vmq")
        while len(asked) < 2:
            asked.came.clear()
            await asked.came.wait()
        assert output.screen.view.page is Page.VERDICT
        assert asked == [Command.MARK, Command.QUIT]
        await output.close(None)

    run(main())


def test_a_frozen_picture_stays_and_thaws_to_the_newest(terminal: tuple[int, int]) -> None:
    person, program = terminal

    async def main() -> None:
        screen, asked = Tube(), Asked()
        output = output_on(screen, program, asked)
        await output.start()
        output.show(RUNNING)

        async def press(keys: bytes) -> None:
            asked.came.clear()
            os.write(person, keys + b"m")  # the mark tells when the keys before it have been read
            await asked.came.wait()
            screen.truncate(0)

        await press(b" ")
        output.show(replace(RUNNING, source="later.mp4"))
        assert "FROZEN" in screen.getvalue()
        assert "later.mp4" not in screen.getvalue()
        await press(b" ")
        output.show(replace(RUNNING, source="later.mp4"))
        assert "later.mp4" in screen.getvalue()
        await output.close(None)

    run(main())


def choose(ui: str, stdout: io.StringIO, **environ: str) -> Output:
    (output,) = choose_outputs(
        ui, ("a.mp4",), stdout=stdout, environ=environ, ascii_only=False, on_command=lambda _, command: None
    )
    return output


@pytest.mark.parametrize(
    ("ui", "stdout", "environ", "kind"),
    [
        ("auto", Tube(), {"TERM": "xterm-256color"}, TerminalOutput),
        ("auto", Tube(), {"TERM": "dumb"}, LinesOutput),
        ("auto", Pipe(), {"TERM": "xterm", "FORCE_COLOR": "1"}, LinesOutput),
        ("full", Tube(), {"TERM": "xterm"}, TerminalOutput),
        ("plain", Tube(), {}, LinesOutput),
        ("json", Tube(), {}, JsonOutput),
        ("none", Pipe(), {}, SilentOutput),
    ],
)
def test_the_output_follows_the_word_and_the_terminal(
    ui: str, stdout: io.StringIO, environ: dict[str, str], kind: type
) -> None:
    assert isinstance(choose(ui, stdout, **environ), kind)


def test_a_screen_without_a_terminal_and_an_unknown_word_are_refused() -> None:
    with pytest.raises(ConfigError, match="--ui plain"):
        choose("full", Pipe())
    with pytest.raises(ConfigError, match="auto, full, plain, json, none"):
        choose("fancy", Tube())


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_takes_colours_and_leaves_the_picture(environ: dict[str, str], coloured: bool) -> None:
    screen = Tube()

    async def main() -> None:
        output = choose("full", screen, TERM="xterm-256color", COLUMNS="120", LINES="35", **environ)
        await output.start()
        output.show(RUNNING)
        await output.close(None)

    run(main())
    assert "positive" in screen.getvalue()
    # 31-37 or 38;...: Rich remembers a style's codes, so which of the two depends on the tests before this one.
    assert bool(re.search(r"\x1b\[(1;)?3[1-8]", screen.getvalue())) is coloured


@pytest.mark.parametrize("ui", ["full", "plain", "json", "none"])
def test_every_output_keeps_to_the_protocol_in_any_order_of_news(ui: str) -> None:
    async def main() -> None:
        output = choose(ui, Tube(), TERM="xterm")
        await output.start()
        output.record('{"schema":1,"session":"s","seq":1,"kind":"mark","media_s":1.0,"note":""}')
        output.show(EMPTY)
        output.show(RUNNING)
        await output.close(RUNNING)
        await output.close(None)

    run(main())


def test_silence_is_silent() -> None:
    pipe = Pipe()

    async def main() -> None:
        output = choose("none", pipe)
        await output.start()
        output.record("{}")
        output.show(RUNNING)
        await output.close(RUNNING)

    run(main())
    assert not pipe.getvalue()
