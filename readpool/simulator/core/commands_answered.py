"""What each command of the command port answers. Those that change something ask the node to do it."""

import binascii
import importlib.resources
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from readpool.simulator.core.log import LEVELS, set_level
from readpool.simulator.core.node_answers import build_info, build_peers, build_quorum, build_transitive_quorum
from readpool.simulator.core.node_view import NodeView
from readpool.simulator.core.scp_answer import LIMIT, build_scp
from readpool.simulator.core.upgrades import UpgradeError, Upgrades, parse_number
from readpool.simulator.core.xdr import XdrError, decode_base64
from readpool.simulator.core_info import render_exception, write_styled

Arguments = Mapping[str, str]
Command = Callable[[NodeView, Arguments], bytes]

PARTITIONS = (
    *("Bucket", "Database", "Fs", "Herder", "History", "Invariant", "Ledger"),
    *("LoadGen", "Overlay", "Perf", "Process", "SCP", "Tx", "Work"),
)


class CommandError(Exception):
    """Arguments that Core refuses; the message is what stands under `exception`."""


def answer_command(node: NodeView, path: str, arguments: Arguments) -> bytes | None:
    """Return the body of the answer to a command, None where there is no such command."""
    command = COMMANDS.get(path)
    if command is None:
        return None
    try:
        return command(node, arguments)
    except (CommandError, UpgradeError, XdrError) as error:
        return render_exception(str(error))


def _info(node: NodeView, arguments: Arguments) -> bytes:
    facts, armed = node.facts(), node.upgrades.describe()
    if armed:
        facts = replace(facts, status=(*facts.status, armed))
    return write_styled(build_info(facts, is_compact=_flag(arguments, "compact", default=True)))


def _peers(node: NodeView, arguments: Arguments) -> bytes:
    is_compact, is_full = _flag(arguments, "compact", default=True), _flag(arguments, "fullkeys")
    return write_styled(build_peers(node.facts(), is_compact=is_compact, is_full=is_full))


def _quorum(node: NodeView, arguments: Arguments) -> bytes:
    is_full = _flag(arguments, "fullkeys")
    if _flag(arguments, "transitive"):
        return write_styled(build_transitive_quorum(node.facts(), is_full=is_full))
    return write_styled(build_quorum(node.facts(), is_compact=_flag(arguments, "compact"), is_full=is_full))


def _scp(node: NodeView, arguments: Arguments) -> bytes:
    limit = parse_number("limit", arguments["limit"]) if "limit" in arguments else LIMIT
    return write_styled(build_scp(node.facts(), limit))


def _metrics(node: NodeView, arguments: Arguments) -> bytes:
    return node.metrics.render([one for one in arguments.get("enable", "").split(",") if one])


def _clear_metrics(node: NodeView, arguments: Arguments) -> bytes:
    domain = arguments.get("domain", "")
    if domain in ("", "ledger"):
        node.metrics.clear()
    return f"Cleared {domain} metrics!".encode()


def _log_level(_node: NodeView, arguments: Arguments) -> bytes:
    level, partition = arguments.get("level", ""), arguments.get("partition")
    if not level:
        return write_styled(dict.fromkeys(PARTITIONS, "Info"))
    if partition is not None and partition not in PARTITIONS:
        raise CommandError("not a valid partition")
    if partition is None:
        set_level(level)
    shown = level.capitalize() if level.upper() in LEVELS else "Info"
    return write_styled({partition or "Global": shown})


def _connect(node: NodeView, arguments: Arguments) -> bytes:
    if not {"peer", "port"} <= arguments.keys():
        return b"Must specify a peer and port: connect&peer=PEER&port=PORT"
    host, port = arguments["peer"], parse_number("port", arguments["port"])
    node.connect(host, port)
    return f"Connect to: {host}:{port}".encode()


def _drop_peer(node: NodeView, arguments: Arguments) -> bytes:
    name = arguments.get("node", "")
    if not name:
        return b"Must specify at least peer id: droppeer?node=NODE_ID"
    return f"Drop peer: {name}".encode() if node.drop_peer(name) else _not_found(name)


