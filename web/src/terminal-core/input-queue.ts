/**
 * Input bytes on their way to a terminal, kept until the agent says that the terminal took them.
 *
 * Invariants: every byte has one position in the stream; a byte leaves the queue only by an acknowledgement; after
 * `resume` exactly the bytes that were not taken are sent again.
 */

/** Most input kept for a terminal that does not take it, in bytes. */
export const INPUT_MAX_BYTES = 1024 * 1024;

export class InputQueue {
  #chunks: Uint8Array[] = [];
  /** Stream position of the first byte kept. */
  #base = 0;
  /** Stream position behind the last byte kept. */
  #end = 0;
  /** Next position to send on this connection. */
  #next = 0;
  /** Behind the last position ever sent on any connection. */
  #sent = 0;

  constructor(private readonly limit = INPUT_MAX_BYTES) {}

  /** Bytes not acknowledged yet. */
  get pending(): number {
    return this.#end - this.#base;
  }

  /** Takes all of `bytes` or, when they do not fit, none of them. */
  push(bytes: Uint8Array): boolean {
    if (bytes.length > this.limit - this.pending) return false;
    if (bytes.length > 0) {
      this.#chunks.push(bytes);
      this.#end += bytes.length;
    }
    return true;
  }

  /** The agent has taken everything before `offset`. */
  ack(offset: number): void {
    const target = Math.min(offset, this.#sent);
    while (this.#base < target) {
      const first = this.#chunks[0];
      if (!first) return;
      const taken = Math.min(first.length, target - this.#base);
      this.#base += taken;
      if (taken === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(taken);
    }
    this.#next = Math.max(this.#next, this.#base);
  }

  /**
   * A new connection: the agent has taken `offset` bytes of this client. Where its count does not fit ours it has
   * forgotten this client; then what was sent may have been typed already and is dropped rather than typed twice, and
   * what was never sent goes out under the agent's numbering.
   */
  resume(offset: number): void {
    if (offset >= this.#base && offset <= this.#sent) {
      this.ack(offset);
      this.#next = this.#base;
      return;
    }
    this.ack(this.#sent);
    this.#end = offset + this.pending;
    this.#base = offset;
    this.#sent = offset;
    this.#next = offset;
  }

  /** The next bytes to send, at most `max`; null when everything is sent. */
  take(max: number): Uint8Array | null {
    let position = this.#base;
    for (const chunk of this.#chunks) {
      if (this.#next < position + chunk.length) {
        const start = this.#next - position;
        const part = chunk.subarray(start, Math.min(chunk.length, start + max));
        this.#next += part.length;
        this.#sent = Math.max(this.#sent, this.#next);
        return part;
      }
      position += chunk.length;
    }
    return null;
  }
}
