"""The thresholds of body-language detection: the `rules` of `nfbl.yaml`, each a number with the reason for it.

They are rules of thumb with stated reasons, fitted to no data set; H is a face height (forehead top to chin), SW a
shoulder width, and (u, v) the face's coordinates (origin between the eyes, v down).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator

from configs.errors import ConfigError
from configs.section import Seconds, Section, Share
from configs.yamlfile import printable, read_entries

Number = Annotated[float, Field(strict=False)]
Positive = Annotated[float, Field(gt=0.0)]


class PersonRules(Section):
    """Who is watched, and which landmarks are theirs."""

    choose_after_s: Seconds
    """A face is chosen once it has been there so long."""
    forget_after_s: Seconds
    """A person whose face and body are gone so long is given up."""
    larger: Positive
    """Another face takes over only when it is so many times as large, for `larger_for_s`."""
    larger_for_s: Seconds
    """How long it must be that much larger."""
    hand_reach: Positive
    """A hand belongs to the person whose pose wrist lies within so many SW."""
    wrist_visible: Share
    """Visibility from which a pose wrist can be asked."""
    shoulder_visible: Share
    """Visibility from which a shoulder is where the pose says."""
    small_face: Share
    """A face narrower than this share of the view's width gets a crop of its own."""


class FaceRules(Section):
    """The face's coordinates."""

    hold_s: Seconds
    """A lost mesh's frame is held so long, then rebuilt from the pose."""
    eye_mouth: Positive
    """Distance from eyes to mouth in H, for the frame rebuilt from the pose."""
    mesh_score: Share
    """Presence from which a mesh is believed."""


class HeadRules(Section):
    """Touching head, face and neck."""

    points: Annotated[int, Field(ge=1)]
    """Finger points that must lie in a zone."""
    full_points: Annotated[int, Field(ge=1)]
    """Finger points in zones from which the activation is 1."""
    hand_smallest: Positive
    """Smallest palm, seen from the front, in H."""
    hand_small: Positive
    """Size from which a hand is surely no phantom, in H."""
    hand_near: Positive
    """Size up to which a hand is surely no nearer than the head, in H."""
    hand_largest: Positive
    """Largest hand, in H: one held out in front is nearer and larger."""
    handedness: Share
    """Score from which a hand is one."""
    believed_s: Seconds
    """So long after that it stays one at a lower score."""
    speed_touch: Positive
    """Speed against the face up to which a hand surely touches, in H per second."""
    speed: Positive
    """Speed against the face above which a hand passes by, in H per second."""
    net_s: Seconds
    """Time over which a hand's way is taken, so that rubbing back and forth is no passing by."""
    cover_points: Annotated[int, Field(ge=3)]
    """Points of one hand on the face from which it covers it."""


class ArmsRules(Section):
    """Folded arms, a hand on the other arm, hands on hips."""

    visible: Share
    """Visibility from which shoulders, elbows and wrists are where the pose says."""
    hidden_wrist: Share
    """Visibility from which a wrist is believed in folded arms."""
    fold: Positive
    """Wrist to opposite elbow, in SW."""
    past: Positive
    """How far folded wrists lie past each other, in SW."""
    arm: Positive
    """Hand to the other arm's line, in SW."""
    arm_points: Annotated[int, Field(ge=3)]
    """Finger points on the other arm from which the activation is 1."""
    still: Positive
    """Speed up to which a hand rests on the other arm, in H per second."""
    akimbo: Positive
    """Wrist to hip, in SW."""
    elbow_out: Positive
    """Elbow beyond the shoulder sideways for akimbo, in SW."""
    bent: Share
    """Wrist to shoulder as a share of the arm's length, below which the elbow is bent as in akimbo."""
    trunk: Positive
    """Length of a trunk whose hips are seen and not guessed, in SW."""


class HandsRules(Section):
    """Hands at each other, at the chest."""

    apart: Positive
    """Least distance between points of the two hands, in hand sizes."""
    parted: Positive
    """Distance at which hands that were at each other have parted, in hand sizes."""
    wrists_apart: Positive
    """Distance of the pose's wrists up to which one found hand may be both, in SW."""
    wrist_visible: Share
    """Visibility from which a wrist is where the pose says."""
    rubbing: Positive
    """Speed up to which hands at each other are still, in H per second."""
    chest_points: Annotated[int, Field(ge=3)]
    """Finger points at the notch from which the activation is 1."""
    rest_s: Seconds
    """How long a hand must have stayed at the chest."""
    rest_travel: Positive
    """Largest extent of its way in that time, in H."""


