"""REGISTER through the endpoint: digest and bindings (RFC 3261 10.3, 22; RFC 7616, 8760)."""

import re

import pytest
from sip_registering import CONTACT, URI, Phone, registrar, status
from sip_support import (
    PHONE,
    Accounts,
    answer_challenge,
    events,
    message,
    parsed,
    run_out,
    seeded_bytes,
)

from acd.sip.digest import DigestServer
from acd.sip.errors import BadMessageError
from acd.sip.events import (
    AuthenticationFailed,
    Contact,
    ContactsCause,
    ContactsChanged,
)
from acd.sip.message import read
from acd.sip.peer import Peer


def test_registration() -> None:
    endpoint = registrar()
    out = Phone(endpoint).register(CONTACT, "Expires: 600", "User-Agent: desk 1", now=10.0)
    binding = Contact("sip:1001@192.0.2.10:5062", PHONE, 610.0, "desk 1")
    assert events(out) == [ContactsChanged("1001", (binding,))]
    (answer,) = parsed(out)
    assert answer.get(b"contact") == b"<sip:1001@192.0.2.10:5062>;expires=600"
    assert endpoint.contacts("1001") == (binding,)


def test_both_algorithms_are_offered_the_stronger_first() -> None:
    """RFC 8760 2.3: "in order of preference"; one header each."""
    (challenge,) = parsed(Phone(registrar()).send(CONTACT))
    offered = [challenge.get(b"www-authenticate"), *challenge.more[b"www-authenticate"]]
    assert [re.search(rb"algorithm=([^,]+)", line)[1] for line in offered] == [b"SHA-256", b"MD5"]
    assert all(b'qop="auth"' in line for line in offered)


def test_md5_is_taken_too() -> None:
    phone = Phone(registrar())
    (challenge,) = parsed(phone.send(CONTACT))
    challenge.headers[b"www-authenticate"] = challenge.more.pop(b"www-authenticate")[0]
    header = phone.authorization(challenge)
    assert "algorithm=MD5" in header
    assert status(phone.send(CONTACT, header)) == 200


@pytest.mark.parametrize("account", ["1001", "nobody"])
def test_a_wrong_password_is_challenged_again(account: str) -> None:
    endpoint = registrar()
    phone = Phone(endpoint, account=account)
    (challenge,) = parsed(phone.send(CONTACT))
    out = phone.send(CONTACT, phone.authorization(challenge, password="no"))
    assert events(out) == [AuthenticationFailed(account, PHONE, "REGISTER")]
    (again,) = parsed(out)
    assert again.status == 401
    assert b"stale" not in again.get(b"www-authenticate")
    assert endpoint.contacts(account) == ()


def test_nobody_registers_for_another() -> None:
    phone = Phone(registrar())
    (challenge,) = parsed(phone.send(CONTACT))
    header = phone.authorization(challenge).replace('username="1001"', 'username="1002"')
    out = phone.send(CONTACT, header)
    assert status(out) == 403
    assert events(out) == [AuthenticationFailed("1001", PHONE, "REGISTER")]


def test_only_a_proof_that_was_tried_has_failed() -> None:
    phone = Phone(registrar())
    out = phone.send(CONTACT)
    (challenge,) = parsed(out)
    header = phone.authorization(challenge)
    other_realm = header.replace('realm="acd"', 'realm="elsewhere"')
    out += phone.send(CONTACT, other_realm) + phone.send(CONTACT, header)
    out += phone.send(CONTACT, header)  # stale
    assert [answer.status for answer in parsed(out)] == [401, 401, 200, 401]
    assert [type(event) for event in events(out)] == [ContactsChanged]


def test_an_answer_is_not_taken_twice() -> None:
    """RFC 7616 3.3: the nonce count detects replays; stale spares the user a question."""
    phone = Phone(registrar())
    (challenge,) = parsed(phone.send(CONTACT))
    header = phone.authorization(challenge)
    assert status(phone.send(CONTACT, header)) == 200
    (again,) = parsed(phone.send(CONTACT, header))
    assert again.status == 401
    assert b"stale=true" in again.get(b"www-authenticate")


