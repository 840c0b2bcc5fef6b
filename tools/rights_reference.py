"""Write the fields of the rights file into docs/rights.md, from what the file is checked against.

python -m tools.rights_reference
"""

from pathlib import Path
from typing import Any

from bankd.licensing import rights_file

DOC = Path(__file__).parents[1] / "docs" / "rights.md"
BEGIN, END = "<!-- fields: begin -->\n", "<!-- fields: end -->\n"
PARTS = {
    "RightsFile": "The file",
    "LicensorEntry": "`licensors`",
    "DocumentEntry": "`documents`",
    "LicenseEntry": "`licenses`",
    "GrantEntry": "`grants` of a license",
    "GrantTerms": "`terms` of a grant, and `fill` of a template",
    "Renewal": "`renewal`",
    "Credit": "`credit`",
    "Indemnity": "`indemnity`",
    "Exclusivity": "`exclusivity`",
    "Cap": "`caps`",
    "Fee": "`fees`",
    "Tier": "`tiers` of a fee",
    "CoOwner": "`co_owners`",
    "TitleLinkEntry": "`title_chain`",
    "Ruling": "`ruling`",
    "Statute": "`statute`",
    "ReleaseEntry": "`releases`",
    "PhotosEntry": "`photos`",
    "Depictions": "`depictions`",
}
"""In the order of the page; parts that are not here stand at its end under their own names."""


def tables() -> str:
    """A table for each part of the file: its fields, whether they must be stated, and what they mean."""
    schema = rights_file.schema()
    parts: dict[str, Any] = {"RightsFile": schema, **schema["$defs"]}
    order = [*(name for name in PARTS if name in parts), *sorted(parts.keys() - PARTS.keys())]
    return "\n".join(
        _table(PARTS.get(name, f"`{name}`"), parts[name]) for name in order if "properties" in parts[name]
    )


def _table(title: str, part: dict[str, Any]) -> str:
    required = set(part.get("required", ()))
    rows = [
        f"| `{name}`{'' if name in required else ' (optional)'} | {_words(about)} |"
        for name, about in part["properties"].items()
    ]
    return "\n".join([f"### {title}", "", "| field | what it says |", "| --- | --- |", *rows, ""])


def _words(about: dict[str, Any]) -> str:
    said = " ".join(about.get("description", "").split()).replace("|", "\\|")
    listed = _choices(about)
    return f"{said} One of {listed}." if listed else said


def _choices(about: dict[str, Any]) -> str:
    for one in (about, about.get("items", {}), *about.get("anyOf", ())):
        if "enum" in one:
            return ", ".join(f"`{word}`" for word in one["enum"])
    return ""


def written(text: str) -> str:
    """The page with the tables of today in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    DOC.write_text(written(DOC.read_text()))
