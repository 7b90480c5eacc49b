"""What paid time is reckoned from: reasons that there are, and the files beside contracts.yaml."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from acd.ivr.document import Fault, did_you_mean
from acd.reports.paid_time import PaidSource

from .config import Config
from .shifts import SHIFTS
from .sources import Sources
from .timesheet import TIMESHEET


def pay_faults(sources: Sources) -> Iterator[Fault]:
    """Yield the reasons that are named as not paid and that nobody can choose."""
    contracts, reasons = sources.contracts.model, sources.reasons.model
    if contracts is None or reasons is None:
        return
    codes = {entry.code for entry in reasons.away_reasons}
    for index, reason in enumerate(contracts.pay.unpaid_away):
        if reason not in codes:
            message = f"no away reason {reason!r} in reasons.yaml"
            hint = did_you_mean(reason, codes) or "add it under away_reasons there"
            place = ("pay", "unpaid_away", index)
            yield sources.contracts.document.fault(place, message, hint)


def pay_warnings(sources: Sources) -> Iterator[Fault]:
    """Yield that reasons are named which nothing is taken off for."""
    contracts = sources.contracts.model
    if contracts is None or not contracts.pay.unpaid_away:
        return
    if contracts.pay.paid_rule().source is PaidSource.TIMESHEET:
        message = "a timesheet says what is paid: nothing is taken off it"
        hint = "take unpaid_away out, and unpaid breaks in timesheet.csv"
        yield sources.contracts.document.fault(("pay", "unpaid_away"), message, hint, at_key=True)


def stretch_faults(config: Config) -> list[Fault]:
    """Return what is wrong with shifts.csv and timesheet.csv, as far as they are there or wanted.

    No call depends on them, so that the server starts and reloads with such faults; reports that
    need the file are refused.
    """
    zone = ZoneInfo(config.server.centre.timezone)
    wanted = config.contracts.pay.paid_rule().source
    faults: list[Fault] = []
    for source, file in ((PaidSource.SHIFTS, SHIFTS), (PaidSource.TIMESHEET, TIMESHEET)):
        if source is wanted or (config.folder / file.name).exists():
            faults += file.read(config.folder, zone)[1]
    return faults
