"""`GET /healthz`: does this process answer, and does its PostgreSQL? Says nothing else to a stranger."""

from fastapi import APIRouter

from pergamon.web.authentication import RuntimeDep

router = APIRouter()


@router.get("/healthz")
def health(rt: RuntimeDep) -> dict[str, str]:
    """`ok`, or 503 when PostgreSQL does not answer."""
    with rt.store.transaction() as connection:
        connection.execute("SELECT 1")
    return {"status": "ok"}
