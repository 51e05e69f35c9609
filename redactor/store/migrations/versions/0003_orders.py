"""Disclosure orders: the orders, the rows counted against them, and who is to be told of emergencies.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "orders",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("database", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("orders_state", "orders", ["state"])
    op.create_table(
        "order_uses",
        sa.Column("order", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "order_notices",
        sa.Column("order", sa.String(32), primary_key=True),
        sa.Column("role", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("seen_by", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Forget the orders. The log, which has every step of them, stays."""
    for table in ("order_notices", "order_uses", "orders"):
        op.drop_table(table)
