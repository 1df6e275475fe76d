"""Whole audits of real clips with known masks and the faults of other tools, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from buffers.records import Box
from configs.errors import ConfigError
from configs.settings import MaskStyle
from streams.audit import page, report
from streams.audit.faces.hidden import hidden, share_hidden
from streams.audit.pairs import Pairs
from streams.audit.plan import AuditPlan, AuditReport, Verdict
from streams.audit.run import audit
from tests.made_audit import Made, annotation, head, masked

pytestmark = pytest.mark.media

CLIP = "video/liveportrait_d3.mp4"
BOXES = "annotations/liveportrait_d3.json"
LAST = 17
SHOT = range(20, 82)
"""The hard shot's frames, counted from 0 in files that begin with it."""

QUALITIES = (
    ("libx264", {"preset": "veryfast", "crf": "18"}),
    ("libx264", {"preset": "veryfast", "crf": "34"}),
    ("mpeg4", {"b": "400000"}),
)


@pytest.fixture
def boxes(media_dir: Path) -> dict[int, tuple[Box, ...]]:
    return annotation(media_dir / BOXES)


@pytest.fixture
def heads(boxes: dict[int, tuple[Box, ...]]) -> dict[int, tuple[Box, ...]]:
    return {index: tuple(map(head, faces)) for index, faces in boxes.items()}


@pytest.fixture
def original(media_dir: Path, tmp_path: Path) -> Path:
    """The first frames of the clip, with its sound."""
    made = Made(options={"crf": "12"}, keep_sound=True)
    return masked(media_dir / CLIP, tmp_path / "original.mkv", {}, made, last=LAST)


def audited(original: Path, output: Path, boxes: dict[int, tuple[Box, ...]] | None = None) -> AuditReport:
    annotations = None
    if boxes is not None:
        drawn = {str(index): [[box.x0, box.y0, box.x1, box.y1] for box in boxes[index]] for index in range(LAST + 1)}
        annotations = original.with_name("boxes.json")
        annotations.write_text(json.dumps({"boxes": drawn}))
    return audit(AuditPlan(original, output, boxes=annotations, every=9))


@pytest.mark.parametrize("style", list(MaskStyle))
@pytest.mark.parametrize("quality", QUALITIES, ids=lambda quality: f"{quality[0]}-{list(quality[1].values())[-1]}")
def test_masked_faces_are_told_from_plain_ones_at_every_quality(
    media_dir: Path, tmp_path: Path, quality: tuple[str, dict[str, str]], style: MaskStyle
) -> None:
    clip = media_dir / "video" / "facerec_short_hamilton_clip.mp4"
    boxes = annotation(media_dir / "annotations" / "hamilton_shot2_foreground.json")
    heads = {index: tuple(map(head, faces)) for index, faces in boxes.items()}
    original = masked(clip, tmp_path / "a.mkv", {}, Made(options={"crf": "12"}), first=SHOT[0], last=SHOT[0] + 23)
    plain = frozenset(range(SHOT[0] + 8, SHOT[0] + 16))
    made = Made(style=style, codec=quality[0], options=quality[1], plain=plain)
    output = masked(clip, tmp_path / "b.mkv", heads, made, first=SHOT[0], last=SHOT[0] + 23)
    pairs = Pairs(original, output)
    for pair in pairs:
        share = share_hidden(hidden(pair.source.picture, pair.output.picture), boxes[SHOT[0] + pair.source.index][0])
        if SHOT[0] + pair.source.index in plain:
            assert share < 0.5
        else:
            assert share >= 0.85
    pairs.close()


