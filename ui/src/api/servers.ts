/** MCP servers of the registry: health, tools, and trying one. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "./client.ts";
import type { McpServer, Page } from "./types.ts";

export function useServers() {
  return useQuery({
    queryKey: ["servers"],
    queryFn: () => call<Page<McpServer>>("GET", "/mcps", { query: { limit: 200 } }),
    refetchInterval: 15_000,
  });
}

export function useServer(id: string) {
  return useQuery({ queryKey: ["servers", id], queryFn: () => call<McpServer>("GET", `/mcps/${id}`) });
}

export function useProbe(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call("POST", `/mcps/${id}/probe`, { body: {} }),
    onSettled: () => cache.invalidateQueries({ queryKey: ["servers"] }),
  });
}

export interface ToolCall {
  tool: string;
  arguments: Record<string, unknown>;
  project_id: string | null;
}

export function useExecute(id: string) {
  return useMutation({
    mutationFn: (body: ToolCall) => call<Record<string, unknown>>("POST", `/mcps/${id}/execute`, { body }),
  });
}

export function useImportServers() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (config: unknown) => call("POST", "/mcps/import", { body: config }),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["servers"] }),
  });
}

export function useDeleteServer(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call("DELETE", `/mcps/${id}`),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["servers"], exact: true }),
  });
}
