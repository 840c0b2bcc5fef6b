"""What this house signs files with, as its settings say."""

from datetime import datetime

from bankd.config import Settings
from bankd.provenance import certificates, signers
from bankd.provenance.certificates import Credentials


def of(settings: Settings, *, at: datetime) -> Credentials:
    """The house's own certificate where the settings name one, else the development chain."""
    if settings.c2pa_certificates is None:
        return certificates.ensure_development(settings.keys, at=at)
    ask = None
    if settings.c2pa_key is None:
        ask = signers.signer(command=settings.c2pa_sign_command, name=settings.c2pa_signer)
    return certificates.load(settings.c2pa_certificates, settings.c2pa_key, settings.c2pa_anchors, sign=ask)
