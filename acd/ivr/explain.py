"""Words for what pydantic finds in a document."""

import re
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticCustomError

from .faults import Data, Path, did_you_mean


def complaint(message: str, hint: str) -> PydanticCustomError:
    """Return an error for a validator to raise whose message is shown just as it stands."""
    return PydanticCustomError("complaint", "{said}", {"said": message, "hint": hint})


def empty_only_by_other_faults(detail: ErrorDetails) -> bool:
    """Say whether a list is too short only because its entries have faults, told by themselves."""
    given: object = detail["input"]
    if detail["type"] != "too_short" or not isinstance(given, list | dict):
        return False
    return len(given) >= int(detail["ctx"]["min_length"])


def explain(detail: ErrorDetails, data: Data, model: type[BaseModel]) -> tuple[str, str]:
    """Return message and hint for one finding; a validator may give its own as `ctx["hint"]`."""
    context: dict[str, Any] = detail.get("ctx", {})
    loc = detail["loc"]
    of_key = loc[-1:] == ("[key]",)
    name = str(loc[-2] if of_key else loc[-1]) if loc else "document"
    given = detail["input"]
    message, hint = detail["msg"].removeprefix("Value error, "), str(context.get("hint", ""))
    match detail["type"]:
        case "complaint":
            return message, hint
        case "missing":
            return f"missing {name!r}", f"add `{name}:`"
        case "extra_forbidden":
            return f"unknown key {name!r}", did_you_mean(
                name, _field_names(model, detail["loc"], data)
            )
        case "union_tag_not_found":
            field = str(context["discriminator"]).strip("'")
            return f"missing {field!r}", f"add `{field}:`"
        case "union_tag_invalid":
            field = str(context["discriminator"]).strip("'")
            tags = re.findall(r"'([^']+)'", str(context["expected_tags"]))
            return f"unknown {field} {context['tag']!r}", did_you_mean(str(context["tag"]), tags)
        case "literal_error" | "enum":
            values = re.findall(r"'([^']+)'", str(context["expected"]))
            if of_key:
                return f"unknown key {name!r}", did_you_mean(name, values)
            if isinstance(given, str) and values:
                return f"{name}: unknown value {given!r}", did_you_mean(given, values)
            return f"{name}: {given!r} is not allowed", f"one of {context['expected']}"
        case "string_pattern_mismatch":
            what = f"key {name!r}" if of_key else f"{name}: {given!r}"
            return f"{what} does not fit", f"must match {context['pattern']}"
        case _:
            short = repr(given) if not isinstance(given, dict | list) else type(given).__name__
            return f"{name}: {message[:1].lower()}{message[1:]}, not {short[:60]}", hint


def _field_names(model: type[BaseModel], loc: Path, data: Data) -> set[str]:
    """Return the keys that are known where this path ends."""
    models = {model}
    for part in loc[:-1]:
        if isinstance(data, dict):
            data = data.get(str(part), data)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        inner = {
            found
            for known in models
            if str(part) in _keys(known)
            for found in _models_in(_keys(known)[str(part)])
        }
        models = inner or models
    fitting = {known for known in models if _tags_fit(known, data)}
    return {key for known in fitting or models for key in _keys(known)}


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> set[type[BaseModel]]:  # noqa: ANN401 - any annotation may come
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {found for part in get_args(annotation) for found in _models_in(part)}


def _tags_fit(model: type[BaseModel], data: Data) -> bool:
    """Say whether the literal fields (the tags of unions) of this model have the data's values."""
    if not isinstance(data, dict):
        return True
    return all(
        data.get(key, get_args(annotation)[0]) in get_args(annotation)
        for key, annotation in _keys(model).items()
        if get_origin(annotation) is Literal
    )
