"""`python -m autogen_otel.demo [case ...] [--out FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from autogen_otel.demo.app import main
from autogen_otel.demo.cases import NAMES


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autogen_otel.demo", description=sys.modules["__main__"].__doc__)
    parser.add_argument("case", nargs="*", help=f"which ones: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--out", type=Path, help="an empty or new folder for logs and spans (default: a temporary one)")
    options = parser.parse_args()
    unknown = [name for name in options.case if name not in NAMES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return options


if __name__ == "__main__":
    options = _options()
    sys.exit(main(options.case or None, options.out))
