// How quick the page is, in front of a real peer with a long conversation: `node e2e/figures.mjs [MESSAGES]`. It only prints;
// how quick a machine is today is no matter of tests.
import { launch, visit } from './stage.mjs';
import { Peer } from './peers/stage.mjs';

const COUNT = Number(process.argv[2] ?? 10_000);
const STEPS = 80;
const say = (what, value, unit = 'ms') => console.log(`${what.padEnd(44)} ${String(value).padStart(8)} ${unit}`);
const at = (values, part) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)];

const ada = await new Peer('ada').init();
await ada.start();
const { conversation } = await ada.cli('new', 'Long');
await ada.cli('new', 'Short');
for (let from = 0; from < COUNT; from += 500) {
  await ada.calls(
    Array.from({ length: 500 }, (_, n) => ['send', { conversation, text: `message ${from + n} of many` }]),
  );
}
const browser = await launch();
const { page } = await visit(browser, ada.address);
await page.getByRole('navigation', { name: 'Conversations' }).getByRole('button').first().waitFor();

// The second visit finds all in the cache, as a warm start of the app does. The cookie lets it in.
await page.goto(new URL('/', ada.address).href);
const list = page.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: 'Long' });
await list.waitFor();
say(
  'first frame',
  await page.evaluate(() => Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime)),
);
say('list can be used', await page.evaluate(() => Math.round(performance.now())));

const opened = [];
for (let round = 0; round < 10; round += 1) {
  for (const name of ['Long', 'Short']) {
    const spent = await page.evaluate(
      (title) =>
        new Promise((done) => {
          const button = [...document.querySelectorAll('nav li button')].find((one) => one.textContent.includes(title));
          const begun = performance.now();
          button.click();
          const look = () =>
            document.querySelector('[data-testid=title]')?.textContent.includes(title) &&
            (title === 'Short' || document.querySelector('article'))
              ? requestAnimationFrame(() => done(performance.now() - begun))
              : requestAnimationFrame(look);
          look();
        }),
      name,
    );
    if (name === 'Long') opened.push(spent);
  }
}
say(`a conversation of ${COUNT} messages opens`, Math.round(at(opened, 0.5)));
say('… at worst', Math.round(at(opened, 1)));

await list.click();
await page.getByTestId('composer').focus();
await page.evaluate(() => {
  window.spent = [];
  addEventListener('keydown', (event) => {
    const begun = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => window.spent.push(performance.now() - begun)));
  }, true); // prettier-ignore
});
await page.keyboard.type('how long does a key take until it is painted, over and over again?'.repeat(3), { delay: 15 });
const keys = await page.evaluate(() => window.spent);
say('key to paint, p95', at(keys, 0.95).toFixed(1));

await page.mouse.move(700, 400);
let blank = 0;
for (let step = 0; step < STEPS; step += 1) {
  await page.mouse.wheel(0, -700);
  blank += await page.evaluate(
    () =>
      new Promise((done) =>
        requestAnimationFrame(() =>
          requestAnimationFrame(() => {
            const log = document.querySelector('[role=log]').getBoundingClientRect();
            const seen = [...document.querySelectorAll('article')].some(
              (one) => one.getBoundingClientRect().top < log.bottom && one.getBoundingClientRect().bottom > log.top,
            );
            done(seen ? 0 : 1);
          }),
        ),
      ),
  );
}
say(`of ${STEPS} wheel steps left a blank frame`, blank, '');
say(
  'memory of the page (JS heap)',
  Math.round((await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6),
  'MB',
);
await browser.close();
await ada.end();
