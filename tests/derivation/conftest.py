"""A database with one secret column and one of everything that could hand it on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from redactor import policy, review
from redactor.engine import Engine
from tests.fixtures import town
from tests.servers import Server

REVIEW = """
database: town
relations:
  public.persons: {columns: {id: {}, name: {}, secret: {tags: [status]}}}
  public.plain: {columns: {id: {}, name: {}}}
  public.hushed: {tags: [programme], columns: {id: {}, person: {}}}
  public.linked: {columns: {id: {}, hushed: {}, note: {}}}
  public.computed: {columns: {id: {}, twice: {}, given: {}}}
  public.guarded: {columns: {id: {}, name: {}}}
  public.parts: {columns: {id: {}, kind: {tags: [status]}, name: {}}}
  public.above: {columns: {id: {}, mark: {tags: [status]}}}
  public.below: {columns: {id: {}, mark: {}, more: {}}}
  public.numbered: {columns: {id: {}, other: {}, name: {}, secret: {tags: [status]}}}
  public.sharing: {columns: {id: {}, name: {}}}
  public.hushed_numbers: {tags: [programme], columns: {id: {}}}
  public.borrowing: {columns: {id: {}, number: {}}}
functions:
  public.declared(text): {safe: true, because: tried}
  public.denied(): {safe: false, because: tried}
"""
POLICY = """
name: derived
roles: {boss: {users: [boss]}}
rules:
  - {id: hide, tags: [status, programme], approved: [boss], otherwise: mask}
"""


@pytest.fixture(scope="session")
def engine(postgres18: Server) -> Engine:
    with psycopg.connect(postgres18.dsn(), autocommit=True) as c:
        c.execute("CREATE DATABASE derived")
    with psycopg.connect(postgres18.dsn("derived"), autocommit=True) as c:
        c.execute((Path(__file__).parent / "objects.sql").read_bytes())
    catalog = town.read(postgres18, "derived")
    return Engine(catalog, policy.parse(POLICY, "policy.yaml"), review.parse(REVIEW, "catalog.yaml"))
