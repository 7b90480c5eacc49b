"""Draw the results of `rank_study.py` into docs/pictures.

.venv/bin/python tests/simulation/rank_charts.py RESULTS.json
"""

import argparse
import json
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

import altair as alt
import vl_convert
from rank_study import LOADS, LONGEST_IDLE, PRICED, RANK, lifts

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
FONT = "DejaVu Sans"


def gains(results: list[dict]) -> alt.LayerChart:
    """Draw the mean gain per load, with its interval of 95 % over the populations."""
    rows = []
    for load in LOADS:
        for way in (RANK, "rank and pairing"):
            found = lifts(results, load, way)
            if len(found) > 1:
                half = 1.96 * stdev(found) / sqrt(len(found))
                middle = mean(found)
                rows.append(
                    {
                        "load": f"{load:g}",
                        "way": way,
                        "gain": middle,
                        "low": middle - half,
                        "high": middle + half,
                    }
                )
    base = alt.Chart(alt.Data(values=rows))
    across = alt.XOffset("way:N")
    bars = base.mark_bar().encode(
        x=alt.X("load:N", title="load (calls × service time / agents)"),
        y=alt.Y("gain:Q", title="points of conversion over longest idle"),
        color=alt.Color("way:N", title=None, legend=alt.Legend(orient="top")),
        xOffset=across,
    )
    whiskers = base.mark_rule().encode(x="load:N", xOffset=across, y="low:Q", y2="high:Q")
    return (bars + whiskers).properties(width=420, height=240)


def occupancies(results: list[dict]) -> alt.Chart:
    """Draw the occupancy of the agents from least to most busy, mean over the populations."""
    ways = [LONGEST_IDLE, RANK, *sorted({r["way"] for r in results if "cap" in r["way"]})]
    rows = []
    for way in ways:
        tracks = [
            each["occupancy"] for each in results if each["load"] == PRICED and each["way"] == way
        ]
        if tracks:
            rows += [
                {"agent": index, "way": way, "occupancy": mean(values)}
                for index, values in enumerate(zip(*tracks, strict=True), start=1)
            ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line()
        .encode(
            x=alt.X("agent:Q", title="agents, from the least to the most busy"),
            y=alt.Y("occupancy:Q", title=f"occupancy at load {PRICED:g}"),
            color=alt.Color("way:N", title=None, sort=ways, legend=alt.Legend(orient="top")),
        )
        .properties(width=420, height=240)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    results = json.loads(parser.parse_args().results.read_text())
    for name, chart in (
        ("rank-gain", gains(results)),
        ("rank-occupancy", occupancies(results)),
    ):
        chart = chart.configure(font=FONT, background="white")
        svg = vl_convert.vegalite_to_svg(chart.to_json())
        (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
