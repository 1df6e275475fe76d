"""The describer and the judge of a session, with what is put around them: recorded answers and a calibration."""

from __future__ import annotations

from pathlib import Path

from configs.settings import Settings
from monitor.calibrate.file import read_calibration
from monitor.calibrate.judge import Calibrated
from monitor.cassette.file import Cassette, Mode, open_cassette
from monitor.cassette.models import with_cassette
from monitor.describers.base import Describer
from monitor.describers.registry import make_describer
from monitor.judges.base import Judge
from monitor.judges.registry import make_judge


def make_models(settings: Settings) -> tuple[Describer, Judge]:
    """Make both as the settings ask for them. The judge's probabilities are recorded before they are calibrated.

    Raises:
        ConfigError: settings are incomplete or contradict each other.
        ModelUnavailable: a package or file is missing.
    """
    path = settings.estimate.calibration
    calibration = None if path is None else read_calibration(Path(path).expanduser())
    cassette = open_cassette(settings)
    describer, judge = _asked(settings) if cassette is None else _recorded(settings, cassette)
    return describer, judge if calibration is None else Calibrated(judge, describer, calibration)


def _asked(settings: Settings) -> tuple[Describer, Judge]:
    return make_describer(settings), make_judge(settings)


def _recorded(settings: Settings, cassette: Cassette) -> tuple[Describer, Judge]:
    if cassette.mode is Mode.REPLAY:
        # Not even made: whoever repeats a run needs neither the model's package nor its server.
        return with_cassette(None, None, cassette)
    try:
        return with_cassette(*_asked(settings), cassette)
    except BaseException:
        cassette.close()
        raise
