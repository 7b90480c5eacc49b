"""Reloads: configuration and flows together or not at all, and no file that ends the server."""

import shutil
from pathlib import Path

import pytest
import structlog
import yaml

from acd.app.reload import Reloader, flow_context, read_flow_files
from acd.config import Config, load_config
from acd.ivr.book import FlowBook, load_flows

ROOT = Path(__file__).parents[2]


class Site:
    """A copy of the stock configuration and flows, under a reloader."""

    def __init__(self, folder: Path) -> None:
        self.config, self.flows = folder / "config", folder / "ivr_flows"
        shutil.copytree(ROOT / "config", self.config)
        shutil.copytree(ROOT / "ivr_flows", self.flows, ignore=shutil.ignore_patterns("prompts"))
        (self.flows / "prompts").symlink_to(ROOT / "ivr_flows" / "prompts")
        config = load_config(self.config)
        book = load_flows(read_flow_files(config.flows_folder), flow_context(config))
        self.configs: list[Config] = []
        self.books: list[FlowBook] = []
        self.outcomes: list[bool] = []
        self.refuses: Exception | None = None
        self.reloader = Reloader(
            config,
            book,
            on_config=self.on_config,
            on_flows=self.books.append,
            on_outcome=lambda ok: self.outcomes.append(ok),
        )

    def on_config(self, config: Config) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.configs.append(config)

    def edit(self, name: str, *path: str | int, value: object) -> None:
        file = self.config / name
        content = yaml.safe_load(file.read_text())
        place = content
        for key in path[:-1]:
            place = place[key]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))

    def faults(self) -> str:
        return "\n".join(map(str, self.reloader.faults))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.asyncio
async def test_nothing_changed(site: Site) -> None:
    await site.reloader.look()
    assert (site.configs, site.books, site.outcomes) == ([], [], [True])


@pytest.mark.asyncio
async def test_a_changed_agent_applies_at_once(site: Site) -> None:
    site.edit("agents.yaml", "agents", 0, "name", value="Somebody Else")
    await site.reloader.look()
    [config] = site.configs
    assert config.agent_profiles()[0].name == "Somebody Else"
    assert site.reloader.config is config
    assert site.books == []


@pytest.mark.asyncio
async def test_a_broken_file_keeps_the_old_and_says_where(site: Site) -> None:
    former = site.reloader.config
    (site.config / "queues.yaml").write_text("queues: {sales: [}")
    await site.reloader.look()
    assert site.configs == []
    assert site.reloader.config is former
    assert "queues.yaml:1" in site.faults()
    assert site.outcomes == [False]


@pytest.mark.asyncio
async def test_a_file_that_is_mended_is_told_once(site: Site) -> None:
    hotline = site.flows / "hotline.yaml"
    good = hotline.read_text()
    hotline.write_text("flow: hotline\nstart: nowhere\n")
    await site.reloader.look()
    hotline.write_text(good)
    with structlog.testing.capture_logs() as lines:
        await site.reloader.look()
        await site.reloader.look()
    assert [line["event"] for line in lines] == ["reload_good_again"]
    assert site.faults() == ""


@pytest.mark.asyncio
async def test_a_broken_flow_does_not_hold_up_the_configuration(site: Site) -> None:
    (site.flows / "hotline.yaml").write_text("flow: hotline\nstart: nowhere\n")
    site.edit("agents.yaml", "agents", 0, "name", value="Somebody Else")
    await site.reloader.look()
    assert len(site.configs) == 1
    assert "hotline.yaml" in site.faults()
    assert site.books == []


@pytest.mark.asyncio
async def test_a_queue_that_a_flow_leads_to_is_not_taken_away(site: Site) -> None:
    queues = site.config / "queues.yaml"
    content = yaml.safe_load(queues.read_text())
    del content["queues"]["service"]
    for settings in content["queues"].values():
        settings.pop("overflow", None)
    queues.write_text(yaml.safe_dump(content, allow_unicode=True))
    numbers = yaml.safe_load((site.config / "numbers.yaml").read_text())
    numbers["numbers"] = {
        number: to for number, to in numbers["numbers"].items() if to != {"queue": "service"}
    }
    (site.config / "numbers.yaml").write_text(yaml.safe_dump(numbers, allow_unicode=True))
    former = site.reloader.config
    await site.reloader.look()
    assert site.configs == []
    assert site.reloader.config is former
    assert "service" in site.faults()
    assert "hotline.yaml" in site.faults()


@pytest.mark.asyncio
async def test_a_configuration_that_is_refused_inside_leaves_all_as_it_was(site: Site) -> None:
    site.refuses = RuntimeError("the disk is full")
    former = site.reloader.config
    site.edit("agents.yaml", "agents", 0, "name", value="Somebody Else")
    await site.reloader.look()
    assert site.reloader.config is former
    assert "the disk is full" in site.faults()
    # Once it can be taken, the next look does.
    site.refuses = None
    await site.reloader.look()
    assert len(site.configs) == 1
    assert site.faults() == ""


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_read(site: Site) -> None:
    (site.flows / "locked.yaml").mkdir()
    await site.reloader.look()
    assert "locked.yaml" in site.faults()
    assert site.outcomes == [False]


@pytest.mark.asyncio
async def test_settings_of_the_start_stay_and_the_log_says_so(site: Site) -> None:
    site.edit("server.yaml", "drain_s", value=77)
    with structlog.testing.capture_logs() as logs:
        await site.reloader.look()
    assert site.reloader.config.server.drain_s != 77
    assert "restart_needed" in {line["event"] for line in logs}
