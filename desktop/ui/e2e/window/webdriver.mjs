// A W3C WebDriver client, as much as the stories of the window need: https://www.w3.org/TR/webdriver2/
import { LONG } from '../stage.mjs';

const PAUSE = 60;

/** Repeats until it gives something, or throws the last error. */
export async function until(what, attempt, patience = LONG) {
  const end = Date.now() + patience;
  for (let last = ''; ; await new Promise((done) => setTimeout(done, PAUSE))) {
    try {
      const got = await attempt();
      if (got) return got;
    } catch (error) {
      last = `: ${error.message}`;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}${last}`);
  }
}

/** Starts a program with a web view under the driver at `base`. */
export async function session(base, capabilities) {
  const call = async (method, path, body) => {
    const answer = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const { value } = await answer.json();
    if (!answer.ok || value?.error) throw new Error(`${method} ${path}: ${value?.error} ${value?.message}`);
    return value;
  };
  const begin = () => call('POST', '/session', { capabilities: { alwaysMatch: capabilities } });
  const { sessionId } = await until('a session', begin);
  const path = `/session/${sessionId}`;
  const exec = (script, ...args) => call('POST', `${path}/execute/sync`, { script, args });
  const find = (css) =>
    until(css, async () => {
      const found = await call('POST', `${path}/element`, { using: 'css selector', value: css });
      return Object.values(found)[0];
    });
  const element = async (css, verb, body) => call('POST', `${path}/element/${await find(css)}/${verb}`, body);
  return {
    exec,
    find,
    click: (css) => until(`a click on ${css}`, async () => (await element(css, 'click', {})) === null),
    type: (css, text) => element(css, 'value', { text }),
    /** Waits until the page says something. */
    reads: (text) =>
      until(`the words "${text}"`, () => exec('return document.body.innerText.includes(arguments[0])', text)),
    /** Clicks the button that is called so. */
    press: (name) =>
      until(`the button "${name}"`, () =>
        exec(
          `const name = arguments[0];
           const one = [...document.querySelectorAll('button')].find((button) =>
             (button.getAttribute('aria-label') ?? button.innerText).trim() === name && !button.disabled);
           one?.click();
           return Boolean(one)`,
          name,
        ),
      ),
    /** Presses one key; special ones as in the standard. */
    key: (value) =>
      call('POST', `${path}/actions`, {
        actions: [{ type: 'key', id: 'keys', actions: ['keyDown', 'keyUp'].map((type) => ({ type, value })) }],
      }),
    shot: async () => Buffer.from(await call('GET', `${path}/screenshot`), 'base64'),
    quit: () => call('DELETE', path),
  };
}
