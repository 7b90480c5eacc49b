"""The dial plan: what an authenticated account that dials something of its own may reach.

Pure look-ups: a colleague's phone, an emergency number, or a number outside and the trunks to it.
Numbers of the number plan come before all of this (`acd.calls.numbers`).
"""

from enum import IntEnum
from functools import lru_cache

import phonenumbers
from msgspec import Struct

from acd.sip.phone_numbers import country_code, is_of_its_country, to_e164

SHORTEST_SERVICE_DIGITS, LONGEST_SERVICE_DIGITS = 5, 8
"""Of numbers below a service number's beginning: 95588 to 95105888. Shorter ones are somebody's
extension that was misdialled, unless the beginning itself was dialled."""

SHORTEST_SPECIAL_DIGITS = 3
"Of a service number that is dialled as it stands: 114. Shorter beginnings are only that."

SHORTEST_LOCAL_DIGITS, LONGEST_LOCAL_DIGITS = 6, 8
"Of subscriber numbers without their area code (ITU-T E.164 leaves that to the country)."

LONGEST_FULL = 16
"Of a number with its plus sign: ITU-T E.164 ends at 15 digits."

WRITTEN_BETWEEN = str.maketrans("", "", " -.()/")
"What people write between digits (RFC 3966 5.1.1: visual separators)."

FREE_OR_SHARED = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    }
)
"400 and 800 numbers: nobody pays more for them than for a local call."

FORBIDDEN, UNKNOWN = 403, 404


class CallClass(IntEnum):
    """How far a call goes; who may place one may place those before it, too."""

    NONE = 0
    "Nothing but emergency numbers."

    INTERNAL = 1
    "Colleagues' phones."

    LOCAL = 2
    "The own area, service numbers, freephone and shared-cost numbers."

    NATIONAL = 3
    "The own country, mobile phones among it."

    INTERNATIONAL = 4


class InternalTarget(Struct, frozen=True):
    """A colleague's phone."""

    agent: str


class OutsideTarget(Struct, frozen=True, kw_only=True):
    """A number outside, and the ways to it."""

    number: str
    "E.164 with +, or as it was dialled where that is no full number: 110, 95588."

    trunks: tuple[str, ...]
    "Names, tried in this order."

    caller_id: str = ""
    "Number to call from; empty: the agent's own, which the trunk's rules may replace."

    emergency: bool = False


class Barred(Struct, frozen=True):
    """No such call: what the phone is answered, and why."""

    status: int
    reason: str
    "See `acd.calls.events.CallRejected`."

    detail: str = ""
    "An admin's own words for why."


class Rights(Struct, frozen=True):
    """What one agent may dial, and under which number."""

    allowed: CallClass
    caller_id: str = ""


