/** Personal API tokens of who is logged in. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client.ts";
import type { NewToken } from "./types.ts";

const TOKENS = ["tokens"];

export function useTokens() {
  return useQuery({
    queryKey: TOKENS,
    queryFn: () => unwrap(api.GET("/api/v1/user/tokens", { params: { query: { limit: 200 } } })),
  });
}

/** Make a token; its text is in the answer, once. */
export function useCreateToken() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: NewToken) => unwrap(api.POST("/api/v1/user/tokens", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: TOKENS }),
  });
}

export function useRevokeToken() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (token_id: string) =>
      unwrap(api.DELETE("/api/v1/user/tokens/{token_id}", { params: { path: { token_id } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: TOKENS }),
  });
}
