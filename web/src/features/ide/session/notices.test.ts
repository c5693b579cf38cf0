import { beforeEach, expect, test } from "vitest";
import type { Notice } from "../../../api/types";
import { Notices, wordsOf } from "./notices";

function killed(id: number, at: number, change: Partial<Notice> = {}): Notice {
  return { id, at, kind: "out_of_memory", process: "node", count: 1, limit_bytes: 512 * 2 ** 20, ...change } as Notice;
}

beforeEach(() => localStorage.clear());

test("each notice is told once in a browser, also after a reload", () => {
  const told: string[] = [];
  const tell = (title: string, text: string) => told.push(`${title}: ${text}`);
  new Notices("ws_a", tell).learn([killed(1, 100)]);
  expect(told).toEqual(["Out of memory: “node” was ended: this workspace reached its 512 MiB of memory."]);
  const reloaded = new Notices("ws_a", tell);
  reloaded.learn([killed(1, 100)]);
  expect(told).toHaveLength(1);
  // The workspace was started again, and counts from one again.
  reloaded.learn([killed(1, 200)]);
  expect(told).toHaveLength(2);
  new Notices("ws_b", tell).learn([killed(1, 50)]);
  expect(told).toHaveLength(3);
});

test("of many that were missed the latest few are told", () => {
  const told: string[] = [];
  const missed = Array.from({ length: 16 }, (_, index) => killed(index, index + 1));
  new Notices("ws_a", (title) => told.push(title)).learn(missed);
  expect(told).toHaveLength(3);
});

test("every kind has words", () => {
  expect(wordsOf(killed(1, 1, { process: undefined, count: 3 } as Partial<Notice>)).text).toBe(
    "3 programs were ended: this workspace reached its 512 MiB of memory.",
  );
  expect(wordsOf(killed(1, 1, { limit_bytes: undefined } as Partial<Notice>)).title).toBe("The machine is out of memory");
  expect(wordsOf({ id: 1, at: 1, kind: "process_limit", limit: 512 }).text).toContain("limit of 512 processes");
});
