"""Knowing what reveals: suggests tags for columns, from names, types, comments, neighbours and values.

Suggestions only: a person confirms them, and `decide()` never consults this package.
"""
