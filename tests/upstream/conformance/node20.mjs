// Lets @modelcontextprotocol/conformance start on Node.js 20: it imports `globSync`, which came with Node.js 22, for a
// command that is not used here.
import { register } from 'node:module';

const shim = 'export * from "node:fs"; export const globSync = () => { throw new Error("Node.js 22 has it"); };';
const hooks = `export const resolve = (specifier, context, next) =>
  specifier === 'fs' && context.parentURL?.includes('/conformance/')
    ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(shim)}`)}, shortCircuit: true }
    : next(specifier, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
