// The page against a running journalist, in Chromium. The environment says where
// it is: JOURNALIST_URL, JOURNALIST_TOKEN, and JOURNALIST_LOGIN_LINK, which nobody has used yet.

import assert from 'node:assert/strict';
import { after, before, test as nodeTest } from 'node:test';
import { assertAccessible, launch, loginCode, messages, open, search, settled, shownRows, token, until, url } from './browser.mjs';
import { load, marks, records, run } from './data.mjs';

const lines = 2000;
const mine = `run="${run}"`;
// Chromium reports every answer of 4xx or 5xx as an error.
const failed = (status) => new RegExp(`Failed to load resource.*${status}`);

/** No step waits for ever, so neither does a test. */
const test = (name, body) => nodeTest(name, { timeout: 120_000 }, body);

let browser;
let storageState;
const list = records(lines, Date.now());

before(async () => {
  await load(url, token, list);
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

/** using runs a test with a page that is logged in, and looks for faults after it. */
async function using(options, body) {
  assert.ok(storageState, 'the log-in by link failed; nothing else can work');
  const page = await open(browser, { storageState, ...options });
  try {
    await page.goto(url + (options.path ?? '/'));
    await page.getByRole('combobox', { name: 'Search' }).waitFor();
    await body(page);
    page.assertClean();
  } finally {
    await page.context().close();
  }
}

test('a link logs in once and leaves no trace in the address', async () => {
  const page = await open(browser);
  const res = await page.goto(`${url}/#login=${loginCode}`);
  await page.getByRole('combobox', { name: 'Search' }).waitFor();
  assert.ok(!page.url().includes('login'), page.url());

  const policy = res.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src '(none|self)'/);
  assert.ok(!/unsafe-(inline|eval)/.test(policy), policy);
  assert.match(policy, /frame-ancestors 'none'/);
  const cookie = (await page.context().cookies()).find((c) => c.name === 'journalist_session');
  assert.ok(cookie?.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie && { ...cookie, value: '' }));

  page.assertClean();
  storageState = await page.context().storageState();
  await page.context().close();

  const second = await open(browser, { allow: [failed('40[13]')] });
  await second.goto(`${url}/#login=${loginCode}`);
  await second.getByRole('alert').getByText('has been used or has expired').waitFor();
  assert.ok(!second.url().includes('login'), second.url());
  second.assertClean();
  await second.context().close();
});

test('a token logs in, a wrong one is refused, logging out ends it', async () => {
  const page = await open(browser, { allow: [failed('40[13]')] });
  await page.goto(url);
  await page.getByLabel('Token').fill('jt_wrong');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').getByText('does not know this token').waitFor();
  await assertAccessible(page, 'the log-in page');
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Search' }).waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Token').waitFor();
  await page.reload();
  await page.getByLabel('Token').waitFor();
  page.assertClean();
  await page.context().close();
});

test('a search finds the row and marks its word', async () => {
  await using({}, async (page) => {
    await page.keyboard.press('/');
    await page.keyboard.type(`${marks.rare} ${mine}`);
    await page.keyboard.press('Enter');
    await until(async () => (await messages(page)).length === 1, 'one row');
    assert.equal(await page.locator('mark').first().innerText(), marks.rare);
    assert.deepEqual(await shownRows(page), { shown: 1, total: 1 });
    assert.match(page.url(), new RegExp(`q=${marks.rare}`));
    assert.match(await page.title(), new RegExp(marks.rare));
  });
});

test('newest rows come first and older ones while scrolling', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    const { shown, total } = await shownRows(page);
    assert.deepEqual({ shown, total }, { shown: 200, total: list.length });
    const newest = [...list].sort((a, b) => (a['@timestamp'] < b['@timestamp'] ? 1 : -1))[0];
    const [first] = await messages(page);
    assert.ok(first.startsWith(newest.message.slice(0, 15)), `${first} is not ${newest.message}`);
    const grid = page.getByRole('treegrid');
    await until(async () => {
      await grid.evaluate((g) => g.scrollTo(0, g.scrollHeight));
      return (await shownRows(page)).shown === list.length && (await grid.getAttribute('aria-rowcount')) === String(list.length);
    }, 'all rows');
    assert.ok((await page.locator('[role=row].row').count()) < 150, 'only rows in sight are in the document');
    await until(async () => (await page.locator(`[aria-rowindex="${list.length}"]`).count()) === 1, 'the last row');
  });
});

