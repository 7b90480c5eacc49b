"""What queues.yaml says of waiting: read as meant, or refused with the line."""

from pathlib import Path
from shutil import copytree

import pytest

from acd.config import ConfigError, load_config
from acd.routing.waiting_rules import EmptyRule, Exit

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
    assert service.waiting.closed == ""


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
        (("prompt: queue_closed", "prompt: closd"), 12, "no sound file"),
        (("prompt: queue_closed", "flow: nowhere"), 12, "no flow 'nowhere'"),
        (("prompt: queue_closed", "flow: hotline, prompt: closed"), 12, "one way on"),
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
