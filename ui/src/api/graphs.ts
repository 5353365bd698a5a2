/** Knowledge graphs: what is known of one, and building it. Queries are in sparql.ts. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";

/** The card of a graph as of its build at ``builtAt``; nothing is asked without an id. */
export function useGraph(kgId: string | null, builtAt: string | null) {
  return useQuery({
    queryKey: ["graphs", kgId, builtAt],
    queryFn: () => unwrap(api.GET("/api/v1/kg/{kg_id}", { params: { path: { kg_id: kgId ?? "" } } })),
    enabled: kgId !== null,
  });
}

/** Start a build of the project's graph; the answer names the task that does it. */
export function useBuildGraph(projectId: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/kg/generate", { body: { project_id: projectId } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["tasks"] }),
  });
}
