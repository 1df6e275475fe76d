"""`prune` deletes old journals and nothing else: no link, no stranger, nothing in use, nothing that is still owed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.age import age_s
from configs.errors import ConfigError
from configs.journal_settings import JournalSettings
from configs.load import load_settings
from configs.settings import Settings
from monitor.cursor import Cursor
from monitor.identity import session_digest
from monitor.journal import Journal, default_path
from monitor.journals.prune import Act, Done, Pruning
from monitor.journals.retention import retain
from tests.made_journal import made_journal, made_records

pytestmark = pytest.mark.unit

NOW = "2027-01-15T08:00:00.000Z"
NOW_S = 1_800_000_000.0
OLD_S = NOW_S - age_s("31d")
NEW_S = NOW_S - age_s("29d")


def old(path: Path, written_s: float = OLD_S) -> Path:
    os.utime(path, (written_s, written_s))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "journals"
    made.mkdir(mode=0o700)
    return made


def pruned(folder: Path, *, dry: bool = False, force: bool = False) -> list[Act]:
    before_s = NOW_S - age_s("30d")
    return list(Pruning(folder, before_s=before_s, dry=dry, force=force, root=folder.parent / "outbox").run())


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cursor_of(folder: Path, journal: Path) -> Path:
    cursor = Cursor.begin(folder.parent / "outbox" / "mqtt", journal.stem, "interview", journal)
    assert cursor is not None
    cursor.close()
    return folder.parent / "outbox" / "mqtt" / f"{journal.stem}.json"


def test_what_was_written_long_ago_goes_and_the_rest_stays(folder: Path) -> None:
    gone = old(made_journal(folder / "gone.jsonl"))
    nbytes = gone.stat().st_size
    old(made_journal(folder / "stays.jsonl"), NEW_S)
    assert pruned(folder) == [Act(Done.DELETED, gone, "", nbytes)]
    assert left(folder) == ["stays.jsonl"]


def test_a_dry_run_tells_the_same_and_does_nothing(folder: Path) -> None:
    old(made_journal(folder / "a.jsonl"))
    told = pruned(folder, dry=True)
    assert left(folder) == ["a.jsonl"]
    assert pruned(folder) == told


def test_a_session_that_is_running_keeps_its_journal_however_old(folder: Path) -> None:
    with Journal(folder / "a.jsonl", "l-1", fsync=False) as journal:
        journal.append(made_records()[0])
        old(folder / "a.jsonl")
        assert [(act.done, act.why) for act in pruned(folder, force=True)] == [(Done.KEPT, "it is being written")]
    assert left(folder) == ["a.jsonl"]


def stranger(folder: Path) -> None:
    old_file = folder / "labels.jsonl"
    old_file.write_text('{"clip":"a.mp4","label":"positive"}\n')
    old(old_file)


def empty_stranger(folder: Path) -> None:
    (folder / "todo.jsonl").touch()
    old(folder / "todo.jsonl")


def below(folder: Path) -> None:
    (folder / "more").mkdir()
    old(made_journal(folder / "more" / "a.jsonl"))


def link_to_journal(folder: Path) -> None:
    outside = folder.parent / "outside.jsonl"
    old(made_journal(outside))
    (folder / "a.jsonl").symlink_to(outside)
    os.utime(folder / "a.jsonl", (OLD_S, OLD_S), follow_symlinks=False)


def other_name(folder: Path) -> None:
    old(made_journal(folder / "a.jsonl.bak"))


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "a.jsonl")
    old(folder / "a.jsonl")


@pytest.mark.parametrize("make", [stranger, empty_stranger, below, link_to_journal, other_name, pipe])
def test_what_is_no_journal_of_this_folder_is_left_alone(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder)
    before = left(folder)
    assert pruned(folder, force=True) == []
    assert left(folder) == before
    outside = folder.parent / "outside.jsonl"
    assert outside.exists() == (make is link_to_journal)


def test_a_session_that_died_before_its_first_line_leaves_nothing_behind(folder: Path) -> None:
    (folder / "m-0123456789abcdef.jsonl").touch()
    (folder / "l-0123456789abcdef.jsonl").write_text('{"schema":1,"sess')
    for path in folder.iterdir():
        old(path)
    assert [act.done for act in pruned(folder)] == [Done.DELETED, Done.DELETED]


def test_what_is_not_delivered_stays_unless_forced_and_goes_with_its_cursor(folder: Path) -> None:
    journal = made_journal(folder / "a.jsonl")
    cursor = cursor_of(folder, journal)
    old(journal)
    (act,) = pruned(folder)
    assert (act.done, journal.exists(), cursor.exists()) == (Done.KEPT, True, True)
    assert act.why.startswith("not all of it is delivered to mqtt")
    assert pruned(folder, force=True, dry=True)[0].done is Done.DELETED
    assert (journal.exists(), cursor.exists()) == (True, True)
    (act,) = pruned(folder, force=True)
    assert (act.done, act.why, journal.exists(), cursor.exists()) == (
        *(Done.DELETED, "undelivered to mqtt"),
        *(False, False),
    )


def test_what_is_being_delivered_stays_even_when_forced(folder: Path) -> None:
    journal = made_journal(folder / "a.jsonl")
    cursor = Cursor.open(cursor_of(folder, journal))
    assert cursor is not None
    old(journal)
    assert [act.done for act in pruned(folder, force=True)] == [Done.KEPT]
    assert journal.exists()
    cursor.close()


def test_what_others_could_read_they_cannot_any_more(folder: Path) -> None:
    journal = made_journal(folder / "a.jsonl")
    cursor = cursor_of(folder, journal)
    for path, mode in ((journal, 0o644), (folder, 0o755), (cursor, 0o640), (cursor.parent, 0o711)):
        path.chmod(mode)
    pruning = Pruning(folder, before_s=0.0, root=folder.parent / "outbox")
    mended = {act.path: act.why for act in pruning.mend()}
    assert mended[journal] == "mode 0644 to 0600"
    assert set(mended) == {journal, folder, cursor, cursor.parent}
    assert [stat.S_IMODE(path.stat().st_mode) for path in mended] == [
        0o700 if path.is_dir() else 0o600 for path in mended
    ]
    assert list(pruning.mend()) == []


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual folder of journals, in a home of its own, with an old and a new one in it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    usual = default_path("any").parent
    for name, written_s in (("old", OLD_S), ("new", NEW_S)):
        old(made_journal(usual / f"{name}.jsonl"), written_s)
    return usual


@pytest.mark.parametrize(
    ("keep", "stay"), [(None, ["new.jsonl", "old.jsonl"]), ("30d", ["new.jsonl"]), ("1m", []), ("9000w", None)]
)
def test_a_session_deletes_at_its_beginning_what_is_older_than_the_settings_allow(
    usual: Path, keep: str | None, stay: list[str] | None
) -> None:
    retain(JournalSettings(keep=keep), NOW)
    assert left(usual) == (["new.jsonl", "old.jsonl"] if stay is None else stay)


def test_a_session_does_not_fail_by_what_cannot_be_deleted(usual: Path, caplog: pytest.LogCaptureFixture) -> None:
    cursor = Cursor.begin(usual.parent / "outbox" / "mqtt", "s", "interview", usual / "old.jsonl")
    assert cursor is not None
    cursor.close()
    retain(JournalSettings(keep="30d"), NOW)
    assert left(usual) == ["new.jsonl", "old.jsonl"]
    assert "journal.keep=30d: kept" in caplog.text
    assert "not all of it is delivered to mqtt" in caplog.text


def test_without_a_folder_there_is_nothing_to_delete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "none"))
    retain(JournalSettings(keep="1m"), NOW)


def test_how_long_journals_stay_is_no_part_of_a_sessions_name() -> None:
    kept = Settings(journal=JournalSettings(keep="30d"))
    assert session_digest(kept, "off") == session_digest(Settings(), "off")


@pytest.mark.parametrize("keep", ["30", "a week", "0d"])
def test_a_setting_that_is_no_age_is_refused_in_one_line(keep: str) -> None:
    with pytest.raises(ConfigError, match=r"journal.keep.*as in 90m, 12h, 30d, 2w"):
        load_settings(None, [f"journal.keep={keep}"], {})


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600), ("1d", 86_400)]
)
def test_ages_are_read(text: str, seconds: int) -> None:
    assert age_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "d", "0d", "-1d", "1.5d", "30 d", "30D", "30y", "\u0661d", "9999999d", "1d\n"]
)
def test_what_is_no_age_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(ConfigError, match="as in 90m, 12h, 30d, 2w"):
        age_s(text)


def test_what_a_torn_cursor_owes_is_kept_and_so_is_what_nobody_can_tell_of(folder: Path) -> None:
    names = ("l-0000000000000001", "l-0000000000000002")
    torn, unreadable = (old(made_journal(folder / f"{name}.jsonl", session=name)) for name in names)
    cursor = cursor_of(folder, torn)
    cursor.write_bytes(cursor.read_bytes()[:-9] + bytes(9))
    cursor_of(folder, unreadable).write_bytes(b"\x00" * 40)
    assert [(act.done, act.path) for act in pruned(folder)] == [(Done.KEPT, torn), (Done.KEPT, unreadable)]
    assert left(folder) == [torn.name, unreadable.name]
    pruned(folder, force=True)
    assert left(folder) == []


def test_one_that_cannot_be_deleted_keeps_no_other_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"l-000000000000000{number}" for number in range(3)]
    paths = [old(made_journal(folder / f"{name}.jsonl", session=name)) for name in names]
    opened = os.open

    def denied(path: Path, *flags: int) -> int:
        if path == paths[1]:
            raise PermissionError(13, "Permission denied")
        return opened(path, *flags)

    monkeypatch.setattr(os, "open", denied)
    acts = pruned(folder)
    assert [act.done for act in acts] == [Done.DELETED, Done.FAILED, Done.DELETED]
    assert acts[1].why == "Permission denied: check the path and its permissions"
    assert left(folder) == [paths[1].name]


def test_a_foreign_file_without_a_line_end_is_no_torn_journal(folder: Path) -> None:
    foreign = folder / "foreign.jsonl"
    foreign.write_text('{"schema":"https://example.org/x","rows":[1,2,3]}')
    torn = folder / "torn.jsonl"
    torn.write_text('{"schema":1,"session":"m-1","seq":1,"ki')
    for path in (foreign, torn):
        old(path)
    pruned(folder)
    assert left(folder) == ["foreign.jsonl"]
