"""Commands of the floor, as the web gives them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from acd.app.handled_calls import HandledCalls
from acd.app.views import Floor
from acd.calls.desk import Disposition
from acd.calls.effects import Effects
from acd.calls.events import CommandAudited, DispositionEntered
from acd.calls.journal import Record
from acd.config.reasons import Reasons
from acd.web.access import Actor, Role
from acd.web.bodies import Disposition as Body

INQUIRY, ORDER = Body.model_validate({"class": "inquiry"}), Body.model_validate({"class": "order"})


class Centre:
    """Agent 1001 took the call C last."""

    def dispose(self, agent: str, disposition: Disposition, *, interaction: str) -> Effects:
        return [disposition.told("C", agent, "sales")]


@pytest.mark.parametrize(
    ("actor", "by"),
    [(Actor("wang", Role.AGENT, "1001"), ""), (Actor("li", Role.SUPERVISOR), "li")],
)
def test_who_classes_a_call_in_the_agents_place_is_on_record(actor: Actor, by: str) -> None:
    told: list[Any] = []
    nothing = cast("Any", SimpleNamespace())
    calls = HandledCalls(nothing, handlings=nothing, orders=nothing, wall_s=lambda: 0.0)

    def carry_out(effects: Effects) -> None:
        told.extend(effects)
        for event in effects:
            if isinstance(event, DispositionEntered):
                calls(Record("n", "b", 1, 0, 0.0, event))

    floor = Floor(
        cast("Any", Centre()),
        nothing,
        carry_out=carry_out,
        now=lambda: 0.0,
        config=lambda: cast("Any", SimpleNamespace(reasons=Reasons())),
        assignments=nothing,
        calls_handled=calls,
    )
    floor.dispose("1001", None, INQUIRY, Actor("wang", Role.AGENT, "1001"))
    told.clear()
    floor.dispose("1001", None, ORDER, actor)
    entered, *audited = told
    assert (entered.call_class, entered.by) == ("order", by)
    assert audited == (
        [
            CommandAudited(
                by="li",
                role="supervisor",
                action="disposition",
                subject="C 1001",
                before="inquiry",
                after="order",
            )
        ]
        if by
        else []
    )
