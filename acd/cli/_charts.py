"""Vega-Lite specifications as pictures and as one page that needs no network."""

from pathlib import Path
from typing import Any

PIXELS_PER_UNIT = 2.0
"Sharp on a screen of double density and on paper."


def write_charts(folder: Path, charts: dict[str, dict[str, Any]], page: dict[str, Any]) -> None:
    """Write NAME.svg and NAME.png of each chart, and report.html of all."""
    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    for name, spec in charts.items():
        (folder / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")
        (folder / f"{name}.png").write_bytes(
            vl_convert.vegalite_to_png(spec, scale=PIXELS_PER_UNIT)
        )
    html = vl_convert.vegalite_to_html(page, bundle=True)
    (folder / "report.html").write_text(html, encoding="utf-8")
