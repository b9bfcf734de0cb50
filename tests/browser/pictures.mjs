// Draws docs/ui/*.webp: each view of the page, light and dark, 1280 and 360 pixels wide. `.ci/browser pictures`
//
// What they show is made up: a home, three clients, and servers of which only the names are real. The clock is set, so that a picture
// changes when the page does.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Home, Person, program, root, startBrowser, stub } from "./stage.mjs";

// The font of the pictures: that of the system is another one on each.
const FONTS = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><include>/etc/fonts/fonts.conf</include>${["system-ui", "sans-serif"]
  .map((family) => `<match target="pattern"><test name="family"><string>${family}</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>`)
  .join("")}</fontconfig>`;

const NOW = new Date("2026-03-17T09:41:00Z");
const SIZES = [[1280, 900], [360, 780]];

const text = (value) => ({ content: [{ type: "text", text: typeof value === "string" ? value : JSON.stringify(value) }] });
const schema = (properties) => ({ type: "object", properties, required: Object.keys(properties) });
const campaign = { name: "Spring sale", campaignState: "Ready", messageMedium: "Email", sendSize: 48_211, listIds: [5] };
const hello = (name) => ({ initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name, version: "1" } } });
const iterable = {
  ...hello("iterable"),
  "tools/list": {
    tools: ["get_lists", "get_campaign", "get_user_by_email", "update_user", "send_campaign", "delete_list"].map((name) => ({
      name,
      inputSchema: schema(name.endsWith("campaign") ? { campaignId: { type: "integer" } } : {}),
    })),
  },
  "tools/call": text(campaign),
};
const shop = {
  ...hello("shop"),
  "tools/list": {
    tools: [
      ["get_order", "Returns an order with its lines.", { id: { type: "string" } }],
      ["search_customers", "Finds customers by name or address.", { query: { type: "string" } }],
      ["update_price", "Sets the price of a product.", { product: { type: "string" }, price: { type: "number" } }],
      ["refund_order", "Pays an order back to its customer.", { order: { type: "string" }, amount: { type: "number" }, currency: { type: "string", enum: ["EUR", "USD"] } }],
      ["delete_product", "Takes a product out of the shop for good.", { product: { type: "string" } }],
    ].map(([name, description, properties]) => ({ name, description, inputSchema: schema(properties) })),
  },
  "tools/call": text("Done."),
};
const SHOP_POLICY = `# The shop. Ada may change this.
version = "1"
default = "deny"

[classes]
read = { action = "allow" }

[tools.update_price]
action = "allow"
rate_limit = { max = 20, window = "hour" }

[tools.refund_order]
action = "require_approval"
reason = "Money leaves the company."

[tools.delete_product]
action = "hide"
`;

function furnish(home) {
  home.write("iterable.json", iterable);
  home.write("shop.json", shop);
  home.write(home.policy("shop"), SHOP_POLICY);
  const wrapped = (name, ...command) => ({ command: program, args: ["wrap", "--server", name, "--", ...command] });
  // As npm installs the real one: what is started so is known.
  home.write("bin/iterable-mcp", `#!/bin/sh\nexec '${stub}' --offer '${home.file("iterable.json")}'\n`);
  fs.chmodSync(home.file("bin/iterable-mcp"), 0o755);
  home.env.PATH = `${home.file("bin")}:${home.env.PATH}`;
  const servers = { iterable: wrapped("iterable", "iterable-mcp"), shop: wrapped("shop", stub, "--offer", home.file("shop.json")) };
  home.write(".cursor/mcp.json", { mcpServers: { iterable: servers.iterable, shop: servers.shop } });
  home.write(".config/Claude/claude_desktop_config.json", {
    mcpServers: {
      github: { command: program, args: ["wrap", "--observe", "--server", "github", "--", "docker", "run", "-i", "--rm", "ghcr.io/github/github-mcp-server"] },
      files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", home.file("work")] },
      docs: { url: "https://docs.example.com/mcp" },
    },
  });
  home.write(".config/Code/User/mcp.json", { servers: { memory: { type: "stdio", command: "npx", args: ["-y", "@modelcontextprotocol/server-memory"] } } });
  home.run("lock", "shop");
  return servers;
}

