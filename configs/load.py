"""From profile, environment and command line to `Settings`, knowing where every value came from.

Precedence, lowest first: the code's defaults, the profile (and what it extends), environment variables
`EMOTION_MONITOR__SECTION__KEY`, options `--set section.key=value`. Whatever is wrong becomes one `ConfigError`
of one line; no message of a library ever reaches a person.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from configs.digest import json_digest
from configs.errors import ConfigError
from configs.keys import keys, plain, sections
from configs.settings import Settings
from configs.yamlfile import Value, parse_value, printable, read_entries

PROFILES: Final = ("default", "interview", "low-power", "offline", "paper")
"""The shipped profiles; each is a YAML file of that name beside this module."""

ENVIRONMENT_PREFIX: Final = "EMOTION_MONITOR__"
"""What the name of an environment variable that is a setting starts with; two underscores part section and key."""

DEFAULT_ORIGIN: Final = "default"

_EXTENDS: Final = "extends"
_SHIPPED: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, where each dotted key's value came from, and the profile's name or path.

    Origins read `default`, `interview.yaml:12`, `environment EMOTION_MONITOR__FACES__MASK` or `--set`.
    """

    settings: Settings
    origins: Mapping[str, str]
    profile: str


@dataclass(frozen=True, slots=True)
class _Given:
    """A value somebody gave for a key, where it is kept (`origin`) and how a message finds it (`place`)."""

    key: str
    value: Value
    origin: str
    place: str


def load_settings(profile: str | Path | None, overrides: Sequence[str], environ: Mapping[str, str]) -> Loaded:
    """Load settings from everywhere they may come from.

    Args:
        profile: name of a shipped profile, path of a YAML file, or None for `default`.
        overrides: `key=value` as after `--set`; of two for one key the later counts.
        environ: the environment; only names that start with `ENVIRONMENT_PREFIX` are read.

    Raises:
        ConfigError: something is unknown, of the wrong type, out of range or contradictory. One line that names the
            place, the key, what was given and what is allowed.
    """
    path, label = _find(profile)
    given: dict[str, _Given] = {}
    for item in (*_from_profile(path, label, ()), *_from_environment(environ), *_from_options(overrides)):
        # A key set again moves to the end, so that the last one named in a contradiction is the one that made it.
        given.pop(item.key, None)
        given[item.key] = item
    nested: dict[str, Any] = {}
    for item in given.values():
        *sections_in, name = item.key.split(".")
        place = nested
        for section in sections_in:
            place = place.setdefault(section, {})
        place[name] = item.value
    try:
        settings = Settings.model_validate(nested)
    except ValidationError as error:
        _refuse(error.errors()[0], given)
    origins = {key: given[key].origin if key in given else DEFAULT_ORIGIN for key in keys()}
    return Loaded(settings, MappingProxyType(origins), label.removesuffix(".yaml") if label in _shipped() else label)


def show(loaded: Loaded) -> str:
    """Every effective value and where it came from, one a line in columns, the profile first."""
    rows = [(key, plain(value), loaded.origins[key]) for key, value in _flat(loaded.settings).items()]
    wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{key:<{wide}}  {value:<{wider}}  {origin}" for key, value, origin in rows]
    return "\n".join([f"profile: {loaded.profile}", *lines])


def settings_digest(settings: Settings) -> str:
    """SHA-256 (hex) of the settings as canonical JSON: equal settings, equal digest, on any machine."""
    return json_digest(settings.model_dump(mode="json"))


def changes(profile: str) -> Mapping[str, object]:
    """What a shipped profile sets apart from the code's defaults, by dotted key."""
    loaded = load_settings(profile, (), {})
    return {key: value for key, value in _flat(loaded.settings).items() if value != keys()[key].default}


def _flat(settings: Settings) -> dict[str, object]:
    dump = settings.model_dump(mode="json")
    return {key: reduce(lambda node, word: node[word], key.split("."), dump) for key in keys()}


def _shipped() -> tuple[str, ...]:
    return tuple(f"{name}.yaml" for name in PROFILES)


