// What a first visit loads, packed as a server packs it: the page itself, what it imports at once, its styles and one
// language. Fails when that is more than it may be.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const MOST = 200_000;
const dist = process.argv[2] ?? 'dist';
const packed = (path) => gzipSync(readFileSync(path), { level: 9 }).length;

const first = new Set(['index.html']);
const follow = (path) => {
  for (const [, found] of readFileSync(join(dist, path), 'utf8').matchAll(
    /(?:(?:src|href)="\/|(?:from|import)\s*"\.\/)([\w./-]+\.(?:js|css))"/g,
  )) {
    const next = found.startsWith('assets/') ? found : join('assets', found);
    if (first.has(next)) continue;
    first.add(next);
    if (next.endsWith('.js')) follow(next);
  }
};
follow('index.html');
for (const file of readdirSync(join(dist, 'locales/en'))) first.add(join('locales/en', file));

const sizes = [...first].map((path) => [path, packed(join(dist, path))]).sort((a, b) => b[1] - a[1]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
for (const [path, size] of sizes) console.log(String(size).padStart(8), path);
console.log(String(total).padStart(8), `of ${MOST} bytes that a first visit may load`);
if (total > MOST) process.exit(1);
