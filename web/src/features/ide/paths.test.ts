import { describe, expect, it } from "vitest";
import { encodeName, extensionOf, freeName, isInside, join, moved, nameOf, nameProblem, parentOf, relative, shown } from "./paths";

describe("paths", () => {
  it("are taken apart and put together", () => {
    expect([parentOf("/a/b"), parentOf("/a"), parentOf("/")]).toEqual(["/a", "/", "/"]);
    expect([join("/", "a"), join("/a", "b")]).toEqual(["/a", "/a/b"]);
    expect(nameOf("/a/b.c")).toBe("b.c");
    expect([extensionOf("a.TAR.gz"), extensionOf(".bashrc"), extensionOf("Makefile")]).toEqual(["gz", "", ""]);
  });

  it("know what lies in what", () => {
    expect(isInside("/a/b", "/a")).toBe(true);
    expect(isInside("/ab", "/a")).toBe(false);
    expect(isInside("/a", "/")).toBe(true);
    expect(moved("/a/b/c", "/a/b", "/x")).toBe("/x/c");
    expect(moved("/a/bc", "/a/b", "/x")).toBe("/a/bc");
  });

  it("are shown decoded, and relative to the workspace", () => {
    expect(shown("/100%25 of ü")).toBe("/100% of ü");
    expect(shown("/bad%FF")).toBe("/bad\ufffd");
    expect(shown("/%C3%A4")).toBe("/ä");
    expect(shown("/50%zz")).toBe("/50%zz");
    expect(shown(encodeName("100%41"))).toBe("100%41");
    expect(relative("/workspace/src/a")).toBe("src/a");
    expect(relative("/etc/passwd")).toBe("/etc/passwd");
  });

  it("refuse names that are none", () => {
    for (const bad of ["", "  ", "..", "a/b", "a\0b", "x".repeat(256)]) expect(nameProblem(bad, false)).not.toBeNull();
    for (const bad of ["a//b", "/a", "a/", "a/../b"]) expect(nameProblem(bad, true)).not.toBeNull();
    for (const good of ["a", ".env", "ünïcode 日本", "100%"]) expect(nameProblem(good, false)).toBeNull();
    expect(nameProblem("a/b/c.ts", true)).toBeNull();
  });

  it("find a free name", () => {
    expect(freeName("a.rs", new Set())).toBe("a.rs");
    expect(freeName("a.rs", new Set(["a.rs", "a copy.rs"]))).toBe("a copy 2.rs");
    expect(freeName(".env", new Set([".env"]))).toBe(".env copy");
  });
});
