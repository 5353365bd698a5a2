"""What attempts changed, proofs of acceptance criteria, reviews, and the merge queue."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_TASK = 'tasks.id'


def upgrade() -> None:
    values = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    now = sa.text('clock_timestamp()')
    op.create_table(
        'changes',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('project_id', sa.UUID(), nullable=False),
        sa.Column('base_commit', sa.Text(), nullable=False),
        sa.Column('branch', sa.Text(), nullable=False),
        sa.Column('commit', sa.Text(), nullable=False),
        sa.Column('files', sa.Integer(), nullable=False),
        sa.Column('added', sa.Integer(), nullable=False),
        sa.Column('removed', sa.Integer(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(['task_id'], [_TASK], name=op.f('fk_changes_task_id_tasks'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(
            ['project_id'], ['projects.id'], name=op.f('fk_changes_project_id_projects'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('task_id', 'generation', name=op.f('pk_changes')),
    )
    op.create_table(
        'proofs',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('merge_id', sa.UUID(), nullable=True),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('verdict', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('exit_code', sa.Integer(), nullable=True),
        sa.Column('output', sa.Text(), nullable=False),
        sa.Column('output_pointer', values, nullable=True),
        sa.Column('seconds', sa.Float(), nullable=False),
        sa.Column('commit', sa.Text(), nullable=False),
        sa.Column('enclosed', sa.Boolean(), nullable=True),
        sa.Column('at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], [_TASK], name=op.f('fk_proofs_task_id_tasks'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_proofs')),
    )
    op.create_index('ix_proofs_task_id_generation', 'proofs', ['task_id', 'generation'])
    op.create_table(
        'reviews',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('commit', sa.Text(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('agent_id', sa.Text(), nullable=True),
        sa.Column('verdict', sa.String(length=40), nullable=False),
        sa.Column('summary', sa.Text(), nullable=False),
        sa.Column('comments', values, server_default='[]', nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], [_TASK], name=op.f('fk_reviews_task_id_tasks'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_reviews_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_reviews')),
    )
    op.create_index('ix_reviews_task_id', 'reviews', ['task_id'])
    _make_merges(values, now)


def _make_merges(values: postgresql.JSONB, now: sa.TextClause) -> None:
    op.create_table(
        'merges',
        sa.Column('project_id', sa.UUID(), nullable=False),
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('action', sa.String(length=40), nullable=False),
        sa.Column('method', sa.String(length=40), nullable=False),
        sa.Column('state', sa.String(length=40), server_default='queued', nullable=False),
        sa.Column('message', sa.Text(), server_default='', nullable=False),
        sa.Column('commit', sa.Text(), nullable=False),
        sa.Column('base_commit', sa.Text(), nullable=True),
        sa.Column('merged_commit', sa.Text(), nullable=True),
        sa.Column('conflicts', values, server_default='[]', nullable=False),
        sa.Column('pull_request', values, nullable=True),
        sa.Column('work_id', sa.UUID(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ['project_id'], ['projects.id'], name=op.f('fk_merges_project_id_projects'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['task_id'], [_TASK], name=op.f('fk_merges_task_id_tasks'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_merges_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_merges')),
    )
    op.create_index('ix_merges_project_id_created_at', 'merges', ['project_id', 'created_at'])
    active = sa.text('work_id IS NOT NULL AND finished_at IS NULL')
    op.create_index('uq_merges_active', 'merges', ['project_id'], unique=True, postgresql_where=active)
    unfinished = sa.text('finished_at IS NULL')
    op.create_index('uq_merges_unfinished', 'merges', ['task_id'], unique=True, postgresql_where=unfinished)


def downgrade() -> None:
    op.drop_table('merges')
    op.drop_table('reviews')
    op.drop_table('proofs')
    op.drop_table('changes')
