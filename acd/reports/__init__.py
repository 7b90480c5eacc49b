"""KPI definitions, tables and chart specifications."""
