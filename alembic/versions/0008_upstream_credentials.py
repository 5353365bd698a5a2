"""Credentials towards MCP servers: values of each user, OAuth connections, OAuth clients."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def _stamps() -> tuple[sa.Column, ...]:
    return (
        sa.Column('id', sa.UUID(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
        sa.Column('updated_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    )


def _of_server_and_user(table: str, *, shared: bool) -> tuple[Any, ...]:
    return (
        sa.Column('server_id', sa.UUID(), nullable=False),
        sa.Column('user_id', sa.UUID(), nullable=shared),
        sa.ForeignKeyConstraint(
            ['server_id'], ['mcp_servers.id'], name=op.f(f'fk_{table}_server_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f(f'fk_{table}_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f(f'pk_{table}')),
    )


def upgrade() -> None:
    op.add_column('mcp_servers', sa.Column('user_env', _json(), server_default='[]', nullable=False))
    op.add_column('mcp_servers', sa.Column('user_headers', _json(), server_default='[]', nullable=False))
    op.add_column('mcp_servers', sa.Column('oauth', _json(), nullable=True))
    op.create_table(
        'mcp_credentials',
        *_of_server_and_user('mcp_credentials', shared=False),
        sa.Column('secrets_encrypted', sa.Text(), nullable=True),
        sa.Column('tools', _json(), server_default='[]', nullable=False),
        sa.Column('health', sa.String(length=40), server_default='unknown', nullable=False),
        sa.Column('health_error', sa.Text(), nullable=True),
        sa.Column('latency_ms', sa.Float(), nullable=True),
        sa.Column('protocol_version', sa.Text(), nullable=True),
        sa.Column('server_info', _json(), server_default='{}', nullable=False),
        sa.Column('probed_at', sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
        sa.UniqueConstraint('user_id', 'server_id', name=op.f('uq_mcp_credentials_user_id_server_id')),
    )
    op.create_index(op.f('ix_mcp_credentials_server_id'), 'mcp_credentials', ['server_id'])
    op.create_table(
        'mcp_connections',
        *_of_server_and_user('mcp_connections', shared=True),
        sa.Column('issuer', sa.Text(), nullable=False),
        sa.Column('resource', sa.Text(), nullable=False),
        sa.Column('client_id', sa.Text(), nullable=False),
        sa.Column('auth_method', sa.Text(), nullable=False),
        sa.Column('token_endpoint', sa.Text(), nullable=False),
        sa.Column('revocation_endpoint', sa.Text(), nullable=True),
        sa.Column('secrets_encrypted', sa.Text(), nullable=True),
        sa.Column('scopes', _json(), server_default='[]', nullable=False),
        sa.Column('wanted', _json(), server_default='[]', nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('generation', sa.Integer(), server_default='0', nullable=False),
        sa.Column('claim', sa.UUID(), nullable=True),
        sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
    )
    op.create_index(op.f('ix_mcp_connections_user_id'), 'mcp_connections', ['user_id'])
    nobody = sa.text("coalesce(user_id, '00000000-0000-0000-0000-000000000000')")
    op.create_index('uq_mcp_connections_server_user', 'mcp_connections', ['server_id', nobody], unique=True)
    op.create_table(
        'upstream_clients',
        sa.Column('issuer', sa.Text(), nullable=False),
        sa.Column('redirect_uri', sa.Text(), nullable=False),
        sa.Column('client_id', sa.Text(), nullable=False),
        sa.Column('auth_method', sa.Text(), nullable=False),
        sa.Column('client_secret_encrypted', sa.Text(), nullable=True),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_upstream_clients')),
        sa.UniqueConstraint('issuer', 'redirect_uri', name=op.f('uq_upstream_clients_issuer_redirect_uri')),
    )


def downgrade() -> None:
    op.drop_table('upstream_clients')
    op.drop_table('mcp_connections')
    op.drop_table('mcp_credentials')
    for column in ('oauth', 'user_headers', 'user_env'):
        op.drop_column('mcp_servers', column)
