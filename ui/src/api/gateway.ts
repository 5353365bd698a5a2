/** The gateway's own things: rules about tool calls, the record of calls, counts, and MCP endpoints. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { EndpointChange, ExplainedCall, NewEndpoint, NewRule, Outcome, Window } from "./types.ts";

const RULES = ["gateway", "rules"];
const APPROVALS = ["gateway", "approvals"];
const ENDPOINTS = ["gateway", "endpoints"];

export function useRules() {
  return useQuery({
    queryKey: RULES,
    queryFn: () => unwrap(api.GET("/api/v1/mcps/policies", { params: { query: { limit: 200 } } })),
  });
}

/** Lists, searches and routes follow the rules, so everything about servers is asked anew. */
function useChangeRules<T>(change: (given: T) => Promise<unknown>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ["gateway"] }),
        cache.invalidateQueries({ queryKey: ["servers"] }),
      ]),
  });
}

export function useCreateRule() {
  return useChangeRules((body: NewRule) => unwrap(api.POST("/api/v1/mcps/policies", { body })));
}

export function useDeleteRule() {
  return useChangeRules((id: string) =>
    unwrap(api.DELETE("/api/v1/mcps/policies/{rule_id}", { params: { path: { rule_id: id } } })),
  );
}

export function useExplain() {
  return useMutation({
    mutationFn: (body: ExplainedCall) => unwrap(api.POST("/api/v1/mcps/policies/explain", { body })),
  });
}

export function useApprovals() {
  return useQuery({
    queryKey: APPROVALS,
    queryFn: () => unwrap(api.GET("/api/v1/mcps/policies/approvals")),
  });
}

export function useRevokeApproval() {
  return useChangeRules((id: string) =>
    unwrap(
      api.DELETE("/api/v1/mcps/policies/approvals/{approval_id}", { params: { path: { approval_id: id } } }),
    ),
  );
}

export interface CallFilter {
  server_id?: string;
  tool?: string;
  outcome?: Outcome;
  limit: number;
  offset: number;
}

export function useCalls(filter: CallFilter) {
  return useQuery({
    queryKey: ["gateway", "calls", filter],
    queryFn: () => unwrap(api.GET("/api/v1/mcps/audit", { params: { query: filter } })),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

export function useCallStats(window: Window) {
  return useQuery({
    queryKey: ["gateway", "stats", window],
    queryFn: () => unwrap(api.GET("/api/v1/mcps/stats", { params: { query: { window } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

export function useEndpoints() {
  return useQuery({ queryKey: ENDPOINTS, queryFn: () => unwrap(api.GET("/api/v1/mcps/endpoints")) });
}

export function useCreateEndpoint() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewEndpoint) => unwrap(api.POST("/api/v1/mcps/endpoints", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ENDPOINTS }),
  });
}

export function useChangeEndpoint(name: string) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: EndpointChange) =>
      unwrap(api.PATCH("/api/v1/mcps/endpoints/{name}", { params: { path: { name } }, body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ENDPOINTS }),
  });
}

export function useDeleteEndpoint() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (name: string) =>
      unwrap(api.DELETE("/api/v1/mcps/endpoints/{name}", { params: { path: { name } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ENDPOINTS }),
  });
}
