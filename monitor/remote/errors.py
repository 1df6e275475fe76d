"""What can go wrong with a server, told apart by what helps. Each is one line that names the server and the remedy."""

from __future__ import annotations

from configs.errors import ModelUnavailable


class RemoteError(ModelUnavailable):
    """A server did not answer as it should; the base of the family."""


class Unreachable(RemoteError):
    """No connection, or it broke off; the server may come back."""


class ServerBusy(RemoteError):
    """Status 429, also after one retry: the server asks for patience."""


class ServerFailed(RemoteError):
    """Status 5xx, also after one retry, or a reply that is no reply."""


class RequestRefused(RemoteError):
    """Status 400, 413, 415 or 422: this request will never work; `said` tells what to change."""

    def __init__(self, message: str, *, status: int, said: str) -> None:
        """`said` is the server's own text, cut to 500 characters."""
        super().__init__(message)
        self.status = status
        self.said = said


class NotServed(RemoteError):
    """Status 404 or 405: there is no such route or model."""


class Unauthorised(RemoteError):
    """Status 401 or 403: the key is missing, wrong or not allowed to."""


class BudgetSpent(RemoteError):
    """The hour's requests are used up; nothing was sent."""


class AnswerLate(RemoteError):
    """No complete answer within the total time allowed, retry included."""
