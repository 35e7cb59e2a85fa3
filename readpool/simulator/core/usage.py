"""What `help`, `--help` and a command that was not understood print: Core 22.4.1's own texts. Pure."""

COMMANDS = """\
  catchup                           execute catchup from history archives
                                    without connecting to network
  check-quorum-intersection         check that a given network specified as a
                                    JSON file enjoys a quorum intersection
  convert-id                        displays ID in all known forms
  diag-bucket-stats                 reports statistics on the content of a
                                    bucket
  dump-archival-stats               prints statistics about expired/evicted
                                    entries in the BucketList
  dump-ledger                       dumps the current ledger state as JSON
                                    for debugging
  dump-xdr                          dump an XDR file, for debugging
  encode-asset                      Print an encoded asset in base 64 for
                                    debugging
  force-scp                         deprecated, use --wait-for-consensus
                                    option instead
  gen-seed                          generate and print a random node seed
  get-settings-upgrade-txs          returns all transactions that need to be
                                    submitted to do a settings upgrade
  help                              display list of available commands
  http-command                      send a command to local stellar-core
  merge-bucketlist                  writes diagnostic merged bucket list
  new-db                            creates or restores the DB to the genesis
                                    ledger
  new-hist                          initialize history archives
  offline-info                      return information for an offline
                                    instance
  print-publish-queue               print all checkpoints scheduled for
                                    publish
  print-xdr                         pretty-print one XDR envelope, then quit
  publish                           execute publish of all items remaining in
                                    publish queue without connecting to
                                    network, may not publish last checkpoint
                                    if last closed ledger is on checkpoint
                                    boundary
  replay-debug-meta                 apply ledgers from local debug metadata
                                    files
  report-last-history-checkpoint    report information about last checkpoint
                                    available in history archives
  run                               run stellar-core node
  sec-to-pub                        print the public key corresponding to a
                                    secret key
  self-check                        performs diagnostic checks
  sign-transaction                  add signature to transaction envelope,
                                    then quit
  upgrade-db                        upgrade database schema to current
                                    version
  verify-checkpoints                write verified checkpoint ledger hashes
  version                           print version information
"""
"""The list of commands, with what each does."""

_COMMON = """\
  -?, -h, --help            display usage information
  --ll <LEVEL>              set the log level
  --metric <METRIC-NAME>    report metric METRIC-NAME on exit
  --console                 enable logging to console
  --conf <FILE-NAME>        specify a config file ('stdin' for STDIN, default
                            'stellar-core.cfg')
"""
_NO_CONFIGURATION = """\
  -?, -h, --help    display usage information
"""
_OPTIONS = {
    "catchup": """\
  -?, -h, --help                            display usage information
  --ll <LEVEL>                              set the log level
  --metric <METRIC-NAME>                    report metric METRIC-NAME on exit
  --console                                 enable logging to console
  --conf <FILE-NAME>                        specify a config file ('stdin'
                                            for STDIN, default 'stellar-core.
                                            cfg')
  --archive <ARCHIVE-NAME>                  Archive name to be used for
                                            catchup. Use 'any' to select
                                            randomly
  --trusted-checkpoint-hashes <FILE-NAME>    get destination ledger hash from
  NAME>                                     trusted output of 'verify-
                                            checkpoints'
  --output-file <FILE-NAME>                 output file
  --disable-bucket-gc                       keeps all, even old, buckets on
                                            disk
  --extra-verification                      verify all files from the archive
                                            for the catchup range
  --in-memory                               (DEPRECATED) flag is ignored and
                                            will be removed soon.
  --trusted-hash <HASH>                     Hash of the ledger to catchup to
  --trusted-hash <HASH>                     Hash of the ledger to catchup to
  --force-untrusted-catchup                 force unverified catchup
  --metadata-output-stream <STREAM>         Filename or file-descriptor
                                            number 'fd:N' to stream metadata
                                            to
""",
    "new-db": """\
  -?, -h, --help                  display usage information
  --ll <LEVEL>                    set the log level
  --metric <METRIC-NAME>          report metric METRIC-NAME on exit
  --console                       enable logging to console
  --conf <FILE-NAME>              specify a config file ('stdin' for STDIN,
                                  default 'stellar-core.cfg')
  --minimal-for-in-memory-mode    (DEPRECATED) flag is ignored and will be
                                  removed soon.
""",
    "run": """\
  -?, -h, --help                       display usage information
  --ll <LEVEL>                         set the log level
  --metric <METRIC-NAME>               report metric METRIC-NAME on exit
  --console                            enable logging to console
  --conf <FILE-NAME>                   specify a config file ('stdin' for
                                       STDIN, default 'stellar-core.cfg')
  --disable-bucket-gc                  keeps all, even old, buckets on disk
  --metadata-output-stream <STREAM>    Filename or file-descriptor number
                                       'fd:N' to stream metadata to
  --in-memory                          (DEPRECATED) flag is ignored and will
                                       be removed soon.
  --wait-for-consensus                 wait to hear from the network before
                                       voting, for validating nodes only
  --start-at-ledger <LEDGER>           (DEPRECATED) flag is ignored and will
                                       be removed soon.
  --start-at-hash <HASH>               (DEPRECATED) flag is ignored and will
                                       be removed soon.
""",
    "convert-id": _NO_CONFIGURATION,
    "gen-seed": _NO_CONFIGURATION,
    "sec-to-pub": _NO_CONFIGURATION,
}


_CATCHUP = """\
catchup value should be passed as <DESTINATION-LEDGER/LEDGER-COUNT>, where
destination ledger is any valid number or 'current' and ledger count is any
valid number or 'max'"""
ARGUMENTS = {
    "catchup": ("<DESTINATION-LEDGER/LEDGER-COUNT>", _CATCHUP),
    "convert-id": ("<ID>", "ID argument is required"),
    "http-command": ("<COMMAND>", "COMMAND argument is required"),
    "new-hist": ("<HISTORY-LABEL> ... ", "HISTORY-LABEL argument is required"),
}
"""What a command has to be given beside options: its name in the usage, and what is said when it is missing."""

WITH_VALUE = frozenset(
    {
        *("--archive", "--conf", "--ll", "--metadata-output-stream", "--metric", "--output-file"),
        *("--start-at-hash", "--start-at-ledger", "--trusted-checkpoint-hashes", "--trusted-hash"),
    }
)
"""Options that are followed by a value, whatever the command."""


def usage() -> str:
    """Return the list of all commands."""
    return f"usage:\n  stellar-core COMMAND\n\nwhere COMMAND is one of following:\n{COMMANDS}"


def list_commands() -> dict[str, str]:
    """Return the commands and what each does, by the words of the list."""
    found: dict[str, str] = {}
    name = ""
    for line in COMMANDS.splitlines():
        start, text = line[:36].strip(), line[36:]
        name = start or name
        found[name] = f"{found[name]} {text}" if name in found else text
    return found


def command_usage(command: str) -> str:
    """Return the usage of one command."""
    argument, _ = ARGUMENTS.get(command, ("", ""))
    options = _OPTIONS.get(command, _COMMON)
    return (
        f"{list_commands()[command]}\n\nusage:\n  stellar-core {command} {argument} options\n\n"
        f"where options are:\n{options}"
    )


def list_options(command: str) -> frozenset[str]:
    """Return the options that a command takes."""
    text = _OPTIONS.get(command, _COMMON)
    return frozenset(word.strip(",") for line in text.splitlines() for word in line[2:].split(" ") if word[:1] == "-")
