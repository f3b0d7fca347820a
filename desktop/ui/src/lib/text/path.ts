// How somebody is reached and what they have, as a peer says it in English, taken apart so that it can be said in any
// language: `not seen for 3 days (last dial: timed out), 12 behind`. What is not understood is shown as it is.
import type { Words } from '$lib/i18n/fluent.svelte';

export interface Said {
  key: string;
  words: Words;
}

export function path(says: string): Said | null {
  const [, rest = says, note] = /^(.*?)(?: \((.+)\))?$/.exec(says) ?? [];
  const why = note?.startsWith('last dial: ') ? note.slice(11) : '';
  const seen = /^not seen for (\d+) (second|minute|hour|day)s?$/.exec(rest);
  const more: Words = { why, note: why ? 'dial' : note ? 'address' : 'none' };
  if (seen) return { key: `path-not-seen-${seen[2]}`, words: { count: Number(seen[1]), ...more } };
  if (rest === 'linked directly') return { key: 'path-direct', words: more };
  if (rest.startsWith('linked over')) return { key: 'path-relayed', words: more };
  if (rest === 'never linked') return { key: 'path-never', words: more };
  if (rest === 'this device') return { key: 'path-this', words: more };
  if (rest === 'no device of theirs is known') return { key: 'path-no-device', words: more };
  return null;
}

export function having(says: string): Said | null {
  const found = /^(?:(has everything)|(\d+) behind)(, and has something that has not come here)?$/.exec(says);
  if (!found) return null;
  return {
    key: found[1] ? 'has-all' : 'has-not',
    words: { count: Number(found[2] ?? 0), ahead: found[3] ? 'yes' : 'no' },
  };
}

/** Both, as they stand behind each other in how a member gets on. */
export function standing(says: string): Said[] | null {
  const at = says.search(/, (has everything|\d+ behind)/);
  if (at < 0) {
    const one = path(says);
    return one && [one];
  }
  const both = [path(says.slice(0, at)), having(says.slice(at + 2))];
  return both.every((one) => one !== null) ? both : null;
}
