import { describe, expect, it } from "vitest";
import { contrast } from "../lib/contrast";
import { brand, darkSurfaces, lightSurfaces, type Surfaces } from "./theme";

const AA_TEXT = 4.5;
const AA_SHAPE = 3;

it("computes contrast as the standard does", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 1);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 1);
  expect(contrast("#123456", "#123456")).toBe(1);
});

describe.each([
  ["light", lightSurfaces, brand[7]],
  ["dark", darkSurfaces, brand[6]],
] as [string, Surfaces, string][])("the %s theme", (_name, surfaces, filled) => {
  const grounds = [surfaces.body, surfaces.raised, surfaces.sunken];
  const texts = ["text", "dimmed", "link", "danger", "warning", "success"] as const;

  it.each(texts)("has readable %s on every surface", (text) => {
    for (const ground of grounds) expect(contrast(surfaces[text], ground)).toBeGreaterThanOrEqual(AA_TEXT);
  });

  it("has readable buttons that stand out", () => {
    expect(contrast("#ffffff", filled)).toBeGreaterThanOrEqual(AA_TEXT);
    for (const ground of grounds) expect(contrast(filled, ground)).toBeGreaterThanOrEqual(AA_SHAPE);
  });
});
