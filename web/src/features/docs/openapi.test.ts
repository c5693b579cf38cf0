import { describe, expect, it } from "vitest";
import { curlExample, example, groupOperations, typeName, type Document } from "./openapi";

const document: Document = {
  openapi: "3.1.0",
  info: { title: "Coditect", version: "1" },
  security: [{ bearer: [] }],
  tags: [{ name: "auth" }, { name: "empty" }],
  paths: {
    "/api/v5/workspaces/{id}": { patch: { tags: ["workspaces"], responses: {} } },
    "/api/v5/auth/login": {
      post: {
        tags: ["auth"],
        security: [],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/LogIn" } } } },
      },
    },
  },
  components: {
    schemas: {
      LogIn: {
        type: "object",
        required: ["email", "delivery"],
        properties: { email: { type: "string" }, delivery: { $ref: "#/components/schemas/Delivery" }, x: {} },
      },
      Delivery: { type: "string", enum: ["body", "cookie"] },
      Loop: { type: "object", required: ["next"], properties: { next: { $ref: "#/components/schemas/Loop" } } },
    },
  },
};

describe("groupOperations", () => {
  it("keeps the order of the tags and adds those not listed", () => {
    expect(groupOperations(document).map((g) => [g.name, g.operations.map((o) => o.anchor)])).toEqual([
      ["auth", ["post-auth-login"]],
      ["workspaces", ["patch-workspaces-id"]],
    ]);
  });
});

describe("typeName", () => {
  it.each([
    [{ type: "string" }, "string"],
    [{ type: ["string", "null"] }, "string"],
    [{ $ref: "#/components/schemas/User" }, "User"],
    [{ type: "array", items: { oneOf: [{ type: "string" }, { type: "integer" }] } }, "(string | integer)[]"],
    [{ oneOf: [{ type: "null" }, { $ref: "#/components/schemas/Port" }] }, "Port"],
    [{ enum: ["a", "b"] }, '"a" | "b"'],
    [{}, "any"],
  ])("of %j is %s", (schema, name) => {
    expect(typeName(schema)).toBe(name);
  });
});

it("makes examples of what is required, and ends in loops", () => {
  expect(example(document, { $ref: "#/components/schemas/LogIn" })).toEqual({ email: "string", delivery: "body" });
  expect(JSON.stringify(example(document, { $ref: "#/components/schemas/Loop" })).length).toBeLessThan(200);
});

it("writes curl commands with credentials only where they are needed", () => {
  const [auth, workspaces] = groupOperations(document).map((g) => g.operations[0]);
  if (!auth || !workspaces) throw new Error("both groups have an operation");
  expect(curlExample(document, auth, "http://h")).toBe(
    `curl -X POST 'http://h/api/v5/auth/login' \\\n  -H 'Content-Type: application/json' \\\n  -d '{"email":"string","delivery":"body"}'`,
  );
  expect(curlExample(document, workspaces, "http://h")).toContain("Bearer $TOKEN");
});
