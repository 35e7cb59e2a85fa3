"""What a configuration file says, parsed: the settings of one simulated Core. Pure; read by configuration.py."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HistoryArchive:
    """An archive by its commands, with {0} and {1} in them as Core has them; an empty one is not there."""

    name: str
    get: str = ""
    put: str = ""
    mkdir: str = ""


@dataclass(frozen=True, slots=True)
class QuorumSet:
    """Whose word counts: `threshold` of the validators (accounts, G…) and inner sets."""

    threshold: int
    validators: tuple[str, ...]
    inner: tuple["QuorumSet", ...] = ()


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """The keys of a configuration that change what the simulated Core does. Others are known, checked and ignored.

    Attributes:
        seed: of a node that has NODE_SEED (S…); without one each start has a new random identity.
        account: that belongs to the seed; of a random identity otherwise (G…).
        alias: the name that NODE_SEED gives the node, "" without one.
        database: path of the SQLite file.
        database_url: DATABASE as it stands in the file, which the log shows.
        metadata_stream: METADATA_OUTPUT_STREAM, opened and left empty; "" is none.
        buckets: path of the folder BUCKET_DIR_PATH.
        log_file: None writes to standard error alone; may have {datetime:%Y-%m-%d_%H-%M-%S} in it.
        http_port, query_port: 0 has none.
        is_public: command and query port listen on all IPv4 addresses instead of localhost.
        known_peers, preferred_peers: HOST or HOST:PORT, as they stand in the file.
        slots_remembered: MAX_SLOTS_TO_REMEMBER.
        catchup_recent: CATCHUP_RECENT; with `catchup_complete` the whole history is replayed.
        is_accelerated: ARTIFICIALLY_ACCELERATE_TIME_FOR_TESTING: ledgers of 1 s and checkpoints of 8 ledgers instead
            of 5 s and 64.
    """

    passphrase: str
    is_validator: bool
    account: str
    quorum: QuorumSet
    database: str
    seed: str | None = None
    alias: str = ""
    database_url: str = ""
    metadata_stream: str = ""
    buckets: str = "buckets"
    log_file: str | None = None
    peer_port: int = 11625
    http_port: int = 11626
    query_port: int = 0
    query_threads: int = 4
    query_snapshot_ledgers: int = 5
    http_max_client: int = 128
    is_public: bool = False
    is_standalone: bool = False
    is_accelerated: bool = False
    known_peers: tuple[str, ...] = ()
    preferred_peers: tuple[str, ...] = ()
    target_peer_connections: int = 8
    max_additional_peer_connections: int = -1
    slots_remembered: int = 12
    catchup_complete: bool = False
    catchup_recent: int = 0
    archives: tuple[HistoryArchive, ...] = field(default=())

    @property
    def short_name(self) -> str:
        """What the log and /info call the node: its alias, or the first five characters of its account."""
        return self.alias or self.account[:5]

    @property
    def max_additional(self) -> int:
        """How many connections it accepts: MAX_ADDITIONAL_PEER_CONNECTIONS; -1 is eight times those it seeks."""
        given = self.max_additional_peer_connections
        return self.target_peer_connections * 8 if given < 0 else given

    @property
    def ledger_seconds(self) -> float:
        """How often the network closes a ledger."""
        return 1.0 if self.is_accelerated else 5.0

    @property
    def checkpoint_ledgers(self) -> int:
        """How many ledgers a checkpoint of the archive holds."""
        return 8 if self.is_accelerated else 64
