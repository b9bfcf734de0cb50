// How each client is given a server, started without a terminal, and answered in its model's name: one call, or the end.

import { randomUUID } from "node:crypto";

const sse = (response, events) => {
    response.setHeader("content-type", "text/event-stream");
    for (const event of events) {
        if (event.type) response.write(`event: ${event.type}\n`);
        response.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
};

const text = (content) => (typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n"));

const claude = {
    name: "claude-code",
    file: ".claude.json",
    env: (desk) => ({
        ANTHROPIC_BASE_URL: desk.model.url, ANTHROPIC_API_KEY: "dummy", DISABLE_TELEMETRY: "1", IS_SANDBOX: "1",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", ENABLE_TOOL_SEARCH: "false",
    }),
    add: (desk, name, command, env) => ["claude", ["mcp", "add", "-s", "user", name,
        ...Object.entries(env).flatMap(([key, value]) => ["-e", `${key}=${value}`]), "--", ...command]],
    start: () => ["claude", "-p", "go", "--allowedTools", "mcp__iterable,mcp__probe"],
    async answer(desk, request, body, response) {
        if (!request.url.startsWith("/v1/messages") || request.url.includes("count_tokens")) {
            response.setHeader("content-type", "application/json");
            return response.end(JSON.stringify({ input_tokens: 1 }));
        }
        const tools = (body.tools ?? []).map((tool) => tool.name).filter((name) => name.startsWith("mcp__"));
        let call;
        const waits = (body.tools ?? []).some((tool) => tool.name === "WaitForMcpServers");
        if (waits && tools.length === 0) {
            call = { name: "WaitForMcpServers", input: {} };
        } else if (tools.length > 0) {
            desk.offered = tools;
            const results = body.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
            const result = results.findLast((part) => part.type === "tool_result");
            call = await desk.next(result && text(result.content));
        }
        const block = call
            ? { type: "tool_use", id: `toolu_${randomUUID()}`, name: call.name ?? `mcp__${call.server}__${call.tool}`, input: {} }
            : { type: "text", text: "" };
        const delta = call
            ? { type: "input_json_delta", partial_json: JSON.stringify(call.input) }
            : { type: "text_delta", text: "done" };
        sse(response, [
            { type: "message_start", message: { id: `msg_${randomUUID()}`, type: "message", role: "assistant", model: body.model,
                content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
            { type: "content_block_start", index: 0, content_block: block },
            { type: "content_block_delta", index: 0, delta },
            { type: "content_block_stop", index: 0 },
            { type: "message_delta", delta: { stop_reason: call ? "tool_use" : "end_turn", stop_sequence: null }, usage: { output_tokens: 1 } },
            { type: "message_stop" },
        ]);
    },
};

const codex = {
    name: "codex",
    file: ".codex/config.toml",
    env: () => ({ STANDIN_KEY: "dummy" }),
    add: (desk, name, command, env) => ["codex", ["mcp", "add", name,
        ...Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]), "--", ...command]],
    start: (desk) => ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox",
        "-c", "model_provider=standin", "-c", "model=gpt-5",
        "-c", `model_providers.standin={name="standin",base_url="${desk.model.url}/v1",wire_api="responses",env_key="STANDIN_KEY"}`, "go"],
    async answer(desk, request, body, response) {
        if (!request.url.endsWith("/responses") || !body) {
            response.setHeader("content-type", "application/json");
            return response.end(JSON.stringify({ data: [], models: [] }));
        }
        const tools = (body.tools ?? []).flatMap((tool) => (tool.tools ? tool.tools.map((inner) => tool.name + inner.name) : [tool.name ?? tool.type]));
        desk.offered = tools.filter((name) => name.startsWith("mcp_"));
        const result = body.input.findLast((item) => item.type === "function_call_output");
        const call = desk.offered.length === 0 ? { name: "exec_command", input: { cmd: "sleep 1" } } : await desk.next(result && text(result.output));
        const item = call
            ? { type: "function_call", id: `fc_${randomUUID()}`, call_id: `call_${randomUUID()}`, name: call.name ?? call.tool, ...(call.tool && { namespace: `mcp__${call.server}` }),
                arguments: JSON.stringify(call.input) }
            : { type: "message", id: `msg_${randomUUID()}`, role: "assistant", content: [{ type: "output_text", text: "done" }] };
        const id = `resp_${randomUUID()}`;
        sse(response, [
            { type: "response.created", response: { id } },
            { type: "response.output_item.done", item },
            { type: "response.completed", response: { id, usage: { input_tokens: 1, input_tokens_details: null, output_tokens: 1,
                output_tokens_details: null, total_tokens: 2 } } },
        ]);
    },
};

const gemini = {
    name: "gemini-cli",
    file: ".gemini/settings.json",
    before: { security: { auth: { selectedType: "gemini-api-key" } } },
    env: (desk) => ({
        GEMINI_API_KEY: "dummy", GOOGLE_GEMINI_BASE_URL: desk.model.url, GEMINI_CLI_TRUST_WORKSPACE: "true", GEMINI_TELEMETRY_ENABLED: "false",
    }),
    add: (desk, name, command, env) => ["gemini", ["mcp", "add", "-s", "user",
        ...Object.entries(env).flatMap(([key, value]) => ["-e", `${key}=${value}`]), name, ...command]],
    start: () => ["gemini", "-p", "go", "--yolo", "-m", "gemini-2.5-pro"],
    async answer(desk, request, body, response) {
        if (!request.url.includes("GenerateContent")) {
            response.setHeader("content-type", "application/json");
            return response.end(JSON.stringify({ totalTokens: 1, candidates: [{ content: { role: "model", parts: [{ text: "{}" }] }, finishReason: "STOP" }] }));
        }
        const tools = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []).map((tool) => tool.name);
        desk.offered = tools.filter((name) => name.startsWith("mcp_"));
        const result = body.contents.flatMap(({ parts }) => parts).findLast((part) => part.functionResponse);
        const call = await desk.next(result && JSON.stringify(result.functionResponse.response));
        const part = call ? { functionCall: { name: `mcp_${call.server}_${call.tool}`, args: call.input } } : { text: "done" };
        sse(response, [{ candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
            usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 } }]);
    },
};

export const CLIENTS = { "claude-code": claude, codex, "gemini-cli": gemini };
