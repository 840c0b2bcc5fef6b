"""Uses and money over HTTP: told, marked, taken down; and what is owed is not for everybody to see."""

from typing import Any
from uuid import uuid4


def given(bank: Any, seal: Any) -> tuple[str, str, str]:
    """A handout for the web, its composite, and its day."""
    made = seal(bank)
    path = f"/composites/{made.composite}"
    body = {"recipient": "Kirishima Tea", "channel": "web"}
    handed = bank.call("creative", "POST", f"{path}/handouts", json=body)
    assert handed.status_code == 200, handed.text
    (told,) = bank.call("creative", "GET", path).json()["handouts"]
    assert told["comp"] is False
    return handed.headers["bankd-handout"], str(made.composite), told["at"][:10]


def test_publications_are_told_marked_taken_down_and_imported(bank: Any, seal: Any) -> None:
    handout, composite, day = given(bank, seal)
    facts = {"channel": "web", "place": "https://tea.example/", "territories": ["JP"], "starts_on": day}

    made = bank.call(
        "creative", "POST", "/publications", json={"handout": handout, "ref": "P-1", "facts": facts}
    )
    assert made.status_code == 200, made.text
    assert (made.json()["composite"], made.json()["outside"]) == (composite, {})
    wide = {**facts, "territories": "WORLD"}
    beyond = bank.call("compliance", "POST", "/publications", json={"handout": handout, "facts": wide}).json()
    assert list(beyond["outside"]) == ["other-territories"]
    listed = bank.call("auditor", "GET", "/publications?outside=true").json()
    assert [one["publication"] for one in listed] == [beyond["publication"]]
    assert (
        bank.call("auditor", "GET", "/publications/P-1").json()["publication"] == made.json()["publication"]
    )

    may = bank.call("creative", "GET", "/publications/P-1/standing").json()
    assert (may["ref"], may["verdict"], may["archive"]["allowed"]) == ("P-1", "stands", True)
    wider = bank.call("creative", "GET", f"/publications/{beyond['publication']}/standing").json()
    assert wider["verdict"] == "stands"  # beyond what was cleared, and within what the licenses allow
    (may,) = bank.call("auditor", "GET", f"/composites/{composite}/standing?channel=web").json()
    assert (may["publication"], may["verdict"], may["stock"]) == (None, "stands", None)
    past = bank.call("creative", "GET", "/publications/P-1/standing?on=2020-01-01")
    assert past.status_code == 422 and "`2020-01-01` is over" in past.json()["detail"]
    assert bank.call("auditor", "GET", f"/withdrawals/{uuid4()}/publications").status_code == 404
    assert bank.call("auditor", "GET", "/expiries/publications?within_days=1").json() == []

    down = bank.call("creative", "POST", "/publications/P-1/takedown", json={"evidence": "crawl"})
    assert (down.status_code, down.json()["state"]) == (200, "taken-down")
    again = bank.call("creative", "POST", "/publications/P-1/takedown", json={})
    assert again.status_code == 409 and again.json()["type"].endswith("already-taken-down")
    unknown = {"handout": str(uuid4()), "facts": facts}
    missing = bank.call("creative", "POST", "/publications", json=unknown)
    assert missing.status_code == 404 and missing.json()["type"].endswith("handout-not-found")
    backwards = {"handout": handout, "facts": {**facts, "ends_on": "2020-01-01"}}
    assert bank.call("creative", "POST", "/publications", json=backwards).status_code == 422
    clash = {"handout": handout, "ref": "P-1", "facts": wide}
    assert bank.call("creative", "POST", "/publications", json=clash).status_code == 409
    right = {"reason": "seen elsewhere too", "facts": {**facts, "place": "https://tea.example/b"}}
    replaced = bank.call("compliance", "POST", f"/publications/{beyond['publication']}/replace", json=right)
    assert replaced.status_code == 200 and replaced.json()["outside"] == {}

    table = (
        "handout,channel,place,territories,from,copies\n"
        f"{handout},web,https://tea.example/c,JP KR,{day},\n"
        f"{handout},web,https://tea.example/d,JP,soon,\n"
    ).encode()
    for dry_run, listed_then in (("true", 2), ("false", 3), ("false", 3)):
        rows = bank.call(
            "creative",
            "POST",
            "/publications/import",
            files={"file": ("uses.csv", table, "text/csv")},
            data={"dry_run": dry_run},
        )
        assert rows.status_code == 200, rows.text
        first, second = rows.json()
        assert (first["line"], first["outside"]) == (2, ["other-territories"])
        assert (second["line"], second["outcome"]) == (3, "refused")
        assert "`soon` is not a day" in second["problem"]
        assert len(bank.call("auditor", "GET", "/publications").json()) == listed_then
    assert rows.json()[0]["outcome"] == "known"


def test_what_is_owed_is_compliances_to_state_and_no_creatives_to_see(bank: Any) -> None:
    terms = {"name": "Agency Nine", "country": "JP", "currency": "JPY", "zone": "Asia/Tokyo"}
    assert bank.call("creative", "GET", "/statements").status_code == 403
    assert bank.call("auditor", "PUT", "/payees/agency", json=terms).status_code == 403
    put = bank.call("compliance", "PUT", "/payees/agency", json=terms)
    assert (put.status_code, put.json()["version"]) == (200, 1)
    assert bank.call("compliance", "PUT", "/payees/agency", json=terms).json()["version"] == 1
    more = bank.call("compliance", "PUT", "/payees/agency", json={**terms, "least_payout_minor": 500})
    assert more.json()["version"] == 2
    assert [one["ref"] for one in bank.call("auditor", "GET", "/payees").json()] == ["agency"]
    rate = {"base": "USD", "quote": "JPY", "rate": "151.25", "on": "2026-01-30", "source": "TTM"}
    assert bank.call("compliance", "POST", "/statements/rates", json=rate).status_code == 200
    other = bank.call("compliance", "POST", "/statements/rates", json={**rate, "rate": "152"})
    assert other.status_code == 409 and other.json()["type"].endswith("rate-known")
    split = {"license": "L-none", "starts_on": "2026-01-01", "shares": [{"payee": "agency", "weight": 1}]}
    assert bank.call("compliance", "POST", "/payees/splits", json=split).status_code == 404

    assert bank.call("compliance", "POST", "/statements", json={"period": "2026-01"}).json() == []
    wrong = bank.call("compliance", "POST", "/statements", json={"period": "January"})
    assert wrong.status_code == 422 and "is not a period" in wrong.json()["detail"]
    nobody = bank.call("compliance", "POST", "/statements", json={"period": "2026-01", "payee": "x"})
    assert nobody.status_code == 404
    for path in ("/statements", "/statements/escrow", "/statements/entries"):
        assert bank.call("auditor", "GET", path).json() == []
    assert bank.call("auditor", "GET", f"/statements/{uuid4()}").status_code == 404
    correction = {"amount_minor": 1, "reason": "x"}
    assert (
        bank.call("compliance", "POST", "/statements/entries/1/correct", json=correction).status_code == 404
    )
