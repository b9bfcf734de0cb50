// What the plays in a browser have in common: a home with clients, sessions of servers behind their policy, the page, and a browser that
// reports whatever goes wrong in it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";

export const root = path.resolve(import.meta.dirname, "../..");
const { TOOLS: tools = path.join(root, "target/tools/browser"), CHROMIUM: chromiumPath = "/usr/bin/chromium" } = process.env;
export const { PROGRAM: program = path.join(root, "target/debug/policylayer") } = process.env;
export const stub = path.join(root, "target/debug/examples/stub_server");
/** From this directory, `npx` finds the real servers without a network. */
export const upstream = path.join(root, "tests/upstream");
const require = createRequire(path.join(tools, "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const ended = (child) => child.exitCode !== null || child.signalCode !== null;

/** Ends a program and waits until it has ended: it may still be writing. */
export async function end(child, signal = "SIGTERM") {
  if (ended(child)) return;
  const gone = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  await gone;
}

/** A home of its own, which goes with what runs in it. */
export class Home {
  constructor(env = {}) {
    this.path = fs.mkdtempSync(path.join(os.tmpdir(), "policylayer-browser-"));
    this.env = { PATH: process.env.PATH, HOME: this.path, npm_config_update_notifier: "false", ...env };
    this.children = [];
  }

  file(name) {
    return path.join(this.path, name);
  }

  read(name) {
    return fs.readFileSync(this.file(name), "utf8");
  }

  write(name, content) {
    fs.mkdirSync(path.dirname(this.file(name)), { recursive: true });
    fs.writeFileSync(this.file(name), typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }

  /** Where the policy of a server is. */
  policy(server) {
    return `.config/policylayer/policies/${server}.toml`;
  }

  /** Runs a subcommand to its end. */
  run(...args) {
    const { status, stdout, stderr } = spawnSync(program, args, { env: this.env, cwd: this.path, encoding: "utf8" });
    assert.equal(status, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  start(command, args, options = {}) {
    const child = spawn(command, args, { cwd: this.path, ...options, env: { ...this.env, ...options.env } });
    this.children.push(child);
    return child;
  }

  /** Starts a server as its client would, and says hello to it. */
  async connect({ command, args = [], env = {} }, client = "test", cwd = this.path) {
    const session = new Session(this.start(command, args, { env, cwd, stdio: ["pipe", "pipe", "ignore"] }));
    await session.ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: client, version: "1" } });
    session.tell("notifications/initialized");
    return session;
  }

  /** Starts the page, after these words of the shell, and returns its address. */
  async startUi(before = "") {
    const ui = this.start("/bin/sh", ["-c", `${before} exec "$0" ui --no-open`, program], { stdio: ["ignore", "pipe", "ignore"] });
    const address = await new Promise((done) => readline.createInterface({ input: ui.stdout }).once("line", done));
    return { ui, address };
  }

  async remove() {
    await Promise.all(this.children.map((child) => end(child)));
    fs.rmSync(this.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
  }
}

/** A client's session of one server. */
class Session {
  constructor(child) {
    this.child = child;
    this.last = 0;
    this.waiting = new Map();
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      const message = JSON.parse(line);
      this.waiting.get(message.id)?.(message);
    });
    // That it is gone is seen by what is not answered.
    child.stdin.on("error", () => {});
  }

  send(message) {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  tell(method) {
    this.send({ method });
  }

  ask(method, params) {
    const id = (this.last += 1);
    this.send({ id, method, params });
    return new Promise((done) => this.waiting.set(id, done));
  }

  /** Calls a tool, and returns what the agent reads. */
  async call(name, args = {}) {
    const { result, error } = await this.ask("tools/call", { name, arguments: args });
    return { text: JSON.stringify(error ?? result.content), isError: Boolean(error ?? result.isError) };
  }
}

/** Iterable's API as a stand-in that keeps what arrives: what was refused never does. */
export async function startApi() {
  const arrived = [];
  const answers = {
    "GET /api/lists": { lists: [{ id: 1, name: "Everyone", createdAt: 1_700_000_000_000, listType: "Standard" }] },
    "GET /api/campaigns": { campaigns: [] },
    "GET /api/campaigns/78": {
      id: 78,
      name: "Spring sale",
      type: "Blast",
      campaignState: "Ready",
      messageMedium: "Email",
      createdAt: 1_700_000_000_000,
      updatedAt: 1_700_000_000_000,
      createdByUserId: "ada",
      sendSize: 48_211,
      listIds: [5],
    },
  };
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://api");
    const route = `${request.method} ${pathname}`;
    arrived.push(route);
    request.resume().on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(answers[route] ?? { code: "Success", msg: "", params: {} }));
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const env = {
    ITERABLE_API_KEY: "0123456789abcdef0123456789abcdef",
    ITERABLE_BASE_URL: `http://127.0.0.1:${server.address().port}`,
    ITERABLE_USER_PII: "true",
    ITERABLE_ENABLE_WRITES: "true",
    ITERABLE_ENABLE_SENDS: "true",
  };
  return { arrived, env, close: () => server.close() };
}

export function startBrowser() {
  return chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
}

/** Sizes and colours; axe-core finds nothing in the last that it does not find in the others. */
const VIEWS = [[360, "light"], [360, "dark"], [1280, "light"], [1280, "dark"], [1920, "dark"]];

/** A person with one browser window, in which several tabs can be open. */
export class Person {
  /** Opens the address of the page. */
  static async open(browser, address, options = {}) {
    const person = new Person();
    Person.last = person;
    person.context = await browser.newContext(options);
    person.wrong = [];
    person.page = await person.openTab();
    await person.page.goto(address);
    await person.page.waitForURL((url) => url.pathname !== "/start");
    person.base = person.page.url();
    return person;
  }

  /** A tab that notes what no page may do: an error or a refusal of the browser, a dialog, a request to anywhere else. */
  async openTab(where) {
    const tab = await this.context.newPage();
    // That the answer to a form is an error, which the page shows, is said in the console as well.
    // So is that a page makes no sound before somebody has clicked in it.
    const isTold = (text) => /status of (409|422)|AudioContext was not allowed/.test(text);
    tab.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !isTold(message.text())) this.wrong.push(message.text());
    });
    tab.on("pageerror", (error) => this.wrong.push(String(error)));
    tab.on("dialog", (dialog) => {
      this.wrong.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    tab.on("request", (request) => new URL(request.url()).hostname === "127.0.0.1" || this.wrong.push(request.url()));
    if (where !== undefined) await tab.goto(this.base + where);
    return tab;
  }

  go(where) {
    return this.page.goto(this.base + where);
  }

  press(name, tab = this.page) {
    return tab.getByRole("button", { name, exact: true }).click();
  }

  /** Says what is to be done with tools, and has the page show what changes. */
  async decide(action, { names, reason }, tab = this.page) {
    const form = tab.getByRole("group", { name: "With the tools that are ticked" });
    if (names) await form.getByLabel("those named").fill(names);
    if (reason) await form.getByLabel("Reason for the agent").fill(reason);
    await form.getByLabel(action).check();
    await form.getByRole("button", { name: "Show what changes" }).click();
    await tab.waitForURL(/change/);
  }

  /** Waits for a text. */
  async reads(text, tab = this.page) {
    await tab.getByText(text).first().waitFor({ state: "attached" });
  }

  /** Checks a view in each size and colour: nothing wider than the window, nothing that axe-core finds, nothing that went wrong. */
  async check(name, views = VIEWS) {
    const { page } = this;
    for (const [width, colorScheme] of views) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const wider = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        const out = [...document.querySelectorAll("main *")].filter((part) => part.getBoundingClientRect().right > clientWidth + 1);
        return scrollWidth > clientWidth ? [scrollWidth, ...out.slice(0, 3).map((part) => part.outerHTML.slice(0, 200))] : [];
      });
      assert.deepEqual(wider, [], `${name} is wider than ${width} pixels`);
      if (width === 1920) continue;
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await globalThis.axe.run()).violations);
      assert.deepEqual(found.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], `${name}, ${width} pixels, ${colorScheme}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
    this.checkNothingWrong(name);
  }

  checkNothingWrong(when) {
    assert.deepEqual(this.wrong, [], when);
  }

  /** Keeps what each tab shows, for whoever wants to know why a play has failed. */
  async keepPictures() {
    for (const [at, tab] of this.context.pages().entries()) {
      const file = path.join(tools, `failed-${at}.png`);
      await tab.screenshot({ path: file, fullPage: true });
      console.error(`    ${tab.url()}: ${file}`);
    }
  }
}
