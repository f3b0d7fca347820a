// A window over a timeline of any length: never more than MOST items, sorted by their keys.
//
// The list that draws it must not be given a page in front and a cut behind in one step: it tells the two apart by
// how the length changed. So growing and trimming are functions of their own, and the caller draws in between.
import type { Item, Row } from '$lib/rpc/bindings';

export const MOST = 300;
export const PAGE = 60;

export interface Window {
  readonly items: readonly Item[];
  /** Whether there are items before the first, and after the last, that are not held. */
  readonly older: boolean;
  readonly newer: boolean;
}

export const NOTHING: Window = { items: [], older: false, newer: false };

/** What became of an item that was heard of. `late`: it is new, and stands before something that was there already. */
export type Place = 'changed' | 'end' | 'late' | 'outside';

/** Where a key stands or would stand. */
function seek(items: readonly Item[], key: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle] as Item).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function heard(held: Window, item: Item): [Window, Place] {
  // A notice may move: it is the same one by its id.
  const moved = (one: Item) =>
    'notice' in one && 'notice' in item && one.notice.id === item.notice.id && one.key !== item.key;
  const window = held.items.some(moved) ? { ...held, items: held.items.filter((one) => !moved(one)) } : held;
  const at = seek(window.items, item.key);
  if (window.items[at]?.key === item.key) return [{ ...window, items: window.items.with(at, item) }, 'changed'];
  const isLast = at === window.items.length;
  if (isLast && window.newer) return [window, 'outside'];
  if (at === 0 && window.older) return [window, 'outside'];
  return [{ ...window, items: window.items.toSpliced(at, 0, item) }, isLast ? 'end' : 'late'];
}

/** Puts a message as it is now into what answers it: of a change only the message itself is told. */
export function requoted(window: Window, now: Row): Window {
  const quotes = (item: Item) => 'row' in item && item.row.reply_to?.id === now.id;
  if (!window.items.some(quotes)) return window;
  const text = now.deleted || now.hidden ? null : (now.text.split('\n').find((line) => line.trim()) ?? null);
  const quote = {
    id: now.id,
    author: now.author,
    user: now.user,
    text,
    state: now.deleted ? 'deleted' : 'here',
  } as const;
  const items = window.items.map((item) =>
    quotes(item) && 'row' in item ? { ...item, row: { ...item.row, reply_to: quote } } : item,
  );
  return { ...window, items };
}

export function gone(window: Window, key: string): Window {
  return { ...window, items: window.items.filter((item) => item.key !== key) };
}

export function grownInFront(window: Window, items: readonly Item[], older: boolean): Window {
  const first = window.items[0]?.key;
  const fresh = first === undefined ? items : items.filter((item) => item.key < first);
  return { ...window, items: [...fresh, ...window.items], older };
}

export function grownBehind(window: Window, items: readonly Item[], newer: boolean): Window {
  const last = window.items.at(-1)?.key;
  const fresh = last === undefined ? items : items.filter((item) => item.key > last);
  return { ...window, items: [...window.items, ...fresh], newer };
}

export function trimmedBehind(window: Window): Window {
  if (window.items.length <= MOST) return window;
  return { ...window, items: window.items.slice(0, MOST), newer: true };
}

export function trimmedInFront(window: Window): Window {
  if (window.items.length <= MOST) return window;
  return { ...window, items: window.items.slice(-MOST), older: true };
}
