"""What a Creative Commons id stands for."""

from datetime import date

import pytest

from bankd.licensing.creative_commons import LICENSES, at_address, irrevocable
from bankd.licensing.terms import Credit, GrantTerms

EVERYTHING = {"commercial", "editorial", "education", "research", "internal"}
NONCOMMERCIAL = {"education", "research"}


def terms(spdx: str) -> GrantTerms:
    return LICENSES[spdx].terms(starts_on=date(2024, 1, 1), zone="UTC", credit=Credit(text="© Ada"))


@pytest.mark.parametrize(
    ("spdx", "purposes", "adapted", "share_alike"),
    [
        ("CC0-1.0", EVERYTHING, True, None),
        ("CC-BY-4.0", EVERYTHING, True, None),
        ("CC-BY-SA-4.0", EVERYTHING, True, "CC-BY-SA-4.0"),
        ("CC-BY-ND-4.0", EVERYTHING, False, None),
        ("CC-BY-NC-4.0", NONCOMMERCIAL, True, None),
        ("CC-BY-NC-SA-4.0", NONCOMMERCIAL, True, "CC-BY-NC-SA-4.0"),
        ("CC-BY-NC-ND-4.0", NONCOMMERCIAL, False, None),
        ("CC-BY-2.0", EVERYTHING, True, None),
        ("CC-BY-SA-2.0", EVERYTHING, True, "CC-BY-SA-2.0"),
        ("CC-BY-ND-2.0", EVERYTHING, False, None),
        ("CC-BY-NC-2.0", NONCOMMERCIAL, True, None),
        ("CC-BY-NC-SA-2.0", NONCOMMERCIAL, True, "CC-BY-NC-SA-2.0"),
        ("CC-BY-NC-ND-2.0", NONCOMMERCIAL, False, None),
    ],
)
def test_what_each_license_allows(
    spdx: str, purposes: set[str], adapted: bool, share_alike: str | None
) -> None:
    granted = terms(spdx)

    assert granted.purposes == purposes
    assert (granted.generative, granted.train, "combine" in granted.alterations) == (adapted,) * 3
    assert granted.share_alike == share_alike
    assert (granted.territories, granted.licensees, granted.sectors) == ({"WORLD"}, {"any"}, {"any"})
    assert granted.ends_on is None
    assert not granted.sublicense


def test_the_words_that_each_grant_rests_on_are_quoted() -> None:
    whole = "reproduce and Share the Licensed Material, in whole or in part"
    for spdx, license in LICENSES.items():
        if spdx == "CC0-1.0":
            assert "waives, abandons, and surrenders" in license.quote
            assert not license.credit_owed
            continue
        if spdx.endswith("-2.0"):
            assert license.quote.startswith("to reproduce the Work, to incorporate the Work")
            assert ("commercial advantage or private monetary compensation" in license.quote) == (
                "-NC" in spdx
            )
            assert ("no rights to make Derivative Works" in license.quote) == ("-ND" in spdx)
            assert ("to create and reproduce Derivative Works" in license.quote) == ("-ND" not in spdx)
            assert license.credit_owed
            continue
        assert license.clause == "Section 2(a)(1)"
        assert license.quote.startswith(whole)
        assert ("for NonCommercial purposes only" in license.quote) == ("-NC" in spdx)
        assert ("but not Share, Adapted Material" in license.quote) == ("-ND" in spdx)
        assert ("produce, reproduce, and Share Adapted Material" in license.quote) == ("-ND" not in spdx)
        assert license.credit_owed


@pytest.mark.parametrize(
    ("url", "spdx"),
    [
        ("http://creativecommons.org/licenses/by-nc-sa/2.0/", "CC-BY-NC-SA-2.0"),
        ("https://creativecommons.org/licenses/by/4.0/deed.en", "CC-BY-4.0"),
        ("https://www.creativecommons.org/licenses/by-nc-nd/2.0", "CC-BY-NC-ND-2.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0-1.0"),
    ],
)
def test_an_address_of_creative_commons_stands_for_its_license(url: str, spdx: str) -> None:
    assert at_address(url) is LICENSES[spdx]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://flickr.com/commons/usage/",
        "http://www.usa.gov/copyright.shtml",
        "http://creativecommons.org/licenses/by/3.0/",  # its words are not known here
        "http://creativecommons.org/licenses/by/2.0/jp/",  # nor a port's
        "http://creativecommons.org.example.net/licenses/by/2.0/",
        "http://example.net/?http://creativecommons.org/licenses/by/2.0/",
    ],
)
def test_any_other_address_stands_for_nothing(url: str) -> None:
    assert at_address(url) is None


def test_no_version_or_port_can_be_taken_back() -> None:
    for spdx in (*LICENSES, "CC-BY-3.0", "CC-BY-SA-2.5", "CC-BY-NC-ND-3.0-IGO", "CC-BY-3.0-DE", "cc-by-1.0"):
        assert irrevocable(spdx), spdx
    for other in (None, "", "LicenseRef-agency", "CC", "CC-BY", "XCC-BY-4.0", "CC-BY-4.0 or later"):
        assert not irrevocable(other), other