def _find(profile: str | Path | None, beside: Path | None = None) -> tuple[Path, str]:
    """The profile's file and its name in messages. `beside` is the folder relative paths are taken from."""
    if profile is None or profile in PROFILES:
        name = f"{profile or PROFILES[0]}.yaml"
        return _SHIPPED / name, name
    path = Path(profile)
    if isinstance(profile, str) and path.name == profile and path.suffix not in {".yaml", ".yml"}:
        raise ConfigError(
            f"profile {printable(profile)} is unknown: it must be the path of a .yaml file or one of "
            f"{', '.join(PROFILES)}{_near(profile, PROFILES)}"
        )
    return (beside / path if beside else path), printable(str(profile))


def _from_profile(path: Path, label: str, above: tuple[Path, ...]) -> list[_Given]:
    if path.resolve() in above:
        raise ConfigError(f"{label} extends itself, directly or through others; remove one `{_EXTENDS}`")
    entries = read_entries(path, label)
    given: list[_Given] = []
    for entry in entries:
        if entry.key == _EXTENDS:
            where = f"{label}:{entry.line}"
            if not isinstance(entry.value, str):
                raise ConfigError(f"{where}: {_EXTENDS} is {_shown(entry.value)}, must be a profile's name or path")
            try:
                base = _find(entry.value, path.parent)
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from error
            given[:0] = _from_profile(*base, (*above, path.resolve()))
    for entry in entries:
        if entry.key != _EXTENDS and not _is_empty_section(entry.key, entry.value):
            where = f"{label}:{entry.line}"
            given.append(_known(entry.key, entry.value, where, where))
    return given


def _from_environment(environ: Mapping[str, str]) -> Iterable[_Given]:
    for variable in sorted(environ):
        if variable.startswith(ENVIRONMENT_PREFIX):
            key = ".".join(variable.removeprefix(ENVIRONMENT_PREFIX).split("__")).lower()
            place = f"environment {printable(variable)}"
            yield _known(key, parse_value(environ[variable], place), place, place)


def _from_options(overrides: Sequence[str]) -> Iterable[_Given]:
    for option in overrides:
        key, equals, text = (part.strip() for part in option.partition("="))
        place = f"--set {printable(option)}"
        if not equals or not key:
            raise ConfigError(f"{place}: must be key=value, such as faces.mask=solid")
        yield _known(key, parse_value(text, place), "--set", place)


def _known(key: str, value: Value, origin: str, place: str) -> _Given:
    if key in keys():
        return _Given(key, value, origin, place)
    inside = [section.keys for section in sections() if section.name == key]
    if inside:
        names = ", ".join(known.name.removeprefix(f"{key}.") for known in inside[0])
        raise ConfigError(f"{place}: {key} is a section, not a value; its keys are {names}")
    same_name = [known for known in keys() if known.rpartition(".")[2] == key.rpartition(".")[2]]
    hint = _near(key, keys()) if len(same_name) != 1 else f"; did you mean {same_name[0]}?"
    raise ConfigError(f"{place}: unknown key {printable(key)}{hint or '; `config show` lists all keys'}")


def _is_empty_section(key: str, value: Value) -> bool:
    """Whether this is a section whose keys are all commented out, which says nothing and is no mistake."""
    return not value and value in (None, {}) and any(section.name == key for section in sections() if section.name)


def _refuse(error: ErrorDetails, given: Mapping[str, _Given]) -> NoReturn:
    """Turn the types' first complaint into plain words (ConfigError)."""
    location = ".".join(str(part) for part in error["loc"])
    for key, item in given.items():
        if location == key or location.startswith(f"{key}."):
            known = keys()[key]
            hint = _near(item.value, known.choices) if isinstance(item.value, str) else ""
            quote = "; quote it" if known.allowed == "text" and item.value is not None else ""
            raise ConfigError(f"{item.place}: {key} is {_shown(item.value)}, must be {known.allowed}{hint}{quote}")
    # No single key: a rule between keys of one section, or (location "") between sections.
    reason = error["msg"].removeprefix("Value error, ")
    named = [
        item
        for key, item in given.items()
        if key in reason or (location and key.startswith(f"{location}.") and key.rpartition(".")[2] in reason)
    ]
    section = f"{location}: " if location else ""
    raise ConfigError(f"{named[-1].place if named else 'settings'}: {section}{reason}")


def _near(word: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(word[:100], list(choices), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: Value) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
