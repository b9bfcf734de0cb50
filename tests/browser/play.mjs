// The page of `policylayer ui` in Chromium: from a home with two clients to a changed policy that a running session obeys, an approved and
// a denied call, a second tab, text that tries to be more than text. On every page: no violation that axe-core finds, nothing wider than
// the window at 360 and 1920 pixels, light and dark, and nothing that the browser refuses to load. SHOTS=DIR keeps a picture of each.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";

const { PROGRAM: program, STUB: stub, TOOLS: tools, SHOTS: shots, CHROMIUM: chromiumPath = "/usr/bin/chromium" } = process.env;
const require = createRequire(path.join(tools, "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const home = fs.mkdtempSync(path.join(os.tmpdir(), "policylayer-browser-"));
const policy = path.join(home, ".config/policylayer/policies/stub.toml");
fs.mkdirSync(path.dirname(policy), { recursive: true });
fs.writeFileSync(policy, '# Kept.\nversion = "1"\ndefault = "deny"\n\n[tools.free]\naction = "allow"\n\n[tools.send]\naction = "require_approval"\n');
const entry = { command: program, args: ["wrap", "--server", "stub", "--", stub] };
fs.mkdirSync(path.join(home, ".cursor"));
fs.writeFileSync(
  path.join(home, ".cursor/mcp.json"),
  JSON.stringify({
    mcpServers: {
      stub: entry,
      iterable: { command: program, args: ["wrap", "--server", "iterable", "--", "npx", "-y", "@iterable/mcp"] },
      "<img src=x onerror=alert(1)>": { command: "/nowhere/<script>alert(1)</script>" },
    },
  }),
);
fs.writeFileSync(path.join(home, ".claude.json"), JSON.stringify({ mcpServers: { bare: { command: stub } } }));
const env = { PATH: process.env.PATH, HOME: home };

// A session of the stub server behind its policy.
const session = spawn(program, entry.args, { env, cwd: home, stdio: ["pipe", "pipe", "ignore"] });
const answers = new Map();
readline.createInterface({ input: session.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  answers.get(message.id)?.(message);
});
let last = 0;
const ask = (method, params) => {
  const id = (last += 1);
  session.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
  return new Promise((done) => answers.set(id, done));
};
const call = (name, args) => ask("tools/call", { name, arguments: args });

const ui = spawn(program, ["ui", "--no-open"], { env, cwd: home, stdio: ["ignore", "pipe", "ignore"] });
const address = await new Promise((done) => readline.createInterface({ input: ui.stdout }).once("line", done));
const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

try {
  const context = await browser.newContext();
  const wrong = [];
  const open = async () => {
    const page = await context.newPage();
    // That a tab is told that the file has changed is an answer with that status.
    const isTold = (text) => text.includes("status of 409");
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !isTold(message.text())) wrong.push(message.text());
    });
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("dialog", (dialog) => wrong.push(dialog.message()));
    page.on("request", (request) => new URL(request.url()).hostname === "127.0.0.1" || wrong.push(request.url()));
    return page;
  };
  const page = await open();
  await page.goto(address);
  await page.waitForURL((url) => url.pathname !== "/start");
  const base = page.url();
  assert(!base.includes("token"));
  const go = (where, tab = page) => tab.goto(base + where);
  const see = async (name) => {
    for (const [width, colorScheme] of [[360, "light"], [360, "dark"], [1280, "light"], [1920, "dark"]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert(wider <= 0, `${name} is ${wider} pixels wider than ${width}`);
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await globalThis.axe.run()).violations);
      assert.deepEqual(found.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], name);
      if (shots) await page.screenshot({ path: path.join(shots, `${name}-${width}-${colorScheme}.png`) });
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  };
  const press = (name, tab = page) => tab.getByRole("button", { name, exact: true }).click();

  await go("");
  assert.match(await page.textContent("main"), /<img src=x onerror=alert\(1\)>/);
  await see("overview");

  // A change, as it is made: by the keyboard alone.
  await ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } });
  assert(!(await call("free", {})).error);
  await page.getByRole("link", { name: "stub" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/server/);
  await see("server");
  await page.getByLabel("Choose free").focus();
  await page.keyboard.press("Space");
  await page.getByLabel("Deny (stays visible)").check();
  await page.getByLabel("reason for the agent").fill("Not <b>now</b>.");
  await page.keyboard.press("Enter");
  await page.waitForURL(/change/);
  assert.match(await page.textContent("main"), /Not <b>now<\/b>\./);
  await see("change");
  const other = await open();
  await go("server?name=stub", other);
  await press("Save");
  await page.waitForURL(/server/);
  // The session obeys at once, and a tab that was open before is told.
  for (;;) {
    const answer = JSON.stringify(await call("free", {}));
    if (answer.includes("Not <b>now</b>.")) break;
  }
  await other.getByText("Edit the file as text").click();
  await other.getByLabel("The whole policy").fill('version = "1"\ndefault = "allow"\n');
  await other.locator("form:has(textarea#text) button").click();
  await other.getByText("was changed since you opened its text").waitFor();
  await other.close();
  await press("Undo it");
  await page.waitForURL(/server/);
  assert.match(fs.readFileSync(policy, "utf8"), /^# Kept\.[^]*action = "allow"/);

  // A policy that does not load.
  const good = fs.readFileSync(policy, "utf8");
  fs.writeFileSync(policy, good.replace('"deny"', '"dney"'));
  await go("server?name=stub");
  await page.getByText("This policy is invalid").waitFor();
  await see("invalid");
  await page.getByLabel("The whole policy").fill(good);
  await press("Show what changes");
  await press("Save");
  await page.waitForURL(/server/);
  assert.equal(fs.readFileSync(policy, "utf8"), good);

  await go("tool?name=iterable&tool=send_campaign");
  await press("What would happen?");
  await page.getByText("The call is").waitFor();
  await see("tool");

  // An approved and a denied call; the page finds them by itself.
  await go("inbox");
  const sent = call("send", { to: "<script>alert(1)</script>" });
  await page.getByText("<script>alert(1)</script>").waitFor();
  await page.waitForFunction(() => document.title.startsWith("(1) "));
  await see("inbox");
  await press("Approve this call");
  await page.getByText("Approved: send of stub goes on").waitFor();
  assert(!(await sent).error);
  const refused = call("send", { to: "all" });
  await page.getByLabel("Note to the agent").fill("Not today.");
  await page.keyboard.press("Enter");
  assert.match(JSON.stringify(await refused), /Not today\./);

  await go("log?verify=1");
  await page.getByText("intact").waitFor();
  await see("log");

  // What the browser is told to load and what it loads is the same, and nobody else gets in.
  assert.deepEqual(wrong, []);
  const stranger = await (await browser.newContext()).newPage();
  assert.equal((await stranger.goto(base)).status(), 403);
  assert.equal((await stranger.goto(address)).status(), 403);
  console.log("the page works");
} finally {
  await browser.close();
  session.kill();
  ui.kill();
  // They may still be writing.
  fs.rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}
