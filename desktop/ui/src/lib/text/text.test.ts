import { describe, expect, it } from 'vitest';
import { colour, initials } from './colour';
import { begun, called } from './emoji';
import { find, fit } from './find';
import { joiningEnded, joiningKey, messageState } from './state';
import { standing } from './path';
import { daysAgo, short, size } from './time';

describe('finding', () => {
  it('is tolerant', () => {
    expect(fit('Zoë', 'zoe')).toBe(4);
    expect(fit('garden party', 'party')).toBe(3);
    expect(fit('garden party', 'gdp')).toBe(1);
    expect(fit('garden party', 'x')).toBe(0);
    expect(fit('花园聚会', '聚会')).toBe(2);
  });
  it('has the best first', () =>
    expect(find(['a boat', 'boat', 'bxoxaxt'], 'boat', (s) => s)).toEqual(['boat', 'a boat', 'bxoxaxt']));
});

describe('emoji', () => {
  const all = [
    { unicode: '👋', label: 'waving hand', tags: ['hello'] },
    { unicode: '🌊', label: 'water wave', tags: ['ocean'] },
    { unicode: '🧇', label: 'waffle' },
  ];
  it('are found by the beginning of a name, then by what is within', () => {
    expect(called(all, 'wav').map((one) => one.unicode)).toEqual(['👋', '🌊']);
    expect(called(all, 'wave').map((one) => one.unicode)).toEqual(['🌊']);
    expect(called(all, 'OCEAN').map((one) => one.unicode)).toEqual(['🌊']);
  });
  it('are being written behind a colon that begins a word', () => {
    expect(begun('see you :wav', 12)).toEqual({ word: 'wav', from: 8 });
    expect(begun(':海洋', 3)).toEqual({ word: '海洋', from: 0 });
    expect(begun('at 10:30', 8)).toBe(null);
    expect(begun('see :w', 6)).toBe(null);
    expect(begun('see :wav and on', 15)).toBe(null);
  });
});

describe('people', () => {
  it('have one colour of eight', () => {
    expect(colour('c345dad3')).toBe(colour('c345dad3'));
    expect(new Set(Array.from({ length: 64 }, (_, n) => colour(`${n}ab`))).size).toBe(8);
  });
  it('have initials in any script', () => {
    expect(initials('Ada Lovelace')).toBe('AL');
    expect(initials('王小明')).toBe('王');
    expect(initials('  ')).toBe('?');
    expect(initials('👍 thumbs')).toBe('👍');
  });
});

describe('what a peer says', () => {
  it('is understood', () => {
    expect(messageState('with 1 of 3')).toEqual({ kind: 'some', have: 1, of: 3, least: 'no' });
    expect(messageState('with at least 8 of 40')).toEqual({ kind: 'some', have: 8, of: 40, least: 'yes' });
    expect(messageState('with a mailbox')).toEqual({ kind: 'mailbox' });
    expect(messageState('something new')).toEqual({ kind: 'other', words: 'something new' });
    expect(joiningKey('looking for a member who may let you in')).toBe('joining-looking');
    expect(joiningKey('something new')).toBe(null);
    expect(joiningEnded('the link was used up: ask for another')).toBe(true);
    expect(joiningEnded('waiting for an admin to say yes')).toBe(false);
  });
});

describe('times and sizes', () => {
  const now = new Date(2026, 10, 25, 12).getTime();
  const hours = (count: number) => now - count * 3_600_000;
  it('are as near as need be', () => {
    expect(short('en', hours(1), now)).toMatch(/11:00/);
    expect(short('en', hours(48), now)).toBe('Mon');
    expect(short('en', hours(24 * 30), now)).toBe('Oct 26');
    expect(daysAgo(hours(13), now)).toBe(1);
  });
  it('are in the language of the page', () => {
    expect(short('zh-Hans', hours(48), now)).toBe('周一');
    expect(size('en', 1_500)).toBe('1.5 kB');
    expect(size('en', 12)).toBe('12 byte');
  });
});

describe('how somebody is reached', () => {
  const keys = (says: string) => standing(says)?.map((one) => one.key) ?? null;
  it('is understood as the peer says it', () => {
    expect(keys('linked directly, has everything')).toEqual(['path-direct', 'has-all']);
    expect(keys('linked over a relay, 12 behind')).toEqual(['path-relayed', 'has-not']);
    expect(keys('never linked (no address is known), has everything')).toEqual(['path-never', 'has-all']);
    expect(keys('this device')).toEqual(['path-this']);
    const away = standing('not seen for 2 days (last dial: timed out, twice), 1 behind');
    expect(away?.[0]).toEqual({ key: 'path-not-seen-day', words: { count: 2, why: 'timed out, twice', note: 'dial' } });
    const ahead = standing('linked directly, has everything, and has something that has not come here');
    expect(ahead?.[1]?.words).toEqual({ count: 0, ahead: 'yes' });
  });
  it('is left as it is when it is something new', () => expect(keys('over the moon, has everything')).toBe(null));
});