test('rows of equal time are paged without loss or repetition', async () => {
  const time = new Date(Date.now() - 58 * 60_000).toISOString();
  const twins = Array.from({ length: 450 }, (_, i) => ({ '@timestamp': time, message: `twin${run} number ${i}` }));
  await load(url, token, twins);
  await using({}, async (page) => {
    await search(page, `twin${run}`);
    const grid = page.getByRole('treegrid');
    const seen = new Set();
    await until(async () => {
      for (const m of await messages(page)) seen.add(m);
      await grid.evaluate((g) => g.scrollBy(0, g.clientHeight - 60));
      return seen.size === twins.length && (await grid.getAttribute('aria-rowcount')) === String(twins.length);
    }, 'every row once', 30_000);
    assert.equal((await shownRows(page)).shown, twins.length);
  });
});

test('an open row shows its fields and its JSON, and filters', async () => {
  await using({ permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
    await search(page, `${marks.rare} ${mine}`);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const detail = page.locator('.detail');
    await detail.getByRole('rowheader', { name: 'order.id' }).waitFor();
    assert.equal(await page.locator('[role=row].row').getAttribute('aria-expanded'), 'true');
    await detail.getByRole('button', { name: 'JSON', exact: true }).click();
    const json = JSON.parse(await detail.locator('pre').innerText());
    assert.deepEqual(json.order, { id: 4711, items: ['shoe', 'hat'] });
    await detail.getByRole('button', { name: 'Copy JSON' }).click();
    await page.getByText('JSON copied').waitFor();
    assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).order.id, 4711);
    await detail.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Link copied').waitFor();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    await assertAccessible(page, 'an open row');

    await detail.getByRole('button', { name: 'Fields' }).click();
    await detail.getByRole('button', { name: 'Only rows with this host' }).click();
    const box = page.getByRole('combobox', { name: 'Search' });
    await until(async () => (await box.inputValue()) === `${marks.rare} ${mine} host="web-01"`, 'the filter in the box');
    await settled(page);
    assert.equal((await messages(page)).length, 1);

    await page.goto('about:blank');
    await page.goto(link);
    await page.locator('.detail').getByText('order.id').waitFor();
  });
});

test('the keyboard moves through the rows', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    await page.keyboard.press('Escape');
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
    await until(async () => (await page.locator('[role=row][aria-selected=true]').getAttribute('aria-rowindex')) === '2', 'row 2');
    await page.keyboard.press('Enter');
    await page.locator('.detail').waitFor();
    await page.keyboard.press('Escape');
    await until(async () => (await page.locator('.detail').count()) === 0, 'the row closed');
    const active = await page.getByRole('treegrid').getAttribute('aria-activedescendant');
    assert.equal(await page.locator(`#${active}`).getAttribute('aria-rowindex'), '2');
    assert.equal(await page.locator('[role=treegrid] [tabindex="0"]').count(), 0, 'one tab stop');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Help' }).waitFor();
    await assertAccessible(page, 'the help');
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    await page.getByRole('dialog', { name: 'Time range' }).waitFor();
    await assertAccessible(page, 'the time range');
  });
});

test('the brush sets the range, back and double click restore it', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    const before = page.url();
    const drag = async () => {
      const over = page.locator('.plot .u-over');
      const at = await over.boundingBox();
      const y = at.y + at.height / 2;
      await page.mouse.move(at.x + at.width * 0.5, y);
      await page.mouse.down();
      await page.mouse.move(at.x + at.width * 0.6, y, { steps: 5 });
      await page.mouse.move(at.x + at.width * 0.75, y, { steps: 5 });
      await page.mouse.up();
      await until(async () => page.url() !== before, 'a new range');
      await until(async () => (await shownRows(page)).total < list.length / 2, 'fewer rows');
    };
    await drag();
    const { from, to } = Object.fromEntries(new URLSearchParams(new URL(page.url()).hash.slice(1)));
    const want = list.filter((r) => r['@timestamp'] >= from && r['@timestamp'] < to).length;
    assert.ok(want > 100, `the brush covers ${want} rows`);
    await until(async () => (await shownRows(page)).total === want, `${want} rows`);
    await page.goBack();
    await until(async () => (await shownRows(page)).total === list.length, 'all rows again');
    assert.equal(page.url(), before);

    await drag();
    await page.locator('.plot .u-over').dblclick();
    await until(async () => page.url() === before && (await shownRows(page)).total === list.length, 'all rows after a double click');
  });
});

