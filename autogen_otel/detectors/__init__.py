"""Why requests fail: a file for each cause, whose docstring is its page of the manual, and the fold that asks them."""
