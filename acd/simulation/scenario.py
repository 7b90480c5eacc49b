"""What a simulated day is made of. Times in seconds, shares from 0 to 1."""

from msgspec import Struct


class Scenario(Struct, frozen=True, kw_only=True):
    """Callers, agents, and how often things go wrong."""

    calls: int
    arrivals_per_s: float
    numbers: tuple[str, ...] = ("4000", "4001", "4002")
    "What callers dial, each as likely."

    keys: str = "1122390#*"
    "What callers press in menus, each as likely."

    own_calls_every_s: float = 0.0
    "Mean time between two own calls of agents, all together; 0: none (only over the wire)."

    own_numbers: tuple[str, ...] = ()
    "What agents dial then, each as likely."

    early_media: float = 0.5
    "Share of the calls outside whose far end is heard before it answers."

    talk_mean_s: float = 60.0
    patience_mean_s: float = 90.0
    prompt_s: float = 4.0

    ring_mean_s: float = 4.0
    no_answer: float = 0.04
    busy: float = 0.02
    rejected: float = 0.02
    unreachable: float = 0.01

    holds: float = 0.1
    "Share of talks in which the agent puts the caller on hold once."

    agent_hangs_up: float = 0.5
    "Share of talks that the agent ends; neither 0 nor 1."

    media_delay_s: float = 0.0
    "Longest time that the engine takes to answer a command; 0: at once."

    media_refused: float = 0.001
    media_lost_every_s: float = 0.0
    "Mean time between deaths of a media worker with half of all streams; 0: never."

    agent_changes_every_s: float = 600.0
    "Mean time between two whims of one agent: away, ready, early end of wrap-up, lost phone."

    hands_on: float = 0.0
    "Share of talks whose agent hands the caller on, half of them after asking somebody."

    devices: int = 1
    "Phones of each agent; two and more ring together, and each person near one acts alone."

    answers_lost: float = 0.0
    "Share of agents' answers that the server never hears of."

    phones_vanish: float = 0.0
    "Share of offers at one of whose steps the phone falls silent for good."

    found_out_s: float = 30.0
    "Mean time until the server finds out that a phone is silent, and until it is back."

    crashes_every_s: float = 0.0
    "Mean time between deaths of the server in the middle of a step; 0: never."

    stalls_every_s: float = 0.0
    "Mean time between moments in which the server stands still; 0: never."

    wall_jumps_every_s: float = 0.0
    "Mean time between jumps of the wall clock; 0: never."

    reloads_every_s: float = 0.0
    "Mean time between changes of the configuration; 0: never."

    callers: int = 0
    "How many people call, again and again; 0: each call is another's."

    reached: float = 0.6
    "Share of call-backs that the customer answers; half of the others just ring."

    agent_dials: float = 0.0
    "Share of whims in which the agent dials one of `numbers`, from the agent's own phone."
