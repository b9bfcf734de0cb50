// A stdio server with the tools, resources and prompts that @modelcontextprotocol/conformance asks a server for. It speaks
// the revisions with a handshake and 2026-07-28, tasks included. It needs no packages, and answers each request with what
// the scenario of the suite documents, so that whatever fails behind the wrapper fails because of the wrapper.
import { createHmac, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const META = 'io.modelcontextprotocol/';
const TASKS = `${META}tasks`;
const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
const STATELESS = '2026-07-28';
const INFO = { name: 'conformance-server', version: '1.0.0' };

const text = (text) => ({ content: [{ type: 'text', text }] });
const object = (properties = {}, required = Object.keys(properties)) => ({ type: 'object', properties, required });
const string = { type: 'string' };
const form = (message, properties) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: object(properties) },
});
const sampling = (prompt, maxTokens) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens },
});
const ROOTS = { method: 'roots/list', params: {} };

class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    Object.assign(this, { code, data });
  }
}

// ---- The line, in both directions.
let nextId = 0;
const pending = new Map();
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const notify = (method, params) => send({ method, params });
const ask = ({ method, params }) =>
  new Promise((resolve, reject) => {
    const id = nextId++;
    pending.set(id, { resolve, reject });
    send({ id, method, params });
  });

// ---- Rounds of 2026-07-28: state is signed, so that a change to it is noticed.
const KEY = randomUUID();
const seal = (state) => `${state}.${createHmac('sha256', KEY).update(state).digest('hex')}`;
const unseal = (sealed) => {
  const state = String(sealed).split('.')[0];
  if (seal(state) !== sealed) throw new RpcError(-32602, 'requestState was changed');
  return state;
};
const inputRequired = (inputRequests, state) => ({
  resultType: 'input_required',
  inputRequests,
  ...(state && { requestState: seal(state) }),
});
const capabilityOf = ({ method }) =>
  ({ 'elicitation/create': 'elicitation', 'sampling/createMessage': 'sampling', 'roots/list': 'roots' })[method];
const isAnswer = (request, answer) =>
  answer !== null &&
  typeof answer === 'object' &&
  {
    elicitation: 'action' in answer && (answer.action !== 'accept' || typeof answer.content === 'object'),
    sampling: 'content' in answer,
    roots: Array.isArray(answer.roots),
  }[capabilityOf(request)];

/** Asks for what the client has not answered yet and may be asked for; `null` if everything is there. */
function missing(wanted, { params, capabilities }, state) {
  const answers = params.inputResponses ?? {};
  const open = Object.entries(wanted).filter(([key, request]) => !isAnswer(request, answers[key]));
  const offered = open.filter(([, request]) => capabilities[capabilityOf(request)]);
  if (open.length === 0) return null;
  if (offered.length === 0) missingCapability({ [capabilityOf(open[0][1])]: {} });
  return inputRequired(Object.fromEntries(offered), state);
}
function missingCapability(requiredCapabilities) {
  throw new RpcError(-32021, 'a capability of the client is missing', { requiredCapabilities });
}

const NAME_FORM = { user_name: form('What is your name?', { name: string }) };
const round = (wanted, state, done) => (call) => {
  if (call.params.requestState !== undefined) unseal(call.params.requestState);
  return missing(wanted, call, state) ?? done(call.params.inputResponses);
};
const multiRound = ({ params }) => {
  const state = params.requestState === undefined ? 'start' : unseal(params.requestState);
  if (state === 'start') return inputRequired({ step1: form('Step 1: What is your name?', { name: string }) }, 'one');
  if (state === 'one')
    return inputRequired({ step2: form('Step 2: What is your favorite color?', { color: string }) }, 'two');
  return text('Both rounds are done.');
};

