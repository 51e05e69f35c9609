"""The demo: an embedded PostgreSQL, a sample city, redactor in front of it, and a tour in the terminal.

Knows how to make a city and what to show of it. All people, addresses and numbers are made up: they come from md5 over
row numbers, so that two runs show the same. Invariant: the tour asserts every claim that it prints.
"""
