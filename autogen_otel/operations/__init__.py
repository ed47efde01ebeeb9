"""What happens around host code, and who is told."""
