// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { generateTypes, type OpenApi } from "./generate-types";

const DOCUMENT = new URL("../../crates/control/tests/golden/openapi.json", import.meta.url);

it("finds src/api/types.ts as the server's document makes it (`npm run generate` writes it)", async () => {
  const document = JSON.parse(await readFile(DOCUMENT, "utf8")) as OpenApi;
  await expect(generateTypes(document)).toMatchFileSnapshot("../src/api/types.ts");
});

it("writes optional members, nullable references, tuples and tagged unions", () => {
  const text = generateTypes({
    components: {
      schemas: {
        Page_Thing: { properties: { items: {}, next: { type: ["string", "null"] } } },
        Thing: {
          properties: {
            other: { oneOf: [{ $ref: "#/components/schemas/Other" }, { type: "null" }] },
            pairs: { type: "array", items: { type: "array", prefixItems: [{ type: "integer" }, { type: "string" }] } },
          },
          required: ["pairs"],
        },
        Other: {
          oneOf: [
            { type: "object", properties: { type: { type: "string", enum: ["a"] } }, required: ["type"] },
            { type: "object", properties: { type: { type: "string", enum: ["b"] }, n: { type: "number" } }, required: ["type"] },
          ],
        },
      },
    },
  });
  expect(text).toContain("export interface Page<T> {\n  items: T[];\n  next?: string;\n}");
  expect(text).toContain("export interface Thing {\n  other?: Other;\n  pairs: [number, string][];\n}");
  expect(text).toContain('export type Other = { type: "a" } | { type: "b"; n?: number };');
});
