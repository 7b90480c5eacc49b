"""Devices are asked by OPTIONS whether they are there; who is silent is taken out in time."""

import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sip_registering import CONTACT, Phone, registrar
from sip_support import PHONE, SDP, on_time, request

from acd.sip.effects import Send
from acd.sip.events import ContactsCause, ContactsChanged, LegFailed
from acd.sip.message import Request, read
from acd.sip.peer import Peer
from acd.sip.qualifying import ANSWER_S, RESTORE_SPREAD_S
from acd.sip.settings import InviteTarget

QUALIFY_S = 30.0
TIMER_F_S = 32.0
URI = "sip:1001@192.0.2.10:5062"


class Line:
    """The way between registrar and phones on a virtual clock; phones answer as they are told."""

    def __init__(self, **settings) -> None:
        self.endpoint = registrar(**({"qualify_s": QUALIFY_S} | settings))
        self.now = 0.0
        self.asked: list[tuple[float, Request]] = []
        "Without their retransmissions."
        self.changes: list[tuple[float, ContactsCause, tuple[bool, ...]]] = []
        self.status: int | None = 200
        "What phones answer; None for silence."

    def take(self, outputs) -> None:
        for output in outputs:
            if isinstance(output, ContactsChanged):
                reachable = tuple(one.reachable for one in output.contacts)
                self.changes.append((self.now, output.cause, reachable))
            elif isinstance(output, Send) and output.data.startswith(b"OPTIONS"):
                asked = read(output.data)
                if not any(asked.get(b"via") == known.get(b"via") for _, known in self.asked[-9:]):
                    self.asked.append((self.now, asked))
                if self.status is not None:
                    self.answer(output, self.status)

    def answer(self, asked: Send, status: int) -> None:
        request = read(asked.data)
        names = (b"via", b"from", b"to", b"call-id", b"cseq")
        lines = b"".join(b"%b: %b\r\n" % (name, request.headers[name]) for name in names)
        data = b"SIP/2.0 %d x\r\n%b\r\n" % (status, lines)
        self.take(self.endpoint.receive(data, asked.peer, self.now))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.endpoint.next_deadline()) <= until:
            self.now = max(self.now, due)
            self.take(on_time(self.endpoint, self.now))
        self.now = until

    def register(self, *lines: str, phone: Phone | None = None) -> Phone:
        phone = phone or Phone(self.endpoint)
        self.take(phone.register(*(lines or (CONTACT, "Expires: 3600")), now=self.now))
        return phone

    def told(self) -> list[ContactsCause]:
        return [cause for _, cause, _ in self.changes]

    def reachable(self) -> list[bool]:
        return [one.reachable for one in self.endpoint.contacts("1001")]


def test_a_phone_that_answers_is_asked_again_and_again() -> None:
    line = Line()
    line.register()
    line.wait(600.0)
    pauses = [b - a for (a, _), (b, _) in zip(line.asked, line.asked[1:], strict=False)]
    assert all(0.8 * QUALIFY_S <= pause <= QUALIFY_S for pause in pauses)
    assert len(pauses) >= 19
    assert line.told() == [ContactsCause.REGISTERED]
    _, first = line.asked[0]
    assert first.uri.decode() == URI
    assert len({request.get(b"call-id") for _, request in line.asked}) == 1
    numbers = [request.cseq.number for _, request in line.asked]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("status", [200, 404, 405, 481, 486, 503])
def test_any_answer_of_the_phones_own_says_that_it_lives(status: int) -> None:
    line = Line()
    line.status = status
    line.register()
    line.wait(100.0)
    assert line.reachable() == [True]


@pytest.mark.parametrize("status", [408, 410, 430])
def test_a_proxy_can_say_that_the_phone_is_gone(status: int) -> None:
    line = Line()
    line.status = status
    line.register()
    line.wait(QUALIFY_S)
    assert line.changes[-1][1:] == (ContactsCause.UNREACHABLE, (False,))


def test_a_silent_phone_is_taken_out_and_comes_back_when_it_answers() -> None:
    line = Line()
    line.register()
    line.status = None
    line.wait(QUALIFY_S + ANSWER_S)
    [_, (at, cause, reachable)] = line.changes
    assert (cause, reachable) == (ContactsCause.UNREACHABLE, (False,))
    assert at == line.asked[0][0] + ANSWER_S
    line.status = 200
    line.wait(QUALIFY_S + TIMER_F_S)
    assert line.told()[-1] is ContactsCause.REACHABLE
    assert line.reachable() == [True]


