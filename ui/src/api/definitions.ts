/** Tool definitions of a server: what was approved beside what it shows now, and deciding on the difference. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";

export function useDefinitions(serverId: string) {
  return useQuery({
    queryKey: ["servers", serverId, "definitions"],
    queryFn: () =>
      unwrap(api.GET("/api/v1/mcps/{server_id}/definitions", { params: { path: { server_id: serverId } } })),
  });
}

/** Approve or reject tools by the hash that was looked at. */
export function useDecide(serverId: string, decision: "approve" | "reject") {
  const cache = useQueryClient();
  const path = { server_id: serverId };
  return useMutation({
    mutationFn: (tools: Record<string, string>) =>
      decision === "approve"
        ? unwrap(
            api.POST("/api/v1/mcps/{server_id}/definitions/approve", { params: { path }, body: { tools } }),
          )
        : unwrap(
            api.POST("/api/v1/mcps/{server_id}/definitions/reject", { params: { path }, body: { tools } }),
          ),
    onSettled: () => cache.invalidateQueries({ queryKey: ["servers"] }),
  });
}
