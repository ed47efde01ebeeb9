"""Which AutoGen is installed, and what `instrument()` makes of it."""

from __future__ import annotations

import importlib
import logging
import os
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from autogen_otel.cli.check import Finding, Level
from autogen_otel.core.settings import Settings
from autogen_otel.instrument import instrument, uninstrument
from autogen_otel.instrumentation import ADAPTERS
from autogen_otel.patching.patch import Patch, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.instrumentation.adapter import Adapter

# Everything that has been published under AutoGen's names, so that a wrong one is named and not overlooked.
DISTRIBUTIONS: Final = ("autogen", "ag2", "pyautogen", "autogen-agentchat", "autogen-core", "autogen-ext")
_LOGGER: Final = "autogen_otel"
_EXPORTERS: Final = tuple(f"OTEL_{signal}_EXPORTER" for signal in ("TRACES", "METRICS", "LOGS"))
_IN_WORDS: Final = {
    Status.WAITING: "waiting until the application imports their modules",
    Status.ABSENT: "absent from this version",
}
# What a library that does not fit its dependencies raises when it is imported.
_IMPORT_ERRORS: Final = (
    *(AttributeError, ImportError, LookupError, NameError, OSError),
    *(RuntimeError, SyntaxError, TypeError, ValueError),
)


def autogen() -> Iterator[Finding]:
    """Say which distributions and modules there are."""
    names = dict.fromkeys([*DISTRIBUTIONS, *(name for adapter in ADAPTERS for name in adapter.distributions)])
    found = {name: known for name in names if (known := _version(name))}
    for name, known in found.items():
        # `ag2` has brought the module `autogen` below 1, and brings `ag2` since.
        modules = "".join(f", import {module}" for module in _modules_of(name))
        yield Finding("autogen", Level.OK, f"{name} {known}{modules}")
    if not found:
        yield Finding("autogen", Level.PROBLEM, "no AutoGen is installed", f"pip install one of: {', '.join(names)}")
    for adapter in ADAPTERS:
        yield from _module(adapter)


def patches() -> Iterator[Finding]:
    """Say what becomes of each patch; imports AutoGen and instruments this process for a moment."""
    with _silent():
        # A switched-off SDK is told elsewhere; here the question is whether the patches fit.
        table = instrument(replace(Settings.from_env(), disabled=False)).status()
        uninstrument()
    found = [(patch, _status(patch, status)) for patch, status in table if _is_installed(patch.module)]
    counts = Counter(status for _, status in found)
    summary = ", ".join(f"{counts[one]} {_IN_WORDS.get(one, one.value)}" for one in Status if counts[one])
    yield Finding("patches", Level.OK, f"{summary} (--verbose lists them)" if summary else "there is nothing to patch")
    for adapter in ADAPTERS:
        if _is_installed(adapter.module) and not any(_package(patch.module) == adapter.module for patch, _ in found):
            yield Finding("patches", Level.PROBLEM, f"the patches of {adapter.module} cannot be made", "report it")
    for patch, status in found:
        yield _patch(patch, status)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _modules_of(name: str) -> list[str]:
    """Return which of AutoGen's modules an installed distribution brings."""
    packages = {file.parts[0] for file in distribution(name).files or ()}
    return [adapter.module for adapter in ADAPTERS if adapter.module in packages]


def _module(adapter: Adapter) -> Iterator[Finding]:
    """Import the module of an AutoGen line as the application would."""
    if find_spec(adapter.module) is None:
        return
    try:
        importlib.import_module(adapter.module)
    except _IMPORT_ERRORS as error:
        text = f"import {adapter.module} fails: {type(error).__name__}: {error}"
        yield Finding("autogen", Level.PROBLEM, text, "repair the installation; nothing can be observed")
        return
    yield Finding("autogen", Level.OK, f"import {adapter.module} works; tested with {adapter.versions}")
    owners = sorted(set(packages_distributions().get(adapter.module, ())))
    if len(owners) > 1:
        yield Finding(
            "autogen",
            Level.WARNING,
            f"{' and '.join(owners)} install the same module {adapter.module}: they overwrite each other's files",
            "uninstall all of them, then install one",
        )


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_installed(module: str) -> bool:
    return find_spec(_package(module)) is not None


def _status(patch: Patch, status: Status) -> Status:
    """Return ABSENT for a patch that would wait for ever: this version does not have the module."""
    return Status.ABSENT if status is Status.WAITING and not _exists(patch.module) else status


def _exists(module: str) -> bool:
    """Tell whether this version has the module, though what it needs itself may not be installed."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError as error:
        return not f"{module}.".startswith(f"{error.name}.")
    except ImportError:
        return True
    except _IMPORT_ERRORS:
        return False


def _patch(patch: Patch, status: Status) -> Finding:
    optional = " (optional)" if patch.optional and status is not Status.WOVEN else ""
    text = f"{status.value}{optional} {patch.target}: {patch.why}"
    if status is Status.ABSENT and not patch.optional:
        fix = "this version of AutoGen is not supported: use one of those tested, or report it"
        return Finding("patches", Level.PROBLEM, text, fix)
    if status is Status.BYPASSED:
        return Finding("patches", Level.PROBLEM, text, "something replaced it after instrument(): call that earlier")
    return Finding("patches", Level.OK, text, detail=True)


@contextmanager
def _silent() -> Iterator[None]:
    """Send no telemetry of this process, and keep back the warnings of `instrument()`: the findings say the same."""
    logger = logging.getLogger(_LOGGER)
    logger.disabled = True
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(_EXPORTERS, "none"))
    try:
        yield
    finally:
        for name in _EXPORTERS:
            os.environ.pop(name)
        os.environ.update({name: before[name] for name in _EXPORTERS if name in before})
        logger.disabled = False
