"""The report: figures, tables and report.html, read from a run folder. Never imports torch."""
