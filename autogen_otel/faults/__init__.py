"""An exception becomes data."""
