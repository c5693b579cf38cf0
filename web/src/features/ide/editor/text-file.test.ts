// @vitest-environment node
import { describe, expect, it } from "vitest";
import { decodeText, encodeText, smallestReplacement } from "./text-file";

const bytes = (...values: number[]) => new Uint8Array(values);

describe("text files", () => {
  it("keep their byte order mark and their line ends", () => {
    for (const original of [bytes(0xef, 0xbb, 0xbf, 0x61, 13, 10, 0x62), bytes(0x61, 10), bytes()]) {
      const file = decodeText(original);
      expect(file).not.toBeNull();
      expect(file && encodeText(file)).toEqual(original);
    }
  });

  it("are told from what is no text", () => {
    expect(decodeText(bytes(0x61, 0, 0x62))).toBeNull();
    expect(decodeText(bytes(0xff, 0xfe))).toBeNull();
    expect(decodeText(bytes(0xe4))).toBeNull();
  });
});

describe("the smallest replacement", () => {
  it("turns any text into any other", () => {
    let seed = 7;
    const chance = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return (seed >>> 8) % below;
    };
    const parts = ["a", "b", "\r\n", "\n", "😀", "😁", "ä"];
    const make = () => Array.from({ length: chance(12) }, () => parts[chance(parts.length)]).join("");
    for (let round = 0; round < 3000; round += 1) {
      const [before, after] = [make(), make()];
      const change = smallestReplacement(before, after);
      if (!change) expect(before).toBe(after);
      else {
        expect(before.slice(0, change.start) + change.text + before.slice(change.end)).toBe(after);
        expect(change.start).toBeLessThanOrEqual(change.end);
        for (const edge of [change.start, change.end]) {
          expect(/[\ud800-\udbff]/.test(before[edge - 1] ?? "") && /[\udc00-\udfff]/.test(before[edge] ?? "")).toBe(false);
        }
      }
    }
  });

  it("leaves the equal ends alone", () => {
    expect(smallestReplacement("fn main() {}\n", "fn main(x) {}\n")).toEqual({ start: 8, end: 8, text: "x" });
  });
});
