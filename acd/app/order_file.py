"""Orders as a table that a shop exports: read and checked as a whole, every mistake by its line.

UTF-8 with or without a mark, UTF-16 with one, else GB18030, as Excel in Chinese writes it; the
first line names the columns, in Chinese or English.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo

from msgspec import Struct
from pydantic import ValidationError

from acd.calls.events import Event, OrderChanged
from acd.reports.currencies import minor_digits
from acd.web.access import Role
from acd.web.entry_bodies import OrderEntry
from acd.web.ports import CommandRefusedError

from .audited import order_told
from .entry_times import time_fault

BYTES_MAX = 64 << 20
"Half a million orders; more is a slip in the file's name."

IMPORT = "import"
"Who told what came without a server."

HEADS: Mapping[str, tuple[str, ...]] = {
    "order_id": ("order_id", "order", "订单号", "订单编号"),
    "state": ("state", "status", "状态", "订单状态"),
    "at": ("at", "time", "时间", "状态时间", "发生时间"),
    "interaction": ("interaction", "call", "通话编号", "通话id", "会话编号"),
    "agent": ("agent", "工号", "座席", "座席工号"),
    "category": ("category", "类别", "产品类别"),
    "amount": ("amount", "金额", "订单金额"),
    "currency": ("currency", "币种", "货币"),
    "key": ("key", "幂等键"),
}
"Fields, and what the first line may call them."

NEEDED = ("order_id", "state", "at")

STATES: Mapping[str, str] = {
    **{state: state for state in ("placed", "cancelled", "signed", "refused", "returned")},
    "下单": "placed",
    "已下单": "placed",
    "取消": "cancelled",
    "已取消": "cancelled",
    "签收": "signed",
    "已签收": "signed",
    "拒收": "refused",
    "已拒收": "refused",
    "退货": "returned",
    "已退货": "returned",
    "canceled": "cancelled",
}
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M")


AMOUNT = re.compile(r"([¥￥$€£]?)(\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.(\d+))?")
"Commas stand between thousands alone: who writes 1,5 for one and a half must not be paid fifteen."

SIGNS: Mapping[str, frozenset[str]] = {
    "¥": frozenset({"CNY", "JPY"}),
    "￥": frozenset({"CNY", "JPY"}),
    "$": frozenset({"USD", "HKD", "TWD", "SGD", "AUD", "CAD", "NZD", "MXN"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
}
"Currencies that a sign before an amount may stand for."


class OrderFileError(Exception):
    """The file as a whole cannot be read; the text says what would be right."""


class OrderLine(Struct, frozen=True):
    """One line of the file."""

    line: int
    entry: OrderEntry


class LineError(Struct, frozen=True):
    """What is wrong in a line."""

    line: int
    text: str


def decoded(data: bytes, encoding: str = "") -> str:
    """Return a file's text. Raises OrderFileError."""
    if len(data) > BYTES_MAX:
        raise OrderFileError(f"is larger than {BYTES_MAX >> 20} MB: cut it into parts")
    wrong = ""
    marked = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
    for name in (encoding or marked,) if encoding or marked else ("utf-8", "gb18030"):
        try:
            return data.decode(name).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            wrong = f"byte {error.start} is no {name}"
        except UnicodeError as error:
            wrong = f"is no {name}: {error}"
        except LookupError:
            raise OrderFileError(f"there is no encoding {encoding}") from None
    raise OrderFileError(f"{wrong}; name the encoding, such as --encoding gb18030")


def read_orders(
    text: str,
    *,
    zone: tzinfo,
    currency: str,
    now: datetime,
    check: Callable[[OrderEntry], None] = lambda _: None,
) -> tuple[list[OrderLine], list[LineError]]:
    """Return the lines that can be taken, and the mistakes in the others.

    Times without a zone are of `zone`, amounts without a currency of `currency`; none lies ahead
    of `now`. `check` raises CommandRefusedError for what else a server would refuse. Raises
    OrderFileError when the first line does not name the columns.
    """
    taken: list[OrderLine] = []
    wrong: list[LineError] = []
    fields: list[str] = []
    for line, found in _rows(text):
        if isinstance(found, LineError):
            wrong.append(found)
        elif not any(cell.strip() for cell in found):
            continue
        elif not fields:
            fields = _fields(line, found)
        else:
            try:
                entry = _entry(_values(fields, found), zone, currency)
                _check_time(entry, now, zone)
                check(entry)
                taken.append(OrderLine(line, entry))
            except (ValueError, CommandRefusedError) as error:
                wrong.append(LineError(line, str(error)))
        if not fields:
            raise OrderFileError(f"{line}: {wrong[0].text}")
    if not fields:
        _fields(1, [])
    return taken, wrong


