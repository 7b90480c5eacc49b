"""Loss in dialling by hand: what counts as taken, and what is no dialling of the server's."""

from typing import Any

import pytest

from acd.calls.cdr_rows import Callback, Interaction, QueueVisit
from acd.reports.cut import Cut, Place
from acd.reports.dialling import COUNTED, Dialling, dialled, dialling_lines, dialling_report
from acd.reports.request import Period

SECOND, HOUR = 1_000_000, 3_600_000_000
CUT = Cut(from_us=0, to_us=24 * HOUR, timezone="UTC", by=("queue",))
TEXTS = dict.fromkeys(
    ("node", "boot", "caller", "caller_name", "called", "account", "peer", "sip_call_id"), ""
)


class Attempts:
    """Rows of attempts, one at the full hour each."""

    def __init__(self) -> None:
        self.rows: dict[type, list[Any]] = {
            kind: [] for kind in (Interaction, QueueVisit, Callback)
        }
        self._number = 0

    def add(
        self,
        *,
        answered_s: float | None = 20.0,
        visits: tuple[tuple[float, str, float], ...] = (),
        ended: bool = True,
        left_s: float | None = None,
        queue: str = "sales",
        **fields: Any,
    ) -> None:
        """Seconds since the attempt began; of a visit: entered, outcome, wait."""
        start_us, call = self._number * HOUR, f"call-{self._number}"
        self._number += 1
        home = {"interaction": call, "started_us": start_us, "project": "main"}

        def at(after_s: float) -> int:
            return start_us + round(after_s * SECOND)

        usual = {"direction": "callback", "agent": "", "number": "", "ended_by": "caller"}
        self.rows[Interaction].append(
            Interaction(
                **home,
                **TEXTS,
                **(usual | fields),
                answered_us=None if answered_s is None else at(answered_s),
                ended_us=at(600) if ended else None,
            )
        )
        self.rows[QueueVisit] += [
            QueueVisit(
                **home,
                visit=f"{call}-{number}",
                queue=queue,
                kind="sales",
                priority=0,
                category="",
                entered_us=at(entered_s),
                left_us=at(entered_s + wait_s if left_s is None else left_s),
                outcome=outcome,
                waited_s=wait_s,
                waited_before_s=0.0,
                short_abandon_s=5.0,
                service_level_s=20.0,
                callback=True,
            )
            for number, (entered_s, outcome, wait_s) in enumerate(visits)
        ]
        if queue:
            self.rows[Callback].append(
                Callback(
                    callback=call,
                    started_us=start_us,
                    project="main",
                    queue=queue,
                    number="",
                    first_enqueued_us=start_us,
                )
            )

    def lines(self, cut: Cut = CUT, **more: Any) -> dict[Place, Dialling]:
        return dialling_lines(dialled(*self.rows.values()), cut, **more)

    def one(self, **more: Any) -> Dialling:
        (found,) = self.lines(**more).values()
        return found


def only(**counts: float) -> Dialling:
    return Dialling(**counts)


def customer_first(wait_s: float, **fields: Any) -> Attempts:
    """A customer who answers after 20 s and is taken so much later."""
    attempts = Attempts()
    attempts.add(visits=((20.0, "answered", wait_s),), **fields)
    return attempts


@pytest.mark.parametrize(
    ("wait_s", "name"),
    [(0.0, "taken_in_time"), (2.0, "taken_in_time"), (2.001, "taken_late"), (40.0, "taken_late")],
)
def test_two_seconds_from_the_customers_answer_are_in_time(wait_s: float, name: str) -> None:
    assert customer_first(wait_s).one() == only(**{name: 1}, wait_s=wait_s)


def test_the_limit_is_the_readers() -> None:
    assert customer_first(2.5).one(within_s=3.0).taken_in_time == 1
    assert customer_first(0.5).one(within_s=0.0).taken_late == 1


def test_an_agent_who_was_called_first_is_there_when_the_customer_answers() -> None:
    attempts = Attempts()
    # Rung for 8 s at once; the customer's phone rings for another 12 s.
    attempts.add(visits=((0.0, "answered", 8.0),))
    assert attempts.one() == only(taken_in_time=1)
    assert attempts.one().loss_rate == 0.0


def test_a_clock_that_is_set_while_the_customer_waits_changes_nothing() -> None:
    attempts = Attempts()
    attempts.add(visits=((20.0, "answered", 1.5),), left_s=20.0 + 3600.0)
    attempts.add(visits=((20.0, "answered", 9.0),), left_s=20.0 - 3600.0)
    assert attempts.one() == only(taken_in_time=1, taken_late=1, wait_s=10.5)


