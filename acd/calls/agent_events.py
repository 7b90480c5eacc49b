"""What happened to agents and at their desks. Part of the one stream: named from `events`."""

from msgspec import field

from .stored_event import StoredEvent


class AgentDescribed(StoredEvent, frozen=True, kw_only=True):
    """Who an agent is from now on: at the first start, and whenever something of it changed."""

    agent: str
    name: str = ""
    project: str = "main"
    "Business line or outsourcing client that the agent works for."

    team: str = ""
    leader: str = ""
    "Who leads the team (组长)."

    skills: dict[str, str] = field(default_factory=dict)
    "Skill: grade (C B A AA AAA), those of an assignment in place of the configured ones."

    groups: tuple[str, ...] = ()
    configured: bool = True
    "False: taken out of the configuration; the rest is what was known last."


class AgentStatusChanged(StoredEvent, frozen=True, kw_only=True):
    """Status track: ends the agent's open status interval and begins the next."""

    agent: str
    status: str
    reason: str = ""
    by: str = "agent"
    '"agent", "system", or the name of whoever else changed it.'

    note: str = ""
    "Why, in the words of whoever changed it for the agent."


class LogInRefused(StoredEvent, frozen=True, kw_only=True):
    """An agent may not log in: an exam is due, a certificate is missing."""

    agent: str
    reason: str
    "As whoever keeps the certificates names it."


class AwayLimitExceeded(StoredEvent, frozen=True, kw_only=True):
    """An agent is away for longer than the reason's limit. Once for each time away."""

    agent: str
    reason: str
    limit_s: float


class CallMarked(StoredEvent, frozen=True, kw_only=True):
    """An agent's last call was upsetting: a cool-down follows it."""

    interaction: str
    agent: str
    mark: str = "upsetting"
    by: str = "agent"
    '"agent", or the name of whoever marked it for the agent.'


class CommandAudited(StoredEvent, frozen=True, kw_only=True):
    """Somebody changed something by the HTTP interface, or told what became of a call."""

    by: str
    "Name of the token; `import` for a file of orders that was read without a server."

    role: str
    "Value of `acd.web.access.Role`."

    action: str
    """A closed set: "status", "free_up", "cool_down", "extend_wrap_up", "end_wrap_up", "assign",
    "unassign", "move_call", "priority", "group", "disposition", "order", "csat", "matter"."""

    subject: str
    """Agent number, the interaction, or queue/group. Of what is told: order, interaction and
    agent, or interaction and question or ticket, with blanks between."""

    before: str = ""
    after: str = ""
    why: str = ""
    "In their own words."


class DeskTaken(StoredEvent, frozen=True, kw_only=True):
    """An agent logged in at a desk phone: calls ring there from now on."""

    agent: str
    account: str
    "The desk phone's."


class DeskLeft(StoredEvent, frozen=True, kw_only=True):
    """An agent is no longer at a desk phone."""

    agent: str
    account: str


class AgentStateChanged(StoredEvent, frozen=True, kw_only=True):
    """State track: ends the agent's open state interval and begins the next."""

    agent: str
    state: str
    queue: str = ""
    interaction: str = ""


class DevicesChanged(StoredEvent, frozen=True, kw_only=True):
    """An account's devices that can be rung are now these contact URIs."""

    account: str
    contacts: tuple[str, ...] = ()

    cause: str = ""
    "Value of `acd.sip.events.ContactsCause`."
