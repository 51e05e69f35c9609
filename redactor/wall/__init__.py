"""The second wall: which of the database's own grants let an ordinary requester read what the proxy hides.

Knows a judge, PostgreSQL's privileges and where else a server can be got round. The pure part (`grants`, `limits`,
`plan`, `statements`, `holes`, `surroundings`) looks at facts alone; `reading` and `machine` gather them. Nothing here
changes a database: what would is printed for a person to run.
"""
