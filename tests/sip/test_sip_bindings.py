"""Several devices of an account, Path and outbound (RFC 3261 10.3, RFC 3327, RFC 5626)."""

import pytest
from sip_registering import CONTACT, Phone, registrar, status
from sip_support import PHONE, SDP, events, parsed

from acd.sip.bindings import MAX_CONTACTS_PER_REQUEST, MAX_PATHS
from acd.sip.effects import Send
from acd.sip.events import ContactsCause, ContactsChanged, ContactsRefreshed
from acd.sip.message import read
from acd.sip.peer import Peer
from acd.sip.settings import InviteTarget

TCP = Peer("tcp", "192.0.2.10", 40000)
INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
OUTBOUND = "Supported: path, outbound"
EDGE = "Path: <sip:edge.example.com;lr>"


def contact(host: int, *parameters: str) -> str:
    return f"Contact: <sip:1001@192.0.2.{host}>" + "".join(parameters)


def uris(endpoint) -> list[str]:
    return [one.uri.rpartition(".")[2] for one in endpoint.contacts("1001")]


def refreshed(out) -> bool:
    return any(isinstance(one, ContactsRefreshed) for one in out)


def changes(out) -> list[ContactsChanged]:
    return [one for one in out if isinstance(one, ContactsChanged)]


# --- RFC 3261 10.3 ---


def test_several_contacts_in_one_request() -> None:
    endpoint = registrar()
    out = Phone(endpoint).register(
        "Contact: <sip:1001@192.0.2.1>;expires=60, <sip:1001@192.0.2.2>;expires=600",
        "Contact: <sip:1001@192.0.2.3>",
    )
    assert uris(endpoint) == ["3", "2", "1"]
    assert [one.expires_at for one in endpoint.contacts("1001")] == [300.0, 600.0, 60.0]
    assert len(changes(out)) == 1


def test_the_same_contact_twice_in_one_request_is_one_binding() -> None:
    endpoint = registrar()
    assert status(Phone(endpoint).register(contact(1), contact(1, ";expires=90"))) == 200
    [binding] = endpoint.contacts("1001")
    assert binding.expires_at == 90.0


def test_one_of_several_is_removed_beside_a_new_one() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(contact(1), contact(2))
    out = phone.register(contact(1, ";expires=0"), contact(3))
    assert uris(endpoint) == ["3", "2"]
    assert changes(out)[0].cause is ContactsCause.REGISTERED


def test_a_request_that_fails_changes_nothing() -> None:
    """10.3: either all binding updates succeed, or none."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(contact(1), "Expires: 600")
    before = endpoint.contacts("1001")
    for lines in (
        (contact(1, ";expires=0"), contact(2, ";expires=10")),  # 423
        (contact(2), "Contact: <tel:1001>"),
        (contact(2), contact(3, ";q=2")),
        (contact(2), "Path: <tel:1001>"),
    ):
        (answer,) = parsed(phone.register(*lines))
        assert answer.status in {400, 423}
        assert endpoint.contacts("1001") == before


def test_a_request_that_is_late_for_one_binding_changes_none() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.cseq = 10
    phone.register(contact(1))
    phone.cseq = 3
    assert status(phone.register(contact(2), contact(1, ";expires=0"), cseq=5)) == 500
    assert uris(endpoint) == ["1"]


def test_star_is_late_too() -> None:
    """10.3, step 6: only "if the CSeq in the request is higher than the value stored"."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.cseq = 10
    phone.register(contact(1))
    phone.cseq = 3
    assert status(phone.register("Contact: *", "Expires: 0", cseq=5)) == 500
    assert uris(endpoint) == ["1"]
    other = Phone(endpoint, call_id="other")
    assert status(other.register("Contact: *", "Expires: 0")) == 200
    assert uris(endpoint) == []


