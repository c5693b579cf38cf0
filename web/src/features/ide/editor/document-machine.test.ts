import { describe, expect, it } from "vitest";
import { type DocEvent, type DocState, FRESH, stepDocument } from "./document-machine";

function run(events: DocEvent[], from: DocState = { ...FRESH, etag: "v1" }): { state: DocState; effects: string[] } {
  const effects: string[] = [];
  let state = from;
  for (const event of events) {
    const step = stepDocument(state, event);
    state = step.state;
    if (step.effect !== "none") effects.push(step.effect === "write" ? `write over ${state.etag}` : step.effect);
  }
  return { state, effects };
}

const edited: DocEvent = { type: "edited", dirty: true };
const save: DocEvent = { type: "save" };

describe("an open file", () => {
  it("is written over the version it was read from, once", () => {
    const { state, effects } = run([edited, save, { type: "saved", etag: "v2", dirty: false }]);
    expect(effects).toEqual(["write over v1", "check"]);
    expect(state).toMatchObject({ etag: "v2", dirty: false, saving: false });
  });

  it("is not written when nothing was typed", () => {
    expect(run([save]).effects).toEqual([]);
  });

  it("is written again when it was typed in during the write, and never twice at a time", () => {
    const { effects } = run([edited, save, save, save, { type: "saved", etag: "v2", dirty: true }]);
    expect(effects).toEqual(["write over v1", "write over v2"]);
  });

  it("takes over what changed on disk when nothing was typed", () => {
    expect(run([{ type: "disk", etag: "v2" }]).effects).toEqual(["reload"]);
    expect(run([{ type: "disk", etag: "v1" }]).effects).toEqual([]);
  });

  it("asks when both sides changed, and writes nothing until it is told", () => {
    const { state, effects } = run([edited, { type: "disk", etag: "v2" }, save, save]);
    expect(effects).toEqual([]);
    expect(state.conflict).toEqual({ etag: "v2" });
  });

  it("asks when the write is refused as stale", () => {
    const { state } = run([edited, save, { type: "stale", etag: "v3" }]);
    expect(state).toMatchObject({ conflict: { etag: "v3" }, saving: false, dirty: true });
  });

  it("keeps mine over exactly the version that was shown", () => {
    const { effects } = run([edited, save, { type: "stale", etag: "v3" }, { type: "keep-mine" }]);
    expect(effects).toEqual(["write over v1", "write over v3"]);
    const again = run([edited, save, { type: "stale", etag: "v3" }, { type: "keep-mine" }, { type: "stale", etag: "v4" }]);
    expect(again.state.conflict).toEqual({ etag: "v4" });
  });

  it("takes theirs by reading again", () => {
    const { state, effects } = run([
      edited,
      { type: "disk", etag: "v2" },
      { type: "take-theirs" },
      { type: "loaded", etag: "v2", dirty: false },
    ]);
    expect(effects).toEqual(["reload"]);
    expect(state).toEqual({ ...FRESH, etag: "v2" });
  });

  it("is not taken for changed by its own write", () => {
    const { effects } = run([edited, save, { type: "disk", etag: "v2" }, { type: "saved", etag: "v2", dirty: false }, { type: "disk", etag: "v2" }]);
    expect(effects).toEqual(["write over v1", "check"]);
  });

  it("keeps its text when it is deleted, and can be saved anew", () => {
    const gone = run([{ type: "disk", etag: null }]);
    expect(gone.state.deleted).toBe(true);
    expect(run([save], gone.state).effects).toEqual(["write over v1"]);
    const back = run([{ type: "disk", etag: "v1" }], gone.state);
    expect(back.state.deleted).toBe(false);
  });

  it("keeps what was typed when a save fails, and says why", () => {
    const { state, effects } = run([edited, save, { type: "failed", message: "full" }, save]);
    expect(effects).toEqual(["write over v1", "write over v1"]);
    expect(state).toMatchObject({ dirty: true, error: null });
  });

  it("never writes over an unseen version nor reloads over typed text, whatever happens", () => {
    let seed = 1;
    const chance = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % below;
    };
    for (let round = 0; round < 300; round += 1) {
      let disk = 1;
      let state: DocState = { ...FRESH, etag: "v1" };
      for (let step = 0; step < 60; step += 1) {
        const events: DocEvent[] = [
          edited,
          save,
          { type: "disk", etag: `v${disk}` },
          { type: "keep-mine" },
          ...(state.saving ? ([{ type: "saved", etag: `v${++disk}`, dirty: chance(2) === 0 }] satisfies DocEvent[]) : []),
          ...(state.saving ? ([{ type: "stale", etag: `v${++disk}` }] satisfies DocEvent[]) : []),
        ];
        if (chance(5) === 0) disk += 1;
        const event = events[chance(events.length)] ?? save;
        const before = state;
        const next = stepDocument(state, event);
        if (next.effect === "write") expect(before.saving && event.type !== "saved").toBe(false);
        if (next.effect === "write" && before.conflict) expect(event.type).toBe("keep-mine");
        if (next.effect === "reload") expect(before.dirty).toBe(false);
        state = next.effect === "reload" ? { ...FRESH, etag: `v${disk}` } : next.state;
      }
    }
  });
});
