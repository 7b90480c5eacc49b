"""Secrets do not reach people's eyes."""

import pytest

from acd.telemetry.masking import is_secret_name, mask_text, mask_value

DIGEST = 'Digest username="1001", realm="acd", response="5d41402abc4b2a76b9719d911017c592"'


@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("separator", [": ", ":", " : "])
def test_credentials_of_a_header_are_masked_and_the_next_header_stays(header, separator):
    text = f"{header}{separator}{DIGEST}\r\nMax-Forwards: 70\r\n"

    masked = mask_text(text)

    assert "5d41402abc4b2a76b9719d911017c592" not in masked
    assert "1001" not in masked
    assert "Digest ***\r\nMax-Forwards: 70" in masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("sip:1001:hunter2@10.0.0.1;transport=tcp", "sip:1001:***@10.0.0.1;transport=tcp"),
        ("sip:1001@10.0.0.1:5060", "sip:1001@10.0.0.1:5060"),
        ("sip:10.0.0.1:5060", "sip:10.0.0.1:5060"),
        ("postgresql://acd:hunter2@db/acd", "postgresql://acd:***@db/acd"),
        ("curl -H 'Bearer abc-DEF_12'", "curl -H 'Bearer ***'"),
        ("a=crypto:1 AES_CM_128 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", None),
        ("a=ice-pwd:asd88fgpdd777uzjYhagZg", None),
    ],
)
def test_passwords_and_keys_are_masked_and_addresses_are_not(text, masked):
    if masked is None:
        assert mask_text(text).endswith(":***")
    else:
        assert mask_text(text) == masked


@pytest.mark.parametrize(
    "line",
    [
        'Authorization: Digest username="1001",\r\n response="5d41402a", nonce="x"\r\n\tqop=auth',
        'Authorization:\r\n Digest username="1001", response="5d41402a"',
        "Authorization: 5d41402a",
        "Proxy-Authorization: 5d41402a",
        'Authentication-Info: rspauth="5d41402a"',
    ],
)
def test_no_part_of_a_credential_is_left_however_it_is_written(line):
    masked = mask_text(f"Via: x\r\n{line}\r\nMax-Forwards: 70\r\n\r\n")

    assert "5d41402a" not in masked
    assert masked.startswith("Via: x\r\n")
    assert masked.endswith("***\r\nMax-Forwards: 70\r\n\r\n")


@pytest.mark.parametrize(
    "key", ["k=clear:hunter2", "k=base64:aHVudGVyMg==", "a=key-mgmt:mikey AQQF"]
)
def test_keys_of_a_session_description_are_masked(key):
    masked = mask_text(f"v=0\r\n{key}\r\nm=audio 1 RTP/AVP 0\r\n")
    assert masked in {
        f"v=0\r\n{key.partition(end)[0]}{end}***\r\nm=audio 1 RTP/AVP 0\r\n"
        for end in (":", "mikey ")
    }


def test_values_are_masked_at_any_depth():
    value = {"password": "hunter2", "list": [{"ha1": "x"}, b"Authorization: Basic aHVudGVyMg=="]}

    assert mask_value(value) == {
        "password": "***",
        "list": [{"ha1": "***"}, "Authorization: Basic ***"],
    }


@pytest.mark.parametrize("name", ["password", "sip_secret", "api_token", "ha1", "Authorization"])
def test_secret_names(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["queue", "tokens_left", "passed", "author", "pinned"])
def test_names_that_only_look_like_it(name):
    assert not is_secret_name(name)
