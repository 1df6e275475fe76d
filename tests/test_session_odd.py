"""The odd files again, from the command line to the journal: one line and the right code, or a whole session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

import cli
from buffers.picture import Picture
from configs.settings import DetectorName
from streams.deidentify.detectors import DETECTORS, Detection, FaceDetector
from tests.sessions import kinds, lines
from tests.test_sources_odd import CASES, Plays, Refused

pytestmark = pytest.mark.media


class NobodyThere:
    """A detector that is quick and finds nobody: these tests are about files."""

    name = "nobody"

    def detect(self, picture: Picture) -> list[Detection]:
        return []

    def close(self) -> None:
        return


@pytest.mark.parametrize(("name", "build", "expected"), CASES.values(), ids=CASES.keys())
def test_an_odd_file_ends_in_one_line_or_in_a_whole_session(
    name: str,
    build: Callable[[Path], Path],
    expected: Refused | Plays,
    models: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    detectors = cast(dict[DetectorName, Callable[[], FaceDetector]], DETECTORS)
    monkeypatch.setitem(detectors, DetectorName.CENTERFACE, NobodyThere)
    path, journal = build(tmp_path / name), tmp_path / "j.jsonl"
    code = cli.main(["replay", str(path), "--speed", "max", "--ui", "none", "--journal", str(journal)])
    told = capsys.readouterr()
    assert told.out == ""
    if isinstance(expected, Refused):
        assert code == expected.error.exit_code
        assert expected.words in told.err
        assert len(told.err.splitlines()) == 1
        assert not journal.exists()
        return
    assert code == 0
    assert told.err == ""
    records = lines(journal)
    assert kinds(records)[0] == "session"
    assert kinds(records)[-1] == "end"
    assert expected.notice is None or any(expected.notice in notice for notice in records[-1]["notices"])
