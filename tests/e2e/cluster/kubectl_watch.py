"""A watch by kubectl, read line by line from a thread while a test goes on."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import IO

from devtools.cluster.access import Access


@contextlib.contextmanager
def read_watch(access: Access, words: list[str], note: Callable[[str], None]) -> Iterator[Callable[[], int | None]]:
    """Run `kubectl get` with these words while the block runs, and `note` each line; gives who tells its exit code."""
    command = [access.kubectl_program, "get", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=access.environment) as process:
        assert process.stdout
        reader = threading.Thread(target=_note_all, args=(process.stdout, note), daemon=True)
        reader.start()
        try:
            yield process.poll
        finally:
            process.terminate()
            reader.join()


def _note_all(lines: IO[str], note: Callable[[str], None]) -> None:
    for line in lines:
        note(line)
