"""Chart specifications as pictures. The one place that knows the renderer (vl-convert)."""

import re
from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]

NAMES = re.compile(r'( id="|url\(#)')

PIXELS_PER_UNIT = 2.0
"Sharp on a screen of double density and on paper."


def as_svgs(specs: Sequence[Spec]) -> list[str]:
    """Return one SVG per chart."""
    # Starting its engine takes half a second; whoever wants no picture need not wait for it.
    import vl_convert

    svgs = [vl_convert.vegalite_to_svg(spec) for spec in specs]
    # Each numbers its gradients and clips from 0; in one page they would take each other's.
    return [NAMES.sub(rf"\g<1>chart{at}-", svg) for at, svg in enumerate(svgs)]


def as_png(spec: Spec) -> bytes:
    """Return one picture."""
    import vl_convert

    return vl_convert.vegalite_to_png(spec, scale=PIXELS_PER_UNIT)