/** What has happened in the day before somebody looks. */
async function work(home, servers) {
  setClock(home, 24);
  const [mail, shopping] = [await home.connect(servers.iterable, "cursor"), await home.connect(servers.shop, "cursor")];
  await mail.ask("tools/list", {});
  await shopping.ask("tools/list", {});
  const calls = [
    () => mail.call("get_lists"),
    () => shopping.call("search_customers", { query: "Jo" }),
    () => shopping.call("get_order", { id: "A-1043" }),
    () => mail.call("get_campaign", { id: 78 }),
    () => shopping.call("update_price", { product: "mug-blue", price: 9.5 }),
    () => mail.call("delete_list", { listId: 5 }),
    () => shopping.call("get_order", { id: "A-1044" }),
    () => approve(home, shopping.call("refund_order", { order: "A-1043", amount: 19, currency: "EUR" })),
    () => shopping.call("export_customers", {}),
  ];
  // Busy in the afternoon and in the morning.
  const hours = [18, 17.5, 17, 17, 16.6, 16.5, 16.2, 16, 15.7, 15.5, 15, 14.2, 2.2, 1.9, 1.7, 1.5, 1.4, 1.2, 1.1, 1, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1];
  for (const [at, ago] of hours.entries()) {
    setClock(home, ago);
    await calls[(at * 4) % calls.length]();
  }
  setClock(home, 0);
  return { mail, shopping };
}

/** Approves the call that waits. */
async function approve(home, call) {
  for (;;) {
    const [, id] = home.run("approvals", "list").match(/^ +([a-z0-9]{5}) /m) ?? [];
    if (id) {
      home.run("approvals", "approve", id);
      return call;
    }
    await new Promise(setImmediate);
  }
}

/** Sets the clock of all programs of a home to so many hours before the pictures are taken. */
function setClock(home, hours) {
  home.write("clock", String(Math.round((NOW - Date.now()) / 1000 - hours * 3600)));
}

/** Makes each view, and hands it to `take`. */
export async function draw(browser, take, prepare = () => {}) {
  const shim = path.join(root, "target/debug/examples/libclock_shim.so");
  const home = new Home({ LD_PRELOAD: shim, TZ: "UTC" });
  home.env.CLOCK_SHIM_FILE = home.file("clock");
  setClock(home, 0);
  try {
    const servers = furnish(home);
    const { mail } = await work(home, servers);
    const { address } = await home.startUi();
    const person = await Person.open(browser, address, { timezoneId: "UTC", locale: "en-GB", reducedMotion: "reduce" });
    const { page } = person;
    await prepare(page);
    await page.clock.install({ time: NOW });
    const show = async (name, from = "body") => {
      await page.evaluate(replaceTexts, [[home.path, "/home/ada"], [stub, "shop-mcp"], [program, "policylayer"]]);
      for (const size of SIZES) {
        for (const colorScheme of ["light", "dark"]) {
          await page.setViewportSize({ width: size[0], height: size[1] });
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          await page.evaluate((part) => document.querySelector(part).scrollIntoView(), from);
          await take(page, `${name}-${size[0]}-${colorScheme}`);
        }
      }
      await page.setViewportSize({ width: 1280, height: 900 });
      person.checkNothingWrong(name);
    };

    await person.go("");
    await show("overview");
    await person.go("server?name=shop");
    await show("server");
    await page.getByLabel("Choose update_price").check();
    await person.decide("Deny (stays visible)", { reason: "Prices are Ada's." });
    await show("change");
    await person.go("tool?name=shop&tool=refund_order");
    await show("tool");
    await page.getByLabel(/^amount/).fill("120");
    await page.getByLabel(/^currency/).selectOption({ index: 1 });
    await page.getByLabel(/^order/).fill("A-1043");
    await person.press("What would happen?");
    await person.reads("The call is");
    await show("try", "#trial");
    void mail.call("send_campaign", { campaignId: 78 });
    await person.go("inbox");
    await page.getByRole("button", { name: "Approve this call" }).waitFor();
    await show("inbox");
    await person.go("log");
    await show("log");
    await person.go("charts");
    await show("charts");
  } finally {
    await home.remove();
  }
}

/** Replaces what differs from machine to machine, in the browser. */
function replaceTexts(pairs) {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const [from, to] of pairs) walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = path.join(root, "docs/ui");
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const fonts = path.join(os.tmpdir(), "policylayer-fonts.conf");
  fs.writeFileSync(fonts, FONTS);
  process.env.FONTCONFIG_FILE = fonts;
  const browser = await startBrowser();
  let total = 0;
  try {
    await draw(browser, async (page, name) => {
      const devtools = await page.context().newCDPSession(page);
      const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality: 85 });
      await devtools.detach();
      const bytes = Buffer.from(data, "base64");
      fs.writeFileSync(path.join(directory, `${name}.webp`), bytes);
      total += bytes.length;
    });
  } finally {
    await browser.close();
  }
  console.log(`docs/ui: ${Math.round(total / 1000)} kB`);
}
