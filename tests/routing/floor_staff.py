"""A small call centre that knows most of what can be configured: for sequences of inputs."""

from msgspec.structs import replace

from acd.routing.model import AgentProfile, AgentRules, Grade, LayerProfile, QueueProfile

LAYERS = (
    LayerProfile(name="best", order="conversion", minimum_grade=Grade.A),
    LayerProfile(
        name="experts", order="category_grade", minimum_category_grade=Grade.B, after_s=4.0
    ),
    LayerProfile(
        name="borrowed",
        order="round_robin",
        skills=("service",),
        after_s=9.0,
        lower_by=1,
        waives=("language",),
    ),
    LayerProfile(name="lastly", order="fewest_calls", after_s=15.0, waives=("skills", "region")),
)
SALES = QueueProfile(
    name="sales",
    skill="sales",
    layers=LAYERS,
    max_wait_s=40.0,
    max_length=6,
    wrap_up_s=5.0,
    position_every_s=7.0,
    hold_out=0.3,
    ageing_s=8.0,
)
SERVICE = QueueProfile(
    name="service",
    skill="service",
    layers=(LayerProfile(name="all", order="longest_idle"),),
    priority=1,
    starvation_s=20.0,
    wrap_up_s=0.0,
    ring_timeout_s=8.0,
    maximum_share=0.0015,
    occupancy_cap=0.001,
)
TEAM = QueueProfile(
    name="team",
    skill="service",
    layers=(
        LayerProfile(
            name="next",
            order="category_grade",
            skills=("service", "sales"),
            ring="progressively",
            minimum_grade=Grade.B,
        ),
        LayerProfile(
            name="everybody",
            order="longest_idle",
            skills=("service", "sales"),
            ring="all",
            after_s=6.0,
        ),
    ),
    ring_at_most=3,
    ring_step_s=3.0,
    ring_timeout_s=8.0,
    max_wait_s=25.0,
    wrap_up_s=2.0,
)
CREW = QueueProfile(
    name="crew",
    skill="sales",
    layers=(LayerProfile(name="all", ring="all", skills=("service", "sales")),),
    ring_at_most=4,
    ring_timeout_s=6.0,
    wrap_up_s=0.0,
    priority=1,
)
ONE_BY_ONE = replace(TEAM, layers=(replace(TEAM.layers[1], ring="one"),), ring_at_most=2)


def profile(number, skills, categories=None, rank=None, languages=(), regions=()):
    return AgentProfile(
        number=number,
        name=number,
        account=f"sip{number}",
        skills=skills,
        categories=categories or {},
        rank=rank or {},
        languages=languages,
        regions=regions,
    )


AGENTS = (
    profile("1", {"sales": Grade.AAA}, rank={"sales": 0.4}, languages=("yue",)),
    profile("2", {"sales": Grade.A}, {"tv": Grade.AA}, regions=("south",)),
    profile("3", {"sales": Grade.C}, {"tv": Grade.B}),
    profile("4", {"service": Grade.B}),
    profile(
        "5",
        {"sales": Grade.B, "service": Grade.A},
        {"pans": Grade.A},
        languages=("yue",),
        regions=("south",),
    ),
)
CONFIGURATIONS = (
    (AGENTS, (SALES, SERVICE, TEAM, CREW)),
    (AGENTS[1:], (SALES, SERVICE, TEAM, CREW)),
    (AGENTS, (SERVICE,)),
    (AGENTS, (SALES, CREW, ONE_BY_ONE)),
    ((profile("1", {"service": Grade.C}), *AGENTS[2:]), (SERVICE, SALES, TEAM)),
)

RULES = AgentRules(away_limits_s={"lunch": 7.0}, cool_down_s=6.0)
PREFERRED_WAIT_S = 10.0
"As queues have it that say nothing."
