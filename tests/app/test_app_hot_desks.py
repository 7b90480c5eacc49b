"""Agents at desk phones: they sit down by PIN and get up by log-out; tries are counted."""

import asyncio
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from acd.app.assignments import Assignments
from acd.app.hot_desks import TRIES_MAX, TRIES_S, HotDesks, Tries
from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.commands import VerifyPin
from acd.calls.effects import Effects
from acd.calls.journal import Record
from acd.calls.numbers import CodeAction, CodeTarget, NumberPlan
from acd.calls.settings import CentreSettings
from acd.ivr.book import FlowBook
from acd.media import events as media
from acd.routing.model import AgentProfile, Status
from acd.routing.router import Router
from acd.sip import events as sip
from acd.sip.peer import Peer
from acd.storage.pins import PinStore

PROFILES = tuple(AgentProfile(number=n, name="", account=n, skills={}) for n in ("1001", "1002"))
PLAN = NumberPlan(
    targets={"*20": CodeTarget(CodeAction.DESK_LOGIN)}, desk_phones=frozenset({"d01", "d02"})
)
PEER = Peer("udp", "10.0.0.7", 5060)


class House:
    """A centre with two desk phones, and what of the server hot-desking needs."""

    def __init__(self, folder: Path) -> None:
        ids = count(1)
        self.assignments = Assignments(folder)
        agents = self.assignments.over(PROFILES, PLAN.desk_phones)
        self.router = Router(agents=agents, queues=(), new_id=lambda: f"id{next(ids)}")
        self.centre = CallCentre(
            router=self.router,
            agents=agents,
            queues=(),
            numbers=PLAN,
            flows=FlowBook(),
            settings=CentreSettings(),
            new_id=lambda: f"id{next(ids)}",
            wall=lambda: datetime(2026, 11, 28, tzinfo=UTC),
        )
        self.time = 1000.0
        self.log: Effects = []
        self.desks = HotDesks(
            self.centre,
            PinStore(folder),
            self.assignments,
            carry_out=self.carry_out,
            now=lambda: self.time,
            reconfigure=self.reconfigure,
        )
        self.legs = count(1)
        for account in ("d01", "d02"):
            contact = sip.Contact(f"sip:{account}@10.0.0.7", PEER, 1e9)
            self.carry_out(self.centre.on_sip(sip.ContactsChanged(account, (contact,)), self.time))

    def reconfigure(self) -> None:
        self.carry_out(
            self.centre.configure(
                agents=self.assignments.over(PROFILES, PLAN.desk_phones),
                queues=(),
                numbers=PLAN,
                now=self.time,
            )
        )

    def carry_out(self, effects: Effects) -> None:
        self.log += effects
        for effect in effects:
            if isinstance(effect, events.AgentStatusChanged):
                self.desks(Record("n", "b", 1, 0, self.time, effect))
            elif isinstance(effect, VerifyPin):
                self.desks.verify(effect)

    async def keys(self, account: str, keys: str) -> None:
        """Dial *20 there, key this in, wait for the check, and put the phone down."""
        leg = f"leg{next(self.legs)}"
        invite = sip.InviteReceived(leg, leg, PEER, account, "", "*20", account, b"offer")
        self.carry_out(self.centre.on_sip(invite, self.time))
        self.carry_out(self.centre.on_media(media.StreamOpened(leg, b"answer"), self.time))
        for key in keys:
            self.carry_out(self.centre.on_media(media.DigitPressed(leg, key, 100), self.time))
        while self.desks._checks:
            await asyncio.gather(*self.desks._checks)
        if self.centre.calls_total:
            over = sip.LegEnded(leg, sip.LegEndCause.BYE, "")
            self.carry_out(self.centre.on_sip(over, self.time))
        await asyncio.sleep(0)

    def where(self, agent: str) -> tuple[str, str, bool]:
        view = self.router.agent_view(agent)
        return view.account, view.status.value, view.reachable


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    PinStore(tmp_path).set("1001", "2468")
    PinStore(tmp_path).set("1002", "1357")
    return tmp_path


@pytest.mark.asyncio
async def test_an_agent_sits_down_and_gets_up(pins: Path) -> None:
    house = House(pins)
    assert house.where("1001") == ("1001", "logged_out", False)
    await house.keys("d01", "1001#2468#")
    assert house.where("1001") == ("d01", "ready", True)
    assert House(pins).where("1001")[0] == "d01"  # over a restart
    out = house.centre.set_status("1001", Status.LOGGED_OUT, "", "agent", house.time)
    house.carry_out(out or [])
    await asyncio.sleep(0)
    assert house.where("1001") == ("1001", "logged_out", False)
    told = [one for one in house.log if isinstance(one, events.DeskTaken | events.DeskLeft)]
    assert told == [
        events.DeskTaken(agent="1001", account="d01"),
        events.DeskLeft(agent="1001", account="d01"),
    ]


@pytest.mark.asyncio
async def test_another_desk_and_another_agent(pins: Path) -> None:
    house = House(pins)
    await house.keys("d01", "1001#2468#")
    await house.keys("d02", "1001#2468#")
    assert house.where("1001") == ("d02", "ready", True)
    await house.keys("d02", "1002#1357#")
    assert house.where("1002") == ("d02", "ready", True)
    assert house.where("1001") == ("1001", "logged_out", False)
    assert house.assignments.seated_at("d02") == "1002"


@pytest.mark.asyncio
async def test_a_phone_that_is_no_desk_any_more_is_nobody_s_seat(pins: Path) -> None:
    """It may have become another agent's own."""
    house = House(pins)
    await house.keys("d01", "1001#2468#")
    await house.keys("d02", "1002#1357#")
    agents = house.assignments.over(PROFILES, {"d02"})
    assert [one.account for one in agents] == ["1001", "d02"]


@pytest.mark.asyncio
async def test_wrong_pins_are_counted_and_then_none_is_right(pins: Path) -> None:
    house = House(pins)
    for _ in range(TRIES_MAX):
        await house.keys("d01", "1001#0000#")
    await house.keys("d01", "1001#2468#")
    assert house.where("1001")[1] == "logged_out"
    await house.keys("d02", "1001#2468#")  # the agent is guarded at every phone
    assert house.where("1001")[1] == "logged_out"
    house.time += TRIES_S
    await house.keys("d01", "1001#2468#")
    assert house.where("1001") == ("d01", "ready", True)


def test_tries_end_by_themselves() -> None:
    tries = Tries()
    for second in range(TRIES_MAX):
        assert not tries.exhausted("d01", float(second))
        tries.note("d01", float(second))
    assert tries.exhausted("d01", TRIES_S - 1)
    assert not tries.exhausted("d01", TRIES_S)
    assert not tries.exhausted("d02", 0.0)
