"""Text and its meaning, pure: reading (grammar, survey, lineage), hiding (masks, splice), statement kinds.

Knows PostgreSQL's grammar and a catalog. Must not know sockets, clocks, files or policies: what is protected reaches
it as plain values.
"""
