"""What a model made of single frames and clips, kept beside the horizon exactly as long as they are.

An embedding hangs on its frame's or clip's token by a weak reference: when the horizon lets the media go, the
embedding goes with it. It is personal data like the frame itself and has no way to a file from here.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from buffers.evidence import Token

Embedding = NDArray[np.float16] | NDArray[np.float32]


class EmbeddingCache:
    """Embeddings of one model by the token of what they are of. Used from one thread at a time."""

    def __init__(self, digest: str) -> None:
        """`digest` names the model and its preprocessing: another model needs another cache."""
        self.digest = digest
        self._held: weakref.WeakKeyDictionary[Token, Embedding] = weakref.WeakKeyDictionary()
        self._encoded = 0
        self._aliased = 0

    def get(self, token: Token) -> Embedding | None:
        """The embedding of this piece of media, None while it has none."""
        return self._held.get(token)

    def missing(self, tokens: Iterable[Token]) -> list[Token]:
        """Those that have none yet, each once, in their order."""
        return [token for token in dict.fromkeys(tokens) if token not in self._held]

    def put(self, token: Token, embedding: Embedding) -> None:
        """Keep what was encoded. The array is made read-only: later windows see the same numbers."""
        embedding.setflags(write=False)
        self._held[token] = embedding
        self._encoded += 1

    def alias(self, token: Token, other: Token) -> None:
        """Let `token` share the embedding of another, of which it is nearly a copy. KeyError when that has none."""
        self._held[token] = self._held[other]
        self._aliased += 1

    @property
    def encoded(self) -> int:
        """Pieces of media that were ever encoded."""
        return self._encoded

    @property
    def aliased(self) -> int:
        """Pieces that took over another's embedding instead."""
        return self._aliased

    @property
    def nbytes(self) -> int:
        """Bytes held; what is shared counts once."""
        return sum(array.nbytes for array in {id(array): array for array in self._held.values()}.values())

    def __len__(self) -> int:
        """Pieces of media that have an embedding now."""
        return len(self._held)
