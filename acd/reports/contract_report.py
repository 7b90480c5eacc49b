"""Performance contracts and the basis of pay as reports: scores with the numbers behind each."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from .contract import Contract, Scored, Tier, scored, tier_factor, traffic_index
from .paid_time import PaidRule
from .report import Column, Comparison, Histogram, Report, Unit, Value, Words


class AgentMonth(Struct, frozen=True, kw_only=True):
    """One agent's month: what was measured and entered."""

    month: str
    "YYYY-MM."

    agent: str
    name: str = ""
    team: str = ""
    values: Mapping[str, float | None] = {}
    "By measure's name."


class PayBasis(Struct, frozen=True, kw_only=True):
    """What one agent's month is paid for."""

    month: str
    agent: str
    name: str = ""
    team: str = ""
    answered: int = 0
    "Sales calls among those handled."

    handled: int = 0
    complaints: int = 0
    "Handled calls of class complaint; they do not count towards the traffic index."

    orders: int = 0
    orders_signed: int = 0
    signed_amount: float | None = None
    "Minor units of `currency`."

    currency: str = ""
    score: float | None = None
    "Total of the performance contract."

    contract: str = ""


class Frame(Struct, frozen=True, kw_only=True):
    """The period of a report."""

    from_us: int
    to_us: int
    timezone: str


_WHO = (
    Column(name="month", title=Words("Month", "月份"), unit=Unit.TEXT),
    Column(name="agent", title=Words("Agent", "工号"), unit=Unit.TEXT),
    Column(name="name", title=Words("Name", "姓名"), unit=Unit.TEXT),
    Column(name="team", title=Words("Team", "班组"), unit=Unit.TEXT),
)


def contract_report(
    contract: Contract,
    months: Iterable[AgentMonth],
    known: Mapping[str, Column],
    frame: Frame,
    paid: PaidRule,
) -> Report:
    """Return everybody's scores under a contract, the highest total of a month first.

    `known`: the columns that measured values come from, by measure; what is not among them was
    entered by hand. `paid`: what utilisation was divided by.
    """
    utilised = any(measure.name == "utilisation" for measure in contract.measures)
    rows = [(month, scored(contract, month.values)) for month in months]
    rows.sort(key=lambda row: (row[0].month, -(row[1].total or 0.0), row[0].agent))
    return Report(
        name="contract",
        title=contract.title,
        from_us=frame.from_us,
        to_us=frame.to_us,
        timezone=frame.timezone,
        columns=_contract_columns(contract, known),
        rows=tuple(_contract_row(month, found) for month, found in rows),
        remarks=(*_contract_remarks(contract), *((paid.words,) if utilised else ())),
        definitions={
            "contract": contract.name,
            **(paid.definitions if utilised else {}),
            **{
                measure.name: f"weight {measure.weight:g}, floor {measure.floor:g},"
                f" target {measure.target:g}, cap {measure.cap:g}"
                for measure in contract.measures
            },
        },
        charts=(
            Comparison(title=Words("Total", "总分"), of="agent", y="total"),
            Histogram(title=Words("Totals", "总分分布"), x="total", step=5.0),
        ),
    )


def _contract_columns(contract: Contract, known: Mapping[str, Column]) -> tuple[Column, ...]:
    columns = [
        *_WHO,
        Column(name="total", title=Words("Total", "总分"), unit=Unit.NUMBER),
        Column(name="band", title=Words("Band", "等级"), unit=Unit.TEXT, quiet=True),
        Column(
            name="measured_weight", title=Words("Weight measured", "已测权重"), unit=Unit.NUMBER
        ),
    ]
    for measure in contract.measures:
        source = known.get(measure.name)
        title = source.title if source else Words(measure.name, measure.name)
        columns.append(
            Column(name=measure.name, title=title, unit=source.unit if source else Unit.NUMBER)
        )
        columns.append(
            Column(
                name=f"{measure.name}_score",
                title=Words(f"{title.en}: score", f"{title.zh}得分"),
                unit=Unit.NUMBER,
            )
        )
    return tuple(columns)


