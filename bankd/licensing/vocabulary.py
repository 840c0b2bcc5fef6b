"""The closed lists that uses and grants are written in.

A word outside these lists is refused where it enters, never guessed.
"""

from typing import Literal, get_args

Action = Literal["view", "synthesize", "adapt", "compose", "train", "publish", "publish-adapted"]
Purpose = Literal["commercial", "editorial", "education", "research", "internal"]
Channel = Literal[
    "web", "social", "email", "app", "print", "packaging", "out-of-home", "broadcast", "internal"
]
Audience = Literal["comp", "internal", "public"]
Alteration = Literal["crop", "flip", "recolor", "retouch", "combine"]
Subject = Literal[
    "adult", "alcohol", "finance", "gambling", "health", "politics", "religion", "tobacco", "weapons"
]
TerritoryTest = Literal["targeted", "accessible"]
Basis = Literal["owned", "licensed", "public-domain", "collective", "ruling", "statutory"]
"""Why the house may use a photo at all. `collective`: a society that stands for its members licenses it."""
Circulation = Literal["new", "stock", "archive"]
"""Whether something new is published, copies that were handed out are sold off, or a publication stays in an
archive."""
Integrity = Literal["covenanted", "reserved", "unstated"]
"""Whether the author has promised not to object to alterations, or keeps the right to."""
Claim = Literal["copyright", "likeness", "trademark", "property", "privacy"]
"""What somebody may claim to have rights in, and an indemnity covers."""
ReleaseStatus = Literal["released", "not-needed", "none", "unknown"]
AgeStatus = Literal["adult", "minor", "unknown"]
DataBasis = Literal[
    "consent", "contract", "legal-obligation", "legitimate-interest", "public-task", "vital-interests"
]
"""Why personal data may be used, in the words of GDPR Art. 6."""
RightKind = Literal["trademark", "design", "artwork", "architecture", "venue"]
"""What protected thing can be seen in a photo."""
Trigger = Literal["seal", "handout", "publication", "copies"]
"""What a cap counts and a fee is owed for: a composite sealed, handed out, published; a copy published."""
Per = Literal["term", "year", "quarter", "month"]
"""The time that a cap is for: the whole term, or each calendar year, quarter or month."""
Block = Literal[
    "withdrawn",
    "superseded",
    "capped-out",
    "denied",
    "dispute",
    "embargo",
    "erased",
    "photo-withdrawn",
    "photo-held",
]
"""Mutable state that forbids: the first four stand on one grant, the others on the whole photo."""

PURPOSES: frozenset[str] = frozenset(get_args(Purpose))
CHANNELS: frozenset[str] = frozenset(get_args(Channel))
AUDIENCES: frozenset[str] = frozenset(get_args(Audience))
ALTERATIONS: frozenset[str] = frozenset(get_args(Alteration))
SUBJECTS: frozenset[str] = frozenset(get_args(Subject))
GRANT_BLOCKS: frozenset[str] = frozenset({"withdrawn", "superseded", "capped-out", "denied"})
PHOTO_BLOCKS: frozenset[str] = frozenset({"dispute", "embargo", "erased", "photo-withdrawn", "photo-held"})

WORLD = "WORLD"
ANY = "any"

# ISO 3166-1 alpha-2, officially assigned codes.
# fmt: off
TERRITORIES: frozenset[str] = frozenset({
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS",
    "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI",
    "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
})
# fmt: on
