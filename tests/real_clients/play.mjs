// Plays real clients against stand-ins on loopback: for their model's API, which calls tools by a script, and for Iterable's API,
// which counts what reaches it. Between them is the real Iterable server, wrapped as `policylayer register` wraps it.
//
// node play.mjs CLIENT… : prints what each was seen to do, and ends with 1 where something is not as it must be. `.ci/clients` starts it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import { CLIENTS } from "./clients.mjs";

const run = promisify(execFile);
const { PROGRAM, ITERABLE, BIN, HOMES } = process.env;
const PROBE = path.join(import.meta.dirname, "probe.mjs");
// How long a call may take before the probe gives up on its client doing so.
const PATIENCE = Number(process.env.PATIENCE ?? 0) * 1000;

const POLICY = `version = "1"
default = "deny"
hide = ["cancel_export_job"]

[tools.get_campaigns]
action = "allow"

[tools.get_lists]
action = "allow"

[tools.delete_catalog]
action = "deny"
reason = "Catalogs are kept."

[tools.send_campaign]
action = "require_approval"
reason = "A campaign goes to customers."

[tools.abort_campaign]
action = "require_approval"
approval_timeout = "5s"
`;

function body(request) {
    return new Promise((resolve) => {
        let text = "";
        request.on("data", (chunk) => (text += chunk));
        request.on("end", () => resolve(text));
    });
}

function listen(handle) {
    return new Promise((resolve) => {
        const server = createServer(handle);
        server.listen(0, "127.0.0.1", () => resolve({ server, url: `http://127.0.0.1:${server.address().port}` }));
    });
}

/** A home of its own, in which one client has one server behind one policy. */
class Desk {
    constructor(client, script) {
        this.client = client;
        this.play = script;
        this.home = path.join(HOMES, client.name);
        this.reached = [];
        this.offered = [];
    }

    async open() {
        await rm(this.home, { recursive: true, force: true });
        this.policy = path.join(this.home, ".config/policylayer/policies/iterable.toml");
        await mkdir(path.dirname(this.policy), { recursive: true });
        await mkdir(path.join(this.home, "work"));
        await writeFile(this.policy, POLICY);
        if (this.client.before) {
            const file = path.join(this.home, this.client.file);
            await mkdir(path.dirname(file), { recursive: true });
            await writeFile(file, JSON.stringify(this.client.before));
        }
        this.api = await listen(async (request, response) => {
            await body(request);
            this.reached.push(`${request.method} ${request.url.split("?")[0]}`);
            response.setHeader("content-type", "application/json");
            response.end(JSON.stringify({ campaigns: [], totalCampaignsCount: 0, lists: [], msg: "done", code: "Success", params: null }));
        });
        this.script = this.play(this);
        this.turn = Promise.resolve();
        this.model = await listen(async (request, response) => {
            const text = await body(request);
            // One turn after the other, also where the client asks for several things at once.
            this.turn = this.turn.then(() => this.client.answer(this, request, text && JSON.parse(text), response));
            await this.turn.catch((error) => this.fail(error));
        });
    }

    close() {
        this.model.server.close();
        this.api.server.close();
    }

    fail(error) {
        this.failure ??= error;
        this.running?.kill();
    }

    env() {
        const { PATH, LANG } = process.env;
        return { PATH: `${BIN}:${PATH}`, LANG: LANG ?? "C.UTF-8", HOME: this.home, TERM: "dumb", NO_COLOR: "1", ...this.client.env(this) };
    }

    async command(program, args) {
        const { stdout } = await run(program, args, { env: this.env(), cwd: path.join(this.home, "work"), maxBuffer: 1 << 24 });
        return stdout;
    }

    policylayer(...args) {
        return this.command(PROGRAM, args);
    }

    /** What the script does next, given the answer to its last call. */
    async next(result) {
        const { value, done } = await this.script.next(result);
        this.ended = done;
        return done ? undefined : { server: "iterable", ...value };
    }