def _contract_row(month: AgentMonth, found: Scored) -> tuple[Value, ...]:
    cells: list[Value] = [
        month.month,
        month.agent,
        month.name,
        month.team,
        found.total,
        found.band,
        found.measured_weight,
    ]
    for value, score in zip(found.values, found.scores, strict=True):
        cells += (value, score)
    return tuple(cells)


def _contract_remarks(contract: Contract) -> tuple[Words, ...]:
    lines = "; ".join(
        f"{measure.name} {measure.weight:g} ({measure.floor:g} … {measure.target:g})"
        for measure in contract.measures
    )
    return (
        Words(
            f"weight (floor scoring 0 … target scoring 100): {lines}",
            f"权重（0 分底线 … 100 分目标）：{lines}",
        ),
        Words(
            "total = Σ weight × score / Σ weight of what has a value",
            "总分 = Σ 权重 × 得分 / 有数值的权重之和",
        ),
    )


_PAY_COLUMNS = (
    *_WHO,
    Column(name="answered", title=Words("Sales calls", "销售接听量"), unit=Unit.COUNT),
    Column(name="handled", title=Words("Handled", "处理量"), unit=Unit.COUNT),
    Column(
        name="complaints_handled", title=Words("Complaints handled", "投诉处理量"), unit=Unit.COUNT
    ),
    Column(name="traffic_index", title=Words("Traffic index", "话务量指标"), unit=Unit.RATE),
    Column(name="tier_factor", title=Words("Tier factor", "阶梯系数"), unit=Unit.NUMBER),
    Column(name="orders", title=Words("Orders", "订单"), unit=Unit.COUNT),
    Column(name="orders_signed", title=Words("Orders signed", "签收订单"), unit=Unit.COUNT),
    Column(
        name="signed_amount",
        title=Words("Signed amount", "签收金额"),
        unit=Unit.MONEY,
        currency="currency",
    ),
    Column(name="currency", title=Words("Currency", "币种"), unit=Unit.TEXT, quiet=True),
    Column(name="contract", title=Words("Contract", "业绩合同"), unit=Unit.TEXT, quiet=True),
    Column(name="score", title=Words("Contract total", "合同总分"), unit=Unit.NUMBER, quiet=True),
)


def pay_report(
    months: Iterable[PayBasis], frame: Frame, *, unit_target: float, tiers: Sequence[Tier]
) -> Report:
    """Return what pay is reckoned from, an agent and month per row."""
    ordered = sorted(months, key=lambda month: (month.month, month.team, month.agent))
    target = Words(
        f"traffic index = (handled − complaints handled) / {unit_target:g}"
        if unit_target
        else "no unit target in contracts.yaml (pay.unit_target): no traffic index",
        f"话务量指标 =（处理量 − 投诉处理量）/ {unit_target:g}"
        if unit_target
        else "contracts.yaml 未设 pay.unit_target，不计话务量指标",
    )
    return Report(
        name="pay",
        title=Words("Basis of pay", "计薪依据"),
        from_us=frame.from_us,
        to_us=frame.to_us,
        timezone=frame.timezone,
        columns=_PAY_COLUMNS,
        rows=tuple(_pay_row(month, unit_target, tiers) for month in ordered),
        remarks=(target,),
        definitions={
            "unit_target": f"{unit_target:g}",
            "tiers": ", ".join(f"{tier.start:g}: {tier.factor:g}" for tier in tiers),
        },
    )


def _pay_row(month: PayBasis, unit_target: float, tiers: Sequence[Tier]) -> tuple[Value, ...]:
    index = traffic_index(month.handled, month.complaints, unit_target)
    return (
        month.month,
        month.agent,
        month.name,
        month.team,
        month.answered,
        month.handled,
        month.complaints,
        index,
        tier_factor(tiers, index),
        month.orders,
        month.orders_signed,
        month.signed_amount,
        month.currency,
        month.contract,
        month.score,
    )
