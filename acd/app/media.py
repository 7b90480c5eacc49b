"""Where the sound goes: the media engine's settings from the configuration."""

import os

from acd.config import Config
from acd.net.media_engine import MediaSettings

LOOPBACK = "127.0.0.1"


def media_settings(config: Config, sip_host: str | None) -> MediaSettings:
    """Return the settings; `sip_host` is the one that the command line names, if it does."""
    media = config.server.media
    bind_host = media.bind_host
    if sip_host and bind_host == LOOPBACK and not media.advertised_host:
        # `--sip 192.0.2.5:5060` is how one tries real phones: their sound must arrive too.
        bind_host = sip_host
    return MediaSettings(
        bind_host=bind_host,
        advertised_host=media.advertised_host,
        port_min=media.port_min,
        port_max=media.port_max,
        workers=media.workers or max(1, (os.cpu_count() or 2) - 1),
        prompts_dir=config.prompts_folder,
    )
