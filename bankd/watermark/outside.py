"""A watermark that runs in a process of its own, since it needs what the bank never loads (torch).

What is said through its pipes: a line of JSON each way, the pixels row by row after it where there are any.
Asked: {"do": "put" | "read", "height", "width", "mark"} and the picture. Answered: {"ok": true} and the
marked picture; {"ok": true, "mark": 16 hexadecimal digits or null}; or {"ok": false, "why"}.
"""

import json
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bankd.watermark.errors import WatermarkUnusable
from bankd.watermark.spread import Reading

Rgb = npt.NDArray[np.uint8]
ANSWER_S = 120.0  # loading weights included
LINE_MOST = 1 << 16
LEAST_SIDE_PX = 256


class Outside:
    """One process for all that this one asks; begun at the first question, and anew where it ended."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = tuple(command)
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def fits_into(self, height: int, width: int) -> bool:
        return min(height, width) >= LEAST_SIDE_PX

    def put(self, rgb: Rgb, mark: int) -> Rgb:
        """Raises: WatermarkUnusable."""
        _, pixels = self._ask("put", rgb, mark)
        return np.frombuffer(pixels, np.uint8).reshape(rgb.shape)

    def read(self, rgb: Rgb) -> Reading | None:
        """What it finds counts only as far as a handout on record has the mark: it states no chance itself.

        Raises:
            WatermarkUnusable.
        """
        answer, _ = self._ask("read", rgb, None)
        found = answer.get("mark")
        return None if found is None else Reading(int(found, 16), 1.0, 1.0, 1, 1.0)

    def close(self) -> None:
        with self._turn:
            self._end()

    def _ask(self, do: str, rgb: Rgb, mark: int | None) -> tuple[dict[str, Any], bytes]:
        height, width, _ = rgb.shape
        head = {"do": do, "height": height, "width": width}
        if mark is not None:
            head["mark"] = f"{mark:016x}"
        size = height * width * 3 if do == "put" else 0
        with self._turn:
            process = self._running()
            late = threading.Timer(ANSWER_S, process.kill)
            late.start()
            try:
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(json.dumps(head).encode() + b"\n")
                process.stdin.write(np.ascontiguousarray(rgb).data)
                process.stdin.flush()
                answer = json.loads(process.stdout.readline(LINE_MOST))
                if answer.get("ok") is not True:
                    raise WatermarkUnusable(self.name, str(answer.get("why", "it does not say why")))
                pixels = process.stdout.read(size) if size else b""
                if len(pixels) != size:
                    raise ValueError("it ended in the middle of a picture")
                return answer, pixels
            except (OSError, ValueError, AttributeError) as error:
                self._end()
                raise WatermarkUnusable(
                    self.name, "its process ended or answered what is no answer"
                ) from error
            finally:
                late.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            try:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                raise WatermarkUnusable(self.name, f"its process cannot be started: {error}") from error
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not read any more
                    continue
