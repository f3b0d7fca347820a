// The page alone, in front of a pretended peer.
import assert from 'node:assert/strict';
import { axe, picture, serve, visit } from '../stage.mjs';

let site;
export const stage = {
  async url(query = '') {
    site ??= await serve('dist-mock');
    return `${site.url}/${query}`;
  },
  end: () => site?.close(),
};

/** Opens the page, does something on it, and holds that nothing went wrong in it. */
export async function on(browser, options, act) {
  const { query, ...how } = options;
  const { page, wrong, close } = await visit(browser, await stage.url(query), how);
  try {
    await act(page);
    assert.deepEqual(wrong, []);
  } catch (error) {
    error.message += wrong.length ? `\nin the page: ${wrong.join('\n')}` : '';
    throw error;
  } finally {
    await close();
  }
}

export async function open(page, title) {
  await page
    .getByRole('navigation', { name: /Conversations|会话/ })
    .getByRole('button', { name: title })
    .click();
  await page.getByTestId('title').getByText(title).waitFor();
  await page.locator('article').first().waitFor();
}

/** axe finds nothing on what is shown now; and a picture of it. */
export async function accessible(page, what) {
  assert.deepEqual(await axe(page), [], `axe on ${what}`);
  await picture(page, `screen-${what.replaceAll(' ', '-')}`);
}