def test_a_late_answer_counts() -> None:
    line = Line()
    line.register()
    line.status = None
    line.wait(QUALIFY_S + ANSWER_S)
    assert line.reachable() == [False]
    data = b"\r\n".join(
        b"%b: %b" % (name, line.asked[0][1].headers[name])
        for name in (b"via", b"from", b"to", b"call-id", b"cseq")
    )
    line.take(line.endpoint.receive(b"SIP/2.0 200 OK\r\n" + data + b"\r\n\r\n", PHONE, line.now))
    assert line.reachable() == [True]


def test_a_dead_phone_is_one_transaction_at_a_time() -> None:
    line = Line(qualify_s=2.0)
    line.register()
    line.status = None
    for _ in range(100):
        line.wait(5.0)
        assert line.endpoint.transactions <= 1
    assert len({request.cseq.number for _, request in line.asked}) > 10
    assert line.told() == [ContactsCause.REGISTERED, ContactsCause.UNREACHABLE]


def test_a_register_is_an_answer_too() -> None:
    line = Line()
    phone = line.register()
    line.status = None
    line.wait(QUALIFY_S + ANSWER_S)
    line.register(phone=phone)
    assert line.changes[-1][1:] == (ContactsCause.REGISTERED, (True,))
    asked = len(line.asked)
    line.wait(0.8 * QUALIFY_S - 0.1)
    assert len(line.asked) == asked, "the question of before is over, the next has its pause"


def test_nobody_asks_for_a_binding_that_is_gone() -> None:
    line = Line()
    phone = line.register(CONTACT, "Expires: 60")
    line.wait(61.0)
    asked = len(line.asked)
    line.wait(100.0)
    assert (len(line.asked), line.endpoint.next_deadline()) == (asked, math.inf)
    line.status = None
    line.register(phone=phone)
    line.wait(QUALIFY_S)
    line.register(CONTACT, "Expires: 0", phone=phone)
    line.wait(200.0)
    assert line.told()[-1] is ContactsCause.UNREGISTERED
    assert (line.endpoint.transactions, line.endpoint.next_deadline()) == (0, math.inf)


def test_off_means_off() -> None:
    line = Line(qualify_s=0.0)
    line.register()
    line.wait(1000.0)
    assert line.endpoint.doubt_contact("1001", URI, line.now) == []
    assert line.asked == []
    assert line.reachable() == [True]


def test_two_thousand_phones_do_not_come_at_once() -> None:
    passwords = {f"a{n}": "pw" for n in range(2000)}
    line = Line(max_accounts=3000)
    contacts = Phone(line.endpoint)
    contacts.register(CONTACT, "Expires: 3600")
    [known] = line.endpoint.contacts("1001")
    for account in passwords:
        line.take(line.endpoint.restore_contacts(account, (known,), 0.0))
    per_half_second = [0] * 8
    line.wait(RESTORE_SPREAD_S)
    for at, _ in line.asked:
        per_half_second[min(7, int(at * 2))] += 1
    assert sum(per_half_second) >= 2000
    assert max(per_half_second) < 400


def test_restored_phones_have_to_answer_before_they_are_offered_a_call() -> None:
    before = registrar()
    Phone(before).register(CONTACT, "Expires: 3600")
    line = Line()
    line.take(line.endpoint.restore_contacts("1001", before.contacts("1001"), 0.0))
    assert line.changes == [(0.0, ContactsCause.RESTORED, (False,))]
    line.wait(RESTORE_SPREAD_S)
    assert line.told() == [ContactsCause.RESTORED, ContactsCause.REACHABLE]


def test_questions_take_the_devices_path() -> None:
    line = Line()
    line.register(CONTACT, "Path: <sip:edge;lr>")
    line.wait(QUALIFY_S)
    assert line.asked[0][1].get(b"route") == b"<sip:edge;lr>"


# --- an INVITE says it first ---


def invite(line: Line, leg: str) -> list:
    [contact, *_] = line.endpoint.contacts("1001")
    target = InviteTarget(uri=contact.uri, peer=contact.peer, caller="1")
    return line.endpoint.invite(leg, target, SDP, line.now)


