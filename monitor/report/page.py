"""A report as one HTML file that loads nothing: no script, no address, no font."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from monitor.report.parts import Contents


def page(contents: Contents, version: str) -> str:
    """The page. Everything but the charts and the style is escaped; `version` is that of the program."""
    folder = files("monitor.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((folder / "template.html").read_text(encoding="utf-8"))
    style = Markup((folder / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    charts = {chart.name: Markup(chart.inline()) for part in contents.sections for chart in part.charts}  # noqa: S704 - no words from outside are in charts
    return template.render(contents=contents, style=style, charts=charts, version=version) + "\n"
