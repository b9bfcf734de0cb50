// The page of `policylayer ui` in Chromium, from an empty home with three clients: a real server is put behind its policy, a change made
// with the keyboard alone is obeyed by the running session, calls are approved and denied, in two tabs, while programs are killed and
// the disk is full; text that tries to be more than text stays text. Every view passes axe-core, light and dark, and fits 360 pixels.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import http from "node:http";

import { Home, Person, end, program, startApi, startBrowser, stub, upstream } from "./stage.mjs";

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>"onmouseover="alert(3)';
/** Ends up as text that is seen: a right-to-left override, a zero-width joiner, an escape. */
const INVISIBLE = "\u202egnp\u200d\u001b[31m";

// The stub lists no tools, so each of them can be of any of these classes.
const ASK_ALL =
  'version = "1"\ndefault = "deny"\n\n' +
  ["execute", "destructive", "financial"].map((kind) => `[classes.${kind}]\naction = "require_approval"\n`).join("\n");

const browser = await startBrowser();
const api = await startApi();
const homes = [];
const newHome = () => {
  const home = new Home();
  homes.push(home);
  return home;
};
/** What a server called `stub` offers, as a client starts it behind its policy. */
const wrapped = (name, ...habits) => ({ command: program, args: ["wrap", "--server", name, "--", stub, ...habits] });
const HELLO = { initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "stub", version: "1" } } };
const tool = (name, description = "") => ({ name, description, inputSchema: { type: "object", properties: { to: { type: "string" } } } });

