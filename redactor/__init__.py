"""redactor: a PostgreSQL proxy that keeps citizenship and immigration status out of unapproved hands."""

__version__ = "0.1.0"
