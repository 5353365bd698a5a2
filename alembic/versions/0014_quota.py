"""One breaker for each provider's account, tasks that wait for one, and work that was stopped in the middle."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'quota_waits',
        sa.Column('account', sa.Text(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=False),
        sa.Column('since', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.Column('why', sa.Text(), server_default='', nullable=False),
        sa.Column('stops', sa.Integer(), server_default='1', nullable=False),
        sa.Column('trial_until', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('account', name=op.f('pk_quota_waits')),
    )
    op.create_table(
        'parked_work',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('target_id', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('base_commit', sa.Text(), nullable=True),
        sa.Column('commit', sa.Text(), nullable=True),
        sa.Column('diff', sa.Text(), server_default='', nullable=False),
        sa.Column(
            'conversation', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), server_default='[]',
            nullable=False,
        ),
        sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_parked_work_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', name=op.f('pk_parked_work')),
    )
    op.add_column('tasks', sa.Column('quota_account', sa.Text(), nullable=True))
    op.add_column('tasks', sa.Column('wakes_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        'ix_tasks_quota_account', 'tasks', ['quota_account'], postgresql_where=sa.text('quota_account IS NOT NULL')
    )


def downgrade() -> None:
    op.drop_index('ix_tasks_quota_account', table_name='tasks')
    op.drop_column('tasks', 'wakes_at')
    op.drop_column('tasks', 'quota_account')
    op.drop_table('parked_work')
    op.drop_table('quota_waits')