const DEFAULTS = {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
};
const titled = (first, last) => [1, 2, 3].map((n) => ({ const: `value${n}`, title: `${first[n - 1]} ${last}` }));
const NTH = ['First', 'Second', 'Third'];
const ENUMS = {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: titled(NTH, 'Option') },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option One', 'Option Two', 'Option Three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
  titledMulti: { type: 'array', items: { anyOf: titled(NTH, 'Choice') } },
};
const elicit =
  (properties, message) =>
  async ({ params }) => {
    const { action, content } = await ask(form(params.arguments?.message ?? message, properties));
    return text(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
  };
const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: string, city: string } } },
  properties: {
    name: string,
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: string,
    email: string,
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

// ---- Tasks: the extension of 2026-07-28.
const tasks = new Map();
function startTask(run) {
  const now = new Date().toISOString();
  const task = {
    taskId: randomUUID(),
    status: 'working',
    createdAt: now,
    lastUpdatedAt: now,
    ttlMs: 60_000,
    pollIntervalMs: 100,
  };
  tasks.set(task.taskId, task);
  const settle = (status, more) => {
    if (task.status === 'cancelled') return;
    delete task.inputRequests;
    Object.assign(task, { status, lastUpdatedAt: new Date().toISOString() }, more);
  };
  const input = (inputRequests) =>
    new Promise((resolve) => {
      settle('input_required', { inputRequests, answers: {} });
      task.resume = () => {
        settle('working');
        resolve(task.answers);
      };
    });
  run(input).then(
    (result) => settle('completed', { result }),
    (error) => settle('failed', { error: { code: error.code ?? -32603, message: error.message } }),
  );
  return task;
}
const show = ({ resume, answers, ...task }) => structuredClone(task);
function knownTask({ params, capabilities }) {
  if (!capabilities.extensions?.[TASKS]) missingCapability({ extensions: { [TASKS]: {} } });
  const task = tasks.get(params.taskId);
  if (!task) throw new RpcError(-32602, 'there is no such task');
  return task;
}
/** A tool that runs as a task for a client that knows tasks, and only for such a client if that is `required`. */
const task = (run, required) => async (call) => {
  const extension = call.capabilities.extensions?.[TASKS];
  if (!extension && required) missingCapability({ extensions: { [TASKS]: {} } });
  if (!extension) return run(call, async () => ({}));
  return { resultType: 'task', ...show(startTask((input) => run(call, input))) };
};

const listeners = new Map();
const changed = (kind) => () => {
  for (const [id, filter] of listeners) {
    if (filter[`${kind}ListChanged`])
      notify(`notifications/${kind}/list_changed`, { _meta: { [`${META}subscriptionId`]: id } });
  }
  return text('Changed.');
};

const TOOLS = {
  test_simple_text: [() => text('This is a simple text response for testing.')],
  test_image_content: [() => ({ content: [{ type: 'image', data: PNG, mimeType: 'image/png' }] })],
  test_audio_content: [() => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })],
  test_embedded_resource: [
    () => ({
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    }),
  ],
  test_multiple_content_types: [
    () => ({
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        { type: 'image', data: PNG, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: '{"test":"data","value":123}',
          },
        },
      ],
    }),
  ],
  test_tool_with_logging: [
    async () => {
      for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        notify('notifications/message', { level: 'info', data });
        await sleep(50);
      }
      return text('Logged.');
    },
  ],
  test_tool_with_progress: [
    async ({ params }) => {
      const progressToken = params._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined) notify('notifications/progress', { progressToken, progress, total: 100 });
        await sleep(50);
      }
      return text('Progressed.');
    },
  ],
  test_error_handling: [() => ({ isError: true, ...text('This tool intentionally returns an error for testing') })],
  test_sampling: [
    async ({ params }) =>
      text(`LLM response: ${JSON.stringify((await ask(sampling(params.arguments.prompt, 100))).content)}`),
    object({ prompt: string }),
  ],
  test_elicitation: [elicit({ username: string, email: string }), object({ message: string })],
  test_elicitation_sep1034_defaults: [elicit(DEFAULTS, 'Please fill in the form')],
  test_elicitation_sep1330_enums: [elicit(ENUMS, 'Please choose')],
  json_schema_2020_12_tool: [() => text('Valid.'), SCHEMA_2020_12],
  test_input_required_result_elicitation: [
    round(NAME_FORM, undefined, ({ user_name }) => text(`Hello, ${user_name.content?.name}!`)),
  ],
  test_input_required_result_sampling: [
    round({ capital_question: sampling('What is the capital of France?', 100) }, undefined, ({ capital_question }) =>
      text(JSON.stringify(capital_question.content)),
    ),
  ],
  test_input_required_result_list_roots: [
    round({ client_roots: ROOTS }, undefined, ({ client_roots }) => text(JSON.stringify(client_roots.roots))),
  ],
  test_input_required_result_request_state: [
    round({ confirm: form('Please confirm', { ok: { type: 'boolean' } }) }, 'confirm', () => text('state-ok')),
  ],
  test_input_required_result_multiple_inputs: [
    round({ ...NAME_FORM, greeting: sampling('Generate a greeting', 50), client_roots: ROOTS }, 'several', () =>
      text('All three are there.'),
    ),
  ],
  test_input_required_result_multi_round: [multiRound],
  test_input_required_result_tampered_state: [
    round({ confirm: form('Please confirm', { ok: { type: 'boolean' } }) }, 'sealed', () => text('state-ok')),
  ],
  test_input_required_result_capabilities: [
    round({ ...NAME_FORM, greeting: sampling('Generate a greeting', 50) }, undefined, () =>
      text('Asked for what the client can do.'),
    ),
  ],
  test_missing_capability: [
    ({ capabilities }) => (capabilities.sampling ? text('Sampling is there.') : missingCapability({ sampling: {} })),
  ],
  test_streaming_elicitation: [round(NAME_FORM, undefined, () => text('Hello.'))],
  test_logging_tool: [
    ({ params }) => {
      if (params._meta?.[`${META}logLevel`]) notify('notifications/message', { level: 'info', data: 'Logged.' });
      return text('Done.');
    },
  ],
  test_trigger_tool_change: [changed('tools')],
  test_trigger_prompt_change: [changed('prompts')],
  greet: [({ params }) => text(`Hello, ${params.arguments?.name}!`), object({ name: string })],
  slow_compute: [
    task(async ({ params }) => {
      await sleep((params.arguments?.seconds ?? 1) * 1000);
      return text(`Computed ${params.arguments?.label ?? ''}`);
    }),
    object({ seconds: { type: 'number' }, label: string }, []),
  ],
  failing_job: [
    task(async () => {
      await sleep(300);
      return { isError: true, ...text('The job failed.') };
    }, true),
  ],
  protocol_error_job: [
    task(async () => {
      throw new RpcError(-32603, 'The job broke.');
    }),
  ],
  confirm_delete: [
    task(async ({ params }, input) => {
      const { confirm } = await input({
        confirm: form(`Delete ${params.arguments?.filename}?`, { confirm: { type: 'boolean' } }),
      });
      return text(`Answered: ${JSON.stringify(confirm)}`);
    }),
    object({ filename: string }, []),
  ],
  // Asks before the task begins, and answers from within the task.
  test_tool_with_task: [
    (call) =>
      missing(NAME_FORM, call, 'before the task') ??
      task(async ({ params }) => text(`Hello, ${params.inputResponses.user_name.content?.name}!`), true)(call),
  ],
  multi_input: [
    task(async (_, input) => {
      const answers = await input({
        first: form('The first?', { value: string }),
        second: form('The second?', { value: string }),
      });
      return text(`Answered: ${Object.keys(answers)}`);
    }),
  ],
};

