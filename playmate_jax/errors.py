"""Errors that a user can act on.

`UserError` is raised for bad input (a file, an option, a path): its message is one sentence that
says what was expected, what was found and what to do. The command line prints it and exits with
status 2, without a traceback. Everything else that is raised is a defect of the program.
"""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input. The message is one sentence: what was expected, what was found, what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A suggestion for an error message: " (did you mean 'x'?)" with the known name closest to
    `name`, or "" when none is close."""
    found = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean '{found[0]}'?)" if found else ""
