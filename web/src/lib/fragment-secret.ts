import { useSyncExternalStore } from "react";

// Links such as /setup#token=… carry a secret in the fragment, which browsers send to no server. It is taken out of the
// address at once, so that it stays neither in the history nor on a shared screen, and lives in memory only.

export type FragmentSecretName = "token" | "invitation";

const NAMES: FragmentSecretName[] = ["token", "invitation"];
const LENGTH_MAX = 512;
const secrets = new Map<FragmentSecretName, string>();
const listeners = new Set<() => void>();

/** Moves secrets from the fragment into memory. Called before the router reads the address, and on every change. */
export function captureFragment(): void {
  const fragment = new URLSearchParams(window.location.hash.slice(1));
  const found = NAMES.filter((name) => fragment.has(name));
  if (found.length === 0) return;
  for (const name of found) {
    const value = fragment.get(name) ?? "";
    if (value !== "" && value.length <= LENGTH_MAX) secrets.set(name, value);
  }
  window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
  listeners.forEach((listener) => listener());
}

export function forgetFragmentSecret(name: FragmentSecretName): void {
  if (secrets.delete(name)) listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The secret of the link that was opened, if there was one. */
export function useFragmentSecret(name: FragmentSecretName): string | undefined {
  return useSyncExternalStore(subscribe, () => secrets.get(name));
}
