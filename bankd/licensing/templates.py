"""Kinds of license that come up again and again, with blanks to fill in.

A template states what such licenses have in common and nothing else: `generative`
and `train` are unstated in all of them, which is a no, until somebody writes
down that the document says yes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import ALTERATIONS, ANY, AUDIENCES, CHANNELS, PURPOSES, SUBJECTS, WORLD, Basis

TemplateName = Literal["owned", "royalty-free", "rights-managed", "editorial", "subscription"]


@dataclass(frozen=True)
class Template:
    """`blanks` must be filled in, `fixed` may not be: a license that says otherwise is of another kind."""

    name: TemplateName
    basis: Basis
    terms: Mapping[str, Any]
    blanks: tuple[str, ...]
    fixed: frozenset[str] = field(default=frozenset())
    ends: bool = False  # whether the term must have an end

    def filled(self, fill: Mapping[str, Any]) -> dict[str, Any]:
        """The terms with the blanks filled in, not yet validated.

        Raises:
            ValueError: a blank is empty, or a word is written over that the template fixes.
        """
        if unknown := sorted(fill.keys() - GrantTerms.model_fields.keys()):
            raise ValueError(
                f"`{unknown[0]}` is no field of terms, so template `{self.name}` has no such blank"
            )
        if fixed := sorted(name for name in fill.keys() & self.fixed if fill[name] != self.terms[name]):
            raise ValueError(
                f"template `{self.name}` fixes `{fixed[0]}`; where a license says otherwise, use `grants`"
            )
        if empty := [name for name in self.blanks if name not in fill]:
            named = ", ".join(f"`{name}`" for name in empty)
            raise ValueError(f"template `{self.name}` leaves {named} blank; fill it in, `null` for no limit")
        if self.name == "subscription" and fill.get("cap") is None and not fill.get("caps"):
            raise ValueError("template `subscription` leaves the quota blank; fill in `cap` or `caps`")
        if self.ends and fill.get("ends_on") is None:
            raise ValueError(f"a license of template `{self.name}` ends; fill in `ends_on`")
        terms = {**self.terms, **fill}
        if self.name == "subscription":
            terms.setdefault("available_until", fill["create_by"])
        return terms


_EVERYWHERE: Mapping[str, Any] = {
    "territories": [WORLD],
    "channels": sorted(CHANNELS),
    "purposes": sorted(PURPOSES),
    "sectors": [ANY],
    "audiences": sorted(AUDIENCES),
    "alterations": sorted(ALTERATIONS),
    "ends_on": None,
}

TEMPLATES: Mapping[str, Template] = {
    template.name: template
    for template in (
        Template("owned", "owned", _EVERYWHERE, ("starts_on",)),
        Template(
            "royalty-free",
            "licensed",
            {**_EVERYWHERE, "subjects_excluded": sorted(SUBJECTS)},
            ("starts_on", "max_copies"),
        ),
        Template(
            "rights-managed",
            "licensed",
            {"audiences": ["internal", "public"], "alterations": ["crop"]},
            ("territories", "channels", "purposes", "sectors", "starts_on", "ends_on", "max_copies"),
            ends=True,
        ),
        Template(
            "editorial",
            "licensed",
            {
                "territories": [WORLD],
                "channels": ["app", "broadcast", "email", "internal", "print", "social", "web"],
                "purposes": ["editorial"],
                "sectors": [ANY],
                "audiences": ["internal", "public"],
                "alterations": ["crop"],
            },
            ("starts_on", "ends_on"),
            fixed=frozenset({"purposes"}),
        ),
        Template(
            "subscription",
            "licensed",
            {**_EVERYWHERE, "subjects_excluded": sorted(SUBJECTS)},
            ("starts_on", "create_by", "ends_on", "max_copies"),
        ),
    )
}
assert TEMPLATES.keys() == {*get_args(TemplateName)}
