"""A graph becomes a tree that ends, names each column's way, and cannot drive a terminal."""

from typing import Any

from pergamon.cli.lineage_tree import tree_lines

FILES = ("pergamon://staging", "landing/")
RAW, AGES = ("pergamon", "raw_db.p"), ("pergamon", "curated_db.ages")


def edge(
    input: tuple[str, str], output: tuple[str, str], *columns: str | None, job: str = "job:j", told_by: str = "platform"
) -> dict[str, Any]:
    read, written = columns or (None, None)
    return {
        "input": {"namespace": input[0], "name": input[1], "field": read},
        "output": {"namespace": output[0], "name": output[1], "field": written},
        "job": job,
        "told_by": told_by,
    }


def lines(start: tuple[str, str], *edges: dict[str, Any], column: str | None = None, down: bool = False) -> list[str]:
    told = {"dataset": {"namespace": start[0], "name": start[1]}, "edges": list(edges), "field": column}
    return list(tree_lines(told, "down" if down else "up"))


def test_datasets_stand_below_what_was_made_of_them_with_their_columns() -> None:
    found = lines(
        AGES,
        edge(RAW, AGES),
        edge(RAW, AGES, "a", "who"),
        edge(RAW, AGES, None, "maybe"),
        edge(FILES, RAW, job="merge"),
        edge(FILES, RAW, "a", "a", job="merge"),
        edge(("s3://x", "y"), AGES, job="etl", told_by="service:etl"),
    )
    assert found == [
        "curated_db.ages",
        "├─ raw_db.p  [job:j]: ? → maybe, a → who",
        "│  └─ pergamon://staging/landing/  [merge]: a",
        "└─ s3://x/y  [etl, told by service:etl]",
    ]


def test_a_column_is_followed_by_itself_and_downstream_is_the_other_way() -> None:
    edges = [edge(FILES, RAW, "A", "a", job="merge"), edge(RAW, AGES, "a", "who")]
    assert lines(AGES, *edges, column="who") == [
        "curated_db.ages · who",
        "└─ raw_db.p · a  [job:j]",
        "   └─ pergamon://staging/landing/ · A  [merge]",
    ]
    assert lines(FILES, *edges, column="A", down=True) == [
        "pergamon://staging/landing/ · A",
        "└─ raw_db.p · a  [merge]",
        "   └─ curated_db.ages · who  [job:j]",
    ]


def test_a_circle_and_a_diamond_are_unfolded_once() -> None:
    found = lines(AGES, edge(RAW, AGES), edge(AGES, RAW), edge(FILES, RAW), edge(FILES, AGES))
    assert len(found) == 5
    assert sum("(see above)" in line for line in found) == 2


def test_a_name_cannot_drive_the_terminal_and_many_columns_are_counted() -> None:
    (_, line) = lines(AGES, edge(("x\x1b[31m", "a\nb" * 100), AGES, job="j\x07"))
    assert line.isprintable()
    assert len(line) < 160
    many = [edge(RAW, AGES, f"c{number}", "all") for number in range(20)]
    assert lines(AGES, *many)[1].endswith("and 12 more")


def test_nothing_known_is_said() -> None:
    assert lines(AGES)[1].strip() == "nothing that you may see is known"
