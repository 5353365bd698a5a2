/** A problem document (RFC 9457) as the service sends it; every failed call of the client throws one. */
export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  field?: string | null;
  hint?: string | null;
  request_id?: string | null;
  details?: { errors?: { field?: string; message?: string }[] } | null;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  readonly hint: string | null;
  readonly requestId: string | null;
  /** Messages by field, for forms. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, document: ProblemDocument) {
    super(document.detail || document.title || `The service answered with status ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.code = document.code ?? "unknown";
    this.field = document.field ?? null;
    this.hint = document.hint ?? null;
    this.requestId = document.request_id ?? null;
    this.fields = fieldMessages(document, this.message);
  }
}

/** The body of a failed answer as a Problem; bodies that are no problem documents give a plain one. */
export function problemFrom(response: Response, body: unknown): Problem {
  const document = body && typeof body === "object" ? (body as ProblemDocument) : {};
  const requestId = document.request_id ?? response.headers.get("x-request-id");
  return new Problem(response.status, { ...document, request_id: requestId });
}

/** What was caught, as a Problem: a call that got no answer at all is one too. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError) {
    return new Problem(0, {
      code: "no_answer",
      detail: "The service did not answer. Is it running?",
    });
  }
  return new Problem(0, {
    code: "console_error",
    detail: error instanceof Error ? error.message : String(error),
  });
}

function fieldMessages(document: ProblemDocument, message: string): Record<string, string> {
  const found: Record<string, string> = {};
  if (document.field) found[document.field] = message;
  for (const each of document.details?.errors ?? []) {
    if (each.field) found[each.field] = each.message ?? "is not valid";
  }
  return found;
}
