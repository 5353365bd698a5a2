/** MCP servers of the registry: health, tools, and trying one. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { ToolCall } from "./types.ts";

const SERVERS = ["servers"];

export function useServers() {
  return useQuery({
    queryKey: SERVERS,
    queryFn: () => unwrap(api.GET("/api/v1/mcps", { params: { query: { limit: 200 } } })),
    refetchInterval: 15_000,
  });
}

export function useServer(id: string) {
  return useQuery({
    queryKey: [...SERVERS, id],
    queryFn: () => unwrap(api.GET("/api/v1/mcps/{server_id}", { params: { path: { server_id: id } } })),
    refetchInterval: 15_000,
  });
}

/** Capabilities and tools with their schemas. */
export function useServerTools(id: string) {
  return useQuery({
    queryKey: [...SERVERS, id, "tools"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/mcps/{server_id}/capabilities", { params: { path: { server_id: id } } })),
  });
}

export function useProbe(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/mcps/{server_id}/probe", { params: { path: { server_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: SERVERS }),
  });
}

export function useExecute(id: string) {
  return useMutation({
    mutationFn: (body: ToolCall) =>
      unwrap(api.POST("/api/v1/mcps/{server_id}/execute", { params: { path: { server_id: id } }, body })),
  });
}

/** Register every entry of an mcpServers configuration. */
export function useImportServers() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: Record<string, unknown>) => unwrap(api.POST("/api/v1/mcps/import", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: SERVERS }),
  });
}

export function useDeleteServer(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/mcps/{server_id}", { params: { path: { server_id: id } } })),
    onSuccess: () => {
      cache.removeQueries({ queryKey: [...SERVERS, id] });
      return cache.invalidateQueries({ queryKey: SERVERS, exact: true });
    },
  });
}

/** How the caller's own calls reach a server that wants OAuth. */
export function useConnection(id: string, wanted: boolean) {
  return useQuery({
    queryKey: [...SERVERS, id, "connection"],
    enabled: wanted,
    queryFn: () =>
      unwrap(api.GET("/api/v1/mcps/{server_id}/connection", { params: { path: { server_id: id } } })),
  });
}

/** Begin the log-in at the server's own authorization server; the browser leaves for it. */
export function useConnect(id: string) {
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/v1/mcps/{server_id}/connect", { params: { path: { server_id: id } } })),
    onSuccess: ({ url }) => window.location.assign(url),
  });
}

export function useDisconnect(id: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(api.DELETE("/api/v1/mcps/{server_id}/connect", { params: { path: { server_id: id } } })),
    onSettled: () => cache.invalidateQueries({ queryKey: SERVERS }),
  });
}
