"""Altered voice as the horizon keeps it: two-second pieces on a fixed grid, dense lately and thinned before."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from buffers.evidence import AudioClip, HorizonLimits, Token
from buffers.records import AUDIO_RATE_HZ, CLIP_S, CleanAudio
from buffers.spans import JOIN_S, Spans
from buffers.thinning import MARGIN_S, Thinned, nearest_to_uniform

# Kept as int16: half the memory of float32, and its noise 98 dB below full scale is far under that of any voice.
FULL_SCALE = 32767
PIECE_SAMPLES = round(CLIP_S * AUDIO_RATE_HZ)

PIECE_BYTES = PIECE_SAMPLES * 2 + 600
"""Bytes of one piece: its samples and the objects that hold them (measured, rounded up)."""

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The sound of one place of the grid, zero where nothing was heard."""

    place: int
    samples: Samples
    token: Token = field(default_factory=Token)

    @property
    def t_s(self) -> float:
        """Its start."""
        return self.place * CLIP_S


class AudioStore:
    """The sound of one stream; a piece that is both recent and chosen for the whole session is held once."""

    def __init__(self, limits: HorizonLimits) -> None:
        """Start empty."""
        self._dense_s = limits.dense_s + MARGIN_S
        self._dense: dict[int, Piece] = {}
        self._session: Thinned[Piece] = Thinned(capacity=max(1, limits.session_clips), spacing_s=CLIP_S)
        self._heard = Spans()
        self._next_sample: int | None = None
        self._dense_from_s = -math.inf

    def add(self, audio: CleanAudio) -> bool:
        """Write a block where its time says; what is missing before it stays zero and counts as unheard.

        Says whether a new piece was begun for it, that is, whether more memory is held.
        """
        newest = next(reversed(self._dense), None)
        start = round(audio.t_s * AUDIO_RATE_HZ)
        # Time stamps are rounded to samples and ticks; without this, every such step would be heard as a click.
        if self._next_sample is not None and abs(start - self._next_sample) <= JOIN_S * AUDIO_RATE_HZ:
            start = self._next_sample
        samples = np.asarray(np.rint(np.clip(audio.samples, -1.0, 1.0) * FULL_SCALE), np.int16)
        end = self._next_sample = start + len(samples)
        for place in range(start // PIECE_SAMPLES, -(-end // PIECE_SAMPLES)):
            piece = self._piece(place)
            if piece is None:
                continue
            origin = place * PIECE_SAMPLES
            low, high = max(start, origin), min(end, origin + PIECE_SAMPLES)
            piece.samples[low - origin : high - origin] = samples[low - start : high - start]
        self._heard.add(start / AUDIO_RATE_HZ, end / AUDIO_RATE_HZ)
        while self._dense and self._oldest_end_s() < audio.end_s - self._dense_s:
            self.drop_oldest()
        return newest != next(reversed(self._dense), None)

    def clips(self, start_s: float, end_s: float, count: int) -> tuple[AudioClip, ...]:
        """`count` clips at start_s + i * (length - CLIP_S) / count, as Video-LLaMA cuts them; () if nothing was heard.

        Where the dense part does not reach back to `start_s`, the kept pieces nearest to these positions, each at
        most once. Nothing at or after `end_s` is ever in a clip.
        """
        if self.heard_s(start_s, end_s) <= 0:
            return ()
        spread_s = max(end_s - start_s - CLIP_S, 0.0)
        if start_s >= self._dense_from_s:
            return tuple(self._cut(start_s + i * spread_s / count, end_s) for i in range(count))
        found = self._session.between(start_s, end_s)
        places = nearest_to_uniform([piece.t_s for piece in found], start_s, spread_s, count)
        return tuple(self._clip(found[place].t_s, found[place].samples, end_s) for place in places)

    def grid_clips(self, start_s: float, end_s: float, count: int) -> tuple[AudioClip, ...]:
        """Up to `count` whole pieces within [start_s, end_s), nearest to where `clips` would cut, each at most once."""
        dense = start_s >= self._dense_from_s
        held = list(self._dense.values()) if dense else self._session.between(start_s, end_s)
        found = [piece for piece in held if start_s <= piece.t_s and piece.t_s + CLIP_S <= end_s and self._whole(piece)]
        spread_s = max(end_s - start_s - CLIP_S, 0.0)
        places = nearest_to_uniform([piece.t_s for piece in found], start_s, spread_s, count)
        return tuple(self._of(found[place]) for place in places)

    def on_grid_after(self, t_s: float) -> tuple[AudioClip, ...]:
        """The whole pieces of the dense part that begin later than `t_s`."""
        return tuple(self._of(piece) for piece in self._dense.values() if piece.t_s > t_s and self._whole(piece))

    def heard_s(self, start_s: float, end_s: float) -> float:
        """Seconds of [start_s, end_s) for which there is clean audio."""
        return self._heard.seconds(start_s, end_s)

    def drop_oldest(self) -> None:
        """Shorten the dense part by its oldest piece."""
        self._dense_from_s = self._oldest_end_s()
        del self._dense[next(iter(self._dense))]

    def thin(self) -> bool:
        """Halve the whole-session part; False when there is nothing to halve."""
        return self._session.thin()

    @property
    def dense_from_s(self) -> float | None:
        """Start of the oldest piece of the dense part, None while it is empty."""
        return next(iter(self._dense)) * CLIP_S if self._dense else None

    @property
    def dense_count(self) -> int:
        """Pieces in the dense part."""
        return len(self._dense)

    @property
    def session_count(self) -> int:
        """Pieces in the whole-session part."""
        return len(self._session)

    @property
    def session_bytes(self) -> int:
        """Bytes of the pieces that only the whole-session part holds."""
        return sum(piece.place not in self._dense for piece in self._session) * PIECE_BYTES

    @property
    def nbytes(self) -> int:
        """Bytes held, each piece counted once."""
        return len(self._dense) * PIECE_BYTES + self.session_bytes + self._heard.nbytes

    def _whole(self, piece: Piece) -> bool:
        """Whether no more sound can come for a piece, and some of it was heard."""
        ended = self._next_sample is not None and self._next_sample >= (piece.place + 1) * PIECE_SAMPLES
        return ended and self.heard_s(piece.t_s, piece.t_s + CLIP_S) > 0

    def _of(self, piece: Piece) -> AudioClip:
        voice = piece.samples.astype(np.float32) / np.float32(FULL_SCALE)
        return AudioClip(piece.t_s, voice, self.heard_s(piece.t_s, piece.t_s + CLIP_S) / CLIP_S, piece.token)

    def _piece(self, place: int) -> Piece | None:
        """The piece at that place of the grid, made when time first reaches it; None where it has gone already."""
        newest = next(reversed(self._dense), None)
        if place not in self._dense and (newest is None or place > newest) and place * CLIP_S >= self._dense_from_s:
            self._dense[place] = Piece(place, np.zeros(PIECE_SAMPLES, np.int16))
            self._session.offer(place * CLIP_S, self._dense[place])
        return self._dense.get(place)

    def _oldest_end_s(self) -> float:
        return (next(iter(self._dense)) + 1) * CLIP_S

    def _cut(self, start_s: float, end_s: float) -> AudioClip:
        start = round(start_s * AUDIO_RATE_HZ)
        place, skipped = divmod(start, PIECE_SAMPLES)
        silence = np.zeros(PIECE_SAMPLES, np.int16)
        held = (self._dense.get(one) for one in (place, place + 1))
        both = np.concatenate([silence if piece is None else piece.samples for piece in held])
        return self._clip(start_s, both[skipped : skipped + PIECE_SAMPLES], end_s)

    def _clip(self, start_s: float, samples: Samples, end_s: float) -> AudioClip:
        voice = samples.astype(np.float32) / np.float32(FULL_SCALE)
        voice[max(0, round((end_s - start_s) * AUDIO_RATE_HZ)) :] = 0.0
        return AudioClip(start_s, voice, self.heard_s(start_s, min(start_s + CLIP_S, end_s)) / CLIP_S)
