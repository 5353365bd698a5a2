/** Tasks: lists, one of them, its route, and what can be done to it. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { NewFork, NewTask, Task } from "./types.ts";

export type TaskState = Task["state"];

export function isOver(state: TaskState): boolean {
  return state === "completed" || state === "failed" || state === "cancelled";
}

const PAUSABLE = new Set<TaskState>(["pending", "queued", "running"]);

/** Whether it is the work of an agent: only that is paused, resumed and forked. */
export function isAgents(task: Task): boolean {
  return task.target_id?.startsWith("agent:") ?? false;
}

export function canPause(task: Task): boolean {
  return isAgents(task) && PAUSABLE.has(task.state) && !task.pause_requested && !task.cancel_requested;
}

/** Whether it rests because a person wants it to. */
export function isPaused(task: Task): boolean {
  return task.state === "awaiting_input" && task.pause_requested;
}

export interface TaskFilter {
  project_id?: string;
  state?: TaskState[];
  limit: number;
  offset: number;
}

/** A page of tasks; asked again often while one of them is still going. */
export function useTasks(filter: TaskFilter) {
  return useQuery({
    queryKey: ["tasks", "list", filter],
    queryFn: () => unwrap(api.GET("/api/v1/tasks", { params: { query: filter } })),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.items.some((task) => !isOver(task.state)) ? 1500 : 15_000),
  });
}

export function useTask(id: string) {
  return useQuery({
    queryKey: ["tasks", id],
    queryFn: () => unwrap(api.GET("/api/v1/tasks/{task_id}", { params: { path: { task_id: id } } })),
    // Events make it fresh at once; this is for when the stream is down.
    refetchInterval: (query) => (query.state.data && !isOver(query.state.data.state) ? 5000 : false),
  });
}

/** The task of which this one is a part, if it is one. */
export function useParent(task: Task): Task | undefined {
  const id = task.parent_id ?? "";
  return useQuery({
    queryKey: ["tasks", id],
    queryFn: () => unwrap(api.GET("/api/v1/tasks/{task_id}", { params: { path: { task_id: id } } })),
    enabled: id !== "",
  }).data;
}

/** The stored routing decision in force. */
export function useTaskRoute(id: string) {
  return useQuery({
    queryKey: ["tasks", id, "route"],
    queryFn: () => unwrap(api.GET("/api/v1/tasks/{task_id}/route", { params: { path: { task_id: id } } })),
  });
}

/** The newest build of a project's graph that is still going, found again every moment while ``watch`` is set. */
export function useGoingTask(projectId: string, type: string, watch: boolean) {
  const filter = {
    project_id: projectId,
    state: ["pending", "queued", "running"] as TaskState[],
    limit: 50,
    offset: 0,
  };
  return useQuery({
    queryKey: ["tasks", "list", filter],
    queryFn: () => unwrap(api.GET("/api/v1/tasks", { params: { query: filter } })),
    select: (page) => page.items.find((task) => task.type === type) ?? null,
    refetchInterval: watch ? 1000 : false,
  });
}

export function useTaskTypes() {
  return useQuery({
    queryKey: ["task-types"],
    queryFn: () => unwrap(api.GET("/api/v1/tasks/types")),
    staleTime: Infinity,
  });
}

/** Where a task would run, without making it. */
export function useRoutePreview(task: NewTask | null) {
  return useQuery({
    queryKey: ["route-preview", task],
    queryFn: () => unwrap(api.POST("/api/v1/tasks/route", { body: task! })),
    enabled: task !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
}

export function useCreateTask() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewTask) => unwrap(api.POST("/api/v1/tasks", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["tasks", "list"] }),
  });
}

export type TaskAction =
  | { action: "cancel" }
  | { action: "retry" }
  | { action: "consent"; grant: boolean }
  | { action: "pause" }
  | { action: "resume"; text: string }
  | { action: "steer"; text: string }
  | { action: "input"; text: string };

function act(id: string, action: TaskAction): Promise<unknown> {
  const params = { path: { task_id: id } };
  switch (action.action) {
    case "cancel":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/cancel", { params }));
    case "retry":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/retry", { params }));
    case "consent":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/consent", { params, body: { grant: action.grant } }));
    case "pause":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/pause", { params }));
    case "resume":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/resume", { params, body: { text: action.text } }));
    case "steer":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/steer", { params, body: { text: action.text } }));
    case "input":
      return unwrap(api.POST("/api/v1/tasks/{task_id}/input", { params, body: { text: action.text } }));
  }
}

/** Cancel, retry, consent, pause, resume, steer or answer. */
export function useTaskAction(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (action: TaskAction) => act(id, action),
    onSettled: () => cache.invalidateQueries({ queryKey: ["tasks"] }),
  });
}

/** A new task that goes on from an event of this one. */
export function useForkTask(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewFork) =>
      unwrap(api.POST("/api/v1/tasks/{task_id}/fork", { params: { path: { task_id: id } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["tasks", "list"] }),
  });
}
