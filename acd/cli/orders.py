"""`acd orders`: orders out of a file that a shop exported, told to the call centre."""

import argparse
import http.client
import json
import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ._api import TIMEOUT_S, add_server, address_of, token_of, unexpected
from ._options import CommandError, Subparsers, add_config, add_json, print_json

if TYPE_CHECKING:
    from acd.app.order_file import LineError, OrderLine
    from acd.config import Config
    from acd.web.entry_bodies import OrderEntry

ERRORS_SHOWN = 50
"More of them have the same few causes."

PROGRESS_S = 1.0


def add_parser(subparsers: Subparsers) -> None:
    """Add `orders` with its verbs."""
    parser = subparsers.add_parser("orders", help="tell orders and what became of them")
    verbs = parser.add_subparsers(metavar="VERB", required=True, dest="verb")
    adder = verbs.add_parser("import", help="take orders from a CSV file")
    adder.add_argument("file", type=Path, metavar="FILE.csv")
    adder.add_argument("--dry-run", action="store_true", help="only read and check the file")
    adder.add_argument(
        "--encoding", default="", metavar="NAME", help="default: UTF-8, else GB18030"
    )
    adder.add_argument(
        "--currency",
        default="CNY",
        metavar="CODE",
        help="of amounts whose line names none (default: CNY)",
    )
    add_config(adder)
    add_server(adder)
    add_json(adder)
    adder.set_defaults(run=import_orders)


class Tally:
    """What became of the lines."""

    def __init__(self, errors: "list[LineError]") -> None:
        self.taken: Counter[str] = Counter()
        self.known = 0
        self.errors = errors

    def as_json(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "taken": dict(self.taken),
            "taken_before": self.known,
            "refused": [{"line": one.line, "error": one.text} for one in self.errors],
        }


def import_orders(arguments: argparse.Namespace) -> int:
    """Tell the server every line of the file; without one, write them into its journal."""
    from acd.app.order_file import OrderFileError, decoded, read_orders
    from acd.config import load_config
    from acd.reports.currencies import known_currency

    config = load_config(arguments.config)
    path: Path = arguments.file
    zone = ZoneInfo(config.server.centre.timezone)
    try:
        text = decoded(path.read_bytes(), arguments.encoding)
        lines, wrong = read_orders(
            text,
            zone=zone,
            currency=known_currency(arguments.currency.upper()),
            now=datetime.now(zone),
            check=_check(config),
        )
    except ValueError as error:
        raise CommandError(f"--currency: {error}") from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except OrderFileError as error:
        begins_with_line = str(error)[:1].isdecimal()
        raise CommandError(f"{path}:{'' if begins_with_line else ' '}{error}") from error
    tally = Tally(wrong)
    if arguments.dry_run:
        tally.taken.update(line.entry.state for line in lines)
    elif arguments.http is None and not _is_running(arguments.state):
        _write(lines, arguments.state, tally, config)
    else:
        _send(lines, arguments, tally)
    _report(path, tally, arguments)
    return 1 if tally.errors else 0


def _check(config: "Config") -> "Callable[[OrderEntry], None]":
    """Return what refuses a line that a server would refuse for its category."""
    from acd.app.entry_checks import check_category

    def check(entry: "OrderEntry") -> None:
        check_category(config, entry.category)

    return check


def _is_running(state: Path) -> bool:
    from acd.storage.journal_files import is_locked

    return is_locked(state / "journal")


def _send(lines: "list[OrderLine]", arguments: argparse.Namespace, tally: Tally) -> None:
    from acd.app.order_file import LineError

    address = address_of(arguments)
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    headers = {
        "Authorization": f"Bearer {token_of(arguments.state)}",
        "Content-Type": "application/json",
    }
    shown = time.monotonic()
    for number, line in enumerate(lines):
        try:
            connection.request("POST", "/api/orders", line.entry.model_dump_json(), headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(
                f"line {line.line}: no server answers on http://{address}: {error}; {number} lines"
                " before are taken, run it again: nothing is taken twice"
            ) from error
        if answer.status in {409, 422}:
            tally.errors.append(LineError(line.line, json.loads(text)["error"]["message"]))
        elif answer.status != 200:
            raise unexpected(address, answer.status, f"line {line.line}: {text}")
        elif answer.headers.get("Idempotency-Replayed"):
            tally.known += 1
        else:
            tally.taken[line.entry.state] += 1
        if time.monotonic() - shown > PROGRESS_S:
            shown = time.monotonic()
            print(f"{number + 1} of {len(lines)} lines", file=sys.stderr)
    connection.close()


def _write(lines: "list[OrderLine]", state: Path, tally: Tally, config: "Config") -> None:
    """Append the orders to the journal of a server that does not run; its next start ships it."""
    from importlib.metadata import version

    from acd.app.order_file import told
    from acd.calls.events import ServerStopped
    from acd.storage.journal import Journal
    from acd.storage.journal_settings import JournalState
    from acd.storage.recovery import begin_boot

    if not (state / "journal").is_dir():
        raise CommandError(
            f"{state}: no server has run on this state folder; start `acd run`, or name another"
            " with --state"
        )
    journal = Journal.open(
        state / "journal",
        node=socket.gethostname(),
        boot=str(uuid.uuid4()),
        wall_us=lambda: time.time_ns() // 1000,
        on_alarm=lambda text: print(text, file=sys.stderr),
        settings=config.journal_settings(),
    )
    try:
        begin_boot(journal, version=version("acd"), mono_s=time.monotonic())
        for line in lines:
            journal.append(told(line.entry), time.monotonic())
            if journal.state is not JournalState.WRITING:
                raise CommandError(
                    f"line {line.line}: the journal cannot be written; the lines before are taken:"
                    " make room and run it again, nothing is taken twice"
                )
            tally.taken[line.entry.state] += 1
        journal.append([ServerStopped()], time.monotonic())
    finally:
        journal.close()


def _report(path: Path, tally: Tally, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(tally.as_json())
        return
    for one in tally.errors[:ERRORS_SHOWN]:
        print(f"{path}:{one.line}: {one.text}", file=sys.stderr)
    if len(tally.errors) > ERRORS_SHOWN:
        print(f"… and {len(tally.errors) - ERRORS_SHOWN} more", file=sys.stderr)
    states = ", ".join(f"{count} {state}" for state, count in sorted(tally.taken.items()))
    verb = "could be taken" if arguments.dry_run else "taken"
    print(f"{tally.taken.total()} lines {verb}{': ' + states if states else ''}")
    if tally.known:
        print(f"{tally.known} had been taken before")
    if tally.errors:
        print(f"{len(tally.errors)} not taken")
