"""Who had the rights before the licensor, step by step."""

from typing import Any

import pytest

from bankd.licensing.title import TitleLink, broken, title_state

PAPER = "a" * 64


def link(giver: str, taker: str, **other: Any) -> TitleLink:
    stated = {"from_holder": giver, "to_holder": taker, "by": "assignment", "document_sha256": PAPER}
    return TitleLink.model_validate(stated | other)


AUTHOR, AGENCY, STOCK = "伊藤 環", "Aoi Photo", "Northlight"


@pytest.mark.parametrize(
    ("links", "author", "state"),
    [
        ([], None, "unstated"),
        ([], STOCK, "complete"),  # the author licenses himself
        ([], AUTHOR, "incomplete"),
        ([link(AUTHOR, STOCK)], AUTHOR, "complete"),
        ([link(AUTHOR, AGENCY), link(AGENCY, STOCK)], AUTHOR, "complete"),
        ([link(AUTHOR, AGENCY), link(AGENCY, STOCK)], None, "complete"),
        ([link(AUTHOR, AGENCY), link(AGENCY, STOCK, document_sha256=None)], AUTHOR, "incomplete"),
        ([link(AUTHOR, AGENCY)], AUTHOR, "incomplete"),
    ],
)
def test_title_is_complete_where_documents_lead_from_author_to_licensor(
    links: list[TitleLink], author: str | None, state: str
) -> None:
    assert title_state(links, author=author, licensor=STOCK) == state


@pytest.mark.parametrize(
    ("links", "sentence"),
    [
        ([], f"no link leads from the author `{AUTHOR}` to the licensor `{STOCK}`; write the `title_chain`"),
        ([link(AGENCY, STOCK)], f"the title chain begins with `{AGENCY}` and not with the author `{AUTHOR}`"),
        ([link(AUTHOR, AGENCY)], f"the title chain breaks between `{AGENCY}` and `{STOCK}`"),
        (
            [link(AUTHOR, AGENCY), link("Harbor", STOCK)],
            f"the title chain breaks between `{AGENCY}` and `Harbor`",
        ),
        ([link(AUTHOR, AGENCY), link(AGENCY, AUTHOR)], f"the title chain comes back to `{AUTHOR}`"),
        (
            [link(AUTHOR, AGENCY, on="2020-01-01"), link(AGENCY, STOCK, on="2019-12-31")],
            f"the title chain goes back in time: `{AGENCY}` passed rights on at `2019-12-31`",
        ),
    ],
)
def test_where_a_chain_does_not_hold(links: list[TitleLink], sentence: str) -> None:
    assert broken(links, author=AUTHOR, licensor=STOCK) == sentence
