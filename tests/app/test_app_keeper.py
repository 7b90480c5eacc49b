"""What outlives a restart: who is registered where, and what agents wanted."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import structlog
from msgspec.structs import replace

from acd.app.keeper import AGENTS_AT_ONCE, REFRESHED_S, SETTLE_S, Keeper
from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.effects import Effects
from acd.calls.journal import Record
from acd.calls.numbers import NumberPlan
from acd.calls.settings import CentreSettings
from acd.ivr.book import FlowBook
from acd.routing.events import OfferMade
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    QueueProfile,
    State,
    Status,
    WaitingCall,
)
from acd.routing.router import Router
from acd.sip.events import Contact, ContactsChanged
from acd.sip.peer import Peer
from acd.storage.snapshot import FILE, SavedAgent, Snapshot, read_snapshot, write_snapshot

LIMIT_S = 30.0
NUMBERS = ("1001", "1002", "1003", "1004")
SALES = QueueProfile(
    name="sales",
    skill="sales",
    layers=(
        LayerProfile(name="team", order="longest_idle"),
        LayerProfile(name="mobile", order="longest_idle", groups=("mobile",)),
    ),
    occupancy_cap=0.5,
    maximum_share=0.0005,
    wrap_up_s=0.0,
)


class Boot:
    """One run of the process: a centre, a keeper, and a driver that only carries out."""

    def __init__(
        self,
        folder: Path,
        *,
        login_at_registration: bool = True,
        numbers: Iterable[str] = NUMBERS,
    ) -> None:
        ids = count(1)
        self.profiles = profiles = [
            AgentProfile(number=number, name="", account=number, skills={"sales": Grade.A})
            for number in numbers
        ]
        self.router = Router(agents=profiles, queues=(SALES,), new_id=lambda: f"id{next(ids)}")
        self.centre = CallCentre(
            router=self.router,
            agents=profiles,
            queues=(SALES,),
            numbers=NumberPlan(targets={}),
            flows=FlowBook(),
            settings=CentreSettings(login_at_registration=login_at_registration),
            new_id=lambda: f"id{next(ids)}",
            wall=lambda: datetime(2026, 11, 24, tzinfo=UTC),
        )
        self.proven = True
        self.refreshed: dict[str, tuple[Contact, ...]] = {}
        self.keeper = Keeper(
            folder,
            self.centre,
            self.router,
            accounts=lambda: tuple({**self.centre.desk.devices(), **self.refreshed}),
            contacts=lambda account: (
                self.refreshed.get(account) or self.centre.desk.devices().get(account, ())
            ),
        )

    # --- the driver ---

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def carry_out(self, effects: Effects) -> None:
        """Tell the keeper what happened, as the journal's subscriber."""
        for effect in effects:
            if isinstance(effect, events.Event):
                self.keeper(Record("n", "b", 1, 0, self.now(), effect))

    def restore_contacts(self, account: str, contacts: Iterable[Contact]) -> None:
        known = tuple(replace(one, reachable=self.proven) for one in contacts)
        self.carry_out(self.centre.on_sip(ContactsChanged(account, known), self.now()))

    # --- people ---

    def registers(self, number: str) -> None:
        peer = Peer("udp", "10.0.0.7", 5060)
        contact = Contact(f"sip:{number}@10.0.0.7", peer, self.now() + 600, "Phone/1")
        self.restore_contacts(number, (contact,))

    def wants(self, number: str, status: Status, reason: str = "") -> None:
        effects = self.centre.set_status(number, status, reason, "agent", self.now())
        self.carry_out(effects or [])

    def restore(self) -> "Boot":
        self.keeper.restore(self)  # type: ignore[arg-type]  # has what of a driver is used
        return self

    def statuses(self) -> list[tuple[str, str]]:
        return [(view.status.value, view.reason) for view in self.router.agents()]


@pytest.mark.asyncio
async def test_devices_and_wishes_come_back(tmp_path: Path) -> None:
    former = Boot(tmp_path)
    for number in NUMBERS[:3]:
        former.registers(number)
    former.wants("1002", Status.AWAY, "lunch")
    former.wants("1003", Status.LOGGED_OUT)  # with the phone still on the desk
    await former.keeper.save()

    boot = Boot(tmp_path).restore()
    assert boot.statuses() == former.statuses()
    assert boot.statuses() == [
        ("ready", ""),
        ("away", "lunch"),
        ("logged_out", ""),
        ("logged_out", ""),
    ]
    contact = boot.centre.desk.contact("1001")
    assert contact is not None
    assert contact.uri == "sip:1001@10.0.0.7"
    assert contact.peer == Peer("udp", "10.0.0.7", 5060)
    assert contact.expires_at == pytest.approx(boot.now() + 600, abs=5)


