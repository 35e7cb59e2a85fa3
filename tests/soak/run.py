"""Runs a soak: watches, readers, the schedule, then waits until all has settled, and judges what was seen."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from devtools.cluster.access import KubectlError
from devtools.cluster.api_reader import open_client
from devtools.cluster.waiting import wait_for
from tests.e2e.cluster.core_configuration import COMMAND_PORT
from tests.e2e.cluster.pool_router import ROUTER, ROUTER_PORT
from tests.e2e.cluster.shared_release import NAMESPACE
from tests.soak.acts import SCALE, USER, Act
from tests.soak.faults import Saboteur
from tests.soak.history import Done, History
from tests.soak.notebook import Notebook
from tests.soak.schedule import plan_acts
from tests.soak.settling import list_unsettled
from tests.soak.stage import Stage
from tests.soak.verdict import CALM_SECONDS, Verdict, judge
from tests.soak.watching import Note, open_eyes, watch_cluster
from tests.soak.wishes import User
from tests.soak.writes import find_end, read_writes

Say = Callable[[str], None]
T = TypeVar("T")
PROGRESS_SECONDS = 15.0
FIRST_SECONDS = 60.0
BEGIN_SECONDS, END_SECONDS = 20.0, 120.0
AGAIN_SECONDS = 0.5
UNHEARD_SECONDS = 60.0
"""For so long kubectl waits for an API server that does not answer."""
SETTLE_SECONDS = 420.0
"""A container that was killed several times waits up to five minutes until the kubelet starts it again."""
_MAY_PASS = (KubectlError, LookupError, RuntimeError, TimeoutError)


@dataclass
class Course:
    """What is being done, from the threads that do it."""

    stage: Stage
    notebook: Notebook
    is_over: threading.Event = field(default_factory=threading.Event)
    done: list[Done] = field(default_factory=list)
    skipped: list[tuple[Act, str]] = field(default_factory=list)
    upon: list[Act] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build what makes the faults and the wishes."""
        self._saboteur = Saboteur(self.stage, self.notebook)
        self._user = User(self.stage, self.notebook)

    def perform(self, act: Act) -> None:
        """Do an act, leave it for as long as it lasts, and take it back; what cannot be done is skipped."""
        self.upon.append(act)
        try:
            try:
                began_at, (targets, size) = _try_again(lambda: (time.monotonic(), self._begin(act)), BEGIN_SECONDS)
            except _MAY_PASS as error:
                self._skip(act, str(error))
                return
            self.is_over.wait(act.seconds)
            _try_again(lambda: self._end(act, targets), END_SECONDS)
            self.done.append(Done(act, targets, began_at, time.monotonic(), size))
        finally:
            self.upon.remove(act)

    def _skip(self, act: Act, why: str) -> None:
        """Note what could not be done; a size that was asked for may have been heard all the same."""
        self.skipped.append((act, why))
        if act.verb == SCALE:
            now = time.monotonic()
            self.done.append(Done(act, (), now - BEGIN_SECONDS - UNHEARD_SECONDS, now, self._user.size))

    def restore(self) -> None:
        """Restore the pool as its user wanted it first."""
        _try_again(self._user.restore, END_SECONDS)

    def _begin(self, act: Act) -> tuple[tuple[str, ...], int | None]:
        return self._user.begin(act) if act.target == USER else (self._saboteur.begin(act), None)

    def _end(self, act: Act, targets: tuple[str, ...]) -> None:
        if act.target == USER:
            self._user.end(act)
        elif act.seconds:
            self._saboteur.end(act, targets)


def run_soak(stage: Stage, seed: int, minutes: float, say: Say) -> Verdict:
    """Run the soak of a seed, and judge it.

    Raises:
        RuntimeError: the readers ended.
        TimeoutError: no read was answered before it began.
        ExceptionGroup: a fault could not be taken back.
    """
    notebook = Notebook(stage.pool.name)
    course = Course(stage, notebook)
    log = stage.cluster.audit_log
    with ExitStack() as stack:
        client = stack.enter_context(open_client(stage.cluster.access.kubeconfig))
        stack.enter_context(watch_cluster(client, notebook, _list_paths(stage, notebook)))
        stack.enter_context(open_eyes(stage.cluster.access, notebook, *_find_addresses(stage)))
        wait_for("a read to be answered", lambda: any(not read.failure for read in notebook.reads), FIRST_SECONDS)
        wait_for("all to be told", lambda: notebook.wanted and notebook.sizes and notebook.routed, FIRST_SECONDS)
        began_at, log_end = time.monotonic(), find_end(log) if log else 0
        _follow_schedule(course, seed, minutes, began_at, say)
        course.restore()
        ended_at = time.monotonic()
        unsettled = _settle(stage, notebook, say)
        settled_seconds = time.monotonic() - ended_at
        writes = read_writes(log, log_end) if log else {}
        time.sleep(CALM_SECONDS)  # what is read meanwhile is part of the verdict
    return judge(
        History(
            stage.rules,
            began_at,
            ended_at,
            done=tuple(sorted(course.done, key=lambda one: one.began_at)),
            skipped=tuple(course.skipped),
            reads=tuple(notebook.reads),
            probes=tuple(notebook.probes),
            pods=tuple(notebook.pods),
            routed=tuple(notebook.routed),
            wanted=tuple(notebook.wanted),
            sizes=tuple(notebook.sizes),
            serving=tuple(notebook.serving),
            unsettled=unsettled,
            settled_seconds=settled_seconds,
            writes=writes,
        )
    )


