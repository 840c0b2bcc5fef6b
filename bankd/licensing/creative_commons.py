"""The Creative Commons licenses of which the words are known, as grants.

Each grant quotes the words that it rests on. `generative` and `train` follow
from the right to produce and share adapted material, within the purposes of
the license; NoDerivatives gives no such right, so nothing of it is combined,
synthesized or trained on here. What NonCommercial means for a company's
internal or editorial use is disputed: the narrow reading leaves both out.
Version 2.0 is what photos of Flickr are under, and says the same in other words.
"""

import re
from dataclasses import dataclass
from datetime import date

from bankd.licensing.terms import Credit, GrantTerms
from bankd.licensing.vocabulary import ALTERATIONS, ANY, AUDIENCES, CHANNELS, PURPOSES, WORLD

GRANT_REF = "cc"


@dataclass(frozen=True)
class PublicLicense:
    """`adapted`: adapted material may be shared; `alike`: under this license only."""

    spdx: str
    clause: str
    quote: str
    purposes: frozenset[str] = PURPOSES
    adapted: bool = True
    alike: bool = False
    credit_owed: bool = True

    def terms(self, *, starts_on: date, zone: str, credit: Credit | None) -> GrantTerms:
        return GrantTerms.model_validate(
            {
                "territories": {WORLD},
                "channels": CHANNELS,
                "purposes": self.purposes,
                "sectors": {ANY},
                "audiences": AUDIENCES,
                "alterations": ALTERATIONS if self.adapted else {"crop"},  # "in whole or in part"
                "generative": self.adapted,
                "train": self.adapted,
                "licensees": {ANY},
                "starts_on": starts_on,
                "ends_on": None,
                "zone": zone,
                "credit": credit,
                "share_alike": self.spdx if self.alike else None,
            }
        )


NONCOMMERCIAL = frozenset({"education", "research"})

ADDRESS = re.compile(
    r"https?://(www\.)?creativecommons\.org/(licenses|publicdomain)/(?P<kind>zero|by(-nc)?(-nd|-sa)?)"
    r"/(?P<version>\d\.\d)/?(deed\.[a-z_]+|legalcode)?/?",
    re.IGNORECASE,
)
"""Of the international or unported text; a ported one (`/2.0/jp/`) has words of its own."""

OF_CREATIVE_COMMONS = re.compile(
    r"CC0-\d\.\d|CC-BY(-NC)?(-ND|-SA)?-\d\.\d(-[A-Z]{2,4})?", re.IGNORECASE | re.ASCII
)
"""SPDX ids of every version, ports such as `CC-BY-SA-3.0-DE` included."""

SECTION = "Section 2(a)(1)"
WHOLE = "reproduce and Share the Licensed Material, in whole or in part"
ADAPT = "produce, reproduce, and Share Adapted Material"
NO_ADAPT = "produce and reproduce, but not Share, Adapted Material"
NC = "for NonCommercial purposes only"

SECTION_2_0 = "Section 3"
SECTIONS_2_0_NC = "Sections 3 and 4"
WHOLE_2_0 = (
    "to reproduce the Work, to incorporate the Work into one or more Collective Works, and to reproduce the "
    "Work as incorporated in the Collective Works"
)
ADAPT_2_0 = "to create and reproduce Derivative Works"
NO_ADAPT_2_0 = "but otherwise you have no rights to make Derivative Works"
NC_2_0 = (
    "You may not exercise any of the rights granted to You in Section 3 above in any manner that is "
    "primarily intended for or directed toward commercial advantage or private monetary compensation."
)

LICENSES = {
    known.spdx: known
    for known in (
        PublicLicense(
            "CC0-1.0",
            "Section 2",
            "overtly, fully, permanently, irrevocably and unconditionally waives, abandons, and surrenders "
            "all of Affirmer's Copyright and Related Rights",
            credit_owed=False,
        ),
        PublicLicense("CC-BY-4.0", SECTION, f"{WHOLE}; and {ADAPT}."),
        PublicLicense("CC-BY-SA-4.0", SECTION, f"{WHOLE}; and {ADAPT}.", alike=True),
        PublicLicense("CC-BY-ND-4.0", SECTION, f"{WHOLE}; and {NO_ADAPT}.", adapted=False),
        PublicLicense("CC-BY-NC-4.0", SECTION, f"{WHOLE}, {NC}; and {ADAPT} {NC}.", purposes=NONCOMMERCIAL),
        PublicLicense(
            "CC-BY-NC-SA-4.0", SECTION, f"{WHOLE}, {NC}; and {ADAPT} {NC}.", NONCOMMERCIAL, alike=True
        ),
        PublicLicense(
            "CC-BY-NC-ND-4.0", SECTION, f"{WHOLE}, {NC}; and {NO_ADAPT} {NC}.", NONCOMMERCIAL, adapted=False
        ),
        PublicLicense("CC-BY-2.0", SECTION_2_0, f"{WHOLE_2_0}; {ADAPT_2_0}"),
        PublicLicense("CC-BY-SA-2.0", SECTION_2_0, f"{WHOLE_2_0}; {ADAPT_2_0}", alike=True),
        PublicLicense("CC-BY-ND-2.0", SECTION_2_0, f"{WHOLE_2_0} .. {NO_ADAPT_2_0}", adapted=False),
        PublicLicense(
            "CC-BY-NC-2.0", SECTIONS_2_0_NC, f"{WHOLE_2_0}; {ADAPT_2_0} .. {NC_2_0}", purposes=NONCOMMERCIAL
        ),
        PublicLicense(
            "CC-BY-NC-SA-2.0",
            SECTIONS_2_0_NC,
            f"{WHOLE_2_0}; {ADAPT_2_0} .. {NC_2_0}",
            NONCOMMERCIAL,
            alike=True,
        ),
        PublicLicense(
            "CC-BY-NC-ND-2.0",
            SECTIONS_2_0_NC,
            f"{WHOLE_2_0} .. {NO_ADAPT_2_0} .. {NC_2_0}",
            NONCOMMERCIAL,
            adapted=False,
        ),
    )
}


def irrevocable(spdx: str | None) -> bool:
    """Whether nobody can take the license back from who obtained a photo under it: any of Creative Commons,
    of each version and port (4.0 section 2(a)(1), before it section 7(b)). A licensor who stops offering it
    ends nothing, and only who breaks it loses it."""
    return spdx is not None and OF_CREATIVE_COMMONS.fullmatch(spdx.strip()) is not None


def at_address(url: str) -> PublicLicense | None:
    """The license that an address of creativecommons.org stands for, if its words are known here."""
    found = ADDRESS.fullmatch(url.strip())
    if found is None:
        return None
    kind, version = found["kind"].upper(), found["version"]
    return LICENSES.get(f"CC0-{version}" if kind == "ZERO" else f"CC-{kind}-{version}")
