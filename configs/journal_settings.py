"""Settings of the journal: for how long it stays."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.age import AGE, ALLOWED
from configs.section import Section


class JournalSettings(Section):
    """The journal of a session. None of these changes what is judged, so no session's name counts them."""

    keep: Annotated[str, Field(pattern=AGE, json_schema_extra={"allowed": ALLOWED})] | None = None
    """How long journals in the usual folder stay after they were last written, as in `30d`, `12h`, `2w`, `90m`; every
    session deletes older ones when it begins. Null: for ever, until `emotion-monitor journal prune`. Whoever watches
    people should set it (GDPR Art. 5(1)(e)). What a destination still owes stays until it is delivered."""
