export const PASSWORD_MIN_CHARS = 10;
export const PASSWORD_MAX_BYTES = 256;

/** What is wrong with a password, or null. The server's rules, told before asking it. */
export function passwordProblem(password: string): string | null {
  const chars = [...password].length;
  if (chars < PASSWORD_MIN_CHARS) {
    return `Use at least ${PASSWORD_MIN_CHARS} characters; this has ${chars}.`;
  }
  if (new TextEncoder().encode(password).length > PASSWORD_MAX_BYTES) {
    return `Use at most ${PASSWORD_MAX_BYTES} bytes.`;
  }
  return null;
}
