"""Mistakes a user can make and mend, told in a line each."""


class UserError(Exception):
    """Says what is wrong, where, and how to mend it; needs no traceback."""
