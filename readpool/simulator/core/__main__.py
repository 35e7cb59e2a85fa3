"""`python -m readpool.simulator.core ARGS` is `stellar-core ARGS`."""

import sys

from readpool.simulator.core.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
