"""Writes docs/patches.md: every patch, with its reason, from the tables of the adapters.

Run it as `python scripts/patches.py > docs/patches.md`; a test compares the two.
"""

from __future__ import annotations

from autogen_otel.instrumentation import ADAPTERS
from autogen_otel.patching.patches import Patches


def main() -> None:
    """Print the page."""
    print("# What is patched, and why\n")
    print(
        "A patch is applied when the module is imported, and is never the reason for importing it.\n"
        "`autogen-otel doctor` tells what became of each here. A place marked *optional* is missing in some of the\n"
        "supported versions."
    )
    for adapter in ADAPTERS:
        print(f"\n## {adapter.name}: {adapter.versions}\n")
        print("| place | why | |")
        print("| --- | --- | --- |")
        for patch in adapter.patches(Patches(), False):
            print(f"| `{patch.target}` | {patch.why} | {'optional' if patch.optional else ''} |")


if __name__ == "__main__":
    main()
