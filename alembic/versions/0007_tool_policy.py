"""Rules about tool calls, what people always allow, and the record of every call."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def _json(name: str, default: str) -> sa.Column:
    kind = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    return sa.Column(name, kind, server_default=default, nullable=False)


def upgrade() -> None:
    now = sa.text('now()')
    op.create_table(
        'tool_rules',
        sa.Column('level', sa.String(length=40), nullable=False),
        sa.Column('effect', sa.String(length=40), nullable=False),
        sa.Column('tool', sa.Text(), server_default='*', nullable=False),
        sa.Column('server_id', sa.UUID(), nullable=True),
        _json('hints', '{}'),
        _json('roles', '[]'),
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('user_id', sa.UUID(), nullable=True),
        sa.Column('remember', sa.Boolean(), server_default='true', nullable=False),
        sa.Column('reason', sa.Text(), server_default='', nullable=False),
        sa.Column('created_by', sa.UUID(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.ForeignKeyConstraint(
            ['created_by'], ['users.id'], name=op.f('fk_tool_rules_created_by'), ondelete='SET NULL'
        ),
        sa.ForeignKeyConstraint(
            ['project_id'], ['projects.id'], name=op.f('fk_tool_rules_project_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_tool_rules_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tool_rules')),
    )
    for column in ('project_id', 'user_id'):
        op.create_index(op.f(f'ix_tool_rules_{column}'), 'tool_rules', [column])
    op.create_table(
        'tool_approvals',
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('rule_id', sa.UUID(), nullable=False),
        sa.Column('server_id', sa.UUID(), nullable=False),
        sa.Column('tool', sa.Text(), nullable=False),
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=now, nullable=False),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.ForeignKeyConstraint(
            ['project_id'], ['projects.id'], name=op.f('fk_tool_approvals_project_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['rule_id'], ['tool_rules.id'], name=op.f('fk_tool_approvals_rule_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_tool_approvals_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tool_approvals')),
    )
    op.create_index(op.f('ix_tool_approvals_rule_id'), 'tool_approvals', ['rule_id'])
    anywhere = sa.text("coalesce(project_id, '00000000-0000-0000-0000-000000000000')")
    what = ['user_id', 'rule_id', 'server_id', 'tool', anywhere]
    op.create_index('uq_tool_approvals_what', 'tool_approvals', what, unique=True)
    op.create_table(
        'tool_calls',
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('via', sa.Text(), nullable=False),
        sa.Column('credential_id', sa.UUID(), nullable=True),
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('task_id', sa.UUID(), nullable=True),
        sa.Column('agent', sa.Text(), nullable=True),
        sa.Column('door', sa.Text(), nullable=False),
        sa.Column('endpoint', sa.Text(), nullable=False),
        sa.Column('server_id', sa.UUID(), nullable=False),
        sa.Column('server', sa.Text(), nullable=False),
        sa.Column('tool', sa.Text(), nullable=False),
        sa.Column('arguments_digest', sa.Text(), nullable=False),
        sa.Column('outcome', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('rule_id', sa.UUID(), nullable=True),
        sa.Column('confirmed', sa.Text(), nullable=True),
        sa.Column('ms', sa.Float(), nullable=False),
        sa.Column('request_id', sa.Text(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_tool_calls')),
    )
    op.create_index(op.f('ix_tool_calls_at'), 'tool_calls', ['at'])
    for column in ('user_id', 'project_id', 'server_id'):
        op.create_index(f'ix_tool_calls_{column}_at', 'tool_calls', [column, 'at'])


def downgrade() -> None:
    for table in ('tool_calls', 'tool_approvals', 'tool_rules'):
        op.drop_table(table)
