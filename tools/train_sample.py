"""Train the networks that ship with the sample, from the scenes that lie beside them.

    python tools/train_sample.py [--out out/sample-networks] [ordering | transformation | refinement ..]

`sample/networks` is a snapshot as `bankd models export` wrote it, with the rights of its scenes and the
recipes of the networks. What comes out is a folder that `bankd models import` takes. A run that was stopped
goes on where it was. Networks take some minutes, the refinement network longest: it says how long still.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from synth.training import __main__ as training
from synth.training import recipe, run, snapshot

NETWORKS = Path(__file__).parents[1] / "sample" / "networks"
KINDS = ("ordering", "transformation", "refinement")
TRAVELS = (snapshot.NAME, "rights.yaml", "documents")  # with the networks, wherever they go


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="which networks; all if not said")
    parser.add_argument("--out", type=Path, default=Path("out/sample-networks"))
    parser.add_argument("--steps", type=int, help="fewer than the recipes say, to see that it works")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples")
    parser.add_argument("--threads", type=int, help="threads of the training itself")
    options = parser.parse_args(arguments)
    if unknown := [kind for kind in options.kinds if kind not in KINDS]:
        parser.error(f"`{unknown[0]}` is no network: name {', '.join(KINDS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in TRAVELS:
        travel(NETWORKS / name, options.out / name)
    words = ["--pinned", snapshot.read(NETWORKS).digest, "--workers", str(options.workers)]
    if options.threads:
        words += ["--threads", str(options.threads)]
    for kind in options.kinds or KINDS:
        print(f"{kind}:", file=sys.stderr, flush=True)
        folder = options.out / "runs" / kind
        asked = shortened(NETWORKS / "recipes" / f"{kind}.json", folder, options.steps)
        status = training.main([str(asked), str(NETWORKS), str(folder), *words])
        if status != 0 or not finished(folder, recipe.read(asked).steps):
            return status or 1
        shutil.copyfile(folder / run.CHECKPOINT, options.out / f"{kind}.safetensors")
    print(f"networks in {options.out}: bring them in with `bankd models import`")
    return 0


def travel(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)


def shortened(path: Path, folder: Path, steps: int | None) -> Path:
    """The recipe, or a copy of it with other steps in the run's folder."""
    if steps is None:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    shorter = folder / "recipe.json"
    shorter.write_text(json.dumps({**json.loads(path.read_bytes()), "steps": steps}) + "\n")
    return shorter


def finished(folder: Path, steps: int) -> bool:
    """Whether the run reached its last step: one that Ctrl-C stopped ships nothing."""
    lines = (folder / "curve.jsonl").read_text().splitlines()
    return bool(lines) and json.loads(lines[-1])["step"] == steps


if __name__ == "__main__":
    raise SystemExit(main())
