"""One annotation file as text: read whole within a bound, decoded, and refused in one line that names the place."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from configs.errors import ConfigError
from configs.yamlfile import printable
from streams.nfbl.annotations.declaration import Declaration

MAX_BYTES: Final = 50_000_000
"""Larger files are no annotations of one session."""

MAX_ROWS: Final = 100_000
"""Eight hours at 9 events a minute are 4,320 rows; all of iMiGUE has 18,499."""

MAX_LINES: Final = 4 * MAX_ROWS
"""Lines of a file, blank ones and those that are no rows included."""

Place: TypeAlias = int | str | None
"""Where in a file: the number of a line, the name of an element, or nowhere in particular."""

_DECLARED: Final = re.compile(rb"""\s*<\?xml[^>]{1,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")

_ENCODINGS: Final = {
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    # Whoever reads this name byte by byte sees that the file was saved again in something else.
    "utf-16": "utf-8",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text with what was declared of it and the name of the media it is to be used for."""

    name: str
    text: str
    declaration: Declaration
    media_name: str | None

    def error(self, place: Place, problem: str) -> ConfigError:
        """The error to raise: one line that names file, place and remedy (`problem` holds the remedy)."""
        return ConfigError(f"{_where(self.name, place)}: {problem}")

    def check_lines(self) -> None:
        """Refuse more lines than any format needs (ConfigError): millions of blank ones would only cost time."""
        lines = max(self.text.count("\n"), self.text.count("\r"))
        if lines > MAX_LINES:
            raise self.error(None, f"it has more than {MAX_LINES} lines; give the annotations of one session")


def read_document(path: Path, declaration: Declaration, *, media_name: str | None) -> Document:
    """Read and decode a file: UTF-8, UTF-16 with its mark, or what an XML file declares.

    Raises:
        ConfigError: it cannot be read, is no regular file, is too large, or is no text in one of these encodings.
    """
    name = printable(str(path), 300)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for, a device has no end
            raise ConfigError(f"{name} cannot be read: it is no regular file; give an annotation file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name can exist"
        raise ConfigError(f"{name} cannot be read: {reason}; give an existing annotation file") from error
    if len(raw) > MAX_BYTES:
        most = f"{MAX_BYTES // 1_000_000} MB"
        raise ConfigError(f"{name} is larger than {most}; give the annotations of one session")
    text = _decoded(name, raw)
    if "\0" in text:
        place = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{name}:{place}: holds a zero byte, so it is no text; save it as UTF-8")
    document = Document(name, text, declaration, media_name)
    document.check_lines()
    return document


def _decoded(name: str, raw: bytes) -> str:
    encoding = "utf-8-sig"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif raw.startswith((b"<\0", b"\0<")):
        encoding = "utf-16-le" if raw.startswith(b"<") else "utf-16-be"
    elif not raw.startswith(b"\xef\xbb\xbf") and (declared := _DECLARED.match(raw)):
        wanted = declared[1].decode("ascii").casefold()
        if wanted not in _ENCODINGS:
            raise ConfigError(f"{name}:1: is in the encoding {wanted}, which is not read here; save it as UTF-8")
        encoding = _ENCODINGS[wanted]
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        kind = "UTF-8" if encoding == "utf-8-sig" else encoding.upper()
        raise ConfigError(f"{name}:{line}: is not {kind} text; save it as UTF-8") from error


def _where(name: str, place: Place) -> str:
    if place is None:
        return name
    return f"{name}:{place}" if isinstance(place, int) else f"{name}: {printable(place, 120)}"
