"""The audit trail says of every frame what was masked, is whole or absent, and is read back as it was."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box, CleanFrame, MaskedBox, MaskOrigin, MaskState
from configs.errors import RecordingError
from streams.recording.boxes import BoxTrail, read_boxes
from tests.made_clean import clean_frame

pytestmark = pytest.mark.unit

FOUND = MaskedBox(Box(-3.25, 10.0, 40.5, 60.0), MaskOrigin.DETECTED, 4, 0.875)
CARRIED = MaskedBox(Box(1.0, 2.0, 3.0, 4.0), MaskOrigin.LOOK_BACK, 5, 0.25)
WHOLE = MaskedBox(Box(0.0, 0.0, 64.0, 48.0), MaskOrigin.WHOLE_FRAME)


def trail(path: Path, *frames: CleanFrame) -> Path:
    writer = BoxTrail(path, settings_digest="d" * 8)
    for frame in frames:
        writer.frame(frame)
    writer.finish()
    return path


def three_frames() -> list[CleanFrame]:
    picture = Picture.blank(64, 48)
    return [
        clean_frame(0.0, picture, index=0, state=MaskState.MASKED, masked=(FOUND, CARRIED)),
        clean_frame(0.04, picture, index=1, state=MaskState.WHOLE_FRAME, masked=(WHOLE,)),
        clean_frame(0.12, picture, index=3),
    ]


def damaged(path: Path, line: int, **fields: object) -> Path:
    """Change fields of one line, counted from 1."""
    lines = path.read_text().splitlines()
    lines[line - 1] = json.dumps(json.loads(lines[line - 1]) | fields)
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_trail_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    boxes = read_boxes(trail(tmp_path / "a.jsonl", *three_frames()))
    assert boxes.header.settings_digest == "dddddddd"
    assert boxes.header.tool.startswith("emotion-monitor ")
    assert [(frame.index, frame.t_s, frame.state) for frame in boxes.frames] == [
        (0, 0.0, MaskState.MASKED),
        (1, 0.04, MaskState.WHOLE_FRAME),
        (3, 0.12, MaskState.CLEAR),
    ]
    assert [frame.masks for frame in boxes.frames] == [(FOUND, CARRIED), (WHOLE,), ()]
    assert {(frame.width_px, frame.height_px) for frame in boxes.frames} == {(64, 48)}


def test_lines_have_the_fields_that_are_documented(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in trail(tmp_path / "a.jsonl", *three_frames()).read_text().splitlines()]
    assert list(lines[0]) == ["schema", "tool", "settings_digest"]
    assert lines[0]["schema"] == 1
    assert lines[1] == {
        "index": 0,
        "t_s": 0.0,
        "state": "masked",
        "width_px": 64,
        "height_px": 48,
        "masks": [
            {"box": [-3.25, 10.0, 40.5, 60.0], "origin": "detected", "track": 4, "score": 0.875},
            {"box": [1.0, 2.0, 3.0, 4.0], "origin": "look-back", "track": 5, "score": 0.25},
        ],
    }
    assert lines[2]["masks"] == [{"box": [0.0, 0.0, 64.0, 48.0], "origin": "whole-frame", "track": None, "score": None}]


@given(
    st.lists(
        st.tuples(
            st.floats(-100, 5000),
            st.floats(-100, 5000),
            st.sampled_from(list(MaskOrigin)),
            st.none() | st.integers(0, 9999),
            st.none() | st.floats(0, 1),
        ),
        max_size=200,
    )
)
def test_any_boxes_survive_to_a_hundredth_of_a_pixel(
    masks: list[tuple[float, float, MaskOrigin, int | None, float | None]],
) -> None:
    masked = tuple(MaskedBox(Box(x, y, x + 7, y + 9), origin, track, score) for x, y, origin, track, score in masks)
    frame = clean_frame(1.0, Picture.blank(8, 8), state=MaskState.MASKED, masked=masked)
    with tempfile.TemporaryDirectory() as folder:
        (back,) = read_boxes(trail(Path(folder) / "a.jsonl", frame)).frames
    assert [(mask.origin, mask.track) for mask in back.masks] == [(mask.origin, mask.track) for mask in masked]
    for read, wrote in zip(back.masks, masked, strict=True):
        assert (read.box.x0, read.box.y1) == pytest.approx((wrote.box.x0, wrote.box.y1), abs=0.0051)
        assert read.score == (wrote.score if wrote.score is None else pytest.approx(wrote.score, abs=1e-4))


def test_a_recording_without_frames_has_a_trail_too(tmp_path: Path) -> None:
    assert read_boxes(trail(tmp_path / "a.jsonl")).frames == ()


def test_the_name_appears_with_the_whole_trail_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writer = BoxTrail(path, settings_digest="d")
    writer.frame(three_frames()[0])
    assert not path.exists()
    writer.abandon()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []
    finished = BoxTrail(path, settings_digest="d")
    finished.finish()
    finished.abandon()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_folder_that_is_absent_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.jsonl: cannot be written .*; make its folder first$"):
        BoxTrail(tmp_path / "absent" / "a.jsonl", settings_digest="d")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"state": "unheard"}, "line 3 is damaged (state: "),
        ({"index": -1}, "line 3 is damaged (index: "),
        ({"masks": [{"box": [0, 1, 2], "origin": "held", "track": 1, "score": 1}]}, "line 3 is damaged (masks.0.box.3"),
        ({"masks": [{"box": [0, 1, 2, 3], "origin": "held", "track": 1, "score": 7}]}, "(masks.0.score: "),
        ({"name": "Jo"}, "line 3 is damaged (name: "),
    ],
)
def test_a_damaged_line_is_told_by_its_number(tmp_path: Path, fields: dict[str, object], said: str) -> None:
    path = damaged(trail(tmp_path / "a.jsonl", *three_frames()), 3, **fields)
    with pytest.raises(RecordingError) as refused:
        read_boxes(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith("a.jsonl: ")
    assert str(refused.value).endswith("; write it again with deidentify --boxes")
    assert "\n" not in str(refused.value)


def test_a_torn_last_line_is_damage(tmp_path: Path) -> None:
    path = trail(tmp_path / "a.jsonl", *three_frames())
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordingError, match="line 4 is damaged"):
        read_boxes(path)


@pytest.mark.parametrize("content", ["", "{}\n", "no json\n", "[1]\n", '{"schema":"1"}\n', "\x00\xff"])
def test_what_is_no_trail_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(RecordingError) as refused:
        read_boxes(path)
    assert "deidentify --boxes" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_versions_trail_is_refused(tmp_path: Path) -> None:
    path = damaged(trail(tmp_path / "a.jsonl", *three_frames()), 1, schema=2)
    with pytest.raises(RecordingError, match=r"^a\.jsonl: has schema 2, this version reads 1; "):
        read_boxes(path)


def test_a_missing_trail_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"^a\.jsonl: cannot be read \(no such file or directory\); check"):
        read_boxes(tmp_path / "a.jsonl")
