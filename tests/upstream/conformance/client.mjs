// The client under test of @modelcontextprotocol/conformance: a plain MCP client over stdio, in front of `policylayer wrap --url`.
// usage: node client.mjs POLICYLAYER [OPTIONS OF WRAP] URL, as the suite calls it: it adds the URL, and says in variables what is tested.
//
// What the wrapper says is to be done for a login is done as a person does it: `policylayer login`, and a browser that opens the address.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [program, ...words] = process.argv.slice(2);
const url = words.pop();
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? '';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION ?? '2025-11-25';
const home = mkdtempSync(join(tmpdir(), 'conformance-'));
const env = { PATH: process.env.PATH, HOME: home, USERPROFILE: home, SECRET: context.client_secret ?? '' };
const MODERN = '2026-07-28';
const UNSUPPORTED_VERSION = -32022;
const MAX_LOGINS = 3;

/** Logs in as a person does; resolves to whether that has worked. */
function logIn() {
  const args = ['login', '--url', url, '--no-open', '--store', 'file'];
  if (context.client_id) args.push('--client-id', context.client_id, '--client-secret', 'SECRET');
  if (scenario === 'auth/basic-cimd') args.push('--client-id', 'https://conformance-test.local/client-metadata.json');
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).once('line', (address) => {
    // As a browser: it follows the redirects to the listener.
    if (address.startsWith('http')) fetch(address).catch((error) => console.error(`browser: ${error}`));
  });
  return new Promise((resolve) => child.once('close', (code) => resolve(code === 0)));
}

/** A session over stdio. */
class Session {
  constructor() {
    this.child = spawn(program, ['wrap', ...words, '--url', url], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {});
    this.waiting = new Map();
    this.ids = 0;
    this.logins = 0;
    this.revision = revision;
    createInterface({ input: this.child.stdout }).on('line', (line) => this.receive(JSON.parse(line)));
  }

  receive(message) {
    if (message.method === undefined) return this.waiting.get(message.id)?.(message);
    if (message.id === undefined) return;
    this.write({ jsonrpc: '2.0', id: message.id, ...this.answer(message) });
  }

  answer({ method, params }) {
    if (method === 'ping') return { result: {} };
    if (method === 'elicitation/create') return { result: { action: 'accept', content: defaults(params.requestedSchema) } };
    return { error: { code: -32601, message: `the client has no ${method}` } };
  }

  write(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Makes a request; again in a revision that the server has, and after a login that it wants. */
  async request(method, params = {}) {
    for (;;) {
      const id = ++this.ids;
      const answer = await new Promise((resolve) => {
        this.waiting.set(id, resolve);
        this.write({ jsonrpc: '2.0', id, method, params: this.complete(params) });
      });
      if (!answer.error) return answer.result;
      const supported = answer.error.code === UNSUPPORTED_VERSION && answer.error.data.supported;
      if (supported && !this.isOther) {
        [this.revision, this.isOther] = [supported[0], true];
        continue;
      }
      const wantsLogin = answer.error.message.includes('policylayer login');
      if (!wantsLogin || ++this.logins > MAX_LOGINS || !(await logIn())) throw new Error(answer.error.message);
    }
  }

  /** Calls a tool, and answers what it asks for before it is done. */
  async call(name, args) {
    let more = {};
    for (;;) {
      const result = await this.request('tools/call', { name, arguments: args, ...more });
      if (result.resultType !== 'input_required') return result;
      const answers = Object.entries(result.inputRequests ?? {}).map(([key, asked]) => [key, this.answer(asked).result]);
      more = { inputResponses: Object.fromEntries(answers) };
      if (result.requestState !== undefined) more.requestState = result.requestState;
    }
  }

  complete(params) {
    if (this.revision < MODERN) return params;
    const meta = {
      'io.modelcontextprotocol/protocolVersion': this.revision,
      'io.modelcontextprotocol/clientInfo': { name: 'conformance-client', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
    };
    return { ...params, _meta: { ...meta, ...params._meta } };
  }

  async begin() {
    if (revision >= MODERN) return;
    await this.request('initialize', {
      protocolVersion: revision,
      capabilities: { elicitation: { applyDefaults: true } },
      clientInfo: { name: 'conformance-client', version: '1.0.0' },
    });
    this.write({ jsonrpc: '2.0', method: 'notifications/initialized' });
  }

  async end() {
    this.child.stdin.end();
    await new Promise((resolve) => this.child.once('close', resolve));
  }
}

/** What a person has typed who leaves everything as it is. */
function defaults(schema) {
  const properties = Object.entries(schema?.properties ?? {}).filter(([, property]) => 'default' in property);
  return Object.fromEntries(properties.map(([name, property]) => [name, property.default]));
}

/** The arguments that a schema asks for. */
function argumentsFor(schema) {
  const values = { string: 'test', number: 2, integer: 2, boolean: true, array: [], object: {} };
  const properties = Object.entries(schema?.properties ?? {});
  return Object.fromEntries(properties.map(([name, property]) => [name, property.default ?? values[property.type]]));
}

const session = new Session();
let code = 0;
try {
  await session.begin();
  const { tools = [] } = await session.request('tools/list');
  const calls = tools.map(({ name, inputSchema }) => ({ name, arguments: argumentsFor(inputSchema) }));
  // What the suite wants to see again is the schema of another tool, as it arrived.
  const echo = calls.find(({ name }) => name === 'json_schema_echo');
  if (echo) echo.arguments.schema = tools[0].inputSchema;
  for (const call of context.toolCalls ?? calls) await session.call(call.name, call.arguments);
} catch (error) {
  console.error(`client: ${error.message}`);
  code = 1;
}
await session.end();
rmSync(home, { recursive: true, force: true });
process.exit(code);
