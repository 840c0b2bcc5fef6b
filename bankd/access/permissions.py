"""What each role may do: the one table that the API and the commands ask; pure.

This is about who may use the bank, not about uses of photos: those are
policy's. Reading pixels takes a clearance whatever is permitted here.
"""

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from bankd.access.errors import NotPermitted, OfTheWholeHouse
from bankd.audit.actor import Actor


class Role(StrEnum):
    LIBRARIAN = "librarian"
    CREATIVE = "creative"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class Permission(StrEnum):
    PHOTOS_INGEST = "photos.ingest"
    PHOTOS_READ = "photos.read"
    PHOTOS_DISPUTE = "photos.dispute"
    PHOTOS_ERASE = "photos.erase"
    EMBEDDED_SUPERSEDE = "embedded.supersede"
    LIKENESS_REVIEW = "likeness.review"
    LICENSES_RECORD = "licenses.record"
    LICENSES_WITHDRAW = "licenses.withdraw"
    HOLDS_SET = "holds.set"
    SIGNOFFS_READ = "signoffs.read"
    SIGNOFFS_GIVE = "signoffs.give"  # and decline, withdraw, supersede
    EXPOSURE_READ = "exposure.read"
    EXPIRIES_READ = "expiries.read"
    LINEAGE_READ = "lineage.read"
    NOTICES_READ = "notices.read"
    NOTICES_RETRY = "notices.retry"
    LICENSES_READ = "licenses.read"  # that they exist, of whom, in force or not
    TERMS_READ = "terms.read"  # what a contract says, fees and quoted clauses included: confidential
    POLICIES_READ = "policies.read"
    POLICIES_ACTIVATE = "policies.activate"
    REQUESTS_CREATE = "requests.create"
    REQUESTS_READ = "requests.read"
    REQUESTS_REDECLARE = "requests.redeclare"  # another story after a refusal, without asking compliance
    COMPOSITES_READ = "composites.read"
    COMPOSITES_EXPORT = "composites.export"
    COMPOSITES_IDENTIFY = "composites.identify"
    COMPOSITES_VERIFY = "composites.verify"
    PUBLICATIONS_RECORD = "publications.record"  # and take down, replace, import
    ROYALTIES_READ = "royalties.read"  # what is owed to whom: confidential
    ROYALTIES_MANAGE = "royalties.manage"  # payees, splits, rates, statements, corrections
    REPORTS_MAKE = "reports.make"  # and look at those that were issued
    REPORTS_APPROVE = "reports.approve"
    REPORTS_SCHEDULE = "reports.schedule"
    MODELS_READ = "models.read"
    MODELS_PIN = "models.pin"  # and bring in: what is trained on, and which networks the bank has
    LOG_READ = "log.read"
    LOG_VERIFY = "log.verify"
    KEYS_MANAGE = "keys.manage"
    STACK_OPERATE = "stack.operate"


_P = Permission
_EVERYONE = frozenset({_P.POLICIES_READ, _P.MODELS_READ, _P.COMPOSITES_VERIFY, _P.LOG_VERIFY})

ALLOWED: Mapping[Role, frozenset[Permission]] = {
    Role.LIBRARIAN: _EVERYONE
    | {
        _P.PHOTOS_INGEST,
        _P.PHOTOS_READ,
        _P.PHOTOS_DISPUTE,
        _P.LICENSES_RECORD,
        _P.LICENSES_READ,
        _P.TERMS_READ,
        _P.EXPIRIES_READ,
    },
    Role.CREATIVE: _EVERYONE
    | {
        _P.LICENSES_READ,
        _P.REQUESTS_CREATE,
        _P.REQUESTS_READ,
        _P.COMPOSITES_READ,
        _P.COMPOSITES_IDENTIFY,
        _P.COMPOSITES_EXPORT,
        _P.LINEAGE_READ,
        _P.PUBLICATIONS_RECORD,
    },
    Role.COMPLIANCE: _EVERYONE
    | {
        _P.PHOTOS_READ,
        _P.PHOTOS_DISPUTE,
        _P.PHOTOS_ERASE,
        _P.EMBEDDED_SUPERSEDE,
        _P.LIKENESS_REVIEW,
        _P.LICENSES_RECORD,
        _P.LICENSES_WITHDRAW,
        _P.HOLDS_SET,
        _P.SIGNOFFS_READ,
        _P.SIGNOFFS_GIVE,
        _P.EXPOSURE_READ,
        _P.LINEAGE_READ,
        _P.EXPIRIES_READ,
        _P.NOTICES_READ,
        _P.NOTICES_RETRY,
        _P.LICENSES_READ,
        _P.TERMS_READ,
        _P.POLICIES_ACTIVATE,
        _P.REQUESTS_READ,
        _P.REQUESTS_REDECLARE,
        _P.COMPOSITES_READ,
        _P.COMPOSITES_IDENTIFY,
        _P.PUBLICATIONS_RECORD,
        _P.ROYALTIES_READ,
        _P.ROYALTIES_MANAGE,
        _P.REPORTS_MAKE,
        _P.REPORTS_APPROVE,
        _P.REPORTS_SCHEDULE,
        _P.MODELS_PIN,
        _P.LOG_READ,
    },
    Role.AUDITOR: _EVERYONE
    | {
        _P.PHOTOS_READ,
        _P.LICENSES_READ,
        _P.TERMS_READ,
        _P.REQUESTS_READ,
        _P.COMPOSITES_READ,
        _P.COMPOSITES_IDENTIFY,
        _P.ROYALTIES_READ,
        _P.REPORTS_MAKE,
        _P.LOG_READ,
        _P.SIGNOFFS_READ,
        _P.EXPOSURE_READ,
        _P.LINEAGE_READ,
        _P.EXPIRIES_READ,
    },
    Role.OPERATOR: _EVERYONE
    | {_P.MODELS_PIN, _P.KEYS_MANAGE, _P.STACK_OPERATE, _P.NOTICES_READ, _P.NOTICES_RETRY},
}


def may(actor: Actor, permission: Permission) -> bool:
    """Whether one of the actor's roles allows it. A role that is not in the table allows nothing."""
    return any(permission in ALLOWED[Role(role)] for role in actor.roles if role in ALLOWED)


def require(actor: Actor, permission: Permission) -> None:
    """Raises: NotPermitted, naming the roles that it takes."""
    if not may(actor, permission):
        allowing = sorted(role for role, allowed in ALLOWED.items() if permission in allowed)
        raise NotPermitted(actor.name, permission, allowing)


def require_house(actor: Actor) -> None:
    """Raises: OfTheWholeHouse: what is asked for tells of all departments, and the actor is of one."""
    if actor.department_id is not None:
        raise OfTheWholeHouse(actor.name)


def sees(actor: Actor, department_id: UUID | None) -> bool:
    """Whether what this department owns is the actor's to see.

    An actor of no department is of the whole house; what no department owns is seen by all.
    """
    return actor.department_id is None or department_id in (None, actor.department_id)
