/** Agents: who there is, and what is missing for those who cannot work. */
import { useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";

export function useAgents() {
  return useQuery({
    queryKey: ["agents"],
    queryFn: () => unwrap(api.GET("/api/v1/agents", { params: { query: { limit: 200 } } })),
  });
}
