// A server that asks its client's person, and one that keeps its client waiting: what the client does goes into a file.

import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [, , file] = process.argv;
const note = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const tool = (name) => ({ name, description: name, inputSchema: { type: "object", properties: {} }, annotations: { readOnlyHint: true } });
const content = (text) => ({ content: [{ type: "text", text }] });

let called, since;
createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params, result, error } = JSON.parse(line);
    if (method === "initialize") {
        note({ client: params.clientInfo, revision: params.protocolVersion, capabilities: params.capabilities });
        send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "probe", version: "1" } } });
    } else if (method === "tools/list") {
        send({ id, result: { tools: [tool("ask"), tool("wait")] } });
    } else if (method === "tools/call") {
        [called, since] = [id, Date.now()];
        if (params.name === "wait") return;
        const requestedSchema = { type: "object", properties: { answer: { type: "string", enum: ["yes", "no"] } }, required: ["answer"] };
        send({ id: "asked", method: "elicitation/create", params: { mode: "form", message: "Shall it be done?", requestedSchema } });
    } else if (id === "asked" && method === undefined) {
        note({ asked: result ?? error, after_ms: Date.now() - since });
        send({ id: called, result: content("asked") });
    } else if (method === "notifications/cancelled") {
        note({ cancelled: params.reason ?? null, after_ms: Date.now() - since });
    } else if (id !== undefined && method !== undefined) {
        send({ id, result: method === "ping" ? {} : { resources: [], prompts: [], resourceTemplates: [] } });
    }
}).on("close", () => note({ closed: called ?? null, after_ms: Date.now() - since }));
