// Renewing the login cookies. A refresh token works once, so that two renewals at a time would end the login: one at a
// time within this tab (a shared promise) and across tabs (a Web Lock).

const LOCK = "coditect.refresh";
/** Another tab that renewed this recently has renewed for this one as well: they share the cookies. */
const FRESH_MS = 5_000;
const STAMP = "coditect.refreshed-at";

let running: Promise<boolean> | null = null;

function recentlyRefreshed(since: number): boolean {
  try {
    const at = Number(localStorage.getItem(STAMP) ?? 0);
    return at >= since && Date.now() - at < FRESH_MS;
  } catch {
    return false;
  }
}

function stamp(): void {
  try {
    localStorage.setItem(STAMP, String(Date.now()));
  } catch {
    // Without storage each tab renews for itself.
  }
}

async function post(): Promise<boolean> {
  const answer = await fetch("/api/v5/auth/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    credentials: "same-origin",
  });
  if (answer.ok) stamp();
  return answer.ok;
}

async function exclusive(asked: number): Promise<boolean> {
  const attempt = async (): Promise<boolean> => (recentlyRefreshed(asked) ? true : post());
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  return locks ? locks.request(LOCK, attempt) : attempt();
}

/** Renews the login. False: it is over, log in again. Throws when the server cannot be reached. */
export function refreshLogin(): Promise<boolean> {
  running ??= exclusive(Date.now()).finally(() => {
    running = null;
  });
  return running;
}