def test_who_overflows_has_waited_all_the_time_and_who_is_handed_on_no_longer() -> None:
    attempts = Attempts()
    attempts.add(
        visits=((20.0, "overflowed", 1.5), (21.5, "answered", 1.0), (80.0, "answered", 30.0))
    )
    assert attempts.one() == only(taken_late=1, wait_s=2.5)


@pytest.mark.parametrize("outcome", ["abandoned", "short_abandon", "timed_out", "faulted"])
def test_who_answers_and_comes_to_no_agent_is_lost_whoever_hangs_up(outcome: str) -> None:
    attempts = Attempts()
    attempts.add(visits=((20.0, outcome, 1.0),))
    assert attempts.one() == only(never_taken=1)
    assert (attempts.one().lost, attempts.one().loss_rate) == (1, 1.0)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("busy", {"ended_by": "called", "reason": "busy"}),
        ("no_answer", {"ended_by": "called", "reason": "no_answer"}),
        ("rejected", {"ended_by": "called", "reason": "rejected"}),
        ("failed", {"ended_by": "called", "reason": "call_failed"}),
        ("failed", {"ended_by": "fault", "reason": "restart"}),
        # Agent first: this agent had taken the turn.
        (
            "no_answer",
            {"ended_by": "called", "reason": "no_answer", "visits": ((0.0, "answered", 3.0),)},
        ),
        (
            "given_up",
            {"ended_by": "agent", "reason": "hangup", "visits": ((0.0, "answered", 3.0),)},
        ),
        (
            "without_agent",
            {"ended_by": "system", "reason": "max_wait", "visits": ((0.0, "timed_out", 99.0),)},
        ),
    ],
)
def test_why_nobody_answered(name: str, fields: dict[str, Any]) -> None:
    attempts = Attempts()
    attempts.add(answered_s=None, **fields)
    found = attempts.one()
    assert found == only(**{name: 1})
    assert (found.dialled, found.live_answers) == (0 if name == "without_agent" else 1, 0)
    assert (found.loss_rate, found.attempts) == (None, 1)


def test_what_is_under_way_is_neither_taken_nor_lost() -> None:
    attempts = Attempts()
    attempts.add(ended=False, visits=((20.0, "waiting", 0.0),))
    assert attempts.one() == only(under_way=1)
    assert (attempts.one().dialled, attempts.one().attempts) == (0, 1)


@pytest.mark.parametrize("direction", ["inbound", "outbound", "internal"])
def test_calls_of_others_are_no_dialling_of_the_servers(direction: str) -> None:
    assert customer_first(9.0, direction=direction).lines() == {}


def test_lines_by_queue_and_period_add_up_to_all() -> None:
    attempts = Attempts()
    for number in range(30):
        queue = ("sales", "service", "")[number % 3]
        answered_s = None if number % 4 == 0 else 20.0
        visits = ((20.0, "answered", number % 5),) if answered_s and number % 7 else ()
        attempts.add(answered_s=answered_s, visits=visits, queue=queue, reason="busy")
    two_days = Cut(from_us=0, to_us=48 * HOUR, timezone="Asia/Shanghai")
    (whole,) = attempts.lines(two_days).values()
    assert whole.attempts == 30
    for by in ((), ("queue",), ("queue", "project")):
        days = Cut(from_us=0, to_us=48 * HOUR, timezone="Asia/Shanghai", period=Period.DAY, by=by)
        lines = attempts.lines(days)
        assert sum(lines.values(), Dialling()) == whole
        assert {place.period_us for place in lines} == {-8 * HOUR, 16 * HOUR}
    chosen = attempts.lines(two_days, only={"queue": "service"})
    assert [one.attempts for one in chosen.values()] == [10]


def test_the_report_has_every_count_and_says_what_it_leaves_out() -> None:
    attempts = customer_first(1.0)
    for wait_s in (3.0, 5.0):
        attempts.add(visits=((20.0, "answered", wait_s),))
    attempts.add()
    attempts.add(answered_s=None, ended_by="called", reason="busy")
    report = dialling_report(attempts.lines(), CUT)
    names = [column.name for column in report.columns]
    (row,) = report.rows
    line = dict(zip(names, row, strict=True))
    assert (
        line.items()
        >= {
            "queue": "sales",
            "attempts": 5,
            "dialled": 5,
            "busy": 1,
            "live_answers": 4,
            "live_answer_rate": 0.8,
            "taken_in_time": 1,
            "taken_late": 2,
            "never_taken": 1,
            "lost": 3,
            "loss_rate": 0.75,
            "average_wait_s": 3.0,
        }.items()
    )
    assert {name for name in COUNTED if name != "wait_s"} <= {*names}
    assert report.definitions["within_s"] == "2"
    for language in ("en", "zh"):
        told = " ".join(words.of(language) for words in report.remarks)
        assert "2" in told
        assert ("machines" if language == "en" else "语音信箱") in told