test('the time range is chosen from the list and by two instants', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    await page.getByRole('button', { name: 'Last hour' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Last 15 minutes' }).click();
    await until(async () => /from=now-15m/.test(page.url()) && (await shownRows(page)).total < list.length, 'fewer rows');
    await page.keyboard.press('t');
    const dialog = page.getByRole('dialog', { name: 'Time range' });
    await dialog.getByLabel('From').fill('2020-01-02T03:04:05');
    await dialog.getByLabel('To').fill('2020-01-01T00:00:00');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('To').fill('2020-01-03T00:00:00');
    await dialog.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('No rows match in this time').waitFor();
    await page.getByRole('button', { name: 'Show it' }).click();
    await until(async () => (await messages(page)).length > 0, 'rows');
  });
});

test('the field list filters and excludes', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    const box = page.getByRole('combobox', { name: 'Search' });
    const fields = page.getByRole('complementary', { name: 'Fields' });
    await fields.getByRole('button', { name: /^web-02/ }).click();
    await until(async () => (await box.inputValue()) === `${mine} host="web-02"`, 'the filter');
    await until(async () => (await shownRows(page)).total === list.filter((r) => r.host === 'web-02').length, 'its rows');
    await fields.getByRole('button', { name: /^error/ }).click({ modifiers: ['Alt'] });
    await until(async () => (await box.inputValue()) === `${mine} host="web-02" -level="error"`, 'the exclusion');
    const left = list.filter((r) => r.host === 'web-02' && r.level !== 'error').length;
    await until(async () => (await shownRows(page)).total === left, `${left} rows`);
  });
});

test('stats show as a table', async () => {
  await using({}, async (page) => {
    await search(page, `${mine} | stats count() by host`);
    const table = page.getByRole('region', { name: 'Result' }).getByRole('table');
    await table.waitFor();
    const rows = await table.locator('tbody tr').all();
    const got = {};
    for (const row of rows) {
      const [host, n] = await row.locator('td').allInnerTexts();
      got[host] = Number(n.replace(/\D/g, ''));
    }
    const want = {};
    for (const { host } of list) want[host] = (want[host] ?? 0) + 1;
    assert.deepEqual(got, want);
    await assertAccessible(page, 'a table');
  });
});

test('a wrong query is shown with its place', async () => {
  await using({ allow: [failed('400')] }, async (page) => {
    await search(page, `${mine} ((`);
    const alert = page.getByRole('alert');
    await alert.waitFor();
    assert.match(await alert.innerText(), /\^/);
    assert.match(await alert.innerText(), /\S{3,}/);
  });
});

test('new lines show live; scrolling pauses; resuming shows what waited', async () => {
  await using({}, async (page) => {
    await search(page, mine);
    await page.keyboard.press('Escape');
    await page.keyboard.press('l');
    await page.getByText('live', { exact: true }).waitFor();
    assert.match(page.url(), /live=1/);
    await settled(page);
    const say = (text) => load(url, token, [{ '@timestamp': new Date().toISOString(), run, host: 'web-09', level: 'info', message: text }]);
    await say('tail-one');
    await until(async () => (await messages(page))[0] === 'tail-one', 'the new line on top', 5000);
    assert.equal((await messages(page)).filter((m) => m === 'tail-one').length, 1);

    await page.getByRole('treegrid').evaluate((g) => g.scrollTo(0, 400));
    await page.getByRole('button', { name: /paused/ }).waitFor();
    await say('tail-two');
    await say('tail-three');
    await page.getByRole('button', { name: /2 new · resume/ }).click();
    await until(async () => (await messages(page)).slice(0, 3).join() === 'tail-three,tail-two,tail-one', 'the lines that waited');
    await assertAccessible(page, 'the live view');
    await page.keyboard.press('l');
    await until(() => !/live=1/.test(page.url()), 'the end of the live view');
  });
});

test('reload, back and forward keep the state', async () => {
  await using({}, async (page) => {
    await search(page, `level:error ${mine}`);
    await search(page, `level:warn ${mine}`);
    const { total } = await shownRows(page);
    const box = page.getByRole('combobox', { name: 'Search' });
    await page.reload();
    await until(async () => (await box.inputValue()) === `level:warn ${mine}`, 'the query after a reload');
    await until(async () => (await shownRows(page)).total === total, 'its rows');
    await page.goBack();
    await until(async () => (await box.inputValue()) === `level:error ${mine}`, 'the query before');
    await page.goForward();
    await until(async () => (await box.inputValue()) === `level:warn ${mine}`, 'the query after');
    await box.focus();
    await box.press('ArrowDown');
    const offered = await page.getByRole('listbox', { name: 'Last queries' }).getByRole('option').allInnerTexts();
    assert.ok(offered.includes(`level:error ${mine}`), offered.join('\n'));
  });
});

