"""Faces of the MCP gateway: chosen servers and tools under an address of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.create_table(
        'mcp_endpoints',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('owner_id', sa.UUID(), nullable=True),
        sa.Column('servers', _json(), server_default='[]', nullable=False),
        sa.Column('prefix', sa.Boolean(), server_default='true', nullable=False),
        sa.Column('own_tools', sa.Boolean(), server_default='false', nullable=False),
        sa.Column('read_only', sa.Boolean(), server_default='false', nullable=False),
        sa.Column('tools', _json(), server_default='[]', nullable=False),
        sa.Column('renames', _json(), server_default='{}', nullable=False),
        sa.Column('annotations', _json(), server_default='{}', nullable=False),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.ForeignKeyConstraint(
            ['owner_id'], ['users.id'], name=op.f('fk_mcp_endpoints_owner_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_mcp_endpoints')),
        sa.UniqueConstraint('name', name=op.f('uq_mcp_endpoints_name')),
    )


def downgrade() -> None:
    op.drop_table('mcp_endpoints')
