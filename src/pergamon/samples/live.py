"""How the sample hospital goes on living: which changes happen, each one transaction, decided by a seeded die.

The kinds are what a replication must survive: several rows at once, updates that leave a long note untouched, keys
that change and keys that swap, deletes, tables without a key, work rolled back, and a column that appears meanwhile.
"""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from pergamon.samples.hospital import MARK, SCHEMAS, read_sql

ADD_COLUMN_AFTER = 40
"""Transactions until the patients' table gains `preferred_language`."""

WARDS = ["Intensiv", "Cardiología", "Pädiatrie", "小児科", "Ογκολογία"]
LANGUAGES = ["de", "ar", "日本語", "português", None]

Row = tuple[Any, ...]
Cursor = psycopg.Connection[Any]
Wait = Callable[[float], bool]
"""Sleeps for that many seconds; true when it is time to stop."""


class _RolledBack(Exception):
    """Ends a transaction whose work must leave no trace."""


def is_sample_hospital(connection: psycopg.Connection[Any]) -> bool:
    """Whether every schema of the sample hospital is there and was made by `fill_hospital`."""
    with connection.transaction():
        found = connection.execute(
            "SELECT count(*) FROM pg_namespace"
            " WHERE nspname = ANY(%s) AND starts_with(obj_description(oid, 'pg_namespace'), %s)",
            (list(SCHEMAS), MARK),
        ).fetchone()
    return found is not None and found[0] == len(SCHEMAS)


def live_changes(connection: psycopg.Connection[Any], *, seed: int, count: int) -> dict[str, int]:
    """Make `count` changes as fast as they go, each a transaction of its own; how many of each kind.

    The same (hospital, seed, count) leaves the same rows, but for the instants at which they were written. The hospital
    remembers how often it was brought to life, so that a second run with the same seed makes other changes.
    """
    kinds = changes(connection, seed=seed)
    return dict(Counter(next(kinds) for _ in range(count)))


def keep_changing(
    connection: psycopg.Connection[Any],
    *,
    seed: int,
    rate_per_s: float,
    duration_s: float | None = None,
    limit: int | None = None,
    wait: Wait | None = None,
    on_change: Callable[[str, int], None] | None = None,
) -> dict[str, int]:
    """Make changes at `rate_per_s` until `duration_s` is over, `limit` is reached, or `wait` says to stop.

    Returns: how many transactions of each kind. A transaction under way is always finished.
    """
    counts: Counter[str] = Counter()
    sleep: Wait = wait or _sleep
    started = time.monotonic()
    for kind in changes(connection, seed=seed):
        counts[kind] += 1
        done = counts.total()
        if on_change:
            on_change(kind, done)
        due = started + done / rate_per_s
        ends = started + duration_s if duration_s is not None else None
        if done == limit or (ends is not None and due >= ends) or sleep(max(0.0, due - time.monotonic())):
            break
        if ends is not None and time.monotonic() >= ends:
            break
    return dict(counts)


def changes(connection: psycopg.Connection[Any], *, seed: int) -> Iterator[str]:
    """An endless row of transactions, each committed before its kind is told."""
    with connection.transaction():
        rng = random.Random(f"{seed}/{_next_life(connection)}")
        connection.execute(read_sql("hospital_dice.sql"))
        has_language = _has_preferred_language(connection)
    done = 0
    while True:
        done += 1
        if not has_language and done == ADD_COLUMN_AFTER:
            kind, has_language = "add column", True
        else:
            kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        _carry_out(connection, rng, kind, has_language)
        yield kind


def _carry_out(connection: psycopg.Connection[Any], rng: random.Random, kind: str, has_language: bool) -> None:
    try:
        with connection.transaction():
            if kind == "add column":
                connection.execute("ALTER TABLE hda.patients ADD COLUMN preferred_language text")
                _speak(connection, rng)
            else:
                KINDS[kind][1](connection, rng)
                if kind == "admit patient" and has_language:
                    _speak(connection, rng)
            if kind == "rolled back":
                raise _RolledBack
    except _RolledBack:
        pass


def _measure(connection: Cursor, rng: random.Random) -> None:
    """Several readings of one subscriber in one transaction."""
    subscriber, organization = _any_row(connection, rng, "hda.subscriber", "id, organization_id")
    sign = _any_row(connection, rng, "vital.vital_sign", "id")[0]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vital.vital_reading VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now(), now())",
            [
                (_new_id(rng), subscriber, organization, sign, f"live-{rng.getrandbits(32)}", reading, None, None)
                for reading in (rng.randrange(4000, 18000) / 100 for _ in range(rng.randint(1, 12)))
            ],
        )


def _correct_readings(connection: Cursor, rng: random.Random) -> None:
    connection.execute(
        "UPDATE vital.vital_reading SET reading = reading + 0.125, updated_at = now()"
        " WHERE id IN (SELECT id FROM vital.vital_reading WHERE id >= %s ORDER BY id LIMIT %s)",
        (_new_id(rng), rng.randint(1, 5)),
    )


