import { expect, it } from "vitest";
import { workspace } from "../test/fake-server";
import { limitNotes } from "./limit-notes";

const usage = { cpu_ms: 1, cpu_millis: 1, memory_bytes: 1, pids: 1 };
const pending_limits = [
  { limit: "memory_bytes", reason: "600 MiB are in use, more than the new limit of 512 MiB.", retried: true },
  { limit: "network_kbit", reason: "the interface is busy", retried: true },
];

it("says nothing of a workspace whose limits hold and suffice", () => {
  expect(limitNotes(workspace("a", { usage: { ...usage, oom_kills: 0, refused_processes: 0 } }))).toEqual([]);
  expect(limitNotes(workspace("a"))).toEqual([]);
});

it("names the limits that wait, with their reasons", () => {
  expect(limitNotes(workspace("a", { pending_limits }))).toEqual([
    "Memory, not as in the plan yet: 600 MiB are in use, more than the new limit of 512 MiB.",
    "Network (each way), not as in the plan yet: the interface is busy.",
  ]);
});

it("counts what was ended and refused", () => {
  expect(limitNotes(workspace("a", { usage: { ...usage, oom_kills: 1, refused_processes: 20 } }))).toEqual([
    "1 program was ended since the start because the memory was full.",
    "20 processes were refused since the start because there were too many.",
  ]);
});

it("is silent about a workspace that does not run", () => {
  expect(limitNotes(workspace("a", { state: "stopped", pending_limits, usage: { ...usage, oom_kills: 2 } }))).toEqual([]);
});
