"""Lets this process open as many connections as the machine allows: one for each poll under way, and those kept."""

import contextlib
import errno
import resource

SCALER_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of this machine, which say nothing about the node."""


def raise_open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one, and return what holds then.

    Many systems start a process with 1,024, for the sake of programs that call select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # a sandbox may refuse; polls then say what they lack
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