const acts = {
  async "a real server is put behind its policy, and its session obeys what is changed in the page"() {
    const home = newHome();
    home.write(".config/Claude/claude_desktop_config.json", { mcpServers: { files: { command: "npx", args: ["-y", "@modelcontextprotocol/server-filesystem", home.path] } } });
    home.write(".cursor/mcp.json", { mcpServers: { iterable: { command: "npx", args: ["-y", "@iterable/mcp"], env: api.env } } });
    home.write(".config/Code/User/mcp.json", { servers: { notes: { type: "stdio", command: stub, args: [] } } });
    const { address } = await home.startUi();
    const person = await Person.open(browser, address);
    assert(!person.base.includes("token"));
    for (const name of ["Claude Desktop", "Cursor", "VS Code"]) await person.page.getByRole("heading", { name }).waitFor();
    await person.check("overview, nothing protected");

    const before = home.read(".cursor/mcp.json");
    await person.page.getByRole("link", { name: /^Put behind a policy.*iterable/ }).click();
    await person.reads("Nothing is written yet.");
    assert(!(await person.page.textContent("main")).includes(api.env.ITERABLE_API_KEY), "a key is shown");
    await person.check("registration");
    assert.equal(home.read(".cursor/mcp.json"), before);
    await person.press("Write 1 file");
    await person.reads("Restart Cursor");
    await person.check("registered");
    const { command, args, env } = JSON.parse(home.read(".cursor/mcp.json")).mcpServers.iterable;
    assert(args.includes("wrap") && env.ITERABLE_API_KEY, args.join(" "));
    const session = await home.connect({ command, args, env }, "cursor", upstream);
    assert.match((await session.call("get_lists")).text, /Everyone/);
    await person.go("");
    await person.reads("1 session running");
    await person.check("overview");

    await changeByKeyboard(person, home);
    const refused = await until(() => session.call("get_lists"), (answer) => answer.isError);
    assert.match(refused.text, /Ask Ada first\./);
    assert.deepEqual(api.arrived.filter((route) => route === "GET /api/lists").length, 1 + refused.tries, "what is refused does not arrive");
    await person.check("server");
    await changeByForm(person, session);
    await person.go("tool?name=iterable&tool=send_campaign");
    await person.check("tool");
    await person.press("What would happen?");
    await person.reads("The call is");
    await person.check("trial");

    await answerRealCalls(person, session);
    // The log grows under the eyes of whoever reads it.
    await person.go("log");
    assert(!(await session.call("get_campaigns")).isError);
    await person.press("Show 1 new line");
    await person.page.getByRole("row", { name: /get_campaigns/ }).waitFor();
    await person.check("log");
    await person.go("log?verify=1");
    await person.reads("intact");
    await person.check("verified");
    await person.go("charts");
    await person.reads("Calls over time");
    await person.check("charts");
    await onlyOneBrowserGetsIn(person, address);
  },

  async "text that tries to be more than text"() {
    const home = newHome();
    const offer = (...tools) => home.write("offer.json", { ...HELLO, "tools/list": { tools: [...tools, tool("plain", "Ordinary.")] } });
    const strange = { type: "object", properties: { [HOSTILE]: { type: "string", enum: [HOSTILE, INVISIBLE], description: HOSTILE }, [INVISIBLE]: { type: "number" } } };
    offer({ ...tool(HOSTILE, `${HOSTILE} ${INVISIBLE}`), inputSchema: strange }, tool(`send${INVISIBLE}`, HOSTILE), tool("</td></tr></table><h1>x"));
    home.write(home.policy("stub"), `${ASK_ALL}\n[tools.plain]\naction = "allow"\nreason = ${JSON.stringify(HOSTILE)}\n`);
    home.write(".cursor/mcp.json", {
      mcpServers: { stub: wrapped("stub", "--offer", home.file("offer.json")), [HOSTILE]: { command: `/nowhere/${HOSTILE}`, args: [INVISIBLE] }, [INVISIBLE]: { command: stub } },
    });
    home.write(".claude.json", "{ <script>alert(1)</script>");
    home.run("lock", "stub");
    const { address } = await home.startUi();
    const person = await Person.open(browser, address);
    const staysText = async (name, ...texts) => {
      const [shown, ...labels] = await person.page.evaluate(() => [
        document.body.innerText,
        document.title,
        ...[...document.querySelectorAll("[aria-label]")].map((part) => part.ariaLabel),
      ]);
      for (const text of texts) assert(shown.includes(text), `${name}: ${text} is not in ${shown}`);
      // What would be invisible has been made visible.
      assert.doesNotMatch([shown, ...labels].join("\n"), /[\u202e\u200d\u001b]/, name);
      assert.equal(await person.page.locator("main img, main script, main [onmouseover]").count(), 0, name);
      await person.check(name);
    };
    await staysText("hostile overview", HOSTILE, "\\u{202e}gnp");
    await person.page.getByRole("link", { name: /^Put behind a policy.*<img/ }).click();
    await staysText("hostile registration", HOSTILE);
    await person.go("server?name=stub");
    await staysText("hostile server", HOSTILE, "\\u{202e}gnp", "</td></tr></table><h1>x");
    await person.page.getByLabel(`Choose ${HOSTILE}`).check();
    await person.decide("Ask a person", { reason: HOSTILE + INVISIBLE });
    await staysText("hostile change", HOSTILE);
    await person.press("Save");
    await person.page.waitForURL(/server/);
    await staysText("hostile history", HOSTILE);
    await person.go(`tool?name=stub&tool=${encodeURIComponent(HOSTILE)}`);
    await staysText("hostile tool", HOSTILE);
    const argument = encodeURIComponent(`args.${JSON.stringify(HOSTILE)}`);
    await person.go(`tool?name=stub&tool=${encodeURIComponent(HOSTILE)}&argument=${argument}&argument=args.to&argument=${encodeURIComponent(HOSTILE)}`);
    await staysText("hostile argument", HOSTILE);
    await person.go(`server?name=${encodeURIComponent(HOSTILE)}`);
    await staysText("hostile name", HOSTILE);
    // What differs from the lock is shown as it is, and accepted.
    offer(tool(HOSTILE, `${HOSTILE} ${HOSTILE}${INVISIBLE}`), tool(`<b>${HOSTILE}`, HOSTILE));
    await person.go("lock?name=stub");
    await staysText("hostile lock");
    await person.press("Start it once, and compare");
    await person.reads("since the lock");
    await person.page.evaluate(() => document.querySelectorAll("details").forEach((part) => part.setAttribute("open", "")));
    await staysText("hostile differences", HOSTILE);
    await person.press("Accept all");
    await person.reads("Accepted:");
    await staysText("accepted", "is as its lock says");
    await person.go(`log?tool=${encodeURIComponent(HOSTILE)}&session=${encodeURIComponent(HOSTILE)}&server=${encodeURIComponent(HOSTILE)}`);
    await staysText("hostile query");
    const session = await home.connect(wrapped("stub", "--offer", home.file("offer.json")), HOSTILE + INVISIBLE);
    await person.go("inbox");
    const sent = session.call(HOSTILE, { to: HOSTILE + INVISIBLE, [HOSTILE]: INVISIBLE });
    await person.reads(HOSTILE);
    await staysText("hostile call", HOSTILE, "\\u{202e}gnp");
    await person.page.getByLabel("Note to the agent").fill(HOSTILE + INVISIBLE);
    await person.press("Deny");
    assert((await sent).isError);
    await person.page.waitForURL(/inbox/);
    await staysText("hostile answer", HOSTILE);
    await person.go("log");
    await staysText("hostile log", HOSTILE);
    void session.call("plain", { to: HOSTILE });
    await person.press("Show 1 new line");
    await staysText("hostile new line", HOSTILE);
    await person.go("charts");
    await staysText("hostile charts", HOSTILE);
  },

  async "two tabs, and a killed session"() {
    const home = newHome();
    home.write(home.policy("stub"), ASK_ALL);
    const server = wrapped("stub", "--pid", home.file("pid"));
    home.write(".cursor/mcp.json", { mcpServers: { stub: server } });
    let session = await home.connect(server);
    const { address, ui } = await home.startUi();
    const person = await Person.open(browser, address);
    await person.go("inbox");
    const other = await person.openTab("inbox");
    // The first answer counts, and the other tab is told without a click. Nobody answers before both tabs show the call.
    const sent = session.call("send", { to: "ada" });
    for (const tab of [person.page, other]) await tab.getByRole("button", { name: "Approve this call" }).waitFor();
    await person.page.waitForFunction(() => document.title.startsWith("(1) "));
    await person.press("Approve this call");
    await person.reads("Approved: send of stub goes on");
    assert(!(await sent).isError);
    await other.getByText("No longer to be answered here: approved").waitFor();
    assert(await other.getByRole("button", { name: "Approve this call" }).isDisabled());

    // A change that was shown in one tab is stale once another has saved.
    await person.go("server?name=stub");
    await other.goto(`${person.base}server?name=stub`);
    for (const tab of [person.page, other]) {
      await person.decide("Deny (stays visible)", { names: "send*" }, tab);
    }
    await person.press("Save");
    await person.page.waitForURL(/server/);
    const saved = home.read(home.policy("stub"));
    await person.press("Save", other);
    await other.getByText(/already says this|changed since/).first().waitFor();
    assert.equal(home.read(home.policy("stub")), saved);
    await person.press("Undo it");
    await person.page.waitForURL(/server/);

    // The server is killed while its call waits: there is nothing to answer any more. Then its whole session.
    for (const kill of [() => process.kill(Number(home.read("pid")), "SIGKILL"), () => end(session.child, "SIGKILL")]) {
      session = await home.connect(server);
      await person.go("inbox");
      await other.goto(`${person.base}inbox`);
      void session.call("send", { to: "bob" });
      await other.getByRole("button", { name: "Approve this call" }).waitFor();
      await kill();
      await other.getByText("No longer to be answered here").waitFor();
      await person.go("inbox");
      assert.equal(await person.page.getByRole("button", { name: "Approve this call" }).count(), 0);
    }
    person.checkNothingWrong("two tabs");

    // The page itself ends: the tab says so.
    await end(ui, "SIGKILL");
    await person.reads("This page is not up to date");
  },

  async "a policy that does not load is repaired"() {
    const home = newHome();
    const good = '# Kept.\nversion = "1"\ndefault = "deny"\n\n[tools.free]\naction = "allow"\n';
    home.write(home.policy("stub"), good.replace('"deny"', '"dney"'));
    home.write(".cursor/mcp.json", { mcpServers: { stub: wrapped("stub") } });
    const { address } = await home.startUi();
    const person = await Person.open(browser, address);
    await person.check("overview, broken");
    await person.go("server?name=stub");
    await person.reads("This policy is invalid");
    await person.check("invalid");
    // What is not better is not written, and stays in the field.
    await person.page.getByLabel("The whole policy").fill(good.replace("version", "versoin"));
    await person.press("Show what changes");
    await person.reads("This is not a valid policy, so nothing was written.");
    assert.match(await person.page.getByLabel("The whole policy").inputValue(), /versoin/);
    await person.check("still invalid");
    await person.page.getByLabel("The whole policy").fill(good);
    await person.press("Show what changes");
    await person.press("Save");
    await person.page.waitForURL(/server/);
    assert.equal(home.read(home.policy("stub")), good);
  },

  async "a full disk loses nothing"() {
    const home = newHome();
    home.write(home.policy("stub"), `# Kept.\n${ASK_ALL}`);
    home.write(".cursor/mcp.json", { mcpServers: { stub: wrapped("stub") } });
    const session = await home.connect(wrapped("stub"));
    // Such a program is told by an error, and not by a signal.
    const { address, ui } = await home.startUi("trap '' XFSZ;");
    const person = await Person.open(browser, address);
    const before = home.read(home.policy("stub"));
    await person.go("server?name=stub");
    await person.decide("Deny (stays visible)", { names: "delete_*", reason: "Ask Ada." });
    const waiting = session.call("send", {});
    const other = await person.openTab("inbox");
    await other.getByRole("button", { name: "Approve this call" }).waitFor();

    const empty = fillDisk(ui);
    await person.press("Save");
    await person.page.getByRole("alert").waitFor();
    assert.equal(home.read(home.policy("stub")), before);
    await person.check("full disk");
    await person.press("Approve this call", other);
    await other.getByText(/disk|write|large|full/i).first().waitFor();
    empty();
    // What was typed is still there, and what was asked still waits.
    await person.press("Save");
    await person.page.waitForURL(/server/);
    assert.match(home.read(home.policy("stub")), /# Kept\.[^]*Ask Ada\./);
    await other.goto(`${person.base}inbox`);
    await person.press("Approve this call", other);
    assert(!(await waiting).isError);
  },

  async "another page of this machine gets nothing"() {
    const home = newHome();
    home.write(home.policy("stub"), ASK_ALL);
    home.write(".cursor/mcp.json", { mcpServers: { stub: wrapped("stub") } });
    const { address } = await home.startUi();
    const person = await Person.open(browser, address);
    // It knows more than it could: the directory of the pages, and the policy.
    const digest = createHash("sha256").update(ASK_ALL).digest("hex");
    const fields = { name: "stub", text: 'version = "1"\ndefault = "allow"\n', digest };
    const cookies = [];
    const other = http.createServer((request, response) => {
      cookies.push(request.headers.cookie ?? "");
      response.setHeader("content-type", "text/html");
      response.end(`<iframe src="${person.base}"></iframe><iframe name="sent"></iframe><form method="post" target="sent" action="${person.base}save">
        ${Object.entries(fields).map(([name, value]) => `<textarea name="${name}">\n${value}</textarea>`).join("")}</form>`);
    });
    await new Promise((done) => other.listen(0, "127.0.0.1", done));
    try {
      for (const host of ["127.0.0.1", "localhost"]) {
        const page = await person.context.newPage();
        await page.goto(`http://${host}:${other.address().port}/`);
        const told = await page.evaluate(async ([base, body]) => {
          const headers = { "Content-Type": "application/x-www-form-urlencoded" };
          const tell = (promise) => promise.then((answer) => answer.text(), String);
          const opened = window.open(base);
          const events = new EventSource(`${base}live?page=inbox`, { withCredentials: true });
          const heard = new Promise((done) => { events.onerror = () => done("closed"); events.addEventListener("inbox", ({ data }) => done(data)); });
          document.forms[0].submit();
          const all = [
            await tell(fetch(base, { credentials: "include" })),
            await tell(fetch(base, { credentials: "include", mode: "no-cors" })),
            await tell(fetch(`${base}save`, { method: "POST", credentials: "include", mode: "no-cors", headers, body: new URLSearchParams(body) })),
            await heard,
          ];
          try { all.push(opened.document.body.innerText); } catch { /* It is not let look. */ }
          return all.join();
        }, [person.base, fields]);
        await page.waitForLoadState("networkidle");
        const framed = await Promise.all(page.frames().slice(1).map((frame) => frame.content().catch(() => "")));
        assert.doesNotMatch(told + framed, /stub|What your agents can do/, host);
        await page.close();
      }
      assert.equal(home.read(home.policy("stub")), ASK_ALL);
      assert.deepEqual(cookies.filter((cookie) => cookie.includes("policylayer_ui")), [], "the cookie goes nowhere else");
      // What was sent was right: the page itself may send it.
      await person.page.evaluate(
        ([base, body, headers]) => fetch(`${base}save`, { method: "POST", headers, body: new URLSearchParams(body) }),
        [person.base, fields, { "Content-Type": "application/x-www-form-urlencoded" }],
      );
      assert.equal(home.read(home.policy("stub")), fields.text);
    } finally {
      other.close();
    }
  },

  async "a server of 500 tools"() {
    const home = newHome();
    const tools = Array.from({ length: 500 }, (_, at) => tool(`${["get", "update", "send", "delete"][at % 4]}_item_${at}`, `Works with item ${at} of the shop.`));
    home.write("offer.json", { ...HELLO, "tools/list": { tools } });
    home.write(home.policy("stub"), 'version = "1"\ndefault = "deny"\n');
    home.write(".cursor/mcp.json", { mcpServers: { stub: wrapped("stub", "--offer", home.file("offer.json")) } });
    home.run("lock", "stub");
    const { address } = await home.startUi();
    const person = await Person.open(browser, address);
    const times = [];
    for (let visit = 0; visit < 5; visit += 1) {
      await person.go("server?name=stub");
      await person.reads("500 of 500 tools");
      times.push(await person.page.evaluate(() => {
        const [{ responseStart, responseEnd, requestStart, domContentLoadedEventEnd }] = performance.getEntriesByType("navigation");
        return { made: responseEnd - requestStart, shown: domContentLoadedEventEnd - requestStart, first: responseStart - requestStart };
      }));
    }
    times.sort((a, b) => a.shown - b.shown);
    const { made, shown } = times[2];
    console.log(`    made and sent in ${made.toFixed(0)} ms, in the document after ${shown.toFixed(0)} ms (the median of 5)`);
    assert(shown < 60_000);
    await person.check("500 tools", [[360, "light"], [1920, "dark"]]);
  },
};

/** Tries until an answer is the one that is waited for; a running session takes up a policy a moment after it was saved. */
async function until(ask, isIt) {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask();
    if (isIt(answer)) return { ...answer, tries };
  }
}

