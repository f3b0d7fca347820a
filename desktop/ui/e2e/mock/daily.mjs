// What somebody does every day.
import assert from 'node:assert/strict';
import { accessible, on, open, stage } from './stage.mjs';

const arrive = (page, ...what) => page.evaluate((args) => window.mock.arrive(...args), what);
const last = (page) => page.locator('article').last();
const calls = (page, method) => page.evaluate((name) => window.mock.calls.filter((one) => one.method === name), method);

export { stage };
export const stories = {
  'daily: write, edit, reply, react, delete': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      const box = page.getByTestId('composer');
      await box.fill('one **bold** word');
      await page.keyboard.press('Shift+Enter');
      assert.equal(await box.inputValue(), 'one **bold** word\n');
      await page.keyboard.press('Enter');
      await last(page).locator('strong').getByText('bold').waitFor();
      assert.equal(await box.inputValue(), '');
      await page.keyboard.press('ArrowUp');
      await page.getByText('Edit your message').waitFor();
      await box.fill('one better word');
      await page.keyboard.press('Enter');
      await last(page).getByText('one better word').waitFor();
      await last(page).getByRole('button', { name: 'edited' }).click();
      await page.getByTestId('history').getByText('bold').waitFor();
      await accessible(page, 'history');
      await page.keyboard.press('Escape');
      await last(page).hover();
      await last(page).getByRole('button', { name: 'Reply' }).click();
      await box.fill('to myself');
      await page.keyboard.press('Enter');
      await last(page).getByText('one better word').waitFor();
      await last(page).hover();
      await last(page).getByRole('button', { name: 'React' }).click();
      await page.getByRole('searchbox', { name: 'Find an emoji' }).fill('rocket');
      await accessible(page, 'the picker');
      await page.getByRole('button', { name: 'rocket', exact: true }).click();
      await last(page).getByRole('button', { name: '🚀 by You' }).click();
      await last(page).getByRole('button', { name: '🚀 by You' }).waitFor({ state: 'detached' });
      await last(page).focus();
      await page.keyboard.press('Delete');
      await accessible(page, 'the question');
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await last(page).getByText('This message was deleted').waitFor();
    }),

  'daily: Enter while an input method composes never sends': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      const sent = await page.getByTestId('composer').evaluate((box) => {
        box.value = 'nihao';
        box.dispatchEvent(new InputEvent('input', { bubbles: true }));
        box.dispatchEvent(
          new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
        );
        return window.mock.calls.some((one) => one.method === 'send');
      });
      assert.equal(sent, false);
    }),

  'daily: an emoji by its name': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.getByTestId('composer').pressSequentially('off we go :rock');
      await page.getByTestId('completion').getByText('rocket').waitFor();
      await accessible(page, 'the completion');
      await page.keyboard.press('Escape');
      await page.getByTestId('completion').waitFor({ state: 'detached' });
      await page.getByTestId('composer').pressSequentially(' :rocket');
      await page.getByTestId('completion').getByText('rocket').waitFor();
      await page.keyboard.press('Enter');
      assert.equal(await page.getByTestId('composer').inputValue(), 'off we go :rock 🚀');
      await page.keyboard.press('Enter');
      await last(page).getByText('off we go :rock 🚀').waitFor();
    }),

  'daily: a draft is kept, shown in the list, and comes from other devices': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.getByTestId('composer').fill('not yet');
      await open(page, '周末爬山');
      await page.getByRole('button', { name: /Book club.*Draft: not yet/ }).waitFor();
      await page.evaluate(() => {
        const { conversation } = window.mock.world.talks.find((one) => one.title === '周末爬山');
        window.mock.tell({ method: 'draft', params: { conversation, text: 'from my phone' } });
      });
      await page.waitForFunction(() => document.querySelector('[data-testid=composer]').value === 'from my phone');
      await open(page, 'Book club');
      assert.equal(await page.getByTestId('composer').inputValue(), 'not yet');
      assert.ok((await calls(page, 'draft')).some((one) => one.params.text === 'not yet'));
    }),

  'daily: what comes while one reads further up moves nothing': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.getByTestId('new-line').waitFor();
      await page.mouse.move(700, 400);
      await page.mouse.wheel(0, -1500);
      await page.getByTestId('latest').waitFor();
      const place = () =>
        page.evaluate(() => {
          const log = document.querySelector('[role=log]').getBoundingClientRect();
          const first = [...document.querySelectorAll('article')].find(
            (one) => one.getBoundingClientRect().top > log.top + 40,
          );
          return [first.dataset.key, Math.round(first.getBoundingClientRect().top)];
        });
      await page.waitForFunction(() => !document.querySelector('[role=log]').matches(':scope:not(:has(article))'));
      const before = await place();
      await arrive(page, 'Harbour crew', 'Mira Okafor', 'at the end');
      await page.getByTestId('latest').getByText('1 new message').waitFor();
      await arrive(page, 'Harbour crew', 'Jonas Weber', 'written long ago', 40 * 400_000);
      await page.getByRole('button', { name: '1 message came in above' }).waitFor();
      assert.deepEqual(await place(), before);
      await page.getByRole('button', { name: '1 message came in above' }).click();
      await page.locator('article').filter({ hasText: 'written long ago' }).getByText('came late').waitFor();
      await page.getByTestId('latest').click();
      await page.locator('article').getByText('at the end').waitFor();
    }),

  'daily: offline is quiet, and what was written goes when the peer is back': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.evaluate(() => window.mock.state('away'));
      await page.getByTestId('connection').getByText('Your peer does not answer').waitFor();
      await page.getByTestId('composer').fill('while away');
      await page.keyboard.press('Enter');
      await page.getByRole('list', { name: 'On its way to your peer' }).getByText('while away').waitFor();
      await accessible(page, 'the outbox');
      await page.evaluate(() => window.mock.state('open'));
      await page.locator('article').getByText('while away').waitFor();
      await page.getByTestId('connection').getByText('Linked to 3 devices').waitFor();
    }),

  'daily: what fails says why, and can be tried again or thrown away': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.getByTestId('composer').fill('fail');
      await page.keyboard.press('Enter');
      await page.getByText('the disk is full: make room, then try again').waitFor();
      await accessible(page, 'a failure');
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('the disk is full').waitFor();
      await page.getByRole('button', { name: 'Discard' }).click();
      await page.getByText('the disk is full').waitFor({ state: 'detached' });
    }),

  'daily: keys go everywhere': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.keyboard.press('Control+k');
      await accessible(page, 'the switcher');
      await page.keyboard.type('mira');
      await page.keyboard.press('Enter');
      await page.getByTestId('title').getByText('Mira Okafor').waitFor();
      await page.keyboard.press('Alt+ArrowLeft');
      await page.getByTestId('title').getByText('Book club').waitFor();
      await page.keyboard.press('Alt+ArrowUp');
      await page.getByTestId('title').getByText('Harbour crew').waitFor();
      await page.keyboard.press('Control+/');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
      await accessible(page, 'the sheet of keys');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+,');
      await page.getByTestId('settings-look').waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('F6');
      await page.getByTestId('timeline').focus();
      await page.keyboard.press('ArrowUp');
      await page.locator('article:focus').waitFor();
      await page.keyboard.press('Control+d');
      await page.getByTestId('why').waitFor();
      await accessible(page, 'why');
      await page.keyboard.press('Escape');
      await page.locator('article:focus').waitFor();
      await page.keyboard.press('Control+Shift+r');
      await page.getByText(/Reply to/).waitFor();
      assert.equal(await page.getByTestId('composer').evaluate((box) => box === document.activeElement), true);
    }),

  'daily: what is hostile or unknown stays words': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Book club');
      await page.evaluate(() => {
        const { world } = window.mock;
        const { conversation } = world.talks.find((one) => one.title === 'Book club');
        const item = world.item('Priya Nair', '<img src=x onerror=alert(1)>', Date.now());
        const link = (href) => ({ kind: 'link', href, inlines: [{ kind: 'text', text: `to ${href}` }] });
        item.row.body = [
          { kind: 'paragraph', inlines: [{ kind: 'text', text: '<img src=x onerror=alert(1)>' }] },
          {
            kind: 'paragraph',
            inlines: [link('javascript:alert(1)'), link('https://example.org/a?b'), link('file:///etc/passwd')],
          },
          { kind: 'hologram', depth: 3 },
        ];
        world.put(conversation, item);
      });
      await last(page).getByText('<img src=x onerror=alert(1)>').waitFor();
      await last(page).getByText('Something that this version does not know').waitFor();
      await last(page).getByText('to javascript:alert(1)').waitFor();
      const links = await last(page)
        .locator('a')
        .evaluateAll((all) => all.map((one) => [one.getAttribute('href'), one.title, one.rel]));
      assert.deepEqual(links, [['https://example.org/a?b', 'https://example.org/a?b', 'noopener noreferrer']]);
      assert.equal(await last(page).locator('img').count(), 0);
    }),

  'daily: the list is walked with the arrow keys': (browser) =>
    on(browser, {}, async (page) => {
      await page
        .getByRole('navigation')
        .getByRole('button', { name: /Harbour crew/ })
        .focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByTestId('title').getByText('Book club').waitFor();
    }),

  'daily: to another day': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.getByTestId('timeline').focus();
      await page.keyboard.press('Control+ArrowUp');
      await page.getByText('Ada began').waitFor();
      await page.locator('h2 button').first().click();
      await accessible(page, 'the choice of a day');
      await page.getByRole('dialog').getByLabel('Go to a day').fill(new Date().toISOString().slice(0, 10));
      await page.getByRole('button', { name: 'Today' }).waitFor();
    }),

  'daily: reading marks as read': (browser) =>
    on(browser, {}, async (page) => {
      await open(page, 'Harbour crew');
      await page.waitForFunction(() => {
        const { world, calls } = window.mock;
        const newest = world.items.get(world.talks.find((one) => one.title === 'Harbour crew').conversation).at(-1)
          .row.id;
        return calls.some((one) => one.method === 'read' && one.params.up_to === newest);
      });
      await page.getByRole('button', { name: 'Unread', exact: true }).click();
      await page
        .getByRole('button', { name: /Harbour crew/ })
        .first()
        .waitFor();
      assert.equal(await page.getByRole('navigation').getByText('Harbour crew').count(), 0);
    }),
};
