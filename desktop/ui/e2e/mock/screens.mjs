// Every screen: what axe says of it in both schemes, and pictures of the main ones to be looked at.
import assert from 'node:assert/strict';
import { picture } from '../stage.mjs';
import { accessible, on, open, stage } from './stage.mjs';

const SETTINGS = ['Profile', 'Look and keys', 'Devices', 'Network', 'Storage', 'About'];
const close = (page) => page.keyboard.press('Escape');

/** Nothing needs sideways scrolling, and no text is cut off at the right. */
async function fits(page, what) {
  const wide = await page.evaluate(() => {
    const out = [...document.querySelectorAll('body *')].filter((one) => {
      const box = one.getBoundingClientRect();
      const clipped =
        one.closest('[popover], pre, .unseen, .splitter, input, select') ||
        getComputedStyle(one).visibility === 'hidden';
      return box.width > 0 && box.right > innerWidth + 1 && !clipped;
    });
    return [
      document.documentElement.scrollWidth > innerWidth,
      ...out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)),
    ].filter(Boolean);
  });
  assert.deepEqual(wide, [], `${what} does not fit`);
}

async function main(page, title, name) {
  await open(page, title);
  await page.waitForFunction(() => document.fonts.status === 'loaded');
  await fits(page, name);
  await picture(page, name);
}

const looks = [];
for (const scheme of ['light', 'dark'])
  for (const locale of ['en', 'zh-CN'])
    for (const [width, height] of [[380, 720], [1280, 800], [2560, 1440]]) looks.push({ scheme, locale, width, height }); // prettier-ignore

export { stage };
export const stories = {
  'screens: every dialog and pane': (browser) =>
    on(browser, {}, async (page) => {
      await page.getByText('Pick a conversation').waitFor();
      await accessible(page, 'the list');
      await open(page, 'Harbour crew');
      await accessible(page, 'a conversation');
      await page.keyboard.press('Control+.');
      await page.getByRole('complementary').getByText('7 members').waitFor();
      await page.getByRole('button', { name: 'Words of this group' }).click();
      await page.getByTestId('group-words').waitFor();
      await accessible(page, 'the details');
      await picture(page, 'details');
      await page.getByRole('button', { name: /What to do about Léa/ }).click();
      await accessible(page, 'the menu of a member');
      await close(page);
      await page.getByRole('complementary').getByRole('button', { name: 'Jonas Weber member' }).click();
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      await page.getByTestId('safety-number').waitFor();
      await accessible(page, 'a person');
      await picture(page, 'person');
      await close(page);
      await page.getByRole('complementary').getByRole('button', { name: 'Invite' }).click();
      await accessible(page, 'invite');
      await page.getByTestId('make-invite').click();
      await page.getByRole('img', { name: 'Code of the invitation' }).waitFor();
      await accessible(page, 'an invite');
      await picture(page, 'invite');
      await close(page);
      await page.getByRole('complementary').getByRole('button', { name: 'How it gets on' }).click();
      await page.getByTestId('standing').waitFor();
      await accessible(page, 'how it gets on');
      await picture(page, 'standing');
      await close(page);
      await page.getByRole('button', { name: 'People', exact: true }).click();
      await page.getByRole('button', { name: 'Show my link' }).click();
      await page.getByRole('img', { name: 'Your link' }).waitFor();
      await accessible(page, 'people');
      await picture(page, 'people');
      await close(page);
      await page.getByTestId('new').click();
      await accessible(page, 'the menu of what is new');
      await page.getByRole('menuitem', { name: 'Join by a link' }).click();
      await page.getByRole('dialog').getByLabel('Link').fill('nonsense');
      await page.getByRole('button', { name: 'Join', exact: true }).click();
      await page.getByRole('alert').waitFor();
      await accessible(page, 'join');
      await page.getByRole('dialog').getByLabel('Link').fill('bayou://j/#something');
      await page.getByRole('button', { name: 'Join', exact: true }).click();
      await page.getByText('Not in yet').waitFor();
      await accessible(page, 'joining');
    }),

  'screens: settings': (browser) =>
    on(browser, {}, async (page) => {
      await page.getByRole('navigation', { name: 'Conversations' }).waitFor();
      await page.keyboard.press('Control+,');
      for (const name of SETTINGS) {
        await page.getByRole('dialog').getByRole('navigation').getByRole('button', { name }).click();
        await page.getByRole('dialog').getByRole('navigation').locator('[aria-current]').getByText(name).waitFor();
        await accessible(page, name);
        await picture(page, `settings-${name.split(' ')[0].toLowerCase()}`);
      }
      await page.getByRole('button', { name: 'Look and keys' }).click();
      await page.getByRole('radio', { name: 'Dark' }).check();
      await page.waitForFunction(() => getComputedStyle(document.body).colorScheme === 'dark');
      await page.getByLabel('Language').selectOption('zh-Hans');
      await page.getByRole('dialog', { name: '设置' }).waitFor();
      await page.getByRole('radio', { name: '22' }).check();
      await fits(page, 'large text');
      await picture(page, 'settings-large-zh-dark');
    }),

  'screens: nothing is cut off at any zoom': (browser) =>
    on(browser, { width: 1280, height: 800 }, async (page) => {
      await open(page, 'Harbour crew');
      // Zoom makes the window smaller in its own pixels: 80 % to 200 %.
      for (const zoom of [0.8, 1, 1.25, 1.5, 2]) {
        await page.setViewportSize({ width: Math.round(1280 / zoom), height: Math.round(800 / zoom) });
        await fits(page, `zoom ${zoom}`);
        await page.getByTestId('composer').waitFor();
      }
    }),

  'screens: one pane at a time where it is narrow': (browser) =>
    on(browser, { width: 380, height: 720 }, async (page) => {
      await fits(page, 'the list');
      await picture(page, 'narrow-list');
      await open(page, 'Harbour crew');
      assert.equal(await page.getByRole('navigation').isVisible(), false);
      await accessible(page, 'narrow');
      await page.getByRole('button', { name: 'Details' }).click();
      await page.getByRole('complementary').waitFor();
      await fits(page, 'details');
      await picture(page, 'narrow-details');
      await page.getByRole('complementary').getByRole('button', { name: 'Close' }).click();
      await page.getByRole('button', { name: 'Back' }).click();
      await page.getByRole('navigation').waitFor();
    }),

  'screens: the door in Chinese, dark and narrow': (browser) =>
    on(browser, { query: '?home=none', scheme: 'dark', locale: 'zh-CN', width: 380, height: 720 }, async (page) => {
      for (const [door, screen] of [
        ['创建个人资料', 'name'],
        ['我在其他设备上使用', 'link'],
        ['用恢复短语找回', 'restore'],
      ]) {
        await page.getByTestId('first-welcome').waitFor();
        await fits(page, 'welcome');
        await picture(page, 'door-zh-welcome');
        await page.getByRole('button', { name: door }).click();
        await page.getByTestId(`first-${screen}`).waitFor();
        await fits(page, screen);
        await picture(page, `door-zh-${screen}`);
        await page.getByRole('button', { name: '返回' }).click();
      }
    }),

  ...Object.fromEntries(
    looks.map((look) => [
      `screens: ${look.scheme} ${look.locale} ${look.width}`,
      (browser) =>
        on(browser, look, (page) => main(page, 'Harbour crew', `main-${look.scheme}-${look.locale}-${look.width}`)),
    ]),
  ),
};