class PostureRules(Section):
    """Shoulders, trunk, head."""

    visible: Share
    """Visibility from which a shoulder is where the pose says."""
    shrug_rise: Positive
    """Rise of the shoulders against their own past, in SW."""
    shrug_longest_s: Seconds
    """Shoulders that stay up longer are a way of sitting."""
    after_speech_s: Seconds
    """How long after speech a shrug belongs to it."""
    past_s: Seconds
    """The past shoulders are compared with."""
    usual_s: Seconds
    """The past over which the usual pitch of the head is taken."""
    usual_after_s: Seconds
    """How much of it must have been seen."""
    noise: Positive
    """The pose's noise, in SW."""
    scale_change: Positive
    """Change of size that is a lean, a step or a zoom, as a share."""
    torso_shift: Positive
    """Shift of the point between the shoulders, in SW."""
    torso_within_s: Seconds
    """Within so long."""
    head_up_deg: Positive
    """Rise of the head's pitch above the usual, in degrees."""
    head_up_longest_s: Seconds
    """A head that stays up longer is the way it is held now."""


class IllustrativeRules(Section):
    """Gestures that go with speech."""

    speed: Positive
    """Speed of a free hand from which it gestures, in H per second."""
    after_speech_s: Seconds
    """How long after speech a gesture belongs to it."""


class ConfoundRules(Section):
    """What looks like a touch and is none."""

    grip: Share
    """Folding of the fingers from which a hand is closed."""
    held_s: Seconds
    """A closed hand raised free, or at the mouth while the own lips speak, holds something after so long."""
    forget_s: Seconds
    """A hand unseen for so long may have put it down."""
    lips_move: Positive
    """Standard deviation of the lips' gap within a second from which they speak, in H."""
    doubtful: Share
    """Quality of a touch by a closed hand."""


class SegmentRules(Section):
    """From signals to events."""

    smoothing: Annotated[float, Field(gt=0.0, le=1.0)]
    """Weight of the newest value in the running mean at 10 Hz."""
    on: Share
    """Activation at which an episode begins."""
    off: Share
    """Activation at which it ends, at most `on`."""
    rise_s: Seconds
    """An episode began at most so long before its running mean reached `on`."""
    least_s: Seconds
    """Shorter episodes are none."""
    merge_s: Seconds
    """Two episodes closer than this are one."""
    merge_illustrative_s: Seconds
    """The same for gestures that go with speech."""
    vote_s: Seconds
    """What an episode looks like now is voted over so long."""
    split_s: Seconds
    """A new class must hold so long to split an episode."""
    longest_s: Seconds
    """An open episode is told of again after so long."""
    full_score_s: Seconds
    """Dwell from which the score is not reduced."""
    blind_s: Seconds
    """A hole in the landmarks longer than this ends what was open."""
    calm_s: Seconds
    """What can be seen must have changed so long before it is told."""
    ceiling_head: Share
    """Highest score of a head event: the measured precision of the rule."""
    ceiling_arms: Share
    """Highest score of an arms event."""
    ceiling_hands: Share
    """Highest score of a hands event."""
    ceiling_posture: Share
    """Highest score of a posture event."""
    ceiling_illustrative: Share
    """Highest score of an illustrative gesture."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.off > self.on:
            raise ValueError(f"off {self.off:g} must not be above on {self.on:g}")
        return self


class Rules(Section):
    """All thresholds."""

    person: PersonRules
    face: FaceRules
    head: HeadRules
    arms: ArmsRules
    hands: HandsRules
    posture: PostureRules
    illustrative: IllustrativeRules
    confounds: ConfoundRules
    segments: SegmentRules


RULES_FILE: Final = Path(__file__).with_name("nfbl.yaml")
"""The file that comes with the product."""


@cache
def rules() -> Rules:
    """The thresholds that come with the product, read once."""
    return read_rules(RULES_FILE)


def read_rules(path: Path) -> Rules:
    """Read the `rules` of a file of the form of `nfbl.yaml`.

    Raises:
        ConfigError: a threshold is missing, unknown, out of range or comes without its reason.
    """
    values: dict[str, dict[str, object]] = {}
    lines: dict[str, int] = {}
    reasons: Mapping[str, set[str]] = {"value": set(), "why": set()}
    for entry in read_entries(path, path.name):
        if not entry.key.startswith("rules."):
            continue
        where = f"{path.name}:{entry.line}: {printable(entry.key)}"
        parts = entry.key.split(".")
        if len(parts) != 4 or parts[3] not in reasons:
            raise ConfigError(f"{where}: expected rules.SECTION.NAME with `value` and `why`")
        _, section, name, part = parts
        key = f"{section}.{name}"
        lines.setdefault(key, entry.line)
        reasons[part].add(key)
        if part == "value":
            values.setdefault(section, {})[name] = entry.value
        elif not isinstance(entry.value, str) or not entry.value.strip():
            raise ConfigError(f"{where}: say in words why the value is what it is")
    for key in sorted(reasons["value"] ^ reasons["why"]):
        raise ConfigError(f"{path.name}:{lines[key]}: rules.{printable(key)} needs both `value` and `why`")
    try:
        return Rules.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{path.name}:{lines.get(key, 1)}: rules.{printable(key)}: {problem['msg']}") from error
