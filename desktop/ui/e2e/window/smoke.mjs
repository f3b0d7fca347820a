// What only the real window can show.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { APP, begin, stage, within } from './stage.mjs';

const ENTER = '\uE007';
const ESCAPE = '\uE00C';

/** Starts the app once more for the same home; gives its exit code. */
const again = (home, ...rest) =>
  new Promise((done) => spawn(APP, ['--home', home, ...rest], { stdio: 'inherit' }).on('exit', done));

export { stage };
export const stories = {
  'window: from nothing to the first message': () =>
    within('first', async (window) => {
      await begin(window, 'Ada', 'Boats');
      await window.find('[data-testid=make-invite]');
      await window.key(ESCAPE);
      await window.type('[data-testid=composer]', `hello **window**${ENTER}`);
      await window.find('article strong');
      assert.equal(await window.exec(`return document.querySelector('article strong').innerText`), 'window');
    }),

  'window: the page goes nowhere else, and runs nothing that is not its own': () =>
    within('closed', async (window) => {
      await window.reads('Create a profile');
      const evaluated = await window.exec(`try { return String(eval('1')) } catch (error) { return error.name }`);
      assert.equal(evaluated, 'EvalError');
      const address = await window.exec('return location.href');
      await window.exec(`location.href = 'https://example.org/'`);
      await window.exec(`window.open('https://example.org/')`);
      assert.equal(await window.exec('return location.href'), address);
      const asked = await window.exec(
        `return fetch('https://example.org/').then(() => 'let out', (error) => error.name)`,
      );
      assert.equal(asked, 'TypeError');
      await window.reads('Create a profile');
    }),

  'window: a second start ends in the first, and brings its link along': () =>
    within('link', async (window, home) => {
      await begin(window, 'Ada', 'Boats');
      await window.find('[data-testid=make-invite]');
      await window.key(ESCAPE);
      assert.equal(await again(home, 'bayou://j/#abcdef'), 0);
      await window.reads('Join by a link');
      assert.equal(await window.exec(`return document.querySelector('dialog textarea').value`), 'bayou://j/#abcdef');
    }),
};
