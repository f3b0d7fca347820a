import { describe, expect, it } from 'vitest';
import { matches, pressed, SHORTCUTS, shown, TYPED } from './table';
import { wrapped } from './wrap';

const key = (name: string, more: object = {}) => ({
  key: name,
  code: '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more,
});

describe('keys', () => {
  it('are found by what they are called', () => {
    expect(pressed(key('k', { ctrlKey: true }))).toBe('switcher');
    expect(pressed(key('k', { metaKey: true }))).toBe('switcher');
    expect(pressed(key('k'))).toBe(null);
    expect(pressed(key('ArrowUp', { altKey: true, shiftKey: true }))).toBe('previous-unread');
    expect(pressed(key('7', { ctrlKey: true }))).toBe('place');
  });
  it('work on layouts without Latin letters', () => {
    expect(pressed(key('л', { code: 'KeyK', ctrlKey: true }))).toBe('switcher');
    expect(matches(key('r', { code: 'KeyP', ctrlKey: true, shiftKey: true }), 'Ctrl+Shift+R')).toBe(true);
  });
  it('mean one thing each', () => {
    const all = [...SHORTCUTS, ...TYPED].flatMap((one) => one.keys);
    expect(new Set(all).size).toBe(all.length);
  });
  it('are shown as the system writes them', () => {
    expect(shown('Ctrl+Shift+ArrowUp', false)).toBe('Ctrl+Shift+↑');
    expect(shown('Ctrl+K', true)).toBe('⌘K');
  });
});

it('puts marks around what is selected, and takes them away', () => {
  const marked = wrapped({ text: 'a bold b', from: 2, to: 6 }, '**');
  expect(marked).toEqual({ text: 'a **bold** b', from: 4, to: 8 });
  expect(wrapped(marked, '**')).toEqual({ text: 'a bold b', from: 2, to: 6 });
});
