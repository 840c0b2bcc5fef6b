import json
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.training.recipe import BadRecipe, Recipe, read


def test_a_recipe_reads_back_as_it_was_written(recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    made = recipe(keep=[2, 4], discriminator={})
    path = tmp_path / "recipe.json"
    path.write_text(made.canonical())

    assert read(path) == made
    assert read(path).canonical() == made.canonical()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"stepps": 3}, "stepps"),
        ({"version": 2}, "version"),
        ({"kind": "diffusion"}, "kind"),
        ({"canvas": {"dropped": 1.5}}, "canvas.dropped"),
        ({"height_px": 2048, "width_px": 2048}, "at most"),
        ({"kind": "ordering", "discriminator": {}}, "discriminator"),
    ],
)
def test_what_no_recipe_says_is_named(changes: dict, word: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"kind": "refinement", **changes}))

    with pytest.raises(BadRecipe, match=word):
        read(path)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="nowhere"):
        read(tmp_path / "nowhere.json")


def test_the_rate_rises_stays_and_falls_over_the_second_half() -> None:
    made = Recipe(kind="refinement", steps=1000, warm_up=99, rate=4e-4)
    rates = [made.rate_at(step) for step in range(1000)]

    assert rates[0] == pytest.approx(4e-6)
    assert rates[99:500] == pytest.approx([4e-4] * 401, rel=0.01)
    assert rates[750] == pytest.approx(2e-4, rel=0.01)
    assert 0 < rates[-1] < 1e-6
    assert rates[100:] == sorted(rates[100:], reverse=True)