class DialPlan(Struct, frozen=True, kw_only=True):
    """Immutable; a reload replaces it with the number plan."""

    country: str = "CN"
    "ISO 3166 region of numbers without country code."

    area_code: str = ""
    'Put before local numbers that are dialled without it: "0755".'

    local: tuple[str, ...] = ()
    "Beginnings of E.164 numbers that count as local, beside those of the area code."

    services: tuple[str, ...] = ("100", "114", "116", "12", "95", "96")
    "Beginnings of short service numbers; they count as local."

    outside_prefix: str = ""
    "Dialled before every number outside; empty: none. Emergency numbers go without it, too."

    emergency: tuple[str, ...] = ("110", "119", "120", "122")
    "Open to every account, whatever it may dial and however full the server is."

    forbidden: tuple[str, ...] = ()
    "Beginnings of numbers that nobody reaches, in E.164 or as dialled."

    premium_rate: bool = False
    "Numbers that numbering plans list as premium-rate are open."

    trunks: tuple[str, ...] = ()
    emergency_trunks: tuple[str, ...] = ()
    "Empty: `trunks`."

    codecs: dict[str, tuple[str, ...]] = {}
    "By trunk: what its sessions are limited to, in order of preference."

    default: Rights = Rights(CallClass.INTERNAL)
    rights: dict[str, Rights] = {}
    "By agent number, where they are other than the default."

    no_answer_s: float = 60.0
    "A phone that rings longer is given up."

    def rights_of(self, agent: str) -> Rights:
        """Return what this agent may dial."""
        return self.rights.get(agent, self.default)

    def outside(self, dialled: str, agent: str | None) -> OutsideTarget | Barred:
        """Return where a dialled number outside leads; `agent` None: an account without agent."""
        rights = self.rights_of(agent) if agent is not None else Rights(CallClass.NONE)
        return self._outside(dialled, rights)

    def is_emergency(self, dialled: str) -> bool:
        """Tell whether somebody in danger dials this, in whatever way it is written."""
        number, bare = self._as_dialled(dialled)
        return number in self.emergency or bare in self.emergency

    def _as_dialled(self, dialled: str) -> tuple[str, str]:
        """Return the digits, and what is left of them behind the prefix for outside."""
        number = dialled.translate(WRITTEN_BETWEEN)
        return number, self._short(number.removeprefix(self.outside_prefix))

    def _outside(self, dialled: str, rights: Rights) -> OutsideTarget | Barred:
        number, bare = self._as_dialled(dialled)
        prefix = self.outside_prefix
        for urgent in (number, bare):
            if urgent in self.emergency:
                trunks = self.emergency_trunks or self.trunks
                return OutsideTarget(number=urgent, trunks=trunks, emergency=True)
        if (prefix and not number.startswith(prefix)) or not self._dialable(bare):
            return Barred(UNKNOWN, "unknown_number")
        full = self._full(bare)
        if full is None:
            return Barred(UNKNOWN, "unknown_number")
        if any(full.startswith(p) or bare.startswith(p) for p in self.forbidden):
            return Barred(FORBIDDEN, "forbidden_number")
        kind, premium = _judge(full, self.country, self._local())
        if premium and not self.premium_rate:
            return Barred(FORBIDDEN, "forbidden_number")
        if kind > rights.allowed:
            return Barred(FORBIDDEN, "not_permitted")
        return OutsideTarget(number=full, trunks=self.trunks, caller_id=rights.caller_id)

    def customer(self, number: str, allowed: CallClass) -> OutsideTarget | Barred:
        """Return where the number of a customer leads who is to be called back.

        Never to an emergency number: nobody has called us from one.
        """
        target = self._outside(f"{self.outside_prefix}{number}", Rights(allowed))
        if isinstance(target, OutsideTarget) and target.emergency:
            return Barred(FORBIDDEN, "forbidden_number")
        return target

    def _short(self, number: str) -> str:
        """Return +86110 and +8695588 as what they are: 110 and 95588; any other as it is."""
        short = number.removeprefix(f"+{country_code(self.country)}")
        return short if short in self.emergency or self._is_service(short) else number

    @staticmethod
    def _dialable(number: str) -> bool:
        digits = number.removeprefix("+")
        return digits.isascii() and digits.isdigit()

    def _full(self, number: str) -> str | None:
        """Return the number as E.164, a service number as it is, None for anything else."""
        if self._is_service(number):
            return number
        length = len(number)
        local = SHORTEST_LOCAL_DIGITS <= length <= LONGEST_LOCAL_DIGITS and number[0] not in "+01"
        if local and self.area_code:
            number = self.area_code + number
        full = to_e164(number, self.country)
        if not full.startswith("+") or len(full) > LONGEST_FULL:
            return None
        # +8600…, +8617909…: what follows the own code would be dialled by the exchange as it
        # stands, abroad or by another carrier, and be no number of the own country.
        return full if is_of_its_country(full, self.country) else None

    def _is_service(self, number: str) -> bool:
        if number in self.services and len(number) >= SHORTEST_SPECIAL_DIGITS:
            return True
        fits = SHORTEST_SERVICE_DIGITS <= len(number) <= LONGEST_SERVICE_DIGITS
        return fits and number.startswith(self.services)

    def _local(self) -> tuple[str, ...]:
        if not self.area_code:
            return self.local
        return (*self.local, f"+{country_code(self.country)}{self.area_code.lstrip('0')}")


def _at_the_exchange(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Return the number without the last digits that nobody looks at.

    An exchange connects as soon as it has digits enough: one more behind a premium-rate number
    makes it no other number, only one that no list has.
    """
    heard = phonenumbers.PhoneNumber()
    heard.merge_from(number)
    phonenumbers.truncate_too_long_number(heard)
    return heard


def _is_abroad(number: phonenumbers.PhoneNumber, country: str) -> bool:
    """Tell whether a number under the country's code is another country's.

    +1 876 is Jamaica: a code says nothing where several countries have it, and what no list of
    theirs has counts as abroad.
    """
    shared = len(phonenumbers.region_codes_for_country_code(country_code(country))) > 1
    return shared and phonenumbers.region_code_for_number(number) != country


@lru_cache(4096)  # a busy hour's numbers; a parse costs some 50 µs
def _judge(number: str, country: str, local: tuple[str, ...]) -> tuple[CallClass, bool]:
    """Return how far the number is, and whether it is premium-rate."""
    if not number.startswith("+"):
        return CallClass.LOCAL, False
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return CallClass.INTERNATIONAL, False
    heard = _at_the_exchange(parsed)
    kind = phonenumbers.number_type(parsed)
    premium = phonenumbers.PhoneNumberType.PREMIUM_RATE in {kind, phonenumbers.number_type(heard)}
    if parsed.country_code == country_code(country):
        if kind in FREE_OR_SHARED or (local and number.startswith(local)):
            return CallClass.LOCAL, premium
        if not _is_abroad(heard, country):
            return CallClass.NATIONAL, premium
    return CallClass.INTERNATIONAL, premium
