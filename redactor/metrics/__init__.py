"""What an operator's monitoring may see: figures about the whole, in Prometheus' text format, on a port of their own.

Knows how figures are named and served. Must not know sessions, statements or people: a label is a database, a verdict,
a rule, an outlet or a version, never a login, an address, a text or a value. Invariant: reading the figures waits for
nothing and changes nothing.
"""

from redactor.metrics.endpoint import Endpoint
from redactor.metrics.figures import DatabaseFigures, Figures, render

__all__ = ["DatabaseFigures", "Endpoint", "Figures", "render"]