def _rows(text: str) -> Iterator[tuple[int, list[str] | LineError]]:
    """Yield the line where each row begins, and its cells, or what is wrong with the quotes.

    A cell in quotes may go over several lines. Where its end is missing, all up to the next quote
    is taken for it: then reading goes on behind the line of the opening quote.
    """
    lines = list(io.StringIO(text, newline=""))
    delimiter = _delimiter(text)
    begin = 0
    while begin < len(lines):
        reader = csv.reader(lines[begin:], delimiter=delimiter, strict=True)
        line = begin + 1
        try:
            for cells in reader:
                yield line, cells
                line = begin + reader.line_num + 1
        except csv.Error as error:
            yield line, LineError(line, f"{error}: the line is no CSV")
            begin = line
        else:
            return


def told(entry: OrderEntry) -> list[Event]:
    """Return the events of a line that no server looks at: whose call it is is found later."""
    assert entry.at_us is not None  # a line has a time
    event = OrderChanged(
        order_id=entry.order_id,
        state=entry.state,
        at_us=entry.at_us,
        interaction=entry.interaction,
        agent=entry.agent,
        category=entry.category,
        amount=entry.amount,
        currency=entry.currency,
        key=entry.key,
        by=IMPORT,
    )
    # Whoever may write the journal is an admin.
    return [event, order_told(event, Role.ADMIN.value)]


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",\t;", key=head.count)


def _fields(line: int, head: list[str]) -> list[str]:
    known = {name: field for field, names in HEADS.items() for name in names}
    fields = [known.get(cell.strip().lower(), "") for cell in head]
    missing = [field for field in NEEDED if field not in fields]
    if missing:
        wanted = "; ".join(f"{field} ({HEADS[field][-1]})" for field in missing)
        raise OrderFileError(f"{line}: the first line must name the columns, missing: {wanted}")
    doubled = sorted({field for field in fields if field and fields.count(field) > 1})
    if doubled:
        raise OrderFileError(f"{line}: {', '.join(doubled)}: two columns have this meaning")
    return fields


def _values(fields: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(fields):
        raise ValueError(f"has {len(cells)} cells, the first line {len(fields)}")
    values = {field: cell.strip() for field, cell in zip(fields, cells, strict=True) if field}
    for field in NEEDED:
        if not values[field]:
            raise ValueError(f"{field} is empty")
    return values


def _entry(values: dict[str, str], zone: tzinfo, currency: str) -> OrderEntry:
    state = STATES.get(values["state"].lower())
    if state is None:
        raise ValueError(f"state {values['state']!r} must be one of {', '.join(STATES)}")
    body: dict[str, object] = {name: value for name, value in values.items() if value}
    body |= {"state": state, "at": _time(values["at"], zone)}
    body.pop("currency", None)
    if values.get("amount"):
        named = (values.get("currency") or currency).upper()
        body |= {"amount": _minor_units(values["amount"], named), "currency": named}
    if "key" not in body:
        # The line itself: the same again is the same entry, a corrected one another.
        content = "\x1f".join(f"{name}={body[name]}" for name in sorted(body))
        body["key"] = f"import:{hashlib.sha256(content.encode()).hexdigest()[:32]}"
    try:
        return OrderEntry.model_validate(body)
    except ValidationError as error:
        raise ValueError("; ".join(_mistakes(error))) from error


def _check_time(entry: OrderEntry, now: datetime, zone: tzinfo) -> None:
    told = entry.told_at
    assert told is not None  # a line has a time
    fault = time_fault(told, now, zone)
    if fault:
        raise ValueError(fault)


def _mistakes(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(map(str, mistake["loc"]))
        text = mistake["msg"].removeprefix("Value error, ")
        yield text if text.startswith(field) else f"{field} {text}"


def _time(text: str, zone: tzinfo) -> str:
    at = _parsed(text)
    if at is None:
        raise ValueError(f"at {text!r} must be like 2026-11-28 10:15 or 2026-11-28T10:15:00+08:00")
    return at.isoformat() if at.tzinfo else _in_zone(text, at, zone)


def _parsed(text: str) -> datetime | None:
    for form in TIMES:
        with suppress(ValueError):
            return datetime.strptime(text, form)  # noqa: DTZ007  # the caller gives the zone
    with suppress(ValueError):
        return datetime.fromisoformat(text)
    return None


def _in_zone(text: str, at: datetime, zone: tzinfo) -> str:
    """Return a time of the zone; of an hour that the clocks show twice, the first."""
    local = at.replace(tzinfo=zone)
    before, after = (local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    if before < after:  # PEP 495: so it is in a gap alone
        raise ValueError(f"at {text!r} does not exist in {zone}: the clocks were put forward then")
    return local.isoformat()


def _minor_units(text: str, currency: str) -> int:
    """Return an amount in whole units, such as 1,299.50, as minor units."""
    digits = minor_digits(currency)
    match = AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"amount {text!r} must be a number like 199.00 or 1,299.50")
    sign, whole, decimals = match[1], match[2].replace(",", ""), match[3] or ""
    if sign and currency not in SIGNS[sign]:
        raise ValueError(f"amount {text!r} is not in {currency}: name its currency")
    if len(decimals.rstrip("0")) > digits:
        raise ValueError(f"amount {text!r} has more than {digits} digits after the point")
    return int(whole + decimals[:digits].ljust(digits, "0"))
