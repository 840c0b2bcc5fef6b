"""The card of a network checkpoint: what it is and what it came from, readable without torch.

A checkpoint is one safetensors file; its card is JSON in the file's metadata. The
SHA-256 of the file is the checkpoint's identity.
"""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from synth.pictures import SynthError

Kind = Literal["refinement", "transformation", "ordering"]
Width = Literal["small", "published"]
FORMAT = 1
METADATA_KEY = "card"
MAX_CHECKPOINT_BYTES = 1 << 30
_MAX_HEADER_BYTES = 16 << 20
_SHA256 = r"^[0-9a-f]{64}$"


class CheckpointRefused(SynthError):
    """A network checkpoint that cannot be used; the class says why."""


class NotACheckpoint(CheckpointRefused):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"`{name}` is no network checkpoint: {why}")
        self.why = why


class OtherVersion(CheckpointRefused):
    def __init__(self, name: str, version: object) -> None:
        super().__init__(f"`{name}` is a checkpoint of version `{version}`, and this program reads {FORMAT}")
        self.version = version


class OtherKind(CheckpointRefused):
    def __init__(self, name: str, kind: str, wanted: str) -> None:
        super().__init__(f"`{name}` is a checkpoint for `{kind}`, not for `{wanted}`")
        self.kind = kind
        self.wanted = wanted


class OtherTaxonomy(CheckpointRefused):
    """The checkpoint was trained on categories that this house does not have."""

    def __init__(self, name: str, categories: Collection[str]) -> None:
        listed = ", ".join(f"`{c}`" for c in categories)
        super().__init__(f"`{name}` was trained on categories unknown here: {listed}")
        self.categories = tuple(categories)


class Card(BaseModel):
    """What a checkpoint says about itself.

    `categories` are house category names in the order of the network's channels.
    `recipe` is the training recipe as it was run, `metrics` what was measured by the training
    itself, `features_sha256` the weights of the perceptual loss, where there was one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    kind: Kind
    width: Width
    height: Literal[256, 512, 1024] = 256  # frame height that a `published` refinement network has grown to
    categories: tuple[str, ...] = Field(min_length=1, max_length=255)
    snapshot_sha256: str = Field(pattern=_SHA256)
    code_version: str
    recipe: dict[str, Any]
    metrics: dict[str, float] = {}
    features_sha256: str | None = Field(default=None, pattern=_SHA256)

    @field_validator("categories")
    @classmethod
    def _each_once(cls, categories: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(categories)) < len(categories):
            raise ValueError("a category is named twice")
        return categories

    def require(self, name: str, *, kind: Kind | None, known: Collection[str] | None) -> None:
        """Raises OtherKind, or OtherTaxonomy if a category is not among `known`."""
        if kind is not None and self.kind != kind:
            raise OtherKind(name, self.kind, kind)
        if known is not None and (unknown := [c for c in self.categories if c not in known]):
            raise OtherTaxonomy(name, unknown)


def read_file(path: Path) -> tuple[bytes, str]:
    """The file's bytes and their SHA-256.

    Raises:
        NotACheckpoint: absent, unreadable or too large.
    """
    try:
        size = path.stat().st_size
        if size > MAX_CHECKPOINT_BYTES:
            raise NotACheckpoint(path.name, f"it has {size} bytes, and {MAX_CHECKPOINT_BYTES} are the most")
        data = path.read_bytes()
    except OSError as error:
        raise NotACheckpoint(path.name, (error.strerror or "it cannot be read").lower()) from error
    return data, hashlib.sha256(data).hexdigest()


def read_card(data: bytes, name: str) -> Card:
    """The card of a checkpoint's bytes, if the file is whole. Its tensors are not looked at.

    Raises:
        NotACheckpoint: another kind of file, or one that was cut short.
        OtherVersion: a checkpoint that another version of this program wrote.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= _MAX_HEADER_BYTES or data[8:9] != b"{":
        raise NotACheckpoint(name, "it is no safetensors file")
    if len(data) < 8 + length:
        raise NotACheckpoint(name, "it was cut short")
    try:
        header = json.loads(data[8 : 8 + length])
        card = json.loads(header.pop("__metadata__")[METADATA_KEY])
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise NotACheckpoint(name, "it has no card") from error
    if not isinstance(end, int) or len(data) != 8 + length + end:
        raise NotACheckpoint(name, "it was cut short or added to")
    if not isinstance(card, dict) or card.get("version") != FORMAT:
        raise OtherVersion(name, card.get("version") if isinstance(card, dict) else None)
    try:
        return Card.model_validate(card)
    except ValidationError as error:
        first = error.errors()[0]
        raise NotACheckpoint(name, f"its card's {'.'.join(map(str, first['loc']))} is wrong") from error
