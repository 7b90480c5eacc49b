"""The people of the demo: callers with patience, agents with habits, each at a real phone.

They are quicker than life, so that a few minutes show what an hour would. What people hear stands
in one place, `Ears`: it takes speech recognition to know by sound that a human has answered.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from random import Random

from msgspec import Struct

from acd.net.phone import CallState, Phone, PhoneCall, PhoneError
from acd.routing.model import AgentProfile, Grade
from acd.sip.peer import Peer

from .client import Client, ClientError

HOTLINE = "4000"
SALES_KEY, SERVICE_KEY = "1", "2"
ENQUIRY_CODE, ORDER_CODE, COMPLAINT_CODE = "*141", "*142", "*143"
"What agents dial to class a call: the stock numbers.yaml and reasons.yaml."

CODE_PROMPT_S = 5.0
"The longest prompt after a code, `code_refused`, takes half of it."

CALLER_HZ, AGENT_HZ = 300, 400
"Their voices."

CONVERSION = {Grade.C: 0.3, Grade.B: 0.4, Grade.A: 0.55, Grade.AA: 0.65, Grade.AAA: 0.8}
"Share of an agent's sales calls that end in an order: what the server finds out by and by."


class Pace(Struct, frozen=True, kw_only=True):
    """How long people take, in seconds (from, to), and how often they do what; shares of 1."""

    greeting_s: tuple[float, float] = (2.0, 6.0)
    "Until a caller presses a key."

    patience_s: tuple[float, float] = (8.0, 45.0)
    "From the key to giving up."

    ring_s: tuple[float, float] = (1.0, 4.0)
    talk_s: tuple[float, float] = (5.0, 40.0)
    "Drawn by both sides; who is done first hangs up."

    wrap_up_s: tuple[float, float] = (2.0, 7.0)
    break_s: tuple[float, float] = (8.0, 20.0)

    sales: float = 0.55
    "Callers who press 1."

    misses: float = 0.06
    "Offers that an agent does not hear."

    rejects: float = 0.02
    breaks: float = 0.08
    "After a call."


class Ears:
    """Who knows by ear that a human has answered: callers, by their number."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    def listen(self, caller: str) -> asyncio.Event:
        """Return the event that an agent greets this caller."""
        return self._waiting.setdefault(caller, asyncio.Event())

    def greet(self, caller: str) -> None:
        """Have the caller hear the agent's greeting."""
        if caller in self._waiting:
            self._waiting[caller].set()

    def forget(self, caller: str) -> None:
        """Take a caller out who has hung up."""
        self._waiting.pop(caller, None)


async def call_hotline(server: Peer, number: str, *, ears: Ears, pace: Pace, draw: Random) -> None:
    """Be one caller, from dialling to hanging up."""
    greeted = ears.listen(number)
    try:
        async with Phone(server, user=number) as phone:
            call = await phone.call(HOTLINE)
            call.media.play_tone(CALLER_HZ)
            if await _over_within(call, draw.uniform(*pace.greeting_s)):
                return
            call.media.press(SALES_KEY if draw.random() < pace.sales else SERVICE_KEY)
            if await _greeted_within(call, greeted, draw.uniform(*pace.patience_s)):
                await _over_within(call, draw.uniform(*pace.talk_s))
    except PhoneError:
        return  # refused: the server counts it
    finally:
        ears.forget(number)


class AgentAtWork:
    """One agent: registers, takes calls, classes them, has a break now and then."""

    def __init__(
        self,
        profile: AgentProfile,
        *,
        client: Client,
        ears: Ears,
        pace: Pace,
        draw: Random,
        categories: Sequence[str],
    ) -> None:
        self._profile = profile
        self._client = client
        self._ears = ears
        self._pace = pace
        self._draw = draw
        self._categories = categories
        self.free = asyncio.Event()
        "Set while there is neither a call nor work after one."

    async def work(self, server: Peer, passwords: Mapping[str, str]) -> None:
        """Be at the desk until cancelled. Raises PhoneError when the phone cannot register."""
        account = self._profile.account
        async with Phone(server, user=account, password=passwords.get(account, "")) as phone:
            await phone.register()
            while True:
                self.free.set()
                call = await phone.incoming()
                self.free.clear()
                try:
                    await self._serve(phone, call)
                except (PhoneError, ClientError):
                    continue  # a caller gave up, a wrap-up ran out: everyday life

    async def _serve(self, phone: Phone, call: PhoneCall) -> None:
        pace, draw = self._pace, self._draw
        call.ring()
        if not await self._pick_up(call):
            await self._come_back()
            return
        self._ears.greet(call.number)
        call.media.play_tone(AGENT_HZ)
        await _over_within(call, draw.uniform(*pace.talk_s))
        call.hang_up()
        await asyncio.sleep(draw.uniform(*pace.wrap_up_s))
        await self._class_call(phone)
        if draw.random() < pace.breaks:
            await self._have_break()
        else:
            await self._client.end_wrap_up(self._profile.number)

    async def _pick_up(self, call: PhoneCall) -> bool:
        chance = self._draw.random()
        ring_s = self._draw.uniform(*self._pace.ring_s)
        if chance < self._pace.misses:
            ring_s = math.inf  # at the coffee machine
        if await _over_within(call, ring_s):
            return False
        if chance > 1 - self._pace.rejects:
            call.reject()
            return False
        await call.answer()
        return True

    async def _come_back(self) -> None:
        """Who missed too many calls was set away; the agent sees it and is ready again."""
        view = await self._client.agent(self._profile.number)
        if view.status == "away":
            await asyncio.sleep(self._draw.uniform(*self._pace.break_s))
            await self._client.set_status(self._profile.number, "ready")

    async def _class_call(self, phone: Phone) -> None:
        """Enter the disposition: half of them on the phone, half on the screen."""
        draw = self._draw
        view = await self._client.agent(self._profile.number)
        grade = self._profile.skills.get(view.queue, Grade.B)
        ordered = view.queue == "sales" and draw.random() < CONVERSION[grade]
        complaint = not ordered and draw.random() < 0.2
        if draw.random() < 0.5:
            code = ORDER_CODE if ordered else COMPLAINT_CODE if complaint else ENQUIRY_CODE
            call = await phone.call(code)
            await _over_within(call, CODE_PROMPT_S)
            call.hang_up()
            return
        disposition: dict[str, object] = {
            "class": "order" if ordered else "complaint" if complaint else "inquiry",
            "category": draw.choice(self._categories) if self._categories else "",
            "solved": draw.random() < 0.9,
        }
        if ordered:
            disposition["order_id"] = f"D{draw.randrange(10**8):08d}"
        await self._client.dispose(self._profile.number, disposition)

    async def _have_break(self) -> None:
        number = self._profile.number
        await self._client.set_status(number, "away", "break")
        await self._client.end_wrap_up(number)
        self.free.set()
        await asyncio.sleep(self._draw.uniform(*self._pace.break_s))
        await self._client.set_status(number, "ready")


async def _over_within(call: PhoneCall, limit_s: float) -> bool:
    """Wait for the call's end, at most so long; return whether it is over."""
    try:
        async with asyncio.timeout(None if limit_s == math.inf else limit_s):
            await call.over()
    except TimeoutError:
        return False
    return call.state is CallState.OVER


async def _greeted_within(call: PhoneCall, greeted: asyncio.Event, limit_s: float) -> bool:
    """Wait for an agent, the call's end or the end of patience; return whether it is an agent."""
    waits = [asyncio.create_task(greeted.wait()), asyncio.create_task(call.over())]
    try:
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return greeted.is_set() and call.state is CallState.TALKING
