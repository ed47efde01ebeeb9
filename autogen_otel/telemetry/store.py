"""The local store: spans, logs and metrics as OTLP JSON lines in a folder, when there is no Collector to send them to.

Many processes and threads write to one folder. A shared file would make them wait for one another, and for one that is
stopped or was forked at a bad moment for ever; a file for each process would leave a small file behind for each short
one. So each line goes to *any* file of its signal that has room and that nobody is writing to at this moment, by a lock
that is taken at once or not at all; only if there is none a new file is created. There are as many unfinished files as
there were writers at the same time, most often one.

Between two lines nothing is held: no open file, no lock, no buffer. That is why a fork at any moment is harmless, and
why the store goes on when the folder is removed, or the disk has space again. Nothing is synced to the disk, so a power
failure can lose what was written last; the death of the process cannot.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from autogen_otel.telemetry.otlp_json import LOGS, METRICS, TRACES, Item, Signal, lines
from autogen_otel.telemetry.otlp_json_logs import log_items
from autogen_otel.telemetry.otlp_json_metrics import metric_items
from autogen_otel.telemetry.otlp_json_spans import span_items
from autogen_otel.telemetry.store_files import append, create, files_of, open_existing, prune

try:
    from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
except ImportError:  # SDK 1.36 to 1.38
    from opentelemetry.sdk._logs.export import LogExporter as LogRecordExporter
    from opentelemetry.sdk._logs.export import LogExportResult as LogRecordExportResult  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

_log = logging.getLogger("autogen_otel")

MIB: Final = 1024 * 1024
# The Collector's file receiver cuts lines longer than 1 MiB in two, unless it is told otherwise (`max_log_size`).
_MAX_LINE_BYTES: Final = 1_000_000
_REPEAT_SECONDS: Final = 3600.0
_NEW_FILES: Final = 100


class Store:
    """A folder of OTLP JSON lines.

    Args:
        path: The folder; it is created with the first line.
        max_file_bytes: When a new file is begun. A longer line gets a file to itself.
        max_total_bytes: What all files of the store together may hold; the oldest are removed, other files in the
            folder are not. A file is at most a quarter of this, so that not everything goes at once.
    """

    def __init__(self, path: Path, *, max_file_bytes: int = 16 * MIB, max_total_bytes: int = 256 * MIB) -> None:
        # The program may change its working directory.
        self.path = path.absolute()
        self._max_file_bytes = min(max_file_bytes, max_total_bytes // 4)
        self._max_total_bytes = max_total_bytes
        self._recent: dict[str, str] = {}
        self._reported: dict[int | None, float] = {}

    def write(self, signal: Signal, items: Sequence[Item]) -> bool:
        """Append a batch, as one line or several.

        Returns:
            Whether all of it is in the store. When not, a warning says why, once an hour for each reason; the next
            batch is tried again.
        """
        try:
            for line in lines(signal, items, _MAX_LINE_BYTES):
                self._append(signal.name, line)
        except OSError as error:
            self._report(error)
            return False
        return True

    def _append(self, signal: str, line: bytes) -> None:
        for path, fd in self._open_files(signal, len(line)):
            try:
                done = append(fd, line, self._max_file_bytes)
            finally:
                os.close(fd)
            if done:
                self._recent[signal] = path
                prune(self.path, self._max_total_bytes, keep=path)
                return
        raise OSError(errno.EBUSY, f"{_NEW_FILES} new files were removed or locked by others")

    def _open_files(self, signal: str, needed: int) -> Iterator[tuple[str, int]]:
        """Yield files to try: the last one that took a line, then the others with room, then new ones."""
        for path in self._candidates(signal, needed):
            fd = open_existing(path)
            if fd is not None:
                yield path, fd
        for _ in range(_NEW_FILES):
            yield create(self.path, signal)

    def _candidates(self, signal: str, needed: int) -> Iterator[str]:
        if signal in self._recent:
            yield self._recent[signal]
        room = self._max_file_bytes - needed
        files = [file.path for file in files_of(self.path) if file.signal == signal and file.size <= max(room, 0)]
        yield from sorted(files, reverse=True)

    def _report(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._reported.get(error.errno, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return
        self._reported[error.errno] = now
        reason = error.strerror or error
        _log.warning("telemetry is lost, %s cannot be written: %s; it is tried again", self.path, reason)


class StoreSpanExporter(SpanExporter):
    """Writes spans to a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append a batch of spans; FAILURE when it cannot be written."""
        return SpanExportResult.SUCCESS if self._store.write(TRACES, span_items(spans)) else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Do nothing: between two batches nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: what was exported is written."""
        return True


class StoreLogExporter(LogRecordExporter):
    """Writes log records to a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Append a batch of log records; FAILURE when it cannot be written."""
        kept = self._store.write(LOGS, log_items(batch))
        return LogRecordExportResult.SUCCESS if kept else LogRecordExportResult.FAILURE

    def shutdown(self) -> None:
        """Do nothing: between two batches nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: what was exported is written."""
        return True


class StoreMetricExporter(MetricExporter):
    """Writes metrics to a store."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **kwargs: Any,  # noqa: ARG002
    ) -> MetricExportResult:
        """Append what was collected; FAILURE when it cannot be written."""
        kept = self._store.write(METRICS, metric_items(metrics_data))
        return MetricExportResult.SUCCESS if kept else MetricExportResult.FAILURE

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Do nothing: between two batches nothing is open."""

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """Return True: what was exported is written."""
        return True
