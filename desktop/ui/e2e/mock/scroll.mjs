// Ten thousand messages: nobody loses the place, nothing stays blank, and little is held.
import assert from 'node:assert/strict';
import { on, open, stage } from './stage.mjs';

/** The place in the whole conversation of the first message in view; null when nothing is drawn at this instant. */
const first = (page) =>
  page.evaluate(() => {
    const log = document.querySelector('[role=log]').getBoundingClientRect();
    const shown = [...document.querySelectorAll('article')].find((one) => {
      const box = one.getBoundingClientRect();
      return box.bottom > log.top && box.top < log.bottom;
    });
    if (!shown) return null;
    const items = window.mock.world.items.get(
      window.mock.world.talks.find((one) => one.title === 'Harbour crew').conversation,
    );
    return items.findIndex((one) => one.key === shown.dataset.key);
  });

const settled = (page) =>
  page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)))),
  );

async function wheel(page, direction, steps) {
  let last = await first(page);
  const moves = [];
  for (let step = 0; step < steps; step += 1) {
    await page.mouse.wheel(0, direction * 700);
    await settled(page);
    let now = await first(page);
    for (let tries = 0; now === null && tries < 20; tries += 1) {
      await settled(page);
      now = await first(page);
    }
    assert.notEqual(now, null, 'the window stays blank');
    moves.push((now - last) * direction);
    last = now;
  }
  return moves;
}

export { stage };
export const stories = {
  'scroll: 80 steps up and down through 10,000 messages': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.mouse.move(700, 400);
      for (const direction of [-1, 1]) {
        const moves = await wheel(page, direction, 80);
        const total = moves.reduce((sum, one) => sum + one, 0);
        const drawn = await page.locator('article').count();
        console.log(
          `        ${direction < 0 ? 'up' : 'down'}: ${total} rows, ${Math.min(...moves)} to ${Math.max(...moves)} a step, ${drawn} drawn`,
        );
        // The first steps up are against the end; one step is about a window, never a leap.
        assert.ok(Math.max(...moves) < 30, `lost the place: ${moves}`);
        assert.ok(Math.min(...moves) > -6, `thrown back: ${moves}`);
        assert.ok(total > 350, `stuck: ${moves}`);
        assert.ok(drawn < 80, 'too many are drawn');
      }
    }),

  'scroll: to the very beginning and to the end again': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.getByTestId('timeline').focus();
      await page.keyboard.press('Control+ArrowUp');
      await page.getByText('You began').or(page.getByText('Ada began')).waitFor();
      await page.getByTestId('latest').waitFor();
      await page.keyboard.press('Control+ArrowDown');
      await page.getByTestId('latest').waitFor({ state: 'detached' });
    }),

  'scroll: the place is kept while one is elsewhere': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.mouse.move(700, 400);
      await wheel(page, -1, 12);
      const before = await first(page);
      await open(page, 'Book club');
      await open(page, 'Harbour crew');
      await page.getByTestId('latest').waitFor();
      await page.waitForFunction((wanted) => {
        const items = window.mock.world.items.get(
          window.mock.world.talks.find((one) => one.title === 'Harbour crew').conversation,
        );
        const log = document.querySelector('[role=log]').getBoundingClientRect();
        const shown = [...document.querySelectorAll('article')].find(
          (one) => one.getBoundingClientRect().bottom > log.top,
        );
        return shown && Math.abs(items.findIndex((one) => one.key === shown.dataset.key) - wanted) < 4;
      }, before);
    }),
};
