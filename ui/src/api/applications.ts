/** Programs that are connected to the MCP endpoints, and what one asks. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";

const APPLICATIONS = ["applications"];

export function useApplications() {
  return useQuery({
    queryKey: APPLICATIONS,
    queryFn: () => unwrap(api.GET("/api/v1/user/applications")),
  });
}

export function useDisconnect() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (application_id: string) =>
      unwrap(
        api.DELETE("/api/v1/user/applications/{application_id}", { params: { path: { application_id } } }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: APPLICATIONS }),
  });
}

/** What the program asks that sent this browser here. */
export function useAsked(request_id: string, enabled: boolean) {
  return useQuery({
    queryKey: ["asked", request_id],
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/user/applications/requests/{request_id}", { params: { path: { request_id } } }),
      ),
    enabled,
    staleTime: Infinity,
  });
}

/** Say yes or no; this browser then takes the answer to the program. */
export function useDecide(request_id: string) {
  return useMutation({
    mutationFn: async (body: { approve: boolean; remember: boolean }) => {
      const path = { request_id };
      const decided = await unwrap(
        api.POST("/api/v1/user/applications/requests/{request_id}", { params: { path }, body }),
      );
      window.location.assign(decided.redirect_to);
      return decided;
    },
  });
}