@pytest.mark.asyncio
async def test_devices_that_have_to_answer_first_change_no_wish(tmp_path: Path) -> None:
    former = Boot(tmp_path)
    for number in NUMBERS[:3]:
        former.registers(number)
    former.wants("1002", Status.AWAY, "lunch")
    former.wants("1003", Status.LOGGED_OUT)
    await former.keeper.save()

    boot = Boot(tmp_path)
    boot.proven = False
    boot.restore()
    assert boot.statuses() == [
        ("logged_out", ""),
        ("away", "lunch"),
        ("logged_out", ""),
        ("logged_out", ""),
    ]
    boot.proven = True
    for account, contacts in dict(boot.centre.desk.devices()).items():
        boot.restore_contacts(account, [replace(one, reachable=True) for one in contacts])
    assert boot.statuses() == former.statuses()


@pytest.mark.asyncio
async def test_who_is_not_logged_in_by_the_phone_is_ready_again_all_the_same(
    tmp_path: Path,
) -> None:
    former = Boot(tmp_path, login_at_registration=False)
    former.registers("1001")
    former.wants("1001", Status.READY)
    await former.keeper.save()
    boot = Boot(tmp_path, login_at_registration=False).restore()
    assert boot.statuses()[0] == ("ready", "")


@pytest.mark.asyncio
async def test_a_change_is_saved_after_a_while(tmp_path: Path) -> None:
    boot = Boot(tmp_path)
    boot.registers("1001")
    boot.wants("1001", Status.AWAY, "lunch")
    async with asyncio.timeout(LIMIT_S):
        while not (tmp_path / FILE).exists():  # noqa: ASYNC110 - a file tells nobody that it came
            await asyncio.sleep(0.05)
    snapshot = read_snapshot(tmp_path)
    assert snapshot is not None
    saved = snapshot.agents[0]
    assert (saved.agent, saved.status, saved.reason) == ("1001", "away", "lunch")
    await boot.keeper.save()


@pytest.mark.asyncio
async def test_a_refresh_reaches_the_snapshot_though_no_record_says_it(tmp_path: Path) -> None:
    boot = Boot(tmp_path)
    boot.registers("1001")
    longer = boot.now() + 3000
    [known] = boot.centre.desk.devices()["1001"]
    boot.refreshed = {"1001": (replace(known, expires_at=longer),)}
    boot.keeper.refreshed()
    await boot.keeper.save()
    contact = Boot(tmp_path).restore().centre.desk.contact("1001")
    assert contact is not None
    assert contact.expires_at == pytest.approx(longer, abs=5)


@pytest.mark.asyncio
async def test_agents_who_are_looked_at_in_turns_are_all_saved(tmp_path: Path) -> None:
    """More agents than are looked at in one go."""
    numbers = [str(1001 + index) for index in range(2 * AGENTS_AT_ONCE + 1)]
    boot = Boot(tmp_path, numbers=numbers)
    boot.registers(numbers[0])
    boot.wants(numbers[-1], Status.AWAY, "lunch")
    async with asyncio.timeout(LIMIT_S):
        while not (tmp_path / FILE).exists():  # noqa: ASYNC110 - a file tells nobody that it came
            await asyncio.sleep(0.05)
    snapshot = read_snapshot(tmp_path)
    assert snapshot is not None
    assert [one.agent for one in snapshot.agents] == numbers
    assert snapshot.agents[0].status == "ready"
    assert snapshot.agents[-1].reason == "lunch"
    assert snapshot.contacts.keys() == {numbers[0]}
    await boot.keeper.save()


@pytest.mark.asyncio
async def test_a_change_does_not_wait_for_a_refresh_before_it(tmp_path: Path) -> None:
    boot = Boot(tmp_path)
    boot.keeper.refreshed()
    began = boot.now()
    boot.registers("1001")
    assert boot.keeper._save_at is not None
    assert boot.keeper._save_at.when() < began + REFRESHED_S
    async with asyncio.timeout(LIMIT_S):
        while not (tmp_path / FILE).exists():  # noqa: ASYNC110 - a file tells nobody that it came
            await asyncio.sleep(0.05)
    await boot.keeper.save()


@pytest.mark.asyncio
async def test_flow_and_path_of_a_device_come_back(tmp_path: Path) -> None:
    former = Boot(tmp_path)
    peer = Peer("tcp", "10.0.0.7", 40000)
    contact = Contact(
        "sip:1001@10.0.0.7", peer, former.now() + 600, "", 0.5, "urn:uuid:1", 2, ("<sip:edge;lr>",)
    )
    former.restore_contacts("1001", (contact,))
    await former.keeper.save()
    kept = Boot(tmp_path).restore().centre.desk.contact("1001")
    assert kept is not None
    assert replace(kept, expires_at=contact.expires_at) == contact


@pytest.mark.asyncio
async def test_a_corrupt_file_is_said_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"nonsense")
    with structlog.testing.capture_logs() as logs:
        boot = Boot(tmp_path).restore()
    assert [line["event"] for line in logs] == ["snapshot_not_read"]
    assert {status for status, _ in boot.statuses()} == {"logged_out"}


