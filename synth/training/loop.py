"""The loop that trains all three networks: exactly resumable, bounded in time, never past a broken loss."""

import json
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from synth.training import state
from synth.training.discriminator import PatchDiscriminator, judging_loss, making_loss
from synth.training.lesson import Answer, Batch, Lesson, Outcome
from synth.training.recipe import Recipe
from synth.training.state import Average, Progress

CURVE = "curve.jsonl"
REPORT_EVERY = 50  # steps between lines of the curve
_BETAS = (0.9, 0.999)
_PREFETCH = 4

Write = Callable[[nn.Module, int, dict[str, float]], None]


class Loop:
    """One run in one folder: `state.safetensors` to go on from, `curve.jsonl` to look at.

    Args:
        write: called with the averaged network, the step and its figures where a checkpoint is due.
    """

    def __init__(
        self, lesson: Lesson, recipe: Recipe, *, out: Path, snapshot: str, device: str, write: Write
    ) -> None:
        self.recipe = recipe
        self.lesson = lesson
        self.out = out
        self.device = torch.device(device)
        self._snapshot = snapshot
        self._write = write
        self.network = lesson.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.rate, betas=_BETAS)
        self.modules: dict[str, nn.Module] = {"network": self.network}
        self.optimizers: dict[str, torch.optim.Optimizer] = {"network": self.optimizer}
        self.adversary: PatchDiscriminator | None = None
        if recipe.discriminator is not None:
            generator = torch.Generator().manual_seed(recipe.seed)
            categories = int(self.network.categories)  # type: ignore[arg-type]
            self.adversary = PatchDiscriminator(categories, generator=generator).to(self.device)
            self.modules["adversary"] = self.adversary
            self.optimizers["adversary"] = torch.optim.Adam(
                self.adversary.parameters(), lr=recipe.discriminator.rate, betas=(0.5, 0.999)
            )
        self.average = Average(self.network, recipe.ema)
        self.step, self._before_s = 0, 0.0
        out.mkdir(parents=True, exist_ok=True)
        if (out / state.NAME).exists():
            found = state.restore(
                out / state.NAME,
                recipe=recipe.canonical(),
                snapshot=snapshot,
                modules=self.modules,
                average=self.average,
                optimizers=self.optimizers,
            )
            self.step, self._before_s = found.step, found.elapsed_s
        self._curve = _Curve(out / CURVE, self.step)

    def run(
        self,
        *,
        workers: int = 0,
        save_every: int = 500,
        budget_s: float | None = None,
        asked_to_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
    ) -> Outcome:
        """Train until the recipe's last step, the end of the budget, a request to stop, or a loss
        that is no number. Whatever the reason, state and checkpoint are of a good step."""
        began, first = clock(), self.step
        reason = "done"
        batches = self._batches(workers)
        while self.step < self.recipe.steps:
            if budget_s is not None and clock() - began >= budget_s:
                reason = "budget"
                break
            if asked_to_stop():
                reason = "stopped"
                break
            if not self._learn(next(batches)):
                reason = "not-finite"
                break
            elapsed_s = clock() - began
            if self.step % REPORT_EVERY == 0 or self.step == self.recipe.steps:
                left_s = elapsed_s / (self.step - first) * (self.recipe.steps - self.step)
                if budget_s is not None:
                    left_s = min(left_s, budget_s - elapsed_s)
                means = self._curve.line(self.step, self._before_s + elapsed_s)
                say(
                    f"step {self.step}/{self.recipe.steps}  {means}"
                    f"  {(self.step - first) / max(elapsed_s, 1e-9):.2f} steps/s  {_span(left_s)} left"
                )
            if self.step in self.recipe.keep:
                self._checkpoint()
            if self.step % save_every == 0 and self.step < self.recipe.steps:
                self._save(self._before_s + elapsed_s)
        self._before_s += clock() - began
        self._save(self._before_s)
        metrics = self._checkpoint() if self.step > 0 else {}
        if reason == "not-finite":
            say(f"the loss is no finite number after step {self.step}: stopped, and kept what was good")
        return Outcome(reason, self.step, metrics)

    def averaged(self) -> nn.Module:
        """The network with its averaged weights, ready to be used."""
        network: nn.Module = deepcopy(self.network)
        network.load_state_dict(self.average.tensors)
        return network.eval()

    def _learn(self, batch: Batch) -> bool:
        """One step; False, and nothing changed, where loss or gradients are not finite."""
        recipe = self.recipe
        on_device = {name: t.to(self.device, non_blocking=True) for name, t in batch.items()}
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(self.step)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            answer = self.lesson.answer(self.network, on_device)
            loss, parts = answer.loss, dict(answer.parts)
            judged = self.adversary is not None and self.step >= recipe.steps * (1 - _share(recipe))
            if judged:
                parts["made"] = self._fooling(answer)
                loss = loss + _weight(recipe) * parts["made"]
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.get_total_norm(p.grad for p in self.network.parameters() if p.grad is not None)
        if not math.isfinite(float(loss.detach())) or not math.isfinite(float(norm)):
            return False
        self.optimizer.step()
        if judged:
            parts["judged"] = self._judge(answer)
        self.average.update(self.network, self.step)
        self.step += 1
        self._curve.add({"loss": loss.detach(), **{name: part.detach() for name, part in parts.items()}})
        return True

    def _fooling(self, answer: Answer) -> Tensor:
        assert self.adversary is not None and answer.layout is not None and answer.made is not None
        return making_loss(self.adversary(answer.layout, answer.made))

    def _judge(self, answer: Answer) -> Tensor:
        assert self.adversary is not None and answer.real is not None
        assert answer.layout is not None and answer.made is not None
        optimizer = self.optimizers["adversary"]
        optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            real = self.adversary(answer.layout, answer.real)
            made = self.adversary(answer.layout, answer.made.detach())
            loss = judging_loss(real, made)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss

    def _autocast(self) -> torch.autocast | nullcontext[None]:
        if not self.recipe.bf16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _batches(self, workers: int) -> Iterator[Batch]:
        """Batches from the next step on. Workers are spawned: torch does not survive a fork."""
        batch = self.recipe.batch
        loader: DataLoader[dict[str, Tensor]] = DataLoader(
            self.lesson.samples,
            batch_size=batch,
            sampler=range(self.step * batch, self.recipe.steps * batch),
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
            prefetch_factor=_PREFETCH if workers else None,
            worker_init_fn=_one_thread if workers else None,
        )
        return iter(loader)

    def _save(self, elapsed_s: float) -> None:
        progress = Progress(self.recipe.canonical(), self._snapshot, self.step, elapsed_s)
        state.save(
            self.out / state.NAME,
            progress,
            modules=self.modules,
            average=self.average,
            optimizers=self.optimizers,
        )

    def _checkpoint(self) -> dict[str, float]:
        network = self.averaged()
        with torch.no_grad(), self._autocast():
            metrics = self.lesson.measure(network)
        self._write(network, self.step, metrics)
        return metrics


class _Curve:
    """A line of means per report; after a resume it goes on where the state stands."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        self._sums: dict[str, list[Tensor]] = {}
        if path.exists():
            kept = [line for line in path.read_text().splitlines() if json.loads(line)["step"] <= step]
            path.write_text("".join(f"{line}\n" for line in kept))

    def add(self, parts: dict[str, Tensor]) -> None:
        for name, part in parts.items():
            self._sums.setdefault(name, []).append(part.float())

    def line(self, step: int, elapsed_s: float) -> str:
        means = {name: float(torch.stack(parts).mean()) for name, parts in self._sums.items()}
        self._sums.clear()
        row = {"step": step, "elapsed_s": round(elapsed_s, 1)} | {n: round(m, 5) for n, m in means.items()}
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        return "  ".join(f"{name} {mean:.4g}" for name, mean in means.items())


def _share(recipe: Recipe) -> float:
    return recipe.discriminator.share if recipe.discriminator else 0.0


def _weight(recipe: Recipe) -> float:
    return recipe.discriminator.weight if recipe.discriminator else 0.0


def _one_thread(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the loop ends its workers itself
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _span(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
