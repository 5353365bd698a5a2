"""The container: every service of one process, and what makes executors of them. Built by ``bootstrap``.

Used by api, jobs, workers, the command line and tests, which take what they need from it. It decides nothing and reads
no settings but those that executors are made of.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from orchestrator.bootstrap_agents import machine_leases, supervision
from orchestrator.config import Settings
from orchestrator.core.secretbox import SecretBox
from orchestrator.eventlog.wake import Wake
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktrees
from orchestrator.jobqueue.sender import JobSender
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries
from orchestrator.mcp.pool import ServerPool
from orchestrator.models.database import Database
from orchestrator.services.access import ProjectAccess
from orchestrator.services.accounts import Accounts
from orchestrator.services.agent_face import AgentFaces
from orchestrator.services.agent_homes import AgentHomes
from orchestrator.services.agent_questions import AgentQuestions
from orchestrator.services.agent_rules import AgentRules
from orchestrator.services.agent_service import AgentService
from orchestrator.services.api_tokens import ApiTokens
from orchestrator.services.applications import Applications
from orchestrator.services.attempt_trees import AttemptTrees
from orchestrator.services.authorization_grants import AuthorizationGrants
from orchestrator.services.authorization_requests import AuthorizationRequests
from orchestrator.services.blobs import BlobStore
from orchestrator.services.briefings import Briefings
from orchestrator.services.budgets import Budgets
from orchestrator.services.build_graph import GraphBuilder
from orchestrator.services.call_audit import CallAudit
from orchestrator.services.call_gate import CallGate
from orchestrator.services.call_log import CallLog
from orchestrator.services.claims import Claims
from orchestrator.services.collisions import Collisions
from orchestrator.services.decisions import Decisions
from orchestrator.services.disk_watch import DiskWatch
from orchestrator.services.event_stream import EventStream
from orchestrator.services.families import Families
from orchestrator.services.feedback import Feedback
from orchestrator.services.first_probes import FirstProbes
from orchestrator.services.follow_projects import FollowedProjects
from orchestrator.services.github_service import GitHubService
from orchestrator.services.graph_questions import PreparedQuestions
from orchestrator.services.graph_service import GraphService
from orchestrator.services.hf_service import HFService
from orchestrator.services.learning import Learning
from orchestrator.services.left_behind import LeftBehind
from orchestrator.services.limits import RequestLimit
from orchestrator.services.mcp_catalogue import McpCatalogue
from orchestrator.services.mcp_connect import McpConnect
from orchestrator.services.mcp_documents import McpDocuments
from orchestrator.services.mcp_endpoints import McpEndpoints
from orchestrator.services.mcp_offers import McpOffers
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.merge_queue import MergeQueue
from orchestrator.services.metering import Meters
from orchestrator.services.notes import Notes
from orchestrator.services.oauth import OAuth
from orchestrator.services.oauth_clients import OAuthClients
from orchestrator.services.overlaps import Overlaps
from orchestrator.services.parking import Parking
from orchestrator.services.passwords import Passwords
from orchestrator.services.pending import Pending
from orchestrator.services.prices import Prices
from orchestrator.services.probes import Probes
from orchestrator.services.project_history import ProjectHistory
from orchestrator.services.project_service import ProjectService
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.proofs import Proofs
from orchestrator.services.quota import Quota
from orchestrator.services.reaper import Reaper
from orchestrator.services.relay import Relay
from orchestrator.services.reviews import Reviews
from orchestrator.services.room import Room
from orchestrator.services.run_agent import AgentExecutor
from orchestrator.services.run_merge import MergeExecutor
from orchestrator.services.run_tool import RegistryServers, ToolExecutor
from orchestrator.services.scratch_graphs import ScratchGraphs
from orchestrator.services.sessions import Sessions
from orchestrator.services.slots import FreedSlots
from orchestrator.services.space_servers import SpaceServers
from orchestrator.services.space_service import SpaceService
from orchestrator.services.sync_project import ProjectSync
from orchestrator.services.targets import TargetDirectory
from orchestrator.services.task_forks import TaskForks
from orchestrator.services.task_pauses import TaskPauses
from orchestrator.services.task_proof import TaskProofs
from orchestrator.services.task_rows import TaskRows
from orchestrator.services.task_service import TaskService
from orchestrator.services.task_writer import TaskWriter
from orchestrator.services.team_graphs import TeamGraphs
from orchestrator.services.tokens import Tokens
from orchestrator.services.tool_calls import ToolCalls
from orchestrator.services.tool_consent import ToolConsent
from orchestrator.services.tool_policy import ToolPolicy
from orchestrator.services.tool_rules import ToolRules
from orchestrator.services.tool_search import ToolSearch
from orchestrator.services.tool_trust import ToolTrust
from orchestrator.services.traced_runs import TracedRuns
from orchestrator.services.tries import Tries
from orchestrator.services.usage import UsageReport
from orchestrator.services.verifier import Verifier
from orchestrator.services.work_graphs import WorkGraphs
from orchestrator.services.worktree_graphs import WorktreeGraphs


@dataclass(slots=True)
class Container:
    """All services of one process."""

    settings: Settings
    database: Database
    wake: Wake
    sender: JobSender
    relay: Relay
    writer: TaskWriter
    rows: TaskRows
    blobs: BlobStore
    secretbox: SecretBox
    tokens: Tokens
    access: ProjectAccess
    request_limit: RequestLimit
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    api_tokens: ApiTokens
    oauth: OAuth
    oauth_clients: OAuthClients
    authorizations: AuthorizationRequests
    grants: AuthorizationGrants
    applications: Applications
    mirrors: Mirrors
    worktrees: Worktrees
    views: ProjectViews
    queries: GraphQueries
    updates: GraphUpdates
    worktree_graphs: WorktreeGraphs
    followed: FollowedProjects
    pool: ServerPool
    registry: McpRegistry
    connect: McpConnect
    catalogue: McpCatalogue
    offers: McpOffers
    endpoints: McpEndpoints
    tool_search: ToolSearch
    agents: AgentService
    agent_rules: AgentRules
    questions_asked: AgentQuestions
    quota: Quota
    briefings: Briefings
    learning: Learning
    prices: Prices
    budgets: Budgets
    decisions: Decisions
    tries: Tries
    usage: UsageReport
    questions: PreparedQuestions
    targets: TargetDirectory
    tasks: TaskService
    pauses: TaskPauses
    forks: TaskForks
    github: GitHubService
    huggingface: HFService
    spaces: SpaceService
    space_servers: SpaceServers
    events: EventStream
    projects: ProjectService
    graphs: GraphService
    work_graphs: WorkGraphs
    scratch: ScratchGraphs
    traced_runs: TracedRuns
    verifier: Verifier
    proofs: Proofs
    task_proofs: TaskProofs
    reviews: Reviews
    merges: MergeQueue
    policy: ToolPolicy
    rules: ToolRules
    consent: ToolConsent
    audit: CallAudit
    call_log: CallLog
    gate: CallGate
    tool_calls: ToolCalls
    tool_trust: ToolTrust
    documents: McpDocuments
    reaper: Reaper
    slots: FreedSlots
    homes: AgentHomes
    left_behind: LeftBehind
    overlaps: Overlaps
    families: Families
    notes: Notes
    claims: Claims
    room: Room
    team_graphs: TeamGraphs
    collisions: Collisions
    pending: Pending
    probes: Probes
    first_probes: FirstProbes
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def tool_executor(self) -> ToolExecutor:
        """Carries out tool calls."""
        return ToolExecutor(RegistryServers(self.registry), self.gate, self.views)

    def space_executor(self) -> ToolExecutor:
        """Carries out tool calls on users' Spaces."""
        return ToolExecutor(self.spaces, self.gate, self.views)

    def project_sync(self) -> ProjectSync:
        """Fetches repositories."""
        return ProjectSync(
            self.database, self.mirrors, self.tasks, self.settings.roots, github_url=self.settings.github_url,
            github_token=lambda user_id: self.oauth.find_token(user_id, "github"),
        )  # fmt: skip

    def agent_executor(self) -> AgentExecutor:
        """Runs agents."""
        return AgentExecutor(
            self.agents, self.views, AttemptTrees(self.worktrees, self.worktree_graphs), self.worktree_graphs,
            self.registry, self.pool, self.gate, AgentFaces(self.endpoints, self.catalogue), self.questions,
            supervision(self.settings, self.database, self.wake, self.agent_rules, self.questions_asked, self.blobs),
            Feedback(self.database), Parking(self.database), self.quota, self.room,
            Meters(self.database, self.prices), self.briefings, self.homes, self.database,
            DiskWatch(self.settings.attempt_disk_bytes, "ATTEMPT_DISK_BYTES"),
            machine_leases(self.settings, "agents", self.settings.attempt_folders),
        )  # fmt: skip

    def merge_executor(self) -> MergeExecutor:
        """Merges changes."""
        return MergeExecutor(
            self.database, self.merges, self.tasks, self.views, self.mirrors, self.verifier, self.proofs, self.github,
            self.settings.roots, github_token=lambda user_id: self.oauth.find_token(user_id, "github"),
        )  # fmt: skip

    def graph_builder(self) -> GraphBuilder:
        """Builds graphs."""
        history = ProjectHistory(self.mirrors, self.queries)
        return GraphBuilder(
            self.database, self.views, self.queries, self.updates, self.followed, history, self.work_graphs
        )

    async def close(self) -> None:
        """Finish pending writes and close everything, last built first."""
        await self.writer.settle()
        await self.slots.settle()
        await self.overlaps.settle()
        await self.families.settle()
        await self.writer.settle()
        self.passwords.close()
        for close in reversed(self.closers):
            await close()
