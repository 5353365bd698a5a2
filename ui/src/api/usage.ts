/** What agents used, the budgets that limit it, the prices it is counted with, and accounts that take no more. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { SpentBy } from "./types.ts";

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
