"""contracts.yaml: performance contracts (业绩合同) and what pay is reckoned from (计薪依据)."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from acd.reports import contract as pure
from acd.reports.measured import MEASURED
from acd.reports.paid_time import PaidRule, PaidSource
from acd.reports.report import Words

from .values import Identifier, Section, fault

FULL_WEIGHT = 100.0
ROUNDING = 1e-6
"Weights such as 33.3 + 33.3 + 33.4."


def _rising(starts: list[float], what: str) -> None:
    if any(first >= second for first, second in pairwise(starts)):
        raise fault(f"{what} do not rise", "each one from a higher value than the one before")


class MeasureSettings(Section):
    """One line of a contract: what is measured, how much it weighs, and what is asked for."""

    measure: Identifier
    """What is measured, by the name in the reports: `csat`, `csat_response_rate`, `service_level`,
    `answer_rate`, `aht_s`, `occupancy`, `utilisation`, `conversion_rate`, `cancel_rate`,
    `repeat_rate`, `first_contact_resolution_rate`, `traffic_index`, `handled`, `orders` and others
    that the fault's message lists; or, with `entered`, a name of your own."""

    weight: Annotated[float, Field(gt=0, le=100)]
    "Its part of the total; all weights of a contract sum up to 100."

    floor: float
    "Value that scores 0. Above the target where less is better. Rates are fractions."

    target: float
    "Value that scores 100."

    cap: Annotated[float, Field(ge=100, le=200)] = 100.0
    "Highest score, for what is beyond the target."

    entered: bool = False
    "Its values are entered by hand, in contract_values.csv: staff satisfaction, cost per call …"

    @model_validator(mode="after")
    def _is_measurable(self) -> Self:
        if self.floor == self.target:
            raise fault("floor and target are equal", "a floor that scores 0, another target")
        if not self.entered and self.measure not in MEASURED:
            raise fault(
                f"{self.measure} is measured nowhere",
                f"one of {', '.join(sorted(MEASURED))}; or entered: true",
            )
        return self


class BandSettings(Section):
    """What a total from here on is called (考核等级)."""

    start: Annotated[float, Field(ge=0, le=200, alias="from")]
    "Lowest total."

    name: str
    "Shown to people."


class ContractSettings(Section):
    """One contract."""

    title: str = ""
    "Shown to people; empty: its name."

    title_en: str = ""
    "The same in English; empty: as `title`."

    teams: tuple[str, ...] = ()
    "Whose contract it is; empty: all agents'."

    measures: Annotated[tuple[MeasureSettings, ...], Field(min_length=1)]
    "Its lines."

    bands: tuple[BandSettings, ...] = ()
    "Grades of the total, from low to high."

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(line.weight for line in self.measures)
        if abs(total - FULL_WEIGHT) > ROUNDING:
            raise fault(f"the weights sum up to {total:g}", "weights that sum up to 100")
        names = [line.measure for line in self.measures]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise fault(f"{twice[0]} stands there twice", "each measure once")
        _rising([band.start for band in self.bands], "bands")
        return self

    def contract(self, name: str) -> pure.Contract:
        """Return it as the reports take it."""
        title = self.title or name
        return pure.Contract(
            name=name,
            title=Words(self.title_en or title, title),
            teams=frozenset(self.teams),
            measures=tuple(
                pure.Measure(
                    name=line.measure,
                    weight=line.weight,
                    floor=line.floor,
                    target=line.target,
                    cap=line.cap,
                )
                for line in self.measures
            ),
            bands=tuple(pure.Band(start=band.start, name=band.name) for band in self.bands),
        )


class TierSettings(Section):
    """From which traffic index on pay is multiplied by which factor (阶梯)."""

    start: Annotated[float, Field(ge=0, le=100, alias="from")]
    "Traffic index; 1 is the unit target."

    factor: Annotated[float, Field(ge=0, le=100)]
    "What pay per call is multiplied by."


class PaySettings(Section):
    """What pay is reckoned from."""

    unit_target: Annotated[float, Field(ge=0)] = 0.0
    "Calls that an agent is to handle in a month (单位话务量指标); 0: none, and no traffic index."

    tiers: tuple[TierSettings, ...] = ()
    "From low to high; the highest that was reached counts."

    paid_time: Literal["logged_in", "shifts", "timesheet"] = "logged_in"
    """What utilisation (人工利用率) is divided by (付薪时长): the time logged in; the time planned
    in shifts.csv; or what timesheet.csv says, head `agent,day,from,to`, from the time clock."""

    unpaid_away: tuple[Identifier, ...] = ()
    """Away reasons that are not paid, such as meal: taken off the time logged in, or off the plan
    where it has them. A timesheet has left them out already."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        _rising([tier.start for tier in self.tiers], "tiers")
        twice = sorted({code for code in self.unpaid_away if self.unpaid_away.count(code) > 1})
        if twice:
            raise fault(f"unpaid_away: {twice[0]} stands there twice", "each reason once")
        return self

    def paid_rule(self) -> PaidRule:
        """Return what counts as paid, as the reports take it."""
        return PaidRule(source=PaidSource(self.paid_time), unpaid_away=self.unpaid_away)

    def pay_tiers(self) -> tuple[pure.Tier, ...]:
        """Return the tiers as the reports take them."""
        return tuple(pure.Tier(start=tier.start, factor=tier.factor) for tier in self.tiers)


class Contracts(Section):
    """Performance contracts of agents by the month, and what pay is reckoned from."""

    contracts: dict[Identifier, ContractSettings] = Field(default_factory=dict)
    "Contracts by name."

    pay: PaySettings = Field(default_factory=PaySettings)
    "What pay is reckoned from."


def entered_measures(contracts: Contracts) -> frozenset[str]:
    """Return the names of all measures whose values are entered by hand."""
    return frozenset(
        line.measure
        for contract in contracts.contracts.values()
        for line in contract.measures
        if line.entered
    )
