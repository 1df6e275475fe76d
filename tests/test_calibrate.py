from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cli
from buffers.evidence import Cadence, Coverage, Window
from configs.errors import ConfigError
from monitor.calibrate.calibration import calibrate, report
from monitor.calibrate.collect import Collected, Sample, collect
from monitor.calibrate.file import Method, ModelIdentity, read_calibration
from monitor.calibrate.fit import balanced, fit, quality, stickiness
from monitor.calibrate.labels import LabelledSpan, label_of, read_session_labels
from monitor.describers.base import ModelInfo
from monitor.journal import Journal
from monitor.judges.base import Label, Verdict
from monitor.records import DeidentificationRecord, Mode, SessionRecord, VerdictRecord
from tests.made_answers import DESCRIBER, JUDGE

pytestmark = pytest.mark.unit

WHOLE = Coverage(1.0, 1.0, 1.0)
MATCHED = (ModelIdentity.of(DESCRIBER), ModelIdentity.of(JUDGE))


def journal(
    folder: Path,
    name: str,
    said: Sequence[float | None],
    *,
    judge: ModelInfo = JUDGE,
    digest: str | None = None,
    describer: str = "seer",
    p_stated: float | None = None,
) -> Path:
    """The journal of one recording, with a local window every 15 s."""
    path = folder / f"{name}.jsonl"
    head = SessionRecord(
        media_s=0.0,
        source=f"{name}.mp4",
        digest=digest or name,
        tracks=(),
        av_offset_s=None,
        duration_s=None,
        mode=Mode.MAX,
        profile="default",
        settings_digest="0" * 64,
        describer=DESCRIBER,
        judge=judge,
        deidentification=DeidentificationRecord(detector="centerface", mask="solid", voice="drop"),
        version="0",
    )
    with Journal(path, f"s-{name}", fsync=False) as file:
        file.append(head)
        for n, p in enumerate(said):
            window = Window(n + 1, 15.0 * n, 15.0 * n + 30, Cadence.LOCAL)
            verdict = Verdict.abstain(judge, describer, "too little")
            if p is not None:
                label = Label.POSITIVE if p >= 0.5 else Label.NEGATIVE
                calibrated = p_stated is not None
                verdict = Verdict(label, p, 5.0, "sage", describer, calibrated, "so", p_stated=p_stated)
            file.append(VerdictRecord.of(window, verdict, WHOLE))
    return path


def labelled(folder: Path, *rows: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(["recording,label,start_s,end_s", *rows]) + "\n")
    return path


