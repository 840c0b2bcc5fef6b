import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from synth.networks import checkpoints
from synth.training import lessons, run
from synth.training import loop as loops
from synth.training.lesson import Answer, Outcome
from synth.training.loop import CURVE, Loop
from synth.training.prepared import prepare
from synth.training.recipe import Recipe
from synth.training.run import CHECKPOINT, OutOfMemory, train
from synth.training.snapshot import Snapshot, SnapshotChanged, write
from synth.training.state import NAME, OtherRun

MakeRecipe = Callable[..., Recipe]
KINDS = ["refinement", "transformation", "ordering"]


def stop_after(steps: int) -> Callable[[], bool]:
    asked = itertools.count()
    return lambda: next(asked) >= steps


def equal(one: Path, other: Path) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_one_that_was_never_stopped(
    kind: str, recipe: MakeRecipe, snapshot: Snapshot, tmp_path: Path
) -> None:
    made = recipe(kind=kind, batch=2)

    whole = train(made, snapshot, tmp_path / "whole")
    first = train(made, snapshot, tmp_path / "parts", asked_to_stop=stop_after(2))
    second = train(made, snapshot, tmp_path / "parts")

    assert (first.reason, first.step) == ("stopped", 2)
    assert (whole.reason, second.reason, second.step) == ("done", "done", 6)
    assert equal(tmp_path / "whole" / NAME, tmp_path / "parts" / NAME)
    assert equal(tmp_path / "whole" / CHECKPOINT, tmp_path / "parts" / CHECKPOINT)
    assert whole.metrics == second.metrics


def test_a_run_with_a_discriminator_resumes_too(
    recipe: MakeRecipe, snapshot: Snapshot, tmp_path: Path
) -> None:
    made = recipe(discriminator={"share": 0.5})

    train(made, snapshot, tmp_path / "whole")
    train(made, snapshot, tmp_path / "parts", asked_to_stop=stop_after(4))
    train(made, snapshot, tmp_path / "parts")

    assert equal(tmp_path / "whole" / NAME, tmp_path / "parts" / NAME)
    without = recipe()
    train(without, snapshot, tmp_path / "without")
    assert not equal(tmp_path / "whole" / CHECKPOINT, tmp_path / "without" / CHECKPOINT)


def test_data_workers_change_nothing_but_the_time(
    recipe: MakeRecipe, snapshot: Snapshot, tmp_path: Path
) -> None:
    made = recipe(steps=3)

    train(made, snapshot, tmp_path / "alone")
    train(made, snapshot, tmp_path / "helped", workers=2)

    assert equal(tmp_path / "alone" / NAME, tmp_path / "helped" / NAME)


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_says_what_it_is(kind: str, recipe: MakeRecipe, snapshot: Snapshot, out: Path) -> None:
    made = recipe(kind=kind, keep=[3])

    outcome = train(made, snapshot, out)

    network, card = checkpoints.load(out / CHECKPOINT, kind=kind)
    assert card.snapshot_sha256 == snapshot.digest
    assert card.recipe == json.loads(made.canonical())
    assert card.categories == ("void", "wall", "floor", "mug", "lamp")
    assert card.metrics == {**outcome.metrics, "step": 6.0}
    assert not network.training
    _, kept = checkpoints.load(out / "checkpoint-000003.safetensors", kind=kind)
    assert kept.metrics["step"] == 3.0
    assert [path.name for path in out.iterdir() if path.name.startswith(".prepared")] == []


def test_held_out_pairs_are_measured_against_moments_and_the_rule(
    recipe: MakeRecipe, snapshot: Snapshot, deep_snapshot: Snapshot, tmp_path: Path
) -> None:
    shift = train(recipe(kind="transformation", steps=1), snapshot, tmp_path / "t").metrics
    order = train(recipe(kind="ordering", steps=1), deep_snapshot, tmp_path / "o").metrics

    assert shift["iou_best"] > shift["iou_moments"] > shift["iou_still"]
    assert shift["l1_best"] < shift["l1_moments"] < shift["l1_still"]
    assert (
        abs(shift["iou_network"] - shift["iou_moments"]) < 0.1
    )  # after one step it corrects hardly anything
    assert 0 <= order["accuracy_all"] <= 1
    assert order["accuracy_all_rule"] > 0.5
    assert order["pairs_all"] >= order["pairs_depth"] > 0


