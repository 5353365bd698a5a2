"""Pinned tool definitions: what was approved of each MCP server's tools, and what was rejected."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'mcp_tool_pins',
        sa.Column('server_id', sa.UUID(), nullable=False),
        sa.Column('tool', sa.Text(), nullable=False),
        sa.Column('hash', sa.Text(), nullable=True),
        sa.Column('definition', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column('rejected_hash', sa.Text(), nullable=True),
        sa.Column('decided_by', sa.UUID(), nullable=True),
        sa.Column('decided_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(
            ['server_id'], ['mcp_servers.id'], name=op.f('fk_mcp_tool_pins_server_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['decided_by'], ['users.id'], name=op.f('fk_mcp_tool_pins_decided_by'), ondelete='SET NULL'
        ),
        sa.PrimaryKeyConstraint('server_id', 'tool', name=op.f('pk_mcp_tool_pins')),
    )
    op.add_column('mcp_servers', sa.Column('pinned_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('mcp_servers', 'pinned_at')
    op.drop_table('mcp_tool_pins')
