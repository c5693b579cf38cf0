import type { ErrorBody, ErrorDetail, ErrorKind } from "./types";

/** An answer that is not a success, or no answer at all (`status` 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly kind: ErrorKind | "network",
    message: string,
    readonly requestId?: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }

  /** The field an `invalid_value` answer is about, when it names one. */
  get field(): string | undefined {
    const field = this.details["field"];
    return typeof field === "string" ? field : undefined;
  }

  get retryAfterS(): number | undefined {
    const seconds = this.details["retry_after_s"];
    return typeof seconds === "number" ? seconds : undefined;
  }

  /** Whether the same request may succeed later without being changed. */
  get retryable(): boolean {
    return ["network", "rate_limited", "unavailable", "bad_gateway", "timeout"].includes(this.kind);
  }
}

function isErrorBody(body: unknown): body is ErrorBody {
  if (typeof body !== "object" || body === null || !("error" in body)) return false;
  const detail: unknown = body.error;
  return typeof detail === "object" && detail !== null && "kind" in detail && "message" in detail;
}

/** The server writes messages to stand within a sentence; on a page they stand alone. */
function sentence(message: string): string {
  const [first = "", ...rest] = message.trim();
  const text = first.toLocaleUpperCase("en") + rest.join("");
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

export function errorFrom(status: number, body: unknown): ApiError {
  if (isErrorBody(body)) {
    const detail: ErrorDetail = body.error;
    return new ApiError(status, detail.kind, sentence(detail.message), detail.request_id, detail.details);
  }
  const kind: ErrorKind = status === 401 ? "unauthenticated" : status >= 500 ? "unavailable" : "invalid_request";
  return new ApiError(status, kind, `The server answered with status ${status}. Try again in a moment.`);
}

export function networkError(): ApiError {
  return new ApiError(0, "network", "The server cannot be reached. Check your connection and try again.");
}

/** What to tell a person about anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "Something unexpected went wrong.";
}
