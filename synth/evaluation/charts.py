"""Small charts of an evaluation, as SVG without scripts."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.measure import REAL, Measured

_WIDTH, _LEFT, _RIGHT, _ROW = 460, 130, 16, 26
_COLORS = {REAL: "#1c2430", "blend": "#d98b2b", "parametric": "#8a6fb8", "full": "#2f6fb3"}
_OTHER = "#7d8795"


def intervals(measured: Measured, figure: str, systems: Sequence[str]) -> str:
    """Value and interval of one figure, a line for each system that has it."""
    found = [(name, measured.figures[name][figure]) for name in systems if figure in measured.figures[name]]
    if not found:
        return ""
    ends = [end for _, one in found for end in (*one.interval, one.value) if np.isfinite(end)]
    low, high = min(0.0, *ends), max(ends)
    span = (high - low) or 1.0
    inner = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + inner * float(np.clip((value - low) / span, 0, 1))

    marks = []
    for at, (name, one) in enumerate(found):
        y, color = _ROW * at + 18, _COLORS.get(name, _OTHER)
        first, last = one.interval
        marks.append(
            f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
            f'<line x1="{x(first):.1f}" x2="{x(last):.1f}" y1="{y}" y2="{y}" stroke="{color}" '
            'stroke-width="3" stroke-linecap="round" opacity=".45"/>'
            f'<circle cx="{x(one.value):.1f}" cy="{y}" r="5" fill="{color}"/>'
        )
    height = _ROW * len(found) + 40
    return _figure(
        figure,
        height,
        _axis([low, high] if x(0) - x(low) < 40 else [low, 0.0, high], x, height - 26) + "".join(marks),
    )


def spectrum_chart(spectra: Mapping[str, NDArray[np.float64]], systems: Sequence[str]) -> str:
    """Mean power by frequency, one line a system: too low on the right is blur, too high is noise."""
    shown = [name for name in systems if name in spectra]
    height, top, bottom = 250, 12, 40
    every = np.concatenate([spectra[name] for name in shown])
    low, high = float(every.min()), float(every.max())
    inner = _WIDTH - 50 - _RIGHT
    lines = []
    for at, name in enumerate(shown):
        values = spectra[name]
        color = _COLORS.get(name, _OTHER)
        points = " ".join(
            f"{50 + inner * n / (len(values) - 1):.1f},"
            f"{top + (height - top - bottom) * (high - value) / ((high - low) or 1):.1f}"
            for n, value in enumerate(values.tolist())
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.8"/>'
            f'<text x="{_WIDTH - _RIGHT}" y="{top + 14 + 17 * at}" text-anchor="end" fill="{color}">'
            f"{escape(name)}</text>"
        )
    axis = (
        f'<text x="50" y="{height - 14}">low</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="{height - 14}" text-anchor="end">highest frequency</text>'
        f'<text x="44" y="{top + 8}" text-anchor="end">{high:.1f}</text>'
        f'<text x="44" y="{height - bottom}" text-anchor="end">{low:.1f}</text>'
    )
    return _figure("mean power spectrum, log10", height, "".join(lines) + axis)


def _axis(ends: Sequence[float], x: Callable[[float], float], y: float) -> str:
    return "".join(
        f'<line x1="{x(end):.1f}" x2="{x(end):.1f}" y1="4" y2="{y}" stroke="#dde2e8"/>'
        f'<text x="{x(end):.1f}" y="{y + 16}" text-anchor="middle">'
        f"{end:.3g}</text>"
        for end in ends
    )


def _figure(caption: str, height: int, inner: str) -> str:
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" font-size="12.5" fill="#5c6675">'
        f"{inner}</svg></figure>"
    )
