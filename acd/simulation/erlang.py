"""What theory says of a line with Poisson arrivals and exponential talks: Erlang B, C and A.

`agents` serve calls that come `arrivals_per_s` apart and take `service_s` on average; the offered
load is a = arrivals_per_s · service_s, in Erlang. Sources: A. K. Erlang 1917 (B and C); Cooper,
Introduction to Queueing Theory, 1981, chapter 3; for A, C. Palm 1946, as given by Garnett,
Mandelbaum and Reiman, Designing a Call Center with Impatient Customers, M&SOM 4 (2002), and
Mandelbaum and Zeltyn, The Palm/Erlang-A Queue, 2004.
"""

import math

from msgspec import Struct

NEGLIGIBLE = 1e-15
"Terms of the series of Erlang A beyond this share of the sum no longer change a double."

MAXIMUM_TERMS = 10_000_000
"With patience without end in sight the series would not end either; Erlang C is the answer then."


class ErlangError(ValueError):
    """There is no steady state, or a parameter means nothing; the message says what is right."""


class Line(Struct, frozen=True):
    """A line in its steady state."""

    wait_probability: float
    "Share of callers who wait at all."

    mean_wait_s: float
    "Mean wait of everyone, also of those who do not wait and of those who give up."

    abandoned: float = 0.0
    "Share of callers who give up waiting."


def erlang_b(agents: int, load_erlang: float) -> float:
    """Return the share of calls lost where nobody waits.

    B(n) = a·B(n−1) / (n + a·B(n−1)), B(0) = 1.
    """
    _check(agents, load_erlang)
    blocked = 1.0
    for n in range(1, agents + 1):
        blocked = load_erlang * blocked / (n + load_erlang * blocked)
    return blocked


def erlang_c(agents: int, arrivals_per_s: float, service_s: float) -> Line:
    """Describe a line in which everybody waits to the end.

    P(wait) = B / (1 − ρ(1 − B)) with ρ = a / n, mean wait = P(wait)·service_s / (n − a).
    Raises `ErlangError` where the load reaches the number of agents.
    """
    load = arrivals_per_s * service_s
    _check(agents, load)
    if load >= agents:
        raise ErlangError(f"a load of {load:g} Erlang needs more than {agents} agents")
    blocked = erlang_b(agents, load)
    waits = blocked / (1.0 - load / agents * (1.0 - blocked))
    return Line(waits, waits * service_s / (agents - load))


def wait_beyond(
    line: Line, agents: int, load_erlang: float, service_s: float, t_s: float
) -> float:
    """Return the share who wait longer than t in Erlang C: P(wait)·exp(−(n − a)·t / service_s)."""
    return line.wait_probability * math.exp(-(agents - load_erlang) * t_s / service_s)


def erlang_a(agents: int, arrivals_per_s: float, service_s: float, patience_s: float) -> Line:
    """Describe a line in which callers give up after exponential times of mean `patience_s`.

    A birth-death process: with k callers in the system, callers come at λ and go at
    min(k, n)·µ + max(0, k − n)·θ, where θ = 1 / patience_s. The states beyond n weigh
    Π λ / (n·µ + j·θ) of state n, and state n weighs B of the states up to it. The abandoned are
    θ·E[queue] / λ, and by Little's law the mean wait of everyone is E[queue] / λ.
    """
    _check(agents, arrivals_per_s * service_s)
    if not patience_s > 0.0:
        raise ErlangError(f"a mean patience of {patience_s:g} s; more than 0 s")
    blocked = erlang_b(agents, arrivals_per_s * service_s)
    # In units of state n's weight: all states up to n, and those beyond it.
    below = 1.0 / blocked
    weight, beyond, queue = 1.0, 0.0, 0.0
    for waiting in range(1, MAXIMUM_TERMS):
        weight *= arrivals_per_s / (agents / service_s + waiting / patience_s)
        beyond += weight
        queue += waiting * weight
        if waiting * weight < NEGLIGIBLE * queue:
            break
    total = below + beyond
    mean_queue = queue / total
    abandoned = mean_queue / (patience_s * arrivals_per_s)
    return Line((1.0 + beyond) / total, mean_queue / arrivals_per_s, abandoned)


def _check(agents: int, load_erlang: float) -> None:
    if agents < 1:
        raise ErlangError(f"{agents} agents; at least 1")
    if not 0.0 < load_erlang < math.inf:
        raise ErlangError(f"a load of {load_erlang:g} Erlang; more than 0, and finite")
