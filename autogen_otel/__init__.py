"""Original exceptions, request IDs and traces for AutoGen."""
