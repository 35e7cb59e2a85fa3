"""What is the same in all history archives: where their state file is, and how many ledgers a checkpoint has.

Source: stellar-core docs/history.md and HistoryManager.h. The first checkpoint is one ledger short: ledgers begin at 1,
and checkpoints end at 63, 127, 191 and so on.
"""

STATE_PATH = "/.well-known/stellar-history.json"
CHECKPOINT_LEDGERS = 64
FIRST_LEDGER = 1
