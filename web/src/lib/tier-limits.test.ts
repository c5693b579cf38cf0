import { describe, expect, it } from "vitest";
import { formatLimit, limitLabel, LIMITS, nameProblem, problemOf, typedOf, valueOf, type LimitField } from "./tier-limits";

function field(name: string): LimitField {
  const found = LIMITS.find((limit) => limit.name === name);
  if (!found) throw new Error(`no limit ${name}`);
  return found;
}

it.each([
  ["cpu_millis", 1000, "1 core"],
  ["cpu_millis", 250, "0.25 cores"],
  ["memory_bytes", 512 * 2 ** 20, "512 MiB"],
  ["memory_bytes", 123_456_789, "123,456,789 bytes"],
  ["network_kbit", 50_000, "50 Mbit/s"],
  ["disk_bytes_per_second", 200 * 2 ** 20, "200 MiB/s"],
  ["open_files", 65_536, "65,536"],
])("%s of %d is shown as %s", (name, value, text) => {
  expect(formatLimit(field(name), value)).toBe(text);
});

it("calls limits by their names, and one it does not know by its own", () => {
  expect(limitLabel("memory_bytes")).toBe("Memory");
  expect(limitLabel("gpu_count")).toBe("gpu_count");
});

describe("what is typed", () => {
  it.each([
    ["memory_bytes", "1.5", "GiB", 1_610_612_736],
    ["memory_bytes", "0.3", "GiB", 322_122_547],
    ["cpu_millis", "0.75", "cores", 750],
    ["network_kbit", "2.5", "Gbit/s", 2_500_000],
    ["pids", "512", "", 512],
    ["pids", "", "", undefined],
  ])("%s: %s %s is sent as %s", (name, text, unit, value) => {
    expect(problemOf(field(name), { text, unit })).toBeUndefined();
    expect(valueOf(field(name), { text, unit })).toBe(value);
  });

  it.each([
    ["memory_bytes", "", "GiB", /how much/],
    ["memory_bytes", "much", "GiB", /a number/],
    ["memory_bytes", "31", "MiB", /^From 32 MiB to 1,024 TiB\.$/],
    ["memory_bytes", "2000", "TiB", /^From 32 MiB/],
    ["memory_bytes", "33554432.5", "bytes", /whole number/],
    ["cpu_millis", "0.0125", "cores", /3 digits/],
    ["cpu_millis", "0", "cores", /^From 0.01 cores to 1,000 cores\.$/],
    ["network_kbit", "1.2345678", "Gbit/s", /6 digits/],
    ["pids", "1.5", "", /whole number/],
    ["pids", "5000000000", "", /^From 16 to 4,294,967,295\.$/],
    ["terminals", "0", "", /^From 1 to 1,000\.$/],
  ])("%s: %s %s is refused", (name, text, unit, problem) => {
    expect(problemOf(field(name), { text, unit })).toMatch(problem);
    expect(valueOf(field(name), { text, unit })).toBeUndefined();
  });

  it("is the same number when nothing was changed, at both ends of what is allowed too", () => {
    for (const limit of LIMITS)
      for (const value of [limit.min, limit.min + 1, limit.max - 1, limit.max])
        expect(valueOf(limit, typedOf(limit, value))).toBe(value);
  });
});

it("refuses names that the server would refuse, and names that are taken", () => {
  for (const name of ["", "Pro", "-a", "a b", "a".repeat(33), "pró"]) expect(nameProblem(name, [])).toMatch(/lower-case/);
  expect(nameProblem("team-2", ["free"])).toBeUndefined();
  expect(nameProblem("free", ["free"])).toMatch(/already/);
});
