"""What is right of a file with faults, so that the checks between files miss nothing for them.

An admin who planted ten mistakes wants to hear of ten, not of five and then of five more.
"""

from copy import deepcopy
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_ROUNDS = 10
"One finds most faults, one more those that a validator of the whole has after them."

LED_ON_BY = (("flows",), ("media", "prompts"))
"""Places of server.yaml that say where others lie: with a default in their place, everything that
is named elsewhere would seem to be missing."""

Path = tuple[str | int, ...]


def right_part(data: Any, model: type[ModelT]) -> ModelT | None:  # noqa: ANN401 - any YAML
    """Return the model of what is left without the faulty entries; None if nothing is.

    Of lists no single entry is taken out: the others would be told with wrong lines.
    """
    rest = deepcopy(data)
    for _ in range(MAX_ROUNDS):
        try:
            right = model.model_validate(rest)
        except ValidationError as error:
            wrong = [_entry(rest, detail["loc"]) for detail in error.errors(include_url=False)]
            if not all(wrong):
                return None
            for path in wrong:
                _take_out(rest, path)
        else:
            return None if _leads_elsewhere(data, right) else right
    return None


def _entry(data: Any, loc: Path) -> Path:  # noqa: ANN401 - any YAML
    """Return the way to the innermost entry of a mapping that the fault is in; empty: none."""
    way: list[str | int] = []
    entry: Path = ()
    here = data
    for part in loc:
        if isinstance(here, dict) and part in here:
            way.append(part)
            here, entry = here[part], tuple(way)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            way.append(part)
            here = here[part]  # a list goes as a whole: its other entries keep their lines
        # Any other part is the tag of a union, the mark of a key, or what the entry lacks.
    return entry


def _leads_elsewhere(data: Any, right: BaseModel) -> bool:  # noqa: ANN401 - any YAML
    for path in LED_ON_BY:
        written: Any = data
        taken: Any = right
        for part in path:
            written = written.get(part) if isinstance(written, dict) else None
            taken = getattr(taken, part, None)
        if written not in (None, taken):
            return True
    return False


def _take_out(data: Any, path: Path) -> None:  # noqa: ANN401 - any YAML
    here = data
    for part in path[:-1]:
        if isinstance(here, dict) and part not in here:
            return  # gone with what it stood in
        here = here[part]
    here.pop(path[-1], None)