def test_before_its_first_step_a_network_aligns_as_moments_do(
    recipe: MakeRecipe, prepared_folder: Path
) -> None:
    lesson = lessons.Aligning(prepared_folder, recipe(kind="transformation"))
    with torch.inference_mode():
        found = lesson.measure(lesson.network.eval())
    assert found["pairs"] == 12
    for what in ("l1", "iou"):
        assert found[f"{what}_network"] == found[f"{what}_used"] == found[f"{what}_moments"]
    assert found["iou_best"] == 1 and found["l1_best"] < 1e-6


def test_the_loss_falls(recipe: MakeRecipe, snapshot: Snapshot, out: Path) -> None:
    made = recipe(kind="ordering", steps=100, batch=4, warm_up=5, rate=1e-3)

    train(made, snapshot, out)

    losses = [json.loads(line)["loss"] for line in (out / CURVE).read_text().splitlines()]
    assert len(losses) == 2
    assert losses[-1] < 0.8 * losses[0]


class Lesson:
    """The refinement lesson, whose loss breaks at a step of one's choice."""

    def __init__(self, inner: lessons.Refining, breaks_at: int) -> None:
        self.inner, self.breaks_at, self.asked = inner, breaks_at, 0
        self.network, self.samples, self.categories = inner.network, inner.samples, inner.categories

    def answer(self, network: nn.Module, batch: dict[str, torch.Tensor]) -> Answer:
        found = self.inner.answer(network, batch)
        self.asked += 1
        if self.asked == self.breaks_at:
            return Answer(found.loss * float("nan"), found.parts)
        return found

    def measure(self, network: nn.Module) -> dict[str, float]:
        return {}


@pytest.fixture
def loop(recipe: MakeRecipe, snapshot: Snapshot, tmp_path: Path) -> Iterator[Callable[..., tuple]]:
    def make(breaks_at: int = 0, **changes: object) -> tuple[Loop, list[int], list[str]]:
        made = recipe(**changes)
        prepare(snapshot, tmp_path / "p", size=made.size, frame="scene", neighbor_margin=10)
        lesson = Lesson(lessons.Refining(tmp_path / "p", made, None), breaks_at)
        written: list[int] = []
        loop = Loop(
            lesson,
            made,
            out=tmp_path / "out",
            snapshot=snapshot.digest,
            device="cpu",
            write=lambda network, step, metrics: written.append(step),
        )
        return loop, written, []

    yield make


def test_a_loss_that_is_no_number_stops_the_run_with_the_last_good_weights(
    loop: Callable[..., tuple], tmp_path: Path
) -> None:
    running, written, said = loop(breaks_at=4)

    outcome = running.run(say=said.append)

    assert (outcome.reason, outcome.step) == ("not-finite", 3)
    assert written == [3]
    assert all(torch.isfinite(t).all() for t in load_file(tmp_path / "out" / NAME).values())
    assert "no finite number after step 3" in said[-1]


def test_weights_that_break_the_loss_are_noticed_before_they_are_saved(
    loop: Callable[..., tuple], tmp_path: Path
) -> None:
    running, written, said = loop()
    with torch.no_grad():
        next(running.network.parameters()).fill_(float("inf"))

    outcome = running.run(say=said.append)

    assert (outcome.reason, outcome.step, written) == ("not-finite", 0, [])


def test_the_budget_ends_a_run_that_can_go_on(loop: Callable[..., tuple]) -> None:
    running, written, said = loop(steps=100)
    seconds = itertools.count(0, 10)  # ten pass whenever the clock is looked at

    outcome = running.run(budget_s=65, clock=lambda: float(next(seconds)), say=said.append)

    assert outcome.reason == "budget" and 0 < outcome.step < 100
    assert written == [outcome.step]
    again, _, _ = loop(steps=100)
    assert again.step == outcome.step


