"""Small seeded raw tables around a clock, full of edges: days at both ends of a month, no organization, nulls."""

import json
import random
from datetime import datetime, timedelta

from tests.reference.raw_tables import Raw, empty_raw, row

TYPES = ["yes/no", "scale", "single-choice", "free-text", None]
STATUSES = ["completed", "partially-completed", "canceled", "ignored", "skipped", "sent", None]
OPTIONS = json.dumps(
    [
        {"id": "a", "value": "Très bien", "score": 0},
        {"id": "b", "value": "Moyen", "score": "2"},
        {"id": "b", "value": "again", "score": 9},
        {"id": "c", "value": "Mal"},
        {"value": "yes", "score": 1},
        {"value": "no", "score": "x"},
    ]
)


def random_raw(seed: int, run_at: datetime) -> Raw:
    """Raw tables in which every rule of the jobs has something to decide."""
    rng = random.Random(seed)  # noqa: S311
    raw = empty_raw()
    _people(raw, rng, run_at)
    _events(raw, rng, run_at)
    _surveys(raw, rng, run_at)
    return raw


def _people(raw: Raw, rng: random.Random, run_at: datetime) -> None:
    parents = [None, None, "o0", "o1", "gone"]
    raw["organization"] = [
        row("organization", id=f"o{n}", business_name=f"Haus {n}", parent_id=parents[n]) for n in range(5)
    ]
    for n in range(14):
        raw["subscriber"].append(
            row(
                "subscriber",
                id=f"s{n}",
                member_number=n,
                organization_id=rng.choice(["o0", "o1", "o2", "o9", None]),
                status=rng.choice([1, 2, 2, 3, 4, 4, 5, 6, 7, 9, None]),
                active=rng.choice([True, True, False, None]),
                created_at=_near(rng, run_at),
                updated_at=_near(rng, run_at),
            )
        )


def _events(raw: Raw, rng: random.Random, run_at: datetime) -> None:
    raw["vital_sign"] = [
        row("vital_sign", id="v0", display_name="Heart rate", active=True),
        row("vital_sign", id="v1", active=False, active_status_changed_at=run_at),
    ]
    raw["alert_category"] = [
        row("alert_category", id="c0", code="no-vital-taken"),
        row("alert_category", id="c1", code="out-of-range"),
    ]
    metadata = [
        None,
        "{}",
        '{"alertType": "reminder", "settingId": "s-1", "nvtThresholdInHours": 24}',
        '{"settingId": "s-2"}',
        '{"alertType": null, "settingId": "s-3"}',
    ]
    number = 0
    for subscriber in raw["subscriber"]:
        for _ in range(rng.choice([0, 1, 12, 25, 32, 40, 90])):
            number += 1
            at = _near(rng, run_at) if rng.random() < 0.5 else run_at - timedelta(days=rng.randint(0, 28))
            common = {
                "subscriber_id": subscriber["id"],
                "organization_id": rng.choice([subscriber["organization_id"]] * 5 + ["o1", None]),
                "created_at": at,
                "updated_at": at,
            }
            if rng.random() < 0.7:
                raw["vital_reading"].append(
                    row(
                        "vital_reading",
                        id=f"e{number}",
                        vital_sign_id=rng.choice(["v0", "v1", "v9", None]),
                        raw_record_id=rng.choice([f"log{number}", None]),
                        reading=rng.choice(["72.125", "0", "-1.5", None]),
                        unit=rng.choice(["/min", None]),
                        **common,
                    )
                )
            else:
                raw["alert"].append(
                    row(
                        "alert",
                        id=f"e{number}",
                        alert_category_id=rng.choice(["c0", "c0", "c1", None]),
                        raw_log_id=f"log{number}",
                        alert_metadata=rng.choice(metadata),
                        **common,
                    )
                )


def _surveys(raw: Raw, rng: random.Random, run_at: datetime) -> None:
    raw["survey"] = [row("survey", id=f"u{n}", title=f"Umfrage {n}", alert_threshold=n or None) for n in range(2)]
    for n in range(5):
        raw["survey_assignment"].append(
            row(
                "survey_assignment",
                id=f"a{n}",
                name=f"assigned {n}",
                survey_id=rng.choice(["u0", "u1", "u9"]),
                organization_id=rng.choice(["o0", "o1", "o2", None]),
                assignment_type=rng.choice(["organization-assignment", "organization-assignment", "one-by-one"]),
            )
        )
    for n in range(8):
        raw["question"].append(
            row(
                "question",
                id=f"q{n}",
                question_text=None if n == 7 else f"Frage {n}?",
                question_options=rng.choice([OPTIONS, OPTIONS, "[]", None]),
                archived=rng.choice([True, False]),
            )
        )
    for n in range(60):
        started = _near(rng, run_at)
        raw["survey_response"].append(
            row(
                "survey_response",
                id=f"r{n}",
                survey_assignment_id=rng.choice(["a0", "a1", "a2", "a9", None]),
                question_id=rng.choice([f"q{k}" for k in range(9)] + [None]),
                subscriber_id=f"s{rng.randrange(7)}",
                organization_id=rng.choice(["o0", "o1", "o2", None]),
                status=rng.choice(STATUSES),
                survey_started_at=rng.choice([started, started, None]),
                survey_submitted_at=rng.choice(
                    [started + timedelta(seconds=rng.choice([-75, 0, 59, 60, 3601]) + rng.choice([0, 0.25])), None]
                ),
                **_answer(rng),
            )
        )


def _answer(rng: random.Random) -> dict[str, str | None]:
    kind = rng.choice(TYPES)
    answers = {
        "yes/no": ("yes_no_response", [True, False, "yes", "no", "Yes", "maybe", None]),
        "scale": ("scale_response", [0, 1, 5, 7, "1", "0", "many", None]),
        "single-choice": ("single_choice_response", ["a", "b", "c", "gone", None]),
        "free-text": ("free_text_response", ["Merci 🙏"]),
    }
    if kind not in answers or rng.random() < 0.1:
        return {"question_type": kind}
    column, values = answers[kind]
    value = rng.choice(values)
    key = "id" if kind == "single-choice" else "value"
    answer = (
        value if kind == "free-text" else json.dumps({key: value}, separators=rng.choice([(",", ":"), (", ", ": ")]))
    )
    return {"question_type": kind, column: str(answer)}


def _near(rng: random.Random, run_at: datetime) -> datetime:
    """An instant from two months before the clock to a month after; often the first or the last of a month."""
    at = run_at + timedelta(days=rng.randint(-75, 20), seconds=rng.randrange(86_400))
    edge = rng.random()
    if edge < 0.1:
        return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if edge < 0.2:
        return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(microseconds=1)
    return at
