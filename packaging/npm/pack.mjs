// Lays out the npm packages of a release: one for each platform, with the program inside, and `policylayer`, which chooses.
//
//   node packaging/npm/pack.mjs platform TARGET PROGRAM OUT   the package of one platform, around a built program
//   node packaging/npm/pack.mjs main OUT                      the package `policylayer`
//
// OUT is a folder; each package becomes a folder in it, for `npm publish` or `npm pack`. The version is Cargo.toml's.

import { chmodSync, cpSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const targets = JSON.parse(readFileSync(join(here, "targets.json"), "utf8"));
const main = JSON.parse(readFileSync(join(here, "policylayer", "package.json"), "utf8"));
const version = /^version = "([^"]+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))?.[1];

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

function write(folder, manifest) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  process.stdout.write(`${folder}\n`);
}

function platform(name, program, out) {
  const target = targets.find((one) => one.target === name);
  if (!target) fail(`no package is made for ${name}; there are ${targets.map((one) => one.target).join(", ")}`);
  const folder = join(out, target.package.replace("@policylayer/", "policylayer-"));
  mkdirSync(join(folder, "bin"), { recursive: true });
  copyFileSync(program, join(folder, "bin", target.program));
  chmodSync(join(folder, "bin", target.program), 0o755);
  writeFileSync(join(folder, "README.md"), `# ${target.package}\n\nThe program of the package \`policylayer\`, for ${target.target}.\n`);
  const { license, repository } = main;
  write(folder, {
    name: target.package,
    version,
    description: `policylayer for ${target.target}`,
    license,
    repository,
    files: ["bin"],
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc && { libc: [target.libc] }),
    preferUnplugged: true,
  });
}

function launcher(out) {
  const folder = join(out, "policylayer");
  cpSync(join(here, "policylayer"), folder, { recursive: true });
  chmodSync(join(folder, "bin", "policylayer.js"), 0o755);
  copyFileSync(join(here, "targets.json"), join(folder, "targets.json"));
  const optionalDependencies = Object.fromEntries(targets.map((one) => [one.package, version]));
  write(folder, { ...main, version, optionalDependencies });
}

if (!version) fail("Cargo.toml has no version");
const [what, ...rest] = process.argv.slice(2);
if (what === "platform" && rest.length === 3) platform(...rest);
else if (what === "main" && rest.length === 1) launcher(...rest);
else fail("write `pack.mjs platform TARGET PROGRAM OUT` or `pack.mjs main OUT`");