def test_a_well_masked_file_passes(
    media_dir: Path,
    tmp_path: Path,
    original: Path,
    boxes: dict[int, tuple[Box, ...]],
    heads: dict[int, tuple[Box, ...]],
) -> None:
    output = masked(media_dir / CLIP, tmp_path / "b.mkv", heads, Made(), last=LAST)
    found = audited(original, output, boxes)
    assert found.verdict is Verdict.PASSED
    assert report.table(found).endswith(f"PASSED: 0 of {LAST + 1} annotated frames leak")
    assert found.pictures is not None
    assert found.pictures.hidden_share == pytest.approx(0.89, abs=0.08)


def test_frames_let_through_are_counted_and_shown_without_their_faces(
    media_dir: Path,
    tmp_path: Path,
    original: Path,
    boxes: dict[int, tuple[Box, ...]],
    heads: dict[int, tuple[Box, ...]],
) -> None:
    made = Made(plain=frozenset({3, 4, 5, 11}))
    found = audited(original, masked(media_dir / CLIP, tmp_path / "b.mkv", heads, made, last=LAST), boxes)
    assert found.pictures is not None
    assert found.pictures.leaks is not None
    assert (found.pictures.leaks[0].leak_frames, found.pictures.leaks[0].longest_run_frames) == (4, 3)
    assert not found.passed
    told = report.table(found)
    assert "FAILED: 4 of 18 annotated frames leak, longest run 3" in told
    assert max(map(len, told.splitlines())) <= report.WIDTH
    answer = json.loads(report.as_json(found))
    assert (answer["passed"], answer["pictures"]["leaks"][0]["leak_frames"]) == (False, 4)
    html = page.html(found)
    assert "<script" not in html
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in html
    assert html.count("data:image/jpeg") == len(found.doubts) >= 4


def test_without_annotations_the_references_find_what_was_let_through(
    media_dir: Path, tmp_path: Path, original: Path, heads: dict[int, tuple[Box, ...]]
) -> None:
    made = Made(plain=frozenset({13}))
    found = audited(original, masked(media_dir / CLIP, tmp_path / "b.mkv", heads, made, last=LAST))
    assert found.pictures is not None
    assert found.pictures.looked.sudden >= 1
    assert found.verdict is Verdict.FAILED
    assert "less than half hidden" in report.table(found)


def test_an_unmasked_frame_in_between_is_found(
    media_dir: Path,
    tmp_path: Path,
    original: Path,
    boxes: dict[int, tuple[Box, ...]],
    heads: dict[int, tuple[Box, ...]],
) -> None:
    made = Made(doubled=frozenset({7}))
    found = audited(original, masked(media_dir / CLIP, tmp_path / "b.mkv", heads, made, last=LAST), boxes)
    assert found.pictures is not None
    assert found.pictures.leaks is not None
    assert found.pictures.leaks[0].leak_frames == 1
    assert (found.pictures.timing.extra_frames, found.pictures.timing.missing_frames) == (1, 0)


def test_a_dropped_frame_copied_sound_and_kept_tags_are_found(media_dir: Path, tmp_path: Path) -> None:
    clip = media_dir / "video" / "vretalk_face4.mp4"
    original = masked(clip, tmp_path / "a.mkv", {}, Made(keep_sound=True), last=LAST)
    made = Made(dropped=frozenset({5}), keep_sound=True, tags={"title": "at home"})
    output = masked(clip, tmp_path / "b.mkv", {}, made, last=LAST)
    found = audited(original, output)
    assert found.pictures is not None
    assert (found.pictures.timing.missing_frames, found.pictures.timing.extra_frames) == (1, 0)
    assert found.container.copied_sound
    assert found.voice is not None
    assert found.voice.original_voice
    assert [tag.lower() for tag in found.container.tags] == ["file: title"]
    assert len(found.failures) >= 4


def test_the_products_own_list_is_no_annotation(original: Path, tmp_path: Path) -> None:
    trail = tmp_path / "boxes.jsonl"
    trail.write_text('{"frame": 0, "masks": []}\n{"frame": 1, "masks": []}\n')
    with pytest.raises(ConfigError, match="draw"):
        audit(AuditPlan(original, original, boxes=trail))
