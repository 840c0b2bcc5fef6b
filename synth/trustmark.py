"""TrustMark in a process of its own, for `bankd.watermark.outside`, which says what goes through its pipes.

Takes the folder of the weights (`encoder_Q.ckpt`, `decoder_Q.ckpt`, `trustmark_Q.yaml`) and fetches nothing.
The package (`pip install trustmark`, MIT) is the operator's to install; the bank does not depend on it.
A mark is carried as the 68 bits that the package's fourth code has room for, the last four of them zero.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

MODEL = "Q"
MARK_BITS, CODE_BITS = 64, 68


def main(folder: Path) -> None:
    """Answer until nobody asks any more."""
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what the package prints is no answer
    marker: Any = None
    while line := asked.readline():
        head = json.loads(line)
        shape = (int(head["height"]), int(head["width"]), 3)
        picture = Image.fromarray(np.frombuffer(asked.read(shape[0] * shape[1] * 3), np.uint8).reshape(shape))
        try:
            marker = marker or loaded(folder)
            if head["do"] == "put":
                bits = f"{int(head['mark'], 16):0{MARK_BITS}b}".ljust(CODE_BITS, "0")
                marked = np.asarray(marker.encode(picture, bits, MODE="binary").convert("RGB"), np.uint8)
                if marked.shape != shape:
                    raise ValueError("the picture came back in another size")
                _answer(answered, {"ok": True}, marked.tobytes())
            else:
                found, present, _ = marker.decode(picture, MODE="binary")
                whole = present and len(found) >= CODE_BITS and int(found[MARK_BITS:CODE_BITS], 2) == 0
                _answer(
                    answered, {"ok": True, "mark": f"{int(found[:MARK_BITS], 2):016x}" if whole else None}
                )
        except Exception as error:  # whatever the package raises is its answer
            _answer(answered, {"ok": False, "why": f"{type(error).__name__}: {error}"})


def loaded(folder: Path) -> Any:
    """TrustMark with the weights of a folder, and nothing from elsewhere."""
    package: Any = importlib.import_module("trustmark")

    class Local(package.TrustMark):  # type: ignore[misc]
        def load_model(self, config: str, weights: str, *rest: Any, **named: Any) -> Any:
            return super().load_model(
                str(folder / Path(config).name), str(folder / Path(weights).name), *rest, **named
            )

        def check_and_download(self, filename: str) -> None:
            if not Path(filename).is_file():
                raise FileNotFoundError(f"`{filename}` is missing")

    return Local(
        verbose=False,
        model_type=MODEL,
        encoding_type=package.TrustMark.Encoding.BCH_4,
        loadRemover=False,
    )


def _answer(out: BinaryIO, told: dict[str, Any], pixels: bytes = b"") -> None:
    out.write(json.dumps(told).encode() + b"\n" + pixels)
    out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
