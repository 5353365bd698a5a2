"""What routing learned: evidence for and against each target, per kind of work."""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'target_estimates',
        sa.Column('target_id', sa.Text(), nullable=False),
        sa.Column('capability', sa.Text(), nullable=False),
        sa.Column('good', sa.Float(), nullable=False),
        sa.Column('bad', sa.Float(), nullable=False),
        sa.Column('counted_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
        sa.PrimaryKeyConstraint('target_id', 'capability', name=op.f('pk_target_estimates')),
    )


def downgrade() -> None:
    op.drop_table('target_estimates')
