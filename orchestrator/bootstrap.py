"""Builds the container: every service with its collaborators, from the settings. Used by api, workers, CLI and tests.

The one place that knows which part needs which. Nothing connects here; connections open on first use and ``close`` ends
them in order.
"""

import secrets

from cryptography.fernet import Fernet

from orchestrator.bootstrap_agents import agent_catalogue, family_limits, machine_leases, tool_embeddings
from orchestrator.config import Settings
from orchestrator.container import Container
from orchestrator.core.secretbox import SecretBox
from orchestrator.eventlog.wake import Wake
from orchestrator.git.mirror import Mirrors
from orchestrator.git.worktree import Worktrees
from orchestrator.jobqueue.sender import JobSender
from orchestrator.kg.indexing.updates import GraphUpdates
from orchestrator.kg.query.client import GraphQueries, QueryLimits
from orchestrator.kg.query.remote_queries import RemoteQueries
from orchestrator.mcp.builtin_code import code_server
from orchestrator.mcp.builtin_diagnostics import diagnostics_server
from orchestrator.mcp.builtin_graph import graph_server
from orchestrator.mcp.limits import Limits
from orchestrator.mcp.pool import ServerPool
from orchestrator.models.database import Database
from orchestrator.sandbox.starter import Starter
from orchestrator.services.access import ProjectAccess
from orchestrator.services.accounts import Accounts
from orchestrator.services.agent_homes import AgentHomes
from orchestrator.services.agent_questions import AgentQuestions
from orchestrator.services.agent_rules import AgentRules
from orchestrator.services.agent_service import AgentService
from orchestrator.services.api_tokens import ApiTokens
from orchestrator.services.applications import Applications
from orchestrator.services.approved_tools import ApprovedTools
from orchestrator.services.authorization_grants import AuthorizationGrants
from orchestrator.services.authorization_requests import AuthorizationRequests
from orchestrator.services.blobs import BlobStore
from orchestrator.services.briefings import Briefings
from orchestrator.services.budgets import Budgets
from orchestrator.services.call_audit import CallAudit
from orchestrator.services.call_gate import CallGate
from orchestrator.services.call_log import CallLog
from orchestrator.services.claims import Claims
from orchestrator.services.client_documents import ClientDocuments
from orchestrator.services.collisions import Collisions
from orchestrator.services.decisions import Decisions
from orchestrator.services.disk_watch import DiskWatch
from orchestrator.services.event_stream import EventStream
from orchestrator.services.families import Families
from orchestrator.services.first_probes import FirstProbes
from orchestrator.services.follow_projects import FollowedProjects
from orchestrator.services.footprints import Footprints
from orchestrator.services.github_service import GitHubService
from orchestrator.services.graph_questions import PreparedQuestions
from orchestrator.services.graph_service import GraphService
from orchestrator.services.hf_service import HFService
from orchestrator.services.keyfile import read_or_make
from orchestrator.services.learning import Learning
from orchestrator.services.left_behind import LeftBehind
from orchestrator.services.limits import RequestLimit
from orchestrator.services.mcp_catalogue import McpCatalogue
from orchestrator.services.mcp_connect import McpConnect
from orchestrator.services.mcp_connections import McpConnections
from orchestrator.services.mcp_credentials import McpCredentials
from orchestrator.services.mcp_documents import McpDocuments
from orchestrator.services.mcp_endpoints import McpEndpoints
from orchestrator.services.mcp_offers import McpOffers
from orchestrator.services.mcp_registry import McpRegistry
from orchestrator.services.merge_queue import MergeQueue
from orchestrator.services.notes import Notes
from orchestrator.services.oauth import OAuth
from orchestrator.services.oauth_clients import OAuthClients
from orchestrator.services.oauth_providers import GitHub, HuggingFace
from orchestrator.services.overlaps import Overlaps
from orchestrator.services.passwords import Passwords
from orchestrator.services.pending import Pending
from orchestrator.services.prices import Prices
from orchestrator.services.probes import Probes
from orchestrator.services.project_service import ProjectService
from orchestrator.services.project_view import ProjectViews
from orchestrator.services.proofs import Proofs
from orchestrator.services.quota import Quota
from orchestrator.services.reaper import Reaper
from orchestrator.services.relay import Relay
from orchestrator.services.reviews import Reviews
from orchestrator.services.room import Room
from orchestrator.services.scratch_graphs import ScratchGraphs
from orchestrator.services.sessions import Sessions
from orchestrator.services.slots import FreedSlots
from orchestrator.services.space_servers import SpaceServers
from orchestrator.services.space_service import SpaceService
from orchestrator.services.stopping import Stopper
from orchestrator.services.stored_tokens import StoredTokens
from orchestrator.services.targets import TargetDirectory
from orchestrator.services.task_forks import TaskForks
from orchestrator.services.task_pauses import TaskPauses
from orchestrator.services.task_proof import TaskProofs
from orchestrator.services.task_rows import TaskRows
from orchestrator.services.task_service import TaskLimits, TaskService
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

