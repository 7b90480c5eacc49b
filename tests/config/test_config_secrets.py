"""Agents' secrets: hashes by hand, permissions, corruption, changes from another process."""

import hashlib
import json
import os
import stat

import pytest

from acd.storage.errors import StorageError
from acd.storage.secrets import SecretsError, SecretStore, ha1, new_password


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def store_of(folder, *passwords):
    supply = iter(passwords)
    return SecretStore(folder, make_password=lambda: next(supply))


def test_ha1_is_rfc_7616s_own_example():
    """RFC 7616 3.9.1: Mufasa, "Circle of Life"; A1 hashed here by hashlib alone."""
    text = "Mufasa:http-auth@example.org:Circle of Life"
    assert ha1("Mufasa", "http-auth@example.org", "Circle of Life", "MD5") == (
        "3d78807defe7de2157e2b0b6573a855f"
    )
    assert (
        ha1("Mufasa", "http-auth@example.org", "Circle of Life", "SHA-256")
        == hashlib.sha256(text.encode()).hexdigest()
    )


def test_first_start_makes_passwords_and_keeps_only_hashes_with_the_secrets(tmp_path):
    folder = tmp_path / "var"
    store = store_of(folder, "first-password", "second-password")
    initial, elsewhere = store.provide({"1001": None, "1002": None}, "acd")
    assert initial == {"1001": "first-password", "1002": "second-password"}
    assert elsewhere == ()
    for algorithm in ("MD5", "SHA-256"):
        assert store.ha1("1001", "acd", algorithm) == ha1(
            "1001", "acd", "first-password", algorithm
        )
    assert "first-password" not in (folder / "secrets.json").read_text()


def test_files_are_the_owners_only_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        store_of(tmp_path, "p" * 14).provide({"1001": None}, "acd")
    finally:
        os.umask(before)
    assert {path.name: mode_of(path) for path in tmp_path.iterdir()} == {
        "secrets.json": 0o600,
        "initial-passwords.txt": 0o600,
        "secrets.lock": 0o600,
    }


def test_a_second_start_keeps_what_the_first_made(tmp_path):
    first, _ = store_of(tmp_path, "one-password").provide({"1001": None}, "acd")
    again = store_of(tmp_path, "two-password")
    initial, _ = again.provide({"1001": None, "1002": None}, "acd")
    assert first == {"1001": "one-password"}
    assert initial == {"1001": "one-password", "1002": "two-password"}


def test_a_new_password_takes_the_initial_one_away(tmp_path):
    store = store_of(tmp_path, "one-password", "two-password")
    store.provide({"1001": None, "1002": None}, "acd")
    store.set_password("1001", "acd", "my own one")
    assert store.ha1("1001", "acd", "MD5") == ha1("1001", "acd", "my own one", "MD5")
    assert store.initial_passwords() == {"1002": "two-password"}
    assert store_of(tmp_path).provide({"1001": None}, "acd") == ({}, ())


def test_only_configured_accounts_are_served(tmp_path):
    store = store_of(tmp_path, "one-password", "two-password")
    store.provide({"1001": None, "1002": None}, "acd")
    store.provide({"1002": None}, "acd")
    assert store.ha1("1001", "acd", "MD5") is None
    assert store.ha1("1002", "acd", "MD5") is not None
    assert store.ha1("1002", "other", "MD5") is None
    assert store.ha1("1002", "acd", "SHA-512") is None
    assert store.ha1("nobody", "acd", "MD5") is None


def test_passwords_of_the_configuration_are_never_stored(tmp_path):
    store = store_of(tmp_path)
    assert store.provide({"a0001": "a0001"}, "acd") == ({}, ())
    assert store.ha1("a0001", "acd", "MD5") == ha1("a0001", "acd", "a0001", "MD5")
    assert not (tmp_path / "secrets.json").exists()


def test_another_realm_needs_new_passwords_unless_they_are_known(tmp_path):
    store = store_of(tmp_path, "one-password", "two-password")
    store.provide({"1001": None, "1002": None}, "acd")
    store.set_password("1001", "acd", "my own one")
    initial, elsewhere = store.provide({"1001": None, "1002": None}, "new.example")
    assert (initial, elsewhere) == ({"1002": "two-password"}, ("1001",))
    assert store.ha1("1001", "new.example", "MD5") is None
    assert store.ha1("1002", "new.example", "MD5") == ha1(
        "1002", "new.example", "two-password", "MD5"
    )


def test_hashes_are_made_again_if_the_power_failed_between_the_two_files(tmp_path):
    store_of(tmp_path, "one-password").provide({"1001": None}, "acd")
    (tmp_path / "secrets.json").unlink()
    store = store_of(tmp_path)
    assert store.provide({"1001": None}, "acd") == ({"1001": "one-password"}, ())
    assert store.ha1("1001", "acd", "MD5") == ha1("1001", "acd", "one-password", "MD5")


def test_a_change_by_another_process_counts_at_once(tmp_path):
    server = store_of(tmp_path, "one-password")
    server.provide({"1001": None}, "acd")
    assert not server.refresh()
    store_of(tmp_path).set_password("1001", "acd", "my own one")
    assert server.ha1("1001", "acd", "MD5") == ha1("1001", "acd", "my own one", "MD5")


CORRUPT = [
    b"",
    b"{",
    b"[]",
    b'{"version": 1}',
    b'{"version": 1, "accounts": {"1001": [{"realm": "acd"}]}}',
    b"\xff",
]


@pytest.mark.parametrize("data", CORRUPT)
def test_a_corrupt_file_is_an_error_and_stays_as_it_is(tmp_path, data):
    path = tmp_path / "secrets.json"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(SecretsError, match=r"secrets\.json is corrupt"):
        store_of(tmp_path)
    assert path.read_bytes() == data


def test_corruption_under_a_running_server_leaves_the_known_in_force(tmp_path):
    store = store_of(tmp_path, "one-password")
    store.provide({"1001": None}, "acd")
    (tmp_path / "secrets.json").write_bytes(b"{")
    with pytest.raises(StorageError):
        store.refresh()
    assert store.ha1("1001", "acd", "MD5") == ha1("1001", "acd", "one-password", "MD5")
    assert "secrets.json is corrupt" in store.fault
    (tmp_path / "secrets.json").unlink()
    assert store.ha1("1001", "acd", "MD5") is None
    assert store.fault == ""


def test_a_file_of_a_later_version_is_not_touched(tmp_path):
    path = tmp_path / "secrets.json"
    path.touch(0o600)
    path.write_text(json.dumps({"version": 2, "accounts": {}}))
    with pytest.raises(SecretsError, match="version 2, this server knows version 1"):
        store_of(tmp_path)


def test_a_file_open_to_others_is_refused(tmp_path):
    store_of(tmp_path, "one-password").provide({"1001": None}, "acd")
    (tmp_path / "secrets.json").chmod(0o640)
    with pytest.raises(SecretsError, match="chmod 600"):
        store_of(tmp_path)


def test_a_damaged_list_of_initial_passwords_names_its_line(tmp_path):
    store = store_of(tmp_path, "one-password")
    store.provide({"1001": None}, "acd")
    path = tmp_path / "initial-passwords.txt"
    path.write_text("# head\n1001\n")
    with pytest.raises(SecretsError, match=r"initial-passwords\.txt:2"):
        store.initial_passwords()


def test_passwords_differ_and_can_be_typed():
    made = {new_password() for _ in range(200)}
    assert len(made) == 200
    assert all(
        len(text) == 14 and text.isalnum() and text.islower()
        for text in made
        if not text.isdigit()
    )
