/**
 * Brings together what two devices made of the same layout.
 *
 * Invariants: what only one side changed is kept; lists take both sides' additions and removals; where both changed
 * the same single value, this device wins, because its user is looking at it.
 */
import { type Group, type Layout, parseLayout, type TerminalTab } from "./layout";

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function pick<T>(base: T, mine: T, theirs: T): T {
  return same(mine, base) ? theirs : mine;
}

/** Theirs in their order, without what I removed, then what I added. */
function mergeList<T>(key: (item: T) => string, base: T[], mine: T[], theirs: T[]): T[] {
  const index = (items: T[]) => new Map(items.map((item) => [key(item), item]));
  const [inBase, inMine, inTheirs] = [index(base), index(mine), index(theirs)];
  const kept = theirs.flatMap((item) => {
    const own = inMine.get(key(item));
    const old = inBase.get(key(item));
    if (own === undefined) return old === undefined ? [item] : [];
    return [old === undefined ? own : pick(old, own, item)];
  });
  const added = mine.filter((item) => !inTheirs.has(key(item)) && !inBase.has(key(item)));
  return [...kept, ...added];
}

function mergeGroup(base: Group | undefined, mine: Group, theirs: Group): Group {
  const tabs = mergeList(({ path }) => path, base?.tabs ?? [], mine.tabs, theirs.tabs);
  return { id: mine.id, tabs, active: pick(base?.active ?? null, mine.active, theirs.active) };
}

function mergeGroups(base: Group[], mine: Group[], theirs: Group[]): Group[] {
  return mergeList(({ id }) => id, base, mine, theirs).map((group) => {
    const find = (groups: Group[]) => groups.find(({ id }) => id === group.id);
    const [own, other] = [find(mine), find(theirs)];
    return own && other ? mergeGroup(find(base), own, other) : group;
  });
}

const tabKey = ({ id }: TerminalTab) => id;
const itself = (text: string) => text;

export function mergeLayouts(base: Layout, mine: Layout, theirs: Layout): Layout {
  return parseLayout({
    version: mine.version,
    sidebar: pick(base.sidebar, mine.sidebar, theirs.sidebar),
    panel: pick(base.panel, mine.panel, theirs.panel),
    groups: mergeGroups(base.groups, mine.groups, theirs.groups),
    activeGroup: pick(base.activeGroup, mine.activeGroup, theirs.activeGroup),
    terminals: {
      tabs: mergeList(tabKey, base.terminals.tabs, mine.terminals.tabs, theirs.terminals.tabs),
      active: pick(base.terminals.active, mine.terminals.active, theirs.terminals.active),
    },
    expanded: mergeList(itself, base.expanded, mine.expanded, theirs.expanded),
    closed: mergeList(itself, base.closed, mine.closed, theirs.closed),
  });
}
