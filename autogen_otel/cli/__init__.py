"""The command `autogen-otel`."""
