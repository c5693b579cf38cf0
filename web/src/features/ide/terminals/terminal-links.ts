/** Where a link that was printed in a terminal leads from the outside. Pure. */

const LOOPBACK = new Set(["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"]);

/**
 * An address of the workspace's own loopback means one of its ports; everything else is what it says. Null for what is
 * no web address.
 */
export function linkTarget(text: string, portUrl: (port: number) => string): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  if (!LOOPBACK.has(url.hostname)) return url.href;
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const target = new URL(portUrl(port));
  target.pathname = url.pathname;
  target.search = url.search;
  target.hash = url.hash;
  return target.href;
}