def test_a_nonce_that_had_to_be_forgotten_is_stale() -> None:
    """The table of nonce counts is limited; what fell out of it must not open a replay."""
    server = DigestServer("acd", Accounts(**{"1001": "pw"}), seeded_bytes(), 300.0, max_nonces=2)

    def ask(now: float, *headers: str) -> BadMessageError | None:
        asked = read(message(f"REGISTER {URI} SIP/2.0", *headers))
        try:
            server.check(asked, "1001", "192.0.2.7", now)
        except BadMessageError as refusal:
            return refusal
        return None

    def proof(refusal: BadMessageError) -> str:
        challenge = read(b"SIP/2.0 401 x\r\n" + refusal.headers + b"\r\n")
        return answer_challenge(challenge, b"REGISTER", URI.encode(), "1001", "pw", "c").decode()

    proofs = [proof(ask(float(at))).strip() for at in range(3)]
    assert [ask(3.0, header) for header in proofs] == [None, None, None]
    for replay in proofs:
        assert b"stale=true" in ask(4.0, replay).headers


@pytest.mark.parametrize("password", ["pw", "no"])
def test_a_nonce_is_good_for_the_source_that_it_was_given_to(password: str) -> None:
    """Who makes up an address, or a nonce, has no proof to give and no password to be wrong."""
    phone = Phone(registrar())
    (challenge,) = parsed(phone.send(CONTACT))
    header = phone.authorization(challenge, password=password)
    phone.peer = Peer("udp", "198.51.100.9", 5060)
    outputs = phone.send(CONTACT, header)
    (again,) = parsed(outputs)
    assert (again.status, events(outputs)) == (401, [])
    assert b"stale=true" in again.get(b"www-authenticate")
    assert phone.endpoint.contacts("1001") == ()


def test_a_nonce_outlives_a_change_of_address_within_one_v6_network() -> None:
    """RFC 8981: such addresses change every day, and calls go on."""
    phone = Phone(registrar(), peer=Peer("udp", "2001:db8::1", 5060))
    (challenge,) = parsed(phone.send(CONTACT))
    phone.peer = Peer("udp", "2001:db8::2", 5060)
    assert status(phone.send(CONTACT, phone.authorization(challenge))) == 200


def test_an_old_nonce_is_stale() -> None:
    phone = Phone(registrar(nonce_lifetime_s=60.0))
    (challenge,) = parsed(phone.send(CONTACT, now=0.0))
    header = phone.authorization(challenge)
    (again,) = parsed(phone.send(CONTACT, header, now=61.0))
    assert b"stale=true" in again.get(b"www-authenticate")
    assert status(phone.send(CONTACT, phone.authorization(again), now=61.0)) == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('nonce="', 'nonce="0'),
        ("nc=00000001", "nc=1"),
        ("qop=auth, ", ""),
        ('cnonce="cnonce"', 'cnonce=""'),
        (', cnonce="cnonce"', ""),
    ],
)
def test_tampered_answers_are_refused(old: str, new: str) -> None:
    phone = Phone(registrar())
    (challenge,) = parsed(phone.send(CONTACT))
    header = phone.authorization(challenge)
    assert old in header
    assert status(phone.send(CONTACT, header.replace(old, new))) == 401


def test_retransmission_is_answered_alike_and_changes_nothing() -> None:
    endpoint, headers = registrar(), (CONTACT,)
    phone = Phone(endpoint)
    (challenge,) = parsed(phone.send(*headers))
    header = phone.authorization(challenge)
    first = phone.send(*headers, header)
    again = phone.send(*headers, header, cseq=phone.cseq)
    assert parsed(again)[0].status == 200
    assert events(again) == []
    assert len(events(first)) == 1


def test_expiry_rules() -> None:
    """10.3.7: 423 below the minimum; more than the maximum is cut; contact before header."""
    endpoint = registrar()
    phone = Phone(endpoint)
    (brief,) = parsed(phone.register(CONTACT, "Expires: 59"))
    assert (brief.status, brief.get(b"min-expires")) == (423, b"60")
    for headers, lifetime_s in [
        ((CONTACT, "Expires: 60"), 60),
        ((CONTACT, "Expires: 999999"), 3600),
        ((CONTACT,), 300),
        ((CONTACT + ";expires=120", "Expires: 600"), 120),
        ((CONTACT, "Expires: soon"), 3600),
    ]:
        phone.register(*headers)
        assert endpoint.contacts("1001")[0].expires_at == lifetime_s


