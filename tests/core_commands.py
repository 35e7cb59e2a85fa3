"""Every command that a Stellar Core has on its command port, in any version that a pool may run.

Of v27 from src/main/CommandHandler.cpp, builds for tests included; and what earlier ones had besides.
"""

OF_TODAY = (
    *("bans", "connect", "droppeer", "peers", "quorum", "scp", "stopsurvey", "getsurveyresult"),
    *("startsurveycollecting", "stopsurveycollecting", "surveytopologytimesliced", "unban", "clearmetrics"),
    *("ll", "logrotate", "manualclose", "metrics", "tx", "upgrades", "banaccounts", "unbanaccounts"),
    *(
        "dumpproposedsettings",
        "self-check",
        "sorobaninfo",
        "generateload",
        "testacc",
        "testtx",
        "toggleoverlayonlymode",
    ),
)
OF_EARLIER_VERSIONS = (
    *("catchup", "checkdb", "checkpoint", "dropcursor", "getcursor", "getledgerentry", "getledgerentryraw"),
    *("maintenance", "setcursor", "stop", "surveytopology"),
)
CORE_COMMANDS = tuple(sorted({*OF_TODAY, *OF_EARLIER_VERSIONS}))
"""All but `info`."""
