"""What this house signs files with, as its settings say."""

from datetime import datetime

from bankd.config import Settings
from bankd.provenance import certificates, signers
from bankd.provenance.c2pa import Clock
from bankd.provenance.certificates import Credentials


def of(settings: Settings, *, at: datetime) -> Credentials:
    """The house's own certificate where the settings name one, else the development chain."""
    if settings.c2pa_certificates is None:
        return certificates.ensure_development(settings.keys, at=at)
    ask = None
    if settings.c2pa_key is None:
        ask = signers.signer(command=settings.c2pa_sign_command, name=settings.c2pa_signer)
    return certificates.load(settings.c2pa_certificates, settings.c2pa_key, settings.c2pa_anchors, sign=ask)


def clock(settings: Settings) -> Clock:
    """The time-stamp authorities, and what to do where none answers."""
    roots = settings.time_stamp_roots
    return Clock(
        settings.time_stamp_authorities,
        required=settings.time_stamp_policy == "refuse",
        roots_pem="" if roots is None else certificates.roots(roots),
    )
