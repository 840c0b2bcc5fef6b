"""CamVid's photos and label maps as its split names them, in house categories and at one size."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bankd.catalog import taxonomy
from synth.evaluation.pictures import LabelledPhoto
from synth.pictures import CategoryFacts
from synth.training.snapshot import Member

SIZE = (192, 256)  # height, width
OWN_SIZE = (360, 480)
MARGIN = 150  # frames: photos nearer than this show the same street

# Stretches of `bank` to tune on, so that `test` is looked at once: sequence, first and last frame.
TUNING = (
    ("0016E5", 1290, 1440),
    ("0016E5", 5010, 5160),
    ("0016E5", 6120, 6270),
    ("0016E5", 7290, 7440),
    ("0006R0", 1740, 1890),
    ("0006R0", 2820, 2970),
    ("0001TP", 7500, 7650),
    ("0001TP", 9000, 9150),
)


def facts() -> dict[int, CategoryFacts]:
    """Every house category, as composition wants to know it."""
    return {
        c.id: CategoryFacts(
            c.id, c.name, ground=c.ground, planar=c.planar, thin=c.thin,
            void=c.id == taxonomy.VOID, front_rank=c.front_rank,
        )
        for c in taxonomy.house().categories
    }  # fmt: skip


class CamVid:
    """The folder, read by names. `size` is (height, width) of everything that is handed out."""

    def __init__(self, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self._folder = folder
        self._size = size
        self.split = json.loads((folder / "split.json").read_text())
        classes = taxonomy.read_classes((folder / "classes.json").read_bytes())
        mapping = taxonomy.house().map_classes([{"id": c["id"], "name": c["name"]} for c in classes])
        self._table = np.zeros(256, np.uint8)
        self._table[list(mapping)] = list(mapping.values())
        self.categories = tuple(sorted(set(mapping.values()) - {taxonomy.VOID}))
        self._scene = {
            name: f"{number:02d}" for number, names in enumerate(self.split["scenes"]) for name in names
        }

    @classmethod
    def given(cls) -> "CamVid":
        """The folder that the setting BANKD_CAMVID names; where there is none, the program ends."""
        folder = Path(os.environ.get("BANKD_CAMVID", "camvid"))
        if not (folder / "split.json").is_file():
            print(f"error: `{folder}` holds no CamVid with its split.json: set BANKD_CAMVID", file=sys.stderr)
            raise SystemExit(2)
        return cls(folder)

    def at_own_size(self) -> "CamVid":
        """The same folder with photos as large as they are: what a bank cuts its segments from."""
        return CamVid(self._folder, OWN_SIZE)

    def photos(self, names: Sequence[str], scenes: dict[str, str] | None = None) -> list[LabelledPhoto]:
        return [self._read(name, (scenes or self._scene).get(name, "")) for name in names]

    def part(self, part: str) -> list[LabelledPhoto]:
        """`bank`, `test` or `unused`."""
        return self.photos(self.split[part])

    def member(self, name: str, profile_sha256: str) -> Member:
        """A photo for a snapshot to train on: as it is, neighbours in its sequence known by their frames."""
        sequence, frame = _frame(name)
        labels = cv2.imread(str(self._folder / "labels" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        return Member(
            name, sequence, frame, self._image(name).read_bytes(), self._table[labels], profile_sha256
        )

    def tuning(self) -> tuple[list[LabelledPhoto], list[LabelledPhoto]]:
        """Photos of `bank` to ask for, by stretch, and those that then make up the bank."""
        scenes: dict[str, str] = {}
        near: set[str] = set()
        for name in self.split["bank"]:
            sequence, frame = _frame(name)
            for number, (of, first, last) in enumerate(TUNING):
                if sequence == of and first <= frame <= last:
                    scenes[name] = f"tune {number}"
                if sequence == of and first - MARGIN <= frame <= last + MARGIN:
                    near.add(name)
        bank = [name for name in self.split["bank"] if name not in near]
        return self.photos(list(scenes), scenes), self.photos(bank)

    def _read(self, name: str, scene: str) -> LabelledPhoto:
        rgb = cv2.cvtColor(cv2.imread(str(self._image(name))), cv2.COLOR_BGR2RGB)
        labels = cv2.imread(str(self._folder / "labels" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        size = self._size[::-1]
        return LabelledPhoto(
            name,
            scene,
            np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8),
            self._table[cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)],
        )

    def _image(self, name: str) -> Path:
        return next((self._folder / "images").glob(f"{name}.*"))


def _frame(name: str) -> tuple[str, int]:
    sequence, number = name.split("_")
    return sequence, int(number.lstrip("f"))
