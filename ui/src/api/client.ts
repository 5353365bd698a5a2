/** One way to call the service: JSON in and out, the CSRF token on unsafe methods, a Problem on failure. */
import { problemFrom } from "./problem.ts";

let csrfToken: string | null = null;

/** Remember the token that unsafe calls must carry; given by log-in and profile. */
export function rememberCsrfToken(token: string | null | undefined): void {
  if (token !== undefined) csrfToken = token;
}

type Query = Record<string, string | number | boolean | null | undefined>;

interface Options {
  query?: Query;
  body?: unknown;
}

export async function call<T>(method: string, path: string, { query, body }: Options = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  const response = await fetch(`/api/v1${path}${queryString(query)}`, {
    method,
    headers,
    credentials: "same-origin",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw problemFrom(response, answer);
  return answer as T;
}

function queryString(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}
