"""What an attack is: a module of tests.hostile.attacks with an `ATTACK`, which runs in a process of its own.

To add one, put a module there; to attack another program, put a module with it into tests.hostile.parts. Nothing else
has to know of either.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

Ports = Mapping[str, int]
Stand = Callable[[], None]
Run = Callable[[Ports, Stand], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to do harm.

    Attributes:
        name: what is done, as a report says it.
        part: which part of the installation it is done to, by the name of its module.
        run: does it until it is cancelled. It gets the part's ports of 127.0.0.1, and calls `stand` once it is in full
            force; what it opens may be closed by the other side at any time, which is its own matter.
        serves_throughout: whether most of those who are honest have to be served while it stands; otherwise they only
            have to be served again in time.
    """

    name: str
    part: str
    run: Run
    serves_throughout: bool = True
