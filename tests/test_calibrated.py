from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.settings import Settings
from monitor.calibrate.file import (
    Calibration,
    Figure,
    Method,
    ModelIdentity,
    Quality,
    read_calibration,
)
from monitor.calibrate.judge import Calibrated
from monitor.describers.base import Description
from monitor.judges.base import Label, Verdict
from monitor.models import make_models
from tests.made_answers import DESCRIBER, JUDGE, MadeDescriber, MadeJudge
from tests.made_evidence import evidence

pytestmark = pytest.mark.unit

FAIR = Quality(*[Figure(0.2, (0.1, 0.3))] * 3)


def calibration(a: float = 0.5, b: float = 0.0) -> Calibration:
    return Calibration(
        method=Method.PLATT,
        a=a,
        b=b,
        correlation=0.7,
        describer=ModelIdentity.of(DESCRIBER),
        judge=ModelIdentity.of(JUDGE),
        windows=200,
        recordings=12,
        positives=100,
        stated=FAIR,
        tempered=FAIR,
        calibrated=FAIR,
        data="da7a" * 16,
    )


def ask(made: Calibration, p_positive: float, describer: str = "seer") -> Verdict:
    judge = Calibrated(MadeJudge(p_positive=p_positive), MadeDescriber(), made)
    return asyncio.run(judge.judge(Description("calm", describer), evidence()))


def test_the_verdict_carries_the_calibrated_probability_and_what_was_stated() -> None:
    found = ask(calibration(0.5), 0.8)
    assert found.p_positive == pytest.approx(2 / 3, abs=1e-6)
    assert (found.p_stated, found.calibrated, found.label) == (0.8, True, Label.POSITIVE)
    assert found.confidence == pytest.approx(20 * (2 / 3 - 0.5), abs=0.01)


def test_the_label_follows_the_probability() -> None:
    found = ask(calibration(0.5, -1.0), 0.8)
    assert found.p_positive is not None
    assert found.p_positive < 0.5
    assert found.label is Label.NEGATIVE


def test_certainty_is_a_rounded_number() -> None:
    assert ask(calibration(1.0), 1.0).p_positive == pytest.approx(0.9999)
    assert ask(calibration(0.0), 0.0).p_positive == 0.5


def test_what_another_describer_said_is_left_as_it_was_stated() -> None:
    found = ask(calibration(), 0.8, "cues")
    assert (found.p_positive, found.p_stated, found.calibrated) == (0.8, None, False)


def test_its_info_says_what_the_calibration_rests_on() -> None:
    info = Calibrated(MadeJudge(replace(JUDGE, temper=0.3)), MadeDescriber(), calibration()).info
    assert info.calibrated
    assert info.notice == "calibrated (platt) on 200 windows of 12 recordings [da7ada7ada7a]"
    assert (info.correlation, info.cap_logit, info.temper) == (0.7, math.log(13), None)
    assert info.fingerprint == JUDGE.fingerprint
    forced = Calibrated(MadeJudge(), MadeDescriber(), replace(calibration(), forced="2 recordings instead of 5"))
    assert forced.info.notice.endswith("; forced: 2 recordings instead of 5")


def test_a_calibration_of_other_models_is_refused_at_the_start() -> None:
    async def start(describer: MadeDescriber, judge: MadeJudge) -> None:
        await Calibrated(judge, describer, calibration()).start()

    asyncio.run(start(MadeDescriber(), MadeJudge()))
    with pytest.raises(ConfigError, match=r"is of judge sage sage-1 \(5a6e5a6e5a6e\), but sage sage-2 \(beef\)"):
        asyncio.run(start(MadeDescriber(), MadeJudge(replace(JUDGE, model="sage-2", fingerprint="beef"))))
    with pytest.raises(ConfigError, match="is of describer seer seer-1"):
        asyncio.run(start(MadeDescriber(replace(DESCRIBER, fingerprint="beef")), MadeJudge()))


def test_a_calibration_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    path.write_text(calibration(0.123456789, -0.5).text())
    assert read_calibration(path) == calibration(0.123456789, -0.5)


@pytest.mark.parametrize(
    "changed",
    [{"a": -0.1}, {"a": "1"}, {"version": 2}, {"format": "other"}, {"more": 1}, {"correlation": 1.0}, {"method": "x"}],
)
def test_a_file_that_is_no_calibration_is_refused_in_one_line(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "made.json"
    path.write_text(json.dumps(json.loads(calibration().text()) | changed))
    with pytest.raises(ConfigError, match=r"calibration made\.json is none of this version") as raised:
        read_calibration(path)
    assert "\n" not in str(raised.value)


def test_a_calibration_that_is_not_there_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"calibration made\.json cannot be read: No such file"):
        read_calibration(tmp_path / "made.json")
    (tmp_path / "made.json").write_text("{")
    with pytest.raises(ConfigError, match="is none of this version"):
        read_calibration(tmp_path / "made.json")


def test_the_setting_puts_it_around_the_judge(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    path.write_text(calibration().text())
    _, judge = make_models(Settings.model_validate({"estimate": {"calibration": str(path)}}))
    assert judge.info.calibrated
    with pytest.raises(ConfigError, match="is of describer seer"):
        asyncio.run(judge.start())
