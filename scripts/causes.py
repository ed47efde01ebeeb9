"""Writes docs/causes.md: the manual of the causes, from the docstrings of the detectors.

Run it as `python scripts/causes.py > docs/causes.md`; a test compares the two.
"""

from __future__ import annotations

from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.render_diagnosis import paragraphs


def main() -> None:
    """Print the pages."""
    print("# Causes\n\n`autogen-otel explain CAUSE` prints one of these pages.")
    for cause in Cause:
        page = page_of(cause)
        print(f"\n## `{cause.value}`\n\n{page.title}.")
        print(f"\n**Symptom.** {page.symptom}\n\n**Cause.** {page.cause}\n\n**Fix.**", end=" ")
        for is_code, text in paragraphs(page.fix):
            print(f"\n```python\n{text}\n```\n" if is_code else text)


if __name__ == "__main__":
    main()
