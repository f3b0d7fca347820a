// Finding names by what somebody remembers of them: letters in order, whatever their accents and case.

const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{Diacritic}/gu, '')
    .toLowerCase();

/** How well a name fits; 0: not at all. Beginnings count most, then beginnings of words, then letters in order. */
export function fit(name: string, wanted: string): number {
  const hay = folded(name);
  const needle = folded(wanted.trim());
  if (!needle) return 1;
  if (hay.startsWith(needle)) return 4;
  const at = hay.indexOf(needle);
  if (at > 0) return /[\s\-_.]/.test(hay[at - 1] ?? '') ? 3 : 2;
  let from = 0;
  for (const letter of needle) {
    const next = hay.indexOf(letter, from);
    if (next < 0) return 0;
    from = next + letter.length;
  }
  return 1;
}

/** Those that fit, the best first; equal ones stay in their order. */
export function find<T>(things: readonly T[], wanted: string, name: (thing: T) => string): T[] {
  return things
    .map((thing) => ({ thing, fits: fit(name(thing), wanted) }))
    .filter(({ fits }) => fits > 0)
    .sort((a, b) => b.fits - a.fits)
    .map(({ thing }) => thing);
}
