"""Keys do what the table says, escape sequences are no keys, and the terminal comes back as it was."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.outputs.base import Command
from monitor.outputs.dashboard.keys import BINDINGS, KeyReader, Page, View, keys_in, press, stream_after

pytestmark = pytest.mark.unit


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo terminal: the person's end and the program's end."""
    person, program = os.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def test_every_key_is_bound_once_and_does_one_thing() -> None:
    assert len({binding.key for binding in BINDINGS}) == len(BINDINGS)
    assert all(binding.page is None or binding.command is None for binding in BINDINGS)


@pytest.mark.parametrize(
    ("key", "page"),
    [("e", Page.EVENTS), ("h", Page.HEALTH), ("v", Page.VERDICT), ("?", Page.HELP), ("E", Page.EVENTS)],
)
def test_a_page_opens_by_its_key_and_closes_by_the_same(key: str, page: Page) -> None:
    opened, command = press(View(), key)
    assert (opened, command) == (View(page), None)
    assert press(opened, key) == (View(), None)


def test_one_page_leads_straight_to_another_and_escape_leads_home() -> None:
    view, _ = press(View(Page.EVENTS), "h")
    assert view.page is Page.HEALTH
    assert press(view, "escape") == (View(), None)


def test_pausing_thaws_the_picture_so_that_it_is_seen_to_be_paused() -> None:
    assert press(View(Page.EVENTS, frozen=True), "p") == (View(Page.EVENTS), Command.TOGGLE_PAUSE)


def test_quit_and_mark_are_commands_and_change_no_view() -> None:
    assert press(View(Page.EVENTS), "q") == (View(Page.EVENTS), Command.QUIT)
    assert press(View(), "m") == (View(), Command.MARK)


def test_space_freezes_and_thaws_on_any_page() -> None:
    frozen, _ = press(View(Page.HEALTH), " ")
    assert frozen == View(Page.HEALTH, frozen=True)
    assert press(frozen, " ") == (View(Page.HEALTH), None)


@given(st.text(max_size=3))
def test_unknown_keys_change_nothing(key: str) -> None:
    if key.lower() not in {binding.key for binding in BINDINGS}:
        assert press(View(Page.HEALTH), key) == (View(Page.HEALTH), None)


@pytest.mark.parametrize("key", ["tab", "backtab", "left", "right", "1", "9"])
def test_keys_that_go_between_streams_change_nothing_of_the_view(key: str) -> None:
    assert press(View(Page.HEALTH), key) == (View(Page.HEALTH), None)


@pytest.mark.parametrize(
    ("key", "selected"),
    [("tab", 0), ("right", 0), ("backtab", 1), ("left", 1), ("1", 0), ("3", 2), ("4", 2), ("0", 2), ("q", 2)],
)
def test_streams_are_gone_through_in_a_ring_or_picked_by_number(key: str, selected: int) -> None:
    assert stream_after(key, 2, 3) == selected


@pytest.mark.parametrize("key", ["tab", "right", "backtab", "left", "1", "2"])
def test_with_one_stream_there_is_nowhere_to_go(key: str) -> None:
    assert stream_after(key, 0, 1) == 0


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", ("q",)),
        (b"\t", ("tab",)),
        (b"\x1b[Z\x1b[C\x1b[D", ("backtab", "right", "left")),
        (b"\x1bOC\x1bODq", ("right", "left", "q")),
        (b"\x1bO", ()),
        (b"ev", ("e", "v")),
        (b"\x1b", ("escape",)),
        (b"\x1b[A\x1b[1;5Cq", ("q",)),
        (b"\x1bOPh", ("h",)),
        (b"\x1bq", ()),
        (b"\x1b[", ()),
        (b"\xc3\xa9", ("\u00e9",)),
        (b"\xff", ()),
    ],
)
def test_escape_sequences_are_swallowed_whole(data: bytes, keys: tuple[str, ...]) -> None:
    assert keys_in(data) == keys


@given(st.binary(max_size=64))
def test_no_input_can_break_the_reader_of_keys(data: bytes) -> None:
    named = {"escape", "tab", "backtab", "left", "right"}
    assert all(key in named or len(key) == 1 for key in keys_in(data))


def test_keys_are_read_without_enter_and_the_terminal_is_restored(terminal: tuple[int, int]) -> None:
    person, program = terminal
    before = termios.tcgetattr(program)
    pressed: list[str] = []

    async def main() -> None:
        done = asyncio.Event()

        def on_key(key: str) -> None:
            pressed.append(key)
            done.set()

        reader = KeyReader(program, on_key)
        reader.start(asyncio.get_running_loop())
        assert reader.reading
        assert termios.tcgetattr(program) != before
        os.write(person, b"v")
        await asyncio.wait_for(done.wait(), 5.0)
        reader.stop()
        reader.stop()
        assert not reader.reading

    asyncio.run(main())
    assert pressed == ["v"]
    assert termios.tcgetattr(program) == before


def test_the_terminal_is_restored_even_after_the_loop_has_gone(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)

    async def start() -> KeyReader:
        reader = KeyReader(program, lambda _: None)
        reader.start(asyncio.get_running_loop())
        return reader

    asyncio.run(start()).stop()
    assert termios.tcgetattr(program) == before


def test_a_key_press_cannot_suspend_a_session_that_has_the_screen(terminal: tuple[int, int]) -> None:
    _, program = terminal

    async def main() -> None:
        reader = KeyReader(program, lambda _: None)
        reader.start(asyncio.get_running_loop())
        assert termios.tcgetattr(program)[6][termios.VSUSP] == b"\x00"
        reader.stop()

    asyncio.run(main())
    assert termios.tcgetattr(program)[6][termios.VSUSP] == b"\x1a"


def test_the_page_about_the_dashboard_names_every_key() -> None:
    text = (Path(__file__).parents[1] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    assert all(f"| `{binding.name}` |" in text for binding in BINDINGS)


def test_where_there_is_no_terminal_no_keys_are_read() -> None:
    read, write = os.pipe()

    async def main() -> None:
        reader = KeyReader(read, lambda _: None)
        reader.start(asyncio.get_running_loop())
        assert not reader.reading
        reader.stop()

    asyncio.run(main())
    os.close(read)
    os.close(write)
