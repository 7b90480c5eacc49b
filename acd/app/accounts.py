"""The SIP accounts of a configuration, each with its secret."""

import structlog

from acd.config import Config
from acd.storage.secrets import SecretStore

log = structlog.get_logger(__name__)


def provide_secrets(config: Config, store: SecretStore) -> dict[str, str]:
    """Have a secret for every account; return the passwords that were made and not changed."""
    accounts: dict[str, str | None] = dict.fromkeys(
        [agent.account for agent in config.agent_profiles()] + [*config.agents.desk_phones]
    )
    passwords, elsewhere = store.provide(accounts | config.passwords(), config.server.sip.realm)
    if elsewhere:
        log.warning("secrets_of_another_realm", accounts=elsewhere)
    return passwords
