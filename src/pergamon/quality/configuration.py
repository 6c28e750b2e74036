"""Rules as the configuration has them: put, read, dropped. A change is applied to every table that they are for."""

from pergamon import lake
from pergamon.quality import tables
from pergamon.quality.events import QualityRulesDropped, QualityRulesPut
from pergamon.quality.rules import QualityRulesSpec
from pergamon.store import UnitOfWork


def put_quality_rules(uow: UnitOfWork, name: str, spec: QualityRulesSpec, tags: dict[str, str]) -> None:
    """Set a set of rules. The caller, deploy, has been allowed to."""
    before = tables.all_rules(uow).get(name)
    tables.save_rules(uow, name, spec, tags)
    _apply(uow, *([before] if before else []), spec)
    uow.record(
        QualityRulesPut(
            subject=f"quality-rules:{name}", tables=list(spec.tables), rules=[rule.name for rule in spec.rules]
        )
    )


def read_quality_rules(uow: UnitOfWork) -> dict[str, QualityRulesSpec]:
    """Every set of rules of the configuration, by name."""
    return tables.all_rules(uow)


def drop_quality_rules(uow: UnitOfWork, name: str) -> None:
    """Take a set of rules away. What they found before stays in the history."""
    before = tables.all_rules(uow).get(name)
    if before is not None and tables.delete_rules(uow, name):
        _apply(uow, before)
        uow.record(QualityRulesDropped(subject=f"quality-rules:{name}"))


def _apply(uow: UnitOfWork, *specs: QualityRulesSpec) -> None:
    records = [record for record in lake.list_tables(uow) if any(spec.takes(record.id) for spec in specs)]
    if records:
        tables.save_rule_requests(uow, [(record.id, record.snapshot_id) for record in records])
