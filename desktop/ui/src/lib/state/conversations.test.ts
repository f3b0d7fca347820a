import { describe, expect, it } from 'vitest';
import { held, neighbour, ordered, put, shown, unread } from './conversations';
import { talk } from './samples';

const list = [
  talk('a', { last_at: 3 }),
  talk('b', { last_at: 2, unread: 4 }),
  talk('c', { last_at: 1, with: 'u', unread: 1 }),
];
const ids = (some: typeof list) => some.map((one) => one.conversation).join('');

describe('the list', () => {
  it('has the newest first, and what has just begun before that', () => {
    expect(ids(ordered([...list].reverse()))).toBe('abc');
    expect(ids(ordered([...list, talk('z', { last_at: null })]))).toBe('zabc');
  });
  it('takes in what changed', () => {
    expect(put(list, talk('b', { title: 'new' }))[1]?.title).toBe('new');
    expect(ids(put(list, talk('n')))).toBe('nabc');
  });
  it('stands still under the pointer', () => {
    const moved = ordered(put(list, talk('c', { last_at: 9 })));
    expect(ids(moved)).toBe('cab');
    expect(ids(held(['a', 'b', 'c'], moved))).toBe('abc');
    expect(ids(held(['a', 'b', 'c'], [...moved, talk('n')]))).toBe('nabc');
  });
  it('shows what was asked for', () => {
    expect(ids(shown(list, 'unread', ''))).toBe('bc');
    expect(ids(shown(list, 'direct', ''))).toBe('c');
    expect(ids(shown(list, 'groups', ''))).toBe('ab');
    expect(ids(shown([talk('x', { title: 'Zoë' }), ...list], 'all', 'zoe'))).toBe('x');
  });
  it('counts what is unread', () => expect(unread(list)).toBe(5));
  it('knows the next one', () => {
    expect(neighbour(list, 'a', 1)).toBe('b');
    expect(neighbour(list, 'a', -1)).toBe(null);
    expect(neighbour(list, null, 1)).toBe('a');
    expect(neighbour(list, null, -1)).toBe('c');
    expect(neighbour(list, 'a', 1, true)).toBe('b');
    expect(neighbour(list, 'c', -1, true)).toBe('b');
  });
});