__all__ = ["Container", "build_container"]


def build_container(settings: Settings) -> Container:
    """Wire everything up. ``database_url`` and ``redis_url`` must be set by now."""
    database = Database(settings.database_url)
    wake = Wake(settings.redis_url)
    sender = JobSender(settings.redis_url)
    relay = Relay(database, sender)
    writer = TaskWriter(database, wake, relay)
    secretbox = _secretbox(settings)
    access = ProjectAccess(database)
    mirrors = Mirrors(settings.data_dir / "mirrors", allow_private_hosts=settings.allow_private_urls)
    worktrees = Worktrees(settings.data_dir / "worktrees", mirrors)
    views = ProjectViews(database, mirrors, worktrees, settings.data_dir / "kg")
    queries = _graph_queries(settings)
    updates = GraphUpdates()
    worktree_graphs = WorktreeGraphs(views, worktrees, updates)
    followed = FollowedProjects(database, views, updates, settings.roots, most=settings.follow_projects)
    limits = _query_limits(settings)
    questions = PreparedQuestions(queries, limits)
    starter = Starter(hidden=(settings.data_dir, ".env"), projects=(mirrors.root, worktrees.root))
    builtins = (code_server(), graph_server(questions), diagnostics_server())
    pool = ServerPool(builtins, starter=starter, limits=Limits(allow_private_urls=settings.allow_private_urls))
    registry = McpRegistry(
        database, pool, secretbox, starter,
        credentials=McpCredentials(database, secretbox),
        connections=McpConnections(
            database, secretbox, base_url=settings.base_url, allow_private=settings.allow_private_urls
        ),
        allow_stdio=settings.allow_stdio_servers,
        allow_private_urls=settings.allow_private_urls,
        trust_first_sight=settings.trust_first_sight,
    )  # fmt: skip
    agents = AgentService(
        database, access, secretbox, agent_catalogue(settings, starter), allow_private_urls=settings.allow_private_urls,
        allow_programs=settings.allow_stdio_servers,
    )  # fmt: skip
    policy = ToolPolicy(database, access)
    learning = Learning(database)
    targets = TargetDirectory(
        database, registry, policy, agents.targets, learning if settings.learn_from_outcomes else None
    )
    blobs = BlobStore(settings.data_dir / "blobs")
    slots = FreedSlots(database, writer)
    stopper = Stopper(writer, wake)
    families = Families(database, writer, stopper, family_limits(settings))
    tasks = TaskService(database, writer, targets, access, families, stopper, blobs, _task_limits(settings))
    prices = Prices(database, with_list=settings.list_prices)
    budgets = Budgets(database, writer, tasks, access, agents, prices)
    tasks.on_budget(budgets.check)
    stored = StoredTokens(database, session_days=settings.refresh_token_days)
    tokens = _tokens(settings, stored)
    passwords = Passwords()
    oauth = _oauth(settings, database, secretbox)
    sessions = Sessions(database, tokens, days=settings.refresh_token_days)
    documents = ClientDocuments(
        wanted=settings.read_client_documents, allow_private=settings.allow_private_client_documents
    )
    clients = OAuthClients(database, documents)
    huggingface = HFService(settings.hf_url)
    rules = ToolRules(database, access, policy)
    consent = ToolConsent(policy, rules)
    audit = CallAudit(database)
    gate = CallGate(pool, access, audit, (ApprovedTools(), consent))
    catalogue = McpCatalogue(registry, pool, gate)
    embeddings = tool_embeddings(settings)
    graphs = GraphService(database, access, views, tasks, queries, limits, worktree_graphs)
    agent_rules = AgentRules(database, access)
    traced_runs = TracedRuns(access, graphs, views, followed, updates)
    verifier = Verifier(
        mirrors, worktrees, worktree_graphs, views, questions, traced_runs, starter, blobs,
        seconds=settings.verify_seconds, need_sandbox=settings.criteria_need_sandbox,
        disk=DiskWatch(settings.verify_disk_bytes, "VERIFY_DISK_BYTES"),
        leases=machine_leases(settings, "criteria", settings.criteria_folders),
    )  # fmt: skip
    task_proofs = TaskProofs(database, tasks, mirrors, blobs)
    merges = MergeQueue(
        database, writer, tasks, access, views, github_url=settings.github_url,
        github_token=lambda user_id: oauth.find_token(user_id, "github"),
    )  # fmt: skip
    homes = AgentHomes(settings.data_dir / "homes")
    rows = TaskRows(database)
    footprints = Footprints(rows, agents, views, queries, limits)
    overlaps = Overlaps(database, writer, footprints)
    notes = Notes(database, access, most=settings.project_notes)
    claims = Claims(database, access, footprints, overlaps.left)
    events = EventStream(database, wake)
    container = Container(
        settings=settings,
        database=database,
        wake=wake,
        sender=sender,
        relay=relay,
        writer=writer,
        rows=rows,
        blobs=blobs,
        secretbox=secretbox,
        tokens=tokens,
        access=access,
        request_limit=RequestLimit(settings.requests_per_minute),
        passwords=passwords,
        accounts=Accounts(database, passwords, allow_registration=settings.allow_registration),
        sessions=sessions,
        api_tokens=ApiTokens(database, stored, access),
        oauth=oauth,
        oauth_clients=clients,
        authorizations=AuthorizationRequests(clients, secretbox),
        grants=AuthorizationGrants(database, sessions, tokens, clients),
        applications=Applications(database, sessions),
        mirrors=mirrors,
        worktrees=worktrees,
        views=views,
        queries=queries,
        updates=updates,
        worktree_graphs=worktree_graphs,
        followed=followed,
        pool=pool,
        registry=registry,
        connect=McpConnect(
            database, registry, secretbox, base_url=settings.base_url, allow_private=settings.allow_private_urls
        ),
        catalogue=catalogue,
        offers=McpOffers(registry, pool, catalogue),
        endpoints=McpEndpoints(database, registry, access),
        tool_search=ToolSearch(catalogue, embeddings),
        agents=agents,
        agent_rules=agent_rules,
        questions_asked=AgentQuestions(database, access, wake, agent_rules),
        quota=Quota(database, rows, writer, agents, default_seconds=settings.quota_seconds),
        learning=learning,
        briefings=Briefings(database, questions, tokens=settings.context_tokens),
        prices=prices,
        budgets=budgets,
        decisions=Decisions(database, writer, tasks, budgets),
        tries=Tries(database, tasks, agents),
        usage=UsageReport(database),
        questions=questions,
        targets=targets,
        tasks=tasks,
        pauses=TaskPauses(writer, tasks, wake),
        forks=TaskForks(database, tasks, agents),
        github=GitHubService(settings.github_api_url),
        huggingface=huggingface,
        spaces=SpaceService(database, pool, huggingface, lambda user_id: oauth.find_token(user_id, "huggingface")),
        space_servers=SpaceServers(registry, huggingface, lambda user_id: oauth.find_token(user_id, "huggingface")),
        events=events,
        projects=ProjectService(database, access, tasks, writer, mirrors, worktrees, views, queries, settings.roots),
        graphs=graphs,
        work_graphs=WorkGraphs(database, mirrors, views, queries),
        scratch=ScratchGraphs(graphs, access, views, queries, limits),
        traced_runs=traced_runs,
        verifier=verifier,
        proofs=Proofs(database, verifier),
        task_proofs=task_proofs,
        reviews=Reviews(database, writer, tasks, task_proofs, access, agents, mirrors),
        merges=merges,
        policy=policy,
        rules=rules,
        consent=consent,
        audit=audit,
        call_log=CallLog(database),
        gate=gate,
        tool_calls=ToolCalls(registry, pool, gate, views),
        tool_trust=ToolTrust(database, registry, pool, policy),
        documents=McpDocuments(registry),
        reaper=Reaper(database, writer),
        slots=slots,
        homes=homes,
        left_behind=LeftBehind(
            database,
            access,
            mirrors,
            worktrees,
            worktree_graphs,
            homes,
            leases=settings.data_dir / "leases",
            checkpoint_days=settings.checkpoint_days,
        ),
        overlaps=overlaps,
        families=families,
        notes=notes,
        claims=claims,
        team_graphs=TeamGraphs(database, tasks, families, agents),
        room=Room(tasks, agents, families, claims, notes, events),
        collisions=Collisions(database, mirrors, worktrees, writer),
        pending=Pending(database, tasks, targets, slots),
        probes=Probes(registry, pool),
        first_probes=FirstProbes(registry, targets.refresh),
    )
    container.closers += [
        database.close,
        targets.aclose,
        audit.aclose,  # after the pool: calls that it ends leave a record
        sender.close,
        wake.close,
        queries.aclose,
        updates.aclose,
        pool.aclose,
        container.first_probes.aclose,
        followed.aclose,
        *([embeddings.aclose] if embeddings else []),
        documents.aclose,
    ]
    return container


