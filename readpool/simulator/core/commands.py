"""The commands that read a configuration, work on a data folder and end at once."""

import sys
import time
from pathlib import Path
from typing import Any

from readpool.simulator.core import BUILD, PROTOCOL, log
from readpool.simulator.core.command_line import Arguments
from readpool.simulator.core.configuration import read
from readpool.simulator.core.errors import CoreFailure
from readpool.simulator.core.identity import random_seed
from readpool.simulator.core.keys import account_of, root_seed
from readpool.simulator.core.ledger_state import genesis_entries
from readpool.simulator.core.opening import (
    application,
    check_passphrase,
    connect,
    load_last_closed,
    log_banner,
    log_bucket_list,
    log_effective,
    make_folders,
    open_store,
)
from readpool.simulator.core.settings import CoreSettings
from readpool.simulator.core.store import Store
from readpool.simulator.core_info import write_styled

_DROPPED_TABLES = (
    *("accounts", "signers", "claimablebalance", "configsettings", "contractcode", "contractdata"),
    *("accountdata", "liquiditypool", "trustlines", "ttl"),
)


def configure(arguments: Arguments) -> CoreSettings:
    """Read the configuration file, and log as it says from then on. Raises CoreFailure."""
    if (level := arguments.options.get("--ll")) and not log.set_level(level):
        raise CoreFailure(f"Unknown log level {level}")
    path = arguments.configuration
    log.log("default", "INFO", f"Config from {path}")
    settings = read(_read_text(path), path, random_seed(), lambda level, text: log.log("default", level, text))
    log.name_node(settings.account)
    if settings.log_file is not None:
        log.open_file(settings.log_file)
    return settings


def _read_text(path: str) -> str:
    if path == "stdin":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CoreFailure(f"No config file {path} found") from error


def new_db(arguments: Arguments) -> int:
    """Begin at genesis, whatever was there before."""
    settings = configure(arguments)
    with application():
        store = connect(settings)
        try:
            _begin(store, settings)
        finally:
            store.close()
        check_passphrase(settings)
        log_bucket_list()
        log_effective(settings)
        log_banner("The next launch will catchup from the network afresh.")
    return 0


def _begin(store: Store, settings: CoreSettings) -> None:
    store.begin(genesis_entries(settings.passphrase))
    make_folders(settings)
    for text in ("* ", "* The database has been initialized", "* "):
        log.log("default", "INFO", text)
    for number in (22, 23, 24):
        log.log("Database", "INFO", f"Applying DB schema upgrade to version {number}")
    log.log("Database", "INFO", "Upgrading to BucketListDB")
    for table in _DROPPED_TABLES:
        log.log("Database", "INFO", f"Dropping table {table}")
    log.log("Database", "INFO", "DB schema is in current version")
    log.log("default", "INFO", "Dropping offers")
    log.log("default", "INFO", "Successfully rebuilt ledger tables")
    log.log("Ledger", "INFO", "Established genesis ledger, closing")
    seed = root_seed(settings.passphrase)
    log.log("Ledger", "INFO", f"Root account: {account_of(seed)}")
    log.log("Ledger", "INFO", f"Root account seed: {seed}")


def upgrade_db(arguments: Arguments) -> int:
    """Look whether the database is this version's and this network's, and change nothing."""
    settings = configure(arguments)
    with application():
        open_store(settings).close()
    return 0


def offline_info(arguments: Arguments) -> int:
    """Print what /info says of a node that is not started."""
    settings = configure(arguments)
    with application():
        store = open_store(settings)
        try:
            load_last_closed(store)
            log.log("default", "INFO", "Reporting application info")
            print(write_styled(describe(store, settings, "Booting")).decode())
        finally:
            store.close()
    return 0


def describe(store: Store, settings: CoreSettings, state: str, status: str = "") -> dict[str, Any]:
    """Make the JSON of /info for a node without peers, with the buckets of its ledger."""
    header = store.header
    levels = [{"curr": level.curr, "snap": level.snap} for level in store.levels]
    ledger = {
        "age": max(0, int(time.time()) - header.close_time) if header.close_time else 0,
        "baseFee": header.base_fee,
        "baseReserve": header.base_reserve,
        "bucketlist": levels,
        "closeTime": header.close_time,
        "hash": header.hash,
        "maxTxSetSize": header.max_tx_set_size,
        "num": header.num,
        "version": header.protocol,
    }
    info = {
        "build": BUILD,
        "ledger": ledger,
        "network": settings.passphrase,
        "peers": {"authenticated_count": 0, "pending_count": 0},
        "protocol_version": PROTOCOL,
        "quorum": {"node": settings.short_name, "qset": {"cost": 0, "lag_ms": None}},
        "startedOn": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "state": state,
    }
    return {"info": {**info, "status": [status]} if status else info}


def print_publish_queue(arguments: Arguments) -> int:
    """Print the checkpoints that wait to be published, a line each."""
    settings = configure(arguments)
    with application():
        store = open_store(settings)
        queued = store.list_queued()
        store.close()
        for checkpoint in queued:
            print(checkpoint)
    return 0


def http_command(arguments: Arguments) -> int:
    """Ask the command port of a node that runs, and print what it answers."""
    import http.client  # noqa: PLC0415  # it brings more than all the other commands need

    settings = configure(arguments)
    connection = http.client.HTTPConnection("127.0.0.1", settings.http_port)
    try:
        connection.request("GET", "/" + arguments.positional[0])
        print(connection.getresponse().read().decode())
    except OSError as error:
        raise CoreFailure(f"http_request failed: {error.strerror}") from error
    finally:
        connection.close()
    return 0


def refuse(arguments: Arguments) -> int:
    """Refuse a command of Core that has no counterpart here."""
    print(f"{arguments.command} is not simulated", file=sys.stderr)
    return 1