def test_an_invite_that_nobody_answers_says_so() -> None:
    line = Line(qualify_s=0.0)
    line.register()
    invite(line, "leg")
    failed = []
    while (due := line.endpoint.next_deadline()) < 1000.0:
        failed += [one for one in line.endpoint.on_time(due) if isinstance(one, LegFailed)]
    assert [(one.status, one.unreached) for one in failed] == [(408, True)]


@pytest.mark.parametrize(
    ("status", "ringing", "unreached"),
    [
        (408, False, True),
        (408, True, False),
        (410, True, True),
        (430, False, True),
        (486, False, False),
        (503, False, False),
    ],
)
def test_what_an_answer_says_of_the_phone(status: int, ringing: bool, unreached: bool) -> None:
    line = Line(qualify_s=0.0)
    line.register()
    [sent] = invite(line, "leg")
    out = []
    for code in ([180] if ringing else []) + [status]:
        request = read(sent.data)
        names = (b"via", b"from", b"call-id", b"cseq")
        lines = b"".join(b"%b: %b\r\n" % (name, request.headers[name]) for name in names)
        data = b"SIP/2.0 %d x\r\n%bTo: <%b>;tag=t\r\n\r\n" % (code, lines, URI.encode())
        out = line.endpoint.receive(data, PHONE, 1.0)
    [failed] = [one for one in out if isinstance(one, LegFailed)]
    assert failed.unreached is unreached


def test_a_doubted_phone_is_out_at_once_and_asked_at_once() -> None:
    line = Line()
    line.register()
    line.wait(1.0)
    line.take(line.endpoint.doubt_contact("1001", URI, line.now))
    assert line.changes[-1] == (1.0, ContactsCause.UNREACHABLE, (False,))
    line.wait(0.01)
    assert line.changes[-1][1:] == (ContactsCause.REACHABLE, (True,))
    assert line.endpoint.doubt_contact("nobody", URI, line.now) == []


def test_a_port_that_nobody_listens_on_takes_the_phone_out() -> None:
    line = Line()
    line.register()
    line.status = None
    line.wait(QUALIFY_S)
    line.take(line.endpoint.transport_failed(PHONE, line.now))
    assert line.changes[-1][1] is ContactsCause.UNREACHABLE


def test_a_lost_connection_takes_the_binding_in_one_event() -> None:
    line = Line()
    tcp = Peer("tcp", "192.0.2.10", 40000)
    line.register(phone=Phone(line.endpoint, peer=tcp))
    line.status = None
    line.wait(QUALIFY_S)
    line.take(line.endpoint.transport_failed(tcp, line.now))
    assert line.told() == [ContactsCause.REGISTERED, ContactsCause.CONNECTION_LOST]