@pytest.mark.asyncio
async def test_agents_and_statuses_that_are_no_more(tmp_path: Path) -> None:
    agents = (SavedAgent("1001", "asleep", ""), SavedAgent("9999", "away", "lunch"))
    write_snapshot(tmp_path, Snapshot({}, agents))
    assert Boot(tmp_path).restore().statuses()[0] == ("logged_out", "")


@pytest.mark.asyncio
async def test_nothing_saved_is_nothing_restored(tmp_path: Path) -> None:
    assert {status for status, _ in Boot(tmp_path).restore().statuses()} == {"logged_out"}


def offered(boot: Boot, call: str, after_s: float = 0.0) -> tuple[str, ...]:
    """A call comes; who is weighed for it, the chosen one first. It is answered and over."""
    now = boot.now() + after_s
    waiting = WaitingCall(call=call, interaction=call, queue="sales", enqueued_at=now)
    [made] = [each for each in boot.router.enqueue(waiting, now) if isinstance(each, OfferMade)]
    boot.router.offer_answered(made.offer, now)
    boot.router.release(made.agent, now)
    return tuple(each.agent for each in made.choice.candidates)


@pytest.mark.asyncio
async def test_who_had_more_than_the_maximum_share_rests_on_after_a_restart(
    tmp_path: Path,
) -> None:
    former = Boot(tmp_path)
    for number in NUMBERS[:2]:
        former.registers(number)
    assert offered(former, "first") == ("1001", "1002")
    await former.keeper.save()
    boot = Boot(tmp_path).restore()
    assert boot.router.shares() == {"sales": {"1001": 0.001}}
    assert offered(boot, "second") == ("1002",)


@pytest.mark.asyncio
async def test_who_was_above_the_cap_rests_on_after_a_restart(tmp_path: Path) -> None:
    former = Boot(tmp_path)
    for number in NUMBERS[:2]:
        former.registers(number)
    former.router.engage("1001", "own", "own", "", former.now() - 3_600.0)
    former.router.release("1001", former.now())
    await former.keeper.save()
    boot = Boot(tmp_path).restore()
    assert boot.router.occupancies(NUMBERS, boot.now())["1001"] == pytest.approx(0.86, abs=0.01)
    assert offered(boot, "call") == ("1002",)


@pytest.mark.asyncio
async def test_figures_that_are_no_shares_are_none(tmp_path: Path) -> None:
    busy = (SavedAgent("1001", "ready", "", occupancy=7.0), SavedAgent("1002", "ready", ""))
    none = SavedAgent("1003", "ready", "", occupancy=float("nan"))
    shares = {
        "sales": {"1001": -1.0, "1002": float("inf"), "9999": 0.5, "1003": float("nan")},
        "nowhere": {"1001": 0.5},
    }
    write_snapshot(tmp_path, Snapshot({}, (*busy, none), shares))
    boot = Boot(tmp_path).restore()
    assert boot.router.shares() == {"sales": {}}
    assert set(boot.router.occupancies(NUMBERS, boot.now()).values()) == {0.0}


@pytest.mark.asyncio
async def test_what_was_to_follow_a_talk_follows_its_end_by_a_restart(tmp_path: Path) -> None:
    """An own call came into a wrap-up, and the call before it is marked as upsetting."""
    former = Boot(tmp_path)
    former.registers("1001")
    began = former.now()
    agents = [replace(profile, wrap_up_s=30.0) for profile in former.profiles]
    former.router.configure(agents, (SALES,), began)
    waiting = WaitingCall(call="c", interaction="i-c", queue="sales", enqueued_at=began)
    [made] = [one for one in former.router.enqueue(waiting, began) if isinstance(one, OfferMade)]
    former.router.offer_answered(made.offer, began)
    former.router.release("1001", began)
    former.router.engage("1001", "own", "i-own", "", began + 12.0)
    former.router.cool_down("1001", began + 12.0)
    await former.keeper.save()

    boot = Boot(tmp_path)
    before = boot.now()
    boot.restore()
    view = boot.router.agent_view("1001")
    assert (view.state, view.queue, view.interaction) == (State.WRAP_UP, "sales", "i-c")
    assert before - 1e-6 <= view.deadline - 18.0 <= boot.now() + 1e-6
    boot.router.on_time(view.deadline)
    assert boot.router.agent_view("1001").state is State.COOL_DOWN


@pytest.mark.asyncio
async def test_that_a_call_was_marked_is_saved_as_a_wish_is(tmp_path: Path) -> None:
    boot = Boot(tmp_path)
    boot.carry_out([events.CallMarked(interaction="i", agent="1001", by="1001")])
    due = boot.keeper._save_at
    assert due is not None
    assert due.when() <= boot.now() + SETTLE_S
    await boot.keeper.save()
