"""The catalog: units, projects, data sources, assets and their words; what is published, by whom, to whom."""
