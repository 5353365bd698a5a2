/** Tasks: lists, one of them, its route, and what can be done to it. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "./client.ts";
import type { NewTask, Page, Route, Task, TaskType } from "./types.ts";

const TERMINAL = ["completed", "failed", "cancelled"];

export function isOver(state: string): boolean {
  return TERMINAL.includes(state);
}

export interface TaskFilter {
  project_id?: string;
  state?: string;
  type?: string;
  limit: number;
  offset: number;
}

/** A page of tasks; asked again often while one of them is still going. */
export function useTasks(filter: TaskFilter) {
  return useQuery({
    queryKey: ["tasks", "list", filter],
    queryFn: () => call<Page<Task>>("GET", "/tasks", { query: { ...filter } }),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.items.some((task) => !isOver(task.state)) ? 1500 : 15_000),
  });
}

export function useTask(id: string) {
  return useQuery({
    queryKey: ["tasks", id],
    queryFn: () => call<Task>("GET", `/tasks/${id}`),
    // Events make it fresh at once; this is for when the stream is down.
    refetchInterval: (query) => (query.state.data && !isOver(query.state.data.state) ? 5000 : false),
  });
}

export function useTaskTypes() {
  return useQuery({
    queryKey: ["task-types"],
    queryFn: () => call<{ items: TaskType[] }>("GET", "/tasks/types"),
    staleTime: Infinity,
  });
}

/** Where a task would run, without making it. */
export function useRoutePreview(task: NewTask | null) {
  return useQuery({
    queryKey: ["route-preview", task],
    queryFn: () => call<Route>("POST", "/tasks/route", { body: task }),
    enabled: task !== null,
    placeholderData: keepPreviousData,
    retry: false,
  });
}

export function useCreateTask() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (task: NewTask) => call<{ task_id: string }>("POST", "/tasks", { body: task }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["tasks", "list"] }),
  });
}

export type TaskAction = { action: "cancel" | "retry" | "consent" | "input"; body?: unknown };

export function useTaskAction(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: ({ action, body }: TaskAction) => call<Task>("POST", `/tasks/${id}/${action}`, { body: body ?? {} }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["tasks"] }),
  });
}
