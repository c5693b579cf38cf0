const NAME = "coditect.login";

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(NAME);

/** Tells the other tabs that somebody logged in or out, so that none of them shows another person's page. */
export function announceLogin(): void {
  channel?.postMessage(null);
}

export function onLoginElsewhere(listener: () => void): () => void {
  channel?.addEventListener("message", listener);
  return () => channel?.removeEventListener("message", listener);
}
