const LENGTH_MAX = 2000;
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f\\]/;

/**
 * Where to go after logging in, taken from the address: a path on this origin, or `/`.
 *
 * Anyone can send a link with `?next=`; only what the browser itself resolves to this origin is followed.
 */
export function safeNext(next: string | null | undefined, origin: string): string {
  if (!next || next.length > LENGTH_MAX || FORBIDDEN.test(next)) return "/";
  if (!next.startsWith("/") || next.startsWith("//")) return "/";
  let url: URL;
  try {
    url = new URL(next, origin);
  } catch {
    return "/";
  }
  if (url.origin !== origin || url.pathname.startsWith("//")) return "/";
  if (isAuthPage(url.pathname)) return "/";
  return url.pathname + url.search + url.hash;
}

function isAuthPage(path: string): boolean {
  return ["/login", "/register"].includes(path.replace(/\/+$/, ""));
}

/** Whether the server answers this path itself, so that the browser has to go there. */
export function isServerPath(path: string): boolean {
  return path.startsWith("/api/");
}

export function loginPath(next: string): string {
  return next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`;
}
