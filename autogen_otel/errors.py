"""What autogen-otel itself raises or warns of, and only where `instrument(on_shared=...)` has asked for it."""


class SharedStateError(RuntimeError):
    """A model call was stopped, before the provider was asked, because it would have mixed two live requests."""


class SharedStateWarning(UserWarning):
    """A model call mixes two live requests."""
