"""Tables of money: what each attempt used, what models cost, and budgets of projects and people.

Used by ``services.metering``, ``services.prices``, ``services.budgets`` and ``services.usage``. What was used stays
when its task or project is deleted: a budget must not be made whole by that.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.core.spending import Period
from orchestrator.models.base import Base, Identified, Stamped

_NOBODY = "'00000000-0000-0000-0000-000000000000'"


class AttemptUsage(Base):
    """What one attempt of an agent used. ``money`` is null where a price was not known; then tokens are unpriced."""

    __tablename__ = "attempt_usage"
    __table_args__ = (
        Index("ix_attempt_usage_user_id_at", "user_id", "at"),
        Index("ix_attempt_usage_project_id_at", "project_id", "at"),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None]
    target_id: Mapped[str]
    model: Mapped[str] = mapped_column(default="", server_default="")
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    cached_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    requests: Mapped[int] = mapped_column(default=0, server_default="0")
    tool_calls: Mapped[int] = mapped_column(default=0, server_default="0")
    money: Mapped[float | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class PriceRow(Identified, Stamped, Base):
    """US dollars for a million tokens of a model, from a day on: everybody's, or one user's own."""

    __tablename__ = "prices"
    __table_args__ = (
        Index("uq_prices_model", text(f"coalesce(owner_id, {_NOBODY})"), "model", "valid_from", unique=True),
    )

    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    model: Mapped[str]
    valid_from: Mapped[date]
    input: Mapped[float]
    output: Mapped[float]
    cached: Mapped[float | None]


class BudgetRow(Identified, Stamped, Base):
    """What a project, or a person over all their tasks, may use in a period."""

    __tablename__ = "budgets"
    __table_args__ = (
        Index(
            "uq_budgets_of",
            text(f"coalesce(project_id, {_NOBODY})"),
            text(f"coalesce(user_id, {_NOBODY})"),
            "period",
            unique=True,
        ),
    )

    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    period: Mapped[Period]
    money: Mapped[float | None]
    tokens: Mapped[int | None] = mapped_column(BigInteger)
    tool_calls: Mapped[int | None] = mapped_column(BigInteger)


HAS_BUDGET = f"""
    (tasks.parent_id IS NOT NULL OR tasks.budget <> '{{}}'
        OR EXISTS (SELECT FROM budgets b WHERE coalesce(b.project_id, {_NOBODY}) = tasks.project_id)
        OR EXISTS (SELECT FROM budgets b
            WHERE coalesce(b.project_id, {_NOBODY}) = {_NOBODY} AND coalesce(b.user_id, {_NOBODY}) = tasks.user_id))
"""
"""SQL: whether what a row of ``tasks`` uses may count against a budget: its own, its family's, project's or user's."""
