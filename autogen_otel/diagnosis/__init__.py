"""Reading telemetry back."""
