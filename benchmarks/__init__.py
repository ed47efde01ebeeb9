"""How much time and memory autogen-otel costs; `python -m benchmarks`."""
