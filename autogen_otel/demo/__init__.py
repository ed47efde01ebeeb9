"""The field guide's cases on this machine, each broken and then fixed: real agents against a scripted provider."""
