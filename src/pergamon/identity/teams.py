"""Who belongs to a team, and as what? A team is made by the room that owns it (a project by the catalog).

Membership gives a role by the name `<team>/<role>`, as `project:heart-study/owner`; access rules and resources name it
like any other role, so that one policy decides (law 1).
"""

from collections.abc import Iterable, Mapping

from pergamon.identity.events import TeamChanged
from pergamon.identity.principals import no_such_principal
from pergamon.store import UnitOfWork


def put_team(uow: UnitOfWork, team: str, members: Mapping[str, Iterable[str]]) -> None:
    """Make the team exactly these members: role -> principals.

    Raises:
        NotFound: a member is no active principal.
    """
    wanted = {(role, principal) for role, principals in members.items() for principal in principals}
    for principal in sorted({principal for _, principal in wanted}):
        if uow.row("SELECT 1 AS one FROM principal WHERE id = %s AND active", (principal,)) is None:
            raise no_such_principal(principal)
    uow.execute("DELETE FROM team_member WHERE team = %s", (team,))
    for role, principal in sorted(wanted):
        uow.execute("INSERT INTO team_member (team, role, principal_id) VALUES (%s, %s, %s)", (team, role, principal))
    uow.record(TeamChanged(subject=team, members=[f"{principal} as {role}" for role, principal in sorted(wanted)]))


def read_team(uow: UnitOfWork, team: str) -> dict[str, list[str]]:
    """The members of a team, by role, sorted."""
    rows = uow.rows(
        "SELECT role, array_agg(principal_id ORDER BY principal_id) AS members FROM team_member "
        "WHERE team = %s GROUP BY role ORDER BY role",
        (team,),
    )
    return {row["role"]: row["members"] for row in rows}


def drop_team(uow: UnitOfWork, team: str) -> None:
    """Dissolve a team: its members lose the roles that it gave."""
    uow.execute("DELETE FROM team_member WHERE team = %s", (team,))
    uow.record(TeamChanged(subject=team, members=[]))


def team_role(team: str, role: str) -> str:
    """The name of the role that a team's members hold."""
    return f"{team}/{role}"
