import axe from "axe-core";

/** Violations of the accessibility rules, in words; colours are checked where they are defined (app/theme.test.ts). */
export async function violations(element: Element): Promise<string[]> {
  const result = await axe.run(element, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
  return result.violations.map((v) => `${v.id}: ${v.help} – ${v.nodes.map((node) => node.html).join(" | ")}`);
}