def test_bindings_expire() -> None:
    endpoint = registrar()
    Phone(endpoint).register(CONTACT, "Expires: 60", now=0.0)
    fired = run_out(endpoint)
    assert (60.0, ContactsChanged("1001", (), ContactsCause.EXPIRED)) in fired
    assert endpoint.contacts("1001") == ()
    assert endpoint.next_deadline() == float("inf")


def test_refresh_moves_the_expiry() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT, "Expires: 60", now=0.0)
    phone.register(CONTACT, "Expires: 60", now=50.0)
    assert (110.0, ContactsChanged("1001", (), ContactsCause.EXPIRED)) in run_out(endpoint)


def test_unregister_one_and_all() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT)
    phone.register("Contact: <sip:1001@192.0.2.11>")
    assert len(endpoint.contacts("1001")) == 2
    out = phone.register(CONTACT, "Expires: 0")
    assert [contact.uri for contact in events(out)[0].contacts] == ["sip:1001@192.0.2.11"]
    assert status(phone.register("Contact: *")) == 400
    assert status(phone.register("Contact: *", CONTACT, "Expires: 0")) == 400
    out = phone.register("Contact: *", "Expires: 0")
    assert events(out) == [ContactsChanged("1001", (), ContactsCause.UNREGISTERED)]


def test_a_query_changes_nothing() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT)
    out = phone.register()
    assert events(out) == []
    assert b"sip:1001@192.0.2.10:5062" in parsed(out)[0].get(b"contact")


