/** What text is written in, in the editor and where two texts are compared. */
export const EDITOR_FONT = "'JetBrains Mono Variable', ui-monospace, 'SF Mono', Menlo, Consolas, monospace";
