import io
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select

from bankd.audit.models import LogEntry
from bankd.provenance import renditions
from bankd.provenance.models import Handout

WEB = {"recipient": "Kirishima Tea", "channel": "web"}


def handouts(bank: Any) -> int:
    with bank.runtime.transaction() as session:
        return session.scalar(select(func.count()).select_from(Handout))


def test_composite_is_handed_out_while_it_clears_and_refused_after(bank: Any, seal: Any) -> None:
    made = seal(bank)
    path = f"/composites/{made.composite}"

    given = bank.call("creative", "POST", f"{path}/handouts", json=WEB)

    assert given.status_code == 200, given.text
    assert given.content == made.file and given.headers["content-type"] == "image/png"
    told = bank.call("creative", "GET", path).json()
    assert told["handouts"][0]["handout"] == given.headers["bankd-handout"]
    assert told["manifest"]["composite_id"] == str(made.composite)

    bank.call("compliance", "POST", "/licenses/L-1/withdraw", json={"reason": "the licensor left"})
    refused = bank.call("creative", "POST", f"{path}/handouts", json=WEB)
    assert refused.status_code == 409 and refused.json()["type"].endswith("handout-refused")
    assert refused.json()["reasons"] and set(refused.json()["photos"]) == set(map(str, made.photos))
    assert handouts(bank) == 1
    with bank.runtime.transaction() as session:
        last = session.scalars(select(LogEntry.kind).order_by(LogEntry.index.desc())).first()
    assert last == "handout.refused"


def test_composite_is_handed_out_as_it_was_asked_for(
    bank: Any, seal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = seal(bank)
    path = f"/composites/{made.composite}"
    really, held = renditions.make, list[int]()

    def make(*args: Any, **facts: Any) -> Any:
        held.append(bank.runtime.engine.pool.checkedout())
        return really(*args, **facts)

    monkeypatch.setattr(renditions, "make", make)

    given = bank.call("creative", "POST", f"{path}/handouts", json={**WEB, "format": "webp", "quality": 70})

    assert given.status_code == 200, given.text
    assert held == [0]  # no connection, and so no lock, while the copy is made
    assert given.headers["content-type"] == "image/webp" and given.content[8:12] == b"WEBP"
    assert given.headers["content-disposition"].endswith(f'{made.composite}.webp"')
    (told,) = bank.call("creative", "GET", path).json()["handouts"]
    assert told["format"] == "webp" and told["rendition"]["quality"] == 70
    found = bank.call("operator", "POST", "/composites/verify", files={"file": ("x.webp", given.content)})
    assert found.json()["authentic"], found.text
    for body in ({"format": "gif"}, {"format": "tiff", "quality": 70}, {"longest_side": 60000}):
        refused = bank.call("creative", "POST", f"{path}/handouts", json={**WEB, **body})
        assert refused.status_code == 422, refused.text


def test_certificate_that_signs_is_shown_to_operators(bank: Any) -> None:
    told = bank.call("operator", "GET", "/keys/signing").json()

    assert told["development"] and told["ends_at"] and told["warnings"]
    assert bank.call("creative", "GET", "/keys/signing").status_code == 403


def test_handout_needs_a_recipient_and_a_channel_of_the_use(bank: Any, seal: Any) -> None:
    path = f"/composites/{seal(bank).composite}/handouts"
    for body in ({**WEB, "recipient": " "}, {**WEB, "channel": "print"}, {**WEB, "channel": "moon"}):
        response = bank.call("creative", "POST", path, json=body)
        assert response.status_code == 422 and response.json()["type"].endswith("use-refused")
    nowhere = bank.call("creative", "POST", f"/composites/{uuid4()}/handouts", json=WEB)
    assert nowhere.status_code == 404 and handouts(bank) == 0


def test_department_sees_its_own_composites_only(bank: Any, seal: Any) -> None:
    bank.key("magazine", roles=("creative", "auditor"), department="Magazine")
    bank.key("catalogue", roles=("creative", "auditor"), department="Catalogue")
    made = seal(bank, department="Magazine")
    for role in ("magazine", "creative", "auditor"):
        listed = bank.call(role, "GET", f"/composites?request={made.request}").json()
        assert [one["composite"] for one in listed] == [str(made.composite)]
    assert bank.call("catalogue", "GET", "/composites").json() == []
    assert bank.call("catalogue", "GET", f"/composites/{made.composite}").status_code == 404
    assert bank.call("catalogue", "GET", f"/reports/provenance/{made.composite}").status_code == 404
    out = bank.call("catalogue", "POST", f"/composites/{made.composite}/handouts", json=WEB)
    assert out.status_code == 404 and handouts(bank) == 0


def test_department_verifies_a_file_without_learning_of_another_s_composite(bank: Any, seal: Any) -> None:
    bank.key("magazine", roles=("creative",), department="Magazine")
    bank.key("catalogue", roles=("creative",), department="Catalogue")
    made = seal(bank, department="Magazine")
    bare = io.BytesIO()
    Image.open(io.BytesIO(made.file)).save(bare, "PNG")

    def verified(role: str, content: bytes) -> httpx.Response:
        return bank.call(role, "POST", "/composites/verify", files={"file": ("x.png", content)})

    assert verified("magazine", made.file).json()["composite"] == str(made.composite)
    assert verified("magazine", bare.getvalue()).json()["composite"] == str(made.composite)
    found = verified("catalogue", made.file)
    assert found.json()["authentic"] and str(made.composite) not in found.text
    found = verified("catalogue", bare.getvalue())
    assert found.json()["verdict"] == "unknown" and str(made.composite) not in found.text


def test_file_is_verified_and_a_changed_one_found_out(bank: Any, seal: Any, label_map: Any) -> None:
    made = seal(bank)

    def verified(content: bytes) -> dict[str, Any]:
        response = bank.call("operator", "POST", "/composites/verify", files={"file": ("x.png", content)})
        assert response.status_code == 200, response.text
        return response.json()

    found = verified(made.file)
    assert found["authentic"] and found["composite"] == str(made.composite)
    changed = bytearray(made.file)
    changed[len(changed) // 2] ^= 1
    assert not verified(bytes(changed))["authentic"]
    assert verified(b"no picture")["verdict"] == "unreadable"
