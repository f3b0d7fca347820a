// The list of conversations: who stands where, which are shown, and which is next.
import type { Conversation } from '$lib/rpc/bindings';
import { fit } from '$lib/text/find';

export type Filter = 'all' | 'unread' | 'direct' | 'groups';
export const FILTERS: readonly Filter[] = ['all', 'unread', 'direct', 'groups'];

/** Newest first; those without any message first of all, since they have just begun. */
export function ordered(list: readonly Conversation[]): Conversation[] {
  const rank = (one: Conversation) => one.last_at ?? Number.MAX_SAFE_INTEGER;
  return [...list].sort((a, b) => rank(b) - rank(a) || (a.conversation < b.conversation ? -1 : 1));
}

export function put(list: readonly Conversation[], one: Conversation): Conversation[] {
  const at = list.findIndex((had) => had.conversation === one.conversation);
  return at < 0 ? [one, ...list] : list.with(at, one);
}

/** The order in which they stand while the pointer is over them: as before, with what is new in front. */
export function held(before: readonly string[], list: readonly Conversation[]): Conversation[] {
  const place = new Map(before.map((id, index) => [id, index]));
  return [...list].sort((a, b) => (place.get(a.conversation) ?? -1) - (place.get(b.conversation) ?? -1));
}

export function shown(list: readonly Conversation[], filter: Filter, wanted: string): Conversation[] {
  return list.filter((one) => {
    if (wanted.trim() && !fit(one.title, wanted)) return false;
    if (filter === 'unread') return one.unread > 0;
    if (filter === 'direct') return one.with !== null;
    if (filter === 'groups') return one.with === null;
    return true;
  });
}

export const unread = (list: readonly Conversation[]): number => list.reduce((sum, one) => sum + one.unread, 0);

/** The one above or below the open one; with `fresh` the nearest in that direction that has something unread. */
export function neighbour(
  list: readonly Conversation[],
  open: string | null,
  step: 1 | -1,
  fresh = false,
): string | null {
  const from = list.findIndex((one) => one.conversation === open);
  const start = from < 0 && step < 0 ? list.length : from;
  for (let at = start + step; at >= 0 && at < list.length; at += step) {
    const one = list[at];
    if (one && (!fresh || one.unread > 0)) return one.conversation;
  }
  return null;
}