def test_older_requests_do_not_win() -> None:
    """10.3.7: same Call-ID needs a higher CSeq, "If not, […] the request fails"."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.cseq = 10
    phone.register(CONTACT)
    (challenge,) = parsed(phone.send(CONTACT, "Expires: 0"))
    late = phone.send(CONTACT, "Expires: 0", phone.authorization(challenge), cseq=5)
    assert status(late) == 500
    assert len(endpoint.contacts("1001")) == 1
    rebooted = Phone(endpoint, call_id="new")
    assert status(rebooted.register(CONTACT, "Expires: 0")) == 200


def test_one_more_device_replaces_the_oldest() -> None:
    endpoint = registrar(max_contacts=2)
    phone = Phone(endpoint)
    for host in (1, 2, 3):
        phone.register(f"Contact: <sip:1001@192.0.2.{host}>", now=float(host))
    uris = [contact.uri for contact in endpoint.contacts("1001")]
    assert uris == ["sip:1001@192.0.2.3", "sip:1001@192.0.2.2"]


@pytest.mark.parametrize(
    "contact", ["Contact: <tel:1001>", "Contact: <sip:1001>;;", "Contact: nonsense"]
)
def test_broken_contacts_change_nothing(contact: str) -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    out = phone.register(CONTACT.replace("1001@", "keep@"))
    assert status(out) == 200
    assert status(phone.register(contact + ", <sip:1001@192.0.2.9>")) in {200, 400}
    assert any("keep@" in item.uri for item in endpoint.contacts("1001"))


def test_headers_of_a_contact_uri_are_not_kept() -> None:
    endpoint = registrar()
    Phone(endpoint).register("Contact: <sip:1001@h?Route=%3Csip:evil%3E>")
    assert endpoint.contacts("1001")[0].uri == "sip:1001@h"


def test_bindings_go_with_their_connection() -> None:
    endpoint = registrar()
    tcp = Peer("tcp", "192.0.2.10", 40000)
    Phone(endpoint, peer=tcp).register(CONTACT)
    Phone(endpoint, account="1002", password="pw2", call_id="r2").register(CONTACT)
    assert endpoint.transport_failed(PHONE, 1.0) == []
    lost = ContactsChanged("1001", (), ContactsCause.CONNECTION_LOST)
    assert endpoint.transport_failed(tcp, 1.0) == [lost]


def test_bindings_survive_a_restart() -> None:
    before = registrar()
    Phone(before).register(CONTACT, "Expires: 600")
    kept = before.contacts("1001")
    after = registrar()
    restored = ContactsChanged("1001", kept, ContactsCause.RESTORED)
    assert after.restore_contacts("1001", kept, 100.0) == [restored]
    assert after.contacts("1001") == kept
    assert status(Phone(after).register(CONTACT, "Expires: 0", now=101.0)) == 200
    assert after.restore_contacts("1001", kept, 601.0) == []


def test_accounts_are_limited() -> None:
    endpoint = registrar(max_accounts=1)
    assert status(Phone(endpoint).register(CONTACT)) == 200
    other = Phone(endpoint, account="1002", password="pw2", call_id="r2")
    assert status(other.register(CONTACT)) == 503


def test_the_answer_names_every_binding() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT, now=0.0)
    out = phone.register("Contact: <sip:1001@192.0.2.11>", now=100.0)
    contacts = read(out[-1].data).all(b"contact")
    assert contacts == [
        b"<sip:1001@192.0.2.11>;expires=300",
        b"<sip:1001@192.0.2.10:5062>;expires=200",
    ]


def test_the_same_cseq_in_another_request_is_out_of_order() -> None:
    """10.3, step 7: "If the value is higher […] it MUST update […]. If not, […] aborted"."""
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT, "Expires: 60")
    used = phone.cseq
    out = phone.register(CONTACT, "Expires: 600", now=1.0, cseq=used)
    assert status(out) == 500
    assert endpoint.contacts("1001")[0].expires_at == 60.0


def test_each_binding_expires_at_its_own_time() -> None:
    endpoint = registrar()
    phone = Phone(endpoint)
    phone.register(CONTACT, "Expires: 60", now=0.0)
    phone.register("Contact: <sip:1001@192.0.2.11>", "Expires: 60", now=0.5)
    run_out(endpoint, 60.4)
    assert [one.expires_at for one in endpoint.contacts("1001")] == [60.5]


def test_an_account_that_is_there_may_refresh_where_no_new_one_fits() -> None:
    endpoint = registrar(max_accounts=1)
    phone = Phone(endpoint)
    phone.register(CONTACT)
    assert status(phone.register(CONTACT, now=1.0)) == 200


def test_a_lifetime_is_rounded_up_and_never_0() -> None:
    """A binding that the 200 lists with 0 would look removed."""
    phone = Phone(registrar())
    phone.register(CONTACT, "Expires: 60", now=0.0)
    for now, left in ((10.5, 50), (59.75, 1)):
        (answer,) = parsed(phone.register(now=now))
        assert answer.get(b"contact").endswith(b";expires=%d" % left)


@pytest.mark.parametrize(("algorithm", "expected"), [("SHA-256", 200), ("MD5", 401)])
def test_what_is_not_offered_is_not_taken(algorithm: str, expected: int) -> None:
    phone = Phone(registrar(digest_algorithms=("SHA-256",)))
    (challenge,) = parsed(phone.send(CONTACT))
    line = challenge.headers[b"www-authenticate"]
    assert b"www-authenticate" not in challenge.more
    challenge.headers[b"www-authenticate"] = line.replace(b"SHA-256", algorithm.encode())
    assert status(phone.send(CONTACT, phone.authorization(challenge))) == expected


def test_a_browser_does_not_survive_a_restart() -> None:
    """Only it can open a connection again, and it registers then."""
    browser = Phone(registrar(), peer=Peer("wss", "192.0.2.10", 40_000))
    browser.register(CONTACT, "Expires: 600")
    after = registrar()
    assert after.restore_contacts("1001", browser.endpoint.contacts("1001"), 1.0) == []
    assert after.contacts("1001") == ()


def test_a_contact_has_to_fit_into_a_datagram_with_all_the_rest() -> None:
    endpoint = registrar()
    uri = "sip:1001@192.0.2.10;token=" + "x" * 500
    assert status(Phone(endpoint).register(f"Contact: <{uri}>")) == 400
    assert status(Phone(endpoint, call_id="r2").register(f"Contact: <{uri[:400]}>")) == 200


def test_what_a_phone_calls_itself_is_cut() -> None:
    endpoint = registrar()
    Phone(endpoint).register(CONTACT, "User-Agent: " + "long " * 200)
    assert len(endpoint.contacts("1001")[0].user_agent) == 200
