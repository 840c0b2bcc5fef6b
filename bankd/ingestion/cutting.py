"""From a photo's bytes and maps to segments, descriptors and a pack. Pure: no session, no store, no clock."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bankd.catalog import labels as house_labels
from bankd.catalog import png
from bankd.catalog.admission import DescriptorFacts, SegmentFacts
from bankd.ingestion import labels as maps
from bankd.ingestion.decode import Decoded, Rgb, thumbnail, working, working_size
from bankd.ingestion.errors import TooManySegments
from bankd.ingestion.faces import NOBODY, Detector
from bankd.ingestion.zipped import zipped
from bankd.likeness import hashing
from synth.layout import pieces
from synth.retrieval import coherence, descriptors
from synth.segments import SegmentCut, cut_pieces

PACK_VERSION = 1
SEGMENTS_MOST = 10_000  # of a photo: ten times what street scenes have; noise has a million


@dataclass(frozen=True)
class Stored:
    """Bytes that will be kept, and what they are."""

    content: bytes
    media_type: str

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, eq=False)
class CutPhoto:
    """Everything that the catalog keeps of a photo's pixels, in the working frame."""

    frame: tuple[int, int]
    segments: tuple[SegmentFacts, ...]
    descriptors: tuple[DescriptorFacts, ...]
    pack: Stored
    labels: Stored
    depth: Stored | None
    thumbnail: Stored
    look: coherence.PhotoLook
    faces: Mapping[str, Any]  # as `catalog.models.Photo.faces`
    fingerprint: hashing.Fingerprint


def cut_photo(
    photo: Decoded,
    *,
    name: str,
    labels: bytes,
    instances: bytes | None,
    depth: bytes | None,
    classes: Mapping[int, int],
    thin: frozenset[int],
    persons: frozenset[int] = frozenset(),
    detect: Detector = NOBODY,
) -> CutPhoto:
    """Cut a photo by its label map, describe the segments and flag faces.

    Raises:
        Refused: the label map, the instance map or the depth does not fit the photo.
    """
    rgb = working(photo.rgb)
    frame = working_size(photo.frame)
    label_map = maps.decode_labels(labels, name=name, frame=photo.frame, working=frame, classes=classes)
    instance_map = depth_map = None
    if instances is not None:
        instance_map = maps.decode_instances(instances, name=name, frame=photo.frame)
        instance_map = maps.nearest(instance_map, frame)
    if depth is not None:
        depth_map = maps.nearest(maps.decode_depth(depth, name=name, frame=photo.frame), frame)
    found = pieces(label_map, instance_map)
    if found.count > SEGMENTS_MOST:
        raise TooManySegments(name, found.count, SEGMENTS_MOST)
    cuts = cut_pieces(found, depth_map, thin=thin)
    return CutPhoto(
        frame=frame,
        segments=tuple(
            SegmentFacts(
                category_id=one.region.category,
                instance=one.region.instance,
                area_px=one.region.area_px,
                box=(one.region.x0, one.region.y0, one.region.x1, one.region.y1),
                small=one.small,
                depth_mm=one.depth_mm,
            )
            for one in cuts
        ),
        descriptors=_descriptors(label_map, cuts),
        pack=Stored(pack(rgb, cuts), "application/zip"),
        labels=Stored(house_labels.encode(label_map), "image/png"),
        depth=None if depth_map is None else Stored(house_labels.encode(depth_map), "image/png"),
        thumbnail=Stored(thumbnail(rgb), "image/jpeg"),
        look=coherence.look(rgb, descriptors.scene_context(label_map)),
        faces=_faces(rgb, label_map, persons=persons, detect=detect),
        fingerprint=hashing.look(rgb),
    )


def _faces(
    rgb: Rgb, label_map: npt.NDArray[np.uint8], *, persons: frozenset[int], detect: Detector
) -> dict[str, Any]:
    """The faces flagged in a photo, each with whether its middle is labelled as a person."""
    found = []
    for face in detect(rgb):
        x0, y0, x1, y1 = face.box
        labelled = int(label_map[(y0 + y1) // 2, (x0 + x1) // 2]) in persons
        found.append({"box": [x0, y0, x1, y1], "score": face.score, "labelled": labelled})
    return {"detector": detect.name, "faces": found}


def pack(rgb: Rgb, cuts: Sequence[SegmentCut]) -> bytes:
    """A stored ZIP: `pack.json`, and per segment `<ordinal>.png`: RGBA of its box, zero outside its mask."""
    height, width = rgb.shape[:2]
    document: dict[str, Any] = {
        "version": PACK_VERSION,
        "frame": [height, width],
        "segments": [
            {
                "ordinal": one.region.ordinal,
                "category": one.region.category,
                "instance": one.region.instance,
                "x0": one.region.x0,
                "y0": one.region.y0,
                "x1": one.region.x1,
                "y1": one.region.y1,
                "area_px": one.region.area_px,
                "depth_mm": one.depth_mm,
            }
            for one in cuts
        ],
    }
    # Four bytes in one number: a pixel is kept or cleared at once.
    whole = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA).view(np.uint32)[..., 0]
    parts = [("pack.json", json.dumps(document, separators=(",", ":")).encode())]
    for one in cuts:
        region = one.region
        crop = whole[region.y0 : region.y1, region.x0 : region.x1] * region.mask
        rgba = crop.view(np.uint8).reshape(*crop.shape, 4)
        parts.append((f"{region.ordinal}.png", png.encode(rgba)))
    return zipped(parts)


def _descriptors(label_map: npt.NDArray[np.uint8], cuts: Sequence[SegmentCut]) -> tuple[DescriptorFacts, ...]:
    regions = [one.region for one in cuts]
    return tuple(
        DescriptorFacts(
            format=descriptors.FORMAT,
            frame=described.frame,
            masks=described.masks,
            planes=described.planes,
            mask_n=described.mask_n,
            context_n=described.context_n,
        )
        for described in descriptors.describe_in(descriptors.FRAMES, label_map, regions)
    )
