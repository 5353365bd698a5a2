/** Projects, their members, and the graph that is built of them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "./client.ts";
import type { Graph, Member, Page, Project } from "./types.ts";

const LIVE_MS = 1000;

export function useProjects() {
  return useQuery({
    queryKey: ["projects"],
    queryFn: () => call<Page<Project>>("GET", "/projects", { query: { limit: 200 } }),
    refetchInterval: (query) => (query.state.data?.items.some(isSyncing) ? LIVE_MS : false),
  });
}

/** One project; asked again every second while its repository is on the way. */
export function useProject(id: string) {
  return useQuery({
    queryKey: ["projects", id],
    queryFn: () => call<Project>("GET", `/projects/${id}`),
    refetchInterval: (query) => (query.state.data && isSyncing(query.state.data) ? LIVE_MS : false),
  });
}

export function isSyncing(project: Project): boolean {
  return project.repository_state === "pending" || project.repository_state === "syncing";
}

export interface NewProject {
  name: string;
  description: string;
  repository_url?: string;
  path?: string;
  template?: string;
}

export function useCreateProject() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (project: NewProject) => call<Project>("POST", "/projects", { body: project }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["projects"] }),
  });
}

export function useUpdateProject(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (change: { name?: string; description?: string }) =>
      call<Project>("PUT", `/projects/${id}`, { body: change }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["projects"] }),
  });
}

export function useDeleteProject(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call("DELETE", `/projects/${id}`),
    onSuccess: () => {
      cache.removeQueries({ queryKey: ["projects", id] });
      return cache.invalidateQueries({ queryKey: ["projects"], exact: true });
    },
  });
}

export function useTemplates() {
  return useQuery({
    queryKey: ["project-templates"],
    queryFn: () => call<{ items: { name: string; description: string }[] }>("GET", "/projects/templates"),
    staleTime: Infinity,
  });
}

export function useMembers(projectId: string) {
  return useQuery({
    queryKey: ["projects", projectId, "members"],
    queryFn: () => call<Page<Member>>("GET", `/projects/${projectId}/members`),
  });
}

export function useSetMember(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (member: { email: string; role: string }) =>
      call<Member>("POST", `/projects/${projectId}/members`, { body: member }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["projects", projectId, "members"] }),
  });
}

export function useRemoveMember(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (userId: string) => call("DELETE", `/projects/${projectId}/members/${userId}`),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["projects", projectId, "members"] }),
  });
}

/** Start a build of the project's graph; the answer names the task that does it. */
export function useBuildGraph(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      call<{ kg_id: string; task_id: string }>("POST", "/kg/generate", { body: { project_id: projectId } }),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ["projects", projectId] }),
        cache.invalidateQueries({ queryKey: ["tasks"] }),
      ]),
  });
}

export function useGraph(kgId: string | null | undefined) {
  return useQuery({
    queryKey: ["graphs", kgId],
    queryFn: () => call<Graph>("GET", `/kg/${kgId}`),
    enabled: Boolean(kgId),
  });
}
