"""Annotation files made for tests: the same few events as each tool writes them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from streams.nfbl.annotations.declaration import Declaration, Format
from streams.nfbl.annotations.read import read_annotations
from streams.nfbl.annotations.rows import Annotations, Row

Events = tuple[tuple[float, float, str], ...]

EVENTS: Events = ((1.0, 2.48, "N7"), (2.0, 4.0, "N10"), (7.52, 8.0, "N31"))
"""Start and end in seconds, on whole frames of 25 fps, and the class."""


@dataclass(frozen=True)
class Made:
    """A file's name and bytes, and what must be declared of it."""

    name: str
    data: bytes
    declared: str = ""


def table(rows: list[list[object]], separator: str = ",") -> str:
    """Rows as CSV, quoted where they must be."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


def simple(events: Events) -> Made:
    rows: list[list[object]] = [["start_s", "end_s", "class"], *([start, end, label] for start, end, label in events)]
    return Made("labels.csv", table(rows).encode())


def frames(events: Events) -> Made:
    rows: list[list[object]] = [[label.removeprefix("N"), round(s * 25), round(e * 25)] for s, e, label in events]
    return Made("0001.csv", table(rows).encode(), "fps=25,base=0")


def clips(events: Events) -> Made:
    lines = [f"0012_{s}_{e}_{label.removeprefix('N')}.mp4 {label.removeprefix('N')}\n" for s, e, label in events]
    return Made("train.txt", "".join(lines).encode())


def activitynet(events: Events) -> Made:
    annotations = [{"segment": [start, end], "label": label} for start, end, label in events]
    video = {"fps": 25, "duration": 60.0, "subset": "training", "annotations": annotations}
    return Made("gt.json", json.dumps({"version": "1", "database": {"0012": video}}).encode())


def elan(events: Events) -> Made:
    slots, annotations = [], []
    for count, (start, end, label) in enumerate(events):
        for which, time_s in ((2 * count, start), (2 * count + 1, end)):
            slots.append(f'<TIME_SLOT TIME_SLOT_ID="ts{which}" TIME_VALUE="{round(time_s * 1000)}"/>')
        annotations.append(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{count}" TIME_SLOT_REF1="ts{2 * count}" '
            f'TIME_SLOT_REF2="ts{2 * count + 1}"><ANNOTATION_VALUE>{escape(label)}</ANNOTATION_VALUE>'
            "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">\n'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"></HEADER>\n'
        f"<TIME_ORDER>{''.join(slots)}</TIME_ORDER>\n"
        f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="body">{"".join(annotations)}</TIER>\n'
        "</ANNOTATION_DOCUMENT>\n"
    )
    return Made("session.eaf", text.encode())


def elan_tab(events: Events) -> Made:
    head = ["Tier", "Begin Time - hh:mm:ss.ms", "Begin Time - ss.msec", "End Time - ss.msec", "Annotation"]
    rows = [["body", f"00:00:{start:06.3f}", f"{start:.3f}", f"{end:.3f}", label] for start, end, label in events]
    return Made("session.txt", "".join("\t".join(cells) + "\n" for cells in [head, *rows]).encode())


def via(events: Events) -> Made:
    names = list(dict.fromkeys(label for _, _, label in events))
    options = {str(count): label for count, label in enumerate(names)}
    attribute = {
        "1": {"aname": "TEMPORAL-SEGMENTS", "anchor_id": "FILE1_Z2_XY0", "type": 4, "desc": "", "options": options}
    }
    head = (
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n"
        '# - metadata of {""1"":""3""} indicates attribute with id "1" set to an attribute option with id "3"\n'
        f"# ATTRIBUTE = {json.dumps(attribute)}\n# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,"
        "spatial_coordinates,metadata\n"
    )

    def quoted(value: object) -> str:
        return '"' + json.dumps(value).replace('"', '""') + '"'

    rows = [
        f'"1_{count}",{quoted(["clip.mp4"])},0,{quoted([start, end])},"[]",{quoted({"1": str(names.index(label))})}\n'
        for count, (start, end, label) in enumerate(events)
    ]
    return Made("via.csv", (head + "".join(rows)).encode())


def anvil(events: Events) -> Made:
    elements = "".join(
        f'<el index="{count}" start="{start}" end="{end}">\n<attribute name="type">{escape(label)}</attribute></el>\n'
        for count, (start, end, label) in enumerate(events)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-16"?>\n<annotation><head><specification src="spec.xml"/>'
        f'<video src="clip.avi"/></head><body><track name={quoteattr("body")} type="primary">\n{elements}'
        "</track></body></annotation>\n"
    )
    return Made("session.anvil", text.encode("utf-16"))


def boris(events: Events) -> Made:
    head: list[object] = ["Observation id", "Observation date", "Media duration (s)", "FPS (frame/s)", "Subject"]
    head += ["Behavior", "Behavioral category", "Modifier #1", "Behavior type", "Start (s)", "Stop (s)"]
    head += ["Duration (s)", "Media file name", "Comment start", "Comment stop"]
    rows = [head]
    for start, end, label in events:
        rows.append(
            ["obs", "2024-01-01", 60.0, 25, "No focal subject", label, "", "", "STATE", start, end, end - start]
        )
        rows[-1] += ["/videos/clip.mp4", "", ""]
    return Made("events.tsv", table(rows, "\t").encode())


def journal(events: Events) -> Made:
    lines: list[dict[str, object]] = [{"schema": 1, "session": "s", "seq": 1, "kind": "session", "media_s": 0.0}]
    for count, (start, end, label) in enumerate(events):
        for phase, known in (("open", start), ("close", end)):
            record = {"kind": "nfbl", "media_s": known, "id": f"e{count}", "phase": phase, "class_id": label}
            lines.append(record | {"side": "left", "start_s": start, "end_s": known, "score": 0.5})
    return Made("session.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())


def webvtt(events: Events) -> Made:
    def clock(time_s: float) -> str:
        return f"{int(time_s // 3600):02}:{int(time_s // 60) % 60:02}:{time_s % 60:06.3f}"

    cues = (
        f"{count}\n{clock(s)} --> {clock(e)} align:start\n<v Rater>{escape(label)}\n\n"
        for count, (s, e, label) in enumerate(events)
    )
    return Made("labels.vtt", ("WEBVTT - made\n\nNOTE by nobody\n\n" + "".join(cues)).encode())


WRITERS: dict[Format, Callable[[Events], Made]] = {
    Format.SIMPLE: simple,
    Format.FRAMES: frames,
    Format.CLIPS: clips,
    Format.ACTIVITYNET: activitynet,
    Format.ELAN: elan,
    Format.ELAN_TAB: elan_tab,
    Format.VIA: via,
    Format.ANVIL: anvil,
    Format.BORIS: boris,
    Format.JOURNAL: journal,
    Format.WEBVTT: webvtt,
}


def read(folder: Path, name: str, data: str | bytes, declared: str = "", media_name: str | None = None) -> Annotations:
    """Write a file and read it."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_annotations(path, Declaration.parse(declared), media_name=media_name)


def brief(annotations: Annotations) -> list[tuple[float, float, str]]:
    """Start and end to the millisecond, and label, of every row."""
    return [(round(row.start_s, 3), round(row.end_s, 3), row.label) for row in annotations.rows]


def labels(annotations: Annotations) -> list[str]:
    """The labels in the file's order."""
    return [row.label for row in annotations.rows]


def one(annotations: Annotations) -> Row:
    """The only row."""
    (row,) = annotations.rows
    return row
