"""What a device can do: in which precision networks run on it, and how much memory it has left."""

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import nn

from synth.pictures import SynthError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_SPARE = 0.9  # of what is free: the rest of the program breathes too
_STEP_PX = 32
_SAYS_FULL = ("not enough memory", "can't allocate memory", "out of memory")


class OutOfMemory(SynthError):
    """A frame that does not fit. `fits` is the size (height, width) that would, None if hardly any does."""

    def __init__(self, size: tuple[int, int], device: str, fits: tuple[int, int] | None) -> None:
        height, width = size
        advice = (
            f"at most `{fits[1]}x{fits[0]}` px fit" if fits else "free some memory or take another device"
        )
        super().__init__(f"`{width}x{height}` px do not fit into the memory of `{device}`; {advice}")
        self.size = size
        self.fits = fits


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 by itself: emulated, it is slower than float32."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # PyTorch before 2.10 cannot say
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def autocast(device: str) -> AbstractContextManager[object]:
    """Convolutions in bfloat16 where the device has it: on a CPU about 0.6 of the time."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bfloat16(device))


def prepared(network: nn.Module, device: str) -> None:
    """Move a network, its kernels laid out channels last, as its convolutions are fastest."""
    network.to(device)
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def repeatable() -> AbstractContextManager[object]:
    """The same convolution algorithm each time, so that a picture can be made again."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


class DeviceMemory:
    """A meter of what PyTorch's tensors hold on a CUDA device."""

    def __init__(self, device: str) -> None:
        self._device = device

    def lower(self) -> None:
        torch.cuda.reset_peak_memory_stats(self._device)

    def most_bytes(self) -> int:
        return torch.cuda.max_memory_allocated(self._device)


def meter(device: str) -> DeviceMemory | None:
    """None where the device has no memory of its own."""
    return DeviceMemory(device) if torch.device(device).type == "cuda" else None


def free_bytes(device: str) -> int | None:
    """Memory that may still be taken; None where the system does not say."""
    if torch.device(device).type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    bounds = [_number(line) * 1024 for line in _lines(_MEMINFO) if line.startswith("MemAvailable:")]
    most, taken = _lines(_CGROUP / "memory.max"), _lines(_CGROUP / "memory.current")
    if most and taken and most[0].isdigit():
        bounds.append(max(0, int(most[0]) - int(taken[0])))
    return min(bounds) if bounds else None


def require_memory(size: tuple[int, int], *, bytes_per_px: float, device: str) -> None:
    """Look before the work starts: a system that is out of memory kills before it answers.

    Raises:
        OutOfMemory: naming the size that fits.
    """
    free = free_bytes(device)
    if free is not None and size[0] * size[1] * bytes_per_px > _SPARE * free:
        raise OutOfMemory(size, device, fitting(size, bytes_per_px=bytes_per_px, free=free))


def fitting(size: tuple[int, int], *, bytes_per_px: float, free: int) -> tuple[int, int] | None:
    """The largest frame of about this shape, in steps of 32 px and no larger than `size`."""
    share = min(1.0, (_SPARE * free / bytes_per_px / (size[0] * size[1])) ** 0.5)
    height, width = (int(side * share) // _STEP_PX * _STEP_PX for side in size)
    return (height, width) if height and width else None


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch ran out of memory: on a CPU only the words say so."""
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error).lower() for w in _SAYS_FULL)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _number(line: str) -> int:
    return int(line.split()[1])
