"""What a question of a task that rests is about: a budget, or a choice among tries."""

import sqlalchemy as sa
from alembic import op

revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


_ASKED = """
    INSERT INTO agent_questions (id, task_id, generation, question, choices, agent, about, default_choice, deadline)
    SELECT gen_random_uuid(), id, generation, waiting_for, jsonb_build_array(
            jsonb_build_object('id', 'raise', 'name', 'Raise it by as much again'),
            jsonb_build_object('id', 'stop', 'name', 'Stop the task')),
        coalesce(target_id, ''), 'budget', 'stop', now() + interval '7 days'
    FROM tasks WHERE state = 'awaiting_input' AND error ->> 'code' = 'budget_reached'
"""
"""What tasks that wait for a budget already ask."""


def upgrade() -> None:
    op.add_column('agent_questions', sa.Column('about', sa.Text(), server_default='', nullable=False))
    op.execute(_ASKED)


def downgrade() -> None:
    op.drop_column('agent_questions', 'about')
