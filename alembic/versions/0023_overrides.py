"""Why a person had a merge undone without proof."""

import sqlalchemy as sa
from alembic import op

revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('merges', sa.Column('override_reason', sa.Text(), server_default='', nullable=False))


def downgrade() -> None:
    op.drop_column('merges', 'override_reason')
