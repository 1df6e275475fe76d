"""A skeleton model's folder: what is refused when it is loaded, and what the network is shown and answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Group
from configs.errors import ConfigError, ModelUnavailable, MonitorError
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Side
from streams.nfbl.skeletons.joints import gathered
from streams.nfbl.skeletons.manifest import Kind, Manifest, read_manifest
from streams.nfbl.skeletons.model import SkeletonModel
from tests.made_skeleton import FRAMES, fake_model, made_manifest, made_model, made_network, tick, ticks

pytestmark = pytest.mark.unit

RIGHT_N3 = Kind("N3", Group.HEAD, Side.RIGHT)


@pytest.fixture
def model(tmp_path: Path) -> SkeletonModel:
    return SkeletonModel.load(made_model(tmp_path / "tiny"))


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


RIGHT = yaml.safe_dump(made_manifest("0" * 64))


@given(st.integers(0, len(RIGHT)), st.integers(0, 40), st.text(max_size=20))
def test_a_manifest_damaged_anywhere_is_one_line_or_still_right(
    tmp_path_factory: pytest.TempPathFactory, at: int, cut: int, put: str
) -> None:
    folder = tmp_path_factory.mktemp("model")
    damaged = RIGHT[:at] + put + RIGHT[at + cut :]
    (folder / "manifest.yaml").write_bytes(damaged.encode("utf-8", "surrogatepass"))
    message = ""
    try:
        read_manifest(folder)
    except ConfigError as error:
        message = str(error)
    assert message.isprintable()


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
    model = fake_model(
        np.array([0.0, 3.0, -3.0], np.float32), output__labels="multi", output__classes=["N3", "N3", "N7"]
    )
    found, _ = shown(model, list(ticks(1.0)))
    assert found[Kind("N3", Group.HEAD, Side.NONE)] == 1.0
    assert found[Kind("N7", Group.HEAD, Side.NONE)] == pytest.approx(1 / (1 + np.exp(3.0)))


def test_another_network_or_another_word_on_it_is_another_model(tmp_path: Path, model: SkeletonModel) -> None:
    same = SkeletonModel.load(made_model(tmp_path / "same"))
    network = SkeletonModel.load(made_model(tmp_path / "network", made_network(bias=(0.0, 5.0, 0.0))))
    stride = SkeletonModel.load(made_model(tmp_path / "stride", input__stride_s=0.3))
    assert same.digest == model.digest
    assert len({model.digest, network.digest, stride.digest}) == 3


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
