"""reports.yaml: reports that the server makes by itself, into a folder or by e-mail."""

import os
import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from acd.ivr.document import Document, Fault
from acd.reports.asking import Wish, request_of
from acd.reports.request import RequestError
from acd.reports.schedule import Every, Plan

from .trunk_secrets import read_secret
from .values import Identifier, Section, fault

MAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}\Z"
)
"RFC 5322's dot-atoms; domains of other scripts in their ASCII form (xn--…)."

SOME_DAY = date(2000, 1, 1)
"Which day it is does not matter for the words that a schedule has."


def _mail_address(value: str) -> str:
    if not MAIL.match(value):
        raise fault("an e-mail address is wanted", "name@example.com")
    return value


Mail = Annotated[str, AfterValidator(_mail_address)]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"HH:MM, in quotes: without them YAML makes a number of it."


class MailServer(Section):
    """Who takes the e-mails. Reports go to folders alone without it."""

    host: str = ""
    "Name of the SMTP server; empty: no e-mails."

    port: Annotated[int, Field(ge=1, le=65535)] = 587
    "587 with `starttls`, 465 with `tls`, 25 with `none` are usual."

    security: Literal["starttls", "tls", "none"] = "starttls"
    """tls: encrypted from the first byte; starttls: before anything is told; none: not at all, for
    a relay on this machine."""

    ca_file: str = ""
    """PEM file of the authority that signed the server's certificate, relative to this folder;
    empty: those that the system trusts."""

    username: str = ""
    "Empty: the server asks for none."

    password_file: str = ""
    "File with the password in one line, relative to this folder; keep it out of repositories."

    password_env: str = ""
    "Environment variable that has it instead."

    sender: Mail | None = None
    "Whom the e-mails are from; wanted with `host`."

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.host and self.sender is None:
            raise fault("nobody sends the e-mails", "`sender:` with an e-mail address")
        if self.username and self.security == "none":
            raise fault("the password would go over the net in the clear", "starttls or tls")
        return self


class ScheduledReport(Section):
    """One report that comes by itself. Its days are those that have just ended."""

    report: Identifier
    "Which one; `acd report` lists them."

    every: Literal["day", "week", "month"]
    "Of which days: the day, week (from Monday) or month that has just ended."

    at: ClockTime
    "When, on the day after, by the centre's clock: 07:30."

    format: Literal["xlsx", "html", "png", "csv", "json"] = "xlsx"
    "The form, as of `acd report`."

    locale: Literal["zh", "en"] | None = None
    "Language; the centre's unless said."

    per: str = ""
    "A row for each quarter_hour, hour, day, week or month of it."

    by: tuple[str, ...] = ()
    "A row for each queue, agent, team …"

    only: Annotated[dict[str, str], Field(default_factory=dict)]
    "Dimension: value; nothing else counts."

    options: Annotated[dict[str, str], Field(default_factory=dict)]
    "What the report alone knows, such as `service_level: answered`."

    role: Literal["analyst", "supervisor", "admin"] = "analyst"
    "In whose eyes: customers' numbers are masked for those whom `privacy` does not name."

    folder: str = ""
    "Folder to write to, relative to the state folder if it does not begin with /; empty: to none."

    mail_to: Annotated[tuple[Mail, ...], Field(max_length=50)] = ()
    "Who gets it by e-mail; more than 50 are a list of the mail server's."

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        if not self.folder and not self.mail_to:
            raise fault("the report goes nowhere", "`folder:`, `mail_to:`, or both")
        try:
            request_of(self.wish(SOME_DAY, SOME_DAY), today=SOME_DAY, zone=ZoneInfo("UTC"))
        except RequestError as error:
            raise fault(f"{error.field}: {error}", "as of `acd report`") from error
        return self

    def wish(self, first: date, last: date) -> Wish:
        """Return what is asked for of these days."""
        return Wish(
            first=str(first),
            last=str(last),
            per=self.per,
            by=self.by,
            only=tuple(f"{name}={value}" for name, value in self.only.items()),
            options=self.options,
        )


class Reports(Section):
    """Reports that the server makes by itself."""

    mail: MailServer = MailServer()
    "Who takes the e-mails."

    schedules: Annotated[
        dict[Identifier, ScheduledReport], Field(max_length=200, default_factory=dict)
    ]
    "By a name of your own: it stands in the file's name and in the e-mail's subject."

    @model_validator(mode="after")
    def _mails_go_somewhere(self) -> Self:
        for name, schedule in self.schedules.items():
            if schedule.mail_to and not self.mail.host:
                raise fault(
                    f"{name} goes by e-mail, and no server takes it", "`mail:` with `host:`"
                )
        return self

    def plans(self, zone: ZoneInfo) -> dict[str, Plan]:
        """Return when each is due."""
        return {
            name: Plan(every=Every(one.every), at=time.fromisoformat(one.at), zone=zone)
            for name, one in self.schedules.items()
        }


def read_mail_password(
    folder: Path, document: Document, reports: Reports, environment: Mapping[str, str] = os.environ
) -> tuple[str, list[Fault]]:
    """Return the mail server's password, and what is wrong with its source."""
    mail = reports.mail
    needed_by = "username" if mail.username else ""
    password, wrong = read_secret(folder, mail, needed_by, environment)
    if wrong is None:
        return password, []
    setting, message, hint = wrong
    return password, [document.fault(("mail", setting), message, hint)]
