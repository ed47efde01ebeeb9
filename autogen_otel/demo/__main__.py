"""`python -m autogen_otel.demo [case ...] [--line LINE] [--out FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from autogen_otel.demo import cases, lines
from autogen_otel.demo.app import main


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m autogen_otel.demo", description="Run the field guide's cases, each broken and then fixed."
    )
    parser.add_argument("case", nargs="*", help=f"which ones: {', '.join(cases.NAMES)} (default: all)")
    parser.add_argument(
        "--line",
        action="append",
        default=[],
        help=f"on which AutoGen, repeatable: {', '.join(lines.NAMES)} (default: all that are installed)",
    )
    parser.add_argument("--out", type=Path, help="a new folder for logs and spans (default: a temporary one)")
    return parser.parse_args()


if __name__ == "__main__":
    options = _options()
    sys.exit(main(options.case, options.out, options.line))
