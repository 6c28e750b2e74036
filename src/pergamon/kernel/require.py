"""A refusal stops the work; an approval hands over what it obliges to."""

from collections.abc import Mapping

from pergamon.kernel.decision import Decision
from pergamon.kernel.errors import AccessDenied


def require(decision: Decision) -> Mapping[str, str]:
    """Return the obligations of an allowing decision.

    Raises:
        AccessDenied: the decision is a refusal.
    """
    if not decision.allowed:
        raise AccessDenied(f"{decision.action} on {decision.resource} is not allowed", decision=decision)
    return decision.obligations
