"""One photo or one layout, rendered and written; what is there already is left alone."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from categories import palette
from families import arranged, opened
from PIL import Image

# Layouts come from seeds far from any photo's; `--truth` renders the photos they were taken from.
LAYOUT_SEED_OFFSET = 1_000
FORMATS = {7: ".png", 20: ".webp", 33: ".tif", 46: ".webp"}  # a few photos in other formats


def suffix(index: int) -> str:
    return FORMATS.get(index, ".jpg")


def run(job: tuple[argparse.Namespace, str, int]) -> tuple[str, float]:
    options, kind, index = job
    started = time.monotonic()
    name = photo(options, index) if kind == "photo" else layout(options, index)
    return name, time.monotonic() - started


def named(index: int, family: str) -> str:
    return f"{index:03d}-{family}"


def photo(options: argparse.Namespace, index: int) -> str:
    from render import rendered, use_threads  # mitsuba is loaded in workers alone

    name = named(index, opened(options.seed, index)[0].family)
    out: Path = options.out
    paths = [out / "labels" / f"{name}.png", out / "instances" / f"{name}.png", out / "depth" / f"{name}.png"]
    picture = out / "photos" / f"{name}{suffix(index)}"
    if picture.exists() and all(p.exists() for p in paths):
        return f"{name} (there)"
    scene = arranged(options.seed, index)
    use_threads(1)
    size = (options.height, options.width) if scene.portrait else (options.width, options.height)
    pixels, truth = rendered(scene, width=size[0], height=size[1], samples=options.samples)
    assert pixels is not None
    put(labelled(truth.labels), paths[0], optimize=True)
    put(Image.fromarray(truth.instances), paths[1], optimize=True)
    put(Image.fromarray(truth.depth), paths[2], optimize=True)
    save_photo(pixels, picture)
    return name


def layout(options: argparse.Namespace, index: int) -> str:
    from render import rendered, use_threads

    seed = options.seed + LAYOUT_SEED_OFFSET
    name = named(index, opened(seed, index)[0].family)
    path: Path = options.out / "layouts" / f"{name}.png"
    truth_path = options.truth / f"{name}.jpg" if options.truth else None
    if path.exists() and (truth_path is None or truth_path.exists()):
        return f"layout {name} (there)"
    scene = arranged(seed, index)
    scene.portrait = False
    use_threads(1)
    pixels, truth = rendered(
        scene,
        width=options.width,
        height=options.height,
        samples=options.samples,
        with_photo=truth_path is not None,
    )
    put(labelled(truth.labels), path, optimize=True)
    if truth_path is not None and pixels is not None:
        truth_path.parent.mkdir(parents=True, exist_ok=True)
        save_photo(pixels, truth_path)
    return f"layout {name}"


def labelled(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels, mode="P")
    image.putpalette(palette())
    return image


def save_photo(pixels: np.ndarray, path: Path) -> None:
    options: dict[str, dict[str, object]] = {
        ".jpg": {"quality": 92},
        ".webp": {"quality": 92},
        ".tif": {"compression": "tiff_deflate"},
        ".png": {"optimize": True},
    }
    put(Image.fromarray(pixels), path, **options[path.suffix])


def put(image: Image.Image, path: Path, **options: object) -> None:
    """Written whole or not at all, so that a run that was cut off can be taken up again."""
    part = path.with_name(f".{path.name}")
    image.save(part, format=Image.registered_extensions()[path.suffix], **options)
    part.replace(path)
