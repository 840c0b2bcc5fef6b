"""`bankd signoffs` as compliance types them."""

import getpass
from typing import Any
from uuid import UUID


def test_what_waits_is_listed_and_shown_and_never_signed_by_whoever_asked(
    bankd: Any, ingested: Any, layout: Any
) -> None:
    assert "nothing waits for a sign-off" in bankd.run("signoffs", "list").stdout
    asked = bankd.run(
        "requests", "create", layout, "--purpose", "commercial", "--channel", "web", "--territory", "JP",
        "--from", "2099-06-01", "--to", "2099-12-31", "--audience", "public", "--copies", 200_000, "--wait",
        status=1,
    )  # fmt: skip
    assert "waits for compliance to sign, 0 of 2" in asked.stdout, asked.stdout
    [line] = bankd.said("signoffs", "list")
    assert (line["policy"], line["state"]) == ("title-unshown-for-large-run", "awaiting")
    shown = bankd.run("signoffs", "show", line["awaited"]).stdout
    assert "L-shop/web" in shown and "nobody has signed yet" in shown
    explained = bankd.run("requests", "explain", line["request"]).stdout
    assert "waits for compliance" in explained and "L-shop" not in explained

    sentence = bankd.refused(
        "signoffs", "give", line["awaited"], "--reason", "fine", "--expires", "2099-12-31"
    )
    assert sentence == (
        f"`{getpass.getuser()}` filed request `{line['request']}`, and nobody signs off what he asked for"
    )
    assert "no sign-off is or was awaited" in bankd.refused("signoffs", "show", UUID(int=3))
    assert "there is no sign-off" in bankd.refused("signoffs", "withdraw", UUID(int=3), "--reason", "r")
