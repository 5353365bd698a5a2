/** The words of the contract as the console uses them. */

export interface Page<T> {
  items: T[];
  total: number;
  limit: number;
  offset: number;
}

export interface Profile {
  id: string;
  email: string;
  display_name: string;
  avatar_url: string | null;
  is_admin: boolean;
  csrf_token?: string | null;
  settings: Record<string, unknown>;
  identities: Identity[];
}

export interface Identity {
  provider: string;
  login: string;
}

export interface LoginProvider {
  name: string;
  configured: boolean;
}

export interface ApiToken {
  id: string;
  name: string;
  prefix: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

export interface Graph {
  id: string;
  task_id: string | null;
  commit: string | null;
  triples: number | null;
  report: Record<string, unknown>;
  built_at: string | null;
}

export interface Project {
  id: string;
  name: string;
  description: string;
  repository_url: string | null;
  local_path: string | null;
  template: string | null;
  default_branch: string | null;
  head_commit: string | null;
  repository_state: "pending" | "syncing" | "ready" | "failed";
  repository_error: string | null;
  synced_at: string | null;
  created_at: string;
  role: "viewer" | "member" | "admin";
  graph?: Graph | null;
}

export interface Member {
  user_id: string;
  email: string;
  display_name: string;
  role: "viewer" | "member" | "admin";
}

export interface Rejection {
  obstacle: string;
  reason: string;
}

export interface Candidate {
  target_id: string;
  name: string;
  type: string;
  score: number;
  parts: Record<string, number>;
  rejections: Rejection[];
}

export interface Route {
  task_type: string;
  type: string | null;
  target_id: string | null;
  target_name: string | null;
  score: number | null;
  candidates: Candidate[];
  would_help: string[];
  waits_for: string | null;
  needs_consent: string | null;
}

export interface TaskType {
  name: string;
  title: string;
  description: string;
  capabilities: string[];
  heavy: boolean;
  needs_project: boolean;
  changes_code: boolean;
  example: string;
}

export interface TaskError {
  code: string;
  message: string;
  field?: string;
  hint?: string;
}

export interface Task {
  id: string;
  type: string;
  title: string;
  project_id: string | null;
  state: string;
  reason: string | null;
  waiting_for: string | null;
  input: Record<string, unknown>;
  required_capabilities: unknown[];
  priority: number;
  is_heavy: boolean;
  target_id: string | null;
  target_type: string | null;
  target_name?: string | null;
  result: unknown;
  result_pointer: unknown;
  error: TaskError | null;
  route?: Route | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface NewTask {
  type: string;
  input: Record<string, unknown>;
  project_id: string | null;
  required_capabilities: string[];
  priority: number;
  is_heavy: boolean;
  preferred_target?: string | null;
}

export interface TaskEvent {
  seq: number;
  at: string;
  kind: string;
  data: Record<string, unknown>;
}

export interface Tool {
  name: string;
  title: string | null;
  description: string | null;
  input_schema: Record<string, unknown>;
}

export interface McpServer {
  id: string;
  name: string;
  description: string;
  transport: string;
  url: string | null;
  command: string | null;
  args: string[];
  capabilities: unknown[];
  tools: Tool[];
  enabled: boolean;
  health: string;
  health_error: string | null;
  latency_ms: number | null;
  protocol_version: string | null;
  probed_at: string | null;
}

export interface Agent {
  id: string;
  name: string;
  description: string;
  kind: string;
  capabilities: unknown[];
  available: boolean;
  unavailable_reason: string | null;
}