/** Refuses get_lists, from the overview on, by keys alone. */
async function changeByKeyboard({ page, base }, home) {
  await page.goto(base);
  const focused = () => page.evaluate(() => {
    const at = document.activeElement;
    return at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.innerText ?? "";
  });
  const moveTo = async (name, key = "Tab") => {
    for (let presses = 0; (await focused()).trim() !== name; presses += 1) {
      assert(presses < 400, `${key} does not lead to ${name}`);
      await page.keyboard.press(key);
    }
    // Where the focus is can be seen.
    assert(await page.evaluate(() => document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle !== "none"), name);
  };
  const enter = async (where) => {
    await page.keyboard.press("Enter");
    await page.waitForURL(where);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  await moveTo("iterable");
  await enter(/server/);
  await moveTo("Search");
  await page.keyboard.type("get_lists");
  await enter(/q=get_lists/);
  await moveTo("Ask a person");
  while ((await focused()).trim() !== "Deny (stays visible)") await page.keyboard.press("ArrowDown");
  await moveTo("Choose get_lists");
  await page.keyboard.press("Space");
  await moveTo("Reason for the agent", "Shift+Tab");
  await page.keyboard.type("Ask Ada first.");
  await enter(/change/);
  await moveTo("Save");
  await enter(/server/);
  assert.match(home.read(home.policy("iterable")), /Ask Ada first\./);
}

/** Refuses calls with one value of an argument. */
async function changeByForm(person, session) {
  await person.go("tool?name=iterable&tool=get_campaign");
  await person.page.getByLabel("The argument", { exact: true }).selectOption("args.id");
  await person.press("Choose");
  const rule = person.page.getByRole("group", { name: "The new rule" });
  await rule.getByLabel("value").fill("79");
  await rule.getByLabel("Reason for the agent").fill("Not that one.");
  await person.check("rule");
  await rule.getByRole("button", { name: "Show what changes" }).click();
  await person.page.waitForURL(/change/);
  await person.check("change");
  await person.press("Save");
  await person.page.waitForURL(/server|tool/);
  await until(() => session.call("get_campaign", { id: 79 }), ({ text }) => text.includes("Not that one."));
  const { text } = await session.call("get_campaign", { id: 78 });
  assert.match(text, /Spring sale/);
}

/** A call of the real server is approved, and one denied: the first arrives at its API, once. */
async function answerRealCalls(person, session) {
  const sends = () => api.arrived.filter((route) => route.startsWith("POST")).length;
  const before = sends();
  await person.go("inbox");
  const approved = session.call("send_campaign", { campaignId: 78 });
  await person.reads("send_campaign of iterable");
  await person.page.waitForFunction(() => document.title.startsWith("(1) "));
  assert.equal(sends(), before);
  await person.check("inbox");
  await person.press("Approve this call");
  await person.reads("Approved: send_campaign of iterable goes on");
  assert(!(await approved).isError, (await approved).text);
  assert.equal(sends(), before + 1);
  await person.check("answered");
  const denied = session.call("send_campaign", { campaignId: 79 });
  await person.page.getByLabel("Note to the agent").fill("Not before Monday.");
  // Enter in the note never approves.
  await person.page.keyboard.press("Enter");
  const { isError, text } = await denied;
  assert(isError && text.includes("Not before Monday."), text);
  assert.equal(sends(), before + 1);
}

async function onlyOneBrowserGetsIn(person, address) {
  for (const where of [person.base, address]) {
    const stranger = await (await browser.newContext()).newPage();
    assert.equal((await stranger.goto(where)).status(), 403);
    await stranger.context().close();
  }
  const [cookie, ...others] = await person.context.cookies();
  assert.deepEqual([others.length, cookie.httpOnly, cookie.sameSite], [0, true, "Strict"]);
}

/** Lets a program write nothing more, as on a full disk, until the returned function is called. */
function fillDisk({ pid }) {
  const limit = (size) => assert.equal(spawnSync("prlimit", ["--pid", String(pid), `--fsize=${size}:unlimited`]).status, 0);
  limit(0);
  return () => limit("unlimited");
}

const wanted = process.argv.slice(2);
try {
  for (const [name, act] of Object.entries(acts)) {
    if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
    const started = Date.now();
    console.log(`  ${name}`);
    await act();
    console.log(`    ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  console.log("the page works");
} catch (error) {
  await Person.last?.keepPictures();
  throw error;
} finally {
  await browser.close();
  api.close();
  for (const home of homes) await home.remove();
}
