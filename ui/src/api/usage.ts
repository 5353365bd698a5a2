/** What agents used, the budgets that limit it, the prices it is counted with, and accounts that take no more. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { NewBudget, SpentBy } from "./types.ts";

export function useUsage(by: SpentBy, days: number) {
  return useQuery({
    queryKey: ["usage", by, days],
    queryFn: () => unwrap(api.GET("/api/v1/usage", { params: { query: { by, days } } })),
    placeholderData: keepPreviousData,
  });
}

export function useBudgets() {
  return useQuery({ queryKey: ["budgets"], queryFn: () => unwrap(api.GET("/api/v1/budgets")) });
}

/** Set a budget; tasks that wait for it may go on. */
export function useSetBudget() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewBudget) => unwrap(api.PUT("/api/v1/budgets", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["budgets"] }),
  });
}

export function useDropBudget() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/v1/budgets/{budget_id}", { params: { path: { budget_id: id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["budgets"] }),
  });
}

export function usePrices() {
  return useQuery({ queryKey: ["prices"], queryFn: () => unwrap(api.GET("/api/v1/prices")) });
}

export function useQuota() {
  return useQuery({
    queryKey: ["quota"],
    queryFn: () => unwrap(api.GET("/api/v1/quota")),
    refetchInterval: 10_000,
  });
}