def test_progress_is_told_with_the_time_left(
    loop: Callable[..., tuple], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "REPORT_EVERY", 2)
    running, _, said = loop(steps=4)
    seconds = itertools.count()

    running.run(clock=lambda: float(next(seconds)), say=said.append)

    assert said[0].startswith("step 2/4  loss ") and said[0].endswith("min left")
    rows = [json.loads(line) for line in (tmp_path / "out" / CURVE).read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert {"loss", "l1", "semantics", "gate", "elapsed_s"} <= rows[0].keys()


def test_a_folder_of_another_run_is_refused(
    recipe: MakeRecipe, snapshot: Snapshot, members, categories, out: Path, tmp_path: Path
) -> None:
    train(recipe(steps=1), snapshot, out)

    with pytest.raises(OtherRun, match="another recipe"):
        train(recipe(steps=2), snapshot, out)
    with pytest.raises(OtherRun, match="snapshot"):
        train(recipe(steps=1), write(tmp_path / "fewer", members(9), categories), out)
    (out / NAME).write_bytes((out / NAME).read_bytes()[:1000])
    with pytest.raises(OtherRun, match="no state"):
        train(recipe(steps=1), snapshot, out)


def test_one_process_at_a_time_trains_in_a_folder(recipe: MakeRecipe, snapshot: Snapshot, out: Path) -> None:
    refused = []

    def try_as_well() -> bool:
        with pytest.raises(run.Busy) as busy:
            train(made, snapshot, out)
        refused.append(str(busy.value))
        return False

    made = recipe(kind="ordering", steps=1)
    train(made, snapshot, out, asked_to_stop=try_as_well)

    assert refused == [f"another process trains in `{out}`"]


def test_what_a_killed_run_left_of_its_photos_is_removed(
    recipe: MakeRecipe, snapshot: Snapshot, out: Path
) -> None:
    (out / ".prepared-old").mkdir(parents=True)
    (out / ".prepared-old" / "photos.npy").write_bytes(b"pixels")

    train(recipe(kind="ordering", steps=1), snapshot, out)

    assert not list(out.glob(".prepared-*"))


def test_a_snapshot_that_changed_after_pinning_is_not_trained_on(
    recipe: MakeRecipe, members, categories, out: Path, tmp_path: Path
) -> None:
    found = write(tmp_path / "s", members(3), categories)
    other = (found.folder / found.photos[0].photo).read_bytes()
    (found.folder / found.photos[1].photo).write_bytes(other)

    with pytest.raises(SnapshotChanged) as changed:
        train(recipe(), found, out)
    assert changed.value.name == found.photos[1].photo
    assert not (out / CHECKPOINT).exists()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_too_little_memory_says_what_to_try(
    error: Exception, recipe: MakeRecipe, snapshot: Snapshot, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> Outcome:
        raise error

    monkeypatch.setattr(run.Loop, "run", fails)

    with pytest.raises(OutOfMemory, match="a batch of `4` at 64x48 px does not fit: try 2"):
        train(recipe(batch=4), snapshot, out)
    with pytest.raises(OutOfMemory, match="try 32x24"):
        train(recipe(), snapshot, out.with_name("other"))


def test_the_average_follows_the_weights(loop: Callable[..., tuple]) -> None:
    running, _, said = loop(steps=5)
    before = {name: t.clone() for name, t in running.average.tensors.items()}

    running.run(say=said.append)

    average, now = running.average.tensors, running.network.state_dict()
    moved = [
        (float((average[n] - before[n]).abs().sum()), float((now[n] - before[n]).abs().sum())) for n in before
    ]
    assert any(by_weights > 0 for _, by_weights in moved)
    assert all(0 < by_average < by_weights for by_average, by_weights in moved if by_weights > 0)
