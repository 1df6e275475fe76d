"""XML of strangers: no document type, so no entities of any kind, and bounds on depth and number of elements."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

from streams.nfbl.annotations.document import MAX_ROWS, Document

MAX_DEPTH: Final = 32
"""ELAN and Anvil nest five deep."""

MAX_ELEMENTS: Final = 8 * MAX_ROWS
"""ELAN writes five elements for an annotation: three and two time slots."""

# The decoded text is looked at, the very characters the parser gets, so no encoding can hide one.
_DOCTYPE: Final = re.compile(r"<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)


class _Bounded(ET.TreeBuilder):
    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._depth = 0
        self._count = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> ET.Element:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH:
            raise self._document.error(None, f"elements nested deeper than {MAX_DEPTH}; expected annotations")
        if self._count > MAX_ELEMENTS:
            problem = f"more than {MAX_ELEMENTS} elements; give the annotations of one session"
            raise self._document.error(None, problem)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ET.Element:
        self._depth -= 1
        return super().end(tag)


def refuse_doctype(document: Document) -> None:
    """Refuse a text that declares a document type or an entity, even in a comment (ConfigError)."""
    found = _DOCTYPE.search(document.text)
    if found:
        line = document.text.count("\n", 0, found.start()) + 1
        problem = f"{found[1].upper()} is refused, for entities can be bombs; expected plain XML, remove it"
        raise document.error(line, problem)


def parse_markup(document: Document, root: str) -> ET.Element:
    """The root element of a file, which must be named `root`.

    Raises:
        ConfigError: a document type or entity is declared, the text is no XML, or it breaks a bound.
    """
    refuse_doctype(document)
    parser = ET.XMLParser(target=_Bounded(document))  # noqa: S314 - no document type gets here
    try:
        parser.feed(document.text)
        element: ET.Element = parser.close()
    except ET.ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise document.error(line, f"not XML ({reason}, column {column}); expected a whole XML file") from error
    if element.tag != root:
        raise document.error(None, f"its root is no {root}; expected one, or declare the right format=")
    return element
