"""Attaching to foreign code, and taking it back."""
