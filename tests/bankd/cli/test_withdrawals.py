"""`bankd holds`, `withdrawals`, `exposure`, `expiries` and `notices` as compliance types them."""

from typing import Any


def test_hold_is_set_seen_everywhere_and_lifted(bankd: Any, ingested: Any) -> None:
    [photo, *_] = bankd.said("photos", "list")
    made = bankd.said("holds", "set", "photo", photo["id"], "--reason", "a rumor", "--until", "2099-12-31")
    assert (made["state"], made["ends_at"]) == ("stands", "2100-01-01T00:00:00+00:00")

    assert bankd.said("photos", "show", photo["id"])["held_until"] == made["ends_at"]
    assert "a rumor" in bankd.run("holds", "list").stdout
    assert any(one["ref"] == photo["id"] for one in bankd.said("expiries", "--within", "30000d"))
    lifted = bankd.run("holds", "lift", made["hold"], "--reason", "it was none").stdout
    assert "no longer on hold" in lifted
    assert bankd.said("photos", "show", photo["id"])["held_until"] is None
    assert "was over at" in bankd.refused("holds", "lift", made["hold"], "--reason", "again")


def test_exposure_and_lists_answer_and_what_is_no_ref_is_one_sentence(bankd: Any, ingested: Any) -> None:
    counted = bankd.said("exposure", "licensor", "studio")
    assert counted["photos"] >= 1 and counted["networks"] == []
    assert "licensor studio is in" in bankd.run("exposure", "licensor", "studio").stdout
    assert isinstance(bankd.said("withdrawals", "list"), list)
    assert bankd.run("withdrawals", "takedowns").stdout
    assert "nobody is told" in bankd.run("notices", "list").stdout
    assert "no license `L-9`" in bankd.refused("exposure", "license", "L-9")
    assert "names no photo" in bankd.refused(
        "withdrawals", "record", "photo", "mug", "--reason", "r", "--kind", "claim"
    )
    assert "unknown kind" in bankd.refused(
        "licenses", "withdraw", "L-shop", "--reason", "r", "--kind", "theft"
    )
    assert "counts from its start" in bankd.refused(
        "licenses", "withdraw", "L-shop", "--reason", "r", "--kind", "void-from-start", "--from", "2026-01-01"
    )
    for faulty in ("soon", "2026-01-01T12:00"):
        said = bankd.run("licenses", "withdraw", "L-shop", "--reason", "r", "--from", faulty, status=2).stderr
        assert "is no moment" in said or "does not say its zone" in said
