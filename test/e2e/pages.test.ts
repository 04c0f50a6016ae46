import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CHROMIUM, openBrowser } from '../support/browser.ts';
import { describeWith } from '../support/needs.ts';
import { message, serviceForSuite } from '../support/service.ts';

const tidings = serviceForSuite();
const printedLink = (): string => /http:\S+\/outbox\/enter\?token=\S+/.exec(tidings.program().stdout())?.[0] ?? '';

test('the start page leads to the outbox, which opens for nobody without its link', async () => {
  const nobody = tidings.as(undefined);
  const start = await nobody.get('/');
  expect([start.status, start.headers.get('location')]).toStrictEqual([303, '/outbox']);
  const door = await nobody.get('/outbox');
  expect(door.status).toBe(401);
  const wrong = await nobody.get('/outbox/enter?token=nonsense');
  expect([wrong.status, wrong.headers.get('set-cookie')]).toStrictEqual([403, null]);
});

describeWith(CHROMIUM, 'in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  /** Whom the page spoke to besides us. */
  const strangers = new Set<string>();
  const errors: string[] = [];
  async function newPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== tidings.url) strangers.add(origin);
    });
    page.on('pageerror', (error) => errors.push(error.message));
    return page;
  }
  beforeEach(() => {
    strangers.clear();
    errors.length = 0;
  });
  afterEach(() => {
    expect([...strangers]).toStrictEqual([]);
    expect(errors).toStrictEqual([]);
  });

  test('without JavaScript the outbox shows what was captured beside why, and sends', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await newPage(context);
    await page.goto(printedLink());
    expect(page.url()).toBe(`${tidings.url}/outbox`);

    await page.getByLabel(/^To/).fill('browser@example.com');
    await page.getByLabel(/^Subject/).fill('From a browser');
    await page.getByLabel(/^(Text|Message)/).fill('<p>Good <em>morning</em></p>');
    await page.getByRole('button', { name: /^Send/ }).click();
    await page.getByText('Sent. It stands on top of the list.').waitFor();
    const first = page.locator('article').first();
    expect(await first.innerText()).toContain('browser@example.com');
    expect(await first.innerText()).toContain('From a browser');
    expect(await first.innerText()).toMatch(/passed all \d+ gates and was captured instead of being sent/);
    expect(await first.frameLocator('iframe').locator('em').innerText()).toBe('morning');

    await page.getByLabel(/^To/).fill('not an address');
    await page.getByLabel(/^(Text|Message)/).fill('Hi');
    await page.getByRole('button', { name: /^Send/ }).click();
    await page.getByText('It was not accepted:').waitFor();
    expect(await page.getByLabel(/^To/).inputValue()).toBe('not an address');
    await context.close();
  });

  test('the link opens once; a key with the scope pii opens it again; leaving closes it', async () => {
    const context = await browser.newContext();
    const page = await newPage(context);
    expect((await page.goto(printedLink()))?.status()).toBe(403);
    await page.goto(`${tidings.url}/outbox`);
    await page.locator('input[name=key]').fill(tidings.key);
    await page.locator('input[name=key]').press('Enter');
    await page.getByRole('button', { name: /Leave|Close/ }).click();
    await page.locator('input[name=key]').waitFor();
    expect((await page.goto(`${tidings.url}/outbox`))?.status()).toBe(401);
    await context.close();
  });

  test('a captured mail runs no script, and none in its variables', async () => {
    const evil = `<script>top.document.title='pwned';fetch('/v1/captured')</script><img src=x onerror="top.document.title='pwned'">`;
    const { id } = await tidings.send(
      message([{ email: 'evil@example.com' }], {
        content: { subject: `${evil}{{ name }}`, html: `${evil}<p id="hi">Hi {{ name }}</p>` },
        variables: { name: evil },
      }),
    );
    await tidings.settled(id);
    const context = await browser.newContext();
    const page = await newPage(context);
    await page.goto(`${tidings.url}/outbox`);
    await page.locator('input[name=key]').fill(tidings.key);
    await page.locator('input[name=key]').press('Enter');
    const frame = page.locator('article').first().frameLocator('iframe');
    expect(await frame.locator('#hi').innerText()).toContain('<script>');
    expect(await page.title()).not.toContain('pwned');
    expect(await page.locator('article script').count()).toBe(0);
    await context.close();
  });

  test('the documentation lists the operations, and loads nothing from elsewhere', { timeout: 400_000 }, async () => {
    const context = await browser.newContext();
    const page = await newPage(context);
    await page.goto(`${tidings.url}/docs`);
    await page.getByRole('heading', { name: 'Tell 1 to 500 recipients something' }).first().waitFor({ timeout: 180_000 });
    await context.close();
  });
});
