import { describe, expect, it } from "vitest";
import { loginPath, safeNext } from "./safe-next";

const ORIGIN = "http://coditect.localhost:8080";

describe("safeNext", () => {
  it.each([
    "/workspaces/ws_abc",
    "/settings/password?x=1#y",
    "/api/v5/enter?workspace=abc&port=3000&path=%2F",
  ])("keeps %s", (path) => {
    expect(safeNext(path, ORIGIN)).toBe(path);
  });

  it.each([
    null,
    "",
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "/..//evil.example",
    "workspaces/x",
    " /x",
    `/${"a".repeat(3000)}`,
    "/login?next=/login",
    "/register/",
  ])("refuses %j", (path) => {
    expect(safeNext(path, ORIGIN)).toBe("/");
  });
});

describe("loginPath", () => {
  it("carries where to return to", () => {
    expect(loginPath("/")).toBe("/login");
    const next = new URLSearchParams(loginPath("/a?b=c&d").split("?")[1]).get("next");
    expect(next).toBe("/a?b=c&d");
  });
});
