"""E-mails with reports, taken by a real SMTP server."""

import asyncio
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from acd.app.reporting.aside import aside
from acd.app.reporting.mail import Letter, MailError, send
from acd.config.reports import MailServer

PASSWORD = "s3cret"
LETTER = Letter(
    to=("boss@example.com", "wang@example.com"),
    subject="呼叫中心 yesterday 2026-11-24",
    text="yesterday\n",
    file_name="yesterday-2026-11-24.csv",
    content="队列,呼入量\r\nsales,510\r\n".encode(),
    content_type="text/csv",
    message_id="<1@example.com>",
    at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC),
)


class Box:
    """What the mail server got."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], email.message.EmailMessage]] = []
        self.encrypted: list[bool] = []
        self.refused: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for it
        self, server: SMTP, session, envelope, address, options
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd looks for it
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append((envelope.rcpt_tos, message))
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"


def authenticator(server, session, envelope, mechanism, data) -> AuthResult:
    right = (data.login, data.password) == (b"reports@example.com", PASSWORD.encode())
    return AuthResult(success=right, handled=False)


async def ended() -> None:
    """End what still talks to clients."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@contextmanager
def listening(folder: Path, security: str, box: Box) -> Iterator[MailServer]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    settings = {"enable_SMTPUTF8": True, "hostname": "127.0.0.1"}
    if security != "none":
        settings |= {"authenticator": authenticator, "auth_required": True}
    if security == "starttls":
        settings |= {"tls_context": context, "require_starttls": True}
    if security == "tls":
        # It is encrypted, which this protocol does not see, and would warn of.
        settings |= {"auth_require_tls": False, "auth_required": False}
    loop = asyncio.new_event_loop()
    serving = loop.create_server(
        lambda: SMTP(box, loop=loop, **settings),
        "127.0.0.1",
        0,
        ssl=context if security == "tls" else None,
    )
    running = loop.run_until_complete(serving)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield MailServer(
            host="127.0.0.1",
            port=running.sockets[0].getsockname()[1],
            security=security,
            ca_file="ca.pem",
            username="" if security == "none" else "reports@example.com",
            password_file="" if security == "none" else "password",
            sender="reports@example.com",
        )
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        running.close()
        loop.run_until_complete(ended())
        loop.close()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_report_arrives_whole(tmp_path: Path, security: str) -> None:
    box = Box()
    with listening(tmp_path, security, box) as server:
        assert send(server, PASSWORD, tmp_path, LETTER) == []
    [(to, message)] = box.letters
    assert to == list(LETTER.to)
    assert box.encrypted == [security != "none"]
    assert (message["Subject"], message["From"]) == (LETTER.subject, "reports@example.com")
    assert (message["Message-ID"], message["Auto-Submitted"]) == (
        "<1@example.com>",
        "auto-generated",
    )
    [attached] = message.iter_attachments()
    assert attached.get_filename() == LETTER.file_name
    assert attached.get_payload(decode=True) == LETTER.content


def test_a_wrong_password_is_told_without_it(tmp_path: Path) -> None:
    box = Box()
    with listening(tmp_path, "starttls", box) as server:
        with pytest.raises(MailError, match=r"127\.0\.0\.1 says 535") as caught:
            send(server, "wr0ng", tmp_path, LETTER)
        assert "wr0ng" not in str(caught.value)
    assert box.letters == []


def test_a_password_that_cannot_be_told_is_told_without_it(tmp_path: Path) -> None:
    box = Box()
    with listening(tmp_path, "starttls", box) as server:
        with pytest.raises(MailError, match="have to be ASCII") as caught:
            send(server, "gehüpft", tmp_path, LETTER)
        assert "geh" not in str(caught.value)
        assert caught.value.__suppress_context__
    assert box.letters == []


def test_a_mail_server_that_never_answers_holds_up_no_stop() -> None:
    answered = threading.Event()

    async def stopped() -> None:
        sending = asyncio.create_task(aside(answered.wait))
        await asyncio.sleep(0)  # a turn of the loop: the work begins
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(stopped())  # the loop's own threads it would wait for
    assert not answered.is_set()
    answered.set()


def test_what_is_done_aside_comes_back() -> None:
    async def both() -> tuple[int, BaseException]:
        (failed,) = await asyncio.gather(aside(lambda: 1 // 0), return_exceptions=True)
        return await aside(lambda: 7), failed

    seven, failed = asyncio.run(both())
    assert (seven, type(failed)) == (7, ZeroDivisionError)


def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_password(tmp_path: Path) -> None:
    box = Box()
    for security in ("starttls", "tls"):
        with listening(tmp_path, security, box) as server:
            trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
            with pytest.raises(MailError, match="certificate verify failed"):
                send(server, PASSWORD, tmp_path, LETTER)
    assert box.letters == []


def test_a_server_without_encryption_gets_nothing_that_should_be_encrypted(tmp_path: Path) -> None:
    box = Box()
    with listening(tmp_path, "none", box) as server:
        wanted = server.model_copy(update={"security": "starttls"})
        with pytest.raises(MailError, match="STARTTLS"):
            send(wanted, PASSWORD, tmp_path, LETTER)
    assert box.letters == []


def test_who_is_refused_is_named_and_the_others_have_it(tmp_path: Path) -> None:
    box = Box()
    box.refused = {"boss@example.com"}
    with listening(tmp_path, "none", box) as server:
        assert send(server, "", tmp_path, LETTER) == ["boss@example.com"]
        assert len(box.letters) == 1
        box.refused = set(LETTER.to)
        with pytest.raises(MailError, match="no such mailbox"):
            send(server, "", tmp_path, LETTER)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    box = Box()
    with listening(tmp_path, "none", box) as server:
        pass
    with pytest.raises(MailError, match=f"127.0.0.1:{server.port}"):
        send(server, "", tmp_path, LETTER)
