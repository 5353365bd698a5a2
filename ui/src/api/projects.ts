/** Projects, their members, and the graph that is built of them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { Member, NewProject, Project } from "./types.ts";

const LIVE_MS = 1000;
const GRAPH_BEHIND_MS = 2000;
const AT_REST_MS = 15_000;
const PROJECTS = ["projects"];

export function useProjects() {
  return useQuery({
    queryKey: PROJECTS,
    queryFn: () => unwrap(api.GET("/api/v1/projects", { params: { query: { limit: 200 } } })),
    refetchInterval: (query) => (query.state.data?.items.some(isSyncing) ? LIVE_MS : AT_REST_MS),
  });
}

/** One project; asked again often while its repository or its graph is on the way, and now and then for others' doings. */
export function useProject(id: string) {
  return useQuery({
    queryKey: [...PROJECTS, id],
    queryFn: () => unwrap(api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } })),
    refetchInterval: (query) => askAgainIn(query.state.data),
  });
}

function askAgainIn(project: Project | undefined): number {
  if (project && isSyncing(project)) return LIVE_MS;
  return project && isGraphBehind(project) ? GRAPH_BEHIND_MS : AT_REST_MS;
}

export function isSyncing(project: Project): boolean {
  return project.repository_state === "pending" || project.repository_state === "syncing";
}

/** Whether the graph is not of the newest commit: a build is on the way, or nobody asked for one. */
export function isGraphBehind(project: Project): boolean {
  return project.repository_state === "ready" && project.kg_commit !== project.head_commit;
}

export function useCreateProject() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewProject) => unwrap(api.POST("/api/v1/projects", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: PROJECTS }),
  });
}

export function useUpdateProject(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { name?: string; description?: string }) =>
      unwrap(api.PUT("/api/v1/projects/{project_id}", { params: { path: { project_id: id } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: PROJECTS }),
  });
}

export function useDeleteProject(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } })),
    onSuccess: () => {
      cache.removeQueries({ queryKey: [...PROJECTS, id] });
      return cache.invalidateQueries({ queryKey: PROJECTS, exact: true });
    },
  });
}

/** Fetch the repository again; a task does it. */
export function useSyncProject(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/projects/{project_id}/sync", { params: { path: { project_id: id } } })),
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: PROJECTS }),
        cache.invalidateQueries({ queryKey: ["tasks"] }),
      ]),
  });
}

export function useTemplates() {
  return useQuery({
    queryKey: ["project-templates"],
    queryFn: () => unwrap(api.GET("/api/v1/projects/templates")),
    staleTime: Infinity,
  });
}

const membersOf = (projectId: string) => [...PROJECTS, projectId, "members"];

export function useMembers(projectId: string) {
  return useQuery({
    queryKey: membersOf(projectId),
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/projects/{project_id}/members", { params: { path: { project_id: projectId } } }),
      ),
  });
}

export function useSetMember(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: Pick<Member, "email" | "role">) =>
      unwrap(
        api.PUT("/api/v1/projects/{project_id}/members", {
          params: { path: { project_id: projectId } },
          body,
        }),
      ),
    onSuccess: (members) => cache.setQueryData(membersOf(projectId), members),
  });
}

export function useRemoveMember(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (user_id: string) =>
      unwrap(
        api.DELETE("/api/v1/projects/{project_id}/members/{user_id}", {
          params: { path: { project_id: projectId, user_id } },
        }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: membersOf(projectId) }),
  });
}
