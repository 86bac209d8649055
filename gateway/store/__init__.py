"""SQL: schema, migrations, unit of work."""
