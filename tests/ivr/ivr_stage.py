"""What the tests of flows have in common: a context with sounds and queues, and a caller."""

from datetime import UTC, datetime
from pathlib import Path

from acd.ivr.book import FlowBook, load_flows
from acd.ivr.effects import AskCallback, EchoCaller, Effect, EndCall, EnterQueue, PlaySounds
from acd.ivr.events import CallbackAnswered, DigitPressed, QueueLeft, SoundsFinished
from acd.ivr.run import KEYS, FlowRun
from acd.ivr.speech import NUMBER_SOUNDS
from acd.ivr.validation import FlowContext

FLOWS = Path(__file__).parent.parent / "flows"
WORDS = ("welcome", "menu", "sorry", "goodbye")
SOUNDS = frozenset(
    {f"{language}/{word}" for language in ("zh", "en") for word in WORDS}
    | {"zh/only_chinese", "music/default", *NUMBER_SOUNDS["zh"], *NUMBER_SOUNDS["en"]}
)
CONTEXT = FlowContext(queues=frozenset({"sales", "service"}), sounds=SOUNDS)

TUESDAY = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
"10:30 in Shanghai."


class Caller:
    """Drives a FlowRun as a call would."""

    def __init__(self, book: FlowBook, flow: str, **options: object) -> None:
        settings = {"caller": "13800138000", "called": "4000", "wall": lambda: TUESDAY} | options
        self.run = FlowRun(book, flow, **settings)  # type: ignore[arg-type]  # options of tests
        self.now = 100.0
        self.play = 0
        self.heard: list[str] = []
        self.take(self.run.start(self.now))

    def take(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            match effect:
                case PlaySounds(play, sounds):
                    self.play = play
                    self.heard.append("plays " + " ".join(sounds))
                case EnterQueue(queue):
                    self.heard.append(f"enters {queue}")
                case AskCallback(number=number):
                    self.heard.append(f"asks for {number!r}")
                case EchoCaller():
                    self.heard.append("echoes")
                case EndCall(reason):
                    self.heard.append(f"hangs up {reason}")
                case _:
                    pass
        return effects

    def does(self, word: str) -> list[Effect]:
        """Take one step of a walk.

        ".", "~", a key, "promised" or "refused" a call-back, or a reason to leave the queue.
        """
        if word == ".":
            return self.take(self.run.on_event(SoundsFinished(self.play), self.now))
        if word == "~":
            self.now = self.run.next_deadline()
            return self.take(self.run.on_time(self.now))
        if word in KEYS:
            return self.take(self.run.on_event(DigitPressed(word), self.now))
        if word in {"promised", "refused"}:
            return self.take(self.run.on_event(CallbackAnswered(word == "promised"), self.now))
        return self.take(self.run.on_event(QueueLeft(word), self.now))

    def walks(self, words: str) -> str:
        """Take these steps and return what came last."""
        for word in words.split():
            self.does(word)
        return self.heard[-1]


def book_of(**flows: str) -> FlowBook:
    """Load flows given as name=text without the `flow:` line."""
    files = {f"{name}.yaml": f"flow: {name}\n{text}" for name, text in flows.items()}
    return load_flows(files, CONTEXT)


def call(text: str, **options: object) -> Caller:
    """Put a caller into a flow given as text without its first line."""
    return Caller(book_of(under_test=text), "under_test", **options)
