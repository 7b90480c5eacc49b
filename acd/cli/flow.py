"""`acd flow`: check flow files and draw them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ._options import CommandError, Subparsers, add_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from acd.ivr.model import FlowFile


def add_parser(subparsers: Subparsers) -> None:
    """Add `flow`."""
    parser = subparsers.add_parser("flow", help="check and draw IVR flows")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    check_parser = verbs.add_parser("check", help="show every mistake in flow files")
    check_parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        metavar="PATH",
        help="folder of flows or one of its files (default: the configuration's folder)",
    )
    add_config(check_parser)
    check_parser.set_defaults(run=check)
    draw_parser = verbs.add_parser("draw", help="draw a flow as SVG or Mermaid text")
    draw_parser.add_argument("file", type=Path, metavar="FILE")
    draw_parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="picture.svg, or picture.mmd for Mermaid text (default: Mermaid text to the screen)",
    )
    draw_parser.set_defaults(run=draw)


def check(arguments: argparse.Namespace) -> int:
    """Print all faults, or what is there; 1 if there are faults.

    A single file is checked together with its neighbours, where its gotos may lead; only its own
    faults are shown and count. The sounds in the prompts folder are read with all files only.
    """
    from acd.ivr.book import FlowBook, reload
    from acd.ivr.validation import FlowContext

    path: Path | None = arguments.path
    folder, prompts, queues = _surroundings(arguments.config, path)
    files = {str(file): _read(file) for file in sorted(folder.glob("*.yaml"))}
    only = str(path) if path is not None and path.is_file() else None
    if only is not None and only not in files:
        raise CommandError(f"{path} is no flow file: its name must end in .yaml")
    if not files:
        raise CommandError(f"no flow files (*.yaml) in {folder}")
    wavs = sorted(prompts.glob("*/*.wav"))
    sounds = frozenset(wav.relative_to(prompts).with_suffix("").as_posix() for wav in wavs)
    book, faults = reload(FlowBook(), files, FlowContext(queues=queues, sounds=sounds))
    shown: list[object] = [fault for fault in faults if only in (None, fault.file)]
    if only is None:
        shown += _unusable(wavs)
    for fault in shown:
        print(fault)
    if shown:
        print(f"{len(shown)} fault{'' if len(shown) == 1 else 's'}")
        return 1
    for flow in book.flows.values():
        if only in (None, flow.file):
            languages = ", ".join(flow.languages)
            print(f"{flow.file}: good; {len(flow.model.nodes)} nodes, {languages}, {flow.version}")
    if queues is None:
        print("queues were not checked: no usable configuration")
    return 0


def _unusable(wavs: "Iterable[Path]") -> "Iterator[str]":
    """Tell which sounds callers would not hear: a server finds out only when it plays them."""
    from acd.media.errors import SoundError
    from acd.media.wav import read_wav

    for wav in wavs:
        try:
            read_wav(wav.read_bytes())
        except (SoundError, OSError) as error:
            yield f"{wav}: {error}"


def draw(arguments: argparse.Namespace) -> int:
    """Draw one flow; faults other than in its shape do not matter for that."""
    from acd.ivr.document import DocumentError
    from acd.ivr.drawing import mermaid, svg

    output: Path | None = arguments.output
    if output is not None and output.suffix not in {".svg", ".mmd"}:
        raise CommandError(f"cannot draw into {output.name}: its name must end in .svg or .mmd")
    try:
        flow = _drawable(arguments.file)
    except DocumentError as error:
        print(error, file=sys.stderr)
        return 1
    if output is None:
        print(mermaid(flow), end="")
    else:
        output.write_text(svg(flow) if output.suffix == ".svg" else mermaid(flow), "utf-8")
        print(output)
    return 0


def _drawable(file: Path) -> "FlowFile":
    from acd.ivr.document import DocumentError, read_document
    from acd.ivr.model import FlowFile
    from acd.ivr.validation import shape_faults

    document = read_document(_read(file), str(file))
    flow = document.validate(FlowFile)
    if faults := shape_faults(document, flow):
        raise DocumentError(faults)
    return flow


def _read(file: Path) -> str:
    # Bytes that are not UTF-8 become faults with their line.
    return file.read_text("utf-8", errors="replace")


def _surroundings(
    config_folder: Path, path: Path | None
) -> tuple[Path, Path, frozenset[str] | None]:
    """Return the folders of flows and prompts, and the queues if the configuration tells them."""
    from acd.config import ConfigError, load_config

    if path is not None and not path.exists():
        raise CommandError(f"{path} does not exist")
    try:
        config = load_config(config_folder)
    except ConfigError as error:
        if path is None:
            raise CommandError(
                f"the configuration in {config_folder} does not tell where the flows are:\n{error}"
            ) from None
        folder = path if path.is_dir() else path.parent
        return folder, folder / "prompts", None
    queues = frozenset(config.queues.queues)
    if path is None:
        return config.flows_folder, config.prompts_folder, queues
    folder = path if path.is_dir() else path.parent
    own_prompts = folder / config.server.media.prompts
    return folder, own_prompts if own_prompts.is_dir() else config.prompts_folder, queues
