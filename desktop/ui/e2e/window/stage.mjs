// The real window, on a screen that nobody sees: `xvfb-run … dbus-run-session -- node e2e/run.mjs window`.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pictures } from '../stage.mjs';
import { session } from './webdriver.mjs';

export const APP = process.env.BAYOU_DESKTOP_BIN ?? '';
if (!APP) throw new Error('which app? Set BAYOU_DESKTOP_BIN, as `cargo xtask test` does');

// Without a window manager the focus is nowhere, and some sizes are odd.
const manager = spawn('openbox', { stdio: 'ignore' });
export const stage = { end: () => manager.kill() };

const freePort = () =>
  new Promise((done) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

/** Opens the app with a home of its own, lets `act` use it, and leaves a picture. */
export async function within(name, act) {
  const home = mkdtempSync(join(tmpdir(), 'bayou-window-'));
  const port = await freePort();
  const env = { ...process.env, TAURI_AUTOMATION: 'true', TAURI_WEBVIEW_AUTOMATION: 'true', XDG_CONFIG_HOME: home };
  const driver = spawn('WebKitWebDriver', [`--port=${port}`], { stdio: 'ignore', env });
  try {
    const options = { binary: APP, args: ['--home', home] };
    const window = await session(`http://127.0.0.1:${port}`, { 'webkitgtk:browserOptions': options });
    try {
      await act(window, home);
    } finally {
      // There is none of a window that was taken from the driver.
      const shot = await window.shot().catch(() => null);
      if (shot) writeFileSync(join(pictures, `window-${name}.png`), shot);
      await window.quit().catch(() => {});
    }
  } finally {
    driver.kill();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Makes a profile without a passphrase, and a conversation. */
export async function begin(window, name, title) {
  await window.press('Create a profile');
  await window.type('input[type=text], input:not([type])', name);
  await window.exec(
    `[...document.querySelectorAll('label')].find((label) => label.innerText.trim() === 'Not at all').click()`,
  );
  await window.press('Go on');
  await window.find('[data-testid=phrase] li');
  const words = await window.exec(
    `return [...document.querySelectorAll('[data-testid=phrase] li')].map((li) => li.innerText.trim().replace(/^\\d+\\s*/, ''))`,
  );
  await window.press('I have written them down');
  await window.exec(
    `for (const label of document.querySelectorAll('label')) {
       const number = Number(/Word (\\d+)/.exec(label.innerText)?.[1] ?? 0);
       const box = label.querySelector('input');
       if (!number || !box) continue;
       box.value = arguments[0][number - 1];
       box.dispatchEvent(new InputEvent('input', { bubbles: true }));
     }`,
    words,
  );
  await window.press('Go on');
  await window.press('Begin a group');
  await window.type('dialog input', title);
  await window.press('Begin');
}