def _graph_queries(settings: Settings) -> GraphQueries:
    if not settings.graph_query_url:
        return GraphQueries()
    front = settings.data_dir / "kg" / "front"  # ends with the servers of this folder
    return RemoteQueries(settings.graph_query_url, settings.graph_update_url, front)


def _query_limits(settings: Settings) -> QueryLimits:
    return QueryLimits(settings.query_seconds, settings.query_rows, settings.query_bytes, settings.query_memory_bytes)


def _task_limits(settings: Settings) -> TaskLimits:
    return TaskLimits(
        settings.task_timeout_seconds, settings.heavy_timeout_seconds, settings.max_attempts,
        settings.quota_patience_seconds,
    )  # fmt: skip


def _secretbox(settings: Settings) -> SecretBox:
    given = settings.encryption_keys.get_secret_value()
    made = settings.data_dir / "encryption_key"
    return SecretBox((given or read_or_make(made, lambda: Fernet.generate_key().decode())).split(","))


def _tokens(settings: Settings, stored: StoredTokens) -> Tokens:
    given = settings.secret_key.get_secret_value()
    secret = given or read_or_make(settings.data_dir / "secret_key", lambda: secrets.token_urlsafe(48))
    return Tokens(stored, secret, access_minutes=settings.access_token_minutes)


def _oauth(settings: Settings, database: Database, secretbox: SecretBox) -> OAuth:
    github_secret, hf_secret = settings.github_client_secret, settings.hf_client_secret
    places = (
        GitHub(
            settings.github_client_id, github_secret.get_secret_value(), settings.github_url, settings.github_api_url
        ),
        HuggingFace(settings.hf_client_id, hf_secret.get_secret_value(), settings.hf_url),
    )
    return OAuth(
        database,
        secretbox,
        {place.name: place for place in places},
        base_url=settings.base_url,
        allow_registration=settings.allow_registration,
    )