def test_q_goes_before_age() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(contact(1, ";q=0.7"))
    phone.register(contact(2, ";q=0.3"))
    out = phone.register(contact(3, ";q=0.70"))
    assert uris(endpoint) == ["3", "1", "2"]
    lines = read(out[-1].data).all(b"contact")
    assert [line.partition(b"q=")[2] for line in lines] == [b"0.7", b"0.7", b"0.3"]


@pytest.mark.parametrize("q", ["1.1", "0.1234", "-1", "", "high"])
def test_a_broken_q(q: str) -> None:
    assert status(Phone(registrar()).register(contact(1, f";q={q}"))) == 400


def test_too_many_contacts_in_one_request() -> None:
    many = [contact(n) for n in range(MAX_CONTACTS_PER_REQUEST + 1)]
    assert status(Phone(registrar()).register(*many)) == 400


def test_a_refresh_is_no_change_and_keeps_its_place() -> None:
    endpoint = registrar()
    desk, soft = Phone(endpoint), Phone(endpoint, call_id="soft")
    desk.register(contact(1))
    soft.register(contact(2))
    out = desk.register(contact(1), now=50.0)
    assert changes(out) == []
    assert refreshed(out)
    assert uris(endpoint) == ["2", "1"]
    assert endpoint.contacts("1001")[1].expires_at == 350.0
    assert endpoint.all_contacts() == {"1001": endpoint.contacts("1001")}


