import { describe, expect, it } from "vitest";
import { formatBytes, formatCores, formatRelative, plural } from "./format";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1536, "1.5 KiB"],
    [512 * 2 ** 20, "512 MiB"],
    [10 * 2 ** 30, "10 GiB"],
    [-5, "0 B"],
    [1000, "0.98 KiB"],
  ])("%d is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

it("formats cores", () => {
  expect(formatCores(200)).toBe("0.2");
  expect(formatCores(1000)).toBe("1");
  expect(formatCores(1234)).toBe("1.23");
});

it("formats times relative to now", () => {
  const now = 1_700_000_000_000;
  expect(formatRelative(now - 20_000, now)).toBe("just now");
  expect(formatRelative(now - 5 * 60_000, now)).toBe("5 minutes ago");
  expect(formatRelative(now - 86_400_000, now)).toBe("yesterday");
  expect(formatRelative(now + 3 * 86_400_000, now)).toBe("in 3 days");
});

it("counts", () => {
  expect(plural(1, "workspace")).toBe("1 workspace");
  expect(plural(2, "workspace")).toBe("2 workspaces");
});
