// What is drawn of a window: each item with what stands above it and how it is joined to its neighbours.
import type { Item, Row } from '$lib/rpc/bindings';

/** Messages of one author within this time are drawn as one run. */
const RUN = 5 * 60_000;

export interface Line {
  readonly item: Item;
  /** The day begins with it: drawn above. */
  readonly day: boolean;
  /** It is the first that was not read. */
  readonly fresh: boolean;
  /** First and last of a run of its author. */
  readonly head: boolean;
  readonly tail: boolean;
}

export const at = (item: Item): number => ('row' in item ? item.row.at : item.notice.at);
export const row = (item: Item | undefined): Row | null => (item && 'row' in item ? item.row : null);

function joined(one: Item | undefined, next: Item | undefined): boolean {
  const [a, b] = [row(one), row(next)];
  return !!a && !!b && a.user === b.user && Math.abs(b.at - a.at) < RUN && !b.reply_to;
}

export function lines(items: readonly Item[], unread: string | null, day: (at: number) => number): Line[] {
  const starts = items.map((item, index) => {
    const before = items[index - 1];
    return !before || day(at(before)) !== day(at(item));
  });
  const breaks = (index: number) =>
    starts[index] || items[index]?.key === unread || !joined(items[index - 1], items[index]);
  return items.map((item, index) => ({
    item,
    day: starts[index] ?? false,
    fresh: item.key === unread,
    head: breaks(index),
    tail: index === items.length - 1 || breaks(index + 1),
  }));
}
