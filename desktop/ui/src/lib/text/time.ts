// Times as people read them, in the language of the page rather than that of the process.

const HOUR = { hour: 'numeric', minute: '2-digit' } as const;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(tag: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = tag + JSON.stringify(options);
  let made = formats.get(name);
  if (!made) formats.set(name, (made = new Intl.DateTimeFormat(tag, options)));
  return made;
}

/** Local midnight before a moment; tells days apart. */
export function day(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** How many days ago it was: 0 is today; negative is to come. */
export function daysAgo(at: number, now: number): number {
  return Math.round((day(now) - day(at)) / 86_400_000);
}

export const clock = (tag: string, at: number): string => format(tag, HOUR).format(at);

export const moment = (tag: string, at: number): string =>
  format(tag, { dateStyle: 'long', timeStyle: 'short' }).format(at);

/** For the list of conversations: an hour today, a weekday this week, else a date. */
export function short(tag: string, at: number, now: number): string {
  const ago = daysAgo(at, now);
  if (ago === 0) return clock(tag, at);
  if (ago > 0 && ago < 7) return format(tag, { weekday: 'short' }).format(at);
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(tag, sameYear ? { day: 'numeric', month: 'short' } : { dateStyle: 'short' }).format(at);
}

/** For the line between days. Today and yesterday are the caller's words. */
export function dayName(tag: string, at: number, now: number): string {
  const ago = daysAgo(at, now);
  if (ago > 1 && ago < 7) return format(tag, { weekday: 'long' }).format(at);
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const date = { weekday: 'long', day: 'numeric', month: 'long' } as const;
  return format(tag, sameYear ? date : { ...date, year: 'numeric' }).format(at);
}

/** Bytes as people read them. */
export function size(tag: string, bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  let rest = bytes;
  let unit = 0;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  const digits = { maximumFractionDigits: rest < 10 && unit > 0 ? 1 : 0 };
  return new Intl.NumberFormat(tag, {
    style: 'unit',
    unit: units[unit] ?? 'byte',
    unitDisplay: 'short',
    ...digits,
  }).format(rest);
}
