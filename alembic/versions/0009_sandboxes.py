"""What local MCP servers may see and take. Those registered before keep running as they did: without a sandbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    values = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
    op.add_column('mcp_servers', sa.Column('sandbox', sa.Text(), server_default='preferred', nullable=False))
    op.add_column('mcp_servers', sa.Column('network', sa.Text(), server_default='none', nullable=False))
    op.add_column('mcp_servers', sa.Column('folders', values, server_default='[]', nullable=False))
    op.add_column('mcp_servers', sa.Column('limits', values, server_default='{}', nullable=False))
    op.execute("UPDATE mcp_servers SET sandbox = 'off', network = 'full' WHERE transport = 'stdio'")


def downgrade() -> None:
    for column in ('limits', 'folders', 'network', 'sandbox'):
        op.drop_column('mcp_servers', column)
