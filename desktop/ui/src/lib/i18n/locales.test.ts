// Each language says all that the page says, with the same things filled in; and nothing is kept that nobody says.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FluentResource } from '@fluent/bundle';
import { describe, expect, it } from 'vitest';
import { nearest } from './fluent.svelte';

const HERE = 'public/locales';
const { languages, files } = JSON.parse(readFileSync(join(HERE, 'index.json'), 'utf8')) as {
  languages: Record<string, string>;
  files: string[];
};

/** Keys with the names of what is filled in. */
function read(tag: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    for (const { id, value } of new FluentResource(readFileSync(join(HERE, tag, file), 'utf8')).body) {
      const names = [...JSON.stringify(value).matchAll(/"type":"var","name":"(\w+)"/g)].map((match) => match[1]);
      expect(found.has(id), `${tag}: ${id} stands there twice`).toBe(false);
      found.set(id, [...new Set(names)].sort().join(' '));
    }
  }
  return found;
}

function sources(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

const english = read('en');
const source = sources('src');

describe.each(Object.keys(languages))('%s', (tag) => {
  it('says the same things as English', () => expect([...read(tag)].sort()).toEqual([...english].sort()));
  it('has all its files in the list', () => expect(readdirSync(join(HERE, tag)).sort()).toEqual([...files].sort()));
});

describe('the page', () => {
  const said = [...source.matchAll(/\bt\(\s*'([\w-]+)'/g)].map((match) => match[1] ?? '');
  it('says only what is there', () => expect(said.filter((key) => !english.has(key))).toEqual([]));
  it('says all that is there', () => {
    const begun = [...source.matchAll(/\bt\(\s*`([\w-]*)\$\{/g)].map((match) => match[1] ?? '').filter(Boolean);
    const named = (key: string) => source.includes(`'${key}'`) || begun.some((start) => key.startsWith(start));
    const made = /^(path-not-seen-|notice-|act-|link-.*-text$|storage-|device-)/;
    expect([...english.keys()].filter((key) => !named(key) && !made.test(key))).toEqual([]);
  });
});

it('speaks the nearest language to what is wished', () => {
  const there = ['en', 'zh-Hans'];
  expect(nearest(['zh-CN', 'en'], there)).toBe('zh-Hans');
  expect(nearest(['fr-CH', 'en-GB'], there)).toBe('en');
  expect(nearest(['ja'], there)).toBe('en');
});
