"""The surveys job, slow and obvious: what its SQL must say, told again in plain Python from the rules in the
documents."""

import json
from typing import Any

from tests.reference.vitals import Raw, Row, find

TYPES = {"yes/no": "Yes/No", "scale": "Scale", "single-choice": "Single Choice", "free-text": "Free Text"}
DELIVERED = {"completed", "partially-completed", "canceled", "ignored", "skipped"}


def surveys_vanity_metrics(raw: Raw) -> list[Row]:
    rows = []
    for response in raw["survey_response"]:
        question = find(raw["question"], response["question_id"])
        if question.get("question_text") is None:
            continue
        organization = find(raw["organization"], response["organization_id"])
        assignment = find(raw["survey_assignment"], response["survey_assignment_id"])
        survey = find(raw["survey"], assignment.get("survey_id"))
        answer, scale, option_score = _answer(response, question)
        took_us = _took_us(response)
        rows.append(
            {
                **response,
                "organization_name": organization.get("business_name"),
                "parent_id": organization.get("parent_id"),
                "parent_name": find(raw["organization"], organization.get("parent_id")).get("business_name"),
                "question_text": question["question_text"],
                "archived": question["archived"],
                "single_choice_yes_no_score": option_score,
                "question_type_transformed": TYPES.get(response["question_type"], "N/A"),
                "response_transformed": answer,
                "survey_assignment_name": assignment.get("name"),
                "survey_id": survey.get("id"),
                "survey_name": survey.get("title"),
                "alert_threshold": survey.get("alert_threshold"),
                "score": scale if response["question_type"] == "scale" else option_score,
                "is_completed": response["status"] == "completed",
                "is_nack": response["status"] in {"ignored", "skipped"},
                "is_abandoned": response["status"] in {"partially-completed", "canceled"},
                "is_started": response["survey_started_at"] is not None,
                "is_delivered": response["status"] in DELIVERED,
                "is_opened": response["status"] in {"completed", "partially-completed", "canceled"},
                "completion_time": None if took_us is None else took_us / 60e6,
                "completion_time_minutes": None if took_us is None else took_us // 60_000_000,
                "completion_time_seconds": None if took_us is None else took_us % 60_000_000 / 1e6,
            }
        )
    return rows


def missing_subscribers(raw: Raw) -> list[Row]:
    heard = {(row["organization_id"], row["subscriber_id"]) for row in surveys_vanity_metrics(raw)}
    rows = []
    for subscriber in raw["subscriber"]:
        home = subscriber["organization_id"]
        surveys = {
            assignment["survey_id"]
            for assignment in raw["survey_assignment"]
            if assignment["assignment_type"] == "organization-assignment"
            and home is not None
            and assignment["organization_id"] == home
        }
        if (home, subscriber["id"]) in heard:
            continue
        organization = find(raw["organization"], home)
        rows += [
            {
                "id": subscriber["id"],
                "organization_id": home,
                "completed": False,
                "organization_name": organization.get("business_name"),
                "parent_id": organization.get("parent_id"),
                "parent_name": find(raw["organization"], organization.get("parent_id")).get("business_name"),
                "survey_id": survey,
            }
            for survey in surveys
        ]
    return rows


def _answer(response: Row, question: Row) -> tuple[str | None, int | None, int | None]:
    """The answer as shown, the value of a scale, and the score that the question's options give."""
    scale = _whole(_field(response["scale_response"], "value"))
    yes_no = {True: "yes", "true": "yes", "yes": "yes", False: "no", "false": "no", "no": "no"}.get(
        _lower(_field(response["yes_no_response"], "value"))
    )
    choice = _field(response["single_choice_response"], "id")
    options = json.loads(question["question_options"]) if question["question_options"] else []
    chosen: Row = next((option for option in options if choice is not None and option.get("id") == choice), {})
    said: Row = next((option for option in options if yes_no is not None and option.get("value") == yes_no), {})
    score = {"single-choice": chosen.get("score"), "yes/no": said.get("score")}.get(response["question_type"])
    if scale is not None:
        return str(scale), scale, _whole(score)
    if yes_no is not None:
        return yes_no.capitalize(), None, _whole(score)
    return chosen.get("value"), None, _whole(score)


def _field(document: str | None, key: str) -> Any:
    return json.loads(document).get(key) if document else None


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _whole(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except ValueError:
        return None


def _took_us(response: Row) -> int | None:
    started, submitted = response["survey_started_at"], response["survey_submitted_at"]
    if started is None or submitted is None or submitted < started:
        return None
    span = submitted - started
    return int((span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds)
