"""The sub-commands and their options. Annotations are not postponed here: typer reads them."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from autogen_otel.cli.since import nanoseconds
from autogen_otel.core.causes import Cause

app = typer.Typer(
    name="autogen-otel",
    help="Says why an AutoGen request failed: reads the telemetry that autogen_otel.instrument() has stored.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _since(text: str) -> int:
    try:
        return nanoseconds(text, time.time_ns())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Store = Annotated[
    Path | None,
    typer.Argument(
        metavar="PATH",
        help="A store's folder, a file of OTLP JSON lines, or an answer of Jaeger's api/v3 saved as a file. "
        "Default: $AUTOGEN_OTEL_STORE, else the local store.",
        show_default=False,
    ),
]
Since = Annotated[
    int | None,
    typer.Option(
        parser=_since,
        metavar="TIME",
        help="Only requests that were seen since then: 15m, 2h, 1d, or an ISO time (UTC unless it says otherwise).",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; its keys are stable.")]


@app.command("show")
def show(
    request_id: Annotated[str, typer.Argument(metavar="REQUEST-ID", help="As in the log lines.", show_default=False)],
    path: Store = None,
    since: Since = None,
    as_json: AsJson = False,
    logs: Annotated[bool, typer.Option("--logs", help="Print the log records too.")] = False,
    stack: Annotated[bool, typer.Option("--stack", help="Print the whole stack trace too.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out of a long tree.")] = False,
) -> None:
    """Print a request as a tree: the original exception first, then what AutoGen reported instead."""
    from autogen_otel.cli import show as command

    raise typer.Exit(command.show(request_id, path, since, as_json=as_json, logs=logs, stack=stack, full=full))


@app.command("requests")
def requests(
    path: Store = None,
    since: Since = None,
    as_json: AsJson = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only those with a fault or without an end.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="How many of the newest; 0 for all.")] = 20,
) -> None:
    """List recent requests with their outcome, the newest last."""
    from autogen_otel.cli import requests as command

    raise typer.Exit(command.requests(path, since, as_json=as_json, failed=failed, limit=limit))


@app.command("diagnose")
def diagnose(
    path: Store = None,
    since: Since = None,
    as_json: AsJson = False,
    request_id: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Only requests with this ID.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page with everything in one file too.", show_default=False),
    ] = None,
    jaeger: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask this Jaeger, such as http://localhost:16686, for the traces of the last day, or since --since.",
            show_default=False,
        ),
    ] = None,
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="OTEL_SERVICE_NAME",
            help="Whose traces to ask Jaeger for; the only ones there are, if they are of one service.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Say why requests failed or answered wrongly: the causes with the most requests first, and what to do."""
    from autogen_otel.cli import diagnose as command

    if jaeger is not None and path is not None:
        raise typer.BadParameter("either PATH or --jaeger, not both")
    source = command.Source(path, jaeger, service, since, request_id)
    raise typer.Exit(command.diagnose(source, now_ns=time.time_ns(), as_json=as_json, html=html))


@app.command("explain")
def explain(
    cause: Annotated[
        Cause | None, typer.Argument(metavar="CAUSE", help="Such as shared_state; lists all if none is named.")
    ] = None,
) -> None:
    """Print what is known of a cause: symptom, cause and fix."""
    from autogen_otel.cli import explain as command

    raise typer.Exit(command.explain(cause))


@app.command("doctor")
def doctor(
    as_json: AsJson = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every patch and version.")] = False,
) -> None:
    """Say what is instrumented, where telemetry goes, and whether that place answers."""
    from autogen_otel.cli import doctor as command

    raise typer.Exit(command.doctor(as_json=as_json, verbose=verbose))


@app.command("demo")
def demo(
    cases: Annotated[list[str] | None, typer.Argument(help="Which cases; all if none is named.")] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(help="classic, agentchat or ag2, repeatable; all that are installed if none is named."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for logs and spans.", show_default=False)] = None,
) -> None:
    """Break AutoGen in the field guide's ways on this machine, and fix it."""
    from autogen_otel.demo.app import main

    raise typer.Exit(main(cases or (), out, line or ()))


def run() -> int:
    """Run the command line of this process and return the exit code."""
    # A terminal that cannot print a character gets it spelled out: telemetry holds anything.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app()
    return 0
