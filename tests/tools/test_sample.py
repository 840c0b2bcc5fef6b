"""The committed sample keeps what its README promises."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

SAMPLE = Path(__file__).parents[2] / "sample"
PHOTOS = sorted((SAMPLE / "photos").iterdir())
LAYOUTS = sorted((SAMPLE / "layouts").iterdir())
SIZES = {(512, 384), (384, 512)}


@cache
def categories() -> dict[int, str]:
    return {entry["id"]: entry["name"] for entry in json.loads((SAMPLE / "classes.json").read_text())}


@cache
def pixels(path: Path) -> NDArray[np.generic]:
    with Image.open(path) as image:
        return np.asarray(image)


def of(photo: Path, folder: str) -> NDArray[np.generic]:
    return pixels(SAMPLE / folder / f"{photo.stem}.png")


def void() -> int:
    return next(i for i, name in categories().items() if name == "void")


def test_there_are_sixty_photos_and_twelve_layouts_and_no_map_without_a_photo() -> None:
    assert len(PHOTOS) == 60
    assert len(LAYOUTS) == 12
    stems = {photo.stem for photo in PHOTOS}
    assert len(stems) == 60
    for folder in ("labels", "instances", "depth"):
        assert {path.stem for path in (SAMPLE / folder).iterdir()} == stems


def test_the_sample_stays_under_twenty_megabytes() -> None:
    files = [path for path in SAMPLE.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert sum(path.stat().st_size for path in files) < 20_000_000  # networks have their own twenty


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_a_photo_and_its_maps_lie_on_one_another(photo: Path) -> None:
    with Image.open(photo) as image:
        assert image.mode == "RGB"
        assert image.size in SIZES
        width, height = image.size
    with Image.open(SAMPLE / "labels" / f"{photo.stem}.png") as labels:
        assert labels.mode == "P"
    for folder in ("labels", "instances", "depth"):
        assert of(photo, folder).shape == (height, width)
    assert of(photo, "depth").dtype == np.uint16
    assert of(photo, "instances").max() < 2**16
    assert set(np.unique(of(photo, "labels")).tolist()) <= set(categories())


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_a_photo_is_exposed(photo: Path) -> None:
    grey = pixels(photo).mean(axis=2)
    assert 40 < grey.mean() < 215
    assert grey.std() > 15
    assert (grey > 252).mean() < 0.15


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_an_instance_is_of_one_category_and_void_has_none(photo: Path) -> None:
    labels, instances = of(photo, "labels"), of(photo, "instances")
    assert np.array_equal(instances == 0, labels == void())
    for instance in np.unique(instances[instances > 0]):
        assert len(np.unique(labels[instances == instance])) == 1


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_every_pixel_has_a_depth_and_little_is_void(photo: Path) -> None:
    depth = of(photo, "depth")
    assert depth.min() > 200  # millimetres
    assert depth.max() < 15_000
    assert (of(photo, "labels") == void()).mean() < 0.03


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda path: path.stem)
def test_depth_steps_where_things_end(photo: Path) -> None:
    """Steps of depth (25 mm and 1%) lie on borders of instances far more often than chance."""
    depth, instances = of(photo, "depth").astype(float), of(photo, "instances")
    step = np.abs(np.diff(depth, axis=1)) > 25 + 0.01 * depth[:, 1:]
    border = instances[:, 1:] != instances[:, :-1]
    assert step.any()
    assert border[step].mean() > 4 * border.mean()


def test_at_least_twelve_categories_are_each_in_five_photos() -> None:
    shown = dict.fromkeys(categories().values(), 0)
    for photo in PHOTOS:
        labels = of(photo, "labels")
        for i, name in categories().items():
            shown[name] += bool((labels == i).mean() >= 0.001)
    common = {name for name, count in shown.items() if count >= 5 and name != "void"}
    assert len(common) >= 12, shown


def test_layouts_show_only_what_the_photos_can_serve_and_equal_none_of_them() -> None:
    served: set[int] = set()
    for photo in PHOTOS:
        served |= set(np.unique(of(photo, "labels")).tolist())
    for path in LAYOUTS:
        layout = pixels(path)
        assert layout.shape == (384, 512)
        assert set(np.unique(layout).tolist()) <= served
        for photo in PHOTOS:
            labels = of(photo, "labels")
            if labels.shape == layout.shape:
                assert (labels == layout).mean() < 0.97


def test_the_list_names_each_photo_once_with_what_it_shows() -> None:
    with (SAMPLE / "photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["file"] for row in rows) == [photo.name for photo in PHOTOS]
    assert {row["light"] for row in rows} == {"daylight", "sun", "evening", "overcast"}
    for row in rows:
        labels = pixels(SAMPLE / "labels" / f"{Path(row['file']).stem}.png")
        present = {categories()[i] for i in np.unique(labels).tolist()}
        assert set(row["shows"].split()) <= present
