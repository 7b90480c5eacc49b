"""Write the dashboards, in Chinese and in English, as Grafana reads them.

    .venv/bin/python deploy/grafana/generate.py [--zone Asia/Shanghai] [--to FOLDER]

Those in deploy/grafana/dashboards are for a centre in China; elsewhere, write your own with
--zone.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import managers
import operations
from panels import Json, dashboard

LOCALES = ("zh", "en")
HERE = Path(__file__).parent


def main(argv: Sequence[str] | None = None) -> int:
    """Write what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the dashboards for Grafana.")
    parser.add_argument("--zone", default="Asia/Shanghai", help="centre.timezone of server.yaml")
    parser.add_argument("--to", type=Path, default=HERE / "dashboards", help="folder")
    arguments = parser.parse_args(argv)
    try:
        ZoneInfo(arguments.zone)
    except (ZoneInfoNotFoundError, ValueError):
        sys.stderr.write(f"--zone {arguments.zone}: no time zone; one like Asia/Shanghai\n")
        return 2
    for locale in LOCALES:
        folder = arguments.to / locale
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in dashboards(locale, arguments.zone).items():
            text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
    return 0


def dashboards(locale: str, zone: str) -> dict[str, Json]:
    """Return the dashboards of one language by file name."""
    return {
        "operations.json": dashboard(
            uid="acd-operations",
            title=operations.TITLE,
            locale=locale,
            zone=zone,
            rows=operations.ROWS,
            variables=operations.variables(locale),
            period=("now-3h", "now"),
            refresh="15s",
        ),
        "managers.json": dashboard(
            uid="acd-managers",
            title=managers.TITLE,
            locale=locale,
            zone=zone,
            rows=managers.ROWS,
            variables=managers.variables(locale, zone),
            period=("now-6d/d", "now/d"),
            refresh="5m",
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
