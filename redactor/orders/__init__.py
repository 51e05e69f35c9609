"""Disclosure orders: what somebody demands of the city's data by a paper; how it is checked, approved, used, told of.

Knows papers, people's roles and times that it is given. Must not know files, databases, clocks or statements.
Invariant: nothing is open before the checks have passed and the people who must have approved; what is open is a
`model.Grant` made from an approved order and from nothing else.
"""
