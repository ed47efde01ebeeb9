"""`python -m autogen_otel`, where the script `autogen-otel` is not on the path."""

import sys

from autogen_otel.cli import main

if __name__ == "__main__":
    sys.exit(main())
