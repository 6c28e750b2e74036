"""kill -9 of the web process with statements running and waiting: what ran is abandoned, what waited is taken up."""

import httpx

from pergamon import query
from pergamon.runtime import free_port
from tests.integration.web.test_statements_over_http import SLOW, ended, events_of, submit, until
from tests.integration.web.test_the_web_process_is_killed import web_process
from tests.reference.governed_lake import OPERATOR, GovernedLake


def test_what_waited_is_taken_up_by_the_next_process_and_what_ran_is_abandoned(world: GovernedLake) -> None:
    spec = query.WorkgroupSpec(
        users=frozenset({"data-user", "data-admin"}), limits=query.QueryLimits(timeout_s=600), concurrency=1
    )
    with world.rt.begin(OPERATOR) as uow:
        query.put_workgroup(uow, "default", spec, {})
    port = free_port()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        with web_process(world.rt, port) as process:
            ran = submit(client, world.user, SLOW)
            until(client, world.user, ran, {"running"})
            waited = [submit(client, person, "SELECT 1 AS n") for person in (world.user, world.admin)]
            process.kill()
        with web_process(world.rt, port):
            told = ended(client, world.user, ran)
            assert (told["status"], told["rows"]) == ("abandoned", None)
            for query_id, person in zip(waited, (world.user, world.admin), strict=True):
                assert ended(client, person, query_id)["status"] == "done"
    assert events_of(world, ran)[-1] == "query.abandoned"
    histories = [events_of(world, query_id) for query_id in waited]
    assert "query.taken_up" in histories[0], "the second may have been in nobody's queue yet"
    for codes in histories:
        assert [code for code in codes if code != "query.taken_up"] == ["query.queued", "query.started", "query.ran"]
