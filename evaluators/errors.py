"""The one error class for bad input."""

from __future__ import annotations


class DataError(ValueError):
    """Input that can't be used, told in one line.

    ``reason`` is a short code such as ``image-truncated``, ``where`` the file or record,
    ``message`` what was found, what was expected, and what to do.
    """

    def __init__(self, reason: str, where: object, message: str) -> None:
        super().__init__(reason, str(where), message)
        self.reason = reason
        self.where = str(where)
        self.message = message

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.reason}]"
