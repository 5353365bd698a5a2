"""Limits of targets are kept: a slot kept for an admitted delivery, the line of those who wait, no count of running."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('outbox', sa.Column('admitted', sa.Boolean(), server_default='false', nullable=False))
    op.create_index('ix_outbox_admitted', 'outbox', ['task_id'], postgresql_where=sa.text('admitted'))
    op.create_index('ix_tasks_in_line', 'tasks', ['target_id'], postgresql_where=sa.text("state = 'pending'"))
    op.drop_column('target_stats', 'running')


def downgrade() -> None:
    op.add_column('target_stats', sa.Column('running', sa.Integer(), server_default='0', nullable=False))
    op.drop_index('ix_tasks_in_line', table_name='tasks')
    op.drop_index('ix_outbox_admitted', table_name='outbox')
    op.drop_column('outbox', 'admitted')