def _delete_readings(connection: Cursor, rng: random.Random) -> None:
    connection.execute(
        "DELETE FROM vital.vital_reading"
        " WHERE id IN (SELECT id FROM vital.vital_reading WHERE id >= %s ORDER BY id LIMIT %s)",
        (_new_id(rng), rng.randint(1, 3)),
    )


def _count_a_visit(connection: Cursor, rng: random.Random) -> None:
    """Touch a patient who has a long note, and not the note: the log then carries no value for it."""
    connection.execute(
        "UPDATE hda.patients SET visit_count = visit_count + 1, updated_at = now() WHERE id ="
        " (SELECT id FROM hda.patients WHERE pg_column_size(notes) > 4000 ORDER BY id OFFSET %s LIMIT 1)",
        (rng.randrange(_count(connection, "hda.patients WHERE pg_column_size(notes) > 4000")),),
    )


def _rewrite_note(connection: Cursor, rng: random.Random) -> None:
    patient = _any_row(connection, rng, "hda.patients", "id")[0]
    connection.execute(
        "UPDATE hda.patients SET notes = pg_temp.long_note(%s, 1, %s), updated_at = now() WHERE id = %s",
        (rng.getrandbits(31), rng.choice([1, 140, 900]), patient),
    )


def _admit_patient(connection: Cursor, rng: random.Random) -> None:
    """A patient, a subscriber and a first reading, all in one transaction."""
    patient, subscriber = _new_id(rng), _new_id(rng)
    connection.execute(
        "INSERT INTO hda.patients (id, record_number, family_name, given_name, birth_date, visit_count, contact,"
        " registered_at, updated_at) VALUES (%s, %s, 'Ünal', 'İpek 😀', '1988-02-29', 1, %s, now(), now())",
        (patient, 5_000_000 + rng.getrandbits(30), Jsonb({"email": None})),
    )
    organization = _any_row(connection, rng, "hda.organization", "id")[0]
    connection.execute(
        "INSERT INTO hda.subscriber VALUES (%s, %s, %s, %s, 6, true, NULL, now(), now())",
        (subscriber, 5_000_000 + rng.getrandbits(30), patient, organization),
    )
    connection.execute(
        "INSERT INTO vital.vital_reading VALUES (%s, %s, %s, NULL, NULL, 72, '/min', NULL, now(), now())",
        (_new_id(rng), subscriber, organization),
    )


def _cancel_subscriber(connection: Cursor, rng: random.Random) -> None:
    subscriber = _any_row(connection, rng, "hda.subscriber", "id")[0]
    connection.execute(
        "UPDATE hda.subscriber SET status = 4, active = false, updated_at = now() WHERE id = %s", (subscriber,)
    )


def _move_bed(connection: Cursor, rng: random.Random) -> None:
    """A key changes; the nursing plan beside it may be a long one that does not."""
    ward, bed = _any_row(connection, rng, "hda.bed_stay", "ward, bed", order="ward, bed")
    connection.execute(
        "UPDATE hda.bed_stay SET ward = %s, bed = (SELECT max(bed) + 1 FROM hda.bed_stay) WHERE ward = %s AND bed = %s",
        (rng.choice(WARDS), ward, bed),
    )


def _swap_beds(connection: Cursor, rng: random.Random) -> None:
    """Two rows exchange their keys in one transaction, by way of a third key."""
    one = _any_row(connection, rng, "hda.bed_stay", "ward, bed", order="ward, bed")
    other = _any_row(connection, rng, "hda.bed_stay", "ward, bed", order="ward, bed")
    if one == other:
        return
    for to, origin in ((("", 0), one), (one, other), (other, ("", 0))):
        connection.execute("UPDATE hda.bed_stay SET ward = %s, bed = %s WHERE ward = %s AND bed = %s", (*to, *origin))


def _discharge(connection: Cursor, rng: random.Random) -> None:
    """A row is deleted, and its key is taken again in the same transaction."""
    ward, bed = _any_row(connection, rng, "hda.bed_stay", "ward, bed", order="ward, bed")
    connection.execute("DELETE FROM hda.bed_stay WHERE ward = %s AND bed = %s", (ward, bed))
    patient = _any_row(connection, rng, "hda.patients", "id")[0]
    connection.execute(
        "INSERT INTO hda.bed_stay VALUES (%s, %s, %s, NULL, 299.90, now())",
        (ward, bed, patient),
    )


def _log_device(connection: Cursor, rng: random.Random) -> None:
    """A table without a key: two rows alike are added, one of all that are alike is changed or deleted."""
    serial = f"D-{rng.randrange(200)}"
    one_of_them = (
        "ctid = (SELECT ctid FROM vital.device_log WHERE device_serial = %s ORDER BY logged_at, message, ctid LIMIT 1)"
    )
    connection.execute(
        "INSERT INTO vital.device_log SELECT %s, now(), 'info', 0.5, NULL, 'sync' FROM generate_series(1, 2)", (serial,)
    )
    connection.execute(f"UPDATE vital.device_log SET level = 'seen' WHERE {one_of_them}", (serial,))  # noqa: S608
    if rng.random() < 0.5:
        connection.execute(f"DELETE FROM vital.device_log WHERE {one_of_them}", (serial,))  # noqa: S608


