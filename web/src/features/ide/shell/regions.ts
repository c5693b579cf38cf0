/** The parts of the page that the keyboard goes to. */

/** What takes the keyboard in a part of the page: the best that is there, wherever it stands in it. */
const TAKERS = [
  "textarea:not([disabled])",
  '[role="tree"][tabindex="0"], [role="group"][tabindex="0"]',
  "input",
  '[role="tab"][tabindex="0"]',
  "button:not([disabled])",
  '[tabindex="0"]',
];

const REGIONS = ["panels", "sidebar", "editor", "terminal", "status"];

function enter(region: HTMLElement | null | undefined): void {
  for (const taker of TAKERS) {
    const found = region?.querySelector<HTMLElement>(taker);
    if (found) return found.focus();
  }
}

export function focusRegion(name: string): void {
  requestAnimationFrame(() => enter(document.querySelector<HTMLElement>(`[data-region="${name}"]`)));
}

/** Moves the keyboard to the next part of the page that is shown. */
export function cycleRegions(back: boolean): void {
  const shown = REGIONS.map((name) => document.querySelector<HTMLElement>(`[data-region="${name}"]`)).filter((region) => region !== null);
  const at = shown.findIndex((region) => region.contains(document.activeElement));
  enter(shown[(at + (back ? -1 : 1) + shown.length) % shown.length]);
}
