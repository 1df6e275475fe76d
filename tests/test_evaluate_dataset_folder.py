"""Dataset folders as people make them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from monitor.evaluate.dataset.folder import Dataset, read_dataset

pytestmark = pytest.mark.unit


def dataset(tmp_path: Path, labels: str | bytes, *videos: str, **files: str) -> Path:
    """A folder with these labels, empty videos, and other files by path (`/` written as `__`)."""
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "labels.csv").write_bytes(labels if isinstance(labels, bytes) else labels.encode())
    for name in videos:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"video")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def read(tmp_path: Path, labels: str | bytes, *videos: str, protocol: str = "full", **files: str) -> Dataset:
    return read_dataset(dataset(tmp_path, labels, *videos, **files), protocol=protocol)


def ids(found: Dataset) -> list[str]:
    return [video.id for video in found.videos]


def test_videos_lie_anywhere_and_keep_the_order_of_the_labels(tmp_path: Path) -> None:
    found = read(tmp_path, "video,label\nb.mp4,win\na.mp4,lose\n", "videos/a.mp4", "deep/er/b.mp4")
    assert [(video.id, video.name, video.positive) for video in found.videos] == [
        ("b.mp4", "b.mp4", True),
        ("a.mp4", "a.mp4", False),
    ]
    assert found.name == "made"
    assert "'win' is read as positive, 'lose' as negative" in found.notices[0]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffvideo,label\r\na.mp4,Positive\r\nb.mp4,NEGATIVE\r\n",
        'label,note,video\n"positive","he said ""no"", twice",a.mp4\nnegative,,b.mp4\n',
        "Video , LABEL\n\n a.mp4 ,1\nb.mp4,0\n\n",
    ],
)
def test_marks_line_ends_quotes_blanks_and_other_columns_are_read_as_they_are_meant(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text, "a.mp4", "b.mp4")
    assert [video.positive for video in found.videos] == [True, False]


def test_a_video_may_be_named_by_stem_or_by_its_path(tmp_path: Path) -> None:
    found = read(tmp_path, "video,label\na,1\nx/b.mp4,0\ny/b.mp4,1\n", "a.mp4", "x/b.mp4", "y/b.mp4")
    assert [video.path.parent.name for video in found.videos] == ["made", "x", "y"]
    assert ids(found) == ["a", "x/b.mp4", "y/b.mp4"]


def test_annotations_belong_to_the_video_of_their_stem(tmp_path: Path) -> None:
    found = read(tmp_path, "video,label\na.mp4,1\nb.mp4,0\n", "a.mp4", "b.mp4", nfbl__a_DOT_eaf="<x/>")
    assert [None if video.nfbl is None else video.nfbl.name for video in found.videos] == ["a.eaf", None]
    assert any("1 of 2 videos have no file in nfbl/" in notice for notice in found.notices)


ROWS = "video,label,id,split\na.mp4,1,0,part\nb.mp4,0,1,rest\nc.mp4,1,2,part\n"
THREE = ("a.mp4", "b.mp4", "c.mp4")


def test_a_protocol_is_a_list_of_ids_or_names(tmp_path: Path) -> None:
    folder = dataset(tmp_path, ROWS, *THREE, splits__part_DOT_txt="# the published ids\nc.mp4\n\n 1 \n")
    assert ids(read_dataset(folder, protocol="part")) == ["1", "2"]
    assert ids(read_dataset(folder, protocol=str(folder / "splits" / "part.txt"))) == ["1", "2"]


def test_a_protocol_may_be_a_column(tmp_path: Path) -> None:
    assert ids(read(tmp_path, ROWS, *THREE, protocol="part")) == ["0", "2"]


def test_what_a_protocol_leaves_out_need_not_be_there(tmp_path: Path) -> None:
    assert ids(read(tmp_path, ROWS, "a.mp4", "c.mp4", protocol="part")) == ["0", "2"]


def test_ids_of_a_protocol_that_is_not_there_are_never_invented(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "video,label\na.mp4,1\n", "a.mp4", protocol="part")
    said = str(caught.value)
    assert "splits/part.txt" in said
    assert "column split" in said
    assert "not part of this program" in said


def test_the_results_of_an_earlier_evaluation_are_no_videos(tmp_path: Path) -> None:
    folder = dataset(tmp_path, "video,label\na.mp4,1\n", "a.mp4", "out/a.mp4")
    assert len(read_dataset(folder, leave_out=folder / "out").videos) == 1
    with pytest.raises(ConfigError, match=r"may be a\.mp4 or out/a\.mp4"):
        read_dataset(folder)


def test_a_limit_is_told(tmp_path: Path) -> None:
    folder = dataset(tmp_path, ROWS, *THREE)
    found = read_dataset(folder, limit=2)
    assert ids(found) == ["0", "1"]
    assert any("only the first 2 of 3" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "labels.csv: is empty"),
        ("video,label\n", "holds no labels"),
        ("file,label\na.mp4,1\n", "labels.csv:1: no column video"),
        ("video,label,video\na.mp4,1,b\n", "the column video is there twice"),
        ("video,label\na.mp4\n", "labels.csv:2: has 1 columns"),
        ("video,label\n,1\n", "labels.csv:2: names no video"),
        ("video,label\na.mp4,happy\n", "labels.csv:2: label is 'happy', expected one of positive/negative, win/lose"),
        ("video,label\na.mp4,\n", "label is ''"),
        ("video,label\na.mp4,1\nb.mp4,lose\n", "labels.csv:3: label is 'lose', but line 2 says '1'"),
        ("video,label\na.mp4,1\na.mp4,0\n", "labels.csv:3: a.mp4 is labelled twice, first in line 2"),
        ("video,label\na.mp4,1\na,0\n", "are the same file a.mp4"),
        ("video,label,id\na.mp4,1,7\nb.mp4,0,7\n", "labels.csv:3: the id 7 is there twice"),
        ("video,label\nnone.mp4,1\n", "labels.csv:2: none.mp4: no such recording"),
        ("video,label\nx/a.mp4,1\n", "labels.csv:2: x/a.mp4: no such recording"),
        ("video,label\n../a.mp4,1\n", "leaves the dataset"),
        ("video,label\n/etc/passwd,1\n", "leaves the dataset"),
        ("video,label\ntwo.mp4,1\n", "labels.csv:2: two.mp4 may be x/two.mp4 or y/two.mp4"),
        ('video,label\n"a.mp4,1\n', "not readable as CSV"),
        (b"video,label\n\xff.mp4,1\n", "labels.csv:2: is not UTF-8 text"),
        (b"video,label\na.mp4\x00,1\n", "holds a zero byte"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_that_names_the_place(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, "a.mp4", "b.mp4", "x/two.mp4", "y/two.mp4")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "part.txt: names no video"),
        ("9\n", "part.txt:1: 9 is not in labels.csv"),
        ("0\na.mp4\n", "part.txt:2: a.mp4 is there twice, first in line 1"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, ROWS, *THREE, protocol="part", splits__part_DOT_txt=text)


def test_two_annotations_of_one_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nfbl/a\.csv and nfbl/a\.eaf are both for a"):
        read(tmp_path, "video,label\na.mp4,1\n", "a.mp4", nfbl__a_DOT_csv="", nfbl__a_DOT_eaf="")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no folder; name the one that holds labels\.csv"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"labels\.csv cannot be read"):
        read_dataset(tmp_path)


@given(st.binary(max_size=300))
def test_no_labels_make_more_than_one_line_of_complaint(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "labels.csv").write_bytes(b"video,label,id\n" + raw)
    try:
        read_dataset(folder)
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017 - an error is one of two good ends
        assert str(error).isprintable()  # noqa: PT017 - the same
