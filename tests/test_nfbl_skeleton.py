"""A skeleton model: what is refused when it is loaded, what it is shown, and who answers when it fails."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.records import Group, NfblEvent, Phase
from configs.errors import ConfigError, ModelUnavailable, MonitorError
from configs.rules import rules
from streams.nfbl.features import Features
from streams.nfbl.feed import Report
from streams.nfbl.joints import JOINTS as ALL_JOINTS
from streams.nfbl.joints import gathered
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.manifest import InputPart, Kind, Layout, Manifest, read_manifest
from streams.nfbl.modelled import FAILURES, SLOW_RUNS, FallbackScorer, ModelScorer
from streams.nfbl.segmenter import Segmenter
from streams.nfbl.signals import Family, Sight, Signal
from streams.nfbl.skeleton import SkeletonModel
from streams.nfbl.windows import GAP_S, laid_out, normalised, resampled
from tests.made_body import made_body, made_features
from tests.made_skeleton import FRAMES, RATE_HZ, made_manifest, made_model, made_network

pytestmark = pytest.mark.unit

UP, DOWN = (330.0, 90.0), (250.0, 320.0)
RIGHT_N3 = Kind("N3", Group.HEAD, Side.RIGHT)


def tick(t_s: float, *, up: float = 1.0, looked_at: bool = True) -> Features:
    """A tick with the left wrist down and the right one raised by this share of the way."""
    right = (DOWN[0] + up * (UP[0] - DOWN[0]), DOWN[1] + up * (UP[1] - DOWN[1]))
    return made_features(made_body(t_s, wrists=((390.0, 320.0), right), looked_at=looked_at))


def ticks(end_s: float, *, up_from_s: float = 0.0, rate_hz: float = 10.0) -> Iterator[Features]:
    for number in range(round(end_s * rate_hz) + 1):
        yield tick(number / rate_hz, up=float(number / rate_hz >= up_from_s))


@pytest.fixture
def model(tmp_path: Path) -> SkeletonModel:
    return SkeletonModel.load(made_model(tmp_path / "tiny"))


def fake(numbers: NDArray[np.float32] | Exception, **changes: object) -> SkeletonModel:
    """A model with a right manifest that answers with these numbers, or fails with this after its trial run."""
    runs = 0

    def run(_: Points) -> NDArray[np.float32]:
        nonlocal runs
        runs += 1
        if isinstance(numbers, Exception):
            if runs > 1:
                raise numbers
            return np.zeros(3, np.float32)
        return numbers

    return SkeletonModel(Manifest.model_validate(made_manifest("0" * 64, **changes)), run)


# --- loading ---------------------------------------------------------------------------------------------------------

WRONG_MANIFESTS: list[tuple[dict[str, object], str]] = [
    ({"licence": ...}, "licence: Field required"),
    ({"licence": ""}, "licence: String should have at least 1 character"),
    ({"source": ...}, "source: Field required"),
    ({"name": "../up"}, "name: String should match"),
    ({"extra": 1}, "extra: Extra inputs are not permitted"),
    ({"model__file": "../model.onnx"}, "model.file: '../model.onnx' is no plain file name"),
    ({"model__sha256": "abc"}, "model.sha256: String should match"),
    ({"model": 3}, "model: Input should be a valid dictionary"),
    ({"joints": ["nose", "tail"]}, "joints: 'tail' is no joint"),
    ({"joints": ["nose", "nose"]}, "joints: nose is listed twice"),
    ({"joints": []}, "joints: Tuple should have at least 1 item"),
    ({"input__layout": "VTC"}, "input.layout: Input should be 'NCTV', 'NTVC', 'NCTVM' or 'NMTVC'"),
    ({"input__people": 2}, "input: layout NCTV has no axis for 2 people"),
    ({"input__frames": 500}, "input: 500 frames at 10 Hz are more than 30 s"),
    ({"input__rate_hz": float("nan")}, "input.rate_hz: "),
    ({"input__confidence": "yes"}, "input.confidence: Input should be a valid boolean"),
    ({"input__centre": "hips"}, "input.centre: Input should be 'mid-shoulders', 'nose', 'picture' or 'none'"),
    ({"output__classes": ["N3", None, "N99"]}, "output.classes: 'N99' is no class of the taxonomy"),
    ({"output__classes": ["N3", None, "N16 up"]}, "output.classes: 'N16 up' is no class of the taxonomy"),
    ({"output__classes": ["N3", "N4", "N16"]}, "needs a null, the output for no gesture at all"),
    ({"output__classes": [None, None, None]}, "output: classes: none of them is in the taxonomy"),
    ({"output__values": "numbers"}, "output.values: Input should be 'logits' or 'probabilities'"),
]


@pytest.mark.parametrize(("changes", "said"), WRONG_MANIFESTS)
def test_a_wrong_manifest_is_refused_with_its_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SkeletonModel.load(made_model(tmp_path, **changes))
    message = str(caught.value)
    assert said in message
    assert message.startswith(f"{tmp_path / 'manifest.yaml'}")
    assert message.endswith("docs/nfbl-models.md says what it may be")
    assert "\n" not in message


def test_a_key_that_is_a_value_and_a_section_is_refused(tmp_path: Path) -> None:
    folder = made_model(tmp_path)
    text = (folder / "manifest.yaml").read_text("utf-8")
    (folder / "manifest.yaml").write_text(f"model: 3\nmodel.file: x\n{text.replace('model:', 'other:')}", "utf-8")
    with pytest.raises(ConfigError, match=r"manifest\.yaml:2: model is a value and a section"):
        SkeletonModel.load(folder)


def test_a_folder_or_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere is no folder: nfbl\.model takes one with a manifest\.yaml"):
        SkeletonModel.load(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"manifest\.yaml cannot be read: No such file"):
        SkeletonModel.load(tmp_path)


WRONG_NETWORKS: list[tuple[dict[str, object], bytes | None, str]] = [
    ({"model__file": "other.onnx"}, None, "cannot be read (No such file or directory): put it beside manifest.yaml"),
    ({"model__sha256": "0" * 64}, None, "get the right file or mend model.sha256"),
    ({}, b"not a network", "model.onnx cannot be loaded: "),
    ({}, made_network() + b"\x0a\x08location\x12\x01x", "keeps weights in another file: save it as one file"),
    ({"input__name": "z"}, None, "has the inputs x, not just z"),
    ({"output__name": "z"}, None, "has the outputs y, not z"),
    ({"input__confidence": False}, None, "declares NCTV [1, 2, 8, 4]: correct layout, frames, joints"),
    ({"input__layout": "NCTVM"}, None, "takes tensor(float) [1, 3, "),
    ({"joints": ["nose", "left_wrist"]}, None, "model tiny cannot be run: "),
    ({"input__frames": 4}, None, "model tiny cannot be run: "),
    ({"input__frames": 9}, None, "model tiny has 6 outputs and manifest.yaml 3 classes"),
    ({"output__classes": ["N3", None]}, None, "model tiny has 3 outputs and manifest.yaml 2 classes"),
    ({"output__values": "probabilities"}, None, "answers with no probabilities: declare `values: logits`"),
    ({}, made_network(bias=(0.0, float("nan"), 0.0)), "answers with numbers that are none"),
]


@pytest.mark.parametrize(("changes", "network", "said"), WRONG_NETWORKS)
def test_a_network_that_is_not_the_manifests_is_refused(
    tmp_path: Path, changes: dict[str, object], network: bytes | None, said: str
) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        SkeletonModel.load(made_model(tmp_path, network, **changes))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_for_a_network_are_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    with pytest.raises(MonitorError) as caught:
        SkeletonModel.load(made_model(tmp_path_factory.mktemp("model"), content))
    assert "\n" not in str(caught.value)


# --- joints ----------------------------------------------------------------------------------------------------------


def test_joints_are_the_watched_persons_and_unsure_ones_are_missing() -> None:
    features = made_features(made_body(0.0, right_hand=(300.0, 150.0), mesh=True))
    names = ("nose", "left_ankle", "right_hand_wrist", "left_hand_wrist", "mesh_10", "mid_shoulders")
    points, seen = gathered(features, names, least_score=0.5)
    assert seen.tolist() == [True, False, True, False, True, True]
    body = features.body
    assert body.pose is not None
    assert body.mesh is not None
    assert points[0, :2] == pytest.approx(body.pose[0, :2])
    assert points[2, :2] == pytest.approx(features.hands[0].points[0])
    assert points[4, :2] == pytest.approx(body.mesh[10])
    assert points[5, :2] == pytest.approx(body.pose[11:13, :2].mean(axis=0))
    assert not points[~seen].any()


def test_every_joint_has_one_place() -> None:
    assert sorted(ALL_JOINTS.values()) == list(range(33 + 2 * 21 + 468 + 2))


# --- windows ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(0.02, GAP_S), min_size=1, max_size=30),
    st.floats(-50, 50),
    st.floats(-500, 500),
    st.floats(1, 60),
)
def test_resampling_a_straight_line_is_exact_and_makes_up_nothing(
    steps: list[float], speed: float, start: float, rate_hz: float
) -> None:
    t_s = np.cumsum([0.0, *steps])
    points = np.zeros((t_s.size, 1, 3), np.float32)
    points[:, 0, 0] = start + speed * t_s
    at_s = t_s[-1] - np.arange(20) / rate_hz
    values, seen = resampled(points, t_s, np.ones((t_s.size, 1), np.bool_), at_s)
    assert seen[:, 0].tolist() == [bool(at >= t_s[0] - 1e-6) for at in at_s]
    assert values[seen[:, 0], 0, 0] == pytest.approx(start + speed * at_s[seen[:, 0]], abs=1e-3)
    assert not values[~seen].any()


def test_a_joint_that_was_away_too_long_is_missing_between_its_sightings() -> None:
    t_s = np.array([0.0, 0.1, 0.2, 0.4, 0.8, 0.9])
    points = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 1, 3), np.float32)
    at_s = np.array([-0.1, 0.0, 0.15, 0.3, 0.4, 0.6, 0.8, 0.9, 1.0])
    values, seen = resampled(points, t_s, np.ones((6, 1), np.bool_), at_s)
    assert seen[:, 0].tolist() == [False, True, True, True, True, False, True, True, False]
    assert values[:, 0, 0].tolist() == pytest.approx([0, 0, 1.5, 2.5, 3, 0, 4, 5, 0])


def form(**changes: object) -> InputPart:
    manifest = made_manifest("0" * 64, **{f"input__{key}": value for key, value in changes.items()})
    return InputPart.model_validate(manifest["input"])


def trunk(frames: int = 5) -> Points:
    """Left shoulder, right shoulder, nose and a hand; all move right by 10 px a frame."""
    still = np.array([[400, 200, 1], [200, 200, 1], [300, 100, 1], [300, 300, 1]], np.float32)
    moved = np.repeat(still[None], frames, axis=0)
    moved[:, :, 0] += 10 * np.arange(frames, dtype=np.float32)[:, None]
    return moved


@pytest.mark.parametrize(
    ("changes", "hand"),
    [
        ({}, (0.0, 0.5)),
        ({"centre": "nose"}, (0.0, 1.0)),
        ({"centre": "picture", "scale": "half-picture"}, (0.0, 2 / 3)),
        ({"centre": "picture", "scale": "picture"}, (0.0, 1 / 3)),
        ({"centre": "none", "scale": "none"}, (320.0, 300.0)),
    ],
)
def test_windows_are_moved_and_scaled_as_declared(changes: dict[str, object], hand: tuple[float, float]) -> None:
    placed = normalised(trunk(), np.ones((5, 4), np.bool_), form(**changes), anchors=[0, 1, 2], size_px=(640, 360))
    assert placed is not None
    assert placed[2, 3].tolist() == pytest.approx([*hand, 1.0])


def test_the_windows_centre_lets_the_trunk_move_and_the_frames_does_not() -> None:
    seen = np.ones((5, 4), np.bool_)
    window = normalised(trunk(), seen, form(), anchors=[0, 1, 2], size_px=(640, 360))
    frame = normalised(trunk(), seen, form(centre_over="frame"), anchors=[0, 1, 2], size_px=(640, 360))
    assert window is not None
    assert frame is not None
    assert window[:, 3, 0].tolist() == pytest.approx([-0.1, -0.05, 0, 0.05, 0.1])
    assert frame[:, 3, 0].tolist() == pytest.approx([0.0] * 5)


def test_nothing_is_normalised_by_shoulders_that_were_not_seen() -> None:
    seen = np.ones((5, 4), np.bool_)
    seen[:, 0] = False
    assert normalised(trunk(), seen, form(), anchors=[0, 1, 2], size_px=(640, 360)) is None


@pytest.mark.parametrize(
    ("layout", "people", "shape"),
    [
        (Layout.NCTV, 1, (1, 3, 5, 4)),
        (Layout.NTVC, 1, (1, 5, 4, 3)),
        (Layout.NCTVM, 2, (1, 3, 5, 4, 2)),
        (Layout.NMTVC, 2, (1, 2, 5, 4, 3)),
    ],
)
def test_layouts_put_every_number_where_they_say(layout: Layout, people: int, shape: tuple[int, ...]) -> None:
    window = np.arange(60, dtype=np.float32).reshape(5, 4, 3)
    out = laid_out(window, layout, people)
    assert out.shape == shape
    axes = {axis: place for place, axis in enumerate(layout)}
    for t, v, c in np.ndindex(5, 4, 3):
        index = [0] * len(shape)
        index[axes["T"]], index[axes["V"]], index[axes["C"]] = t, v, c
        assert out[tuple(index)] == window[t, v, c]
    assert out.sum() == window.sum()


# --- the model -------------------------------------------------------------------------------------------------------


def shown(model: SkeletonModel, features: list[Features]) -> tuple[dict[Kind, float], float]:
    seen = [gathered(one, model.joints, least_score=0.5) for one in features]
    times = np.array([one.t_s for one in features])
    return model.window(np.stack([p for p, _ in seen]), times, np.stack([m for _, m in seen]), size_px=(640, 360))


def test_the_network_is_shown_the_window_and_its_classes_come_back(model: SkeletonModel) -> None:
    raised, share = shown(model, list(ticks(1.0)))
    assert raised[RIGHT_N3] > 0.99
    assert share == 1.0
    lowered, _ = shown(model, list(ticks(1.0, up_from_s=9.0)))
    assert lowered[RIGHT_N3] < 0.01
    assert set(raised) == set(model.kinds) == {RIGHT_N3, Kind("N16", Group.ARMS, Side.NONE)}


def test_the_answer_does_not_depend_on_the_rate_of_the_ticks(model: SkeletonModel) -> None:
    answers = []
    for rate_hz in (8.0, 10.0, 15.0, 30.0):
        rising = [tick(number / rate_hz, up=number / rate_hz / 2) for number in range(round(rate_hz) + 1)]
        answers.append(shown(model, rising)[0][RIGHT_N3])
    assert answers == pytest.approx([answers[0]] * 4, rel=1e-3)
    assert 1e-6 < answers[0] < 0.999999


def test_too_few_joints_seen_are_no_answer(model: SkeletonModel) -> None:
    found, share = shown(model, list(ticks(0.2)))
    assert found == {}
    assert share == pytest.approx(3 / FRAMES)


def test_independent_outputs_are_probabilities_of_their_own() -> None:
    model = fake(np.array([0.0, 3.0, -3.0], np.float32), output__labels="multi", output__classes=["N3", "N3", "N7"])
    found, _ = shown(model, list(ticks(1.0)))
    assert found[Kind("N3", Group.HEAD, Side.NONE)] == 1.0
    assert found[Kind("N7", Group.HEAD, Side.NONE)] == pytest.approx(1 / (1 + np.exp(3.0)))


def test_another_network_or_another_word_on_it_is_another_model(tmp_path: Path, model: SkeletonModel) -> None:
    same = SkeletonModel.load(made_model(tmp_path / "same"))
    network = SkeletonModel.load(made_model(tmp_path / "network", made_network(bias=(0.0, 5.0, 0.0))))
    stride = SkeletonModel.load(made_model(tmp_path / "stride", input__stride_s=0.3))
    assert same.digest == model.digest
    assert len({model.digest, network.digest, stride.digest}) == 3


# --- the scorer ------------------------------------------------------------------------------------------------------


def test_a_scorer_follows_the_model_and_repeats_it_between_strides(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    sights = [scorer.look(features) for features in ticks(3.0, up_from_s=1.0)]
    assert sights[0].blind == {Group.HEAD: "too little of the body seen", Group.ARMS: "too little of the body seen"}
    assert sights[9] == Sight()
    last = sights[-1].signals
    assert [(one.group, one.family, one.side) for one in last] == [(Group.HEAD, Family.MODEL, Side.RIGHT)]
    assert last[0].activation > 0.99
    assert last[0].votes[0][0] == "N3"
    assert last[0].votes[0][1] == pytest.approx(10 * last[0].activation)
    assert last[0].quality == 1.0
    changes = [n for n in range(1, 31) if sights[n] != sights[n - 1]]
    assert all(later - earlier >= 2 for earlier, later in itertools.pairwise(changes))


def test_a_window_ends_where_the_body_was_looked_at(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    sight = Sight()
    for number in range(30):
        sight = scorer.look(tick(number / 10, looked_at=number % 2 == 0))
    assert sight.signals[0].activation > 0.99
    assert sight.signals[0].quality == 1.0


def test_the_same_ticks_make_the_same_signals(model: SkeletonModel) -> None:
    first, second = (ModelScorer(model, rules()) for _ in range(2))
    assert [first.look(one) for one in ticks(2.0, up_from_s=1.0)] == [
        second.look(one) for one in ticks(2.0, up_from_s=1.0)
    ]


def test_a_hole_or_a_reset_forgets_the_window(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    assert [scorer.look(one) for one in ticks(2.0)][-1].signals
    assert scorer.look(tick(9.0)).signals == ()
    assert [scorer.look(tick(9.1 + n / 10)) for n in range(20)][-1].signals
    scorer.reset()
    assert scorer.look(tick(11.1)).signals == ()


def test_memory_does_not_grow(model: SkeletonModel) -> None:
    scorer = ModelScorer(model, rules())
    for features in ticks(20.0):
        scorer.look(features)
    assert len(scorer._ticks) <= (model.manifest.input.window_s + GAP_S) * RATE_HZ + 2


# --- the rules behind it ---------------------------------------------------------------------------------------------

TOUCH = Signal(Group.HEAD, Family.TOUCH, Side.RIGHT, 1.0, (("N3", 3.0), ("N34", 1.0)))
SHRUG = Signal(Group.POSTURE, Family.SHRUG, Side.BOTH, 0.8, (("N30", 1.0),))


class StubRules:
    """Always says the same."""

    def __init__(self) -> None:
        self.resets = 0

    def look(self, features: Features) -> Sight:
        return Sight((TOUCH, SHRUG), {Group.HANDS: "out of view"})

    def reset(self) -> None:
        self.resets += 1


def test_rules_answer_for_what_the_model_does_not_know_or_see(model: SkeletonModel) -> None:
    stub = StubRules()
    scorer = FallbackScorer(ModelScorer(model, rules()), [stub])
    sights = [scorer.look(features) for features in ticks(3.0)]
    assert sights[0] == Sight((TOUCH, SHRUG), {Group.HANDS: "out of view"})
    families = {signal.family: signal for signal in sights[-1].signals}
    assert set(families) == {Family.MODEL, Family.TOUCH, Family.SHRUG}
    assert families[Family.SHRUG] == SHRUG
    # A touch that is N3 three to one is the model's to tell; what is left of it opens nothing.
    assert families[Family.TOUCH].votes == (("N34", 1.0),)
    assert families[Family.TOUCH].activation == 0.25
    assert sights[-1].blind == {Group.HANDS: "out of view"}
    scorer.reset()
    assert stub.resets == 1


def test_a_model_that_fails_again_and_again_is_given_up_and_the_rules_go_on() -> None:
    scorer = FallbackScorer(ModelScorer(fake(RuntimeError("no")), rules()), [StubRules()])
    for number, features in enumerate(ticks(3.0)):
        assert scorer.look(features).signals == (TOUCH, SHRUG)
        if number < 5:
            assert scorer.given_up is None
    assert scorer.given_up == f"failed {FAILURES} times in a row (RuntimeError)"


def test_numbers_that_are_none_count_as_failures() -> None:
    numbers = np.zeros(3, np.float32)
    scorer = ModelScorer(fake(numbers), rules())
    assert [scorer.look(one) for one in ticks(1.0)][-1].signals
    numbers[0] = np.nan
    for number in range(20):
        scorer.look(tick(1.1 + number / 10))
    assert scorer.given_up == f"failed {FAILURES} times in a row (ModelUnavailable)"


@pytest.mark.parametrize(("takes_s", "kept"), [(0.19, True), (0.21, False)])
def test_a_model_slower_than_its_stride_is_given_up(model: SkeletonModel, takes_s: float, kept: bool) -> None:
    times = (number * takes_s for number in range(1000))
    scorer = ModelScorer(model, rules(), now_s=lambda: next(times))
    sights = [scorer.look(features) for features in ticks(3.0)]
    assert bool(sights[-1].signals) == kept
    assert (scorer.given_up is None) == kept
    if not kept:
        assert scorer.given_up == f"took longer than its stride of 0.2 s {SLOW_RUNS} times in a row"


# --- the whole chain -------------------------------------------------------------------------------------------------


def test_a_raised_wrist_becomes_one_event_of_the_model_whatever_the_rate(model: SkeletonModel) -> None:
    for rate_hz in (10.0, 15.0, 30.0):
        scorer = FallbackScorer(ModelScorer(model, rules()), [])
        segmenter = Segmenter(rules().segments, source=scorer.source)
        reports: list[Report] = []
        for number in range(round(8 * rate_hz)):
            t_s = number / rate_hz
            sight = scorer.look(tick(t_s, up=float(2.0 <= t_s < 5.0)))
            reports += segmenter.step(t_s, sight.signals, None)
        reports += segmenter.finish(8.0)
        events = [report.item for report in reports if isinstance(report.item, NfblEvent)]
        assert [(event.id, event.phase) for event in events] == [("e1", Phase.OPEN), ("e1", Phase.CLOSE)]
        last = events[-1]
        assert (last.class_id, last.group, last.side, last.source) == ("N3", Group.HEAD, "right", "model:tiny+rules")
        # The model sees a window of 0.7 s that must be half full of it, every 0.2 s.
        assert last.start_s == pytest.approx(2.3, abs=0.31)
        assert last.end_s == pytest.approx(5.3, abs=0.5)


# --- the page --------------------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[1] / "docs" / "nfbl-models.md"


def test_the_pages_manifest_is_a_right_one(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0], "utf-8")
    manifest = read_manifest(tmp_path)
    assert Kind("N10", Group.HEAD, Side.LEFT) in manifest.output.kinds
    assert manifest.input.window_s == pytest.approx(47 / 16)


def test_the_page_names_every_key_of_the_manifest() -> None:
    page = PAGE.read_text("utf-8")
    for section in (Manifest, *(field.annotation for field in Manifest.model_fields.values())):
        for key in getattr(section, "model_fields", {}):
            assert f"{key}:" in page
