from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import JournalError
from monitor.journals.owed import debts
from monitor.outbox import Outbox, Parcel, outbox_folder
from tests.made_journal import SESSION, made_journal
from tests.made_outbox import KINDS, Other, cursor_of, end, left, live, run, wanted

pytestmark = pytest.mark.unit


@contextlib.contextmanager
def another_process_holds(path: Path) -> Iterator[None]:
    """The file is locked by a process that is killed at the end."""
    hold = "import fcntl,os,sys; f=os.open(sys.argv[1],os.O_RDWR); fcntl.flock(f,2); print('held',flush=True); input()"
    command = [sys.executable, "-c", hold, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.kill()


@pytest.mark.parametrize("number", [b"x" * 20, b"\0" * 20, b"-1".rjust(20), b"", b"12"], ids=repr)
def test_a_cursor_whose_number_is_damaged_begins_at_the_first_record(tmp_path: Path, number: bytes) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path, delivered=5)
        cursor = cursor_of(tmp_path)
        head = cursor.read_bytes().partition(b'"seq":')[0]
        cursor.write_bytes(head + b'"seq":' + number + b"}\n")
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())
        assert other.taken == wanted(path)

    run(main())


@pytest.mark.parametrize(
    "content", [b"\0" * 100, b"{}\n", b"no", b'{"schema": 1, "session": "s", "seq":  1}\n', b"\n["]
)
def test_a_cursor_that_does_not_say_of_what_is_left_alone_and_named(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    other = Other()
    cursor = cursor_of(tmp_path)
    cursor.parent.mkdir()
    cursor.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        run(Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(()))
    if content.startswith(b"\n"):
        assert not cursor.exists()
    else:
        assert cursor.read_bytes() == content
        assert f"the cursor {cursor} cannot be read" in caplog.text


def test_a_start_that_was_broken_off_owes_nothing(tmp_path: Path) -> None:
    cursor = cursor_of(tmp_path)
    cursor.parent.mkdir()
    cursor.touch()
    run(Outbox(tmp_path / "box", KINDS, Other().deliver).deliver_earlier(()))
    assert not cursor.exists()


def test_every_acknowledgement_leaves_a_cursor_that_any_reader_of_json_understands(tmp_path: Path) -> None:
    told: list[object] = []

    async def main() -> None:
        path = made_journal(tmp_path / "j.jsonl")
        other = Other()

        async def deliver(parcel: Parcel) -> None:
            told.append(json.loads(cursor_of(tmp_path).read_text()))
            await other.deliver(parcel)

        box = Outbox(tmp_path / "box", KINDS, deliver).begin(SESSION, 'in "seq": view', path)
        task = await live(box)
        assert await box.drain(20.0) == 0
        await end(task)
        box.leave()
        seqs = [seq for _, seq in wanted(path)]
        expected = {"schema": 1, "session": SESSION, "stream": 'in "seq": view', "journal": str(path)}
        expected |= {"kinds": sorted(KINDS), "words": False}
        assert told == [expected | {"seq": seq} for seq in [0, *seqs[:-1]]]

    run(main())


def test_two_do_not_deliver_one_session(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = made_journal(tmp_path / "j.jsonl")
        outbox = Outbox(tmp_path / "box", KINDS, other.deliver)
        box = outbox.begin(SESSION, "interview", path)
        await outbox.deliver_earlier(())
        assert not other.taken
        with pytest.raises(JournalError, match=rf"^outbox: session {SESSION} is being delivered by another process"):
            outbox.begin(SESSION, "interview", path)
        box.leave()
        await outbox.deliver_earlier(())
        assert other.taken == wanted(path)

    run(main())


def test_a_session_that_another_process_delivers_is_left_to_it_until_that_dies(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        outbox = Outbox(tmp_path / "box", KINDS, other.deliver)
        with another_process_holds(cursor_of(tmp_path)):
            await outbox.deliver_earlier(())
            assert not other.taken
        await outbox.deliver_earlier(())
        assert other.taken == wanted(path)

    run(main())


def test_a_cursor_that_was_removed_while_it_was_being_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, removed = fcntl.flock, list[Path]()

    def late(file: int, operation: int) -> None:
        if not removed:
            removed.append(cursor_of(tmp_path))
            removed[0].unlink()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    box = Outbox(tmp_path / "box", KINDS, Other().deliver).begin(SESSION, "interview", tmp_path / "j.jsonl")
    assert removed
    assert json.loads(cursor_of(tmp_path).read_text())["seq"] == 0
    box.leave()


def test_cursors_and_their_folders_belong_to_the_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "outbox" / "mqtt"
    os.umask(os.umask(0o022))
    box = Outbox(folder, KINDS, Other().deliver).begin(SESSION, "interview", tmp_path / "j.jsonl")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent.parent, folder.parent, folder)]
    assert modes == [0o700] * 3
    assert stat.S_IMODE((folder / f"{SESSION}.json").stat().st_mode) == 0o600
    box.close()


def test_a_place_where_nothing_can_be_kept_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "box").write_text("in the way")
    with pytest.raises(JournalError, match=rf"^outbox {tmp_path}/box: .*: check the path and its permissions$"):
        Outbox(tmp_path / "box", KINDS, Other().deliver).begin(SESSION, "interview", tmp_path / "j.jsonl")


