/** Rules about what agents do: they answer before anybody is asked. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { NewAgentRule } from "./types.ts";

const RULES = ["agent-rules"];

export function useAgentRules() {
  return useQuery({
    queryKey: RULES,
    queryFn: () => unwrap(api.GET("/api/v1/agent-rules", { params: { query: { limit: 200 } } })),
  });
}

export function useCreateAgentRule() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewAgentRule) => unwrap(api.POST("/api/v1/agent-rules", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: RULES }),
  });
}

export function useDeleteAgentRule() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (rule_id: string) =>
      unwrap(api.DELETE("/api/v1/agent-rules/{rule_id}", { params: { path: { rule_id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: RULES }),
  });
}
