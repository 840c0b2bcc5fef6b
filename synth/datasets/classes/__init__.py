"""The class lists that the datasets publish: numbers, names and colors."""

from importlib import resources

import yaml

from synth.datasets.sample import DatasetClass


def classes(name: str) -> tuple[DatasetClass, ...]:
    """The list `<name>.yaml`: rows of id, name, house category, color."""
    text = resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(_class(*row) for row in yaml.safe_load(text))


def _class(number: int, name: str, house: str | None = None, color: list[int] | None = None) -> DatasetClass:
    return DatasetClass(number, name, house, None if color is None else (color[0], color[1], color[2]))