test('hostile text does nothing and hides nothing', async () => {
  await using({}, async (page) => {
    await search(page, `${marks.hostile} ${mine}`);
    await page.locator('.row').click();
    await page.locator('.detail').waitFor();
    const shown = await page.locator('.detail').innerText();
    for (const part of ['<img src=x', '<script>', '⟨U+202E⟩', '␇bell', '␛]0;title␇', 'red']) {
      assert.ok(shown.includes(part), `${part} is not in: ${shown}`);
    }
    assert.ok(!(await page.content()).includes('\u202e'), 'a bidi override reached the document');
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.ok(!(await page.title()).includes('pwned'));
  });
  await using({}, async (page) => {
    await search(page, `${marks.stack} ${mine}`);
    await page.locator('.row').click();
    assert.match(await page.locator('.detail').innerText(), /\n\s+at shop\.Main\.main/);
  });
});

test('both themes, by the system and by the button', async () => {
  const light = async (page) => page.evaluate(() => {
    const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).map(Number);
    return (r + g + b) / 3 > 128;
  });
  await using({ colorScheme: 'dark' }, async (page) => {
    assert.equal(await light(page), false);
    await search(page, mine);
    await page.locator('.row').first().click();
    await page.locator('.detail').waitFor();
    await assertAccessible(page, 'the dark theme');
    await page.getByRole('button', { name: 'Theme: auto' }).click();
    assert.equal(await light(page), true);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    assert.equal(await light(page), false);
  });
  await using({ colorScheme: 'light' }, async (page) => {
    assert.equal(await light(page), true);
    await search(page, mine);
    await assertAccessible(page, 'the light theme');
  });
});

test('one column on a phone', async () => {
  await using({ viewport: { width: 360, height: 740 }, hasTouch: true }, async (page) => {
    await search(page, mine);
    await page.locator('.row').first().click();
    await page.locator('.detail').waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `the page is ${wide} px wide`);
    await page.getByRole('button', { name: 'Last hour' }).click();
    const panel = await page.getByRole('dialog', { name: 'Time range' }).boundingBox();
    assert.ok(panel.x >= 0 && panel.x + panel.width <= 360, JSON.stringify(panel));
    await assertAccessible(page, 'a phone');
  });
});

test('columns are added and stay in the link', async () => {
  await using({}, async (page) => {
    await search(page, `${marks.rare} ${mine}`);
    const fields = page.getByRole('complementary', { name: 'Fields' });
    await fields.getByText('order.id').click();
    await fields.locator('details[open]', { hasText: 'order.id' }).getByRole('button', { name: 'show as column' }).click();
    await page.locator('.row .extra', { hasText: '4711' }).waitFor();
    assert.match(page.url(), /cols=order\.id/);
    await page.reload();
    await page.locator('.row .extra', { hasText: '4711' }).waitFor();
  });
});

