"""Label files as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from monitor.evaluate.labels import LabelFile, read_labels

pytestmark = pytest.mark.unit

HEAD = "clip,class,start_s,end_s,side,certainty,alt,note\n"


def read(tmp_path: Path, text: str | bytes, **options: str) -> LabelFile:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(path, **options)


def test_a_row_says_what_was_seen(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + 'a.mp4,N7,2.44,3.90,right,0.9,N34|N9,"acted, fingers at the mouth"\n')
    (label,) = found.labels
    assert (label.clip, label.class_id, label.start_s, label.end_s) == ("a.mp4", "N7", 2.44, 3.9)
    assert (label.side, label.certainty, label.alternatives, label.line) == ("right", 0.9, ("N34", "N9"), 2)
    assert found.raters == ()


def test_only_four_columns_are_needed_in_any_order(tmp_path: Path) -> None:
    found = read(tmp_path, "end_s,start_s,Class,clip\n\n2,1,Touching jaw,a.mp4\n3,1.5,c8,a.mp4\n")
    assert [label.class_id for label in found.labels] == ["N10", "N7"]


def test_rows_may_overlap(tmp_path: Path) -> None:
    assert len(read(tmp_path, HEAD + "a,N7,1,3,,,,\na,N16,2,4,,,,\n").labels) == 2


def test_classes_that_nobody_knows_are_listed_and_never_guessed(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + "a,N7,1,3,,,N99,\na,touching jew,2,4,,,,\nb,N99,2,4,,,,\n")
    assert [label.class_id for label in found.labels] == ["N7"]
    (notice,) = found.notices
    assert "'N99' (2)" in notice
    assert "'touching jew' (1)" in notice
    assert found.clips == ("a", "b")


RATED = "clip,class,start_s,end_s,rater\na,N7,1,3,eva\na,N10,1,3,kim\nb,N7,1,3,eva\n"


def test_of_several_raters_one_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a has labels of several raters \(eva, kim\); choose by --rater"):
        read(tmp_path, RATED)
    assert [label.class_id for label in read(tmp_path, RATED, rater="kim").labels] == ["N10"]
    assert read(tmp_path, RATED, rater="eva").raters == ("eva",)
    with pytest.raises(ConfigError, match="no labels by rater 'joe'"):
        read(tmp_path, RATED, rater="joe")


def test_raters_may_share_the_clips_among_them(tmp_path: Path) -> None:
    text = "clip,class,start_s,end_s,rater\na,N7,1,3,eva\nb,N7,1,3,kim\n"
    assert read(tmp_path, text).raters == ("eva", "kim")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("clip,class,start_s\n", r":1: no column end_s"),
        ("clip,class,start_s,end_s,class\n", "twice"),
        (HEAD, "holds no labels"),
        (HEAD + "a,N99,1,2,,,,\n", r"no class of it is in the taxonomy \('N99' \(1\)\)"),
        (HEAD + "a,N7,2,1,,,,\n", r":2: end_s 1 is not after start_s 2"),
        (HEAD + "a,N7,2,2,,,,\n", "not after"),
        (HEAD + "a,N7,x,2,,,,\n", r":2: start_s is 'x'"),
        (HEAD + "a,N7,nan,2,,,,\n", "start_s is 'nan'"),
        (HEAD + "a,N7,-1,2,,,,\n", "start_s is '-1'"),
        (HEAD + ",N7,1,2,,,,\n", "names no clip"),
        (HEAD + "a,N7,1,2,up,,,\n", "side is 'up'"),
        (HEAD + "a,N7,1,2,,2,,\n", "certainty is 2"),
        (HEAD + "a,N7\n", "has 2 columns"),
        (HEAD + 'a,N7,1,2,,,"\n', "not readable as CSV"),
        ("\0", "zero byte"),
        (HEAD.encode() + b"\xff\n", r":2: is not UTF-8"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(text: str | bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv cannot be read"):
        read_labels(tmp_path / "none.csv")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: (HEAD + text).encode())))
def test_whatever_the_file_holds_there_is_an_answer_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    try:
        read(tmp_path_factory.mktemp("labels"), raw)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either way is right
