"""How a command opens a node's data: each step with the line that Core logs for it, and in Core's order.

`open_store` is for a command that reads; `open_to_run` goes on to where a node begins to live.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from readpool.simulator.core import BUILD
from readpool.simulator.core.errors import ABORTED, CoreFailure, NotSetUpError
from readpool.simulator.core.log import log
from readpool.simulator.core.quorum import quorum_hash
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store

_MAX_PENDING_CONNECTIONS = 500
_ARCHIVES = {
    (True, True): ("INFO", "'put' and 'get' commands, will be read and written"),
    (True, False): ("INFO", "'get' command only, will not be written"),
    (False, True): ("FATAL", "'put' but no 'get' command, will be unwritable"),
    (False, False): ("FATAL", "no 'get' or 'put' command, will not function"),
}
"""What is said of an archive by whether it has `get` and `put`, and how loudly."""
_END = (
    "Application destructing",
    "Joining 10 worker threads",
    "Joining the overlay thread",
    "Joining eviction thread",
    "Joined all 11 threads",
    "Application destroyed",
)


@contextmanager
def application() -> Iterator[None]:
    """Log the end of what a command does; an abort ends it without a word."""
    try:
        yield
    except CoreFailure as failure:
        if failure.exit_code != ABORTED:
            _log_end()
        raise
    _log_end()


def connect(settings: CoreSettings) -> Store:
    """Lock the folder and connect to the database; what is in it is not looked at. Raises CoreFailure."""
    store = Store(settings)
    try:
        make_folders(settings)
        log("Database", "INFO", f"Connecting to: {settings.database_url}")
        _check_backend(settings.database_url)
        store.connect()
        log("SCP", "INFO", f"LocalNode::LocalNode@{settings.short_name} qSet: {quorum_hash(settings.quorum)[:6]}")
        _open_metadata(settings.metadata_stream)
    except BaseException:
        store.close()
        raise
    return store


def open_store(settings: CoreSettings, listen: Callable[[], None] = lambda: None) -> Store:
    """Open what `new-db` made. `listen` opens the HTTP ports, where Core does. Raises CoreFailure."""
    store = connect(settings)
    try:
        store.check_schema()
        log("Database", "INFO", "DB schema is in current version")
        listen()
        check_passphrase(settings)
        store.check_network()
        log_bucket_list()
        _check_query_port(settings)
        log_effective(settings)
    except BaseException:
        store.close()
        raise
    return store


def open_to_run(settings: CoreSettings, listen: Callable[[], None]) -> Store:
    """Open what `new-db` made for a node that is to run. `listen` opens its HTTP ports. Raises CoreFailure."""
    if settings.is_accelerated:
        log("default", "WARNING", "Artificial acceleration of time enabled (for testing only)")
    log("default", "INFO", f"Starting stellar-core {BUILD}")
    store = open_store(settings, listen)
    try:
        _check_archives(settings)
        log("Ledger", "INFO", "Starting up application")
        load_last_closed(store)
    except BaseException:
        store.close()
        raise
    return store


def load_last_closed(store: Store) -> None:
    """See that the buckets of the last closed ledger are there. Raises CoreFailure (134) where they are not."""
    header = store.header
    log("Ledger", "INFO", f"Last closed ledger (LCL) hash is {header.hash}")
    log("Ledger", "INFO", f"Loaded LCL header from database: [seq={header.num}, hash={header.hash[:6]}]")
    store.check_buckets()
    log("Ledger", "INFO", f"Assumed bucket-state for LCL: [seq={header.num}, hash={header.hash[:6]}]")


def make_folders(settings: CoreSettings) -> None:
    """Make the folders that stand beside the buckets."""
    for name in ("history/ledger", "history/results", "history/transactions", "publishqueue"):
        Path(settings.buckets, name).mkdir(parents=True, exist_ok=True)


def check_passphrase(settings: CoreSettings) -> None:
    """Raise CoreFailure for a network without a name."""
    if not settings.passphrase:
        raise CoreFailure("NETWORK_PASSPHRASE not configured")


def log_bucket_list() -> None:
    """Log how the list of buckets is kept."""
    log("Bucket", "INFO", "BucketListDB enabled: pageSizeExponent: 14 indexCutOff: 20MB, persist indexes: true")


def log_effective(settings: CoreSettings) -> None:
    """Log the limits of connections; those to come are shared as the authenticated ones are."""
    target, additional = settings.target_peer_connections, settings.max_additional
    outbound = round(_MAX_PENDING_CONNECTIONS * target / max(1, target + additional))
    for text in (
        "Connection effective settings:",
        f"TARGET_PEER_CONNECTIONS: {target}",
        f"MAX_ADDITIONAL_PEER_CONNECTIONS: {additional}",
        f"MAX_PENDING_CONNECTIONS: {_MAX_PENDING_CONNECTIONS}",
        f"MAX_OUTBOUND_PENDING_CONNECTIONS: {outbound}",
        f"MAX_INBOUND_PENDING_CONNECTIONS: {_MAX_PENDING_CONNECTIONS - outbound}",
        "BACKGROUND_OVERLAY_PROCESSING=true",
        "EXPERIMENTAL_PARALLEL_LEDGER_APPLY=false",
    ):
        log("default", "INFO", text)


def log_banner(text: str) -> None:
    """Log a text between two empty lines."""
    for line in ("*", f"* {text}", "*"):
        log("default", "INFO", line)


def _log_end() -> None:
    for text in _END:
        log("default", "INFO", text)


def _check_backend(url: str) -> None:
    backend, separator, _ = url.partition("://")
    if not separator:
        raise CoreFailure(f"No backend name found in {url}")
    if backend != "sqlite3":
        raise CoreFailure(f"Failed to find shared library for backend {backend}")


def _open_metadata(stream: str) -> None:
    if not stream or stream.startswith("fd:"):
        return
    try:
        Path(stream).touch()
    except OSError as error:
        raise CoreFailure(f'fs::openFile("{stream}") failed: {error.strerror}') from error
    if Path(stream).is_dir():
        raise CoreFailure(f'fs::openFile("{stream}") failed: Is a directory')


def _check_query_port(settings: CoreSettings) -> None:
    if settings.query_port and settings.is_validator and not settings.is_standalone:
        raise CoreFailure("HTTP_QUERY_PORT is non-zero, NODE_IS_VALIDATOR is set, and RUN_STANDALONE is not set")


def _check_archives(settings: CoreSettings) -> None:
    """Log which archives are read and written. Raises NotSetUpError where none can be read."""
    for archive in settings.archives:
        level, text = _ARCHIVES[bool(archive.get), bool(archive.put)]
        log("History", level, f"Archive '{archive.name}' has {text}")
    is_readable = any(archive.get for archive in settings.archives)
    if not is_readable:
        log("History", "FATAL", "No readable archives configured, catchup will fail.")
    if not any(archive.get and archive.put for archive in settings.archives):
        log("History", "WARNING", "No writable archives configured, history will not be written.")
    if not is_readable:
        log("History", "ERROR", "History archives misconfigured.")
        raise NotSetUpError
