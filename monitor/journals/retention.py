"""What a session does at its beginning where the settings limit how long journals stay."""

from __future__ import annotations

import logging
from datetime import datetime

from configs.age import age_s
from configs.errors import JournalError
from configs.journal_settings import JournalSettings
from monitor.journals.find import default_folder
from monitor.journals.prune import Done, Pruning

logger = logging.getLogger("emotion_monitor.journals")


def retain(settings: JournalSettings, now: str) -> None:
    """Delete what is too old in the usual folder; `now` is wall time (ISO 8601).

    It fails no session: what cannot be deleted is said in the log, and tried again by the next one.
    """
    if settings.keep is None:
        return
    before_s = datetime.fromisoformat(now).timestamp() - age_s(settings.keep)
    try:
        for act in Pruning(default_folder(), before_s=before_s).run():
            level = logging.INFO if act.done is Done.DELETED else logging.WARNING
            logger.log(
                level,
                "journal.keep=%s: %s %s%s",
                settings.keep,
                act.done.value,
                act.path,
                f" ({act.why})" * bool(act.why),
            )
    except JournalError as error:
        logger.warning("journal.keep=%s: %s", settings.keep, error)
