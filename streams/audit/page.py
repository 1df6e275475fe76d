"""Shows an audit as one HTML page: no script, nothing loaded, no picture that shows a face."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from streams.audit import speakers
from streams.audit.plan import AuditReport, Doubt
from streams.audit.rows import Row, Section, headline, sections

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { border-left: .5rem solid; padding: .5rem 1rem; font-weight: 600; }
.passed { border-color: #1a7f37; } .failed { border-color: #cf222e; } .doubt { border-color: #bf8700; }
dl { margin: 0; } dt { font-weight: 600; margin-top: .8rem; } dd { margin: 0; }
dd.meaning { font-size: .85rem; opacity: .75; }
.no { color: #cf222e; } .ok { color: #1a7f37; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 1rem; }
figure { margin: 0; font-size: .8rem; } img { width: 100%; height: auto; display: block; }
pre { overflow-x: auto; font-size: .8rem; }
"""

_CLASSES: Final = {"passed": "passed", "failed": "failed", "in doubt": "doubt"}


def html(report: AuditReport) -> str:
    """The page. Its style is allowed by its digest; all else but pictures in the page itself is forbidden to load."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"Audit of {escape(report.output.name)}"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=False)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{title}</h1>\n<p>Compared with {escape(report.source.name)}.</p>",
        f'<p class="verdict {_CLASSES[report.verdict]}">{escape(headline(report))}</p>',
        *(_section(section) for section in sections(report)),
        *_doubts(report),
        *_speakers(report),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _section(section: Section) -> str:
    rows = "\n".join(_row(row) for row in section.rows)
    remark = f"<p>{escape(section.remark)}</p>\n" if section.remark else ""
    return f"<h2>{escape(section.title)}</h2>\n{remark}<dl>\n{rows}\n</dl>"


def _row(row: Row) -> str:
    mark = "" if row.good is None else '<span class="ok">ok</span> ' if row.good else '<span class="no">NO</span> '
    value = f"<dd>{mark}{escape(row.value)}</dd>"
    return f'<dt>{escape(row.name)}</dt>{value}<dd class="meaning">{escape(row.meaning)}</dd>'


def _doubts(report: AuditReport) -> Iterator[str]:
    if not report.doubts:
        return
    yield f"<h2>Frames in doubt: {report.doubtful_frames}</h2>"
    yield (
        "<p>Small copies of the de-identified frames in which least is hidden. Light grey covers were drawn by this"
        " page over every place in doubt: look at these frames in the file itself.</p>"
    )
    yield '<div class="frames">'
    yield from _figures(report.doubts)
    yield "</div>"


def _figures(doubts: Iterable[Doubt]) -> Iterator[str]:
    for doubt in doubts:
        caption = f"frame {doubt.index}, {doubt.t_s:.2f} s: {'; '.join(doubt.reasons)}"
        image = ""
        if doubt.jpeg is not None:
            data = base64.b64encode(doubt.jpeg).decode()
            image = f'<img alt="frame {doubt.index}" src="data:image/jpeg;base64,{data}">'
        yield f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _speakers(report: AuditReport) -> Iterator[str]:
    if report.speakers is not None:
        yield f"<h2>Speakers recognised again</h2>\n<pre>{escape(speakers.table(report.speakers))}</pre>"
