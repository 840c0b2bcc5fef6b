"""Releases over HTTP: recorded by a rights file, shown to those who may read them."""

from typing import Any

RELEASES = """
releases:
  - {ref: MR-1, kind: model, status: released, subject: P-17, youngest: minor, signed_by: guardian,
     born_on: 2010-04-02, majority_in: JP, synthetic_depiction: true, zone: Asia/Tokyo}
"""
CONFIRMED = """
  - {ref: MR-2, kind: model, status: released, subject: P-17, youngest: adult, synthetic_depiction: true,
     supersedes: MR-1}
"""


def test_a_release_is_shown_without_its_person_to_those_who_may_not_read_terms(
    bank: Any, rights_text: str
) -> None:
    done = bank.import_rights(rights_text.replace("photos:", f"{RELEASES}photos:"))
    assert done.json()["new"]["releases"] == 1, done.text

    told = bank.call("librarian", "GET", "/releases/MR-1").json()
    assert (told["kind"], told["state"], told["verified"], told["photos"]) == ("model", "in force", False, [])
    assert told["terms"]["subject"] == "P-17"
    assert told["terms"]["covers"]["majority_on"] == "2028-04-02"
    assert "2010" not in str(told)  # the birthday is not kept
    [hidden] = bank.call("creative", "GET", "/releases").json()
    assert hidden["ref"] == "MR-1" and hidden["terms"] is None
    assert bank.call("librarian", "GET", "/releases/MR-9").status_code == 404


def test_what_is_signed_anew_supersedes_the_old(bank: Any, rights_text: str) -> None:
    bank.import_rights(rights_text.replace("photos:", f"{RELEASES}photos:"))

    done = bank.import_rights(rights_text.replace("photos:", f"{RELEASES}{CONFIRMED}photos:"))

    assert done.status_code == 200, done.text
    told = bank.call("librarian", "GET", "/releases/MR-1").json()
    assert (told["state"], told["superseded_by"]) == ("superseded", "MR-2")


def test_a_release_cannot_supersede_another_persons(bank: Any, rights_text: str) -> None:
    other = CONFIRMED.replace("P-17", "P-18")

    done = bank.import_rights(rights_text.replace("photos:", f"{RELEASES}{other}photos:"))

    assert done.status_code == 422
    assert "is about somebody or something else" in done.json()["detail"]
    assert bank.call("librarian", "GET", "/releases").json() == []
