/** Personal API tokens of who is logged in. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call } from "./client.ts";
import type { ApiToken, Page } from "./types.ts";

const TOKENS = ["tokens"];

export function useTokens() {
  return useQuery({ queryKey: TOKENS, queryFn: () => call<Page<ApiToken>>("GET", "/user/tokens") });
}

export interface NewToken {
  name: string;
  scopes: string[];
  expires_in_days: number | null;
}

/** Make a token; its text is in the answer, once. */
export function useCreateToken() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (token: NewToken) => call<ApiToken & { token: string }>("POST", "/user/tokens", { body: token }),
    onSuccess: () => cache.invalidateQueries({ queryKey: TOKENS }),
  });
}

export function useRevokeToken() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => call("DELETE", `/user/tokens/${id}`),
    onSuccess: () => cache.invalidateQueries({ queryKey: TOKENS }),
  });
}
