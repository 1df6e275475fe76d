"""Writes docs/configuration.md from the settings' types and the shipped profiles.

`python -m configs.reference > docs/configuration.md` renews the page; a test holds the committed one against it.
"""

from __future__ import annotations

import sys
from typing import Final

from configs.keys import Key, SectionInfo, plain, sections
from configs.load import ENVIRONMENT_PREFIX, PROFILES, changes

_HEAD: Final = f"""\
# Configuration

<!-- Generated: edit configs/settings.py, then `python -m configs.reference > docs/configuration.md`. -->

Values come from four places; a later one wins:

1. the defaults below,
2. a profile: `--profile NAME` or `--profile PATH.yaml`,
3. the environment: `{ENVIRONMENT_PREFIX}SECTION__KEY=value`, for example `{ENVIRONMENT_PREFIX}FACES__MASK=mosaic`,
4. the command line: `--set section.key=value`, as often as needed.

`emotion-monitor config show` prints every effective value and where it came from; `config check` only checks.
Whatever is unknown, of the wrong type, out of range or contradictory stops the command with one line that names the
file and line (or the variable, or the option), the key, what was given and what is allowed.

A profile is YAML: sections with keys. `extends: NAME` (or a path beside the file) starts from another profile. Values
follow YAML 1.2: `true`/`false`, `null`, numbers, `[low, high]`; everything else is text, also `off` and `no`. A key
given twice, anchors, tags and files above 1 MB are refused.
"""


def markdown() -> str:
    """The whole page, ending in a line end."""
    profiles = "\n".join(_profile_row(name) for name in PROFILES)
    table = f"## Profiles\n\n| profile | sets |\n|---|---|\n{profiles}\n"
    return "\n".join([_HEAD, table, *(_section(section) for section in sections())])


def _profile_row(name: str) -> str:
    sets = ", ".join(f"`{key}: {plain(value)}`" for key, value in changes(name).items())
    return f"| `{name}` | {sets or 'nothing: the defaults'} |"


def _section(section: SectionInfo) -> str:
    rows = "\n".join(_row(key, key.name.removeprefix(f"{section.name}.")) for key in section.keys)
    title = f"## `{section.name}`" if section.name else "## Top level"
    return f"{title}\n\n{section.meaning}\n\n| key | allowed | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _row(key: Key, name: str) -> str:
    return " | ".join((f"| `{name}`", _cell(key.allowed), f"`{_cell(plain(key.default))}`", f"{_cell(key.meaning)} |"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
