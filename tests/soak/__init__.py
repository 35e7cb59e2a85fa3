"""The soak: random faults and what users do, under readers, and a judgement of all that was seen (docs/testing.md).

Pure: acts, schedule, history, answerable, scalings, addresses, recovery, verdict, table. The rest does and looks.
"""
