"""Notices over a real mail server and to a real receiver that fails at first."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.access.errors import NotPermitted
from bankd.audit import log
from bankd.config import Settings
from bankd.notices import service
from bankd.notices.channels import Channel, channels
from bankd.notices.errors import ChannelInvalid, NoticeAlreadySent, NoticeNotFound
from bankd.notices.models import Notice
from bankd.notices.signing import FIRST_WAIT, LONGEST_WAIT, MOST_TRIES, signature, wait_after

BY_CHANCE = UUID(int=7)
SECRET = "a secret of thirty-two bytes....."


class Clock:
    def __init__(self, at: Any) -> None:
        self.at = at

    def __call__(self) -> Any:
        return self.at


class Inbox:
    """What a mail server took, and what it is told to refuse first."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refusals = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            return "451 try again later"
        self.mails.append(envelope)
        return "250 taken"


class Bound(Controller):
    """On a port that is held from the moment it is known."""

    def __init__(self, handler: Inbox) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        super().__init__(handler, hostname="127.0.0.1", port=port, ready_timeout=300)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, str]]:
    handler = Inbox()
    controller = Bound(handler)
    port = controller.port
    controller.start()
    try:
        yield handler, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


class Receiver:
    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append((dict(self.headers), body))
            self.send_response(state.answers.pop(0) if state.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state, f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def settings(home: Path, **given: Any) -> Settings:
    return Settings.model_validate({"home": home, **given})


def tell(session: Session, to: dict[str, Channel], at: Any, key: str = "k") -> int:
    return service.tell(
        session, "test", key=key, title="A term ends", words="2026-06-30 licença 令和\n",
        facts={"ref": "L-1", "名": "桐島"}, to=to, at=at,
    )  # fmt: skip


def test_webhook_is_signed_tried_again_with_waits_and_sent_once(
    sessions: Any, receiver: tuple[Receiver, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    state, url = receiver
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    to = channels(settings(tmp_path, webhook_url=url, webhook_secret_file=secret))
    state.answers = [500, 302, 429]
    clock = Clock(NOON)
    with sessions.begin() as session:
        assert tell(session, to, NOON) == 1
        assert tell(session, to, NOON) == 0  # nobody is told the same thing twice

    def send() -> int:
        return service.send_due(sessions.begin, to, by=BY.system, now=clock)

    assert send() == 0 and send() == 0  # what failed waits
    for wait in (FIRST_WAIT, 2 * FIRST_WAIT):
        clock.at += wait - timedelta(seconds=1)
        assert send() == 0
        clock.at += timedelta(seconds=1)
        assert send() == 0
    assert len(state.got) == 3
    clock.at += 4 * FIRST_WAIT
    assert send() == 1 and send() == 0

    ids = {headers["Bankd-Notice"] for headers, _ in state.got}
    assert len(ids) == 1 and len(state.got) == 4
    for headers, body in state.got:
        stamp = headers["Bankd-Timestamp"]
        by_hand = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert headers["Bankd-Signature"] == f"v1={by_hand}"
        assert json.loads(body)["facts"] == {"ref": "L-1", "名": "桐島"}
    assert int(state.got[-1][0]["Bankd-Timestamp"]) == int(clock.at.timestamp())
    with sessions.begin() as session:
        [sent] = service.listed(session, state="sent")
        assert (sent.tries, sent.last_error, sent.state) == (4, None, "sent")


def test_what_is_never_taken_dies_is_shown_and_can_be_tried_anew(
    sessions: Any, receiver: tuple[Receiver, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    state, url = receiver
    to = channels(settings(tmp_path, webhook_url=url, webhook_secret=SECRET))
    state.answers = [503] * MOST_TRIES
    clock = Clock(NOON)
    with sessions.begin() as session:
        tell(session, to, NOON)
    for _ in range(MOST_TRIES):
        assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 0
        clock.at += LONGEST_WAIT
    assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 0
    assert len(state.got) == MOST_TRIES
    with sessions.begin() as session:
        assert service.dead(session) == 1
        [dead] = service.listed(session, state="dead")
        assert dead.last_error == f"webhook `{url}` answered with status 503"
        assert [entry.kind for entry in log.read(session)][-1] == "notice.died"
        with pytest.raises(NotPermitted):
            service.retry(session, dead.id, by=BY.librarian, at=clock.at)
    with sessions.begin() as session:
        service.retry(session, dead.id, by=BY.operator, at=clock.at)
    assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 1
    with sessions.begin() as session:
        assert service.dead(session) == 0
        with pytest.raises(NoticeAlreadySent):
            service.retry(session, dead.id, by=BY.operator, at=clock.at)
        with pytest.raises(NoticeNotFound):
            service.retry(session, BY_CHANCE, by=BY.operator, at=clock.at)


def test_mail_goes_to_a_real_server_that_refuses_it_first(
    sessions: Any, inbox: tuple[Inbox, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    server, url = inbox
    given = {"notice_sender": "bank@house.example", "notice_recipients": "a@house.example, b@house.example"}
    to = channels(settings(tmp_path, smtp_url=url, **given))
    server.refusals = 1
    clock = Clock(NOON)
    with sessions.begin() as session:
        tell(session, to, NOON)
    assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 0
    with sessions.begin() as session:
        assert "451" in (session.scalars(select(Notice.last_error)).one() or "")
    clock.at += FIRST_WAIT
    assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 1
    [mail] = server.mails
    assert mail.rcpt_tos == ["a@house.example", "b@house.example"]
    text = mail.content.decode()
    with sessions.begin() as session:
        notice = session.scalars(select(Notice)).one()
    assert f"Message-ID: <{notice.id}@bankd>" in text and f"Bankd-Notice: {notice.id}" in text


def test_what_somebody_called_a_person_stops_no_mail(
    sessions: Any, inbox: tuple[Inbox, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    """A title of two lines is no header, and would keep back every notice that is due after it."""
    server, url = inbox
    given = {"notice_sender": "bank@house.example", "notice_recipients": "a@house.example"}
    to = channels(settings(tmp_path, smtp_url=url, **given))
    with sessions.begin() as session:
        for title in ("person P-1\nBcc: c@evil.example was withdrawn", "person P-2 was withdrawn"):
            service.tell(
                session, "withdrawal", key=title, title=title, words="gone", facts={}, to=to, at=NOON
            )

    assert service.send_due(sessions.begin, to, by=BY.system, now=Clock(NOON)) == 2
    assert [mail.rcpt_tos for mail in server.mails] == [["a@house.example"]] * 2
    assert not any(line.startswith(b"Bcc") for mail in server.mails for line in mail.content.splitlines())


def test_a_crash_between_sending_and_noting_sends_again_with_the_same_id(
    sessions: Any, receiver: tuple[Receiver, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    state, url = receiver
    to = channels(settings(tmp_path, webhook_url=url, webhook_secret=SECRET))
    clock = Clock(NOON)
    with sessions.begin() as session:
        tell(session, to, NOON)
    asked = 0

    def dying() -> Any:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise ConnectionError("the clerk is gone")
        return sessions.begin()

    with pytest.raises(ConnectionError):
        service.send_due(dying, to, by=BY.system, now=clock)
    clock.at += FIRST_WAIT
    assert service.send_due(sessions.begin, to, by=BY.system, now=clock) == 1
    assert len({headers["Bankd-Notice"] for headers, _ in state.got}) == 1 and len(state.got) == 2


def test_channel_that_is_gone_from_the_settings_is_no_target_any_more(
    sessions: Any, receiver: tuple[Receiver, str], tmp_path: Path, NOON: Any, BY: SimpleNamespace
) -> None:
    state, url = receiver
    to = channels(settings(tmp_path, webhook_url=url, webhook_secret=SECRET))
    with sessions.begin() as session:
        tell(session, to, NOON)
    assert service.send_due(sessions.begin, {}, by=BY.system, now=Clock(NOON)) == 0
    with sessions.begin() as session:
        assert "not in the settings any more" in (session.scalars(select(Notice.last_error)).one() or "")
    assert state.got == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"smtp_url": "smtp://host"}, "set `notice_sender` and `notice_recipients` too"),
        ({"smtp_url": "ftp://host"}, "no mail server"),
        ({"smtp_url": "smtp://host:99999", "notice_sender": "a@b", "notice_recipients": "c@d"}, "a port"),
        ({"smtp_url": "smtp://u:p@host", "notice_sender": "a@b", "notice_recipients": "c@d"}, "in the clear"),
        (
            {"smtp_url": "smtp://host", "notice_sender": "a@b\r\nBcc: x@y", "notice_recipients": "c@d"},
            "no mail",
        ),
        ({"webhook_url": "http://desk.example/hook", "webhook_secret": SECRET}, "use https"),
        ({"webhook_url": "desk.example", "webhook_secret": SECRET}, "no address"),
        ({"webhook_url": "https://desk.example"}, "set `webhook_secret_file` or"),
        ({"webhook_url": "https://desk.example", "webhook_secret": "short"}, "shorter than 16 bytes"),
    ],
)
def test_half_a_channel_or_one_in_the_clear_is_refused(tmp_path: Path, given: Any, words: str) -> None:
    with pytest.raises(ChannelInvalid, match=words):
        channels(settings(tmp_path, **given))


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o640)
    given = {"webhook_url": "https://desk.example/hook", "webhook_secret_file": secret}
    with pytest.raises(ChannelInvalid, match="can be read by others: `chmod 600` it"):
        channels(settings(tmp_path, **given))
    with pytest.raises(ChannelInvalid, match="keep one"):
        channels(settings(tmp_path, **given, webhook_secret=SECRET))
    with pytest.raises(ChannelInvalid, match="cannot be read"):
        channels(settings(tmp_path, **{**given, "webhook_secret_file": tmp_path / "none"}))
    assert SECRET not in repr(channels(settings(tmp_path, webhook_url="https://a", webhook_secret=SECRET)))


def test_waits_double_up_to_six_hours_and_no_secret_makes_another_signature() -> None:
    assert [wait_after(tries) / FIRST_WAIT for tries in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert wait_after(MOST_TRIES) == LONGEST_WAIT == wait_after(1000)
    signed = signature(b"one", 1, b"body")
    assert signed not in (
        signature(b"two", 1, b"body"), signature(b"one", 2, b"body"), signature(b"one", 1, b"bodY")
    )  # fmt: skip
