"""What the documents say is what the code does."""

from __future__ import annotations

import contextlib
import inspect
import io
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
if not (ROOT / "README.md").exists():
    pytest.skip("the documents are not beside the tests", allow_module_level=True)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_every_patch_is_documented(adapter):
    """docs/patches.md names each place and the reason that its row in the table gives."""
    document = read("docs/patches.md")

    rows = {(patch.target, patch.why) for patch in adapter.patches(Patches(), False)}
    assert [target for target, why in rows if f"| `{target}` | {why} |" not in document] == []


def test_the_manual_is_that_of_the_detectors():
    """docs/causes.md has each cause with symptom, cause and fix, as the docstrings say them."""
    command = [sys.executable, str(ROOT / "scripts" / "causes.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout

    assert read("docs/causes.md") == printed


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


DOCUMENTS = ["README.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("*/*.md"))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    """Each link to a file beside a document leads to one."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", read(name))

    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tables_have_a_header(name):
    """Each table begins with a header: an empty line in its middle would make text of the rest."""
    tables = re.findall(r"(?:^\|.*\n)+", read(name), re.MULTILINE)

    assert [table for table in tables if not re.match(r".*\n\|(?: *:?-+:? *\|)+\n", table)] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_there(name):
    """Each command and option of `autogen-otel` that a document shows is one."""
    pytest.importorskip("typer", reason="the extra `cli` is not installed")
    from autogen_otel.cli.app import app

    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:
        app(["--help"])
    commands = set(re.findall(r"^  ([a-z]+)  ", out.getvalue(), re.MULTILINE))
    unknown = []
    for command, rest in re.findall(r"autogen-otel ([a-z]+)([^\n`]*)", read(name)):
        with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out:
            app([command, "--help"] if command in commands else ["--help"])
        unknown += [(command, one) for one in re.findall(r"--[a-z]+", rest) if one not in out.getvalue()]
    assert unknown == []


def test_variables_are_those_that_are_read():
    """README names each variable of ours that is read, and no other."""
    read_here = {
        found
        for path in Path(autogen_otel.__file__).parent.rglob("*.py")
        for found in re.findall(r"\bAUTOGEN_OTEL_[A-Z_]+", path.read_text(encoding="utf-8"))
    }
    told = set(re.findall(r"^\| `(AUTOGEN_OTEL_[A-Z_]+)` \|", read("README.md"), re.MULTILINE))
    assert told == read_here


def test_public_names_are_twelve_at_most_and_have_a_page():
    """The public names stay few, and each has a docstring."""
    without = [name for name in autogen_otel.__all__ if not inspect.getdoc(getattr(autogen_otel, name))]

    assert (len(autogen_otel.__all__) <= 12, without) == (True, [])


def test_first_two_commands_of_the_readme():
    """The first commands that a reader meets are `make demo` and `make test`."""
    assert re.findall(r"^\$ (.+)$", read("README.md"), re.MULTILINE)[:2] == ["make demo", "make test"]
