"""`GET /api/v1/me`: who am I here, with which roles?"""

from fastapi import APIRouter

from pergamon.web.authentication import ActorDep

router = APIRouter()


@router.get("/api/v1/me")
def me(actor: ActorDep) -> dict[str, str | list[str]]:
    """The actor of the token."""
    return {"id": actor.id, "kind": actor.kind.value, "roles": sorted(actor.roles)}
