"""From a scene to a photo and its exact label, instance and depth maps, with mitsuba."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
from categories import IDS, VOID
from meshes import write_ply
from numpy.typing import NDArray
from scenes import Scene
from things import Material

mi.set_variant("scalar_rgb")  # needs no LLVM; compiling for each scene costs more than it saves

import mitsuba_oidn as oidn  # noqa: E402  (needs the variant to be set)

GUIDE_SAMPLES = 6  # for the denoiser: albedo and normals, nearly free of noise


@dataclass(frozen=True)
class Truth:
    """Category ids; instances (0: none); millimetres along the optical axis (0: nothing hit)."""

    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    depth: NDArray[np.uint16]


def _linear(color: tuple[float, float, float]) -> list[float]:
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]


def _texture(pixels: NDArray[Any], size: tuple[float, float], *, raw: bool) -> dict[str, Any]:
    rows = np.ascontiguousarray(pixels[::-1])  # v runs up
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(rows),
        "raw": raw,
        "to_uv": mi.ScalarTransform3f().scale([1 / size[0], 1 / size[1]]),
    }


def _bsdf(material: Material) -> dict[str, Any]:
    color = material.color
    if isinstance(color, np.ndarray):
        base: dict[str, Any] = _texture(color, material.size, raw=False)
    else:
        base = {"type": "rgb", "value": _linear(color)}
    if material.glass > 0:
        clear = {
            "type": "thindielectric",
            "int_ior": 1.5,
            "specular_transmittance": {"type": "rgb", "value": [c**0.5 for c in _linear(color)]},
        }
        milk = {
            "type": "twosided",
            "bsdf": {"type": "roughplastic", "diffuse_reflectance": base, "alpha": max(material.rough, 0.05)},
        }
        return {"type": "blendbsdf", "weight": 1 - material.glass, "a": clear, "b": milk}
    if material.metal > 0.5:
        surface: dict[str, Any] = {
            "type": "principled",
            "base_color": base,
            "roughness": material.rough,
            "metallic": material.metal,
            "specular": 0.5,
        }
    elif material.coat > 0:
        surface = {
            "type": "principled",
            "base_color": base,
            "roughness": max(material.rough, 0.15),
            "specular": 0.5,
            "clearcoat": material.coat,
            "clearcoat_gloss": 0.9,
        }
    else:
        surface = {
            "type": "principled",
            "base_color": base,
            "roughness": material.rough,
            "specular": 0.35,
            "sheen": material.sheen,
            "sheen_tint": 0.6,
        }
    if material.relief is not None:
        relief = _texture(np.asarray(material.relief, dtype=np.float32), material.size, raw=True)
        surface = {"type": "bumpmap", "arbitrary": relief, "scale": material.depth, "bsdf": surface}
    return {"type": "twosided", "bsdf": surface}


def _shape(path: Path, material: Material) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "ply", "filename": str(path), "bsdf": _bsdf(material)}
    if material.glow is not None:
        glow = material.glow
        if isinstance(glow, np.ndarray):
            radiance: dict[str, Any] = _texture(glow.astype(np.float32), (1.0, 1.0), raw=True)
        else:
            radiance = {"type": "rgb", "value": list(glow)}
        shape["emitter"] = {"type": "area", "radiance": radiance}
    return shape


def _light(light: dict[str, Any]) -> dict[str, Any]:
    kind = light["kind"]
    if kind == "sky":
        return {
            "type": "envmap",
            "bitmap": mi.Bitmap(light["map"]),
            "to_world": mi.ScalarTransform4f().rotate([1, 0, 0], 90),
        }
    place = mi.ScalarTransform4f().look_at(origin=light["origin"], target=light["target"], up=[0, 0, 1])
    if kind == "softbox":
        return {
            "type": "rectangle",
            "to_world": place @ mi.ScalarTransform4f().scale([light["size"][0] / 2, light["size"][1] / 2, 1]),
            "emitter": {"type": "area", "radiance": {"type": "rgb", "value": list(light["radiance"])}},
        }
    pattern = np.asarray(light["pattern"], dtype=np.float32)
    return {
        "type": "projector",
        "to_world": place,
        "fov": light["fov"],
        "irradiance": {"type": "bitmap", "bitmap": mi.Bitmap(pattern), "raw": True},
        "scale": light["scale"],
    }


def _sensor(scene: Scene, width: int, height: int, samples: int, *, centred: bool) -> dict[str, Any]:
    camera = scene.camera
    sampler: dict[str, Any] = {"type": "independent", "sample_count": samples, "seed": 1}
    if centred:  # one ray through each pixel's centre
        sampler = {"type": "stratified", "sample_count": 1, "jitter": False}
    return {
        "type": "perspective",
        "fov": camera.fov,
        "fov_axis": "larger",
        "to_world": mi.ScalarTransform4f().look_at(origin=camera.origin, target=camera.target, up=[0, 0, 1]),
        "film": {
            "type": "hdrfilm",
            "width": width,
            "height": height,
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},
        },
        "sampler": sampler,
    }


def _load(scene: Scene, folder: Path, width: int, height: int, samples: int) -> Any:
    described: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": 6, "rr_depth": 3},
    }
    described["photo"] = _sensor(scene, width, height, samples, centred=False)
    described["truth"] = _sensor(scene, width, height, 1, centred=True)
    for i, thing in enumerate(scene.things):
        for j, part in enumerate(thing.parts):
            path = folder / f"{i}-{j}.ply"
            write_ply(path, part.mesh)
            described[f"thing_{i}_{j}"] = _shape(path, part.material)
    for k, light in enumerate(scene.lights):
        described[f"light_{k}"] = _light(light)
    # unoptimized: merging shapes of one material would lose whose they are
    return mi.load_dict(described, parallel=False, optimize=False)


def _truth(loaded: Any, scene: Scene) -> Truth:
    integrator = mi.load_dict({"type": "aov", "aovs": "where:position,shape:shape_index,depth:depth"})
    maps = np.array(mi.render(loaded, sensor=1, integrator=integrator, spp=1))[..., -5:]
    position, shape, hit = maps[..., :3], maps[..., 3], maps[..., 4] > 0
    category, instance = [], []
    for loaded_shape in loaded.shapes():
        parts = loaded_shape.id().split("_")
        owner = int(parts[1]) if parts[0] == "thing" else -1
        name = scene.things[owner].category if owner >= 0 else "void"
        category.append(IDS[name])
        instance.append(0 if name == "void" else owner + 1)
    index = np.where(hit, np.rint(shape) - 1, -1).astype(int)  # the channel counts from 1
    labels = np.where(hit, np.array(category)[index], VOID).astype(np.uint8)
    instances = np.where(hit, np.array(instance)[index], 0).astype(np.uint16)
    origin, target = np.array(scene.camera.origin), np.array(scene.camera.target)
    ahead = (target - origin) / np.linalg.norm(target - origin)
    depth = np.where(hit, np.rint(((position - origin) @ ahead) * 1000), 0)
    return Truth(labels, instances, np.clip(depth, 0, 65535).astype(np.uint16))


def _denoised(loaded: Any, samples: int) -> NDArray[np.float32]:
    color = np.array(mi.render(loaded, sensor=0, spp=samples, seed=1), dtype=np.float32)
    guides = mi.load_dict({"type": "aov", "aovs": "albedo:albedo,normal:sh_normal"})
    layers = np.array(
        mi.render(loaded, sensor=0, integrator=guides, spp=GUIDE_SAMPLES, seed=2), dtype=np.float32
    )
    color, albedo, normal = (
        np.ascontiguousarray(np.nan_to_num(a)) for a in (color, layers[..., -6:-3], layers[..., -3:])
    )
    return np.asarray(
        oidn.denoise(np.minimum(color, 60.0), np.clip(albedo, 0, 1), normal, hdr=True), dtype=np.float32
    )


def developed(radiance: NDArray[np.float32], scene: Scene) -> NDArray[np.uint8]:
    """Exposed, white balanced, tone mapped and grained: sRGB."""
    rng = np.random.Generator(np.random.Philox(key=[scene.seed, 7]))
    rgb = radiance.astype(np.float64) * np.array(scene.balance)
    luminance = rgb @ np.array([0.2126, 0.7152, 0.0722])
    middle = np.exp(np.mean(np.log(np.clip(luminance, 1e-4, np.quantile(luminance, 0.97)))))
    rgb = rgb * scene.key / middle
    blurred = _glare(rgb)
    rgb = rgb * 0.94 + blurred * 0.06
    x = np.maximum(rgb, 0)
    mapped = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)  # a filmic shoulder and toe
    grey = mapped.mean(axis=2, keepdims=True)
    mapped = np.clip(grey + (mapped - grey) * scene.saturation, 0, 1)
    srgb = np.where(mapped <= 0.0031308, 12.92 * mapped, 1.055 * mapped ** (1 / 2.4) - 0.055)
    height, width = luminance.shape
    y, x2 = np.mgrid[0:height, 0:width]
    away = ((x2 / width - 0.5) ** 2 + (y / height - 0.5) ** 2)[..., None]
    srgb = (
        srgb * (1 - 0.13 * away)
        + rng.normal(0, 0.0055, (height, width, 1))
        + rng.normal(0, 0.002, (height, width, 3))
    )
    return np.asarray(np.clip(srgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def _glare(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """A broad lens bloom, by a Fourier Gaussian."""
    height, width = rgb.shape[:2]
    padded = np.pad(np.minimum(rgb, 8), ((height // 4,) * 2, (width // 4,) * 2, (0, 0)), mode="edge")
    fy = np.fft.fftfreq(padded.shape[0])[:, None, None]
    fx = np.fft.rfftfreq(padded.shape[1])[None, :, None]
    spread = 0.025 * width
    kernel = np.exp(-2 * (np.pi * spread) ** 2 * (fx**2 + fy**2))
    out = np.fft.irfft2(np.fft.rfft2(padded, axes=(0, 1)) * kernel, s=padded.shape[:2], axes=(0, 1))
    return out[height // 4 : height // 4 + height, width // 4 : width // 4 + width]


def rendered(
    scene: Scene, *, width: int, height: int, samples: int, with_photo: bool = True
) -> tuple[NDArray[np.uint8] | None, Truth]:
    """The photo (None unless `with_photo`) and its maps; the same scene gives the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = _load(scene, Path(folder), width, height, samples)
        truth = _truth(loaded, scene)
        photo = developed(_denoised(loaded, samples), scene) if with_photo else None
    return photo, truth


def use_threads(count: int) -> None:
    dr.set_thread_count(count)
