// The page of a journalist one of whose parts was damaged on the disk: the dataset
// "bad". Whoever started this has damaged it and asked nothing since.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, launch, loginCode, messages, open, search, url } from '../browser.mjs';

test('damage shows on the page, and the rest still answers', { timeout: 120_000 }, async () => {
  const browser = await launch();
  try {
    const page = await open(browser);
    await page.goto(`${url}/#login=${loginCode}`);
    await page.getByRole('combobox', { name: 'Search' }).waitFor();
    const banner = page.getByRole('alert', { name: 'Problems of the server' });

    await search(page, 'dataset=good');
    assert.equal((await messages(page)).length, 20);
    assert.equal(await banner.count(), 0, 'nobody has met the damage yet');

    await page.goto(`${url}/#q=dataset%3Dbad&from=now-7d&to=now`);
    await banner.getByText('1 damaged file is set aside').waitFor();
    await banner.getByText('Restore the records from a backup').waitFor();
    await banner.getByText('Where').click();
    await banner.getByText('store/quarantine/data+bad+').waitFor();
    await assertAccessible(page, 'the page with a banner');
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });

    await search(page, 'dataset=good');
    assert.equal((await messages(page)).length, 20);
    await banner.waitFor();

    await banner.getByRole('button', { name: 'Hide' }).click();
    await banner.waitFor({ state: 'detached' });
    await page.reload();
    await banner.getByText('1 damaged file is set aside').waitFor();
    page.assertClean();
  } finally {
    await browser.close();
  }
});
