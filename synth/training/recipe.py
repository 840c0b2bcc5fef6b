"""Recipes: everything that decides what a training run comes to, beside the snapshot.

A JSON file. The same recipe, snapshot, code and device give the same network.
"""

from pathlib import Path
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synth.pictures import MAX_AREA_PX, MAX_SIDE_PX, SynthError
from synth.retrieval.descriptors import Frame
from synth.training.canvases import CanvasRecipe
from synth.training.orders import OrderRecipe
from synth.training.shifts import ShiftRecipe

Kind = Literal["refinement", "transformation", "ordering"]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]


class BadRecipe(SynthError):
    """A recipe that cannot be followed."""


class LossRecipe(BaseModel):
    """What the refinement network is held to.

    `features` names the perceptual features, `none` for none; `features_sha256` pins their
    weights. With `half` they see pictures at half size. `taps` weighs their layers as the paper did, or
    so that all differ alike between photos of the snapshot.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: Literal["vgg16", "vgg19", "none"] = "vgg16"
    features_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    half: bool = True
    taps: Literal["balanced", "published"] = "balanced"
    perceptual: Weight = 1.0
    l1: Weight = 4.0
    semantics: Weight = 0.2


class DiscriminatorRecipe(BaseModel):
    """A patch discriminator for the last `share` of the steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Share = 0.2
    weight: Weight = 0.1
    rate: float = Field(default=2e-4, gt=0)


class Recipe(BaseModel):
    """One network's training.

    `frame` is where segments stand when they are compared, as in requests. The learning rate
    rises over `warm_up` steps, stays, and falls to nothing over the second half. `keep` lists
    steps whose checkpoints stay beside the last one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    kind: Kind
    width: Literal["small", "published"] = "small"
    seed: int = Field(default=1, ge=0, lt=2**63)
    height_px: int = Field(default=192, ge=32, le=MAX_SIDE_PX)
    width_px: int = Field(default=256, ge=32, le=MAX_SIDE_PX)
    frame: Frame = "scene"
    steps: int = Field(default=30_000, ge=1)
    batch: int = Field(default=1, ge=1)
    rate: float = Field(default=4e-4, gt=0)
    warm_up: int = Field(default=500, ge=0)
    ema: float = Field(default=0.995, ge=0, lt=1)
    bf16: bool = True
    keep: tuple[int, ...] = ()
    canvas: CanvasRecipe = CanvasRecipe()
    loss: LossRecipe = LossRecipe()
    discriminator: DiscriminatorRecipe | None = None
    shift: ShiftRecipe = ShiftRecipe()
    order: OrderRecipe = OrderRecipe()

    @model_validator(mode="after")
    def _makes_sense(self) -> "Recipe":
        if self.height_px * self.width_px > MAX_AREA_PX:
            raise ValueError(f"frames hold at most {MAX_AREA_PX} px")
        if self.discriminator is not None and self.kind != "refinement":
            raise ValueError("only a refinement network has a discriminator")
        return self

    @property
    def size(self) -> tuple[int, int]:
        return self.height_px, self.width_px

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rising = min(1.0, (step + 1) / (self.warm_up + 1))
        falling = min(1.0, 2 * (self.steps - step) / (self.steps + 1))
        return self.rate * min(rising, falling)

    def canonical(self) -> str:
        """RFC 8785, floats and all: what a checkpoint's card carries and runs are compared by."""
        return rfc8785.dumps(self.model_dump(mode="json")).decode()


def read(path: Path) -> Recipe:
    """Raises BadRecipe: the file is missing, or says something that no recipe says."""
    try:
        return Recipe.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadRecipe(f"recipe `{path}` cannot be read") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRecipe(f"recipe `{path}`: {where + ': ' if where else ''}{first['msg']}") from error
