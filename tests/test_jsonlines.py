"""`--ui json` writes the journal's lines and nothing else, and a reader who leaves is no error."""

from __future__ import annotations

import asyncio
import io
import os

import pytest

from monitor.outputs.base import Command
from monitor.outputs.jsonlines import JsonOutput
from tests.made_snapshot import RUNNING

pytestmark = pytest.mark.unit


def test_only_the_records_are_written_each_on_a_line() -> None:
    file = io.StringIO()

    async def main() -> None:
        output = JsonOutput(file)
        await output.start()
        output.record('{"seq":1}')
        output.show(RUNNING)
        output.record('{"seq":2}')
        await output.close(RUNNING)

    asyncio.run(main())
    assert file.getvalue() == '{"seq":1}\n{"seq":2}\n'


def test_a_reader_who_leaves_ends_the_session_once_and_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    asked: list[Command] = []
    with os.fdopen(write, "w") as file:
        output = JsonOutput(file, on_command=asked.append)
        output.record('{"seq":1}')
        output.record('{"seq":2}')
    assert asked == [Command.QUIT]


def test_each_record_can_be_read_at_once() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        JsonOutput(file).record('{"seq":1}')
        assert os.read(read, 100) == b'{"seq":1}\n'
    os.close(read)
