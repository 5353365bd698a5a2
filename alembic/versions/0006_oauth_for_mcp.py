"""Programs that people connect to the MCP endpoints: registered clients, codes, grants, remembered consents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def _user(table: str) -> tuple[sa.Column, sa.ForeignKeyConstraint]:
    return sa.Column('user_id', sa.UUID(), nullable=False), sa.ForeignKeyConstraint(
        ['user_id'], ['users.id'], name=op.f(f'fk_{table}_user_id'), ondelete='CASCADE'
    )


def _now(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False)


def _text(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        'oauth_clients',
        *_text('name'),
        sa.Column('redirect_uris', _json(), nullable=False),
        sa.Column('refreshable', sa.Boolean(), nullable=False),
        _now('created_at'),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_clients')),
    )
    op.create_index(
        'ix_oauth_clients_unused', 'oauth_clients', ['created_at'], postgresql_where=sa.text('used_at IS NULL')
    )
    op.create_table(
        'oauth_codes',
        *_text('code_hash', 'client_id', 'client_name', 'client_host', 'redirect_uri', 'challenge', 'resource'),
        sa.Column('grant_id', sa.UUID(), nullable=False),
        *_user('oauth_codes'),
        sa.Column('scopes', _json(), nullable=False),
        sa.Column('refreshable', sa.Boolean(), nullable=False),
        sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_codes')),
        sa.UniqueConstraint('code_hash', name=op.f('uq_oauth_codes_code_hash')),
    )
    op.create_index(op.f('ix_oauth_codes_user_id'), 'oauth_codes', ['user_id'])
    op.create_index(op.f('ix_oauth_codes_expires_at'), 'oauth_codes', ['expires_at'])
    op.create_table(
        'oauth_grants',
        *_text('client_id', 'client_name', 'client_host', 'resource'),
        *_user('oauth_grants'),
        sa.Column('scopes', _json(), nullable=False),
        sa.Column('refreshable', sa.Boolean(), nullable=False),
        _now('created_at'),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_grants')),
    )
    op.create_index(op.f('ix_oauth_grants_user_id'), 'oauth_grants', ['user_id'])
    op.create_table(
        'oauth_consents',
        *_text('client_id', 'client_name', 'client_host', 'resource', 'way_back'),
        *_user('oauth_consents'),
        sa.Column('scopes', _json(), nullable=False),
        _now('created_at'),
        sa.Column('id', sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_consents')),
        sa.UniqueConstraint('user_id', 'client_id', 'resource', 'way_back', name=op.f('uq_oauth_consents_user_id_client_id_resource_way_back')),
    )


def downgrade() -> None:
    for table in ('oauth_consents', 'oauth_grants', 'oauth_codes', 'oauth_clients'):
        op.drop_table(table)
