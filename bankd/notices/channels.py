"""Mail and webhook, as the settings name them, and one try to send over each."""

import json
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import urllib3

from bankd.config import Settings
from bankd.notices.errors import ChannelInvalid, NotSent
from bankd.notices.signing import signature

TIMEOUT_S = 10.0
SMTP_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
SECRET_LEAST_BYTES = 16


@dataclass(frozen=True)
class Message:
    """What is sent, whatever the channel."""

    id: UUID
    kind: str
    title: str
    words: str
    facts: Mapping[str, Any]
    made_at: datetime


@dataclass(frozen=True)
class Mail:
    """One mail server. `smtp` speaks in the clear, `smtp+starttls` and `smtps` by TLS that is verified."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: str
    recipients: tuple[str, ...]

    @property
    def target(self) -> str:
        return ", ".join(self.recipients)

    def send(self, message: Message, *, at: datetime) -> None:
        """Raises NotSent."""
        mail = EmailMessage()
        # A title may hold what somebody called a thing; a header of two lines would stop all notices.
        title = " ".join(message.title.split())
        mail["From"], mail["To"], mail["Subject"] = self.sender, self.target, title
        mail["Date"], mail["Message-ID"] = format_datetime(at), f"<{message.id}@bankd>"
        mail["Bankd-Notice"] = str(message.id)
        mail.set_content(message.words)
        try:
            with self._opened() as server:
                refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"mail server `{self.host}:{self.port}`: {_first_line(error)}") from error
        if refused:
            raise NotSent(f"mail server `{self.host}:{self.port}` refused {', '.join(sorted(refused))}")

    def _opened(self) -> smtplib.SMTP:
        if self.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        try:
            if self.scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self.user is not None:
                server.login(self.user, self.password or "")
        except BaseException:
            server.close()
            raise
        return server


@dataclass(frozen=True)
class Webhook:
    """One receiver. Redirects are not followed: the signature is for this address."""

    url: str
    secret: bytes = field(repr=False)

    @property
    def target(self) -> str:
        return self.url

    def send(self, message: Message, *, at: datetime) -> None:
        """Raises NotSent: the answer is not 2xx, or there is none within ten seconds."""
        body = json.dumps(
            {
                "id": str(message.id),
                "kind": message.kind,
                "title": message.title,
                "made_at": message.made_at.isoformat(),
                "facts": message.facts,
            },
            ensure_ascii=False,
            sort_keys=True,
        ).encode()
        timestamp = int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "Bankd-Notice": str(message.id),
            "Bankd-Timestamp": str(timestamp),
            "Bankd-Signature": f"v1={signature(self.secret, timestamp, body)}",
        }
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=TIMEOUT_S))
        try:
            answer = pool.request(
                "POST", self.url, body=body, headers=headers, redirect=False, preload_content=False
            )
            status = answer.status
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NotSent(f"webhook `{self.url}`: {_first_line(error)}") from error
        finally:
            pool.clear()
        if not 200 <= status < 300:
            raise NotSent(f"webhook `{self.url}` answered with status {status}")


Channel = Mail | Webhook


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels that are set up, by name; none where nobody wants to be told.

    Raises:
        ChannelInvalid: half of one is set, or it would send in the clear what must not be.
    """
    found: dict[str, Channel] = {}
    if settings.smtp_url:
        found["smtp"] = _mail(settings)
    if settings.webhook_url:
        found["webhook"] = Webhook(_checked(settings.webhook_url), _secret(settings))
    return found


def _mail(settings: Settings) -> Mail:
    url = urlsplit(settings.smtp_url or "")
    if url.scheme not in SMTP_PORTS or not url.hostname:
        raise ChannelInvalid("`smtp_url` is no mail server: write `smtp+starttls://user:password@host:587`")
    try:
        port = url.port or SMTP_PORTS[url.scheme]
    except ValueError as error:
        raise ChannelInvalid("`smtp_url` has a port that is none") from error
    if url.scheme == "smtp" and url.password and not _is_local(url.hostname):
        raise ChannelInvalid(
            "`smtp_url` would send its password in the clear: use `smtp+starttls` or `smtps`"
        )
    recipients = tuple(one.strip() for one in (settings.notice_recipients or "").split(",") if one.strip())
    if not settings.notice_sender or not recipients:
        raise ChannelInvalid("`smtp_url` is set: set `notice_sender` and `notice_recipients` too")
    for address in (settings.notice_sender, *recipients):
        if "@" not in address or any(character in address for character in "\r\n,"):
            raise ChannelInvalid(f"`{address}` is no mail address")
    return Mail(
        url.scheme,
        url.hostname,
        port,
        unquote(url.username) if url.username else None,
        unquote(url.password) if url.password else None,
        settings.notice_sender,
        recipients,
    )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ChannelInvalid("`webhook_url` is no address: write `https://host/path`")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise ChannelInvalid("`webhook_url` would tell of rights in the clear: use https")
    return url


def _secret(settings: Settings) -> bytes:
    """From the environment or settings, or from a file that only its owner can read."""
    if settings.webhook_secret and settings.webhook_secret_file:
        raise ChannelInvalid("`webhook_secret` and `webhook_secret_file` are both set: keep one")
    if settings.webhook_secret:
        secret = settings.webhook_secret.encode()
    elif settings.webhook_secret_file:
        secret = _read(settings.webhook_secret_file)
    else:
        raise ChannelInvalid("`webhook_url` is set: set `webhook_secret_file` or `webhook_secret` too")
    if len(secret) < SECRET_LEAST_BYTES:
        raise ChannelInvalid(f"the webhook's secret is shorter than {SECRET_LEAST_BYTES} bytes")
    return secret


def _read(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise ChannelInvalid(f"the webhook's secret `{path}` can be read by others: `chmod 600` it")
        return path.read_bytes().strip()
    except OSError as error:
        raise ChannelInvalid(f"the webhook's secret `{path}` cannot be read: {error.strerror}") from error


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