def _unban(_node: NodeView, arguments: Arguments) -> bytes:
    name = arguments.get("node", "")
    return _not_found(name) if name else b"Must specify at least peer id: unban?node=NODE_ID"


def _upgrades(node: NodeView, arguments: Arguments) -> bytes:
    mode = arguments.get("mode", "")
    if mode == "get":
        return write_styled(node.upgrades.to_json())
    if mode == "set":
        node.upgrades = Upgrades.parse(arguments)
    elif mode == "clear":
        node.upgrades = Upgrades()
    else:
        return f"Unknown mode: {mode}".encode() if mode else b"mode required"
    return b""


def _transaction(node: NodeView, arguments: Arguments) -> bytes:
    if not arguments.get("blob"):
        raise CommandError("Must specify a tx blob: tx?blob=<tx in xdr format>")
    done = node.submit(decode_base64(arguments["blob"].encode("latin-1")))
    said = {"status": done.status}
    if done.result is not None:
        said = {"error": _encode(done.result), **said}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _soroban_info(_node: NodeView, arguments: Arguments) -> bytes:
    known: dict[str, Any] = json.loads(
        importlib.resources.files("readpool.simulator.core").joinpath("soroban.json").read_bytes()
    )
    name = arguments.get("format", "basic")
    if name == "upgrade_xdr":
        return str(known[name]).encode()
    if name == "detailed":
        return json.dumps(known[name], indent=4).encode() + b"\n"
    return write_styled(known["basic"])


def _dump_settings(_node: NodeView, arguments: Arguments) -> bytes:
    if not arguments.get("blob"):
        wanted = "dumpproposedsettings?blob=<ConfigUpgradeSetKey in xdr format>"
        raise CommandError(f"Must specify a ConfigUpgradeSetKey blob: {wanted}")
    raise CommandError("insufficient buffer space in xdr_generic_get")


def _close_ledger(node: NodeView, _arguments: Arguments) -> bytes:
    wanted = "MANUAL_CLOSE" if node.facts().is_validator else "NODE_IS_VALIDATOR"
    raise CommandError(f"Issuing a manual ledger close requires {wanted} to be set to true.")


def _maintain(_node: NodeView, arguments: Arguments) -> bytes:
    return b"Done" if arguments.get("queue") == "true" else b"No work performed"


def _say(body: bytes) -> Command:
    return lambda _node, _arguments: body


def _require(name: str) -> Command:
    return lambda _node, _arguments: render_exception(f"'{name}' argument is required!")


def _not_found(name: str) -> bytes:
    return f"Peer {name} not found".encode()


def _flag(arguments: Arguments, name: str, *, default: bool = False) -> bool:
    return arguments.get(name, str(default).lower()) == "true"


def _encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


COMMANDS: Mapping[str, Command] = {
    "bans": _say(write_styled({"bans": None})),
    "clearmetrics": _clear_metrics,
    "connect": _connect,
    "droppeer": _drop_peer,
    "dumpproposedsettings": _dump_settings,
    "getsurveyresult": _say(write_styled({"backlog": None, "badResponseNodes": None, "surveyInProgress": False})),
    "info": _info,
    "ll": _log_level,
    "logrotate": _say(b"Log rotate..."),
    "maintenance": _maintain,
    "manualclose": _close_ledger,
    "metrics": _metrics,
    "peers": _peers,
    "quorum": _quorum,
    "scp": _scp,
    "self-check": _say(b""),
    "sorobaninfo": _soroban_info,
    "startsurveycollecting": _require("nonce"),
    "stopsurvey": _say(b"survey stopped"),
    "stopsurveycollecting": _say(b"Failed to stop survey collecting. No survey is active on the network."),
    "surveytopologytimesliced": _require("node"),
    "tx": _transaction,
    "unban": _unban,
    "upgrades": _upgrades,
}
