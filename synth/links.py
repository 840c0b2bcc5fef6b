"""The links of a work order, followed with care: bounded, no redirect, one host."""

import hashlib

import urllib3
from urllib3.util import Retry, Timeout

from synth.workorder import Linked, OrderRefused

_RETRIES = Retry(total=3, redirect=False, backoff_factor=0.2, raise_on_status=False, raise_on_redirect=False)
_TIMEOUT = Timeout(connect=5, read=60)


class LinkFailed(Exception):
    """A link could not be followed; trying the order again later may help."""


class Links:
    """Follows links through one connection pool.

    Redirects are answers like any other here, and no good one: an order's
    links were checked to name one host, and a redirect would leave it.
    """

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(retries=_RETRIES, timeout=_TIMEOUT)

    def fetch(self, wanted: Linked) -> bytes:
        """The bytes behind a link, exactly those that the order was signed over."""
        response = self._request("GET", wanted.url, preload=False)
        try:
            if response.status != 200:
                raise LinkFailed(f"a link to fetch answered {response.status}")
            data = response.read(wanted.size_bytes + 1)
        except urllib3.exceptions.HTTPError as error:
            raise LinkFailed("what was fetched broke off") from error
        finally:
            response.release_conn()
        if len(data) != wanted.size_bytes or hashlib.sha256(data).hexdigest() != wanted.sha256:
            raise OrderRefused("what a link led to is not what the order was signed over")
        return data

    def put(self, url: str, data: bytes) -> None:
        response = self._request("PUT", url, body=data)
        if response.status not in (200, 201, 204):
            raise LinkFailed(f"the result's link answered {response.status}")

    def exists(self, url: str) -> bool:
        """Whether there is something behind the cancel link. No answer is no cancellation."""
        try:
            return self._request("GET", url).status == 200
        except LinkFailed:
            return False

    def _request(
        self, method: str, url: str, *, body: bytes | None = None, preload: bool = True
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(method, url, body=body, redirect=False, preload_content=preload)
        except urllib3.exceptions.HTTPError as error:
            raise LinkFailed("the store cannot be reached") from error
