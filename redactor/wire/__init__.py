"""The wire: sessions that turn bytes into ordered effects, one package for each protocol.

Knows protocols; knows no socket, clock, file or policy. A session keeps one promise: nothing reaches the server that
its `Judge` has not been asked about, and nothing that must be remembered is sent before its `Record`.
"""
