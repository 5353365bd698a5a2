/** Who is logged in, and the ways in and out. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { call, rememberCsrfToken } from "./client.ts";
import { Problem } from "./problem.ts";
import type { LoginProvider, Profile } from "./types.ts";

const PROFILE = ["profile"];

async function readProfile(): Promise<Profile | null> {
  try {
    const profile = await call<Profile>("GET", "/user/profile");
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

export function useLogin() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: async (credentials: Credentials) => {
      const answer = await call<{ csrf_token?: string }>("POST", "/auth/login", { body: { ...credentials, cookie: true } });
      rememberCsrfToken(answer.csrf_token);
    },
    onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }),
  });
}

export function useRegister() {
  const login = useLogin();
  return useMutation({
    mutationFn: async ({ display_name, ...credentials }: Credentials & { display_name: string }) => {
      await call("POST", "/auth/register", { body: { ...credentials, display_name } });
      await login.mutateAsync(credentials);
    },
  });
}

export function useLogout() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => call("POST", "/auth/logout", { body: {} }),
    onSuccess: () => {
      rememberCsrfToken(null);
      cache.clear();
      cache.setQueryData(PROFILE, null);
    },
  });
}

export function useLoginProviders() {
  return useQuery({
    queryKey: ["login-providers"],
    queryFn: () => call<{ items: LoginProvider[] }>("GET", "/auth/providers"),
    staleTime: Infinity,
  });
}

export function useSaveProfile() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: (change: { display_name?: string; settings?: Record<string, unknown> }) =>
      call<Profile>("PUT", "/user/settings", { body: change }),
    onSuccess: () => cache.invalidateQueries({ queryKey: PROFILE }),
  });
}
