import os
from sqlalchemy import create_engine, MetaData, Table, Column, Integer, Text
from alembic.migration import MigrationContext
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code

e = create_engine(os.environ["URL"].replace("postgresql://", "postgresql+psycopg2://"))
m = MetaData()
Table("wards", m, Column("ward_id", Integer, primary_key=True), Column("nick", Text))
with e.connect() as c:
    mc = MigrationContext.configure(
        c, opts={"compare_type": True, "compare_server_default": True, "include_schemas": True}
    )
    print(mc.get_current_revision())
    print("\n".join(sorted(render_python_code(produce_migrations(mc, m).upgrade_ops).splitlines())))
