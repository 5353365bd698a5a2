"""Tables and the transaction. Never language models: those are called providers."""

from orchestrator.models.accounts import ApiToken, Identity, RefreshToken, User
from orchestrator.models.agent_asking import AgentMessage, AgentQuestion, AgentRuleRow
from orchestrator.models.base import Base
from orchestrator.models.database import Database
from orchestrator.models.mcp_credentials import McpConnection, McpCredential, UpstreamClient
from orchestrator.models.oauth import OAuthClient, OAuthCode, OAuthConsent, OAuthGrant
from orchestrator.models.parked import ParkedWork
from orchestrator.models.projects import Graph, Membership, Project, RepositoryState, Role
from orchestrator.models.proofs import ChangeRow, ProofRow
from orchestrator.models.quota import QuotaWait
from orchestrator.models.registry import (
    CustomAgent,
    McpEndpoint,
    McpServer,
    McpShownTools,
    McpToolPin,
    TargetEstimate,
    TargetStats,
    UserSpace,
)
from orchestrator.models.reviews import MergeRow, ReviewRow
from orchestrator.models.tasks import Attempt, AttemptContext, EventRow, FootprintRow, OutboxRow, RouteRow, TaskRow
from orchestrator.models.together import Claim, NoteState, ProjectNote, TeamRun
from orchestrator.models.tool_policy import CallRecord, ToolApproval, ToolRule
from orchestrator.models.usage import AttemptUsage, BudgetRow, PriceRow

__all__ = [
    "AgentMessage",
    "AgentQuestion",
    "AgentRuleRow",
    "ApiToken",
    "Attempt",
    "AttemptContext",
    "AttemptUsage",
    "Base",
    "BudgetRow",
    "CallRecord",
    "ChangeRow",
    "Claim",
    "CustomAgent",
    "Database",
    "EventRow",
    "FootprintRow",
    "Graph",
    "Identity",
    "McpConnection",
    "McpCredential",
    "McpEndpoint",
    "McpServer",
    "McpShownTools",
    "McpToolPin",
    "Membership",
    "MergeRow",
    "NoteState",
    "OAuthClient",
    "OAuthCode",
    "OAuthConsent",
    "OAuthGrant",
    "OutboxRow",
    "ParkedWork",
    "PriceRow",
    "Project",
    "ProjectNote",
    "ProofRow",
    "QuotaWait",
    "RefreshToken",
    "RepositoryState",
    "ReviewRow",
    "Role",
    "RouteRow",
    "TargetEstimate",
    "TargetStats",
    "TaskRow",
    "TeamRun",
    "ToolApproval",
    "ToolRule",
    "UpstreamClient",
    "User",
    "UserSpace",
]
