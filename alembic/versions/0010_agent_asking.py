"""Rules about what agents do, their questions with the answers, and words to a running agent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def _json(name: str, default: str) -> sa.Column:
    kind = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    return sa.Column(name, kind, server_default=default, nullable=False)


def _time(name: str, default: str | None = None) -> sa.Column:
    made = sa.text(default) if default else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=made, nullable=default is None)


def upgrade() -> None:
    op.create_table(
        'agent_rules',
        sa.Column('level', sa.String(length=40), nullable=False),
        sa.Column('effect', sa.String(length=40), nullable=False),
        sa.Column('agent', sa.Text(), server_default='*', nullable=False),
        sa.Column('tool', sa.Text(), server_default='*', nullable=False),
        sa.Column('path', sa.Text(), server_default='', nullable=False),
        sa.Column('command', sa.Text(), server_default='', nullable=False),
        sa.Column('cost_above', sa.Float(), nullable=True),
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('user_id', sa.UUID(), nullable=True),
        sa.Column('reason', sa.Text(), server_default='', nullable=False),
        sa.Column('created_by', sa.UUID(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        _time('created_at', 'now()'),
        _time('updated_at', 'now()'),
        sa.ForeignKeyConstraint(['created_by'], ['users.id'], name=op.f('fk_agent_rules_created_by'), ondelete='SET NULL'),
        sa.ForeignKeyConstraint(
            ['project_id'], ['projects.id'], name=op.f('fk_agent_rules_project_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_agent_rules_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agent_rules')),
    )
    op.create_index(op.f('ix_agent_rules_project_id'), 'agent_rules', ['project_id'])
    op.create_index(op.f('ix_agent_rules_user_id'), 'agent_rules', ['user_id'])
    op.create_table(
        'agent_questions',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('question', sa.Text(), nullable=False),
        _json('choices', '[]'),
        _json('action', '{}'),
        sa.Column('agent', sa.Text(), nullable=False),
        sa.Column('default_choice', sa.Text(), nullable=True),
        _time('asked_at', 'clock_timestamp()'),
        sa.Column('deadline', sa.DateTime(timezone=True), nullable=False),
        _time('answered_at'),
        sa.Column('answered_by', sa.UUID(), nullable=True),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('outcome', sa.Text(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_agent_questions_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agent_questions')),
    )
    op.create_index('ix_agent_questions_task_id', 'agent_questions', ['task_id'])
    op.create_index(
        'ix_agent_questions_open', 'agent_questions', ['deadline'], postgresql_where=sa.text('outcome IS NULL')
    )
    op.create_table(
        'agent_messages',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        _time('told_at', 'clock_timestamp()'),
        _time('taken_at'),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_agent_messages_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_agent_messages')),
    )
    op.create_index(op.f('ix_agent_messages_task_id'), 'agent_messages', ['task_id'])
    op.create_index(
        'ix_agent_messages_waiting', 'agent_messages', ['task_id'], postgresql_where=sa.text('taken_at IS NULL')
    )


def downgrade() -> None:
    for table in ('agent_messages', 'agent_questions', 'agent_rules'):
        op.drop_table(table)
