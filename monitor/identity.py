"""What a session is called: equal input and equal settings have an equal name."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from configs.journal_settings import JournalSettings
from configs.load import settings_digest
from configs.model_settings import CassetteSettings
from configs.output_settings import OutputSettings
from configs.settings import NfblSettings, Settings

_BESIDE: Final = {"key_env": "", "key_file": None, "price_in": None, "price_out": None}
"""Where a key comes from and what is paid say nothing of what is asked."""


def session_digest(settings: Settings, feed: str) -> str:
    """Identifies the settings of a session (SHA-256, hex).

    The body-language feed counts by what it would report (`feed`), not by the path of its file; where keys come from,
    what is paid and whether answers are recorded or read back does not count, nor where verdicts go and how long
    journals stay.
    """
    same = {
        "nfbl": NfblSettings(source=feed),
        "cassette": CassetteSettings(),
        "outputs": OutputSettings(),
        "journal": JournalSettings(),
        "mllm": settings.mllm.model_copy(update=_BESIDE),
        "llm": settings.llm.model_copy(update=_BESIDE),
    }
    return settings_digest(settings.model_copy(update=same))


def session_id(source: str | None, settings: str, *, live: bool = False) -> str:
    """The name of a session that repeats: of its source's digest and its settings'. Without a source, a new name."""
    if source is None:
        return f"{'l' if live else 'p'}-{secrets.token_hex(8)}"
    return f"m-{hashlib.sha256(f'{source}:{settings}'.encode()).hexdigest()[:16]}"
