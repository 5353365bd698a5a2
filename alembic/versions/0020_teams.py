"""Teams: the document and the base of each run, and the commit from which the change of a part is counted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tasks', sa.Column('base_commit', sa.Text(), nullable=True))
    op.create_table(
        'team_runs',
        sa.Column('task_id', sa.UUID(), nullable=False),
        sa.Column('document', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('base_commit', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id'),
    )


def downgrade() -> None:
    op.drop_table('team_runs')
    op.drop_column('tasks', 'base_commit')