def _list_paths(stage: Stage, notebook: Notebook) -> list[tuple[str, Note]]:
    ours = f"namespaces/{stage.pool.namespace}"
    pods = [f"/api/v1/namespaces/{name}/pods" for name in (stage.pool.namespace, NAMESPACE, "keda")]
    return [
        *((path, notebook.note_pod) for path in pods),
        (f"/apis/discovery.k8s.io/v1/{ours}/endpointslices", notebook.note_slice),
        (f"/apis/stellar.org/v1alpha1/{ours}/readonlypools", notebook.note_pool),
        (f"/apis/apps/v1/{ours}/statefulsets", notebook.note_stateful_set),
    ]


def _find_addresses(stage: Stage) -> tuple[str, tuple[str, int]]:
    """Find where readers go, and where the validator tells the newest ledger."""
    access, network = stage.cluster.access, stage.network
    service = access.get("service", ROUTER.rpartition("/")[2], NAMESPACE) or {}
    validator = access.get("pod", network.validator_pod, network.namespace) or {}
    return f"{service['spec']['clusterIP']}:{ROUTER_PORT}", (validator["status"]["podIP"], COMMAND_PORT)


def _follow_schedule(course: Course, seed: int, minutes: float, began_at: float, say: Say) -> None:
    """Do what the schedule says when it says so; return when all of it is done and taken back."""
    acts = plan_acts(seed, 60 * minutes)
    say(f"seed {seed}, {minutes:g} min: {sum(act.is_fault for act in acts)} faults and what users do")
    is_told = threading.Event()
    teller = threading.Thread(target=_tell, args=(course, began_at, say, is_told))
    teller.start()
    try:
        with ThreadPoolExecutor(max_workers=32) as pool:
            try:
                running = []
                for act in acts:
                    course.is_over.wait(max(0.0, began_at + act.at - time.monotonic()))
                    running.append(pool.submit(course.perform, act))
            finally:
                if len(running) < len(acts):
                    course.is_over.set()  # whoever breaks it off has all taken back at once
    finally:
        is_told.set()
        teller.join()
    if failed := [error for one in running if (error := one.exception()) is not None]:
        raise BaseExceptionGroup("faults that could not be taken back", failed)


def _tell(course: Course, began_at: float, say: Say, is_over: threading.Event) -> None:
    while not is_over.wait(PROGRESS_SECONDS):
        say(_describe(course, began_at))


def _describe(course: Course, began_at: float) -> str:
    """Describe how far it is, in a line."""
    notebook = course.notebook
    reads = list(notebook.reads)
    failed = sum(bool(read.failure) for read in reads)
    size = notebook.sizes[-1].replicas if notebook.sizes else 0
    upon = ", ".join(act.kind for act in list(course.upon)) or "-"
    return (
        f"{time.monotonic() - began_at:5.0f} s  {sum(one.act.is_fault for one in list(course.done))} faults,"
        f" {len(reads):,} reads, {failed} failed; {notebook.count_fine()} of {size} replicas answer; now: {upon}"
    )


def _settle(stage: Stage, notebook: Notebook, say: Say) -> tuple[str, ...]:
    """Wait until all is as it should be; return what is not, where it does not come to that."""
    deadline, said = time.monotonic() + SETTLE_SECONDS, 0.0
    while (unsettled := list_unsettled(stage, notebook)) and time.monotonic() < deadline:
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            say(f"waiting until all has settled: {unsettled[0]}")
        time.sleep(1)
    return unsettled


def _try_again(do: Callable[[], T], seconds: float) -> T:
    """Do something, again while it fails, as everything does while the API server is away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return do()
        except _MAY_PASS:
            if time.monotonic() > deadline:
                raise
        time.sleep(AGAIN_SECONDS)
