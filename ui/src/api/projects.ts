/** Projects, their members, and the graph that is built of them. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { Member, NewProject, Project } from "./types.ts";

const LIVE_MS = 1000;
const PROJECTS = ["projects"];

export function useProjects() {
  return useQuery({
    queryKey: PROJECTS,
    queryFn: () => unwrap(api.GET("/api/v1/projects", { params: { query: { limit: 200 } } })),
    refetchInterval: (query) => (query.state.data?.items.some(isSyncing) ? LIVE_MS : false),
  });
}

/** One project; asked again every second while its repository is on the way. */
export function useProject(id: string) {
  return useQuery({
    queryKey: [...PROJECTS, id],
    queryFn: () => unwrap(api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: id } } })),
    refetchInterval: (query) => (query.state.data && isSyncing(query.state.data) ? LIVE_MS : false),
  });
}

export function isSyncing(project: Project): boolean {
  return project.repository_state === "pending" || project.repository_state === "syncing";
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
