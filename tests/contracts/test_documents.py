"""What the documents say is what the code does."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autogen_otel
from autogen_otel.core import names
from autogen_otel.instrumentation import ADAPTERS
from autogen_otel.patching.patches import Patches

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="the documents are not beside the tests")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_every_patch_is_documented(adapter):
    """docs/patches.md names each place and the reason that its row in the table gives."""
    document = read("docs/patches.md")

    rows = {(patch.target, patch.why) for patch in adapter.patches(Patches(), False)}
    assert [target for target, why in rows if f"| `{target}` | {why} |" not in document] == []


def test_every_name_is_documented():
    """docs/telemetry.md has each attribute, metric and log key, and no other."""
    document = read("docs/telemetry.md")

    known = {value for key, value in vars(names).items() if key.isupper()} - {
        names.OTHER,
        names.REQUEST_STARTED,
        names.REQUEST_FINISHED,
        names.FAULT_EVENT,
    }
    written = set(re.findall(r"^\| `([^`]+)` \|", document, re.MULTILINE))
    assert (known - written, written - known) == (set(), set())


def test_readme_names_what_can_be_imported():
    """Each `autogen_otel.name` in README and docs is a public name."""
    text = read("README.md") + read("docs/logging.md")

    used = set(re.findall(r"autogen_otel\.([a-z_]+)", text)) - {"demo"}
    assert used - set(autogen_otel.__all__) == set()


LOGGING = re.findall(r"## ([^\n]+)\n[^#]*?```python\n(import.*?)```", read("docs/logging.md"), re.DOTALL)
REQUEST = """
autogen_otel.instrument()
try:
    with autogen_otel.request("req-42"):
        logging.getLogger("shop").warning("looking up p9")
        raise KeyError("p9")
except KeyError:
    logging.getLogger("shop").exception("no answer")
"""


@pytest.mark.parametrize("recipe", [code for _, code in LOGGING], ids=[title for title, _ in LOGGING])
def test_recipe_for_logging_gives_every_line_its_fields(tmp_path, recipe):
    """Each recipe of docs/logging.md, as it stands, makes one JSON object a line with the fields of a request."""
    done = subprocess.run(
        [sys.executable, "-c", f"import logging\n{recipe}{REQUEST}"],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
        env={"AUTOGEN_OTEL_STORE": str(tmp_path)},
    )
    lines = {line["event"]: line for line in map(json.loads, (done.stdout + done.stderr).splitlines())}

    keys = ("timestamp", "level", "event", "logger", "request_id", "exception_type", "exception", "trace_id", "span_id")
    exception, where = {"exception_type", "exception"}, {"request_id", "trace_id", "span_id"}
    assert {event: set(keys) - set(line) for event, line in lines.items()} == {
        "request started": exception,
        "looking up p9": exception,
        "fault": set(),
        "cause": exception,
        "request finished": {"exception"},
        "no answer": where,
    }
    assert lines["fault"]["exception"][0]["frames"][-1]["function"] == "<module>"


def test_public_names_are_twelve_at_most_and_have_a_page():
    """The public names stay few, and each has a docstring."""
    without = [name for name in autogen_otel.__all__ if not inspect.getdoc(getattr(autogen_otel, name))]

    assert (len(autogen_otel.__all__) <= 12, without) == (True, [])


def test_first_two_commands_of_the_readme():
    """The first commands that a reader meets are `make demo` and `make test`."""
    assert re.findall(r"^\$ (.+)$", read("README.md"), re.MULTILINE)[:2] == ["make demo", "make test"]
