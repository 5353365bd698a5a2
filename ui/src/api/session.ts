/** Who is logged in, and the ways in and out. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, rememberCsrfToken, unwrap } from "./client.ts";
import { Problem } from "./problem.ts";
import type { NewAccount, Profile } from "./types.ts";

const PROFILE = ["profile"];

async function readProfile(): Promise<Profile | null> {
  try {
    const profile = await unwrap(api.GET("/api/v1/user/profile"));
    rememberCsrfToken(profile.csrf_token);
    return profile;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

/** The profile of who is logged in; null when nobody is. */
export function useProfile() {
  return useQuery({ queryKey: PROFILE, queryFn: readProfile, staleTime: 60_000 });
}

export interface Credentials {
  email: string;
  password: string;
}

async function login(credentials: Credentials): Promise<void> {
  const answer = await unwrap(api.POST("/api/v1/auth/login", { body: { ...credentials, cookie: true } }));
  if ("csrf_token" in answer) rememberCsrfToken(answer.csrf_token);
}

export function useLogin() {
  const cache = useQueryClient();
  return useMutation({ mutationFn: login, onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }) });
}

/** Make an account and log in with it. */
export function useRegister() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async (account: NewAccount) => {
      await unwrap(api.POST("/api/v1/auth/register", { body: account }));
      await login({ email: account.email, password: account.password });
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }),
  });
}

export function useLogout() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/auth/logout")),
    onSuccess: () => {
      rememberCsrfToken(null);
      cache.clear();
      cache.setQueryData(PROFILE, null);
    },
  });
}

/** Places to log in beside e-mail, and whether strangers may register. */
export function useLoginProviders() {
  return useQuery({
    queryKey: ["login-providers"],
    queryFn: () => unwrap(api.GET("/api/v1/auth/providers")),
    staleTime: Infinity,
  });
}

export function useSaveProfile() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { display_name: string }) => unwrap(api.PUT("/api/v1/user/settings", { body })),
    onSuccess: (profile) => cache.setQueryData(PROFILE, profile),
  });
}

export function useChangePassword() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (body: { current_password: string | null; new_password: string }) =>
      unwrap(api.PUT("/api/v1/user/password", { body })),
    onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }),
  });
}

export type ProviderName = "github" | "huggingface";

/** Start linking an account elsewhere: this browser is sent there. */
export function useLinkAccount() {
  return useMutation({
    mutationFn: async (provider: ProviderName) => {
      const body = { provider, repositories: true, next: "/settings/accounts" };
      const { authorize_url } = await unwrap(api.POST("/api/v1/user/link-account", { body }));
      window.location.assign(authorize_url);
    },
  });
}

export function useUnlinkAccount() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (provider: ProviderName) =>
      unwrap(api.DELETE("/api/v1/user/link-account/{provider}", { params: { path: { provider } } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }),
  });
}
