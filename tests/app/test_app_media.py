"""Where the sound goes, by the configuration and the command line."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from acd.app.media import media_settings
from acd.app.state import StartError
from acd.config import Config, load_config

STOCK = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(STOCK)


def with_media(config: Config, **media: object) -> Config:
    changed = config.server.media.model_copy(update=media)
    return replace(config, server=config.server.model_copy(update={"media": changed}))


def test_sound_follows_the_address_of_the_command_line(config: Config) -> None:
    assert media_settings(config, None).bind_host == "127.0.0.1"
    assert media_settings(config, "192.0.2.5").bind_host == "192.0.2.5"
    elsewhere = with_media(config, bind_host="192.0.2.9")
    assert media_settings(elsewhere, "192.0.2.5").bind_host == "192.0.2.9"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_are_none_to_send_to_and_the_setting_is_named(
    config: Config, host: str
) -> None:
    with pytest.raises(StartError, match=r"media\.advertised_host .*sip\.advertised_host"):
        media_settings(config, host)
    told = with_media(config, bind_host=host, advertised_host="203.0.113.7")
    assert media_settings(told, host).advertised_host == "203.0.113.7"


def test_a_core_is_left_to_signalling(config: Config) -> None:
    assert media_settings(config, None).workers == max(1, len(os.sched_getaffinity(0)) - 1)
    assert media_settings(with_media(config, workers=3), None).workers == 3
