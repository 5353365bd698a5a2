"""Agents that work together: parts of tasks, tokens lent to a task, notes of a project, claims on code."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tasks', sa.Column('depth', sa.Integer(), server_default='0', nullable=False))
    op.add_column('tasks', sa.Column('part', sa.Text(), nullable=True))
    op.add_column('tasks', sa.Column('start_commit', sa.Text(), nullable=True))
    op.create_index(
        'ix_tasks_parent_id', 'tasks', ['parent_id'], postgresql_where=sa.text('parent_id IS NOT NULL')
    )
    op.create_index(
        'uq_tasks_parent_id_part', 'tasks', ['parent_id', 'part'], unique=True,
        postgresql_where=sa.text('part IS NOT NULL'),
    )
    op.add_column('api_tokens', sa.Column('task_id', sa.UUID(), nullable=True))
    op.create_table(
        'project_notes',
        sa.Column('project_id', sa.UUID(), nullable=False),
        sa.Column('topic', sa.Text(), server_default='', nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('state', sa.String(length=40), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=True),
        sa.Column('task_id', sa.UUID(), nullable=True),
        sa.Column('agent', sa.Text(), nullable=True),
        sa.Column('taken_by', sa.UUID(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('ix_project_notes_project_id_id', 'project_notes', ['project_id', 'id'])
    op.create_index('ix_project_notes_user_id', 'project_notes', ['user_id'])
    op.create_index('ix_project_notes_task_id', 'project_notes', ['task_id'])
    op.create_table(
        'claims',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('project_id', sa.UUID(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('path', sa.Text(), nullable=True),
        sa.Column(
            'claimed_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False
        ),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index('uq_claims_task_id_generation_name', 'claims', ['task_id', 'generation', 'name'], unique=True)
    op.create_index('ix_claims_project_id', 'claims', ['project_id'])


def downgrade() -> None:
    op.drop_table('claims')
    op.drop_table('project_notes')
    op.drop_column('api_tokens', 'task_id')
    op.drop_index('uq_tasks_parent_id_part', table_name='tasks')
    op.drop_index('ix_tasks_parent_id', table_name='tasks')
    op.drop_column('tasks', 'start_commit')
    op.drop_column('tasks', 'part')
    op.drop_column('tasks', 'depth')
