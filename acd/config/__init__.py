"""The configuration folder: server, numbers, queues, agents, trunks, reasons, blacklist and more.

`load_config` reads and checks it as a whole; `Config` gives each room its settings.
"""

from .agents import AgentSettings
from .config import Config, ConfigError
from .load import load_config
from .values import Address, parse_address

__all__ = ["Address", "AgentSettings", "Config", "ConfigError", "load_config", "parse_address"]
