"""`crawler.yaml`: which files become tables of which database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon import starter_kits
from pergamon.crawl import CrawlerSpec
from pergamon.deploy import InvalidConfiguration, checked_configuration
from pergamon.formats import FormatHints

FILE = "dataops/crawler.yaml"
DOCUMENT = """\
crawlers:
  visits:
    databaseName: database:ehds_assets_db
    targets:
      bucketTargets:
        - bucketName: bucket:{bucket}
          prefix: /visits/
    include: ["*.csv"]
    onEvent: false
    schedule: "{schedule}"
    hints: {{delimiter: ";", dateOrder: dmy, nullWords: [NA]}}
"""


@pytest.fixture
def governance(tmp_path: Path) -> Path:
    """The governance node's kit."""
    directory = tmp_path / "kit"
    starter_kits.copy_kit("ehds-governance", directory)
    return directory


def names(governance: Path) -> tuple[str, str]:
    specs = checked_configuration(governance, governance).specs
    crawler = next(spec for spec in specs.values() if isinstance(spec, CrawlerSpec))
    return crawler.bucket, crawler.database


def write(governance: Path, text: str) -> Callable[[], CrawlerSpec]:
    (governance / FILE).write_text(text)

    def check() -> CrawlerSpec:
        spec = checked_configuration(governance, governance).specs["crawler:visits"]
        assert isinstance(spec, CrawlerSpec)
        return spec

    return check


def document(governance: Path, schedule: str = "0 3 * * *") -> str:
    before = (governance / FILE).read_text()
    database = next(line for line in before.splitlines() if "databaseName:" in line).split(":", 1)[1].strip()
    bucket = next(line for line in before.splitlines() if "bucketName:" in line).split("bucket:", 1)[1].strip()
    text = DOCUMENT.format(bucket=bucket, schedule=schedule)
    return text.replace("database:ehds_assets_db", database)


def test_a_crawler_is_what_its_document_says(governance: Path) -> None:
    bucket, database = names(governance)
    assert write(governance, document(governance))() == CrawlerSpec(
        bucket=bucket,
        prefixes=("visits",),
        database=database,
        include=("*.csv",),
        on_event=False,
        schedule="0 3 * * *",
        hints=FormatHints(delimiter=";", date_order="dmy", null_words=("NA",)),
    )


@pytest.mark.parametrize("schedule", ["daily", "* * *"])
def test_a_wrong_schedule_is_told(governance: Path, schedule: str) -> None:
    check = write(governance, document(governance, schedule))
    with pytest.raises(InvalidConfiguration) as caught:
        check()
    assert "cron" in str(caught.value)


def test_a_database_that_is_not_there_is_told(governance: Path) -> None:
    _, database = names(governance)
    check = write(governance, document(governance).replace(database, "nowhere_db"))
    with pytest.raises(InvalidConfiguration):
        check()
