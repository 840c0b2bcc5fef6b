"""What files are signed with. API keys themselves are made on the machine, by `bankd keys`."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.synthesis import verification

router = APIRouter(prefix="/keys", tags=["keys"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])


class SigningState(BaseModel):
    """The certificate that files are signed with, and who says the time."""

    subject: str
    issuer: str
    starts_at: datetime
    ends_at: datetime
    development: bool = Field(description="Made by the bank itself: nobody outside trusts it")
    key: str = Field(description="Where it lies: `file`, `command`, or the name of an entry point")
    anchors: list[str] = Field(description="The roots that signers are held to")
    authorities: list[str] = Field(description="Time-stamp authorities, asked in turn")
    time_stamp_policy: str
    time_stamp_roots: list[str]
    warnings: list[str]


@router.get(
    "/signing",
    summary="Show the certificate that files are signed with, until when, and who says the time",
    openapi_extra=takes(Permission.KEYS_MANAGE),
    responses=responses(422),
)
def signing(call: Called) -> SigningState:
    return SigningState.model_validate(verification.signing_state(call.runtime), from_attributes=True)
