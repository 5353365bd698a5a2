/** The typed client of the service: paths and shapes come from its OpenAPI document (schema.d.ts, generated). */
import createClient, { type Middleware } from "openapi-fetch";
import { problemFrom } from "./problem.ts";
import type { paths } from "./schema.d.ts";

const SAFE_METHODS = new Set(["GET", "HEAD"]);
let csrfToken: string | null = null;

/** Remember the token that unsafe calls must carry; given by log-in and profile. */
export function rememberCsrfToken(token: string | null | undefined): void {
  if (token !== undefined) csrfToken = token;
}

const carryCsrfToken: Middleware = {
  onRequest({ request }) {
    if (csrfToken && !SAFE_METHODS.has(request.method)) request.headers.set("X-CSRF-Token", csrfToken);
  },
};

export const api = createClient<paths>({ baseUrl: "/", credentials: "same-origin" });
api.use(carryCsrfToken);

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; a refused call throws its Problem. */
export async function unwrap<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemFrom(response, error);
  return data as T;
}
