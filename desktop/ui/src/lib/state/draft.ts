// What somebody began to write: noted when they pause, and heard of from their other devices.
//
//   typed ──► due ──(pause)──► noted       heard from elsewhere: taken, unless something here is due

export const PAUSE = 800;

export interface Draft {
  readonly text: string;
  /** When it is to be noted; null: it is noted. */
  readonly due: number | null;
}

export const EMPTY: Draft = { text: '', due: null };

export const typed = (draft: Draft, text: string, now: number): Draft =>
  text === draft.text ? draft : { text, due: now + PAUSE };

export const noted = (draft: Draft): Draft => ({ ...draft, due: null });

export const heard = (draft: Draft, text: string): Draft => (draft.due === null ? { text, due: null } : draft);

/** Sent or thrown away: to be noted at once. */
export const cleared = (now: number): Draft => ({ text: '', due: now });
