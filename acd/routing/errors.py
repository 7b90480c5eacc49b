"""What goes wrong in routing. Everything raised here is a mistake of the caller, not of a peer."""


class RoutingError(Exception):
    """Root of this package's errors."""


class ConfigurationError(RoutingError):
    """Agents or queues that cannot be used; `faults` names every one, and nothing was changed."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class UnknownGroupError(RoutingError):
    """No such queue, or none of its layers names this group."""

    def __init__(self, queue: str, group: str) -> None:
        super().__init__(f"no layer of queue {queue!r} names the group {group!r}")


class UnknownAgentError(RoutingError):
    """No agent of this number is configured."""

    def __init__(self, agent: str) -> None:
        super().__init__(f"no agent {agent!r} is configured")
        self.agent = agent