    /** Waits until a question is open for the tool, as a person in another terminal sees it, and answers it. */
    async person(tool, ...answer) {
        for (;;) {
            const open = JSON.parse(await this.policylayer("approvals", "--format", "json"));
            const question = open.find((question) => question.tool === tool && question.state === "waiting");
            if (question) {
                await this.policylayer("approvals", answer[0], question.id, ...answer.slice(1));
                return question;
            }
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }

    note(what, text) {
        console.log(`  ${what.padEnd(26)}${String(text).replaceAll(/\s+/g, " ").slice(0, 400)}`);
    }

    /** The client's run from its prompt to its end. */
    session() {
        const [program, ...args] = this.client.start(this);
        return new Promise((resolve, reject) => {
            const child = spawn(program, args, { env: this.env(), cwd: path.join(this.home, "work"), stdio: ["ignore", "pipe", "pipe"] });
            this.running = child;
            let output = "";
            child.stdout.on("data", (chunk) => (output += chunk));
            child.stderr.on("data", (chunk) => (output += chunk));
            child.on("error", reject);
            child.on("close", (code) => resolve({ code, output }));
        });
    }
}

/** What the model does: each call is given out, and what came of it comes back. */
async function* script(desk) {
    const reached = () => desk.reached.length;
    const has = (tool) => desk.offered.some((name) => name.endsWith(tool));
    desk.note("tools offered", desk.offered.length);
    assert.ok(has("get_campaigns"), "an allowed tool is offered");
    assert.ok(!has("cancel_export_job"), "a hidden tool is not offered");

    let result = yield { tool: "get_campaigns", input: {} };
    desk.note("allowed call", result);
    assert.equal(desk.reached.at(-1), "GET /api/campaigns", "an allowed call reaches the API");

    let before = reached();
    result = yield { tool: "cancel_export_job", input: { jobId: 1 } };
    desk.note("hidden call", result);
    assert.equal(reached(), before, "a hidden call reaches nothing");

    result = yield { tool: "delete_catalog", input: { catalogName: "a" } };
    desk.note("refused call", result);
    assert.match(result, /Catalogs are kept/, "a refusal says why");
    assert.equal(reached(), before);

    let answered = desk.person("send_campaign", "approve");
    result = yield { tool: "send_campaign", input: { campaignId: 77 } };
    await answered;
    desk.note("approved in a terminal", result);
    if (!/done/.test(result)) {
        // The client ended its wait: the approval is for one repetition.
        result = yield { tool: "send_campaign", input: { campaignId: 77 } };
        desk.note("repeated", result);
    }
    assert.deepEqual(desk.reached.slice(before), ["POST /api/campaigns/77/send"], "an approved call reaches the API once");

    before = reached();
    answered = desk.person("send_campaign", "deny", "--reason", "Not before Monday.");
    result = yield { tool: "send_campaign", input: { campaignId: 78 } };
    await answered;
    desk.note("denied in a terminal", result);
    assert.match(result, /Not before Monday/, "a refusal has the person's words");

    result = yield { tool: "abort_campaign", input: { campaignId: 79 } };
    desk.note("not answered", result);
    assert.doesNotMatch(result, /person refused/i, "nobody refused");
    assert.equal(reached(), before, "what nobody approved reaches nothing");

    await writeFile(desk.policy, POLICY.replace('"cancel_export_job"', '"cancel_export_job", "get_lists"'));
    // The client lists again when it hears of the reload; some tell their model of it only in a later turn, or never.
    for (let turns = 0; turns < 3 && has("get_lists"); turns++) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        yield { tool: "get_campaigns", input: {} };
    }
    desk.note("after a reload", has("get_lists") ? "offers what is hidden now to its model all the same" : "offers it no more");
    result = yield { tool: "get_lists", input: {} };
    desk.note("hidden meanwhile", result);
    assert.ok(!desk.reached.slice(before).includes("GET /api/lists"), "what is hidden meanwhile reaches nothing");
}

/** What the client declares, what it answers to a server that asks, and how long it waits: without anything in between. */
async function* probing(desk) {
    yield { server: "probe", tool: "ask", input: {} };
    if (PATIENCE > 0) yield { server: "probe", tool: "wait", input: {} };
}

async function probe(client) {
    const desk = new Desk(client, probing);
    await desk.open();
    const file = path.join(desk.home, "probe.jsonl");
    await desk.command(...client.add(desk, "probe", [process.execPath, PROBE, file], {}));
    const timer = PATIENCE > 0 && setTimeout(() => desk.running.kill(), PATIENCE);
    await desk.session();
    clearTimeout(timer);
    for (const line of (await readFile(file, "utf8")).trim().split("\n")) desk.note("without policylayer", line);
    desk.close();
}

async function play(client) {
    console.log(`${client.name}`);
    await probe(client);
    const desk = new Desk(client, script);
    await desk.open();
    await desk.command(...client.add(desk, "iterable", [process.execPath, ITERABLE], {
        ITERABLE_API_KEY: "0123456789abcdef0123456789abcdef", ITERABLE_BASE_URL: desk.api.url,
        ITERABLE_USER_PII: "true", ITERABLE_ENABLE_WRITES: "true", ITERABLE_ENABLE_SENDS: "true",
    }));
    const file = path.join(desk.home, client.file);
    const register = () => desk.policylayer("register", "iterable", "--client", client.name);
    const unregister = () => desk.policylayer("unregister", "iterable", "--client", client.name);
    const original = await readFile(file);
    await register();
    const registered = await readFile(file);
    assert.notDeepEqual(registered, original);
    await unregister();
    assert.deepEqual(await readFile(file), original, "the client's file is as it was");
    await register();
    const { code, output } = await desk.session();
    if (desk.failure || !desk.ended) console.log(output);
    if (desk.failure) throw desk.failure;
    assert.ok(desk.ended, `the session ended early, with code ${code}`);
    const log = (await desk.policylayer("log", "--format", "json")).trim().split("\n").map((line) => JSON.parse(line));
    for (const { tool, approval } of log.filter(({ approval }) => approval)) desk.note(`log: ${tool}`, JSON.stringify(approval));
    // A client may write into its file while it runs: what is there now comes and goes as the original did.
    const used = await readFile(file);
    await unregister();
    await register();
    assert.deepEqual(await readFile(file), used, "there and back is byte for byte, also after a session");
    await unregister();
    desk.note("unregister", "byte for byte");
    desk.close();
}

let failed = 0;
for (const name of process.argv.slice(2)) {
    try {
        await play(CLIENTS[name]);
    } catch (error) {
        failed += 1;
        console.log(`  FAILED: ${error.stack}`);
    }
}
process.exit(failed ? 1 : 0);
