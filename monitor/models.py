"""The describer and the judge of a session, with what is put around them: recorded answers and a calibration."""

from __future__ import annotations

from configs.settings import Settings
from monitor.describers.base import Describer
from monitor.describers.registry import make_describer
from monitor.judges.base import Judge
from monitor.judges.registry import make_judge


def make_models(settings: Settings) -> tuple[Describer, Judge]:
    """Make both as the settings ask for them.

    Raises:
        ConfigError: settings are incomplete or contradict each other.
        ModelUnavailable: a package or file is missing.
    """
    return make_describer(settings), make_judge(settings)
