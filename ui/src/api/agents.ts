/** Agents: who there is, and what is missing for those who cannot work. */
import { useQuery } from "@tanstack/react-query";
import { call } from "./client.ts";
import type { Agent, Page } from "./types.ts";

export function useAgents() {
  return useQuery({
    queryKey: ["agents"],
    queryFn: () => call<Page<Agent>>("GET", "/agents", { query: { limit: 200 } }),
  });
}
