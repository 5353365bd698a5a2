"""What attempts use, what models cost, and budgets of projects and people."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

_NOBODY = "'00000000-0000-0000-0000-000000000000'"


def _count(name: str, kind: type[sa.types.TypeEngine] = sa.BigInteger) -> sa.Column:
    return sa.Column(name, kind(), server_default='0', nullable=False)


def _stamps() -> tuple[sa.Column, sa.Column]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False)
        for name in ('created_at', 'updated_at')
    )


def upgrade() -> None:
    op.create_table(
        'attempt_usage',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=False),
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('target_id', sa.Text(), nullable=False),
        sa.Column('model', sa.Text(), server_default='', nullable=False),
        *(_count(name) for name in ('input_tokens', 'cached_tokens', 'output_tokens')),
        *(_count(name, sa.Integer) for name in ('requests', 'tool_calls')),
        sa.Column('money', sa.Float(), nullable=True),
        sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_attempt_usage_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', 'generation', name=op.f('pk_attempt_usage')),
    )
    op.create_index('ix_attempt_usage_user_id_at', 'attempt_usage', ['user_id', 'at'])
    op.create_index('ix_attempt_usage_project_id_at', 'attempt_usage', ['project_id', 'at'])
    op.create_table(
        'prices',
        sa.Column('owner_id', sa.UUID(), nullable=True),
        sa.Column('model', sa.Text(), nullable=False),
        sa.Column('valid_from', sa.Date(), nullable=False),
        sa.Column('input', sa.Float(), nullable=False),
        sa.Column('output', sa.Float(), nullable=False),
        sa.Column('cached', sa.Float(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(['owner_id'], ['users.id'], name=op.f('fk_prices_owner_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_prices')),
    )
    owner = sa.text(f'coalesce(owner_id, {_NOBODY})')
    op.create_index('uq_prices_model', 'prices', [owner, 'model', 'valid_from'], unique=True)
    op.create_table(
        'budgets',
        sa.Column('project_id', sa.UUID(), nullable=True),
        sa.Column('user_id', sa.UUID(), nullable=True),
        sa.Column('period', sa.String(length=40), nullable=False),
        sa.Column('money', sa.Float(), nullable=True),
        sa.Column('tokens', sa.BigInteger(), nullable=True),
        sa.Column('tool_calls', sa.BigInteger(), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_budgets_project_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_budgets_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_budgets')),
    )
    whose = [sa.text(f'coalesce({name}, {_NOBODY})') for name in ('project_id', 'user_id')]
    op.create_index('uq_budgets_of', 'budgets', [*whose, 'period'], unique=True)


def downgrade() -> None:
    for table in ('budgets', 'prices', 'attempt_usage'):
        op.drop_table(table)
