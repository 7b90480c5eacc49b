"""Tables of the house: agents, closures, audit. A row's key is that of its journal record."""

from acd.calls import cdr_rows as cdr

from .table import Table

HOUSE_TABLES = (
    Table(
        "closures",
        cdr.Closure,
        4,
        "started_at node boot seq project queue closed reason changed_by",
    ),
    Table(
        "agent_status_intervals",
        cdr.AgentStatusInterval,
        4,
        (
            "started_at=began_us node boot seq project agent status reason changed_by"
            " started_mono_s=began_mono_s ended_at duration_s closed_by"
        ),
    ),
    Table(
        "agent_state_intervals",
        cdr.AgentStateInterval,
        4,
        (
            "started_at=began_us node boot seq project agent state queue interaction"
            " started_mono_s=began_mono_s ended_at duration_s closed_by"
        ),
    ),
    Table(
        "agent_profiles",
        cdr.AgentProfileRow,
        4,
        "started_at node boot seq project agent name team leader skills groups configured",
    ),
    Table(
        "audit",
        cdr.AuditEntry,
        4,
        (
            "started_at node boot seq project changed_by role action subject"
            " value_before=before value_after=after why"
        ),
    ),
)
