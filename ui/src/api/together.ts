/** What agents do together: teams as graphs, the parts of a task, a project's notes and its claims on code. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useAgents } from "./agents.ts";
import { api, unwrap } from "./client.ts";
import { Problem } from "./problem.ts";
import { isAgents, isOver } from "./tasks.ts";
import type { NewNote, NoteState, Task } from "./types.ts";

/** Events of the task tell most of what becomes of its parts; this is for what only the parts' own events tell. */
const ASK_AGAIN_MS = 3000;
const NOTES_MS = 10_000;
const CLAIMS_MS = 5000;

const notesOf = (projectId: string) => ["projects", projectId, "notes"];

/** Whether a team carries the task out. */
export function useIsTeam(task: Task): boolean {
  const agents = useAgents();
  const agent = agents.data?.items.find((one) => one.id === task.target_id);
  return agent ? agent.kind === "team" : task.type === "team";
}

/** The team at work on a task; before its first attempt, as it will be. Null where there is none. */
export function useTeamGraph(task: Task, isTeam: boolean) {
  const agent_id = task.attempt === 0 ? task.target_id : null;
  return useQuery({
    queryKey: ["tasks", task.task_id, "graph", agent_id],
    queryFn: () =>
      noneIfMissing(
        agent_id
          ? unwrap(api.GET("/api/v1/agents/{agent_id}/graph", { params: { path: { agent_id } } }))
          : unwrap(api.GET("/api/v1/tasks/{task_id}/graph", { params: { path: { task_id: task.task_id } } })),
      ),
    enabled: isTeam,
    placeholderData: keepPreviousData,
    refetchInterval: isOver(task.state) ? false : ASK_AGAIN_MS,
  });
}

/** A team that may be at work anywhere. */
export function useAgentGraph(agent_id: string) {
  return useQuery({
    queryKey: ["agents", agent_id, "graph"],
    queryFn: () => unwrap(api.GET("/api/v1/agents/{agent_id}/graph", { params: { path: { agent_id } } })),
  });
}

/** Everything that agents made of a task, at any depth. */
export function useParts(task: Task) {
  return useQuery({
    queryKey: ["tasks", task.task_id, "parts"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/tasks/{task_id}/parts", { params: { path: { task_id: task.task_id } } })),
    enabled: isAgents(task) && task.attempt > 0,
    refetchInterval: isOver(task.state) ? false : ASK_AGAIN_MS,
  });
}

export interface NoteFilter {
  topic?: string;
  state: NoteState[];
  limit: number;
  offset: number;
}

export function useNotes(projectId: string, filter: NoteFilter) {
  return useQuery({
    queryKey: [...notesOf(projectId), filter],
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/projects/{project_id}/notes", {
          params: { path: { project_id: projectId }, query: filter },
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: NOTES_MS,
  });
}

/** The claims in force in a project. */
export function useClaims(projectId: string) {
  return useQuery({
    queryKey: ["projects", projectId, "claims"],
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/projects/{project_id}/claims", { params: { path: { project_id: projectId } } }),
      ),
    refetchInterval: CLAIMS_MS,
  });
}

export function usePostNote(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewNote) =>
      unwrap(
        api.POST("/api/v1/projects/{project_id}/notes", {
          params: { path: { project_id: projectId } },
          body,
        }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: notesOf(projectId) }),
  });
}

export type NoteAction =
  { note_id: string; state: Exclude<NoteState, "note"> } | { note_id: string; state: null };

/** Take, finish or put back a thing to do; ``state`` null deletes the note. */
export function useNoteAction(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ note_id, state }: NoteAction): Promise<unknown> => {
      const params = { path: { project_id: projectId, note_id } };
      return state === null
        ? unwrap(api.DELETE("/api/v1/projects/{project_id}/notes/{note_id}", { params }))
        : unwrap(api.PATCH("/api/v1/projects/{project_id}/notes/{note_id}", { params, body: { state } }));
    },
    onSettled: () => cache.invalidateQueries({ queryKey: notesOf(projectId) }),
  });
}

async function noneIfMissing<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}
