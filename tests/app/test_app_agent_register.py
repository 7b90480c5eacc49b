"""What was told of agents is known over a restart."""

from pathlib import Path

import pytest

from acd.app.agent_register import FILE_NAME, AgentRegister
from acd.calls.events import AgentDescribed
from acd.calls.journal import Record

WANG = AgentDescribed(agent="1001", team="销售一组", skills={"sales": "AAA"}, groups=("mobile",))
LI = AgentDescribed(agent="1002", team="销售二组")


def tell(register: AgentRegister, *described: AgentDescribed) -> None:
    for one in described:
        register(Record("n", "b", 1, 0, 0.0, one))


@pytest.mark.asyncio
async def test_nobody_is_told_twice_over_a_restart(tmp_path: Path) -> None:
    register = AgentRegister(tmp_path)
    assert register.changes([WANG, LI]) == [WANG, LI]
    tell(register, WANG, LI)
    await register.save()
    again = AgentRegister(tmp_path)
    moved = AgentDescribed(agent="1002", team="销售一组")
    assert again.changes([WANG, moved]) == [moved]
    tell(again, moved)
    await again.save()
    assert AgentRegister(tmp_path).changes([WANG, moved]) == []


@pytest.mark.asyncio
async def test_a_damaged_file_has_all_told_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('[{"agent": 7}]')
    assert AgentRegister(tmp_path).changes([WANG]) == [WANG]