def study(folder: Path, accuracy: float = 0.7, recordings: int = 12, windows: int = 20, seed: int = 0) -> list[str]:
    """Journals of recordings, every second one positive, by a judge that always says 0.9; returns the command."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(recordings):
        positive = number % 2 == 0
        right = rng.random(windows) < accuracy
        journal(folder, f"clip{number}", [0.9 if ok == positive else 0.1 for ok in right])
        rows.append(f"clip{number}.mp4,{'positive' if positive else 'negative'},,")
    return ["calibrate", str(folder), "--labels", str(labelled(folder, *rows))]


def collected(logits: Sequence[float], positive: Sequence[bool], each: int) -> Collected:
    """Windows of recordings of `each` windows."""
    samples = tuple(
        Sample(n // each, Window(n + 1, 15.0 * n, 15.0 * n + 30, Cadence.LOCAL), 1 / (1 + math.exp(-x)), label)
        for n, (x, label) in enumerate(zip(logits, positive, strict=True))
    )
    return Collected(samples, tuple(f"r{n}" for n in range(len(logits) // each)), *MATCHED, ())


def test_a_study_makes_a_file_that_says_what_the_judge_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made.json"
    assert cli.main([*study(tmp_path), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "240 labelled windows of 12 recordings, 120 positive" in printed
    assert "Calibrated is better than as stated" in printed
    made = read_calibration(out)
    assert made.method is Method.PLATT
    assert made.apply(0.9) == pytest.approx(0.7, abs=0.07)
    assert made.apply(0.1) == pytest.approx(0.3, abs=0.07)
    assert made.correlation < 0.2
    assert (made.describer, made.judge) == MATCHED
    assert made.cap_logit == pytest.approx(math.log(13))
    assert made.calibrated.log_loss.value < made.stated.log_loss.value
    assert not made.forced


def test_the_same_labels_make_the_same_file_whatever_their_order(tmp_path: Path) -> None:
    command = study(tmp_path)
    texts = []
    for journals in (sorted(tmp_path.glob("*.jsonl")), sorted(tmp_path.glob("*.jsonl"), reverse=True)):
        out = tmp_path / "made.json"
        cli.main(["calibrate", *map(str, journals), *command[2:], "--out", str(out)])
        texts.append(json.loads(out.read_text())["data"])
    assert texts[0] == texts[1]


def test_a_calibration_that_is_no_better_is_not_written_unless_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nine of ten right, as it says: there is nothing to mend, and a fit can only lose.
    rows = []
    for number in range(6):
        positive = number % 2 == 0
        right = [n % 10 != 0 for n in range(10)]
        journal(tmp_path, f"clip{number}", [0.9 if ok == positive else 0.1 for ok in right])
        rows.append(f"clip{number},{int(positive)},,")
    out = tmp_path / "made.json"
    command = ["calibrate", str(tmp_path), "--labels", str(labelled(tmp_path, *rows)), "--out", str(out)]
    assert cli.main(command) == 0
    assert "NOT better" in capsys.readouterr().out
    assert not out.exists()
    assert cli.main([*command, "--force"]) == 0
    assert read_calibration(out).forced == "not better than as stated"


def test_too_little_is_refused_and_what_is_forced_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*study(tmp_path, recordings=4, windows=10, seed=3), "--out", str(tmp_path / "made.json")]
    assert cli.main(command) == 2
    assert (
        capsys.readouterr().err == "emotion-monitor: too little to calibrate on: 40 labelled windows instead of 50, "
        "4 recordings instead of 5; label more, or insist with --force\n"
    )
    assert cli.main([*command, "--force"]) == 0
    assert "4 recordings instead of 5" in read_calibration(tmp_path / "made.json").forced


def test_one_label_alone_cannot_be_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = journal(tmp_path, "clip", [0.8] * 5)
    command = ["calibrate", str(path), "--labels", str(labelled(tmp_path, "clip,positive,,")), "--force"]
    assert cli.main(command) == 2
    assert "0 recordings with negative windows instead of 2; label more\n" in capsys.readouterr().err


def test_a_judge_that_is_more_often_wrong_than_right_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(study(tmp_path, accuracy=0.3)) == 2
    assert "the judge is more often wrong than right on these 240 windows (slope -0." in capsys.readouterr().err


def test_the_embedded_judge_is_not_calibrated(tmp_path: Path) -> None:
    cues = replace(JUDGE, name="cues", temper=1.0, cap_logit=0.4)
    path = journal(tmp_path, "clip", [0.6], judge=cues)
    with pytest.raises(ConfigError, match="cues is not calibrated, because its probabilities are bounded by published"):
        collect([path], read_session_labels(labelled(tmp_path, "clip,positive,,")))


def test_journals_of_several_models_are_refused_and_listed(tmp_path: Path) -> None:
    paths = [
        journal(tmp_path, "one", [0.6]),
        journal(tmp_path, "two", [0.6], judge=replace(JUDGE, model="sage-2", fingerprint="feed" * 16)),
    ]
    labels = read_session_labels(labelled(tmp_path, "one,positive,,", "two,negative,,"))
    with pytest.raises(ConfigError, match=r"2 pairs of models.*sage sage-1 \(5a6e.*sage sage-2 \(feedfeedfeed\)"):
        collect(paths, labels)


def test_one_recording_does_not_count_twice(tmp_path: Path) -> None:
    paths = [journal(tmp_path, "one", [0.6], digest="d"), journal(tmp_path, "two", [0.6], digest="d")]
    labels = read_session_labels(labelled(tmp_path, "one,positive,,", "two,positive,,"))
    with pytest.raises(ConfigError, match=r"one\.jsonl and two\.jsonl are of one recording"):
        collect(paths, labels)


def test_what_the_judge_itself_stated_counts_and_what_was_not_its_own_does_not(tmp_path: Path) -> None:
    paths = [
        journal(tmp_path, "one", [0.55, None, 0.56], p_stated=0.9),
        journal(tmp_path, "two", [0.6], describer="cues"),
        journal(tmp_path, "three", [0.6]),
    ]
    labels = read_session_labels(labelled(tmp_path, "one,win,,", "two,lose,,", "four,1,,"))
    found = collect(paths, labels)
    assert [one.p_stated for one in found.samples] == [0.9, 0.9]
    assert found.notices == (
        "no label for three.jsonl: left out",
        "no journal for four: its labels count for nothing",
        "1 windows that another describer stood in for: left out",
    )


@pytest.mark.parametrize(
    ("spans", "label"),
    [
        ([(0.0, math.inf, True)], True),
        ([(0.0, 25.0, False)], False),
        ([(0.0, 24.0, False)], None),
        ([(0.0, 25.0, False), (25.0, 60.0, True)], None),
        ([(0.0, 27.0, False), (27.0, 60.0, True)], False),
        ([(10.0, 18.0, True), (20.0, 28.0, True)], True),
        ([(50.0, 60.0, True)], None),
    ],
)
def test_a_window_has_the_label_that_covers_half_of_it(
    spans: list[tuple[float, float, bool]], label: bool | None
) -> None:
    window = Window(1, 10.0, 40.0, Cadence.LOCAL)
    assert label_of(window, tuple(LabelledSpan(*span) for span in spans)) is label


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("recording\na\n", "labels.csv:1: no column label in the first line"),
        ("recording,label,start_s\na.mp4,win,1\n", "start_s and end_s go together"),
        ("recording,label,label\n", "the column label is there twice"),
        ("recording,label\n", "holds no labels"),
        ("recording,label\n,positive\n", "labels.csv:2: names no recording"),
        ("recording,label\na,happy\n", "label is 'happy', expected positive or negative"),
        ("recording,label,start_s,end_s\na,win,5,\n", "end_s is '', expected a number"),
        ("recording,label,start_s,end_s\na,win,5,5\n", "end_s 5 is not after start_s 5"),
        ("recording,label,start_s,end_s\na,win,nan,5\n", "start_s is 'nan'"),
        ("recording,label\na,win\na,lose\n", "labels.csv:3: a is labelled as a whole and once more"),
        ('recording,label\n"a,win\n', "not readable as CSV"),
        ("recording,label\na\0,win\n", "holds a zero byte"),
    ],
)
def test_labels_that_are_none_are_refused_by_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_session_labels(path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_labels_as_spreadsheets_write_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b'\xef\xbb\xbfRecording,note,Label\r\n\r\n"a, b.mp4",x,Positive\r\n')
    assert read_session_labels(path).spans == {"a, b.mp4": (LabelledSpan(0.0, math.inf, True),)}


def test_a_fit_finds_the_line_that_labels_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(40_000) < 0.8  # a base rate that must not end up in the line
    evidence = np.where(positive, 0.5, -0.5) + rng.normal(size=len(positive))  # its log-odds are itself
    line = fit((evidence + 0.4) / 0.25, positive, Method.PLATT)
    assert line.a == pytest.approx(0.25, rel=0.05)
    assert line.b == pytest.approx(-0.4, abs=0.04)
    slope = fit(evidence / 0.25, positive, Method.TEMPERATURE)
    assert slope.a == pytest.approx(0.25, rel=0.05)
    assert slope.b == 0.0


def test_a_judge_that_was_never_wrong_is_still_not_believed_without_bounds() -> None:
    logits = np.array([2.0, -2.0] * 30)
    line = fit(logits, logits > 0, Method.PLATT)
    assert 0.99 < 1 / (1 + math.exp(-2 * line.a)) < 0.9999


def test_few_labels_or_a_rare_one_get_a_slope_alone() -> None:
    rng = np.random.default_rng(1)
    positive = np.repeat([True, False] * 10, 20)
    logits = np.where(rng.random(400) < 0.7, 1.0, -1.0) * np.where(positive, 2.0, -2.0)
    many = collected(logits.tolist(), positive.tolist(), 20)
    assert calibrate(many, None, force=False).calibration.method is Method.PLATT
    few = collected(logits[:180].tolist(), positive[:180].tolist(), 20)
    assert calibrate(few, None, force=False).calibration.method is Method.TEMPERATURE
    assert calibrate(few, Method.PLATT, force=False).calibration.method is Method.PLATT


def test_what_is_not_better_than_the_default_temper_says_so() -> None:
    # Right 54 of 100 times, always sure of 0.8: what the default temper assumes.
    positive = [number % 2 == 0 for number in range(10) for _ in range(50)]
    right = (np.random.default_rng(3).random(500) < 0.54).tolist()
    said = [1.386 if ok == label else -1.386 for ok, label in zip(right, positive, strict=True)]
    outcome = calibrate(collected(said, positive, 50), Method.TEMPERATURE, force=False)
    assert 0.05 < outcome.calibration.a < 0.2
    assert outcome.better
    assert "It is not shown to be better than the default temper" in report(outcome)


def test_saying_the_same_because_it_is_true_is_no_stickiness() -> None:
    rng = np.random.default_rng(2)
    sessions = [
        (np.where(rng.random(100) < 0.9, 1.4, -1.4) * (1 if label else -1), np.full(100, label))
        for label in [True, False] * 10
    ]
    assert stickiness(sessions) < 0.1
    assert stickiness([(np.array([1.0, 1.0]), np.array([True, True]))]) == 0.5


def test_figures_weigh_both_labels_the_same() -> None:
    positive = np.array([True] * 9 + [False])
    p = np.array([0.8] * 10)
    found = quality(p, positive, np.arange(10))
    assert found.brier.value == pytest.approx((0.04 + 0.64) / 2)
    assert found.log_loss.value == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2)
    assert found.ece.value == pytest.approx(0.3)
    assert balanced(positive)[:9].sum() == pytest.approx(balanced(positive)[9:].sum())
    assert found.brier.interval is not None
    assert quality(p[:2], positive[:2], np.array([0, 1])).brier.interval is None
