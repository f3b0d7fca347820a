// What a peer says of a message in fixed English words, as something that can be said in any language.

export type MessageState =
  | { kind: 'kept' }
  | { kind: 'mailbox' }
  | { kind: 'some'; have: number; of: number; least: 'yes' | 'no' }
  | { kind: 'all' }
  | { kind: 'received' }
  | { kind: 'waiting' }
  | { kind: 'disputed' }
  | { kind: 'other'; words: string };

export function messageState(state: string): MessageState {
  const some = /^with (at least )?(\d+) of (\d+)$/.exec(state);
  if (some) return { kind: 'some', have: Number(some[2]), of: Number(some[3]), least: some[1] ? 'yes' : 'no' };
  if (state === 'with a mailbox') return { kind: 'mailbox' };
  if (state === 'with all') return { kind: 'all' };
  if (state === 'kept' || state === 'received' || state === 'waiting' || state === 'disputed') return { kind: state };
  return { kind: 'other', words: state };
}

/** The key of the words for how far somebody is with getting in; null: say it as the peer does. */
export function joiningKey(state: string): string | null {
  const keys: [string, string][] = [
    ['looking for a member', 'joining-looking'],
    ['waiting for an admin', 'joining-waiting'],
    ['let in', 'joining-let-in'],
    ['the link has expired', 'joining-expired'],
    ['the link was used up', 'joining-used-up'],
    ['the link was withdrawn', 'joining-withdrawn'],
    ['an admin said no', 'joining-refused'],
    ['looking for them', 'asked-looking'],
    ['waiting for their answer', 'asked-waiting'],
    ['they said no', 'asked-refused'],
  ];
  return keys.find(([begins]) => state.startsWith(begins))?.[1] ?? null;
}

/** Whether getting in has come to an end that only another link can change. */
export const joiningEnded = (state: string): boolean => /expired|used up|withdrawn|said no/.test(state);
