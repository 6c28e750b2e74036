"""Files and machines that fail on the way, as an operator meets it at the command line: nothing is lost."""

import resource

from tests.journeys.conftest import INVALID, UNAVAILABLE, Site

LIMIT = 256 * 1024


def test_a_parquet_file_cut_in_half(site: Site) -> None:
    """The other tables go on; nothing later of this one is applied; the whole file put back, it is replayed."""
    site.execute("UPDATE ward.patients SET age = 4 WHERE id = 8", "UPDATE ward.stays SET room = 9 WHERE patient = 1")
    before = set(site.landing.rglob("*.parquet"))
    assert site.type("replication", "start", "source", "--until-caught-up").code == 0
    (cut,) = [file for file in set(site.landing.rglob("*.parquet")) - before if "patients" in str(file)]
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    ran = site.type("run", "file-processor")
    listed = site.type("tracker", "ls")
    cut.write_bytes(whole)
    (file,) = [line.split()[-1] for line in listed.out.splitlines() if line.startswith("quarantined")]
    assert site.type("tracker", "replay", file).code == 0
    site.bring()
    assert ran.code == INVALID
    assert f"{cut.name} has {len(whole) // 2} bytes, its manifest says {len(whole)}" in ran.err
    assert f"tracker replay {file}" in ran.err
    assert "✓ table:raw_db.stays" in ran.out


def small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))


def test_a_full_disk(site: Site) -> None:
    """A limit on the size of files stands for the disk: the same refusal, and it needs no rights."""
    site.execute(
        "UPDATE ward.patients SET name = (SELECT string_agg(md5(n::text || id), '') FROM generate_series(1, 200) AS n)"
    )
    said = site.type("replication", "start", "source", "--until-caught-up", first=small_files_only)
    assert said.code == UNAVAILABLE
    assert "is full; nothing is lost" in said.err
    assert "make room and start the task again" in said.err
    site.land()


def test_the_source_is_killed_in_the_middle(site: Site) -> None:
    site.execute("INSERT INTO ward.patients SELECT n, 'many ' || n FROM generate_series(2000, 30000) AS n")
    replicating = site.start("replication", "start", "source")
    site.wait_until_running()
    site.kill(site.source)
    said = site.said(replicating)
    site.source.start()
    site.bring()
    assert said.code == UNAVAILABLE
    assert "broke off" in said.err or "does not answer" in said.err
    assert "hint:" in said.err


def test_the_platforms_postgresql_is_killed_in_the_middle(site: Site) -> None:
    site.execute("UPDATE ward.patients SET name = 'again ' || id")
    replicating = site.start("replication", "start", "source")
    site.wait_until_running()
    site.kill(site.platform)
    said = site.said(replicating)
    assert said.code == UNAVAILABLE
    assert "error:" in said.err
    assert "Traceback" not in said.err
    site.platform.start()
    site.execute("DELETE FROM ward.patients WHERE id > 20000")
    site.land()
    merging = site.start("run", "file-processor")
    site.wait_until_merging()
    site.kill(site.platform)
    said = site.said(merging)
    assert "Traceback" not in said.err
    site.platform.start()
    site.bring()
