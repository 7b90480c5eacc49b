"""Reading the configuration folder: every mistake of every file, at once."""

from pathlib import Path

from acd.ivr.document import Fault

from .checks import faults_between, warnings_about
from .config import Config, ConfigError
from .contract_values import read_contract_values
from .contracts import entered_measures
from .reports import read_mail_password
from .sources import read_sources
from .trunk_secrets import read_passwords


def load_config(folder: Path) -> Config:
    """Return the checked configuration of this folder.

    Raises:
        ConfigError: with all faults of all files, each with file, line and what would be right.

    """
    if not folder.is_dir():
        raise ConfigError(
            (
                Fault(
                    str(folder), 1, 1, "", "no such configuration folder", "--config DIR names it"
                ),
            )
        )
    sources = read_sources(folder)
    trunks = sources.trunks.model
    passwords, missing = (
        read_passwords(folder, sources.trunks.document, trunks) if trunks else ({}, [])
    )
    contracts = sources.contracts.model
    values, wrong = read_contract_values(folder, entered_measures(contracts) if contracts else ())
    reports = sources.reports.model
    mail_password, no_mail = (
        read_mail_password(folder, sources.reports.document, reports) if reports else ("", [])
    )
    faults = (*sources.faults, *faults_between(sources), *missing, *wrong, *no_mail)
    server, numbers, queues = sources.server.model, sources.numbers.model, sources.queues.model
    agents, reasons = sources.agents.model, sources.reasons.model
    blacklist = sources.blacklist.model
    if faults or not (
        server
        and numbers
        and queues
        and agents
        and reasons
        and blacklist
        and trunks
        and contracts
        and reports
    ):
        raise ConfigError(tuple(sorted(faults, key=lambda fault: (fault.file, fault.line))))
    return Config(
        folder=folder,
        server=server,
        numbers=numbers,
        queues=queues,
        agents=agents,
        reasons=reasons,
        blacklist=blacklist,
        trunks=trunks,
        contracts=contracts,
        contract_values=values,
        reports=reports,
        mail_password=mail_password,
        trunk_passwords=passwords,
        warnings=tuple(warnings_about(sources)),
    )