def test_the_same_contact_from_elsewhere_is_a_change() -> None:
    """Behind NAT the source address is where requests go; the Contact stays the Request-URI."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register("Contact: <sip:1001@10.0.0.5>")
    phone.peer = Peer("udp", "203.0.113.9", 61000)
    [change] = changes(phone.register("Contact: <sip:1001@10.0.0.5>", now=10.0))
    [binding] = change.contacts
    assert (binding.uri, binding.peer) == ("sip:1001@10.0.0.5", phone.peer)


# --- RFC 3327 ---


def invite(endpoint) -> bytes:
    [binding] = endpoint.contacts("1001")
    target = InviteTarget(uri=binding.uri, peer=binding.peer, caller="4000", route=binding.path)
    [send] = endpoint.invite("leg", target, SDP, 1.0)
    assert isinstance(send, Send)
    return send.data


def test_path_becomes_the_route() -> None:
    """5.3: "The ordering of values in the Path header field MUST be preserved"."""
    endpoint = registrar()
    out = Phone(endpoint).register(CONTACT, EDGE + ", <sip:inner;lr>;x=y", "Supported: path")
    (answer,) = parsed(out)
    assert answer.all(b"path") == [b"<sip:edge.example.com;lr>", b"<sip:inner;lr>;x=y"]
    asked = read(invite(endpoint))
    assert asked.uri == b"sip:1001@192.0.2.10:5062"
    assert asked.all(b"route") == [b"<sip:edge.example.com;lr>", b"<sip:inner;lr>"]


def test_the_route_stays_with_ack_and_cancel() -> None:
    endpoint = registrar()
    Phone(endpoint).register(CONTACT, EDGE)
    asked = read(invite(endpoint))
    lines = [
        *(b"%b: %b" % (name, asked.headers[name]) for name in (b"via", b"from", b"to")),
        *(b"%b: %b" % (name, asked.headers[name]) for name in (b"call-id", b"cseq")),
    ]
    ringing = b"SIP/2.0 180 Ringing\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"
    endpoint.receive(ringing, PHONE, 1.1)
    cancel = next(one for one in endpoint.hang_up("leg", 2.0) if isinstance(one, Send))
    assert read(cancel.data).get(b"route") == b"<sip:edge.example.com;lr>"
    busy = ringing.replace(b"180 Ringing", b"487 No")
    [ack] = [one for one in endpoint.receive(busy, PHONE, 2.1) if isinstance(one, Send)]
    assert read(ack.data).get(b"route") == b"<sip:edge.example.com;lr>"


def test_a_phone_that_does_not_know_path_is_not_told_of_it() -> None:
    """5.3 leaves it to local policy: the proxy knows its way, and the phone need not."""
    endpoint = registrar()
    (answer,) = parsed(Phone(endpoint).register(CONTACT, EDGE))
    assert b"path" not in answer.headers
    assert endpoint.contacts("1001")[0].path == ("<sip:edge.example.com;lr>",)


def test_path_may_be_required_and_nothing_unknown() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    assert status(phone.register(CONTACT, "Require: path, Outbound")) == 200
    (answer,) = parsed(phone.register(CONTACT, "Require: path, gruu"))
    assert (answer.status, answer.get(b"unsupported")) == (420, b"gruu")


def test_the_path_has_an_end() -> None:
    entries = ", ".join(f"<sip:p{n};lr>" for n in range(MAX_PATHS + 1))
    assert status(Phone(registrar()).register(CONTACT, f"Path: {entries}")) == 400


# --- RFC 5626 ---


def test_a_flow_replaces_itself_wherever_the_phone_is_now() -> None:
    endpoint = registrar()
    phone = Phone(endpoint, peer=TCP)
    (answer,) = parsed(phone.register(contact(1, ";reg-id=1", INSTANCE), OUTBOUND))
    assert answer.get(b"require") == b"outbound"
    assert answer.get(b"flow-timer") == b"120"
    assert b';+sip.instance="<urn:uuid:00000000' in answer.get(b"contact")
    assert b";reg-id=1" in answer.get(b"contact")
    elsewhere = Peer("tcp", "198.51.100.4", 50000)
    moved = Phone(endpoint, peer=elsewhere, call_id="moved")
    moved.register(contact(2, ";reg-id=1", INSTANCE), OUTBOUND)
    [binding] = endpoint.contacts("1001")
    assert (binding.uri, binding.peer) == ("sip:1001@192.0.2.2", elsewhere)
    assert changes(endpoint.transport_failed(TCP, 5.0)) == []
    [change] = changes(endpoint.transport_failed(elsewhere, 6.0))
    assert (change.contacts, change.cause) == ((), ContactsCause.CONNECTION_LOST)


def test_two_flows_of_one_device_are_two_bindings() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(contact(1, ";reg-id=1", INSTANCE), OUTBOUND)
    phone.register(contact(1, ";reg-id=2", INSTANCE), OUTBOUND)
    assert [one.reg_id for one in endpoint.contacts("1001")] == [2, 1]
    phone.register(contact(9, ";reg-id=1;expires=0", INSTANCE), OUTBOUND)
    assert [one.reg_id for one in endpoint.contacts("1001")] == [2]


def test_over_udp_no_flow_timer_is_promised() -> None:
    """Keeping a flow over UDP takes STUN on the SIP port, which is not served."""
    (answer,) = parsed(Phone(registrar()).register(contact(1, ";reg-id=1", INSTANCE), OUTBOUND))
    assert answer.get(b"require") == b"outbound"
    assert b"flow-timer" not in answer.headers


@pytest.mark.parametrize(
    "lines",
    [
        (contact(1, ";reg-id=1"), OUTBOUND),
        (contact(1, INSTANCE), OUTBOUND),
        (contact(1, ";reg-id=1", INSTANCE), "Supported: path"),
        (contact(1, ";reg-id=1", INSTANCE),),
    ],
)
def test_without_one_of_the_three_a_binding_is_by_uri(lines: tuple[str, ...]) -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    (answer,) = parsed(phone.register(*lines))
    assert answer.status == 200
    assert b"require" not in answer.headers
    assert endpoint.contacts("1001")[0].reg_id == 0
    phone.register(contact(2, INSTANCE))
    assert len(endpoint.contacts("1001")) == 2


@pytest.mark.parametrize(
    "parameters",
    [
        ";reg-id=0" + INSTANCE,
        ";reg-id=256" + INSTANCE,
        ";reg-id=x" + INSTANCE,
        ";reg-id=1;+sip.instance=bare",
    ],
)
def test_broken_flows(parameters: str) -> None:
    assert status(Phone(registrar()).register(contact(1, parameters), OUTBOUND)) == 400


def test_one_request_registers_one_flow() -> None:
    phone = Phone(registrar())
    first, second = (contact(1, f";reg-id={n}", INSTANCE) for n in (1, 2))
    assert status(phone.register(first, second, OUTBOUND)) == 400


def test_a_proxy_in_between_has_to_keep_the_flow() -> None:
    """6: without "ob" in the Path the registrar "MUST respond […] with a 439"."""
    endpoint = registrar()
    phone = Phone(endpoint)
    lines = (contact(1, ";reg-id=1", INSTANCE), OUTBOUND, "Via: SIP/2.0/TCP 10.0.0.1;branch=x")
    assert status(phone.register(*lines)) == 439
    assert status(phone.register(*lines, EDGE)) == 439
    assert endpoint.contacts("1001") == ()
    assert status(phone.register(*lines, "Path: <sip:token@edge;lr;ob>")) == 200
    assert endpoint.contacts("1001")[0].reg_id == 1


def test_a_restart_keeps_flow_and_path() -> None:
    before = registrar()
    Phone(before).register(contact(1, ";reg-id=1;q=0.5", INSTANCE), OUTBOUND, EDGE)
    after = registrar()
    after.restore_contacts("1001", before.contacts("1001"), 1.0)
    assert after.contacts("1001") == before.contacts("1001")
    phone = Phone(after, call_id="again")
    out = phone.register(contact(2, ";reg-id=1", INSTANCE), OUTBOUND, now=2.0)
    assert len(changes(out)[0].contacts) == 1
    assert events(out)[0].contacts[0].uri == "sip:1001@192.0.2.2"


@pytest.mark.parametrize("header", ["Supported: outbound", "Require: outbound", "Require: x"])
def test_a_phone_that_requires_outbound_is_served_by_it(header: str) -> None:
    """3261 8.2.2.3: what is required and not refused is done."""
    flow = CONTACT + ';reg-id=1;+sip.instance="<urn:uuid:1>"'
    (answer,) = parsed(Phone(registrar()).register(flow, header))
    served = header.endswith("outbound")
    assert (answer.status, answer.get(b"require")) == (
        (200, b"outbound") if served else (420, b"")
    )


def test_a_phone_that_knows_outbound_only_is_not_told_of_a_path() -> None:
    (answer,) = parsed(Phone(registrar()).register(CONTACT, EDGE, "Supported: outbound"))
    assert b"path" not in answer.headers


def test_a_flow_may_be_removed_beside_another_that_is_registered() -> None:
    """6: only what a request *registers* has to come over its own flow."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(contact(1, ";reg-id=1", INSTANCE), OUTBOUND)
    lines = (contact(1, ";reg-id=1;expires=0", INSTANCE), contact(1, ";reg-id=2", INSTANCE))
    assert status(phone.register(*lines, OUTBOUND)) == 200
    assert [one.reg_id for one in endpoint.contacts("1001")] == [2]


def test_outbound_is_promised_only_for_a_flow_of_this_request() -> None:
    endpoint = registrar()
    Phone(endpoint).register(contact(1, ";reg-id=1", INSTANCE), OUTBOUND)
    other = Phone(endpoint, call_id="other")
    (answer,) = parsed(other.register(contact(2), OUTBOUND))
    assert (answer.status, answer.get(b"require")) == (200, b"")


def test_another_path_is_a_change() -> None:
    """The same phone behind another proxy: calls have to take the new way at once."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT, EDGE)
    out = phone.register(CONTACT, "Path: <sip:edge2.example.com;lr>", now=1.0)
    [change] = changes(out)
    assert change.contacts[0].path == ("<sip:edge2.example.com;lr>",)
    assert changes(phone.register(CONTACT, "Path: <sip:edge2.example.com;lr>", now=2.0)) == []
