/** The agent's terminal endpoints, and ids made on this side so that asking twice makes one terminal. */
import type { AgentClient } from "../../../api/agent-client";
import { ApiError } from "../../../api/errors";
import type { CreateTerminal, Terminal } from "../../../api/types";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS = 26;

/** 128 random bits behind `term_`, as 26 base-32 digits; the first carries three bits. */
export function newTerminalId(bytes = crypto.getRandomValues(new Uint8Array(16))): string {
  let bits = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  let label = "";
  for (let index = 0; index < DIGITS; index += 1) {
    label = (ALPHABET[Number(bits & 31n)] ?? "") + label;
    bits >>= 5n;
  }
  return `term_${label}`;
}

export class TerminalsApi {
  constructor(readonly client: AgentClient) {}

  create(body: CreateTerminal): Promise<Terminal> {
    return this.client.json("POST", "/v1/terminals", { json: body });
  }

  rename(id: string, name: string): Promise<Terminal> {
    return this.client.json("PATCH", `/v1/terminals/${id}`, { json: { name } });
  }

  async delete(id: string): Promise<void> {
    try {
      await this.client.request("DELETE", `/v1/terminals/${id}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== "not_found") throw error;
    }
  }

  /** Whether the agent still has it; throws when that cannot be told now. */
  async exists(id: string): Promise<boolean> {
    try {
      await this.client.request("GET", `/v1/terminals/${id}`);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.kind === "not_found") return false;
      throw error;
    }
  }
}
