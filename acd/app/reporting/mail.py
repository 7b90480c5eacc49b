"""Sending a report by e-mail (SMTP, RFC 5321), in a thread: calls do not wait for it."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from acd.config.reports import MailServer

LIMIT_S = 60.0
"Of each step: mail servers may hold an unknown sender off for half a minute."


class MailError(Exception):
    """The e-mail was not taken. The text says why, and never the password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One e-mail with a report."""

    to: tuple[str, ...]
    subject: str
    text: str
    file_name: str
    content: bytes
    content_type: str
    message_id: str
    """The same for every attempt at the same run: should the server be killed between the mail
    server's yes and its own note of it, the second copy is known for one."""

    at: datetime


def send(server: MailServer, password: str, config_folder: Path, letter: Letter) -> list[str]:
    """Send it, and return the recipients whom the mail server refused.

    Raises MailError if nobody gets it.
    """
    message = _message(server, letter)
    try:
        with _connected(server, config_folder) as connection:
            if server.username:
                connection.login(server.username, password)
            return sorted(connection.send_message(message, to_addrs=list(letter.to)))
    except smtplib.SMTPResponseException as error:
        told = error.smtp_error
        text = told.decode(errors="replace") if isinstance(told, bytes) else told
        raise MailError(f"{server.host} says {error.smtp_code} {text}") from error
    except UnicodeError:
        # RFC 4954 has logins in UTF-8, the library in ASCII. Its error would show the password.
        text = "user name and password for it have to be ASCII"
        raise MailError(f"{server.host}: {text}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"{server.host}:{server.port}: {error}") from error


def _connected(server: MailServer, config_folder: Path) -> smtplib.SMTP:
    trusted = str(config_folder / server.ca_file) if server.ca_file else None
    context = ssl.create_default_context(cafile=trusted)
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=LIMIT_S, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=LIMIT_S)
    if server.security == "starttls":
        try:
            connection.starttls(context=context)  # raises if the server does not offer it
        except BaseException:
            connection.close()
            raise
    return connection


def _message(server: MailServer, letter: Letter) -> EmailMessage:
    message = EmailMessage()
    message["From"] = server.sender or ""
    message["To"] = ", ".join(letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice for it
    message.set_content(letter.text)
    main, _, sub = letter.content_type.partition("/")
    message.add_attachment(letter.content, maintype=main, subtype=sub, filename=letter.file_name)
    return message
