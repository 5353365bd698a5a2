"""Tools that MCP servers show only to clients that can be asked: kept so that people can look at and approve them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'mcp_shown_tools',
        sa.Column('server_id', sa.UUID(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=True),
        sa.Column('capabilities', sa.Text(), nullable=False),
        sa.Column('tools', postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(
            ['server_id'], ['mcp_servers.id'], name=op.f('fk_mcp_shown_tools_server_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['user_id'], ['users.id'], name=op.f('fk_mcp_shown_tools_user_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_mcp_shown_tools')),
    )
    op.create_index(op.f('ix_mcp_shown_tools_user_id'), 'mcp_shown_tools', ['user_id'])
    nobody = sa.text("coalesce(user_id, '00000000-0000-0000-0000-000000000000')")
    op.create_index(
        'uq_mcp_shown_tools_session', 'mcp_shown_tools', ['server_id', nobody, 'capabilities'], unique=True
    )


def downgrade() -> None:
    op.drop_table('mcp_shown_tools')
