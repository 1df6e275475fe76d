"""Writes docs/nfbl-classes.md from the taxonomy and the rules' thresholds.

`python -m configs.nfbl_reference > docs/nfbl-classes.md` renews the page; a test holds the committed one against it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from configs.rules import Rules, rules
from configs.section import Section
from configs.taxonomy import Category, Grade, NfblClass, Strength, taxonomy
from configs.yamlfile import read_entries

GROUPS: Final = ("head", "arms", "hands", "posture", "illustrative")
"""Regions in the order in which they can be trusted."""

SEEN_BY: Final[Mapping[str, str]] = {
    "N3": "fingers above the forehead, or at the hair of the temple",
    "N4": "fingers on the forehead",
    "N5": "palm and most fingers of a hand on the face, or both hands; the face mesh is often lost behind them",
    "N6": "fingers at an eye; surer while they rub",
    "N7": "fingers at cheek or mouth",
    "N8": "fingers just beside the face, at the height of the ear",
    "N9": "fingers at the lips: never more than a runner-up",
    "N10": "fingers at the jaw or under the chin",
    "N11": "fingers between chin and collar",
    "N12": "fingers beside the head or the face, in long hair",
    "N13": "both hands rest at the collar",
    "N14": "an open hand rests at the notch between the collar bones",
    "N16": "each wrist near the other arm's elbow, forearms crossed",
    "N17": "as N14: never more than a runner-up",
    "N19": "the middle between the shoulders moves quickly to the side",
    "N21": "a hand on the other arm",
    "N22": "the hands touch each other",
    "N23": "as N22, still, the tips of one hand at the knuckles of the other",
    "N24": "fingertips meet, palms apart",
    "N27": "the head is pitched up against its own usual",
    "N29": "a wrist at a hip that is in the picture, the elbow out",
    "N30": "both shoulders rise against their own past while somebody speaks, and the head does not fall",
    "N31": "a free hand moves while somebody speaks",
    "N34": "fingers at the nose",
}
"""What the rules look for, in words. Classes that are not listed have no rule."""

GRADES: Final = {
    Grade.A: "a rule finds the region well",
    Grade.B: "a rule exists, classes are confused",
    Grade.C: "landmarks hardly show it",
    Grade.X: "not visible to landmarks: never reported by rules",
    Grade.UNKNOWN: "nobody knows what the class is",
}

_HEAD: Final = """\
# Classes of body language

<!-- Generated: edit configs/nfbl.yaml or configs/nfbl_reference.py, then
`python -m configs.nfbl_reference > docs/nfbl-classes.md`. -->

What the [detector](nfbl.md) looks for, how well it can be seen, and with which thresholds. Ids are EALD's; iMiGUE's `C`
is one more. `usual` is the class's rate in press conferences (events per minute, from 18,419 labelled clips of iMiGUE),
`length` its median. `evidence` is what a judge may at most read into a rate above the person's own.

Grades:

{grades}
"""

_THRESHOLDS: Final = """\
## Thresholds

Set in `configs/nfbl.yaml`, each with its reason; fitted to no data set. H is a face height (forehead top to chin), SW a
shoulder width.
"""


def markdown() -> str:
    """The whole page, ending in a line end."""
    grades = "\n".join(f"- **{grade}**: {meaning}" for grade, meaning in GRADES.items())
    tables = [_group(group, [one for one in taxonomy().classes if one.group == group]) for group in GROUPS]
    return "\n".join([_HEAD.format(grades=grades), *tables, _THRESHOLDS, *_sections()])


def _group(group: str, classes: list[NfblClass]) -> str:
    rows = "\n".join(map(_class, classes))
    head = "| id | class | category | grade | what the rules look for | usual | length | evidence |"
    return f"## {group.capitalize()}\n\n{head}\n|---|---|---|---|---|---|---|---|\n{rows}\n"


def _class(one: NfblClass) -> str:
    seen_by = SEEN_BY.get(one.id, "-")
    usual = "-" if one.per_min is None else f"{one.per_min:.2f}" if one.per_min >= 0.01 else "below 0.01"
    length = "-" if one.median_s is None else f"{one.median_s:g} s"
    strength = one.cue.strength
    evidence = "none" if strength is Strength.NONE else f"{strength}, {one.cue.direction}"
    category = "unknown" if one.category is Category.UNKNOWN else f"{one.category} ({one.certainty})"
    cells = (one.id, one.name, category, one.grade, seen_by, usual, length, evidence)
    return f"| {' | '.join(cells)} |"


def _sections() -> Iterator[str]:
    reasons = {
        entry.key.removeprefix("rules.").removesuffix(".why"): str(entry.value)
        for entry in read_entries(Path(__file__).with_name("nfbl.yaml"), "nfbl.yaml")
        if entry.key.startswith("rules.") and entry.key.endswith(".why")
    }
    for name, field in Rules.model_fields.items():
        section = getattr(rules(), name)
        rows = "\n".join(
            _threshold(name, key, info, section, reasons) for key, info in type(section).model_fields.items()
        )
        yield f"### {name}: {_sentence(field)}\n\n| threshold | value | meaning | why |\n|---|---|---|---|\n{rows}\n"


def _sentence(field: FieldInfo) -> str:
    """What a section is about: the first line of its class."""
    section = field.annotation
    assert section is not None
    text = (section.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _threshold(name: str, key: str, info: FieldInfo, section: Section, reasons: Mapping[str, str]) -> str:
    meaning = " ".join((info.description or "").split())
    cells = (f"`{key}`", f"{getattr(section, key):g}", meaning, reasons[f"{name}.{key}"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
