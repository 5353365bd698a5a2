"""Endpoints of projects, and endpoints whose tools are searched for instead of listed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    listed = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column('mcp_endpoints', sa.Column('project_id', sa.UUID(), nullable=True))
    op.add_column('mcp_endpoints', sa.Column('search', sa.Boolean(), server_default='false', nullable=False))
    op.add_column('mcp_endpoints', sa.Column('listed', listed, server_default='[]', nullable=False))
    op.create_foreign_key(
        op.f('fk_mcp_endpoints_project_id'), 'mcp_endpoints', 'projects', ['project_id'], ['id'], ondelete='CASCADE'
    )


def downgrade() -> None:
    op.drop_constraint(op.f('fk_mcp_endpoints_project_id'), 'mcp_endpoints', type_='foreignkey')
    for column in ('listed', 'search', 'project_id'):
        op.drop_column('mcp_endpoints', column)
