"""What the bank works out of a claim by itself, whatever rights say.

Pure, so that it can go on beside the questions to the database. It decides nothing: whoever seals waits for
it, and a picture that does not clear meanwhile is thrown away with all that was worked out of it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bankd.identifying.looks import Looks, looks_of
from synth.composition.ledger import recompose, thin_ids
from synth.composition.seams import mixed
from synth.layout import Layout
from synth.pictures import CanvasRule, Ledger, Mask, SynthError
from synth.refinement import Refined
from synth.workorder import OrderedCategory, RenderedVariation


@dataclass(frozen=True, eq=False)
class Worked:
    """`placements` are the segments' keys in the archive; `thin` the categories that the order calls so;
    `seams` where pixels of more than one photo may have been mixed."""

    ledger: Ledger | None  # None: the claim is not what its placements give
    seams: Mask
    placements: tuple[int, ...]
    thin: frozenset[int]
    looks: Looks


def work_out(
    spec: Mapping[str, Any],
    claim: RenderedVariation,
    made: Refined,
    *,
    layout: Layout,
    masks: Mapping[int, Mask],
    photo_of: Mapping[int, Hashable],
    network: bool,
) -> Worked:
    """The ledger of a claim's placements by the bank's own masks, and what its picture looks like.

    Args:
        spec: of the order.
        masks: the bank's own, of all segments of the order, by their key in the archive.
        photo_of: their photos, by the same.
        network: the order is for a network.
    """
    categories = {c["id"]: OrderedCategory(**c).facts() for c in spec["categories"]}
    ledger, seams = None, np.zeros(layout.labels.shape, bool)
    placements: tuple[int, ...] = ()
    try:
        placed = claim.placed()
        found = recompose(layout, placed, masks, categories, network=network, rule=canvas(spec))
    except SynthError:
        pass  # placements that are none give no ledger
    else:
        if found.ledger.digest() == claim.ledger_sha256:
            placements = tuple(p.segment for p in placed)
            photos = [photo_of[key] for key in placements]
            numbers = {photo: number for number, photo in enumerate(dict.fromkeys(photos))}
            ledger, seams = found.ledger, mixed(found, [numbers[photo] for photo in photos])
    return Worked(ledger, seams, placements, thin_ids(categories), looks_of(made.rgb))


def canvas(spec: Mapping[str, Any]) -> CanvasRule:
    """Orders from before there was another have a strict one."""
    rule: CanvasRule = spec.get("canvas", "strict")
    return rule
