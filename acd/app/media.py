"""Where the sound goes: the media engine's settings from the configuration."""

import os

from acd.config import Config
from acd.net.media_engine import MediaSettings

from .state import StartError
from .transports import ANY_HOSTS

LOOPBACK = "127.0.0.1"


def media_settings(config: Config, sip_host: str | None) -> MediaSettings:
    """Return the settings; `sip_host` is the one that the command line names, if it does.

    Raises StartError where phones could not be told an address to send their sound to.
    """
    media = config.server.media
    bind_host = media.bind_host
    if sip_host and bind_host == LOOPBACK and not media.advertised_host:
        # `--sip 192.0.2.5:5060` is how one tries real phones: their sound must arrive too.
        bind_host = sip_host
    if bind_host in ANY_HOSTS and not media.advertised_host:
        raise StartError(
            "media.advertised_host (and sip.advertised_host) must name this server's address when "
            f"it listens on {bind_host}: phones have to be told where to send; or listen on one "
            "address alone, such as --sip 192.168.1.10:5060"
        )
    return MediaSettings(
        bind_host=bind_host,
        advertised_host=media.advertised_host,
        port_min=media.port_min,
        port_max=media.port_max,
        workers=media.workers or max(1, len(os.sched_getaffinity(0)) - 1),
        prompts_dir=config.prompts_folder,
    )
