"""Train a network: `python -m synth.training RECIPE SNAPSHOT OUT`.

OUT gets `checkpoint.safetensors` (and `checkpoint-<step>.safetensors` for the steps that the recipe
keeps), `state.safetensors` and `curve.jsonl`. The same command goes on where a run was stopped.
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import torch

from synth.pictures import SynthError
from synth.training import recipe, snapshot
from synth.training.run import train


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m synth.training", description=__doc__)
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a JSON file")
    parser.add_argument("snapshot", type=Path, metavar="SNAPSHOT", help="an exported snapshot's folder")
    parser.add_argument("out", type=Path, metavar="OUT", help="the run's folder")
    parser.add_argument("--pinned", metavar="DIGEST", help="refuse any other snapshot")
    parser.add_argument("--budget-minutes", type=float, help="stop, ready to go on, after so long")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    parser.add_argument("--threads", type=int, help="threads of the training itself")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--features", type=Path, help="VGG-19 weights, where the recipe asks for them")
    parser.add_argument("--save-every", type=int, default=500, metavar="STEPS")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    asked = _Asked()
    try:
        outcome = train(
            recipe.read(options.recipe),
            snapshot.read(options.snapshot, pinned=options.pinned),
            options.out,
            features_file=options.features,
            device=options.device,
            workers=options.workers,
            save_every=options.save_every,
            budget_s=None if options.budget_minutes is None else 60 * options.budget_minutes,
            asked_to_stop=lambda: asked.yes,
        )
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    figures = "  ".join(f"{name} {value:.4g}" for name, value in outcome.metrics.items())
    print(f"{outcome.reason} at step {outcome.step}  {figures}")
    return 1 if outcome.reason == "not-finite" else 0


class _Asked:
    """Ctrl-C or SIGTERM asks; the loop stops after the step in hand, with everything saved."""

    def __init__(self) -> None:
        self.yes = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature is given
        self.yes = True


if __name__ == "__main__":
    sys.exit(main())