test('lines without a level get no room for one, and plain bars', async () => {
  const host = 'shop-backend-17';
  const at = (i) => new Date(Date.now() - 50 * 60_000 - i * 500).toISOString();
  const plain = Array.from({ length: 300 }, (_, i) => ({ '@timestamp': at(i), host, message: `plain${run} number ${i}` }));
  await load(url, token, [...plain, { '@timestamp': at(301), host, level: 'error', message: `plain${run} late` }]);
  // How many pixels of the bars have exactly the colour that the palette gives to name.
  const painted = (page, name) => page.evaluate((n) => {
    const want = getComputedStyle(document.querySelector(`[data-colour="${n}"]`)).color.match(/\d+/g).slice(0, 3).join();
    // A copy is read, since Chromium warns when a canvas that is drawn on is read often.
    const plot = document.querySelector('.plot canvas');
    const copy = new OffscreenCanvas(plot.width, plot.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(plot, 0, 0);
    const { data } = copy.getImageData(0, 0, plot.width, plot.height);
    let pixels = 0;
    for (let i = 0; i < data.length; i += 4) pixels += data[i + 3] === 255 && data.slice(i, i + 3).join() === want ? 1 : 0;
    return pixels;
  }, name);
  const keys = (page) => page.locator('.legend .key').allInnerTexts();

  await using({}, async (page) => {
    await search(page, `plain${run} number`);
    await until(async () => (await painted(page, 'plain')) > 50, 'bars in the accent colour');
    assert.equal(await painted(page, 'other'), 0);
    assert.deepEqual(await keys(page), []);
    assert.equal(await page.locator('.row .level').count(), 0);
    const row = await page.locator('.row').first().evaluate((r) => {
      const [time, name, message] = [...r.children].map((c) => c.getBoundingClientRect());
      const cell = r.querySelector('.host');
      return { gaps: [name.left - time.right, message.left - name.right], cut: cell.scrollWidth > cell.clientWidth, wide: name.width };
    });
    assert.equal(Math.round(row.gaps[0]), Math.round(row.gaps[1]), 'nothing between host and message');
    assert.ok(!row.cut && row.wide < 200, JSON.stringify(row));

    await search(page, `plain${run}`);
    await until(async () => (await keys(page)).length === 2, 'the names of two levels');
    await until(async () => (await painted(page, 'other')) > 50, 'bars of the rest');
    assert.equal(await page.locator('.row .level').count(), 0, 'no loaded row has a level');
    await until(async () => {
      await page.getByRole('treegrid').evaluate((g) => g.scrollTo(0, g.scrollHeight));
      return (await page.locator('.row .level').allInnerTexts()).some((t) => t.includes('error'));
    }, 'the level of the oldest row');
    await search(page, `plain${run} number`);
    await until(async () => (await page.locator('.row .level').count()) === 0, 'no level column again');
  });
});

test('a failed histogram leaves the rows alone', async () => {
  await using({ allow: [failed('500')] }, async (page) => {
    await page.route('**/api/v1/histogram?*', (route) =>
      route.fulfill({ status: 500, contentType: 'application/json', body: '{"kind":"internal","detail":"no bars today"}' }),
    );
    await search(page, mine);
    await page.getByText('The histogram failed: no bars today').waitFor();
    assert.equal((await shownRows(page)).shown, 200);
  });
});

test('an answer that fails on the way keeps its rows and says so', async () => {
  await using({}, async (page) => {
    const row = '{"@timestamp":"2024-01-01T00:00:00Z","dataset":"logs","message":"survivor"}';
    await page.route('**/api/v1/query', (route) =>
      route.fulfill({ contentType: 'application/x-ndjson', body: `${row}\n{"error":{"kind":"limit","detail":"out of budget","hint":"ask for less"}}\n` }),
    );
    await search(page, mine);
    await page.getByRole('alert').getByText('out of budget').waitFor();
    await page.getByRole('alert').getByText('ask for less').waitFor();
    assert.deepEqual(await messages(page), ['survivor']);

    await page.unroute('**/api/v1/query');
    await page.route('**/api/v1/query', (route) => route.fulfill({ contentType: 'application/x-ndjson', body: `${row}\n` }));
    await search(page, `${mine} x`);
    await page.getByRole('alert').getByText('broke off').waitFor();
  });
});

test('a running search can be cancelled', async () => {
  await using({ allow: [/net::ERR_FAILED|ERR_ABORTED/] }, async (page) => {
    await settled(page);
    await page.route('**/api/v1/query', () => undefined); // never answered
    await page.getByRole('combobox', { name: 'Search' }).press('Enter');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('cancelled').first().waitFor();
    await page.getByRole('button', { name: 'Run' }).waitFor();
  });
});

test('an ended session asks to log in again and keeps the view', async () => {
  await using({ allow: [failed('401')] }, async (page) => {
    await search(page, mine);
    await page.context().clearCookies();
    await page.keyboard.press('Escape');
    await page.keyboard.press('r');
    await page.getByRole('alert').getByText('The session has ended').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    const box = page.getByRole('combobox', { name: 'Search' });
    await until(async () => (await box.inputValue()) === mine, 'the same view');
  });
});

test('an empty store explains how logs get here', async () => {
  await using({}, async (page) => {
    await page.route('**/api/v1/query', (route) =>
      route.fulfill({ contentType: 'application/x-ndjson', body: '{"stats":{"rows_matched":0,"rows_scanned":0,"bytes_read":0,"elapsed_ms":1}}\n' }),
    );
    await page.reload();
    await page.getByRole('heading', { name: 'No logs yet' }).waitFor();
    await page.getByText('journalist cert issue').waitFor();
    await assertAccessible(page, 'the empty store');
    await page.unroute('**/api/v1/query');
    await until(async () => (await page.locator('.row').count()) > 0, 'the first lines, by themselves');
  });
});
