// The keys, as one table: it drives the handlers, the sheet that shows them, and what buttons say of them.

export type Act =
  | 'switcher' | 'new' | 'find' | 'previous' | 'next' | 'previous-unread' | 'next-unread' | 'back' | 'forward' | 'pane' | 'pane-back'
  | 'settings' | 'shortcuts' | 'details' | 'reply' | 'react' | 'delete' | 'why' | 'place'; // prettier-ignore

export interface Shortcut {
  readonly act: Act;
  /** As it is shown: `Ctrl+K`. `Ctrl` is Command where that is the custom. */
  readonly keys: readonly string[];
}

export const SHORTCUTS: readonly Shortcut[] = [
  { act: 'switcher', keys: ['Ctrl+K'] },
  { act: 'new', keys: ['Ctrl+Alt+N'] },
  { act: 'find', keys: ['Ctrl+Shift+L'] },
  { act: 'previous', keys: ['Alt+ArrowUp', 'Ctrl+PageUp'] },
  { act: 'next', keys: ['Alt+ArrowDown', 'Ctrl+PageDown'] },
  { act: 'previous-unread', keys: ['Alt+Shift+ArrowUp'] },
  { act: 'next-unread', keys: ['Alt+Shift+ArrowDown'] },
  { act: 'back', keys: ['Alt+ArrowLeft'] },
  { act: 'forward', keys: ['Alt+ArrowRight'] },
  { act: 'pane', keys: ['F6'] },
  { act: 'pane-back', keys: ['Shift+F6'] },
  { act: 'details', keys: ['Ctrl+.'] },
  { act: 'settings', keys: ['Ctrl+,'] },
  { act: 'shortcuts', keys: ['Ctrl+/'] },
  { act: 'reply', keys: ['Ctrl+Shift+R'] },
  { act: 'react', keys: ['Ctrl+Shift+E'] },
  { act: 'why', keys: ['Ctrl+D'] },
  { act: 'delete', keys: ['Delete'] },
  { act: 'place', keys: ['Ctrl+1'] },
];

/** Keys that are handled where they are typed; the sheet shows them, too. */
export const TYPED: readonly { says: string; keys: readonly string[] }[] = [
  { says: 'key-send', keys: ['Enter'] },
  { says: 'key-line', keys: ['Shift+Enter'] },
  { says: 'key-edit', keys: ['ArrowUp'] },
  { says: 'key-bold', keys: ['Ctrl+B'] },
  { says: 'key-italic', keys: ['Ctrl+I'] },
  { says: 'key-code', keys: ['Ctrl+E'] },
  { says: 'key-strike', keys: ['Ctrl+Shift+X'] },
  { says: 'key-cancel', keys: ['Escape'] },
];

type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>;

/** The letter of a key; on layouts without Latin letters, that of its place. */
function letter(event: Pressed): string {
  if (event.key.length > 1) return event.key;
  if (/^[\x20-\x7e]$/.test(event.key)) return event.key.toUpperCase();
  return event.code.replace(/^(Key|Digit)/, '');
}

export function matches(event: Pressed, keys: string): boolean {
  const parts = keys.split('+');
  const key = parts.at(-1) ?? '';
  const has = (name: string) => parts.slice(0, -1).includes(name);
  return (
    letter(event) === key &&
    (event.ctrlKey || event.metaKey) === has('Ctrl') &&
    event.altKey === has('Alt') &&
    event.shiftKey === has('Shift')
  );
}

/** What a pressed key means. `Ctrl+1` stands for all nine. */
export function pressed(event: Pressed): Act | null {
  if (/^[1-9]$/.test(letter(event)) && matches(event, `Ctrl+${letter(event)}`)) return 'place';
  return SHORTCUTS.find((one) => one.keys.some((keys) => matches(event, keys)))?.act ?? null;
}

const NAMES: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc' };

/** Keys as this system writes them. */
export function shown(keys: string, mac = /Mac|iPhone|iPad/.test(navigator.platform)): string {
  const parts = keys.split('+').map((part) => NAMES[part] ?? part);
  if (!mac) return parts.join('+');
  const marks: Record<string, string> = { Ctrl: '⌘', Alt: '⌥', Shift: '⇧' };
  return parts.map((part) => marks[part] ?? part).join('');
}

export const keysOf = (act: Act): string => shown(SHORTCUTS.find((one) => one.act === act)?.keys[0] ?? '');
