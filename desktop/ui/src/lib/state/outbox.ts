// What was sent and is not answered for yet. Each carries an id of the page's own, so that sending twice writes once.

export interface Outgoing {
  readonly id: string;
  readonly text: string;
  readonly replyTo: string | null;
  /** Why it did not go; null while it is on its way. */
  readonly failure: string | null;
  /** It takes longer than a moment: to be shown. */
  readonly slow: boolean;
}

/** Within this time most are answered for, and nobody need see them here. */
export const MOMENT = 400;

export const added = (box: readonly Outgoing[], one: Outgoing): Outgoing[] => [...box, one];
export const removed = (box: readonly Outgoing[], id: string): Outgoing[] => box.filter((one) => one.id !== id);
export const failed = (box: readonly Outgoing[], id: string, failure: string): Outgoing[] =>
  box.map((one) => (one.id === id ? { ...one, failure } : one));
export const slowed = (box: readonly Outgoing[], id: string): Outgoing[] =>
  box.map((one) => (one.id === id ? { ...one, slow: true } : one));
export const retried = (box: readonly Outgoing[], id: string): Outgoing[] =>
  box.map((one) => (one.id === id ? { ...one, failure: null } : one));

/** 128 random bits. `randomUUID` is not there on plain http off this machine; this is. */
export function freshId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