def test_a_disk_that_fills_up_loses_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        outbox = Outbox(tmp_path / "box", KINDS, other.deliver)
        with monkeypatch.context() as full:
            full.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            await outbox.deliver_earlier(())
        assert len(other.taken) == 1
        await outbox.deliver_earlier(())
        assert other.taken == [other.taken[0], *wanted(path)]

    run(main())


def test_each_destination_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert outbox_folder("mqtt") == tmp_path / "emotion-monitor" / "outbox" / "mqtt"


def test_each_receiver_has_a_folder_of_its_own_that_begins_with_the_destination() -> None:
    folders = [
        outbox_folder("mqtt", *told) for told in (("home", "1883", "a"), ("clinic", "1883", "a"), ("home", "1883a"))
    ]
    assert len(set(folders)) == 3
    assert folders[0] == outbox_folder("mqtt", "home", "1883", "a")
    for folder in folders:
        assert re.fullmatch(r"mqtt-[0-9a-f]{16}", folder.name)


@pytest.mark.parametrize("begun", ["old", "without words"])
def test_a_later_run_delivers_no_words_of_a_session_that_did_not_ask_for_them(tmp_path: Path, begun: str) -> None:
    other, kinds = Other(), ("verdict", "description")

    async def main() -> None:
        path = made_journal(tmp_path / "j.jsonl")
        box = Outbox(tmp_path / "box", kinds, Other().deliver).begin(SESSION, "interview", path)
        box.leave()
        cursor = cursor_of(tmp_path)
        if begun == "old":
            told = json.loads(cursor.read_text())
            head = json.dumps({name: told[name] for name in ("schema", "session", "stream", "journal")})
            cursor.write_text(f'{head[:-1]}, "seq":{0:20}}}\n')
        await Outbox(tmp_path / "box", kinds, other.deliver, words=True).deliver_earlier(())
        assert other.taken == wanted(path, ["verdict"])

    run(main())
    assert not any(parcel.words for parcel in other.parcels)


def test_a_later_run_delivers_only_what_both_asked_for(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        await Outbox(tmp_path / "box", ("verdict", "estimate"), other.deliver, words=True).deliver_earlier(())
        assert other.taken == wanted(path, ["verdict"])

    run(main())


def test_words_go_with_a_session_that_asked_for_them_now_and_later(tmp_path: Path) -> None:
    other, kinds = Other(), ("verdict", "description")

    async def main() -> None:
        path = made_journal(tmp_path / "j.jsonl")
        Outbox(tmp_path / "box", kinds, other.deliver, words=True).begin(SESSION, "interview", path).leave()
        await Outbox(tmp_path / "box", kinds, other.deliver, words=True).deliver_earlier(())
        assert other.taken == wanted(path, kinds)

    run(main())
    assert all(parcel.words for parcel in other.parcels)


def test_a_person_is_told_which_destination_is_owed_and_not_which_receiver(tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    for folder in ("mqtt", "webhook-0123456789abcdef"):
        box = Outbox(tmp_path / folder, KINDS, Other().deliver).begin(SESSION, "interview", journal)
        box.leave()
    assert [one.destination for one in debts(tmp_path).of[journal]] == ["mqtt", "webhook"]
