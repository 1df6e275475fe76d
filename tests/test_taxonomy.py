from __future__ import annotations

import csv
from pathlib import Path

import pytest

from buffers.records import Group
from configs.errors import ConfigError
from configs.taxonomy import Certainty, Direction, Strength, read_taxonomy, taxonomy

pytestmark = pytest.mark.unit

CLASS = """classes:
  N7:
    name: Touching face
    imigue: C8
    group: head
    category: self-manipulation
    certainty: inferred
    grade: A
    clips: 12
    median_s: 2.0
    cue:
      direction: negative
      strength: weak
      basis: a study
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_class_from_n0_to_n34_is_there_once() -> None:
    assert [one.id for one in taxonomy().classes] == [f"N{i}" for i in range(35)]


def test_ids_categories_and_grades_are_those_of_the_research_table(media_dir: Path) -> None:
    categories = {"manipulation of objects": "object-manipulation", "": "unknown"}
    certainties = {"inf": "inferred"}
    with (media_dir / "nfbl" / "taxonomy.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found = taxonomy().find(row["n_id"])
            assert found is not None
            assert found.category == categories.get(row["category"], row["category"])
            assert found.certainty == certainties.get(row["category_source"], row["category_source"])
            assert found.grade == (row["grade"] or "unknown")
            assert (found.imigue or "") == row["imigue_c_id"].rstrip("?")


def test_imigues_number_is_one_more_than_ealds() -> None:
    for one in taxonomy().classes:
        assert one.imigue is None or int(one.imigue[1:]) == int(one.id[1:]) + 1


def test_counts_of_clips_add_up_to_imigues_and_base_rates_to_its_rate() -> None:
    assert sum(one.clips or 0 for one in taxonomy().classes) == 18_419
    assert sum(one.per_min or 0.0 for one in taxonomy().classes) == pytest.approx(8.8)


def test_groups_are_those_of_the_events() -> None:
    assert {one.group for one in taxonomy().classes} == {group.value for group in Group}


def test_what_is_unknown_stays_unknown_and_never_counts() -> None:
    for class_id in ("N31", "N32", "N33"):
        found = taxonomy().find(class_id)
        assert found is not None
        assert found.certainty is Certainty.UNKNOWN
        assert found.group == "illustrative"
        assert found.cue.strength.weight == 0.0


def test_a_cue_has_a_direction_exactly_when_it_has_a_strength_and_always_a_basis() -> None:
    for one in taxonomy().classes:
        assert (one.cue.direction is Direction.NONE) == (one.cue.strength is Strength.NONE)
        assert one.cue.basis


@pytest.mark.parametrize(
    "label", ["N7", "n7", " N7 ", "C8", "Touching or scratching facial parts", "touching or  scratching FACIAL-PARTS"]
)
def test_a_class_is_found_by_id_number_or_name_however_it_is_spelt(label: str) -> None:
    found = taxonomy().find(label)
    assert found is not None
    assert found.id == "N7"


def test_a_class_is_found_by_another_name_of_the_literature() -> None:
    found = taxonomy().find("Minaret gesture")
    assert found is not None
    assert found.id == "N24"


@pytest.mark.parametrize("label", ["", "7", "N07", "N35", "C33", "touching", "face", "Touching or scratching", "?!"])
def test_what_is_not_exactly_a_label_is_not_guessed(label: str) -> None:
    assert taxonomy().find(label) is None


def test_a_persons_own_taxonomy_can_be_read(tmp_path: Path) -> None:
    (found,) = read_taxonomy(written(tmp_path, CLASS)).classes
    assert (found.name, found.cue.strength.weight) == ("Touching face", 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLASS.replace("group: head", "group: nose"), r"mine.yaml:5: N7.group: "),
        (CLASS.replace("clips: 12", "clips: -1"), r"mine.yaml:9: N7.clips: "),
        (CLASS.replace("clips: 12", "colour: red"), r"mine.yaml:9: N7.colour: "),
        (CLASS.replace("strength: weak", "strength: huge"), r"mine.yaml:13: N7.cue.strength: "),
        (CLASS.replace("    name: Touching face\n", ""), r"mine.yaml:3: N7.name: "),
        (CLASS.replace("N7:", "face:"), r"mine.yaml:3: face.id: "),
        (CLASS.replace("classes:", "kinds:"), r"mine.yaml:3: kinds.N7.name is no field"),
        (CLASS + CLASS.replace("classes:\n", "").replace("N7", "N8"), r"mine.yaml:16: N8 and N7 share the label 'C8'"),
        ("classes: [", r"mine.yaml:1: "),
        ("", r"mine.yaml:1: holds no classes"),
    ],
)
def test_a_wrong_taxonomy_is_refused_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_taxonomy(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_taxonomy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_taxonomy(tmp_path / "none.yaml")
