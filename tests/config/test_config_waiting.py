"""What queues.yaml says of waiting: read as meant, or refused with the line."""

from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from zoneinfo import ZoneInfo

import pytest

from acd.config import ConfigError, load_config
from acd.routing.waiting_rules import EmptyRule, Exit, First

ROOT = Path(__file__).parents[2]

QUEUES = """\
queues:
  sales:
    skill: sales
    position_every_s: 30
    waiting:
      announce_wait: true
      prompts: [queue_wait, music/default]
      prompts_every_s: 45
      exits: {"9": {flow: hotline}, "*": {back: true}}
      refuse_when_empty: logged_out
      leave_when_empty: away
      return_within_s: 600
    callback:
      {first: customer, attempts: 2, may_call: local, hours: {weekly: {mon-fri: ["09:00-18:00"]}}}
    closure: {reason: flood, prompt: queue_closed}
  service:
    skill: service
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copytree(ROOT / "ivr_flows", tmp_path / "ivr_flows")
    return Path(copytree(ROOT / "config", tmp_path / "config"))


def test_the_rules_are_read_as_written(folder: Path) -> None:
    (folder / "queues.yaml").write_text(QUEUES)
    sales, service = load_config(folder).queue_profiles()
    rules = sales.waiting
    assert rules.announce_wait
    assert (rules.prompts, rules.prompts_every_s) == (("queue_wait", "music/default"), 45)
    assert rules.exits == {"9": Exit(flow="hotline"), "*": Exit(back=True)}
    assert rules.refuse_when_empty is EmptyRule.LOGGED_OUT
    assert rules.leave_when_empty is EmptyRule.AWAY
    assert (rules.closed, rules.closed_prompt) == ("flood", "queue_closed")
    assert rules.return_within_s == 600
    assert rules.callback is not None
    assert (rules.callback.first, rules.callback.attempts) == (First.CUSTOMER, 2)
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert rules.callback.hours.is_open(monday)
    assert not rules.callback.hours.is_open(monday - timedelta(minutes=1))
    assert not rules.callback.hours.is_open(monday - timedelta(days=1))
    assert service.waiting.closed == ""
    assert service.waiting.callback is None


def test_a_key_to_a_call_back_needs_one(folder: Path) -> None:
    text = QUEUES.replace("{back: true}", "{callback: true}")
    (folder / "queues.yaml").write_text(text)
    load_config(folder)
    (folder / "queues.yaml").write_text(text.replace("    callback:\n      {", "    # {"))
    with pytest.raises(ConfigError, match="the queue has none"):
        load_config(folder)


def test_one_word_closes_all(folder: Path) -> None:
    (folder / "queues.yaml").write_text(QUEUES + "closed: typhoon\n")
    assert {queue.waiting.closed for queue in load_config(folder).queue_profiles()} == {"typhoon"}


@pytest.mark.parametrize(
    ("wrong", "line", "said"),
    [
        (('"9": {flow: hotline}', '"9": {flow: hotlin}'), 9, "no flow 'hotlin'"),
        (('"9": {flow: hotline}', '"9": {}'), 9, "exactly one target"),
        (('"9": {flow: hotline}', '"9": {flow: hotline, back: true}'), 9, "exactly one target"),
        (('"9": {flow: hotline}', "A: {flow: hotline}"), 9, ""),
        (("[queue_wait, music/default]", "[queue_wiat]"), 7, "no sound file"),
        (("[queue_wait, music/default]", "[music/none]"), 7, "no sound file"),
        (("prompts_every_s: 45", "prompts_every_s: 2"), 5, "belong together"),
        (("    position_every_s: 30\n", ""), 2, "announce_wait needs a pause"),
        (("refuse_when_empty: logged_out", "refuse_when_empty: loose"), 10, ""),
        (("09:00-18:00", "9-18"), 14, "'9-18' is no span of time"),
        (("mon-fri", "mo-fr"), 14, "unknown day"),
        (("may_call: local", "may_call: everywhere"), 14, ""),
        (("prompt: queue_closed", "prompt: closd"), 15, "no sound file"),
        (("prompt: queue_closed", "flow: nowhere"), 15, "no flow 'nowhere'"),
        (("prompt: queue_closed", "flow: hotline, prompt: closed"), 15, "one way on"),
    ],
)
def test_mistakes_are_told_with_their_line(
    folder: Path, wrong: tuple[str, str], line: int, said: str
) -> None:
    assert wrong[0] in QUEUES
    (folder / "queues.yaml").write_text(QUEUES.replace(*wrong))
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    faults = [str(fault) for fault in caught.value.faults if "queues.yaml" in str(fault)]
    assert any(f"queues.yaml:{line}:" in fault and said in fault for fault in faults), faults