class Fleet(RuleBasedStateMachine):
    """Devices that come, fall silent, wake up and go: the registrar's view follows in time."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(qualify_s=20.0, max_contacts=4)
        self.silent: dict[str, bool] = {}
        self.quiet_since: dict[str, float] = {}
        self.calls = 0
        self.line.answer = self.answer  # type: ignore[method-assign]  # phones answer each for itself

    def answer(self, asked: Send, status: int) -> None:
        if not self.silent.get(asked.peer.host, True):
            Line.answer(self.line, asked, status)

    def phone(self, n: int) -> Phone:
        self.calls += 1
        call_id = f"call{self.calls}"
        return Phone(self.line.endpoint, peer=Peer("udp", f"192.0.2.{n}", 5060), call_id=call_id)

    @rule(n=st.integers(1, 4))
    def registers(self, n: int) -> None:
        line = f"Contact: <sip:1001@192.0.2.{n}>;expires=3600"
        self.line.register(line, phone=self.phone(n))
        host = f"192.0.2.{n}"
        if self.silent.get(host, True):
            self.quiet_since.pop(host, None)
        self.silent[host] = False

    @rule(n=st.integers(1, 4))
    def unregisters(self, n: int) -> None:
        line = f"Contact: <sip:1001@192.0.2.{n}>;expires=0"
        self.line.register(line, phone=self.phone(n))
        self.silent.pop(f"192.0.2.{n}", None)
        self.quiet_since.pop(f"192.0.2.{n}", None)

    @precondition(lambda self: self.silent)
    @rule(data=st.data())
    def falls_silent_or_wakes(self, data: st.DataObject) -> None:
        host = data.draw(st.sampled_from(sorted(self.silent)))
        self.silent[host] = not self.silent[host]
        self.quiet_since[host] = self.line.now

    @rule(seconds=st.sampled_from([0.4, 5.0, 30.0, 80.0]))
    def waits(self, seconds: float) -> None:
        self.line.wait(seconds)

    @invariant()
    def who_has_long_been_so_is_seen_so(self) -> None:
        for contact in self.line.endpoint.contacts("1001"):
            host = contact.peer.host
            since = self.quiet_since.get(host)
            patience_s = 20.0 + (ANSWER_S if self.silent[host] else TIMER_F_S + 20.0)
            if since is None:
                assert contact.reachable
            elif self.line.now - since > patience_s + 1.0:
                assert contact.reachable is not self.silent[host]

    @invariant()
    def one_question_per_device(self) -> None:
        assert self.line.endpoint.transactions <= max(4, 2 * len(self.silent))


Fleet.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestFleet = Fleet.TestCase


def test_the_answer_to_a_question_that_nobody_asks_any_more() -> None:
    line = Line()
    phone = line.register()
    line.status = None
    line.wait(QUALIFY_S)
    line.register(phone=phone)
    _, old = line.asked[0]
    names = (b"via", b"from", b"to", b"call-id", b"cseq")
    data = b"".join(b"%b: %b\r\n" % (name, old.headers[name]) for name in names)
    line.take(line.endpoint.receive(b"SIP/2.0 430 x\r\n" + data + b"\r\n", PHONE, line.now))
    assert line.reachable() == [True]


def test_phones_that_registered_together_are_not_asked_together() -> None:
    line = Line()
    phone = Phone(line.endpoint)
    for n in range(1, 4):
        line.register(f"Contact: <sip:1001@192.0.2.{n}>", "Expires: 3600", phone=phone)
    line.wait(QUALIFY_S)
    times = [at for at, _ in line.asked]
    assert len(set(times)) == 3
    assert all(0.8 * QUALIFY_S <= at <= QUALIFY_S for at in times)


def test_a_doubt_during_a_question_waits_for_its_answer() -> None:
    """The device has its time to answer, however many calls fail meanwhile."""
    line = Line()
    line.register()
    line.status = None
    line.wait(QUALIFY_S)
    (asked_at, _), *_ = line.asked
    line.wait(asked_at + 1.0 - line.now if asked_at + 1.0 > line.now else 0.0)
    line.take(line.endpoint.doubt_contact("1001", URI, line.now))
    line.status = 200
    line.wait(ANSWER_S / 2)  # the next repetition is answered
    assert line.reachable() == [True]
    assert len(line.asked) == 1


def test_a_full_server_asks_nobody_and_believes_what_it_knew() -> None:
    line = Line(max_transactions=1)
    line.register()
    caller = request("INVITE", body=SDP)
    line.take(line.endpoint.receive(caller, Peer("udp", "192.0.2.77", 5060), line.now))
    line.wait(3 * QUALIFY_S)
    assert line.asked == []
    assert line.reachable() == [True]
    left = request("CANCEL")
    line.take(line.endpoint.receive(left, Peer("udp", "192.0.2.77", 5060), line.now))
    line.take(line.endpoint.receive(request("ACK", to_tag="any"), PHONE, line.now))
    line.wait(QUALIFY_S)
    assert len(line.asked) == 1, "it is asked when there is room again"


def test_who_does_not_answer_makes_room_for_a_new_device() -> None:
    line = Line(max_contacts=2)
    phone = Phone(line.endpoint)
    for n in (1, 2):
        line.register(f"Contact: <sip:1001@192.0.2.{n}>", "Expires: 3600", phone=phone)
    line.status = None
    line.take(line.endpoint.doubt_contact("1001", "sip:1001@192.0.2.2", line.now))
    line.register("Contact: <sip:1001@192.0.2.3>", "Expires: 3600", phone=phone)
    uris = [one.uri for one in line.endpoint.contacts("1001")]
    assert uris == ["sip:1001@192.0.2.3", "sip:1001@192.0.2.1"]


def test_only_a_register_is_told_as_a_refresh() -> None:
    line = Line()
    line.register()
    line.status = None
    assert len(line.endpoint.doubt_contact("1001", URI, line.now)) == 1
    assert line.endpoint.doubt_contact("1001", URI, line.now) == []
