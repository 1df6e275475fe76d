"""What is read out of session descriptions (SDP) before and after aiortc has had them. Pure."""

from __future__ import annotations

from typing import Final

from buffers.records import Track

_SECTIONS_MOST: Final = 8
"""Media sections of an offer: a camera and a microphone need two, and each may open sockets."""

_CANDIDATES_MOST: Final = 128
"""Addresses an offer may name: each is sent packets to."""

_KINDS: Final = {"video": Track.VIDEO, "audio": Track.AUDIO}

_SENDS: Final = frozenset({"sendonly", "sendrecv"})


class BadOffer(Exception):
    """The offer cannot be answered; the message is one short phrase for whoever sent it."""


def check_offer(text: str) -> frozenset[Track]:
    """The tracks the offer promises to send.

    Raises `BadOffer` where it is none, is unreasonable, or promises nothing.
    """
    lines = text.splitlines()
    if not lines or lines[0] != "v=0":
        raise BadOffer("this is no SDP offer")
    sections = _sections(lines)
    if len(sections) > _SECTIONS_MOST:
        raise BadOffer(f"the offer has more than {_SECTIONS_MOST} media sections")
    if sum(line.startswith("a=candidate:") for line in lines) > _CANDIDATES_MOST:
        raise BadOffer(f"the offer names more than {_CANDIDATES_MOST} candidates")
    if not _bundled(lines) <= {_mid(section) for _, section in sections}:
        # aiortc would lose its transports over it, and then could not even be closed.
        raise BadOffer("the offer bundles media sections that it does not have")
    tracks = frozenset(track for track, section in sections if track is not None and _sends(section))
    if not tracks:
        raise BadOffer("the offer sends neither video nor sound")
    return tracks


def codecs(answer: str) -> dict[Track, str]:
    """The codec of each track that an answer accepts, in lower case: the first one of its section."""
    found: dict[Track, str] = {}
    for track, section in _sections(answer.splitlines()):
        fields = section[0].split()
        if track is None or track in found or len(fields) < 4 or fields[1] == "0":
            continue
        prefix = f"a=rtpmap:{fields[3]} "
        name = next((line.removeprefix(prefix) for line in section if line.startswith(prefix)), "unknown")
        found[track] = name.partition("/")[0].lower()
    return found


def has_candidates(answer: str) -> bool:
    """Whether the answer names any address at which this machine can be reached."""
    return any(line.startswith("a=candidate:") for line in answer.splitlines())


def _sections(lines: list[str]) -> list[tuple[Track | None, list[str]]]:
    """Each media section with its lines; the track is None for data and whatever else there is."""
    sections: list[tuple[Track | None, list[str]]] = []
    for line in lines:
        if line.startswith("m="):
            sections.append((_KINDS.get(line[2:].split(" ", 1)[0]), [line]))
        elif sections:
            sections[-1][1].append(line)
    return sections


def _bundled(lines: list[str]) -> set[str]:
    return {mid for line in lines if line.startswith("a=group:BUNDLE") for mid in line.split()[1:]}


def _mid(section: list[str]) -> str | None:
    return next((line.removeprefix("a=mid:") for line in reversed(section) if line.startswith("a=mid:")), None)


def _sends(section: list[str]) -> bool:
    directions = {line[2:] for line in section} & {"sendonly", "sendrecv", "recvonly", "inactive"}
    return not directions or bool(directions & _SENDS)
