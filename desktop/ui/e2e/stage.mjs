// What the stories stand on: a browser, the built page on a port of its own, and axe.
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const KINDS = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json',
  '.ftl': 'text/plain; charset=utf-8',
}; // prettier-ignore
/** The rules of the web door, so that what breaks them is seen here, too. */
const CSP =
  "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** Waits are long, for machines that are busy; nothing waits a fixed time. */
export const LONG = 20_000;

export const pictures = process.env.PICTURES ?? mkdtempSync(join(tmpdir(), 'bayou-pictures-'));
mkdirSync(pictures, { recursive: true });

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--font-render-hinting=none'],
  });

/** Serves a built page; gives its address. */
export function serve(folder) {
  const root = join(HERE, folder);
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
    const file = join(root, path === '/' ? 'index.html' : path);
    if (!file.startsWith(root) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': KINDS[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((done) =>
    server.listen(0, '127.0.0.1', () =>
      done({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }),
    ),
  );
}

/** Opens a page in a browser context of its own, and collects what goes wrong in it. */
export async function visit(browser, url, { width = 1280, height = 800, scheme = 'light', locale = 'en' } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    locale,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(LONG);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  await page.goto(url);
  return { page, wrong, close: () => context.close() };
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What axe finds in both schemes, in words; nothing is right. */
export async function axe(page) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    // Evaluated rather than added as a script: the page's own rules refuse scripts from elsewhere, and shall.
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(
      (values) => window.axe.run(document, { runOnly: { type: 'tag', values } }),
      RULES,
    );
    for (const one of violations)
      found.push(`${colorScheme}: ${one.id} at ${one.nodes.map((node) => node.html.slice(0, 140)).join(' | ')}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return found;
}

export const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`) });
