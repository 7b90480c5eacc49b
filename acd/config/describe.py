"""The reference of all settings, written from the models themselves so that it cannot grow old."""

import ast
import inspect
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from . import (
    agents,
    blacklist,
    contracts,
    numbers,
    queues,
    reasons,
    reports,
    server,
    trunks,
    values,
)
from .values import Address, Section

_FILES: tuple[tuple[str, type[Section], str], ...] = (
    ("server.yaml", server.Server, "Optional: everything has a default."),
    ("numbers.yaml", numbers.Numbers, ""),
    ("queues.yaml", queues.Queues, ""),
    ("agents.yaml", agents.Agents, ""),
    ("trunks.yaml", trunks.Trunks, "Optional: without it, there is no line to the outside."),
    ("reasons.yaml", reasons.Reasons, "Optional: the lists below are the default ones."),
    ("blacklist.yaml", blacklist.Blacklist, "Optional: nobody is blocked."),
    ("contracts.yaml", contracts.Contracts, "Optional: nobody has a contract."),
    ("reports.yaml", reports.Reports, "Optional: no report comes by itself."),
)

_INTRODUCTION = """\
# Configuration

<!-- Written by `acd config describe --markdown` from acd/config; change it there. -->

`acd run --config DIR` reads the files below from DIR (`./config` unless told otherwise).
`acd config check DIR` shows every mistake in them at once, with file and line and what would be
right. The files in `config/` are commented examples. Units stand at the end of names: `_s` are
seconds, `_ms` milliseconds. An unknown key is a mistake, never ignored.

`server.yaml` is read at start; a change needs a restart. The other files are taken over while
calls go on, when they change or on SIGHUP: all of them or, if there is a mistake in any, none.
"""


def markdown() -> str:
    """Return the reference as the page docs/configuration.md."""
    parts = [_INTRODUCTION]
    for file, model, note in _FILES:
        parts.append(f"\n## {file}\n\n{_about(model)}\n")
        if note:
            parts.append(f"\n{note}\n")
        for path, section in _sections(model):
            if path:
                parts.append(f"\n### `{path}`\n\n{_about(section)}\n")
            parts.append("\n| setting | value | default | meaning |\n|---|---|---|---|\n")
            for name, field, said in _plain(section):
                kind, meaning = _kind(field.annotation), _meaning(field, said)
                row = (f"`{name}`", kind, _default(field), meaning)
                parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n")
    return "".join(parts)


def text() -> str:
    """Return the reference for a terminal, one setting per paragraph."""
    parts = []
    for file, model, _ in _FILES:
        parts.append(f"{file}\n")
        for path, section in _sections(model):
            for name, field, said in _plain(section):
                default = _default(field).strip("`") or "-"
                full = f"{path}.{name}" if path else name
                parts.append(f"  {full} = {default}\n      {_meaning(field, said)}\n")
        parts.append("\n")
    return "".join(parts)


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split()).removeprefix("server.yaml: ")


def _sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the model and, depth first, all those inside it, with the path that leads there."""
    if any(_plain(model)):
        yield path, model
    for name, field in model.model_fields.items():
        inner, suffix = _inner(field.annotation)
        if inner is not None:
            yield from _sections(inner, f"{path}.{name}{suffix}".lstrip("."))


def _plain(model: type[BaseModel]) -> list[tuple[str, FieldInfo, str]]:
    """Return the fields that are no sections of their own: name in the file, docstring."""
    said = _docstrings(model)
    return [
        (field.alias or name, field, said.get(name, ""))
        for name, field in model.model_fields.items()
        if _inner(field.annotation)[0] is None
    ]


@cache
def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return what stands below each field in the source.

    Pydantic can read it too (`use_attribute_docstrings`), but does so whenever the class is made:
    a third of the time in which any command reads its configuration.
    """
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if part.__module__.partition(".")[0] != __name__.partition(".")[0]:
            continue
        [definition] = ast.parse(inspect.getsource(part)).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in pairwise(definition.body):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ):
                    found[name] = words
                case _:  # methods, and fields that are sections
                    pass
    return found


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:  # noqa: ANN401 - any annotation
    """Return the model inside an annotation and how its entries are reached: [], .NAME or ''."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated or origin in {Union, types.UnionType}:
        found = [_inner(arg) for arg in args if arg is not types.NoneType]
        return next((pair for pair in found if pair[0]), (None, ""))
    if origin is tuple and args:
        return _inner(args[0])[0], "[]"
    if origin is dict:
        return _inner(args[1])[0], ".NAME"
    return None, ""


_KINDS: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    values.ListenAddress: "HOST:PORT",
    values.Identifier: "name",
    values.Dialled: "digits, * and #",
    values.AgentNumber: "letters and digits",
    values.Digit: "one digit",
    values.GradeName: "C, B, A, AA or AAA",
    values.Timezone: "IANA time zone",
}


def _kind(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    # pydantic takes the outer Annotated off a field's annotation, so Enum and Address come bare.
    if annotation in _KINDS:
        return _KINDS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _KINDS[values.GradeName]
    if annotation is Address:
        return _KINDS[values.ListenAddress]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in args)
    if origin is tuple:
        return f"list of: {_kind(args[0])}"
    if origin is dict:
        return f"{_kind(args[0])}: {_kind(args[1])}"
    known = [arg for arg in args if arg is not types.NoneType]
    return _kind(known[0])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.name}`"
    if isinstance(value, tuple) and not isinstance(value, Address):
        return ", ".join(f"`{entry}`" for entry in value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _meaning(field: FieldInfo, said: str) -> str:
    limits = [
        f"{sign} {getattr(limit, name):,}"
        for limit in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"))
        if getattr(limit, name, None) is not None
    ]
    meaning = " ".join(said.split())
    return f"{meaning} ({', '.join(limits)})" if limits else meaning
