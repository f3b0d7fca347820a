// Colours for code: loaded when the first block of code is shown. The result is a tree, never HTML.
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';

export type Token = string | { kind: string; parts: Token[] };

const light = createLowlight({ bash, c, css, diff, go, java, json, python, rust, sql, typescript, xml, yaml });
light.registerAlias({
  typescript: ['js', 'javascript', 'jsx', 'tsx'],
  xml: ['html', 'svg', 'svelte'],
  yaml: ['toml'],
  c: ['cpp', 'h'],
});

const KINDS: [RegExp, string][] = [
  [/keyword|built_in|literal|selector-tag|deletion/, 'word'],
  [/string|regexp|addition|attr$/, 'text'],
  [/title|function|class|type|name|section/, 'name'],
  [/comment|quote|meta/, 'note'],
  [/number|symbol|variable/, 'number'],
];

interface Found {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Found[];
}

function token(found: Found): Token {
  if (found.type === 'text') return found.value ?? '';
  const scope = String(found.properties?.className ?? '');
  return { kind: KINDS.find(([fits]) => fits.test(scope))?.[1] ?? 'plain', parts: (found.children ?? []).map(token) };
}

export function colours(lang: string, text: string): Token[] {
  if (!light.registered(lang)) return [text];
  return (light.highlight(lang, text).children as Found[]).map(token);
}