def _receive_frame(connection: Cursor, rng: random.Random) -> None:
    frame = rng.randbytes(rng.randint(0, 40))
    connection.execute(
        "INSERT INTO vital.gateway_event VALUES (%s, now(), %s, %s)", (f"gw-{rng.randrange(12)}", frame, len(frame))
    )


def _answer_survey(connection: Cursor, rng: random.Random) -> None:
    response = _any_row(connection, rng, "survey.survey_response", "id")[0]
    connection.execute(
        "UPDATE survey.survey_response SET status = 'completed', survey_started_at = created_at,"
        " survey_submitted_at = created_at + interval '90 seconds', updated_at = now() WHERE id = %s",
        (response,),
    )


def _raise_alert(connection: Cursor, rng: random.Random) -> None:
    subscriber, organization = _any_row(connection, rng, "hda.subscriber", "id, organization_id")
    category = _any_row(connection, rng, "vital.alert_category", "id")[0]
    metadata = Jsonb({"alertType": "reminder", "settingId": f"setting-{rng.randrange(17)}", "nvtThresholdInHours": 48})
    connection.execute(
        "INSERT INTO vital.alert VALUES (%s, %s, %s, %s, NULL, 2, %s, NULL, now(), now())",
        (_new_id(rng), subscriber, organization, category, metadata),
    )


def _work_in_vain(connection: Cursor, rng: random.Random) -> None:
    """What `_carry_out` rolls back: none of it may ever be seen."""
    _admit_patient(connection, rng)
    _swap_beds(connection, rng)


def _speak(connection: Cursor, rng: random.Random) -> None:
    connection.execute(
        "UPDATE hda.patients SET preferred_language = %s, updated_at = now()"
        " WHERE id IN (SELECT id FROM hda.patients WHERE id >= %s ORDER BY id LIMIT 3)",
        (rng.choice(LANGUAGES), _new_id(rng)),
    )


KINDS: dict[str, tuple[int, Callable[[Cursor, random.Random], None]]] = {
    "measure": (30, _measure),
    "correct readings": (10, _correct_readings),
    "delete readings": (6, _delete_readings),
    "count a visit": (12, _count_a_visit),
    "rewrite note": (4, _rewrite_note),
    "admit patient": (6, _admit_patient),
    "cancel subscriber": (2, _cancel_subscriber),
    "move bed": (6, _move_bed),
    "swap beds": (6, _swap_beds),
    "discharge": (4, _discharge),
    "log device": (5, _log_device),
    "receive frame": (4, _receive_frame),
    "answer survey": (4, _answer_survey),
    "raise alert": (4, _raise_alert),
    "rolled back": (3, _work_in_vain),
}
"""Kind of transaction: how often, of all the weights together, and what it does."""


def _any_row(connection: Cursor, rng: random.Random, table: str, columns: str, *, order: str = "id") -> Row:
    """A row chosen by the die: by its place in the order of its key, so that the same state gives the same row."""
    if order == "id":
        found = connection.execute(
            f"SELECT {columns} FROM {table} WHERE id >= %s ORDER BY id LIMIT 1",  # noqa: S608  (names from this file)
            (_new_id(rng),),
        ).fetchone()
        if found is None:
            found = connection.execute(f"SELECT {columns} FROM {table} ORDER BY id LIMIT 1").fetchone()  # noqa: S608
    else:
        found = connection.execute(
            f"SELECT {columns} FROM {table} ORDER BY {order} OFFSET %s LIMIT 1",  # noqa: S608
            (rng.randrange(_count(connection, table)),),
        ).fetchone()
    if found is None:
        raise LookupError(f"{table} has no rows")
    return tuple(found)


def _count(connection: Cursor, relation: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()  # noqa: S608  (names from this file)
    return int(found[0]) if found else 0


def _next_life(connection: Cursor) -> int:
    """How often the hospital came to life, this time included; kept in a comment, which no replication carries."""
    found = connection.execute("SELECT obj_description('vital'::regnamespace, 'pg_namespace')").fetchone()
    _, _, lives = str(found[0] if found else "").partition(", life ")
    life = int(lives or 0) + 1
    connection.execute(sql.SQL("COMMENT ON SCHEMA vital IS {}").format(sql.Literal(f"{MARK}, life {life}")))
    return life


def _has_preferred_language(connection: Cursor) -> bool:
    found = connection.execute(
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'hda.patients'::regclass AND attname = 'preferred_language'"
        " AND NOT attisdropped"
    ).fetchone()
    return found is not None


def _new_id(rng: random.Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128))


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False
