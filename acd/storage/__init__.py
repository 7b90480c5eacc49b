"""The local journal, Postgres, migrations and KPI SQL."""
