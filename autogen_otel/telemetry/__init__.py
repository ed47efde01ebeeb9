"""Spans, metrics and logs, and where they go."""
