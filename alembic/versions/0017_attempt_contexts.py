"""What agents were told of the code their tasks name, attempt by attempt."""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'attempt_contexts',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('tokens', sa.Integer(), nullable=False),
        sa.Column('left_out', sa.Integer(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_attempt_contexts_task_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id', 'generation', name=op.f('pk_attempt_contexts')),
    )


def downgrade() -> None:
    op.drop_table('attempt_contexts')
