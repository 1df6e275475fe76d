"""Shows an audit as one HTML page: no script, nothing loaded, no picture that shows a face."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from streams.audit.plan import AuditReport, Doubt, Verdict
from streams.audit.rows import Row, Section, headline, sections
from streams.audit.voices import speakers

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
:root { --no: #cf222e; --ok: #1a7f37; --doubt: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --no: #ff7b72; --ok: #4ac26b; --doubt: #d29922; } }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; } p { max-width: 48rem; }
.verdict { border-left: .5rem solid; padding: .5rem 1rem; font-weight: 600; }
.verdict ul { margin: 0; padding-left: 1.2rem; font-weight: 400; }
.passed { border-color: var(--ok); } .failed { border-color: var(--no); } .doubt { border-color: var(--doubt); }
dl { margin: 0; } dl div { border-top: 1px solid #8884; padding: .4rem 0; }
dt { font-weight: 600; } dd { margin: 0; } dd.meaning { font-size: .85rem; opacity: .8; }
.no { color: var(--no); font-weight: 600; } .ok { color: var(--ok); font-weight: 600; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1.2rem; }
figure { margin: 0; font-size: .85rem; } img { width: 100%; height: auto; display: block; }
figure ul { margin: 0; padding-left: 1.2rem; }
pre { overflow-x: auto; font-size: .8rem; overflow-wrap: normal; }
@media (min-width: 45rem) {
  dl div { display: grid; grid-template-columns: 19rem 1fr; column-gap: 1rem; }
  dt { grid-row: span 2; } dd { grid-column: 2; }
}
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
        _verdict(report),
        *(_section(section) for section in sections(report)),
        *_doubts(report),
        *_speakers(report),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _verdict(report: AuditReport) -> str:
    told = escape(headline(report))
    if report.verdict is Verdict.FAILED:
        told = f"FAILED{_list(report.failures)}"
    return f'<div class="verdict {_CLASSES[report.verdict]}">{told}</div>'


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _section(section: Section) -> str:
    told: set[str] = set()
    rows = []
    for row in section.rows:
        # Four detectors share one definition: it is told once.
        rows.append(_row(row, "" if row.meaning in told else row.meaning))
        told.add(row.meaning)
    remark = f"<p>{escape(section.remark)}</p>\n" if section.remark else ""
    return f"<h2>{escape(section.title)}</h2>\n{remark}<dl>\n{chr(10).join(rows)}\n</dl>"


def _row(row: Row, meaning: str) -> str:
    mark = "" if row.good is None else '<span class="ok">ok</span> ' if row.good else '<span class="no">NO</span> '
    told = f'<dd class="meaning">{escape(meaning)}</dd>' if meaning else ""
    return f"<div><dt>{escape(row.name)}</dt><dd>{mark}{escape(row.value)}</dd>{told}</div>"


def _doubts(report: AuditReport) -> Iterator[str]:
    if not report.doubts:
        return
    some = "" if len(report.doubts) == report.doubtful_frames else f", the {len(report.doubts)} worst of them here"
    yield f"<h2>Frames in doubt: {report.doubtful_frames}{some}</h2>"
    yield (
        "<p>Small copies of the de-identified frames. Light grey covers were drawn by this"
        " page over every place in doubt: look at these frames in the file itself.</p>"
    )
    yield '<div class="frames">'
    yield from _figures(report.doubts)
    yield "</div>"


def _figures(doubts: Iterable[Doubt]) -> Iterator[str]:
    for doubt in doubts:
        caption = f"frame {doubt.index}, {doubt.t_s:.2f} s{_list(doubt.reasons)}"
        image = ""
        if doubt.jpeg is not None:
            data = base64.b64encode(doubt.jpeg).decode()
            image = f'<img alt="frame {doubt.index}" src="data:image/jpeg;base64,{data}">'
        yield f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _speakers(report: AuditReport) -> Iterator[str]:
    if report.speakers is not None:
        yield f"<h2>Speakers recognised again</h2>\n<pre>{escape(speakers.table(report.speakers))}</pre>"
