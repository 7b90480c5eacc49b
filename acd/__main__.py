"""`python -m acd`."""

import sys

from acd.cli import main

if __name__ == "__main__":
    sys.exit(main())
