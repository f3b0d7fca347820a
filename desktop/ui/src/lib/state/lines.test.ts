import { describe, expect, it } from 'vitest';
import { lines } from './lines';
import { item, notice } from './samples';

const MINUTE = 60_000;
const day = (at: number) => Math.floor(at / (24 * 60 * MINUTE));
const shape = (...items: Parameters<typeof lines>[0]) => lines(items, null, day).map((l) => [l.head, l.tail]);

describe('runs', () => {
  it('join one author within five minutes', () => {
    expect(shape(item('a', { at: 0 }), item('b', { at: MINUTE }), item('c', { at: 2 * MINUTE }))).toEqual([
      [true, false],
      [false, false],
      [false, true],
    ]);
  });
  it('end with another author, a pause, a notice, a reply and a day', () => {
    const next = (change: object) => shape(item('a', { at: 0 }), item('b', { at: 1, ...change }))[1]?.[0];
    expect(next({ user: 'bob' })).toBe(true);
    expect(next({ at: 6 * MINUTE })).toBe(true);
    expect(next({ reply_to: { id: 'x', author: 'Bob', text: 'y', state: 'here' } })).toBe(true);
    expect(shape(item('a'), notice('b'), item('c'))[2]?.[0]).toBe(true);
    expect(shape(item('a', { at: 24 * 60 * MINUTE - 1 }), item('b', { at: 24 * 60 * MINUTE }))[1]?.[0]).toBe(true);
  });
});

it('draws days where they begin and one line before what was not read', () => {
  const drawn = lines([item('a', { at: 0 }), item('b', { at: 1 }), item('c', { at: 24 * 60 * MINUTE })], 'b', day);
  expect(drawn.map((l) => l.day)).toEqual([true, false, true]);
  expect(drawn.map((l) => l.fresh)).toEqual([false, true, false]);
  expect(drawn[1]?.head).toBe(true);
});
