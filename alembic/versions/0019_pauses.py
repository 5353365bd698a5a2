"""Pauses and forks: when a person asked a task to rest, and from where a forked one goes on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tasks', sa.Column('pause_requested_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        'tasks', sa.Column('origin', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )


def downgrade() -> None:
    op.drop_column('tasks', 'origin')
    op.drop_column('tasks', 'pause_requested_at')
