import { errorFrom, networkError } from "./errors";
import { refreshLogin } from "./refresh";

type Query = Record<string, string | number | boolean | undefined>;

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Lets the request outlive the page (layout flush on leaving). */
  keepalive?: boolean;
}

type Listener = () => void;
const endedListeners = new Set<Listener>();

/** Called when the login turns out to be over (expired, ended elsewhere, account disabled). */
export function onLoginEnded(listener: Listener): () => void {
  endedListeners.add(listener);
  return () => endedListeners.delete(listener);
}

const ROOT = "/api/v5";

/** These answer 401 about the credentials in their body or cookie; renewing the login would not help. */
const NO_REFRESH = new Set(["/auth/login", "/auth/register", "/auth/refresh", "/auth/logout"]);

export function apiUrl(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  const text = parameters.toString();
  return `${ROOT}${path}${text ? `?${text}` : ""}`;
}

async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.body !== undefined) {
    headers["content-type"] = "application/json";
    init.body = JSON.stringify(options.body);
  }
  if (options.signal) init.signal = options.signal;
  if (options.keepalive) init.keepalive = true;
  try {
    return await fetch(apiUrl(path, options.query), init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw networkError();
  }
}

async function refreshed(): Promise<boolean> {
  try {
    return await refreshLogin();
  } catch {
    throw networkError();
  }
}

async function parsed(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** One request to the control API: JSON in, JSON out; renews the login once on 401; throws {@link ApiError}. */
async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
  let answer = await send(method, path, options);
  if (answer.status === 401 && !NO_REFRESH.has(path)) {
    if (await refreshed()) answer = await send(method, path, options);
    if (answer.status === 401) endedListeners.forEach((listener) => listener());
  }
  const body = await parsed(answer);
  if (!answer.ok) throw errorFrom(answer.status, body);
  return body as T;
}

/** The control API. Paths are relative to `/api/v5`: `api.get<Page<Workspace>>("/workspaces")`. */
export const api = {
  get: <T>(path: string, options?: RequestOptions): Promise<T> => request<T>("GET", path, options),
  post: <T>(path: string, body?: unknown, options?: RequestOptions): Promise<T> =>
    request<T>("POST", path, { ...options, body: body ?? {} }),
  put: <T>(path: string, body: unknown, options?: RequestOptions): Promise<T> =>
    request<T>("PUT", path, { ...options, body }),
  patch: <T>(path: string, body: unknown, options?: RequestOptions): Promise<T> =>
    request<T>("PATCH", path, { ...options, body }),
  delete: <T = void>(path: string, options?: RequestOptions): Promise<T> => request<T>("DELETE", path, options),
};