const RESOURCES = {
  'test://static-text': { mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  'test://static-binary': { mimeType: 'image/png', blob: PNG },
  'test://watched-resource': { mimeType: 'text/plain', text: 'Watched.' },
};
function readResource({ params: { uri } }) {
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? [];
  const template = id && {
    mimeType: 'application/json',
    text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
  };
  const found = RESOURCES[uri] ?? template;
  if (!found) throw new RpcError(-32602, 'Resource not found', { uri });
  return { contents: [{ uri, ...found }], ...cache };
}

const says = (...contents) => ({ messages: contents.map((content) => ({ role: 'user', content })) });
const line = (text) => ({ type: 'text', text });
const argument = (name) => ({ name, description: `The argument ${name}`, required: true });
const PROMPTS = {
  test_simple_prompt: [() => says(line('This is a simple prompt for testing.'))],
  test_prompt_with_arguments: [
    ({ arg1, arg2 }) => says(line(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
    ['arg1', 'arg2'],
  ],
  test_prompt_with_embedded_resource: [
    ({ resourceUri }) =>
      says(
        {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
        line('Please process the embedded resource above.'),
      ),
    ['resourceUri'],
  ],
  test_prompt_with_image: [
    () => says({ type: 'image', data: PNG, mimeType: 'image/png' }, line('Please analyze the image above.')),
  ],
  test_input_required_result_prompt: [
    (_, call) =>
      missing({ user_context: form('What context should the prompt use?', { context: string }) }, call) ??
      says(line('In this context.')),
  ],
};

const cache = { ttlMs: 60_000, cacheScope: 'public' };
const list = (key, items) => ({ [key]: items, ...cache });
const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true },
  completions: {},
};
const named = (table, name, kind) =>
  table[name] ??
  (() => {
    throw new RpcError(-32602, `Unknown ${kind}: ${name}`);
  })();

const COMMON = {
  'tools/list': () =>
    list(
      'tools',
      Object.entries(TOOLS).map(([name, [, inputSchema]]) => ({
        name,
        description: `The tool ${name}`,
        inputSchema: inputSchema ?? object(),
      })),
    ),
  'tools/call': (call) => named(TOOLS, call.params.name, 'tool')[0](call),
  'resources/list': () =>
    list(
      'resources',
      Object.entries(RESOURCES).map(([uri, { mimeType }]) => ({
        uri,
        name: uri.slice(7),
        description: `The resource ${uri}`,
        mimeType,
      })),
    ),
  'resources/templates/list': () =>
    list('resourceTemplates', [
      {
        uriTemplate: 'test://template/{id}/data',
        name: 'template',
        description: 'A template',
        mimeType: 'application/json',
      },
    ]),
  'resources/read': readResource,
  'prompts/list': () =>
    list(
      'prompts',
      Object.entries(PROMPTS).map(([name, [, names]]) => ({
        name,
        description: `The prompt ${name}`,
        ...(names && { arguments: names.map(argument) }),
      })),
    ),
  'prompts/get': (call) => named(PROMPTS, call.params.name, 'prompt')[0](call.params.arguments ?? {}, call),
  'completion/complete': () => ({ completion: { values: ['paris', 'park', 'party'], total: 150, hasMore: false } }),
};
const METHODS_OF_HANDSHAKE = {
  ...COMMON,
  initialize: ({ params }) => ({
    protocolVersion: LEGACY.includes(params.protocolVersion) ? params.protocolVersion : LEGACY.at(-1),
    capabilities: { ...CAPABILITIES, logging: {} },
    serverInfo: INFO,
  }),
  ping: () => ({}),
  'logging/setLevel': () => ({}),
  'resources/subscribe': () => ({}),
  'resources/unsubscribe': () => ({}),
};
const METHODS_WITHOUT = {
  ...COMMON,
  'server/discover': () => ({
    supportedVersions: [STATELESS],
    capabilities: { ...CAPABILITIES, extensions: { [TASKS]: {} } },
    ...cache,
    _meta: { [`${META}serverInfo`]: INFO },
  }),
  'subscriptions/listen': ({ id, params }) => {
    listeners.set(id, params.notifications ?? {});
    notify('notifications/subscriptions/acknowledged', {
      notifications: params.notifications,
      _meta: { [`${META}subscriptionId`]: id },
    });
    return new Promise(() => {});
  },
  'tasks/get': (call) => show(knownTask(call)),
  'tasks/update': (call) => {
    const task = knownTask(call);
    for (const [key, answer] of Object.entries(call.params.inputResponses ?? {})) {
      if (task.inputRequests?.[key]) {
        task.answers[key] = answer;
        delete task.inputRequests[key];
      }
    }
    if (task.status === 'input_required' && Object.keys(task.inputRequests).length === 0) task.resume();
    return {};
  },
  'tasks/cancel': (call) => {
    const task = knownTask(call);
    if (['working', 'input_required'].includes(task.status))
      Object.assign(task, { status: 'cancelled', inputRequests: undefined });
    return {};
  },
};

let isOpened = false;
async function answer({ id, method, params = {} }) {
  const meta = params._meta ?? {};
  const version = meta[`${META}protocolVersion`];
  if (method === 'initialize' && version === undefined) isOpened = true;
  if (isOpened) {
    const handler =
      METHODS_OF_HANDSHAKE[method] ??
      (() => {
        throw new RpcError(-32601, 'Method not found');
      });
    return handler({ id, params, capabilities: {} });
  }
  if (typeof version !== 'string' || typeof meta[`${META}clientCapabilities`] !== 'object') {
    throw new RpcError(-32602, 'params._meta lacks the protocol version or the capabilities of the client');
  }
  if (version !== STATELESS)
    throw new RpcError(-32022, 'Unsupported protocol version', { supported: [STATELESS], requested: version });
  const handler =
    METHODS_WITHOUT[method] ??
    (() => {
      throw new RpcError(-32601, 'Method not found');
    });
  return {
    resultType: 'complete',
    ...(await handler({ id, params, capabilities: meta[`${META}clientCapabilities`] })),
  };
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const message = JSON.parse(text);
  if (message.method === undefined) {
    const { resolve, reject } = pending.get(message.id) ?? {};
    pending.delete(message.id);
    message.error ? reject?.(new RpcError(message.error.code, message.error.message)) : resolve?.(message.result);
  } else if (message.id !== undefined) {
    Promise.resolve()
      .then(() => answer(message))
      .then(
        (result) => send({ id: message.id, result }),
        ({ code = -32603, message: why, data }) => send({ id: message.id, error: { code, message: why, data } }),
      );
  } else if (message.method === 'notifications/cancelled') {
    listeners.delete(message.params?.requestId);
  }
});
