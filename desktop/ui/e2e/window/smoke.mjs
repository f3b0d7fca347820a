// What only the real window can show.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { APP, begin, stage, within } from './stage.mjs';
import { until } from './webdriver.mjs';

const BAYOU = process.env.BAYOU_BIN ?? 'bayou';
const ENTER = '\uE007';
const ESCAPE = '\uE00C';

/** Starts the app once more for the same home; gives its exit code. */
const again = (home, ...rest) =>
  new Promise((done) => spawn(APP, ['--home', home, ...rest], { stdio: 'inherit' }).on('exit', done));

/** The processes below `parent` that are called so, newest last. */
const below = (parent, name) =>
  execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, ppid, command]) => Number(ppid) === parent && command?.startsWith(name))
    .map(([pid]) => Number(pid));

/** The app that runs for a home. */
const appOf = (home) => Number(execFileSync('pgrep', ['-f', `^${APP} --home ${home}`], { encoding: 'utf8' }));

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

  'window: when the process of the page dies, another takes its place, and the peer goes on': () =>
    within('revived', async (window, home) => {
      await begin(window, 'Ada', 'Boats');
      await window.find('[data-testid=make-invite]');
      const app = appOf(home);
      const [page] = below(app, 'WebKitWebProces');
      assert.ok(page, 'the page has a process of its own');
      process.kill(page, 'SIGKILL');
      await until('another process of the page', () => below(app, 'WebKitWebProces').some((pid) => pid !== page));
      const asked = execFileSync(BAYOU, ['--home', home, '--json', 'conversations'], { encoding: 'utf8' });
      assert.match(asked, /"title":"Boats"/);
      assert.equal(appOf(home), app);
    }),

  'window: asked to end by the system, it closes the home in order': () =>
    within('ended', async (window, home) => {
      await begin(window, 'Ada', 'Boats');
      await window.find('[data-testid=make-invite]');
      const app = appOf(home);
      process.kill(app, 'SIGTERM');
      await until('the end', () => !existsSync(`/proc/${app}`) && !existsSync(`${home}/bayou.sock`));
      const asked = execFileSync(BAYOU, ['--home', home, '--json', 'conversations'], { encoding: 'utf8' });
      assert.match(asked, /"title":"Boats"/);
    }),
};
