"""YAML documents with positions: all faults at once, each with file, line and what is right.

Flow files and the server's configuration are read by this. Scalars follow YAML 1.2's core schema,
more carefully: only what is certainly a number becomes one, so `no`, `0123`, `12:30:00`, `+8610…`
and numbers too long to be counted with (telephone numbers) stay text. Keys are always text.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from .explain import complaint, empty_only_by_other_faults, explain
from .faults import Data, DocumentError, Fault, IvrError, Path, did_you_mean

__all__ = [
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "MAX_NODES",
    "Data",
    "Document",
    "DocumentError",
    "DocumentModel",
    "Fault",
    "IvrError",
    "Path",
    "complaint",
    "did_you_mean",
    "read_document",
]

MAX_CHARACTERS = 1_000_000
"Ten times the largest file that a human keeps (a queue and agent list of 2,000 seats: 100 kB)."

MAX_DEPTH = 32
"Four times the deepest sensible file."

MAX_NODES = 200_000
"After aliases are followed; MAX_CHARACTERS of text without aliases cannot sensibly hold more."

ModelT = TypeVar("ModelT", bound=BaseModel)


class DocumentModel(BaseModel):
    """Base of what is read from documents: no unknown keys; a number may stand for text."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )


class Document:
    """A document's plain data (`data`) and where each part of it stands."""

    def __init__(self, file: str, data: Data, root: yaml.Node | None) -> None:
        self.file = file
        self.data = data
        self._root = root

    def locate(self, path: Path) -> tuple[int, int]:
        """Return line and column of the value at this path, from 1.

        A value that begins below its key (a block) is found at its key; what does not exist, at
        the innermost part that does. Parts that are no key, as the tags of unions, are skipped.
        """
        return _position(_follow(self._root, path)[1])

    def locate_key(self, path: Path) -> tuple[int, int]:
        """Return line and column of the key at the end of this path."""
        place = _follow(self._root, path)[1]
        return _mark(place[0] or place[1])

    def fault(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Fault:
        """Return a fault at this path."""
        line, column = self.locate_key(path) if at_key else self.locate(path)
        return Fault(self.file, line, column, ".".join(map(str, path)), message, hint)

    def scalar_begin(self, path: Path) -> tuple[int, int, bool] | None:
        """Return line and column of a scalar's first character and whether its lines are kept.

        They are for plain one-line and literal (`|`) scalars: there a position within the text
        can be turned into one within the file. None if no scalar is there.
        """
        key, node = _follow(self._root, path)[1]
        if not isinstance(node, yaml.ScalarNode):
            return None
        line, column = _mark(node)
        if node.style == "|":
            # The node does not keep the indentation; the usual one is two more than the key's.
            return line + 1, (_mark(key)[1] if key else 1) + 2, True
        quoted = node.style in {"'", '"'}
        return line, column + quoted, node.start_mark.line == node.end_mark.line

    def validate(self, model: type[ModelT]) -> ModelT:
        """Return the data as this model.

        Raises:
            DocumentError: with every fault that the model finds, located.

        """
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise DocumentError(self._faults(error, model)) from None

    def _faults(self, error: ValidationError, model: type[BaseModel]) -> Iterator[Fault]:
        for detail in error.errors(include_url=False):
            if empty_only_by_other_faults(detail):
                continue
            path = tuple(part for part in detail["loc"] if part != "[key]")
            at_key = detail["type"] == "extra_forbidden" or path != detail["loc"]
            message, hint = explain(detail, self.data, model)
            yield self.fault(path, message, hint, at_key=at_key)


def read_document(text: str, file: str) -> Document:
    """Return the one document of a YAML text; an empty text is an empty mapping.

    Raises:
        DocumentError: for text that is no YAML, holds a key twice, or breaks a limit.

    """
    if len(text) > MAX_CHARACTERS:
        raise DocumentError(
            [Fault(file, 1, 1, "", f"{len(text)} characters", f"at most {MAX_CHARACTERS}")]
        )
    if foreign := _UNDECODED.search(text):
        raise DocumentError([_not_utf8(text, file, foreign.start())])
    try:
        root = yaml.compose(text, Loader=_CoreLoader)
    except yaml.MarkedYAMLError as error:
        raise DocumentError([_syntax_fault(file, error)]) from None
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        message = f"not YAML: control character {error.character:#04x}"
        raise DocumentError([Fault(file, line, 1, "", message, "take it out")]) from None
    builder = _Builder(file)
    data: Data = {} if root is None else builder.build(root, ())
    if builder.faults:
        raise DocumentError(builder.faults)
    return Document(file, data, root)


_UNDECODED = re.compile("[\ufffd\ud800-\udfff]")
"""What a lenient decoder leaves of bytes that are not UTF-8, as of a file saved in GBK: the
replacement character, or lone surrogates."""


def _not_utf8(text: str, file: str, position: int) -> Fault:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    return Fault(file, line, column, "", "the text is not UTF-8", "save the file as UTF-8")


class _CoreLoader(yaml.CSafeLoader):
    """The C parser with the scalars described above in place of YAML 1.1's.

    The parser calls itself for each level and has no limit of its own: text nested some ten
    thousand levels deep would crash the process. It announces every level to the resolver.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as types-pyyaml declares it

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def descend_resolver(self, current_node: yaml.Node | None, current_index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            mark = current_node.start_mark if current_node else None
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, mark)

    def ascend_resolver(self) -> None:
        self._depth -= 1


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_TAG = "tag:yaml.org,2002:"
# Longer than nine digits is a telephone or account number; a leading zero or plus means text too.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,8})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,12}")
for _tag, _regexp, _first in (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", re.compile(rf"(?:{_INTEGER.pattern})$"), "-0123456789"),
    ("float", re.compile(rf"(?:{_FLOAT.pattern})$"), "-0123456789"),
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
):
    _CoreLoader.add_implicit_resolver(_TAG + _tag, _regexp, list(_first))


class _Builder:
    """Makes plain data of nodes and collects what is wrong with them."""

    def __init__(self, file: str) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._nodes = 0
        self._full = False

    def build(self, node: yaml.Node, path: Path) -> Data:
        self._nodes += 1
        if self._full:
            return None
        if self._nodes > MAX_NODES:
            self._full = True
            self._add(node, path, f"more than {MAX_NODES} values", "use fewer aliases (*name)")
        elif len(path) > MAX_DEPTH:
            self._add(node, path, _TOO_DEEP)
            # An alias to what it stands in would come back here at every level.
            self._full = True
        elif isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        else:
            self._add(node, path, f"unknown tag {node.tag!r}", "leave it out")
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                self._add(key, path, "a key must be text", "name: value")
                continue
            name = key.value
            if name in built:
                self._add(
                    key,
                    (*path, name),
                    f"duplicate key {name!r}",
                    f"first in line {first_lines[name]}",
                )
                continue
            first_lines[name] = key.start_mark.line + 1
            built[name] = self.build(value, (*path, name))
        return built

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Data:
        text: str = node.value
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "bool" if text.lower() in {"true", "false"}:
                return text.lower() == "true"
            case "null":
                return None
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "float" if _FLOAT.fullmatch(text):
                # 1.10 may be a version: kept as text, and a field that wants a number reads it.
                number = float(text)
                return number if repr(number) == text else text
            case _:
                self._add(
                    node, path, f"{text!r} does not fit its tag {node.tag!r}", "leave it out"
                )
                return None

    def _add(self, node: yaml.Node, path: Path, message: str, hint: str = "") -> None:
        line, column = _mark(node)
        self.faults.append(
            Fault(self._file, line, column, ".".join(map(str, path)), message, hint)
        )


def _syntax_fault(file: str, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = ", ".join(part for part in (error.context, error.problem) if part)
    hint = ""
    if "cannot start any token" in message:
        hint = "indent by spaces, not tabs; quote text that begins with @ or `"
    elif "single document" in message:
        hint = "one document per file: no second ---"
    elif "mapping values are not allowed" in message:
        hint = "check the indentation; quote text that contains a colon and a space"
    elif "expected <block end>" in message:
        hint = "the lines of one block must begin in the same column"
    return Fault(file, line, column, "", f"not YAML: {message}", hint)


# --- positions ---

_Place = tuple[yaml.Node | None, yaml.Node | None]
"Key node, if there is one, and value node."


def _mark(node: yaml.Node | None) -> tuple[int, int]:
    if node is None or node.start_mark is None:
        return 1, 1
    return node.start_mark.line + 1, node.start_mark.column + 1


def _position(place: _Place) -> tuple[int, int]:
    key, value = place
    below = key is not None and value is not None and key.start_mark.line != value.start_mark.line
    return _mark(key if below else value)


def _follow(root: yaml.Node | None, path: Path) -> tuple[int, _Place]:
    return _follow_from((None, root), path, 0)


def _follow_from(place: _Place, path: Path, at: int) -> tuple[int, _Place]:
    """Return how many parts of the path were found and the place they lead to.

    A part that names a union's tag may happen to be a key too: the reading that finds more parts
    is the right one, and of two equal ones the one that skips.
    """
    if at == len(path):
        return 0, place
    skipped = _follow_from(place, path, at + 1)
    child = _child(place[1], path[at])
    if child is None:
        return skipped
    found, end = _follow_from(child, path, at + 1)
    return (found + 1, end) if found + 1 > skipped[0] else skipped


def _child(node: yaml.Node | None, part: str | int) -> _Place | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
