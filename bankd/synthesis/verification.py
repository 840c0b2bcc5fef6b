"""Is a bare file a composite of this bank? With this installation's keys, anchors and records."""

from bankd.audit.actor import Actor
from bankd.provenance import certificates
from bankd.provenance import service as provenance
from bankd.provenance.certificates import Credentials
from bankd.provenance.verify import Verification, verify
from bankd.runtime import Runtime


def verify_file(rt: Runtime, file: bytes, *, by: Actor) -> Verification:
    """Check a PNG against what this bank signed and has on record, naming only what `by` may know of."""
    with rt.transaction() as session:
        return verify(
            file,
            anchors_pem=credentials(rt).anchors_pem,
            manifest_key=rt.manifest_key.public_key(),
            retired=[one.key for one in rt.signing_keys(session)["manifest"]],
            lookup=lambda pixels: provenance.find_by_pixels(session, pixels, by=by),
        )


def credentials(rt: Runtime) -> Credentials:
    """The house's own certificate where the settings name one, else the development chain."""
    chain, key = rt.settings.c2pa_certificates, rt.settings.c2pa_key
    if chain is not None and key is not None:
        return certificates.load(chain, key)
    return certificates.ensure_development(rt.settings.keys, at=rt.now())
