import { describe, expect, it } from 'vitest';
import { item, notice, sampleRow } from './samples';
import {
  gone,
  grownBehind,
  grownInFront,
  heard,
  MOST,
  NOTHING,
  requoted,
  trimmedBehind,
  trimmedInFront,
  type Window,
} from './window';

const keys = (window: Window) => window.items.map((one) => one.key).join('');
const of = (letters: string, edges: Partial<Window> = {}): Window => ({
  ...NOTHING,
  items: [...letters].map((k) => item(k)),
  ...edges,
});
const many = (count: number) => Array.from({ length: count }, (_, n) => item(String(n).padStart(6, '0')));

describe('an item that is heard of', () => {
  it('goes to the end', () => {
    const [window, place] = heard(of('bd'), item('e'));
    expect([keys(window), place]).toEqual(['bde', 'end']);
  });
  it('goes to its place when it came late', () => {
    const [window, place] = heard(of('bd'), item('c'));
    expect([keys(window), place]).toEqual(['bcd', 'late']);
  });
  it('takes the place of what it was', () => {
    const [window, place] = heard(of('bd'), item('b', { text: 'new' }));
    expect([keys(window), place]).toEqual(['bd', 'changed']);
    expect(window.items[0]).toMatchObject({ row: { text: 'new' } });
  });
  it('moves when it is a notice that was under another key', () => {
    const window = heard({ ...NOTHING, items: [notice('b', { id: 'n' }), item('c')] }, notice('d', { id: 'n' }))[0];
    expect(keys(window)).toBe('cd');
  });
  it('stays outside when it is beyond what is held', () => {
    expect(heard(of('bd', { newer: true }), item('e'))[1]).toBe('outside');
    expect(heard(of('bd', { older: true }), item('a'))[1]).toBe('outside');
    expect(heard(of('bd', { older: true, newer: true }), item('c'))[1]).toBe('late');
  });
  it('keeps the order whatever the order of arrival', () => {
    const letters = 'abcdefghij';
    for (let seed = 1; seed < 50; seed += 1) {
      const mixed = [...letters].sort(
        (a, b) => ((a.charCodeAt(0) * seed * 7919) % 31) - ((b.charCodeAt(0) * seed * 7919) % 31),
      );
      const window = mixed.reduce((held, key) => heard(held, item(key))[0], NOTHING);
      expect(keys(window)).toBe(letters);
    }
  });
});

describe('an answer', () => {
  const answered = (state: 'here' | 'deleted') => ({ id: 'b', author: 'Ada', user: 'ada', text: 'hello', state });
  it('shows what it answers as that is now', () => {
    const window = { ...NOTHING, items: [item('b'), item('c', { reply_to: answered('here') })] };
    expect(requoted(window, sampleRow({ id: 'b', text: '\nnew\nlines' })).items[1]).toMatchObject({
      row: { reply_to: { text: 'new' } },
    });
    const deleted = requoted(window, sampleRow({ id: 'b', deleted: true, text: '' }));
    expect(deleted.items[1]).toMatchObject({ row: { reply_to: { text: null, state: 'deleted' } } });
    expect(requoted(window, sampleRow({ id: 'x' }))).toBe(window);
  });
});

describe('pages', () => {
  it('never hold anything twice', () => {
    expect(keys(grownInFront(of('cd'), of('abc').items, false))).toBe('abcd');
    expect(keys(grownBehind(of('cd'), of('def').items, true))).toBe('cdef');
  });
  it('are cut at the far side and say so', () => {
    const window = { ...NOTHING, items: many(MOST + 60) };
    expect(trimmedBehind(window)).toMatchObject({ newer: true, older: false });
    expect(trimmedInFront(window)).toMatchObject({ newer: false, older: true });
    expect(trimmedInFront(window).items).toHaveLength(MOST);
    expect(trimmedInFront(window).items.at(-1)).toEqual(window.items.at(-1));
  });
  it('are left alone when they fit', () => {
    const window = of('abc');
    expect(trimmedBehind(window)).toBe(window);
    expect(trimmedInFront(window)).toBe(window);
  });
  it('lose what is gone', () => expect(keys(gone(of('abc'), 'b'))).toBe('ac'));
});
