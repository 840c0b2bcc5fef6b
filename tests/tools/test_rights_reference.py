"""The page on the rights file lists every field, and its examples are rights files."""

import re
from pathlib import Path

import pytest
import yaml

from bankd.licensing import rights_file
from bankd.licensing.templates import TEMPLATES
from tools.rights_reference import DOC, written

EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOC.read_text(), re.DOTALL)
AROUND = """\
version: 1
licensors: [{ref: agency, name: Agency}, {ref: house, name: The house}]
documents: [{ref: contract, path: a.md}, {ref: ruling, path: b.md}, {ref: deed, path: c.md}]
licenses:
"""


def test_the_fields_of_the_page_are_those_of_the_file() -> None:
    text = DOC.read_text()
    assert written(text) == text, "run `python -m tools.rights_reference`"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_rights_file(tmp_path: Path, example: str) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.md").write_text(name)
    file = tmp_path / "rights.yaml"
    file.write_text(AROUND + "".join(f"  {line}\n" for line in example.splitlines()))
    assert all(license.grants for license in rights_file.load(file).licenses)


def test_there_is_an_example_of_each_template() -> None:
    named = {one.get("template") for example in EXAMPLES for one in yaml.safe_load(example)}
    assert named >= TEMPLATES.keys()
