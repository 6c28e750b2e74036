"""What a client of a server may meet. Every one of them is a `ClientError`: code, message, hint."""

from typing import Any

from pergamon.kernel import Kind, PergamonError

KIND_OF_STATUS = {
    400: Kind.INVALID,
    401: Kind.DENIED,
    403: Kind.DENIED,
    404: Kind.NOT_FOUND,
    409: Kind.CONFLICT,
    412: Kind.CONFLICT,
    413: Kind.INVALID,
    422: Kind.INVALID,
}


class ClientError(PergamonError):
    """What a server refused, or what kept it from being asked."""

    code = "client.error"


class NotAnAddress(ClientError):
    """This is not the address of a server."""

    code = "client.not_an_address"


class NoToken(ClientError):
    """Client mode needs a token and found none that it may use."""

    code, kind = "client.no_token", Kind.DENIED


class ServerNotReached(ClientError):
    """The server does not answer, or what answers is not Pergamon."""

    code, kind = "client.server_not_reached", Kind.UNAVAILABLE


class NotDoneYet(ClientError):
    """The statement has not ended within the time that was waited; it goes on."""

    code, kind = "client.not_done_yet", Kind.UNAVAILABLE


class StatementEnded(ClientError):
    """The statement failed, or was cancelled or abandoned; the server's own code, message and hint are told."""

    code = "client.statement_ended"

    def __init__(self, told: dict[str, Any]) -> None:
        said = told.get("error_message") or f"the statement {told['id']} was {told['status']}"
        super().__init__(str(said), hint=told.get("error_hint"))
        self.status = str(told["status"])
        self.code = str(told.get("error_code") or StatementEnded.code)  # type: ignore[misc]  # one class for every code


class NotInstalled(ClientError):
    """A library that was asked for is not there; it is no part of Pergamon."""

    code, kind = "client.not_installed", Kind.UNAVAILABLE


class ServerRefused(ClientError):
    """The server answered with an error; its own code, message and hint are told."""

    code = "client.server_refused"

    def __init__(self, status: int, told: dict[str, Any]) -> None:
        hint = told.get("hint")
        super().__init__(str(told.get("message") or f"the server answered {status}"), hint=str(hint) if hint else None)
        self.told_code = str(told.get("code") or "")
        self.status = status
        self.code = self.told_code or ServerRefused.code  # type: ignore[misc]  # one class for every code
        self.kind = KIND_OF_STATUS.get(status, Kind.UNAVAILABLE)  # type: ignore[misc]  # and every kind
