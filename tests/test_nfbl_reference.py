from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.nfbl_reference import SEEN_BY, markdown
from configs.rules import rules
from configs.taxonomy import Grade, taxonomy

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[1]


def test_the_committed_page_is_the_generated_one() -> None:
    committed = (REPOSITORY / "docs" / "nfbl-classes.md").read_text(encoding="utf-8")
    assert committed == markdown(), "run: python -m configs.nfbl_reference > docs/nfbl-classes.md"


def test_every_class_and_every_threshold_has_a_row() -> None:
    page = markdown()
    for one in taxonomy().classes:
        assert f"| {one.id} | {one.name} |" in page
    for section in rules().model_dump().values():
        for key, value in section.items():
            assert f"| `{key}` | {value:g} |" in page


def test_what_landmarks_cannot_show_has_no_rule() -> None:
    for one in taxonomy().classes:
        assert one.id not in SEEN_BY or one.grade is not Grade.X


def test_the_page_describes_the_rules_there_are() -> None:
    scorers = REPOSITORY / "streams" / "nfbl" / "scorers"
    reported = {found for path in scorers.glob("*.py") for found in re.findall(r'"(N\d+)"', path.read_text("utf-8"))}
    assert reported == set(SEEN_BY)
