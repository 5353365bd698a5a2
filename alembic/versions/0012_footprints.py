"""Tasks that would change the same code stand in line: what each is expected to touch, and behind whom it waits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tasks', sa.Column('waits_for_task', sa.Uuid(), nullable=True))
    op.create_index(
        'ix_tasks_waits_for_task', 'tasks', ['waits_for_task'],
        postgresql_where=sa.text('waits_for_task IS NOT NULL'),
    )
    op.create_table(
        'footprints',
        sa.Column('task_id', sa.Uuid(), nullable=False),
        sa.Column('project_id', sa.Uuid(), nullable=False),
        sa.Column('touches', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            'noted_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False
        ),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('task_id'),
    )
    op.create_index('ix_footprints_project_id', 'footprints', ['project_id'])


def downgrade() -> None:
    op.drop_table('footprints')
    op.drop_index('ix_tasks_waits_for_task', table_name='tasks')
    op.drop_column('tasks', 'waits_for_task')
