"""A trained model of skeletons: a folder with an ONNX network and its manifest, asked about windows of landmarks.

It is given coordinates and answers with probabilities; what they come to over time is the segmenter's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from numpy.typing import NDArray

from configs.errors import ModelUnavailable
from configs.yamlfile import printable
from streams.models.runtime import open_onnx
from streams.nfbl.landmarks import Points
from streams.nfbl.skeletons.joints import of_body, of_hand
from streams.nfbl.skeletons.manifest import FILE, Kind, Labels, Manifest, Values, read_manifest
from streams.nfbl.skeletons.windows import Mask, Times, laid_out, normalised, resampled

if TYPE_CHECKING:
    import onnxruntime

MAX_BYTES: Final = 500_000_000
"""A skeleton network has 1 to 40 MB; a file of this size is something else."""

LEAST_SEEN: Final = 0.5
"""Share of a window's joints that must have been seen: of COCO's 17 a seated person shows 11, a head alone 5."""

_ANCHORS: Final = ("left_shoulder", "right_shoulder", "nose")
_SUM_SLACK: Final = 1e-3
"""Single precision: probabilities may leave 0-1 by so much."""
# A tensor whose data lie in another file names it under this key; key and length are fixed by the format (onnx.proto3,
# StringStringEntryProto). The digest covers one file, so all weights have to be in it.
_EXTERNAL: Final = b"\x0a\x08location"

Run = Callable[[Points], NDArray[np.float32]]
"""The network: an input of the declared layout to all numbers of the output."""


class SkeletonModel:
    """A network with its manifest. Keeps nothing between windows.

    `joints` are what a window must bring: the manifest's, then the points its normalisation rests on.
    """

    def __init__(self, manifest: Manifest, run: Run) -> None:
        """Try the network once.

        Raises:
            ModelUnavailable: its answer is not what the manifest declares.
        """
        self.manifest = manifest
        self.joints = (*manifest.joints, *(joint for joint in _ANCHORS if joint not in manifest.joints))
        self.kinds = tuple(kind for kind in manifest.output.kinds if kind is not None)
        self.needs_body = any(of_body(joint) for joint in self.joints)
        self._run = run
        # Hands come and go, and their absence says something: what a window rests on is the rest of the body.
        counted = [not of_hand(joint) for joint in manifest.joints]
        self._counted = np.array(counted if any(counted) else [True] * len(counted))
        try:
            self._probabilities(np.zeros((manifest.input.frames, len(manifest.joints), 3), np.float32))
        except ModelUnavailable:
            raise
        except Exception as error:  # the runtime's errors share no narrower base
            raise ModelUnavailable(f"model {self.name} cannot be run: {_first_line(error)}") from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model's folder.

        Raises:
            ConfigError: the manifest is missing or wrong; the message names the line.
            ModelUnavailable: the network is missing, not the file of the manifest, or does not fit it.
        """
        manifest = read_manifest(folder)
        path = folder / manifest.model.file
        name = printable(str(path), 300)
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= MAX_BYTES else b""
        except OSError as error:
            raise ModelUnavailable(
                f"model file {name} cannot be read ({error.strerror}): put it beside {FILE}"
            ) from error
        if size > MAX_BYTES:
            raise ModelUnavailable(f"model file {name} has {size} bytes: a skeleton model may have {MAX_BYTES}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != manifest.model.sha256:
            raise ModelUnavailable(
                f"model file {name} has SHA-256 {digest}, not that of {FILE}: get the right file or mend model.sha256"
            )
        if _EXTERNAL in content:
            raise ModelUnavailable(f"model file {name} keeps weights in another file: save it as one file")
        del content
        try:
            session = open_onnx(path)
        except ModelUnavailable as error:
            reason = _first_line(error.__cause__ or error)
            raise ModelUnavailable(f"model file {name} cannot be loaded: {reason}") from error
        return cls(manifest, _runner(session, manifest, name))

    @property
    def name(self) -> str:
        """The manifest's name."""
        return self.manifest.name

    @property
    def digest(self) -> str:
        """SHA-256 of all that the manifest says, the network's own digest included."""
        return hashlib.sha256(self.manifest.model_dump_json().encode()).hexdigest()

    def window(
        self,
        points: Points,
        t_s: Times,
        mask: Mask,
        *,
        size_px: tuple[int, int],
        least_seen: float = LEAST_SEEN,
    ) -> tuple[dict[Kind, float], float]:
        """What a window shows: the probability 0-1 of each class and side, and the share 0-1 of joints seen.

        The window ends with the last tick and is resampled to the manifest's rate, whatever the ticks' own. There are
        no probabilities where fewer than `least_seen` of the joints were seen, or nothing to normalise by.

        Args:
            points: float32[S, J, 3], (x, y in pixels, score) of `joints` in each tick.
            t_s: float64[S], the ticks' media times (s), rising.
            mask: bool[S, J], which joints were seen.
            size_px: width and height of the frames.
            least_seen: see above.
        """
        form = self.manifest.input
        at = t_s[-1] - np.arange(form.frames - 1, -1, -1) / form.rate_hz
        values, seen = resampled(points, t_s, mask, at)
        joints = len(self.manifest.joints)
        share = float(seen[:, :joints][:, self._counted].mean())
        anchors = [self.joints.index(joint) for joint in _ANCHORS]
        placed = normalised(values, seen, form, anchors=anchors, size_px=size_px)
        if share < least_seen or placed is None:
            return {}, share
        found: dict[Kind, float] = {}
        for kind, probability in zip(
            self.manifest.output.kinds, self._probabilities(placed[:, :joints]).tolist(), strict=True
        ):
            if kind is not None:
                found[kind] = min(1.0, found.get(kind, 0.0) + probability)
        return found, share

    def _probabilities(self, window: Points) -> NDArray[np.float32]:
        """Of each output, for a normalised window float32[T, V, 3]."""
        form, output = self.manifest.input, self.manifest.output
        channels = window if form.confidence else window[:, :, :2]
        numbers = self._run(laid_out(channels, form.layout, form.people)).ravel()
        if numbers.size != len(output.classes):
            raise ModelUnavailable(
                f"model {self.name} has {numbers.size} outputs and {FILE} {len(output.classes)} classes: list one each"
            )
        if not np.isfinite(numbers).all():
            raise ModelUnavailable(f"model {self.name} answers with numbers that are none: check its normalisation")
        if output.values is Values.LOGITS:
            return _softmax(numbers) if output.labels is Labels.SINGLE else _sigmoid(numbers)
        most = numbers.sum() if output.labels is Labels.SINGLE else numbers.max()
        if numbers.min() < -_SUM_SLACK or most > 1 + _SUM_SLACK:
            raise ModelUnavailable(f"model {self.name} answers with no probabilities: declare `values: logits`")
        return np.clip(numbers, 0, 1)


def _runner(session: onnxruntime.InferenceSession, manifest: Manifest, name: str) -> Run:
    """The session as a function; ModelUnavailable where its input or output is not the declared one."""
    form, output = manifest.input, manifest.output
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = [one.name for one in session.get_outputs()]
    if list(inputs) != [form.name]:
        known = ", ".join(map(printable, inputs))
        raise ModelUnavailable(f"model file {name} has the inputs {known}, not just {printable(form.name)}: {FILE}")
    if output.name not in outputs:
        known = ", ".join(map(printable, outputs))
        raise ModelUnavailable(f"model file {name} has the outputs {known}, not {printable(output.name)}: {FILE}")
    channels = 3 if form.confidence else 2
    window = np.zeros((form.frames, len(manifest.joints), channels), np.float32)
    wanted, given = laid_out(window, form.layout, form.people).shape, inputs[form.name].shape
    fits = len(given) == len(wanted) and all(
        not isinstance(size, int) or size == own for size, own in zip(given, wanted, strict=True)
    )
    if not fits or inputs[form.name].type != "tensor(float)":
        raise ModelUnavailable(
            f"model file {name} takes {inputs[form.name].type} {list(given)}, and {FILE} declares {form.layout} "
            f"{list(wanted)}: correct layout, frames, joints, confidence or people"
        )

    def run(window: Points) -> NDArray[np.float32]:
        (numbers,) = session.run([output.name], {form.name: window})
        return np.asarray(numbers, np.float32)

    return run


def _softmax(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(numbers - numbers.max())
    return np.asarray(powers / powers.sum(), np.float32)


def _sigmoid(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    # tanh does not overflow where exp would.
    return np.asarray(0.5 * (1 + np.tanh(numbers / 2)), np.float32)


def _first_line(error: BaseException) -> str:
    return printable((str(error).strip() or type(error).__name__).splitlines()[0], 200)
