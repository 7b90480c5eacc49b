"""The token file."""

import pytest

from acd.web.token import TokenError, load_or_create_token, read_token


def test_the_first_start_makes_a_long_token_that_only_the_owner_can_read(tmp_path):
    token = load_or_create_token(tmp_path)

    path = tmp_path / "api-token"
    assert len(token) >= 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() == token
    assert list(tmp_path.iterdir()) == [path]


def test_later_starts_keep_it(tmp_path):
    assert load_or_create_token(tmp_path) == load_or_create_token(tmp_path)
    assert read_token(tmp_path) == load_or_create_token(tmp_path)


def test_two_servers_have_different_tokens(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert load_or_create_token(tmp_path / "a") != load_or_create_token(tmp_path / "b")


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path):
    path = tmp_path / "api-token"
    path.write_text("a-token-of-my-own-making\n")
    path.chmod(0o644)

    assert load_or_create_token(tmp_path) == "a-token-of-my-own-making"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"short", b"two words, no token", b"\xff" * 40])
def test_a_file_without_a_token_is_not_used(tmp_path, content):
    (tmp_path / "api-token").write_bytes(content)

    with pytest.raises(TokenError, match="holds no token"):
        load_or_create_token(tmp_path)


def test_a_missing_folder_is_said_in_one_line(tmp_path):
    with pytest.raises(TokenError, match=r"api-token: No such file"):
        load_or_create_token(tmp_path / "missing")
    with pytest.raises(TokenError, match=r"api-token: No such file"):
        read_token(tmp_path)
